"""The second judge without BrowserGym: its verdicts. With it, ``webagent bench --second-judge`` measures."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from webagent.benchmark import BenchConfig, bench
from webagent.episodes import EpisodeResult
from webagent.judge import Judgement, Verdict, judge
from webagent.output import UsageError
from webagent.results import read_results


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


def config(folder, **judge):
    only = {"tasks": ("click-button",), "policy": "oracle", "episodes": 1, "workers": 1}
    return BenchConfig(**only, out=folder / "run", json=folder / "found.json", **judge)


def stand_in(folder, answers):
    """In place of an environment with BrowserGym: a program that greets, and answers questions."""
    program = folder / "python"
    program.write_text(f"""#!/bin/sh
echo '{{"tasks": ["click-button"], "version": "1"}}'
{answers}""")
    program.chmod(0o755)
    return program


def test_a_second_judge_that_does_not_start_is_found_before_the_first_episode(tmp_path):
    with pytest.raises(UsageError, match="second-judge"):
        bench(config(tmp_path, second_judge=Path("/bin/false")))
    assert list(tmp_path.iterdir()) == []


def test_a_second_judge_that_breaks_does_not_cost_the_results(tmp_path):
    with pytest.raises(UsageError, match="second-judge"):
        bench(config(tmp_path, second_judge=stand_in(tmp_path, "read question")))
    assert len(json.loads((tmp_path / "found.json").read_text())["episodes"]) == 1
    assert read_results(tmp_path / "run").episodes and (tmp_path / "run" / "index.html").is_file()


def test_what_the_second_judge_says_is_stored_and_on_the_page(tmp_path):
    answers = """while read question; do echo '{"raw_reward": 1, "done": true}'; done"""
    bench(config(tmp_path, second_judge=stand_in(tmp_path, answers)))
    said = json.loads((tmp_path / "run" / "second_judge.json").read_text())
    assert (said["judge"], said["same_reward"]) == ("browsergym-miniwob 1", 1)
    assert "the same reward (raw &gt; 0) in 1 of 1 episodes" in (tmp_path / "run" / "index.html").read_text()


@pytest.mark.parametrize("python", [Path("/no/such/python"), Path(sys.executable)])
def test_an_interpreter_without_browsergym_is_refused_in_one_line(python):
    with pytest.raises(UsageError, match="second-judge"):
        judge([], python, Console(file=io.StringIO()))
