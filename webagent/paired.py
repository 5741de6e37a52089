"""Two runs on the same pages: McNemar's test, and an interval for the difference of their means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from webagent.statistics import mean_covariance, mean_interval

LEVEL = 0.95


class Difference(NamedTuple):
    """An interval of a difference of rates, in [-1, 1]."""

    low: float
    high: float


@dataclass(frozen=True)
class Pairs:
    """Episodes of one task that both runs have, by which of the two solved them."""

    task: str
    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def episodes(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> float:
        """Success rate of the first run."""
        return (self.both + self.only_first) / self.episodes

    @property
    def second(self) -> float:
        """Success rate of the second run."""
        return (self.both + self.only_second) / self.episodes


@dataclass(frozen=True)
class Comparison:
    """All tasks of two runs; each has at least one pair."""

    tasks: tuple[Pairs, ...]

    @property
    def episodes(self) -> int:
        return sum(pairs.episodes for pairs in self.tasks)

    @property
    def only_first(self) -> int:
        return sum(pairs.only_first for pairs in self.tasks)

    @property
    def only_second(self) -> int:
        return sum(pairs.only_second for pairs in self.tasks)

    @property
    def first(self) -> float:
        """Mean success over tasks of the first run."""
        return sum(pairs.first for pairs in self.tasks) / len(self.tasks)

    @property
    def second(self) -> float:
        """Mean success over tasks of the second run."""
        return sum(pairs.second for pairs in self.tasks) / len(self.tasks)

    @property
    def p_value(self) -> float:
        """McNemar's exact test, two-sided (McNemar 1947): are the episodes that one run alone solved split evenly?"""
        return mcnemar(self.only_first, self.only_second)

    @property
    def interval(self) -> Difference:
        """95 % interval of the second mean less the first."""
        return difference_interval(self.tasks)

    def sentence(self, first: str, second: str) -> str:
        """What the difference means, in words.

        Args:
            first: what to call the first run.
            second: what to call the second.
        """
        low, high = self.interval
        counts = (
            f"Of {self.episodes:,} episodes on the same pages, {self.only_second:,} were solved only by {second} and "
            f"{self.only_first:,} only by {first}"
        )
        if self.only_first + self.only_second == 0:
            return f"{counts}: they cannot tell the two apart."
        p = "less than 0.001" if self.p_value < 0.001 else f"{self.p_value:.3f}"
        by = f"{100 * (self.second - self.first):+.1f} points (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
        mean = f"The mean success of {second} less that of {first} is {by}"
        excess = self.only_second - self.only_first
        if excess and excess * (self.second - self.first) <= 0:
            return (
                f"{counts}. {mean}. The two do not point the same way, since tasks with different numbers of episodes "
                "count the same in the mean. So neither is shown to be better."
            )
        if self.p_value >= 1 - LEVEL:
            return (
                f"{counts}. No difference is shown: two equally good policies would be split as unevenly with a chance "
                f"of {p} (McNemar's test). That is no proof that they are equal. {mean}."
            )
        better, worse = (second, first) if excess > 0 else (first, second)
        return (
            f"{counts}. So {better} is better than {worse} on such pages: two equally good policies would be split as "
            f"unevenly with a chance of {p} (McNemar's test). {mean}."
        )


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test; 1 where there is no episode that only one of the two solved."""
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def difference_interval(tasks: Sequence[Pairs]) -> Difference:
    """The interval of the mean over tasks of second less first success rate, of the given tasks.

    It is put together from the intervals of what only the second and of what only the first solved, and from their
    correlation, by variance estimates recovery (Zou and Donner 2008, Construction of confidence limits about effect
    measures; the same with the two rates is Newcombe 1998, Improved confidence intervals for ... paired data, 10).

    Args:
        tasks: the pairs of each.
    """
    episodes, gains, losses = np.array([(pairs.episodes, pairs.only_second, pairs.only_first) for pairs in tasks]).T
    gain, loss = (gains / episodes).mean(), (losses / episodes).mean()
    gained = mean_interval(gains, episodes, level=LEVEL)
    lost = mean_interval(losses, episodes, level=LEVEL)
    # No pair is both, so the two are never correlated positively, and if one has no variance not at all.
    covariance = min(0.0, mean_covariance(gains, losses, np.zeros_like(gains), episodes))
    variances = [mean_covariance(counts, counts, counts, episodes) for counts in (gains, losses)]
    correlation = covariance / math.sqrt(math.prod(variances)) if covariance else 0.0

    def away(one: float, other: float) -> float:
        return math.sqrt(one**2 + other**2 - 2 * correlation * one * other)

    difference = gain - loss
    low = difference - away(gain - gained.low, lost.high - loss)
    return Difference(float(low), float(difference + away(gained.high - gain, loss - lost.low)))
