import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.action import Action
from envs.html import parse_html
from policies.config import ProcessorConfig
from policies.matching import FEATURES, match_features
from policies.page import Unit, page_units
from policies.processor import HistoryItem, Processor, TargetError, fit_frame, history_item
from policies.steps import Kind
from policies.targets import AMOUNT
from policies.vocabulary import END, SPACE, Vocabulary, Word, split_words
from policies.writer import View, Writer
from tests.policies.pages import CORPUS, DATE, LIST, LOGIN, SHAPES, TABS, actions
from tests.policies.t5_folder import write_t5_tokenizer

OWN = Vocabulary.train(CORPUS, 700)


@pytest.fixture(scope="module")
def t5_vocabulary(tmp_path_factory):
    return Vocabulary.from_pretrained(str(write_t5_tokenizer(tmp_path_factory.mktemp("t5"))))


@pytest.fixture(scope="module", params=["own", "own, nothing added", "t5", "t5, nothing added"])
def processor(request, t5_vocabulary):
    config = ProcessorConfig(copy="nothing" not in request.param, match="nothing" not in request.param)
    return Processor(config, OWN if request.param.startswith("own") else t5_vocabulary)


def follow(processor: Processor, observation: dict, action: Action) -> Writer:
    """Writes the action step by step as the targets say."""
    writer = Writer(View(processor, processor.encode(observation), [action.verb, "wait"]))
    target = processor.encode(observation, action=action)
    for kind, token, places in zip(target.kinds, target.tokens, target.positions, strict=True):
        assert writer.kind == kind
        tokens, where = writer.choices()
        if kind == Kind.OFFSET:
            assert token in writer.offsets()
        elif token >= 0:
            assert tokens[token]
        else:
            assert where is None or where[places[0]]
        writer.take(int(token), int(places[0]))
    return writer


@pytest.mark.parametrize(("observation", "action"), actions(), ids=lambda v: str(v) if isinstance(v, Action) else "")
def test_targets_spell_the_action_and_the_grammar_offers_each_step(processor, observation, action):
    assert follow(processor, observation, action).action == action


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_words_join_to_the_text(text):
    assert "".join(" " * word.space + word.text for word in split_words(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=200, deadline=None)
def test_own_vocabulary_loses_nothing(text):
    ids = [i for word in split_words(text) for i in OWN.encode_word(*word)]
    assert OWN.decode(ids) == text
    assert OWN.text_ids[ids].all()


@pytest.mark.parametrize(
    "text", ["a<b>\\^`{}~\n", "½ é 漢字 😀", f"double  space, {SPACE} and \t tab ", ' "quoted" ', "x\r\ny"]
)
def test_t5_vocabulary_loses_nothing(t5_vocabulary, text):
    ids = [i for word in split_words(text) for i in t5_vocabulary.encode_word(*word)]
    assert t5_vocabulary.decode(ids) == text
    assert t5_vocabulary.text_ids[ids].all()


def test_a_word_has_the_same_tokens_with_and_without_a_space():
    assert OWN.encode_word("Submit", True) == (OWN.space_id, *OWN.encode_word("Submit", False))


def test_a_vocabulary_that_is_not_a_t5s_is_refused(tmp_path):
    from tokenizers import Tokenizer, models

    Tokenizer(models.BPE({"a": 0, "<pad>": 1, "</s>": 2}, [])).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="not a T5 vocabulary"):
        Vocabulary.load(tmp_path / "tokenizer.json")


def test_saved_and_loaded_encodes_the_same(processor, tmp_path):
    processor.save(tmp_path)
    again = Processor.load(tmp_path)
    assert again.config == processor.config
    for observation, action in actions():
        one, two = (p.encode(observation, action=action) for p in (processor, again))
        for field in fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))


def test_equal_corpora_give_equal_processors(tmp_path):
    for name in ("a", "b"):
        Processor.build(ProcessorConfig(vocab_size=600), iter(CORPUS)).save(tmp_path / name)
    assert (tmp_path / "a/tokenizer.json").read_bytes() == (tmp_path / "b/tokenizer.json").read_bytes()


