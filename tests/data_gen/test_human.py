"""Human demonstrations: recorded in a real browser, made on the spot, and the public ones where they are at hand."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from rich.console import Console

import envs  # noqa: F401 (registers the environments)
from data_gen import oracles
from data_gen.dataset import DatasetError, read_dataset
from data_gen.human import ImportDemosConfig, ImportDemosError, Unconvertible, convert, import_demos
from data_gen.human.serializer import Serializer
from data_gen.human.tree import read_tree
from envs.action import Action
from envs.html import parse_html
from envs.miniwob import page_url
from tests.data_gen.recordings import Recording, changed, element, page

SEED = 10_000_000
_HOVERED = re.compile(r"ui-state-hover|hover|.*-hover|.*-cell-over")

FORM = page(
    element("INPUT_text", 1, id="tt", value="", text="", box=(19, 71, 124, 21)),
    element("BUTTON", 2, id="subbtn", classes="secondary-action", text="Submit", box=(19, 103, 95, 31)),
)
BOXES = page(
    element("LABEL", 1, element("INPUT_checkbox", 2, value=False, box=(6, 60, 13, 13)), element("t", -1, text="one")),
    element("BUTTON", 3, text="Submit", box=(2, 120, 40, 20)),
)


def actions(recording: Recording, task: str) -> list[str]:
    episode, _ = convert(recording.demonstration, task)
    return [str(step.action) for step in episode.steps]


def detours(recording: Recording, task: str) -> list[str]:
    return convert(recording.demonstration, task)[1]


def elements(html: str) -> list[tuple[str, dict[str, str], str]]:
    """Tag, attributes and text of each element, without what the pointer is on."""
    found = []
    for item in parse_html(html).walk():
        classes = " ".join(name for name in item.classes if not _HOVERED.fullmatch(name))
        attributes = {name: value for name, value in item.attributes.items() if name != "class"}
        found.append((item.tag, attributes | ({"class": classes} if classes else {}), item.text.replace(" ", "")))
    return found


# In a real browser -----------------------------------------------------------------------------------------------

SAME_PAGES = (
    "click-button", "click-checkboxes", "click-collapsible", "click-dialog-2", "click-option", "click-tab-2",
    "click-widget", "email-inbox", "enter-text", "login-user", "navigate-tree", "social-media",
)  # fmt: skip


@pytest.mark.parametrize("task", SAME_PAGES)
def test_rebuilt_html_is_that_of_the_live_page(task):
    env = gymnasium.make(f"webagent/{task}-v1", screenshot=False)
    expert, serializer, done = oracles.get(task), Serializer(), False
    observation, _ = env.reset(seed=SEED)
    for _ in range(6):
        recorded = env.unwrapped._hands.evaluate("core.getDOMInfo()")  # type: ignore[attr-defined]
        rebuilt = serializer.render(read_tree(recorded, task))
        assert elements(rebuilt.html) == elements(observation["html"])
        assert rebuilt.refs == observation["refs"][: len(rebuilt.refs)].tolist()
        assert rebuilt.boxes == pytest.approx(observation["boxes"][: len(rebuilt.refs)].reshape(-1), abs=0.02)
        observation, _, done, _, _ = env.step(expert.act(observation))
        if done:
            break
    env.close()
    assert done


class Person:
    """Does with mouse and keyboard what an oracle decides, while MiniWoB++'s own recorder looks on."""

    def __init__(self, task: str):
        self.env = gymnasium.make(f"webagent/{task}-v1", screenshot=False)
        self.env.reset(seed=SEED)
        hands = self.env.unwrapped._hands  # type: ignore[attr-defined]
        self.page, self.evaluate = hands.page, hands.evaluate
        recorder = Path(page_url(task).removeprefix("file://")).parent.parent / "core" / "record.js"
        self.page.add_script_tag(content=recorder.read_text() + ";recorder.endRecording = () => {};")
        self.done: list[str] = []

    def solve(self, task: str, seed: int) -> dict[str, Any]:
        """Returns the recording."""
        expert = oracles.get(task)
        observation, info = self.env.reset(seed=seed)
        for _ in range(20):
            action = expert.act(observation)
            self.done.append(str(action))
            self._do(action)
            observation, _, done, _, info = self.env.step("wait")
            if done:
                break
        data = json.loads(self.evaluate("JSON.stringify(recorder.data)"))
        self.env.close()
        return data | {"reward": info["raw_reward"], "rawReward": info["raw_reward"]}

    def _do(self, action: Action) -> None:
        seen = self.env.unwrapped._seen  # type: ignore[attr-defined]
        point = self.env.unwrapped._hands.point(action.refs[0])  # type: ignore[attr-defined]
        if action.verb == "hover":
            self.page.mouse.move(*point)
            return
        if action.verb == "select":
            row = next(
                item for item in parse_html(seen.html).walk() if item.tag == "option" and item.text == action.args[1]
            )
            x, y, width, height = seen.boxes[4 * row.index : 4 * row.index + 4]
            point = (x + width / 2, y + height / 2)
        self.page.mouse.click(*point)
        if action.verb == "type":
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(f"{action.args[1]}x")
            self.page.keyboard.press("Backspace")


