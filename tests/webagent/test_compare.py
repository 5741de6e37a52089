import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webagent.compare import compare_results, differences_of_method
from webagent.config import BenchConfig
from webagent.episodes import EpisodeResult
from webagent.output import UsageError
from webagent.paired import Comparison, Pairs, difference_interval, mcnemar
from webagent.results import BenchResult
from webagent.statistics import wilson_interval

RECORD = {"versions": {"miniwob": "1"}, "browser": "Chromium 1", "commit": "a", "dirty": []}


def run(outcomes, task="click-button", **changes):
    episodes = tuple(
        EpisodeResult(task, seed, "Click it.", won, float(won), 1, ("wait",), "terminated", "", "00")
        if won is not None
        else EpisodeResult(task, seed, "", False, 0.0, 0, (), "fault", "gone", "00")
        for seed, won in enumerate(outcomes)
    )
    config = BenchConfig(tasks=(task,), policy="random", first_seed=0, episodes=max(1, len(outcomes)))
    result = BenchResult(config, config.protocol(""), episodes, "", RECORD)
    return dataclasses.replace(result, **changes)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_two_sided_binomial_test_of_the_discordant_pairs(one, other):
    n = one + other
    tail = sum(math.comb(n, k) for k in range(min(one, other) + 1)) / 2**n
    assert mcnemar(one, other) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar(one, other) == pytest.approx(mcnemar(other, one))


def test_mcnemar_of_a_textbook_example():
    # 5 against 16 discordant pairs, e.g. Agresti: exact two-sided p = 0.0266
    assert mcnemar(5, 16) == pytest.approx(0.02660, abs=1e-5)


def test_the_interval_of_a_difference_is_near_the_normal_one_and_narrower_than_unpaired():
    pairs = Pairs("a", both=60, only_first=5, only_second=15, neither=20)
    share, difference = 20 / 100, 10 / 100
    error = math.sqrt((share - difference**2) / 100)
    low, high = difference_interval([pairs])
    assert (low, high) == pytest.approx((difference - 1.96 * error, difference + 1.96 * error), abs=0.015)


def test_the_interval_of_a_difference_has_a_width_where_each_task_has_one_episode():
    # 12 of 16 solved only by the second: Wilson's intervals of 12 and of 0 of 16, put together.
    gained, lost = wilson_interval(12, 16), wilson_interval(0, 16)
    expected = 0.75 - math.hypot(0.75 - gained.low, lost.high), gained.high
    pairs = [Pairs(str(number), 0, 0, int(number < 12), int(number >= 12)) for number in range(16)]
    assert difference_interval(pairs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gain", "loss", "episodes"),
    [
        ([0.75] * 16, 0.0, 1),
        ([0.2] * 16, 0.2, 1),
        ([0.05] * 16, 0.02, 5),
        ([0.95] + [0.01] * 15, 0.01, 5),
        ([0.5] * 4 + [0.0] * 12, 0.0, 5),
        ([0.3] * 16, 0.3, [1, 5] * 8),
    ],
)
def test_the_interval_of_a_difference_covers_it_about_as_often_as_it_says(gain, loss, episodes):
    random, counts = np.random.default_rng(0), np.broadcast_to(episodes, len(gain))
    shares = [(loss, share, 1 - loss - share) for share in gain]
    truth, covered = np.mean(gain) - loss, 0
    for _ in range(1000):
        drawn = random.multinomial(counts, shares)
        low, high = difference_interval([Pairs("a", int(same), int(lost), int(won), 0) for lost, won, same in drawn])
        covered += low <= truth <= high
    assert covered / 1000 > 0.925


@pytest.mark.parametrize(("won", "lost"), [(5, 0), (0, 5), (5, 5), (0, 0)])
def test_the_interval_of_a_difference_lies_between_minus_one_and_one(won, lost):
    tasks = [Pairs("a", 0, 0, won, 0 if won else 1), Pairs("b", 0, lost, 0, 0 if lost else 1), Pairs("c", 0, 0, 0, 1)]
    low, high = difference_interval(tasks)
    assert -1 <= low < (bool(won) - bool(lost)) / 3 < high <= 1


def test_episodes_are_paired_by_task_and_seed_and_faults_left_out():
    comparison, different = compare_results(run([True, True, False, None, False]), run([True, False, True, True]))
    assert comparison.tasks == (Pairs("click-button", both=1, only_first=1, only_second=1, neither=0),)
    assert [(episode.first.seed, episode.winner) for episode in different] == [(1, "first"), (2, "second")]


def test_runs_without_a_common_episode_are_refused():
    with pytest.raises(UsageError, match=r"no episode .* page seeds 0 - 0, the second 1, 0 - 0; measure both"):
        compare_results(run([True]), run([True], task="click-link"))


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (Pairs("a", 50, 0, 0, 50), "cannot tell the two apart"),
        (
            Pairs("a", 50, 3, 5, 42),
            "No difference is shown: two equally good",
        ),
        (Pairs("a", 50, 5, 20, 25), "B is better than A"),
        (Pairs("a", 50, 20, 5, 25), "A is better than B"),
        (Pairs("a", 20, 0, 80, 0), "less than 0.001"),
    ],
)
def test_a_sentence_says_what_a_difference_means(pairs, words):
    assert words in Comparison((pairs,)).sentence("A", "B")


@pytest.mark.parametrize("solved", [10, 40])
def test_no_policy_is_called_better_whose_mean_over_tasks_is_worse(solved):
    comparison = Comparison((Pairs("a", 0, 0, solved, 100 - solved), Pairs("b", 0, 4, 0, 1)))
    assert comparison.only_second > comparison.only_first and comparison.second < comparison.first
    sentence = comparison.sentence("A", "B")
    assert "do not point the same way" in sentence and "is better than" not in sentence


def test_other_differences_than_the_policy_are_named():
    one = run([True])
    assert differences_of_method(one, one) == []
    other = run([True], provenance=RECORD | {"browser": "Chromium 2", "commit": "b"})
    assert len(differences_of_method(one, other)) == 2