@pytest.mark.parametrize(("file", "text"), [("processor_config.json", "{"), ("processor_config.json", '{"colour": 1}'),
                                            ("tokenizer.json", "{}"), ("tokenizer.json", "nothing")])  # fmt: skip
def test_broken_files_are_refused(tmp_path, file, text):
    Processor(ProcessorConfig(), OWN).save(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=r"(?i)processor_?config|tokenizer"):
        Processor.load(tmp_path)


def shown(observation: dict) -> str:
    return " ".join(unit.text for unit in page_units(parse_html(observation["html"]), refs=False))


def test_the_page_keeps_states_and_drops_styling():
    text = shown(TABS)
    assert "state active" in text and "scrollable" in text and "offscreen" in text
    assert "corner" not in text and "widget" not in text and "anchor" not in text
    assert "value= nath" in shown(LOGIN) and "focused" in shown(LOGIN) and "disabled" in shown(DATE)
    assert "red 10 50 50" in shown(SHAPES)


def test_a_cell_that_only_holds_a_link_is_not_shown_beside_it():
    days = "".join(f"<td ref={2 * day}><a ref={2 * day + 1}>{day}</a></td>" for day in range(3))
    assert shown({"html": f"<tr>{days}</tr>"}) == "<tr <a 0 <a 1 <a 2 </>"
    assert shown({"html": "<td ref=0 class=today><a ref=1>9</a></td>"}) == "<td today <a 9 </>"
    assert shown({"html": "<li ref=0><div ref=1>Oslo</div></li>"}) == "<li <div Oslo </>"


def test_a_long_page_loses_text_before_elements():
    filler = "".join(f"<p>lorem {n} ipsum dolor sit amet</p>" for n in range(300))
    buttons = "".join(f"<button ref={n}>B{n}</button>" for n in range(60))
    observation = {"instruction": "Click B59", "html": f"<div>{filler}{buttons}</div>", "last_error": ""}
    processor = Processor(ProcessorConfig(max_tokens=256), OWN)
    example = processor.encode(observation, action=Action("click", (59,)))
    assert len(example) <= 256
    assert (example.verbs > 0).sum() == 60


def features(processor, observation, ref, history=()):
    example = processor.encode(observation, history)
    place = next(p for p, u in zip(example.places, example.units, strict=True) if u.opens and u.element.ref == ref)
    return {name for name, on in zip(FEATURES, example.features[place], strict=True) if on}


@pytest.mark.parametrize("word", ["antidisestablishment", "请点击"], ids=["words", "one word"])
def test_a_long_instruction_and_history_leave_the_page_its_room(word):
    processor = Processor(ProcessorConfig(max_tokens=240), OWN)
    buttons = "".join(f"<button ref={n}>B{n}</button>" for n in range(8))
    observation = {"instruction": " ".join([word] * 300), "html": buttons, "last_error": ""}
    example = processor.encode(observation, [HistoryItem("type", (0,), word * 9, (word * 30,))] * 8)
    assert len(example) <= 240
    assert (example.verbs > 0).sum() == 8