@pytest.mark.parametrize(
    ("task", "seed"),
    [
        ("click-button", SEED),
        ("click-checkboxes", SEED),
        ("click-menu", SEED + 1),
        ("click-option", SEED),
        ("click-scroll-list", SEED + 1),
        ("click-tab-2", SEED + 2),
        ("email-inbox-forward-nl", SEED),
        ("enter-text", SEED),
        ("focus-text-2", SEED),
        ("login-user", SEED),
        ("search-engine", SEED),
        ("use-spinner", SEED),
    ],
)
def test_a_recorded_person_becomes_the_actions_that_were_done(task, seed):
    person = Person(task)
    episode, useless = convert(person.solve(task, seed), task)
    assert episode.success
    assert [str(step.action) for step in episode.steps] == person.done
    assert not any(useless)
    expert = oracles.get(task)
    assert [str(expert.act(step.observation)) for step in episode.steps] == person.done


# Made on the spot ------------------------------------------------------------------------------------------------


def test_what_happens_in_a_field_is_one_action_with_the_text_in_the_end():
    typed = Recording("Enter", FORM).click(1).keys(1, "Bop")
    typed.key(1, 8, changed(typed.dom, 1, value="Bo")).keys(1, "b").click(2)
    assert actions(typed, "enter-text") == ['type 0 "Bob"', "click 1"]
    assert detours(typed, "enter-text") == ["", ""]


def test_text_that_is_taken_back_at_once_is_a_detour():
    typed = Recording("Enter", FORM).click(1).keys(1, "B")
    typed.key(1, 8, changed(typed.dom, 1, value="")).click(2)
    assert actions(typed, "enter-text") == ["click 0", "click 1"]
    assert detours(typed, "enter-text") == ["typed what was taken back", ""]


def test_enter_in_a_field_that_presses_the_button_is_a_click_of_the_button():
    typed = Recording("Enter", FORM).click(1).keys(1, "b")
    typed.event("keydown", 1, keyCode=13, charCode=0).event("keypress", 1, keyCode=13, charCode=13)
    typed.event("click", 2, x=0, y=0)
    assert actions(typed, "enter-text") == ['type 0 "b"', "click 1"]


def test_a_key_that_does_nothing_is_a_detour():
    typed = Recording("Enter", FORM).click(1).keys(1, "b").key(1, 13).click(2)
    assert actions(typed, "enter-text") == ['type 0 "b"', "press Enter", "click 1"]
    assert detours(typed, "enter-text") == ["", "did nothing that shows", ""]


def test_keys_that_are_held_down_stand_with_the_key():
    copied = Recording("Enter", FORM).event("keydown", 1001, keyCode=17, charCode=0)
    copied.event("keydown", 1001, keyCode=67, charCode=0).event("keyup", 1001, keyCode=67, charCode=0).click(2)
    assert actions(copied, "enter-text") == ["press Control+c", "click 1"]


def test_a_click_on_a_label_is_one_of_its_checkbox():
    checked = changed(BOXES, 2, value=True)
    ticked = Recording("Select one and click Submit.", BOXES).click(1, after=checked).event("click", 2, x=10, y=60)
    assert actions(ticked.click(3), "click-checkboxes") == ["click 1", "click 2"]


def test_a_checkbox_that_is_unticked_again_is_a_detour():
    checked = changed(BOXES, 2, value=True)
    ticked = Recording("Select nothing and click Submit.", BOXES).click(2, after=checked).click(2, after=BOXES).click(3)
    assert detours(ticked, "click-checkboxes") == ["", "came back to a page that was there before", ""]


def test_a_click_on_nothing_keeps_its_place_and_is_a_detour():
    missed = Recording("Enter", FORM).click(1003, x=150, y=200).click(None, x=20, y=20).click(2)
    assert actions(missed, "enter-text") == ["click_xy 150 200", "click_xy 20 20", "click 1"]
    assert detours(missed, "enter-text") == ["clicked nothing", "clicked nothing", ""]


