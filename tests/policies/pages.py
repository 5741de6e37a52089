"""Pages of the form that ``envs/page.js`` writes, with an action that is right on each."""

# ruff: noqa: E501

import numpy as np

from envs.action import Action
from policies.vocabulary import Vocabulary

LOGIN = {
    "instruction": 'Enter the username "nathalie" and the password "nWu2" into the text fields and press login.',
    "html": "<div id=wrap><div id=area><div id=form><label ref=0 class=bold>Username</label>"
            "<input ref=1 id=username type=text value=nath><label ref=2 class=bold>Password</label>"
            "<input ref=3 id=password type=password focused><button ref=4 id=subbtn class=secondary-action>Login</button>"
            "</div></div></div>",
    "last_error": "",
}  # fmt: skip
LIST = {
    "instruction": "Select Mary  Ann from the list and click Submit.",
    "html": '<select ref=0 id=options><option selected>Eudora</option><option>Mary Ann</option>'
            "<option>M&amp;M &lt;x&gt;</option></select><select ref=1 multiple><option>a</option><option>b c</option></select>"
            "<button ref=2>Submit</button>",
    "last_error": "",
}  # fmt: skip
TABS = {
    "instruction": 'Switch between the tabs to find and click on the link "Nec.".',
    "html": '<div id=wrap><div id=area class="ui-corner-all ui-tabs ui-widget"><ul ref=0 class="ui-tabs-nav" role=tablist>'
            '<li ref=1 class="ui-state-active ui-tab" role=tab><a ref=2 class=ui-tabs-anchor role=presentation>Tab #1</a></li>'
            '<li ref=3 class="ui-state-default ui-tab" role=tab><a ref=4 class=ui-tabs-anchor>Tab #2</a></li></ul>'
            '<div ref=5 id=tabs-1 scrollable><p>Sapien <span ref=6 class=alink>nulla.</span> Purus <span ref=7 '
            "class=alink offscreen>nec.</span> et</p></div></div></div>",
    "last_error": "",
}  # fmt: skip
DATE = {
    "instruction": "Enter 09/27/2013 as the date and hit submit.",
    "html": "<div id=form><input ref=0 id=tt type=date> <button ref=1 disabled>No</button><button ref=2>Submit</button></div>",
    "last_error": "there is no element with ref 9",
}
SHAPES = {
    "instruction": "Click on a large red triangle",
    "html": '<svg ref=0 id=area_svg><circle ref=1 cx=90 cy=50 r=10 fill=aqua></circle><polygon ref=2 points="45,55 50,45 55,55" '
            "fill=red></polygon><text ref=3 x=10 y=10 font-size=10px fill=yellow>1</text></svg>",
    "last_error": "",
    "boxes": np.array([[2, 52, 150, 130], [82, 92, 20, 20], [47, 95, 10, 10], [12, 54, 6, 11.5]], np.float32),
}  # fmt: skip

EXAMPLES = [
    (LOGIN, "click 4"),
    (LOGIN, 'type 1 "nathalie"'),
    (LOGIN, 'type 3 "nWu2"'),
    (LOGIN, 'type 3 "Zoé 漢\\n\\"x\\" \\\\ {y}  ~ "'),
    (LOGIN, 'type 3 " username and"'),
    (LOGIN, 'type 3 "NATHALIE and USERNAME nwu2 "'),
    (LOGIN, 'type 3 ""'),
    (LIST, 'select 0 "Mary Ann"'),
    (LIST, 'select 0 "M&M <x>"'),
    (LIST, 'select 1 "a" "b c"'),
    (LIST, "select 1"),
    (TABS, "click 3"),
    (TABS, "dblclick 7"),
    (TABS, "scroll 5 down"),
    (TABS, "scroll page up"),
    (TABS, "drag 6 7"),
    (TABS, "hover 4"),
    (DATE, 'type 0 "09/27/2013"'),
    (DATE, 'type 0 "2013-09-27"'),
    (DATE, "press Control+C"),
    (DATE, "wait"),
    (SHAPES, "click 2"),
    (SHAPES, "click_xy 57 113"),
    (SHAPES, "drag_xy 10 20 90 200"),
]
"""Observations and actions; every verb of the page's grammar."""

PAGES = [LOGIN, LIST, TABS, DATE, SHAPES]
CORPUS = [text for page in PAGES for text in (page["instruction"], page["html"])] * 3


def actions() -> list[tuple[dict, Action]]:
    return [(page, Action.parse(text)) for page, text in EXAMPLES]


OWN = Vocabulary.train(CORPUS, 700)
# Arguments of a T5 that trains in seconds.
TINY = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_heads": 4,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "dropout_rate": 0.0,
}
