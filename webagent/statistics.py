"""Intervals for success rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A confidence interval of a rate; both ends lie in [0, 1]."""

    low: float
    high: float


def wilson_interval(successes: int, episodes: int, level: float = 0.95) -> Interval:
    """The score interval of a success rate (Wilson 1927, without continuity correction).

    It keeps its coverage at 0 and 100 %, where the usual mean +- 1.96 standard errors has no width at all.

    Args:
        successes: how many episodes succeeded.
        episodes: how many there were.
        level: coverage, in (0, 1).

    Returns:
        The interval; (0, 1), that is no knowledge, of no episodes.

    Raises:
        ValueError: if there are more successes than episodes, or a count is negative.
    """
    if not 0 <= successes <= episodes:
        raise ValueError(f"{successes} successes of {episodes} episodes is not a rate")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}")
    if episodes == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate, spread = successes / episodes, z * z / episodes
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / episodes + spread / (4 * episodes))
    # At the ends the formula gives exactly 0 and 1, up to rounding.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if successes == episodes else min(1.0, centre + half))


def mean_interval(
    successes: Sequence[int] | np.ndarray,
    episodes: Sequence[int] | np.ndarray,
    *,
    over_tasks: bool = False,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The interval of the mean success rate over tasks.

    Of given tasks it is Wilson's score interval with the variance of a stratified mean in place of a single rate's
    (``mean_covariance``): its ends are where the mean comes to lie z standard errors from what was observed, when all
    success rates (lower end) or all failure rates (upper end) shrink by one factor. Of one task, and of tasks all
    right or all wrong with as many episodes each, it is Wilson's interval; of many episodes mean +- z standard errors.

    Args:
        successes: of each task.
        episodes: of each task; tasks without any are left out.
        over_tasks: whether the tasks are a sample of tasks. That answers another question, how such a policy would do
            on other tasks of this kind, and is wider: the percentile bootstrap (Efron 1979), tasks and then their
            episodes drawn anew, and at least the interval of the tasks as given.
        level: coverage, in (0, 1).
        resamples: bootstrap draws.
        seed: of the draws, so that equal results have equal intervals.

    Returns:
        The interval; (0, 1) if no task has an episode.
    """
    n = np.asarray(episodes, dtype=np.int64)
    k = np.asarray(successes, dtype=np.int64)[n > 0]
    n = n[n > 0]
    if n.size == 0:
        return Interval(0.0, 1.0)
    given = wilson_interval(int(k[0]), int(n[0]), level) if n.size == 1 else _score_interval(k, n, level)
    if not over_tasks:
        return given
    if k.sum() in (0, n.sum()):
        return wilson_interval(n.size if k.sum() else 0, n.size, level)
    random = np.random.default_rng(seed)
    tasks = random.integers(n.size, size=(resamples, n.size))
    drawn = random.binomial(n[tasks], (k / n)[tasks])
    low, high = np.quantile((drawn / n[tasks]).mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(min(float(low), given.low), max(float(high), given.high))


def mean_covariance(first: np.ndarray, second: np.ndarray, products: np.ndarray, episodes: np.ndarray) -> float:
    """The covariance of two means over the same tasks, from the episodes of each (Cochran 1977, Sampling Techniques).

    Within a task it is estimated without bias (section 5.4). A task of one episode says nothing of that: such tasks
    are taken as if all had the same rates, which is too much rather than too little (collapsed strata, section 5A.12).

    Args:
        first: sums over the episodes of each task, (tasks,).
        second: those of the other quantity; the same again for a variance.
        products: sums of the products of both.
        episodes: of each task, at least one.
    """
    x, y = first / episodes, second / episodes
    within = (products - episodes * x * y) / np.maximum(episodes - 1, 1)
    within = np.where(episodes > 1, within, (x - x.mean()) * (y - y.mean()))
    return float((within / episodes).sum()) / episodes.size**2


def _score_interval(k: np.ndarray, n: np.ndarray, level: float) -> Interval:
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    rate = float((k / n).mean())
    spread = z2 * float((1 / n).sum()) / n.size**2
    root = spread + math.sqrt(spread**2 + 4 * z2 * mean_covariance(k, k, k, n))
    # With one task's variance, these are the roots of Wilson's quadratic.
    return Interval(2 * rate**2 / (2 * rate + root), 1 - 2 * (1 - rate) ** 2 / (2 * (1 - rate) + root))
