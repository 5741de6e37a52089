import io
import json
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import gymnasium
import pytest
from rich.console import Console

from envs import browser
from envs.loop import PolicyError, RandomPolicy, run_episode
from webagent.agents import Agent
from webagent.benchmark import BenchConfig, bench
from webagent.episodes import EpisodeResult, TaskResult
from webagent.output import UsageError
from webagent.results import BenchResult
from webagent.table import print_results
from webagent.units import Unit, run_unit


def episode(seed=0, success=False, raw=0.0, end="terminated", note="", page="a"):
    return EpisodeResult("click-button", seed, "Click it.", success, raw, 2, ("wait", "wait"), end, note, page)


def test_a_fault_is_neither_success_nor_failure():
    row = TaskResult.of("click-button", [episode(success=True, raw=1.0), episode(end="fault", note="gone")])
    assert (row.scored, row.successes, row.faults, row.rate) == (1, 1, 1, 1.0)


def test_browsergyms_rule_stands_beside_the_strict_one():
    row = TaskResult.of("click-button", [episode(raw=0.5), episode(raw=-1.0), episode(success=True, raw=1.0)])
    assert (row.successes, row.positive) == (1, 2)


def test_causes_of_failures_are_counted():
    episodes = [episode(), episode(raw=0.5), episode(end="truncated"), episode(end="truncated"), episode(end="lost")]
    causes = TaskResult.of("click-button", episodes).causes
    assert causes == {"out of steps": 2, "wrong": 1, "partly right": 1, "policy gave up": 1}


def test_a_task_without_a_scored_episode_has_no_rate_but_an_interval():
    row = TaskResult.of("click-button", [episode(end="fault")])
    assert (row.scored, row.rate, row.interval) == (0, 0.0, (0.0, 1.0))


def test_the_results_file_holds_every_episode_in_order(tmp_path):
    file = tmp_path / "results.json"
    bench(BenchConfig(tasks=("click-link", "click-button"), policy="oracle", episodes=3, workers=1, json=file))
    content = json.loads(file.read_text())
    assert content["schema"] == "webagent-benchmark/2"
    found = [(episode["task"], episode["seed"]) for episode in content["episodes"]]
    assert found == [(task, 5_000_000 + i) for task in ("click-link", "click-button") for i in range(3)]
    assert content["mean"]["success"] == 1.0
    assert all(episode["actions"] and episode["steps"] == len(episode["actions"]) for episode in content["episodes"])
    assert content["browser"].startswith("Chromium ")
    assert len({episode["page"] for episode in content["episodes"]}) > 1


@dataclass(frozen=True)
class BrowserKiller(Agent):
    """Kills the browser in the first `kills` episodes, then acts at random."""

    def policy(self, task, seed):
        return KillingPolicy(seed)


class KillingPolicy(RandomPolicy):
    kills = 0

    def act(self, observation):
        if KillingPolicy.kills:
            KillingPolicy.kills -= 1
            os.kill(browser.shared(browser.BrowserConfig(frame_limit=True)).pid, signal.SIGKILL)
        return super().act(observation)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_number_of_the_table_is_cut(width):
    console = Console(record=True, width=width, file=io.StringIO())
    rows = [replace(episode(seed), task="email-inbox-forward-nl-turk") for seed in range(30)]
    print_results(measured(*rows, *[episode(seed, success=True, end="terminated") for seed in range(100)]), console)
    text = console.export_text()
    assert "100%" in text and "96% - 100%" in text and "50.0%" in text and " wrong" in text
    assert "\u2026" not in text
    assert ("left out, for want of room: " in text) == (width < 120)


def measured(*episodes):
    config = BenchConfig(policy="random")
    return BenchResult(config, config.protocol(""), episodes, "", {})


@pytest.mark.parametrize(
    ("faults", "retried", "words"),
    [(0, 0, ""), (1, 0, ""), (2, 0, "2 of 100 episodes were lost"), (0, 10, ""), (0, 11, "11 of 100 episodes met")],
)
def test_a_run_with_too_many_faults_says_that_it_is_not_valid(faults, retried, words):
    episodes = [episode(seed, end="fault", note="gone") for seed in range(faults)]
    episodes += [replace(episode(seed), retried="gone") for seed in range(faults, faults + retried)]
    episodes += [episode(seed) for seed in range(len(episodes), 100)]
    found = measured(*episodes).invalid
    assert words in found and bool(words) == bool(found)


def test_a_task_without_a_scored_episode_makes_a_run_invalid():
    lost = replace(episode(end="fault"), task="click-link")
    assert "click-link" in measured(*[episode(seed) for seed in range(200)], lost).invalid


