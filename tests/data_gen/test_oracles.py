"""Oracles in the real browser, and what they may know."""

from __future__ import annotations

import importlib.resources
import re

import gymnasium
import numpy as np
import pytest

from data_gen import oracles
from data_gen.oracles.base import REGISTRY, oracle
from envs import tasks
from envs.action import Action
from envs.loop import run_episode

SEEDS = range(20_000_000, 20_000_003)


def observation(instruction: str, html: str, boxes=()) -> dict:
    array = np.zeros((1024, 4), np.float32)
    array[: len(boxes)] = np.reshape(boxes, (-1, 4))
    return {"instruction": instruction, "html": html, "boxes": array, "last_error": ""}


def test_the_first_tasks_have_oracles():
    assert {task.name for task in tasks.select("thin16")} <= set(oracles.names())


def test_every_entry_names_a_task_and_a_reason_where_it_is_privileged():
    for name in oracles.names():
        entry = oracles.entry(name)
        assert entry.task == name == tasks.get(name).name
        assert entry.privileged == bool(entry.reason)


@pytest.mark.parametrize("task", oracles.names())
def test_solves_its_task_and_follows_from_what_it_saw(task):
    """The recorded observations, shown to a fresh oracle without a browser, give the same actions."""
    env = gymnasium.make(f"envs:webagent/{task}-v1", screenshot=False)
    policy = oracles.get(task)
    for seed in SEEDS:
        episode = run_episode(env, policy, seed=seed)
        did = [step.action for step in episode.steps]
        assert episode.success, f"{task} seed {seed}: raw reward {episode.raw_reward}, fault {episode.fault!r}, {did}"
        assert not any(step.error for step in episode.steps)
        again = oracles.get(task)
        assert [again.act(step.observation) for step in episode.steps] == did
    env.close()


def test_a_reset_forgets_the_last_episode():
    policy = oracles.get("enter-text")
    page = observation('Enter "Ada" into the text field and press Submit.', "<input ref=0 id=tt>")
    assert policy.act(page) == policy.act(page) == Action("type", (0, "Ada"))
    policy.reset()
    assert policy.act(page) == Action("type", (0, "Ada"))


def test_a_task_without_an_oracle_is_a_clear_error():
    with pytest.raises(oracles.NoOracle, match="no oracle for task 'click-buton'; near: click-button"):
        oracles.get("click-buton")


@pytest.mark.parametrize("html", ["", "<div>nothing here</div>", "<button ref=3>No</button>"])
def test_an_oracle_that_is_lost_says_so(html):
    with pytest.raises(oracles.OracleError):
        oracles.get("click-button").act(observation('Click on the "Yes" button.', html))


def test_an_instruction_of_another_task_is_an_error():
    with pytest.raises(oracles.OracleError, match="does not fit"):
        oracles.get("click-button").act(observation("Select Ada and click Submit.", "<button ref=3>No</button>"))


def test_two_oracles_for_one_task_are_refused():
    with pytest.raises(ValueError, match="click-button has two oracles"):
        oracle("click-button")(lambda page: Action("wait"))
    assert REGISTRY["click-button"].rule.__name__ == "click_button"


CHECKBOXES = """<div id=boxes><label ref=0><input ref=1 type=checkbox id=ch0{}> ada</label> <label ref=2>
<input ref=3 type=checkbox id=ch1{}> ad</label></div><button ref=4 class=secondary-action id=subbtn>Submit</button>"""


@pytest.mark.parametrize(
    ("first", "second", "ref"), [("", "", 1), (" checked", "", 4), (" checked", " checked", 3), ("", " checked", 1)]
)
def test_checkboxes_are_put_right_from_any_state(first, second, ref):
    page = observation("Select ada and click Submit.", CHECKBOXES.format(first, second))
    assert oracles.get("click-checkboxes").act(page) == Action("click", (ref,))


def forwarding_templates() -> list[str]:
    """The ways of asking that the page itself draws from."""
    page = importlib.resources.files("miniwob") / "html" / "miniwob" / "email-inbox-forward-nl.html"
    return re.findall(r"^  '(.*NAME.*)',$", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("template", forwarding_templates())
def test_forwarding_is_understood_in_every_wording(template):
    inbox = "".join(
        f"<div ref={ref} class=email-thread><div class=email-sender>{name}</div></div>"
        for ref, name in enumerate(("Zsa Zsa", "Ann-Marie", "TEirtza", "Ann"))
    )
    form = '<div id=forward><input ref=4 class=forward-sender value="{}"><span ref=5 id=send-forward></span></div>'
    for sender, recipient in (("Zsa Zsa", "Ann"), ("Ann", "Ann-Marie"), ("TEirtza", "Zsa Zsa"), ("Ann-Marie", "Ann")):
        instruction = template.replace("NAME", sender, 1).replace("DEST", recipient, 1)
        policy = oracles.get("email-inbox-forward-nl")
        thread = ("Zsa Zsa", "Ann-Marie", "TEirtza", "Ann").index(sender)
        assert policy.act(observation(instruction, inbox)) == Action("click", (thread,))
        assert policy.act(observation(instruction, form.format(""))) == Action("type", (4, recipient))
        assert policy.act(observation(instruction, form.format(recipient))) == Action("click", (5,))


def test_there_are_thirty_wordings_and_one_for_tests():
    assert len(forwarding_templates()) == 31
