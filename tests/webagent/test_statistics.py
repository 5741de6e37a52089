import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from webagent.statistics import bootstrap_mean_interval, wilson_interval


@given(st.integers(1, 500), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_interval_equals_scipys(episodes, data, level):
    successes = data.draw(st.integers(0, episodes))
    expected = scipy.stats.binomtest(successes, episodes).proportion_ci(level, method="wilson")
    assert wilson_interval(successes, episodes, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_interval_known_values():
    # Newcombe 1998, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_wilson_interval_of_nothing_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "episodes", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_wilson_interval_refuses_what_is_no_rate(successes, episodes, level):
    with pytest.raises(ValueError):
        wilson_interval(successes, episodes, level)


def test_bootstrap_interval_of_one_task_is_near_scipys():
    outcomes = np.array([1] * 70 + [0] * 30)
    expected = scipy.stats.bootstrap((outcomes,), np.mean, method="percentile", rng=np.random.default_rng(1))
    found = bootstrap_mean_interval([70], [100])
    assert found == pytest.approx(expected.confidence_interval, abs=0.015)


def test_bootstrap_interval_of_a_mean_over_tasks_is_near_the_normal_one():
    successes, episodes = [90, 60, 30, 80], [100, 100, 100, 200]
    rates = np.divide(successes, episodes)
    error = math.sqrt(sum(r * (1 - r) / n for r, n in zip(rates, episodes, strict=True))) / len(rates)
    found = bootstrap_mean_interval(successes, episodes)
    assert found == pytest.approx((rates.mean() - 1.96 * error, rates.mean() + 1.96 * error), abs=0.005)


def test_bootstrap_interval_repeats_and_leaves_out_tasks_without_episodes():
    assert bootstrap_mean_interval([5, 0], [10, 0]) == bootstrap_mean_interval([5], [10])
    assert bootstrap_mean_interval([0], [0]) == (0.0, 1.0)


@pytest.mark.parametrize(("rate", "bound"), [(0, "low"), (1, "high")])
def test_a_mean_of_equal_outcomes_keeps_a_width(rate, bound):
    found = bootstrap_mean_interval([10 * rate, 20 * rate], [10, 20])
    assert found == wilson_interval(30 * rate, 30)
    assert bootstrap_mean_interval([10 * rate, 20 * rate], [10, 20], over_tasks=True) == wilson_interval(2 * rate, 2)
    assert getattr(found, bound) == rate


def test_the_interval_over_tasks_is_near_that_of_a_two_stage_bootstrap_and_wider_than_over_episodes():
    # Variance of the mean: between tasks (of the observed rates) plus within tasks.
    rates, episodes = np.array([0.9, 0.2, 0.6, 0.8, 0.5, 1.0, 0.3, 0.7]), 50
    successes = [round(rate * episodes) for rate in rates]
    error = math.sqrt((rates.var() + (rates * (1 - rates)).mean() / episodes) / len(rates))
    found = bootstrap_mean_interval(successes, [episodes] * 8, over_tasks=True)
    assert found == pytest.approx((rates.mean() - 1.96 * error, rates.mean() + 1.96 * error), abs=0.015)
    over_episodes = bootstrap_mean_interval(successes, [episodes] * 8)
    assert found.low < over_episodes.low < over_episodes.high < found.high