@pytest.mark.parametrize(("kills", "faults"), [(1, 0), (2, 1)])
def test_an_episode_in_which_the_browser_died_is_run_once_more(kills, faults):
    KillingPolicy.kills = kills
    result = run_unit(Unit(BrowserKiller("random"), "click-checkboxes", 0, (5_000_000, 5_000_001)))
    assert [episode.seed for episode in result.episodes] == [5_000_000, 5_000_001]
    assert [episode.end == "fault" for episode in result.episodes] == [bool(faults), False]
    assert not any(episode.success for episode in result.episodes if episode.end == "fault")
    assert [bool(episode.retried) for episode in result.episodes] == [True, False]


class KilledConfig(BenchConfig):
    @property
    def agent(self):
        return BrowserKiller(self.policy)


def test_a_browser_killed_in_the_middle_of_a_run_costs_one_episode_which_is_run_again(tmp_path):
    same = {"tasks": ("click-checkboxes", "click-tab-2"), "policy": "random", "episodes": 6, "workers": 1}
    KillingPolicy.kills = 0
    expected = bench(KilledConfig(**same, out=tmp_path / "whole"))
    KillingPolicy.kills = 1
    found = bench(KilledConfig(**same, out=tmp_path / "killed"))
    assert (found.faults, found.retried, found.scored, found.invalid) == (0, 1, 12, "")
    assert [replace(episode, retried="") for episode in found.episodes] == list(expected.episodes)
    assert json.loads((tmp_path / "killed" / "results.json").read_text())["mean"]["retried"] == 1


@pytest.mark.parametrize(
    ("first_seed", "warning"),
    [(5_000_000, ""), (4_000_000, "Validation"), (3_999_999, "Validation"), (9_999_999, "Training"), (0, "")],
)
def test_seeds_that_are_no_evaluation_are_said_to_be(first_seed, warning):
    found = BenchConfig(first_seed=first_seed, episodes=5).protocol("").warning()
    assert found.startswith(warning) and bool(found) == bool(warning)


@pytest.mark.parametrize(
    ("name", "value"),
    [("episodes", 0), ("beams", 0), ("workers", 0), ("pictures", -1), ("first_seed", -1), ("first_seed", 2**53)],
)
def test_numbers_that_make_no_sense_are_refused(name, value):
    with pytest.raises(UsageError, match=name.replace("_", "-")):
        bench(BenchConfig(policy="random", **{name: value}))


MINE = """
from envs.action import Action

class Policy:
    def reset(self):
        pass

    def act(self, observation):
        return Action("click", (int(observation["refs"].max()),))

class Half:
    def act(self, observation):
        pass
"""


def test_a_policy_of_ones_own_is_measured_like_any_other(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    result = bench(
        BenchConfig(tasks=("click-test",), policy="mine:Policy", episodes=3, workers=2, out=tmp_path / "run")
    )
    assert (result.scored, sum(episode.success for episode in result.episodes)) == (3, 3)
    assert result.checkpoint_sha256 == ""


def test_a_policy_of_ones_own_can_answer_with_text_and_its_new_code_is_another_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def measure(module, out="run"):
        return bench(BenchConfig(tasks=("click-test",), policy=f"{module}:Policy", episodes=1, out=tmp_path / out))

    (tmp_path / "texts.py").write_text(MINE.replace('Action("click", (int(observation["refs"].max()),))', "TEXT"))
    source = (tmp_path / "texts.py").read_text()
    (tmp_path / "texts.py").write_text('TEXT = "nonsense"\n' + source)
    (result,) = measure("texts").episodes
    assert (result.success, set(result.actions)) == (False, {"wait"})
    (tmp_path / "texts.py").write_text('TEXT = "click 0"\n' + source)
    with pytest.raises(UsageError, match="its policy is"):
        measure("texts")
    (tmp_path / "none.py").write_text("TEXT = None\n" + source)
    with pytest.raises(PolicyError, match="returned None, expected an action"):
        run_episode(gymnasium.make("webagent/click-test-v1"), Agent("none:Policy").policy("click-test", 0), seed=1)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothere:Policy", "No module named 'nothere'"),
        ("mine:Missing", "has no attribute 'Missing'"),
        ("mine:Action", "missing 1 required positional argument"),
        ("mine:Half", "made a Half, which has not reset"),
    ],
)
def test_code_that_brings_no_policy_is_told_before_the_work(tmp_path, monkeypatch, name, told):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told):
        bench(BenchConfig(tasks=("click-test",), policy=name, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_the_results_on_stdout_stand_alone_there(capsys):
    bench(BenchConfig(tasks=("click-test",), policy="random", episodes=2, workers=1, json=Path("-")))
    written = capsys.readouterr()
    assert json.loads(written.out)["mean"]["episodes"] == 2
    assert "click-test" in written.err