def test_a_press_that_ends_the_episode_is_a_click():
    assert actions(Recording("Focus", FORM).event("mousedown", 1, x=30, y=80), "focus-text") == ["click 0"]


def test_a_double_click_that_the_page_listens_to_is_one_action():
    opened = changed(FORM, 2, text="opened")
    twice = Recording("Open", FORM).click(2).click(2).event("dblclick", 2, x=10, y=60, after=opened).click(2)
    assert actions(twice, "click-test") == ["dblclick 1", "click 1"]


def test_a_press_released_elsewhere_is_a_drag():
    tiles = page(element("LI", 1, text="a", box=(2, 60, 40, 20)), element("LI", 2, text="b", box=(2, 90, 40, 20)))
    dragged = Recording("Sort", tiles).event("mousedown", 1, x=20, y=70).event("mouseup", 2, x=20, y=100)
    assert actions(dragged, "drag-items") == ["drag 0 1"]
    dragged = Recording("Draw", tiles).event("mousedown", 1003, x=100, y=150).event("mouseup", 2, x=20, y=100)
    assert actions(dragged, "drag-items") == ["drag_xy 100 150 20 100"]


def test_scrolling_is_counted_in_visible_pages():
    def inbox(top: int) -> Any:
        threads = [
            element("DIV", 10 + n, text=f"mail {n}", classes="email-thread", box=(4, top + 50 * n, 140, 50))
            for n in range(9)
        ]
        return page(element("DIV", 1, *threads, id="main", box=(2, 52, 155, 150)))

    wheel = Recording("Find", inbox(52))
    wheel.dom = inbox(40)
    wheel.demonstration["states"].append(
        {"time": 5, "action": {"type": "scroll", "timing": 1}, "dom": changed(wheel.dom, 1, recordingTarget=True)}
    )
    wheel.dom = inbox(-220)
    wheel.click(18)
    episode, _ = convert(wheel.demonstration, "email-inbox")
    assert [str(step.action) for step in episode.steps] == ["scroll 0 down", "scroll 0 down", "click 9"]
    first_thread = [step.observation["boxes"][3][1] for step in episode.steps]
    assert first_thread == [52, 52 - 150, -220]


def test_an_option_that_was_not_recorded_is_the_one_that_solved_the_task():
    chosen = page(element("SELECT", 1, id="options"), element("BUTTON", 2, text="Submit", box=(2, 100, 40, 20)))
    instruction = "Select Mali from the list and click Submit."
    solved = Recording(instruction, chosen).click(1).event("mouseup", 1, x=-20, y=-90).click(2)
    assert actions(solved, "choose-list") == ['select 0 "Mali"', "click 1"]
    failed = Recording(instruction, chosen, raw_reward=-1.0).click(1).click(2)
    with pytest.raises(Unconvertible, match="the option that was chosen is not recorded"):
        convert(failed.demonstration, "choose-list")


def test_what_the_pointer_is_on_is_not_given_away():
    tabs = page(element("A", 1, classes="ui-tabs-anchor ui-state-hover", text="Tab #1"))
    episode, _ = convert(Recording("Click", tabs).click(1).demonstration, "click-tab")
    assert "<a ref=0 class=ui-tabs-anchor role=presentation>Tab #1</a>" in episode.steps[0].observation["html"]


def test_what_browser_extensions_add_is_left_out():
    dom = FORM | {"children": [*FORM["children"], element("DIV", 77, id="extension", text="Translate")]}
    episode, _ = convert(Recording("Enter", dom).click(2).demonstration, "enter-text")
    assert "Translate" not in episode.steps[0].observation["html"]


def test_text_beside_elements_keeps_its_spaces():
    words = page(
        element("t", -1, text="Nec", box=(2, 52, 18, 11)),
        element("SPAN", 1, classes="alink", text="ut & <b>", box=(22, 52, 20, 11)),
        element("t", -2, text="quis", box=(42, 52, 20, 11)),
    )
    episode, _ = convert(Recording("Click", words).click(1).demonstration, "click-link")
    assert "Nec <span ref=0 class=alink>ut &amp; &lt;b&gt;</span> quis" in episode.steps[0].observation["html"]


