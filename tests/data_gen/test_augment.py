"""Variants of demonstrations: everything stays consistent, and what is done can still be done."""

from random import Random

import numpy as np
import pytest

from data_gen.augment import Demonstration, Variants, spread
from data_gen.augment.rows import rearrange
from data_gen.augment.slots import find_slots
from data_gen.augment.variants import Move
from data_gen.augment.words import NAMES, is_held_out, words_of
from envs.action import Action
from envs.html import format_html, parse_html
from tests.sites import words

NOTE = "<label ref=11 for=note>Note</label> <input ref=12 id=note{note}>"
FORM = """<nav><a ref=0>Home</a> <a ref=1>Help</a></nav>{above}<label ref=2 for=user>User name</label>
<input ref=3 id=user{user}><label ref=10 for=language>Language</label>
<select ref=4 id=language><option>{old}</option><option>{one}</option><option>{two}</option></select>
<label ref=5 for=due>Due date</label> <input ref=6 id=due type=date{due}>{below}<table>
<tr><td>{one} lamp</td><td><button ref=7>Edit</button></td></tr>
<tr><td>{two} lamp</td><td><button ref=8>Edit</button></td></tr></table><button ref=9 id=save>Save</button>""".replace(
    "\n", ""
)


def demonstration(user, language, other, due, swapped, note=""):
    """Types a name, chooses a language, types a date or a note, edits the lamp of that language, saves."""
    one, two = (other, language) if swapped else (language, other)
    instruction = f"Set the user name to {user}, due {due}, language {language}, edit the {language} lamp and save."
    if swapped:
        instruction = f'Language "{language}", user name {user}. Edit the {language} lamp, due date {due}. Then save.'
    if note:
        instruction = (
            f'Edit the {language} lamp, write "{note}" as note, user name {user}, language {language} and save.'
        )
    form = FORM.replace("{above}", NOTE * bool(note)).replace("{below}", NOTE * (not note))
    page = {"one": one, "two": two, "old": "Basque", "chosen": "Basque", "user": "", "due": "", "note": ""}
    fields = [
        (Action("type", (3, user)), {"user": f' value="{user}"'}),
        (Action("select", (4, language)), {"chosen": language}),
        (Action("type", (6, due)), {"due": f" value={due}"}),
    ]
    if note:
        fields = [(Action("type", (12, note)), {"note": f' value="{note}"'}), *fields[:2]]
    clicks = [Action("click", (8 if swapped else 7,)), Action("click", (9,)), Action("done", ("",))]
    moves = []
    for action, change in [*fields, *((click, {}) for click in clicks)]:
        html = form.format(**page).replace(f"<option>{page['chosen']}<", f"<option selected>{page['chosen']}<")
        moves.append((html, action))
        page |= change
    steps = []
    for number, (html, action) in enumerate(moves):
        count = html.count("<") - html.count("</")
        row = {"episode_id": f"OpenWeb/{user}", "step": number, "task": "OpenWeb", "seed": None, "html": html}
        row |= {
            "instruction": instruction,
            "boxes": np.arange(4.0 * count),
            "refs": [-1] * count,
            "screenshot": b"picture",
        }
        row |= {"last_error": "", "action": str(action), "label": None, "raw_reward": 0.0, "success": True}
        steps.append(Move(parse_html(html), action, row | {"source": "human"}))
    return Demonstration(instruction, steps)


@pytest.fixture(scope="module")
def variants():
    return Variants(
        [
            demonstration("Ann Archer", "German", "Czech", "2026-03-08", False),
            demonstration("Bert Baker", "Dutch", "Greek", "2026-11-25", True),
            demonstration("Carla Cooper", "Latvian", "Welsh", "", False, note="kite lagos"),
        ]
    )


def test_values_are_what_is_named_done_and_not_always_the_same(variants):
    assert {"ann", "archer", "bert", "german", "dutch", "2026-03-08", "2026-11-25"} <= variants.values
    assert not {"save", "edit", "user", "language", "lamp", "home"} & variants.values
    assert {"czech", "greek", "basque"} <= variants.replaceable  # or the value would be the only unknown word
    assert not {"lamp", "edit", "save", "user", "name"} & variants.replaceable


def test_what_the_page_calls_things_is_found(variants):
    slots = find_slots(variants.demonstrations[0], variants.values)
    assert [(slot.step, slot.value, slot.label, slot.kind) for slot in slots] == [
        (0, "Ann Archer", "user name", "type"),
        (1, "German", "language", "select"),
        (2, "2026-03-08", "due date", "type"),
        (3, "German lamp", "0", "row"),
    ]
    assert variants.free_order  # the first names the date before the language, which is chosen first


@pytest.mark.parametrize("seed", range(60))
def test_the_deeds_of_a_variant_can_be_done_on_its_pages(variants, seed):
    rows = variants.draw(seed % 3, Random(seed))
    original = variants.demonstrations[seed % 3].steps
    assert len(rows) == len(original)
    assert len({row["instruction"] for row in rows}) == 1
    places = []
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        page, action = parse_html(row["html"]), Action.parse(row["action"])
        elements = {element.ref: element for element in page.walk() if element.ref is not None}
        assert len(row["boxes"]) == 4 * len(row["refs"]) == 4 * len(list(page.walk()))
        assert row["refs"].tolist() == [-1 if e.ref is None else e.ref for e in page.walk()]
        for ref in action.refs:
            assert action.verb in elements[ref].verbs
        if action.verb not in ("type", "select"):
            continue
        field = elements[action.refs[0]]
        places.append(list(page.walk()).index(field))
        now = {element.ref: element for element in parse_html(after["html"]).walk()}[field.ref]
        if action.verb == "select":
            assert action.strings[0] in [option.text for option in field.find_all("option")]
            assert [option.text for option in now.find_all("option") if option.has("selected")] == [action.strings[0]]
        else:
            assert now.value == action.strings[0]  # what was typed is in the field
        # What is to be done is still said, and once; the rest of its words are not those of another value.
        assert words_of(action.strings[0]) <= words_of(row["instruction"])
    assert places == sorted(places)  # as in the demonstrations, down the page, whatever its order
    assert [Action.parse(row["action"]).verb for row in rows[3:]] == ["click", "click", "done"]
    edited = Action.parse(rows[3]["action"]).refs[0]
    lines = parse_html(rows[3]["html"]).find_all("tr")
    line = next(line for line in lines if any(element.ref == edited for element in line.walk()))
    assert words_of(line.find("td").text) <= words_of(rows[0]["instruction"])  # the row that is named is edited


