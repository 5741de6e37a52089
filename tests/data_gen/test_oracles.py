"""Oracles in the real browser, and what they may know."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_gen import oracles
from data_gen.collect import CollectConfig, collect
from data_gen.oracles.base import REGISTRY, oracle
from envs import tasks
from envs.action import Action

FIRST_SEED, EPISODES = 30_000_000, 2
BLACK = np.zeros((210, 160, 3), np.uint8)


def observation(instruction: str, html: str, boxes=()) -> dict:
    array = np.zeros((1024, 4), np.float32)
    array[: len(boxes)] = np.reshape(boxes, (-1, 4))
    return {"instruction": instruction, "html": html, "boxes": array, "screenshot": BLACK, "last_error": ""}


def test_all_tasks_but_one_have_an_oracle():
    assert {task.name for task in tasks.select()} - set(oracles.names()) == {"hover-shape"}  # it never pays


def test_every_entry_names_a_task_and_a_reason_where_it_is_privileged():
    for name in oracles.names():
        entry = oracles.entry(name)
        assert entry.task == name == tasks.get(name).name
        assert entry.privileged == bool(entry.reason)


@pytest.fixture(scope="module")
def dataset(once) -> Path:
    """Some episodes of every oracle, in the browser."""
    settings = {"tasks": tuple(oracles.names()), "episodes": EPISODES, "first_seed": FIRST_SEED}
    return once("oracles", lambda folder: collect(CollectConfig(folder, **settings)))


@pytest.mark.parametrize("task", oracles.names())
def test_solves_its_task(dataset, task):
    tally = json.loads((dataset / "dataset.json").read_text())["tasks"][task]["tally"]
    assert tally["kept"] == EPISODES or oracles.entry(task).limit, tally


REPLAY = """
import sys
from itertools import groupby
import numpy as np
from data_gen import oracles
from data_gen.dataset import decode_screenshot, read_dataset

table = read_dataset(sys.argv[1])
differing = set()
for (task, seed), rows in groupby(table.to_pylist(), key=lambda row: (row["task"], row["seed"])):
    policy = oracles.get(task, seed)
    for row in rows:
        boxes = np.zeros((1024, 4), np.float32)
        boxes[: len(row["refs"])] = np.reshape(row["boxes"], (-1, 4))
        observation = row | {"boxes": boxes, "screenshot": decode_screenshot(row["screenshot"])}
        if str(policy.act(observation)) != row["action"]:
            differing.add(task)
print("differing:", *sorted(differing))
"""


def test_every_oracle_follows_from_what_it_saw(dataset):
    """The stored observations, in a process that can start no browser, lead to the same actions."""
    nowhere = os.environ | {"WEBAGENT_CHROMIUM": "no-such-browser"}
    run = subprocess.run([sys.executable, "-c", REPLAY, str(dataset)], capture_output=True, text=True, env=nowhere)
    assert run.stdout.strip() == "differing:", run.stderr[-2000:]


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