# Import ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    """A clean, a noisy and a failed demonstration, and each kind that cannot be converted."""
    folder = tmp_path / "demonstrations"
    Recording("Enter", FORM).click(1).keys(1, "bob").click(2).save(folder, "enter-text", "a_clean")
    Recording("Enter", FORM).click(1003).click(1).keys(1, "bob").click(2).save(folder, "enter-text", "b_noisy")
    Recording("Enter", FORM, raw_reward=-1.0).click(2).save(folder, "enter-text", "c_failed")
    Recording("Enter", FORM).save(folder, "enter-text", "d_empty")
    late = Recording("Enter", FORM).click(2)
    late.demonstration["reward"] = 0.5
    late.save(folder, "enter-text", "e_late")
    torn = Recording("Enter", FORM).click(2).save(folder, "enter-text", "f_torn")
    torn.write_bytes(torn.read_bytes()[:50])
    (torn.parent / "g_other.json").write_text('{"states": 1}')
    strange = Recording("Enter", FORM).click(2)
    del strange.demonstration["states"][1]["dom"]["tag"]
    strange.save(folder, "enter-text", "h_strange")
    Recording("Click on the  colored box.", FORM).click(2).save(folder, "click-color")
    Recording("Fly", FORM).click(2).save(folder, "no-such-task")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_lost_without_a_cause(folder, tmp_path):
    console = Console(record=True, width=200)
    out = import_demos(ImportDemosConfig(folder, tmp_path / "out", workers=1, agreement=True), console)
    rows = read_dataset(out, for_training=True).to_pylist()
    assert {row["episode_id"]: row["source"] for row in rows} == {
        "enter-text/a_clean": "human", "enter-text/b_noisy": "human-noisy", "enter-text/c_failed": "human-noisy",
    }  # fmt: skip
    assert [row["action"] for row in rows[:2]] == ['type 0 "bob"', "click 1"]
    assert [(row["raw_reward"], row["success"]) for row in rows[:2]] == [(0.0, True), (1.0, True)]
    assert all(row["seed"] is None and row["screenshot"] is None for row in rows)
    left_out = [json.loads(line) for line in (out / "unconverted.jsonl").read_text().splitlines()]
    assert {Path(line["file"]).name[:13]: line["cause"] for line in left_out} == {
        "enter-text_d_": "nothing was recorded",
        "enter-text_e_": "the last action is not recorded",
        "enter-text_f_": "the file cannot be read",
        "g_other.json": "not a demonstration",
        "enter-text_h_": "states that are not as MiniWoB++ records them",
        "click-color_a": "the instruction names a colour by a picture, which is not recorded",
        "no-such-task_": "unknown task",
    }
    text = console.export_text()
    assert "3 of 10 demonstrations converted, 2 of the 6 that solved their task" in text
    assert "the oracle has the same verb" in text


def test_the_number_of_workers_does_not_change_the_bytes(folder, tmp_path):
    made = [
        contents(
            import_demos(ImportDemosConfig(folder, tmp_path / str(n), workers=n, shard_episodes=2), Console(quiet=True))
        )
        for n in (1, 2)
    ]
    assert made[0] == made[1]
    assert "enter-text/part-00003.parquet" in made[0]


def test_a_dataset_of_other_demonstrations_is_not_overwritten_unasked(folder, tmp_path):
    quiet = Console(quiet=True)
    import_demos(ImportDemosConfig(folder, tmp_path / "out", workers=1), quiet)
    fewer = {"tasks": ("enter-text",), "workers": 1}
    with pytest.raises(DatasetError, match=r"made otherwise \(demonstrations "):
        import_demos(ImportDemosConfig(folder, tmp_path / "out", **fewer), quiet)
    import_demos(ImportDemosConfig(folder, tmp_path / "out", **fewer, overwrite=True), quiet)


def test_folders_without_demonstrations_are_named(tmp_path):
    with pytest.raises(ImportDemosError, match="there is no folder"):
        import_demos(ImportDemosConfig(tmp_path / "none", tmp_path / "out"))
    with pytest.raises(ImportDemosError, match="has no <task>/<name>"):
        import_demos(ImportDemosConfig(tmp_path, tmp_path / "out"))


@pytest.mark.skipif(
    "WEBAGENT_HUMAN_DEMOS" not in os.environ, reason="WEBAGENT_HUMAN_DEMOS names no folder of real ones"
)
def test_nearly_all_real_demonstrations_that_solved_their_task_convert(tmp_path):
    console = Console(record=True, width=200)
    import_demos(ImportDemosConfig(Path(os.environ["WEBAGENT_HUMAN_DEMOS"]), tmp_path / "out", agreement=True), console)
    match = re.search(r"converted, (\d+) of the (\d+) that solved", console.export_text())
    assert match is not None
    assert int(match[1]) >= 0.97 * int(match[2])