def test_match_features_find_what_the_instruction_names():
    processor = Processor(ProcessorConfig(), OWN)
    assert {"name is quoted", "name in instruction", "actable"} <= features(processor, TABS, 7)
    assert "name is quoted" not in features(processor, TABS, 6)
    assert "name in instruction" in features(processor, LOGIN, 4)
    auto = {"instruction": 'an item that starts with "Tun" and ends with "ia".', "last_error": "",
            "html": "<li ref=0>Tunisia</li><li ref=1>Tunxx</li><li ref=2>Austria</li>"}  # fmt: skip
    starts, ends = "name starts with quoted", "name ends with quoted"
    found = [features(processor, auto, ref) & {starts, ends} for ref in range(3)]
    assert found == [{starts, ends}, {starts}, {ends}]
    rows = {"instruction": "Delete the mail from Kara.", "last_error": "",
            "html": "<p class=m>Ann<i ref=0></i></p><p class=m>Kara<i ref=1></i></p>"}  # fmt: skip
    assert ["row apart" in features(processor, rows, ref) for ref in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    "html",
    [
        "<span>Year:</span><input ref=0>",
        "<table><tr><th>Genre</th><td><input ref=1></td></tr><tr><th>Year</th><td><input ref=0></td></tr></table>",
        "<label ref=3>Year</label> <select ref=0></select>",
        "<label>Year <textarea ref=0></label>",
    ],
)
def test_a_field_is_called_by_what_labels_it(html):
    processor = Processor(ProcessorConfig(), OWN)
    page = {"instruction": "Search for movies from year 1986.", "html": f"<div>{html}</div>", "last_error": ""}
    assert "name shares a word" in features(processor, page, 0)
    assert history_item(page, Action("click", (0,))).description.rstrip(":").endswith("Year")


def test_a_field_is_not_called_by_the_label_of_another_or_by_a_paragraph():
    html = f"<p>{'Much text, and a year. ' * 9}</p><input ref=0><label>Year</label><input ref=1><input ref=2>"
    descriptions = [history_item({"html": html}, Action("click", (ref,))).description for ref in range(3)]
    assert [description.strip() for description in descriptions] == ["input", "input Year", "input"]


def test_words_are_compared_by_what_they_mean():
    keys = {word: Word(word, False).key for word in "02 2 000 Dogs dog glass March march Mar s 's".split()}
    assert keys == {"02": "2", "2": "2", "000": "0", "Dogs": "dog", "dog": "dog", "glass": "glass", "March": "3",
                    "march": "march", "Mar": "3", "s": "s", "'s": ""}  # fmt: skip


def test_history_says_what_was_done_and_where():
    processor = Processor(ProcessorConfig(), OWN)
    first = history_item(TABS, Action("click", (3,)))
    assert first.description == "li Tab #2"
    assert {"acted on", "acted on last"} <= features(processor, TABS, 3, [first])
    typed = history_item(LOGIN, Action("type", (1, "nathalie")))
    assert typed.strings == ("nathalie",)
    assert features(processor, TABS, 3, [first, typed]) & {"acted on", "acted on last"} == {"acted on"}
    assert history_item(LOGIN, Action("press", ("Enter",))).strings == ("Enter",)
    assert history_item(LOGIN, Action("click", (99,))).description == ""
    many = [first] * 40
    shown = processor.encode(TABS, many).units
    assert len(shown) == len(processor.encode(TABS, many[:8]).units)
    assert "40" in [unit.text for unit in shown]


CARDS = {
    "instruction": "Pick the card with the greatest number.",
    "html": "<div ref=0 class=card></div><div ref=1 class=card></div><button ref=2>Done</button>",
    "last_error": "",
}


def test_history_says_what_came_of_it():
    processor = Processor(ProcessorConfig(), OWN)
    past = []
    for ref, number in ((0, 18), (1, 7)):
        turned = CARDS["html"].replace(f"ref={ref} class=card>", f"ref={ref} class=card><b>{number}</b>")
        past.append(processor.outcome(history_item(CARDS, Action("click", (ref,))), {"html": turned}))
    assert [item.became for item in past] == ["18", "7"]
    assert [unit.text for unit in processor.encode(CARDS, past).units[10:-5] if unit.text in ("18", "7")] == ["18", "7"]
    assert {"showed the smallest", "showed the largest"} & features(processor, CARDS, 0, past) == {"showed the largest"}
    assert {"showed the smallest", "showed the largest"} & features(processor, CARDS, 1, past) == {
        "showed the smallest"
    }
    assert not {"showed the smallest", "showed the largest"} & features(processor, CARDS, 0, past[:1])
    same = history_item(TABS, Action("click", (3,)))
    assert processor.outcome(same, TABS) == same == processor.outcome(same, {"html": "<p>gone</p>"})
    without = Processor(ProcessorConfig(outcomes=False), OWN)
    assert len(without.encode(CARDS, past)) < len(processor.encode(CARDS, past))


