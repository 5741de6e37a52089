"""The second judge without BrowserGym: its verdicts. With it, ``webagent bench --second-judge`` measures."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from webagent.episodes import EpisodeResult
from webagent.judge import Judgement, Verdict, judge
from webagent.output import UsageError


def verdict(raw=1.0, **answer):
    episode = EpisodeResult("click-button", 7, "Click it.", raw >= 1, raw, 1, ("click 1",), "terminated", "", "00")
    return Verdict.of(episode, {"goal": "Click it.", "done": True, "raw_reward": 1.0} | answer)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, ""),
        ({"raw_reward": 0.3}, ""),
        ({"raw_reward": -1.0}, "another reward"),
        ({"raw_reward": 0.0, "done": False}, "the page did not end"),
        ({"raw_reward": -1.0, "refused": "click 1: gone"}, "an action was refused"),
        ({"raw_reward": -1.0, "goal": "Click that."}, "another instruction"),
        ({"raw": -1.0}, "another reward"),
        ({"raw_reward": 0.0, "ended": "invalid url", "page_reward": 1.0}, "BrowserGym ended it: invalid url"),
    ],
)
def test_a_difference_of_reward_has_its_cause(given, cause):
    assert verdict(**given).cause == cause


def test_a_raw_reward_that_differs_with_the_same_outcome_is_counted_apart():
    assert verdict(raw_reward=0.3).other_raw and not verdict().other_raw
    assert not verdict(raw_reward=-1.0).other_raw


def test_a_fault_of_the_second_judge_is_no_verdict():
    judgement = Judgement("1", (verdict(), verdict(fault="gone"), verdict(raw_reward=-1.0)), ("chase-circle",))
    assert (len(judgement.judged), len(judgement.differences)) == (2, 1)
    console = Console(file=io.StringIO(), width=200)
    judgement.print(console)
    said = console.file.getvalue()
    assert "1 of 2 episodes" in said and "gone" in said and "chase-circle" in said and "another reward" in said


@pytest.mark.parametrize("python", [Path("/no/such/python"), Path(sys.executable)])
def test_an_interpreter_without_browsergym_is_refused_in_one_line(python):
    with pytest.raises(UsageError, match="second-judge"):
        judge([], python, Console(file=io.StringIO()))
