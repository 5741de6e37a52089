"""Batches of rows that are about as long as each other, so that little of a batch is padding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def like_lengths(lengths: np.ndarray, limit: int, padding: int) -> list[np.ndarray]:
    """Cuts rows into groups of like length.

    Args:
        lengths: int [N], tokens of each row.
        limit: most tokens of a group, padding included; a single longer row is a group of its own.
        padding: most of them that may be padding.

    Returns:
        The rows' indices, group by group, the shortest first.
    """
    groups: list[list[int]] = []
    total = 0
    for row in np.argsort(lengths, kind="stable").tolist():
        length = int(lengths[row])
        padded = (len(groups[-1]) + 1) * length if groups else 0
        if not groups or padded > limit or padded - (total + length) > padding:
            groups.append([])
            total = 0
        groups[-1].append(row)
        total += length
    return [np.array(group) for group in groups]


HANDFUL = 8
"""Rows that stay together where they are dealt by length."""


def deal_by_length(steps: Sequence[np.ndarray], lengths: np.ndarray, window: int, seed: int) -> list[np.ndarray]:
    """Deals the rows of every ``window`` steps out anew, in handfuls that are about as long as each other.

    A step gets several handfuls by chance, so that it still has rows of all lengths, and so of many tasks.

    Args:
        steps: rows of each step, equally many.
        lengths: int [N], tokens of each row of the data.
        window: steps that share their rows; 1 leaves them as they are.
        seed: of the deal.

    Returns:
        As many steps, of the same rows in all.
    """
    dealt: list[np.ndarray] = []
    for start in range(0, len(steps), window) if window > 1 else ():
        rows = np.concatenate(steps[start : start + window])
        batch = len(steps[start])
        handfuls = rows[np.argsort(lengths[rows], kind="stable")].reshape(-1, math.gcd(batch, HANDFUL))
        dealt += [*np.random.default_rng((seed, start)).permutation(handfuls).reshape(-1, batch)]
    return dealt or list(steps)