def test_fields_change_places_and_others_are_filled_in_as_another_demonstration_says(variants):
    drawn = [variants.draw(0, Random(seed)) for seed in range(100)]
    orders, filled = set(), set()
    for rows in drawn:
        fields = [element.id for element in parse_html(rows[0]["html"]).walk() if element.tag in ("input", "select")]
        refs = [Action.parse(row["action"]).refs[0] for row in rows[:3]]
        elements = {element.ref: element for element in parse_html(rows[3]["html"]).walk()}
        orders.add(tuple(fields))
        ids = frozenset(elements[ref].id for ref in refs)
        filled.add(ids)
        assert len(ids) == 3
        assert "due" in ids or "due" not in words_of(rows[0]["instruction"])
    assert len(orders) > 12  # of 24
    assert {frozenset({"user", "language", "due"}), frozenset({"user", "language", "note"})} <= filled


LOG_IN = """<form><label ref=0 for=user>User name</label><input ref=1 id=user{user}>
<label ref=2 for=pass>Password</label><input ref=3 id=pass type=password{password}>
<button ref=4>Log in</button></form>""".replace("\n", "")
PLACEHOLDER = "{{secret:PASSWORD}}"


def log_in(wording, user):
    instruction = wording.replace("USER", user).replace("SECRET", PLACEHOLDER)
    page, steps = {"user": "", "password": ""}, []
    for action, change in [
        (Action("type", (1, user)), {"user": f" value={user}"}),
        (Action("type", (3, PLACEHOLDER)), {"password": f' value="{PLACEHOLDER}"'}),
        (Action("click", (4,)), {}),
    ]:
        html = LOG_IN.format(**page)
        row = {"html": html, "instruction": instruction, "boxes": np.zeros(4 * 6), "screenshot": None}
        steps.append(Move(parse_html(html), action, row))
        page |= change
    return Demonstration(instruction, steps)


@pytest.mark.parametrize("password", ["SECRET", '"SECRET"'])
def test_a_secret_keeps_its_placeholder(password):
    wordings = ("Log in as USER with SECRET", "user name USER, password SECRET", "Use SECRET as password for USER.")
    said = [wording.replace("SECRET", password) for wording in wordings]
    variants = Variants([log_in(*each) for each in zip(said, ("ann", "bert", "carla"), strict=True)])
    for seed in range(400):
        rows = variants.draw(seed % 3, Random(seed), held_out=seed % 2 == 1)
        instruction = rows[0]["instruction"]
        assert instruction.count(PLACEHOLDER) == instruction.count("{{") == 1, instruction
        typed = [string for row in rows for string in Action.parse(row["action"]).strings]
        assert PLACEHOLDER in typed
        assert f'value="{PLACEHOLDER}"' in rows[-1]["html"]


def test_a_variant_has_other_values_and_a_checked_one_has_values_of_its_own(variants):
    def values(held_out):
        drawn = [variants.draw(0, Random(seed), held_out=held_out) for seed in range(40)]
        said = [string for rows in drawn for row in rows for string in Action.parse(row["action"]).strings]
        return {word for string in said for word in words_of(string) if word.isalpha()}

    trained, checked = values(False), values(True)
    assert len(trained) > 60 and "ann" in trained  # the demonstration's own stay among them
    assert not trained & checked
    assert all(is_held_out(word) for word in checked)


def test_equal_seeds_give_equal_variants(variants):
    one, two = (list(spread(variants, 5, 3, screenshot=False)) for _ in range(2))
    assert [[row["html"] + row["action"] for row in rows] for rows in one] == [
        [row["html"] + row["action"] for row in rows] for rows in two
    ]
    assert [rows[0]["episode_id"] for rows in one[:2]] == ["OpenWeb/Ann Archer~00000", "OpenWeb/Bert Baker~00001"]
    assert one[0][0]["screenshot"] is None


def test_rows_keep_their_place_from_page_to_page_and_busy_groups_their_order():
    html = "<ul>" + "".join(f"<li ref={n}>item {n}</li>" for n in range(6)) + "</ul>"
    orders = set()
    for salt in range(8):
        pages = [parse_html(html), parse_html(html.replace("<li ref=2>", "<li ref=2 class=done>", 0))]
        for page in pages:
            rearrange(page, {3}, set(), salt, drop=True)
        assert format_html(pages[0]) == format_html(pages[1])
        assert "ref=3" in format_html(pages[0])
        orders.add(format_html(pages[0]))
        busy = parse_html(html)
        rearrange(busy, {1, 3}, set(), salt, drop=True)
        assert format_html(busy) == html
    assert len(orders) > 4


def test_no_name_that_is_drawn_is_one_of_the_sites_that_are_taught():
    known = {word.lower() for each in vars(words).values() if isinstance(each, list) for word in each}
    assert len(known) > 300
    assert known & {*NAMES} == set()