def test_numbers_are_compared_with_those_asked_for():
    def said(asked: str, shown: str) -> set[str]:
        page = {"instruction": asked, "html": f"<span ref=0>{shown}</span>", "last_error": ""}
        found = features(Processor(ProcessorConfig(), OWN), page, 0, [])
        return {name.split()[1] for name in found if name.endswith("those asked for")}

    assert said("Buy when the price is less than $49.30.", "$40.00") == {"below"}
    assert said("Buy when the price is less than $49.30.", "$1,049.30") == {"above"}
    assert said("A number between 3 and 9", "5") == said("Enter 5", "5") == said("No number", "5") == set()
    assert said("Enter 5", "none") == set()
    assert said("Select -88 with the slider", "-90") == {"below"}
    assert said("Select 2, click the 3rd checkbox", "4") == said("[2,3]", "4") == {"above"}
    assert said("On 2016-03-15", "1") == {"below"}


def test_numbers_are_compared_one_by_one_with_as_many_that_are_asked_for():
    def said(asked: str, *shown: str) -> list[set[str]]:
        html = "".join(f"<i></i><span ref={number}>{text}</span>" for number, text in enumerate(shown))
        page = {"instruction": asked, "html": html, "last_error": ""}
        marks = (features(Processor(ProcessorConfig(), OWN), page, number, []) for number in range(len(shown)))
        return [{name.split()[1] for name in found if name.endswith("its counterpart")} for found in marks]

    assert said("Set them to [10,16,-3].", "10", "0", "20") == [set(), {"below"}, {"above"}]
    assert said("Set them to [10,16].", "10", "0", "20") == [set()] * 3
    assert said("Set them to [10,16].", "7", "6 of 20") == [set()] * 2
    assert said("Set it.", "20") == [set()]


def test_a_control_knows_of_the_number_after_it_what_the_number_does():
    html = "".join(f"<input ref={number}><p id=shown>{text}</p>" for number, text in enumerate(("10", "0", "20")))
    page = {"instruction": "Set them to [10,16,-3].", "html": f"{html}<button ref=3>Go</button>", "last_error": ""}
    marks = [features(Processor(ProcessorConfig(), OWN), page, number, []) for number in range(4)]
    of_a_control = [{name for name in found if name.startswith("its number")} for found in marks]
    below, above = {"its number below the counterpart"}, {"its number above the counterpart"}
    assert of_a_control == [set(), below, above, set()]


def test_the_label_of_the_next_field_is_found_elsewhere():
    page = {
        "instruction": "Fill in the form.",
        "html": "<table><tr><td ref=0>Name</td><td>Ann</td></tr><tr><td ref=1>Last name</td><td>Lee</td></tr></table>"
                "<label>Last name:</label><input ref=2 {}><label>Name:</label><input ref=3>",
        "last_error": "",
    }  # fmt: skip
    mark = FEATURES.index("label of the next field")

    def found(value: str) -> list[str]:
        example = Processor(ProcessorConfig(), OWN).encode(page | {"html": page["html"].replace("{}", value)})
        return [u.text for u, place in zip(example.units, example.places, strict=True) if example.features[place, mark]]

    assert found("") == ["Last", "name", "Last", "name", ":"]
    assert found("value=Lee") == ["Name", "Name", ":"]


def test_a_word_is_copied_in_another_case():
    processor = Processor(ProcessorConfig(), OWN)
    page = LOGIN | {"instruction": 'Type "NatHalie" in lower case letters.'}
    steps = processor.encode(page, action=Action("type", (1, "nathalie 7"))).kinds
    example = processor.encode(page, action=Action("type", (1, "nathalie")))
    assert example.tokens.tolist()[2:] == [OWN.symbols["down"], -1, OWN.symbols[END]] and len(steps) > len(
        example.kinds
    )
    plain = Processor(ProcessorConfig(case=False), OWN).encode(page, action=Action("type", (1, "nathalie")))
    assert OWN.symbols["down"] not in plain.tokens


