import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from webagent.statistics import mean_covariance, mean_interval, wilson_interval


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


@given(
    st.lists(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=20)
)
def test_the_interval_of_a_mean_has_a_width_and_turns_with_the_outcomes(tasks):
    successes, episodes = zip(*tasks, strict=True)
    mean = sum(k / n for k, n in tasks) / len(tasks)
    low, high = mean_interval(successes, episodes)
    assert 0 <= low <= mean + 1e-12 and mean - 1e-12 <= high <= 1 and high - low > 0.001
    turned = mean_interval([n - k for k, n in tasks], episodes)
    assert (low, high) == pytest.approx((1 - turned.high, 1 - turned.low))


@given(st.integers(1, 40), st.data())
def test_the_interval_of_tasks_of_one_episode_is_wilsons_of_all_and_one_task_has_its_own(episodes, data):
    successes = data.draw(st.integers(0, episodes))
    expected = pytest.approx(wilson_interval(successes, episodes))
    outcomes = [1] * successes + [0] * (episodes - successes)
    assert mean_interval(outcomes, [1] * episodes) == expected
    assert mean_interval([successes], [episodes]) == expected


@pytest.mark.parametrize(
    ("rates", "episodes"),
    [
        ([0.25] * 16, 1),
        ([0.95] * 16, 1),
        ([0.9] * 16, 2),
        ([0.95] * 16, 5),
        ([0.05] + [0.99] * 15, 5),
        ([0.99, 0.0], 100),
        ([0.95] * 125, 5),
        ([0.9] * 20, [1, 5] * 10),
    ],
)
def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says(rates, episodes):
    random, counts = np.random.default_rng(0), np.broadcast_to(episodes, len(rates))
    found = [mean_interval(random.binomial(counts, rates), counts) for _ in range(1000)]
    assert np.mean([low <= np.mean(rates) <= high for low, high in found]) > 0.925


def test_the_interval_of_a_mean_over_tasks_is_near_the_normal_one():
    successes, episodes = [90, 60, 30, 80], [100, 100, 100, 200]
    rates = np.divide(successes, episodes)
    error = math.sqrt(sum(r * (1 - r) / n for r, n in zip(rates, episodes, strict=True))) / len(rates)
    found = mean_interval(successes, episodes)
    assert found == pytest.approx((rates.mean() - 1.96 * error, rates.mean() + 1.96 * error), abs=0.005)


def test_the_interval_of_a_mean_leaves_out_tasks_without_episodes():
    assert mean_interval([5, 0], [10, 0]) == mean_interval([5], [10])
    assert mean_interval([0], [0]) == (0.0, 1.0)


@pytest.mark.parametrize(("rate", "bound"), [(0, "low"), (1, "high")])
def test_a_mean_of_equal_outcomes_keeps_a_width(rate, bound):
    found = mean_interval([15 * rate, 15 * rate], [15, 15])
    assert found == pytest.approx(wilson_interval(30 * rate, 30))
    assert mean_interval([10 * rate, 20 * rate], [10, 20], over_tasks=True) == wilson_interval(2 * rate, 2)
    assert getattr(found, bound) == rate


def test_the_interval_over_tasks_is_near_that_of_a_two_stage_bootstrap_and_wider_than_over_episodes():
    # Variance of the mean: between tasks (of the observed rates) plus within tasks.
    rates, episodes = np.array([0.9, 0.2, 0.6, 0.8, 0.5, 1.0, 0.3, 0.7]), 50
    successes = [round(rate * episodes) for rate in rates]
    error = math.sqrt((rates.var() + (rates * (1 - rates)).mean() / episodes) / len(rates))
    found = mean_interval(successes, [episodes] * 8, over_tasks=True)
    assert found == pytest.approx((rates.mean() - 1.96 * error, rates.mean() + 1.96 * error), abs=0.015)
    over_episodes = mean_interval(successes, [episodes] * 8)
    assert found.low < over_episodes.low < over_episodes.high < found.high


def test_the_interval_over_tasks_repeats_and_is_never_narrower_than_that_of_the_tasks_as_given():
    outcomes, episodes = [1] * 15 + [0], [1] * 16
    found, given = (mean_interval(outcomes, episodes, over_tasks=over_tasks) for over_tasks in (True, False))
    assert found.low <= given.low < given.high <= found.high
    assert found == mean_interval(outcomes, episodes, over_tasks=True)


def test_the_covariance_of_two_means_is_that_of_the_episodes_within_each_task():
    x, y = [[1, 0, 0, 1], [1, 1, 0]], [[0, 1, 0, 0], [0, 1, 0]]
    expected = sum(np.cov(a, b)[0, 1] / len(a) for a, b in zip(x, y, strict=True)) / 2**2
    first, second = (np.array([sum(values) for values in lists]) for lists in (x, y))
    products = np.array([np.dot(a, b) for a, b in zip(x, y, strict=True)])
    assert mean_covariance(first, second, products, np.array([4, 3])) == pytest.approx(expected)
