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


def bootstrap_mean_interval(
    successes: Sequence[int],
    episodes: Sequence[int],
    *,
    over_tasks: bool = False,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval (Efron 1979) of the mean success rate over tasks.

    The episodes of each task are drawn anew. Drawing n of n yes-or-no outcomes with replacement is a binomial draw,
    which is what happens here. A bootstrap of equal outcomes has no width: there it is Wilson's interval, of all
    episodes together, or with each task as one observation.

    Args:
        successes: of each task.
        episodes: of each task; tasks without any are left out.
        over_tasks: whether the tasks are a sample of tasks, and are drawn anew too. That answers another question, how
            such a policy would do on other tasks of this kind, and is wider. Otherwise the suite is given.
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
    if k.sum() in (0, n.sum()):
        counted = np.ones_like(n) if over_tasks else n
        return wilson_interval(int(counted.sum()) if k.sum() else 0, int(counted.sum()), level)
    random = np.random.default_rng(seed)
    tasks = random.integers(n.size, size=(resamples, n.size)) if over_tasks else np.arange(n.size)
    drawn = random.binomial(n[tasks], (k / n)[tasks], size=(resamples, n.size))
    low, high = np.quantile((drawn / n[tasks]).mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
