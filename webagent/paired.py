"""Two runs on the same pages: McNemar's test, and an interval for the difference of their means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

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
        """95 % bootstrap interval of the second mean less the first, pairs drawn anew within each task."""
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
        if self.p_value >= 1 - LEVEL:
            return (
                f"{counts}. No difference is shown: two equally good policies would be split as unevenly with a chance "
                f"of {p} (McNemar's test). That is no proof that they are equal. {mean}."
            )
        better, worse = (second, first) if self.only_second > self.only_first else (first, second)
        return (
            f"{counts}. So {better} is better than {worse} on such pages: two equally good policies would be split as "
            f"unevenly with a chance of {p} (McNemar's test). {mean}."
        )


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test; 1 where there is no episode that only one of the two solved."""
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def difference_interval(tasks: Sequence[Pairs], resamples: int = 10_000, seed: int = 0) -> Difference:
    """The percentile bootstrap interval of the mean over tasks of second less first success rate.

    Args:
        tasks: the pairs of each; drawn anew within each task.
        resamples: bootstrap draws.
        seed: of the draws, so that equal results have equal intervals.
    """
    random = np.random.default_rng(seed)
    total = np.zeros(resamples)
    for pairs in tasks:
        n = pairs.episodes
        shares = [pairs.only_first / n, pairs.only_second / n, (pairs.both + pairs.neither) / n]
        drawn = random.multinomial(n, shares, size=resamples)
        total += (drawn[:, 1] - drawn[:, 0]) / n
    low, high = np.quantile(total / len(tasks), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(low), float(high))
