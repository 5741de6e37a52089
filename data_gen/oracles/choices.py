"""Choosing among what is there and submitting: checkboxes, radio buttons, lists, an agreement."""

from __future__ import annotations

from collections.abc import Callable

from data_gen.oracles.base import Page, choose, click, fill, oracle
from envs.action import Action

SYNONYMS = (
    "big large huge enormous gigantic",
    "small tiny little mini petite",
    "red scarlet crimson vermillion",
    "happy cheerful joyful gleeful delighted",
    "sad unhappy sorrowful miserable tragic",
    "angry mad furious irritated",
    "evil wicked immoral sinful corrupt depraved",
    "wrong incorrect mistaken erroneous",
    "real genuine actual",
    "strange odd peculiar unusual weird",
    "stop cease halt end finish",
    "scared terrified panicked fearful frightened afraid",
    "quiet calm peaceful serene mild",
    "old aged archaic",
    "love like adore favor",
    "kill murder assassinate",
    "keep retain preserve sustain maintain",
    "hide conceal camouflage",
    "hate despise loathe detest dislike",
    "funny humorous amusing comical laughable",
    "fat fleshy plump chubby",
    "stupid dumb dull unwise",
    "delicious savory delectable appetizing",
    "cut slice carve chop",
    "brave courageous fearless",
    "begin start initiate launch",
    "answer reply response",
    "television televisions TV TVs",
    "house home houses homes",
    "fire flame fires flames",
    "pig pork swine",
    "rabbit rabbits bunny bunnies",
    "car cars automobile automobiles vehicle vehicles",
    "water",
)
"""Words of click-checkboxes-soft that it takes for similar; no word is in two lines."""

_MEANING = {word: number for number, line in enumerate(SYNONYMS) for word in line.split()}


def submit(page: Page) -> Action:
    """A click on the form's button."""
    return click(page.find("button", cls="secondary-action"))


@oracle("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer")
def click_checkboxes(page: Page) -> Action:
    """From top to bottom, every box that is not yet as asked; then Submit."""
    (asked,) = page.asked(r"^Select (.+) and click Submit\.$")
    wanted = [] if asked == "nothing" else asked.split(", ")
    return check(page, lambda label: label in wanted)


@oracle("click-checkboxes-soft")
def click_checkboxes_soft(page: Page) -> Action:
    """A box is asked for where its word means the same as one of the instruction's."""
    (asked,) = page.asked(r"^Select words similar to (.+) and click Submit\.$")
    wanted = {_MEANING.get(word) for word in asked.split(", ")}
    return check(page, lambda label: _MEANING.get(label) in wanted)


def check(page: Page, wanted: Callable[[str], bool]) -> Action:
    """A click on the first checkbox that is not as its label says it should be; where there is none, Submit."""
    for label in page.find_all("label"):
        box = label.find("input")
        if box is not None and box.has("checked") != wanted(label.text):
            return click(box)
    return submit(page)


@oracle("click-scroll-list")
def click_scroll_list(page: Page) -> Action:
    """All options at once, in the instruction's order."""
    (asked,) = page.asked(r"^Select (.+) from the scroll list and click Submit\.$")
    wanted = asked.split(", ")
    options = page.find_all("option")
    if sorted(option.text for option in options if option.has("selected")) == sorted(wanted):
        return submit(page)
    return Action("select", (*click(page.find("select")).args, *wanted))


@oracle("sign-agreement")
def sign_agreement(page: Page) -> Action:
    """The name can be entered once the text has been scrolled to its end: clicked, it takes the keys that scroll."""
    if page.instruction == "Click the cancel button.":
        return click(page.find("button", id="cancel"))
    name, label = page.asked(r'enter the name "(.+)" then press "(\w+)"$')
    field = page.find("input", id="name")
    if field is None or not field.has("disabled"):
        return fill(field, name) or click(page.find("button", text=label))
    pick = click(page.find("textarea", id="text-area"))
    return Action("press", ("End",)) if page.past and page.past[-1][1] == pick else pick


@oracle("click-option")
def click_option(page: Page) -> Action:
    (wanted,) = page.asked(r"^Select (.+) and click Submit\.$")
    label = page.find("label", text=wanted)
    option = label and label.find("input")
    return submit(page) if option and option.has("checked") else click(option)


@oracle("choose-list")
def choose_list(page: Page) -> Action:
    (wanted,) = page.asked(r"^Select (.+) from the list and click Submit\.$")
    return choose(page.find("select"), wanted) or submit(page)