SUM = {
    "instruction": "Solve the problem.",
    "html": "<div>12 - 53 =</div><p>(-7)</p><input ref=0 type=text><input ref=1 type=date>",
    "last_error": "",
    "boxes": None,
}


@pytest.mark.parametrize(("text", "worked_out"), [
    ("-41", True), ("65", True), ("0", True), ("-12", True), ("1024", True),
    ("53", False), ("-7", False),  # they stand on the page
    ("-0", False), ("007", False), ("1025", False), ("6.5", False), ("41 -", False), ("", False),
])  # fmt: skip
def test_a_number_that_stands_nowhere_is_worked_out(processor, text, worked_out):
    action = Action("type", (0, text))
    kinds = processor.encode(SUM, action=action).kinds.tolist()
    assert (Kind.OFFSET in kinds) == (worked_out and processor.config.copy)
    assert follow(processor, SUM, action).action == action
    spells = Processor(replace(processor.config, amounts=False), processor.vocabulary)
    assert Kind.OFFSET not in spells.encode(SUM, action=action).kinds
    assert follow(spells, SUM, action).action == action


def test_a_date_field_is_offered_no_amount():
    processor = Processor(ProcessorConfig(), OWN)
    for ref, offered in ((0, True), (1, False)):
        writer = Writer(View(processor, processor.encode(SUM), ["type"]))
        places = {unit.element.ref: place for place, unit in writer.view.units.items() if unit.opens and unit.element}
        writer.take(-1, places[ref])
        writer.take(OWN.symbols["type"], -1)
        assert writer.choices()[0][OWN.symbols[AMOUNT]] == offered


def test_a_processor_from_before_amounts_goes_without(processor):
    before = {name: value for name, value in processor.config.to_dict().items() if name != "amounts"}
    assert not ProcessorConfig.from_dict(before).amounts
    assert ProcessorConfig.from_dict(processor.config.to_dict()).amounts


@pytest.mark.parametrize("action", ["click 77", "click 1", 'type 2 "x"', "press F13", f'type 0 "{"x" * 3000}"'])
def test_what_cannot_be_learnt_is_refused(action):
    with pytest.raises(TargetError):
        Processor(ProcessorConfig(), OWN).encode(DATE, action=Action.parse(action))


def test_examples_are_picklable_and_small():
    example = Processor(ProcessorConfig(), OWN).encode(LIST, action=Action("click", (2,)))
    assert len(pickle.dumps(example)) < 10_000


def test_batches_place_frames():
    processor = Processor(ProcessorConfig(), OWN)
    frame = np.full((210, 160, 3), 7, np.uint8)
    both = processor.encode(LOGIN, frames=[frame, frame], action=Action("click", (4,)))
    last = processor.encode(TABS, frames=[None, frame], action=Action("click", (3,)))
    none = processor.encode(TABS, frames=[None, None], action=Action("click", (3,)))
    first = processor.encode(DATE, frames=[frame], action=Action("wait"))
    batch = processor.collate([both, last, none, first])
    assert batch["frame_index"].tolist() == [0, 1, 3, 7]
    assert batch["frames"].shape == (4, 210, 160, 3)
    assert "frames" not in processor.collate([none])


def test_screenshots_of_any_size_are_fitted():
    small = np.zeros((150, 100, 3), np.uint8)
    fitted = fit_frame(small, 210, 160)
    assert fitted.shape == (210, 160, 3)
    assert not fitted[:150, :100].any() and (fitted[150:] == 255).all() and (fitted[:, 100:] == 255).all()
    wide = np.zeros((720, 1280, 3), np.uint8)
    wide[:, 640:] = 200
    fitted = fit_frame(wide, 210, 160)
    assert (fitted[:90, :80] == 0).all() and (fitted[:90, 80:] == 200).all() and (fitted[90:] == 255).all()
    same = np.ones((210, 160, 3), np.uint8)
    assert fit_frame(same, 210, 160) is same


