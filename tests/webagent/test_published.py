import dataclasses

import pytest

from envs import tasks
from webagent import published
from webagent.config import BenchConfig
from webagent.episodes import EpisodeResult
from webagent.protocols import PROTOCOLS
from webagent.results import BenchResult


def result(suite, **changes):
    config = BenchConfig(suite=suite, **changes)
    names = config.tasks or [task.name for task in tasks.select(PROTOCOLS[suite].suite)]
    episodes = [EpisodeResult(name, 1, "", True, 1.0, 1, ("wait",), "terminated", "", "00") for name in names]
    return BenchResult(config, config.protocol(""), tuple(episodes), "", {})


def test_every_figure_has_a_source_and_is_a_rate():
    assert all(row.source and row.agent and 0 < row.success <= 1 for row in published.table())


def test_suites_and_rules_are_ones_there_are():
    assert {row.suite for row in published.table()} - {""} <= PROTOCOLS.keys()
    assert {row.rule for row in published.table()} <= {"", "strict", "raw > 0"}


@pytest.mark.parametrize("suite", ["webgum56", "browsergym125", "pix2act59"])
def test_figures_beside_a_run_are_for_its_tasks_best_first(suite):
    rows = [row for row, _ in published.beside(result(suite))]
    assert len(rows) >= 2 and {row.suite for row in rows} == {suite}
    assert [row.success for row in rows] == sorted((row.success for row in rows), reverse=True)
    assert len(rows) + len(published.apart(result(suite))) == len(published.table())


def test_webgums_own_figure_compares_and_one_without_a_rule_is_marked():
    remarks = {row.agent: remark for row, remark in published.beside(result("webgum56"))}
    assert remarks["WebGUM XL HTML+image (401K)"] == ""
    assert remarks["HTML-T5++"] == "success rule not stated"


def test_a_selection_of_tasks_has_nothing_beside_it():
    assert published.beside(result("webgum56", tasks=("click-button",))) == []


def test_other_tasks_and_rules_are_told():
    row = next(row for row in published.table() if row.suite == "pix2act59")
    assert published.differences(row, result("webgum56")) == "59 other tasks, other success rule: raw > 0"
    assert published.differences(row, result("pix2act59")) == "59 tasks, here 58 of them"
    unknown = dataclasses.replace(row, tasks=None, suite="", rule="")
    assert published.differences(unknown, result("webgum56")) == "other tasks, success rule not stated"