def test_match_features_compare_the_numbers_of_like_rows():
    processor = Processor(ProcessorConfig(), OWN)
    flights = "".join(
        f"<div class=flight><div class=time>{time}</div><button ref={ref} class=price>Book for ${price}</button></div>"
        for ref, (time, price) in enumerate((("8h 8m", "1,099"), ("2h 45m", "399"), ("2h 5m", "420")))
    )
    page = {"instruction": "Book the cheapest flight.", "html": f"<div>{flights}</div>", "last_error": ""}
    small, large = "smallest of its like", "largest of its like"
    assert [features(processor, page, ref) & {small, large} for ref in range(3)] == [{large}, {small}, set()]
    example = processor.encode(page)
    column = FEATURES.index(small)
    marked = [unit.text for unit, place in zip(example.units, example.places, strict=True)
              if example.features[place, column] and unit.element.classes == ["time"]]  # fmt: skip
    assert marked == ["<div", "2h", "5m"]
    rows = [{name for name in features(processor, page, ref) if "of its row" in name} for ref in range(3)]
    assert rows == [
        {"largest number 0 of its row", "largest number 1 of its row"},
        {"smallest number 0 of its row"},
        {"smallest number 1 of its row"},
    ]


def test_match_features_count_places_among_siblings():
    processor = Processor(ProcessorConfig(), OWN)
    shapes = "".join(f"<circle ref={ref} r=5></circle>" for ref in range(20))
    page = {"instruction": "Count.", "html": f"<svg>{shapes}</svg><p><a ref=20>one</a></p>", "last_error": ""}
    bits = [{name for name in features(processor, page, ref) if name.startswith("place")} for ref in range(21)]
    values = [sum(2 ** int(name[-1]) for name in names) for names in bits]
    assert values == [*range(1, 21), 2]


def test_words_that_some_rows_hold_are_found_from_their_buttons():
    processor = Processor(ProcessorConfig(), OWN)
    names = ["ann", "ann", "ann", "bob"]
    posts = "".join(f"<div class=post><b>{n}</b><span ref={ref}>like</span></div>" for ref, n in enumerate(names))
    page = {"instruction": "Click like on 2 posts by ann", "html": f"<div>{posts}</div>", "last_error": ""}
    found = [{name for name in features(processor, page, ref) if "place" not in name} for ref in range(4)]
    assert found[0] == found[1] == found[2]
    assert len([name for name in found[0] - found[3] if name.startswith("shared word")]) == 1
    assert not any("row apart" in names for names in found)  # three of four are not apart


def test_another_vocabulary_spells_the_same_words():
    words = "television televisions automobile automobiles " * 5
    other = Vocabulary.train([words], 600)
    spelt = OWN.spells(other)
    assert len(spelt) == other.size
    assert [OWN.decode(tokens) for tokens in spelt] == [other.decode([token]) for token in range(other.size)]
    assert spelt[other.symbols["click"]] == [OWN.symbols["click"]]
    (television,) = other.encode_word("television", False)
    assert len(spelt[television]) > 1


def test_an_id_that_the_instruction_names_is_found_with_its_sign():
    page = '<circle ref=0 id="(1,2)"></circle><circle ref=1 id="(-1,2)"></circle><circle ref=2 id="(-1,20)"></circle>'
    root = parse_html(page)
    instruction = [Unit(word.text, space=word.space) for word in split_words("Click on (-1,2).")]
    units = page_units(root, refs=False)
    features = match_features(instruction, [], units, [])[len(instruction) :, FEATURES.index("id in instruction")]
    assert [unit.element.ref for unit, on in zip(units, features, strict=True) if on] == [1]
    assert [unit.text for unit in units if unit.element is root.find("circle", id="(-1,2)")][:6] == [
        "<circle", "(", "-", "1", ",", "2",
    ]  # fmt: skip


def test_a_quoted_name_is_told_from_one_with_other_capitals_and_signs():
    instruction = [Unit(word.text, space=word.space) for word in split_words('Click on the link "Sit. Amet".')]
    html = "".join(f"<a ref=1>{name}</a>" for name in ("sit", "Sit amet", "Sit. Amet"))
    units = page_units(parse_html(html), refs=False)
    features = match_features(instruction, [], units, [])[len(instruction) :]
    written = features[:, FEATURES.index("name is quoted as written")]
    assert [bool(on) for on, unit in zip(written, units, strict=True) if unit.opens] == [False, False, True]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("a letter", "A"),
        ("How many digits?", "7"),
        ("a triangle", "polygon"),
        ("the shape", "polygon rect circle"),
        ("an item", ""),
    ],
)
def test_what_is_drawn_is_known_by_the_name_of_its_shape(asked, found):
    drawn = {
        "A": "<text ref=0>A</text>",
        "7": "<text ref=1>7</text>",
        "polygon": '<polygon ref=2 points="0,0 10,0 5,9"></polygon>',
        "rect": '<rect ref=3 width="9"></rect>',
        "circle": '<circle ref=4 r="9"></circle>',
    }
    instruction = [Unit(word.text, space=word.space) for word in split_words(asked)]
    units = page_units(parse_html(f"<svg>{''.join(drawn.values())}</svg>"), refs=False)
    features = match_features(instruction, [], units, [])[len(instruction) :, FEATURES.index("shape in instruction")]
    shapes = [(unit, on) for unit, on in zip(units, features, strict=True) if unit.opens and unit.element.tag != "svg"]
    assert [name for name, (_, on) in zip(drawn, shapes, strict=True) if on] == found.split()


@pytest.mark.parametrize(
    ("asked", "html", "found"),
    [
        ("Find the 3rd word", "<p>One two, three four</p>", ["three"]),
        ("Click on the 2nd item", "<ul><li ref=0>a</li><li ref=1>b</li></ul>", ["<li"]),
        ("Find the word 3", "<p>One two, three four</p>", []),
    ],
)
def test_what_stands_at_the_place_that_is_asked_for(asked, html, found):
    instruction = [Unit(word.text, space=word.space) for word in split_words(asked)]
    units = page_units(parse_html(html), refs=False)
    features = match_features(instruction, [], units, [])[len(instruction) :, FEATURES.index("place is the ordinal")]
    assert [unit.text for unit, on in zip(units, features, strict=True) if on] == found


def test_words_with_a_capital_beside_each_other():
    instruction = [Unit(word.text, space=word.space) for word in split_words("Get Ann Lee Roe from Rome, Italy")]
    features = match_features(instruction, [], [], [])
    names = ("capital", "capital, like the word before", "capital, like the word after")
    found = {
        name: [unit.text for unit, on in zip(instruction, features[:, FEATURES.index(name)], strict=True) if on]
        for name in names
    }
    assert found == {
        "capital": ["Get", "Ann", "Lee", "Roe", "Rome", "Italy"],
        "capital, like the word before": ["Ann", "Lee", "Roe"],
        "capital, like the word after": ["Get", "Ann", "Lee"],
    }


def test_each_of_thirty_siblings_has_features_of_its_own():
    boxes = "".join(f"<input ref={ref} type=checkbox>" for ref in range(30))
    units = page_units(parse_html(f"<div>{boxes}</div>"), refs=False)
    features = match_features([], [], units, [])
    told = {tuple(row) for unit, row in zip(units, features, strict=True) if unit.opens and unit.element.tag == "input"}
    assert len(told) == 30


def test_a_word_that_is_drawn_letter_by_letter_is_copied_so():
    processor = Processor(ProcessorConfig(), OWN)
    html = "<p><span>W</span><span>N</span><span>6</span></p><input ref=0 type=text>"
    page = {"instruction": "Type the text below.", "html": html, "last_error": ""}
    encoded = processor.encode(page, action=Action("type", (0, "WN6")))
    assert encoded.tokens.tolist() == [-1, OWN.symbols["type"], -1, -1, -1, OWN.symbols[END]]
    assert processor.encode(page, action=Action("type", (0, "WN7"))).tokens[2] >= 0
