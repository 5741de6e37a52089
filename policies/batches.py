"""Rows cut into blocks that are about as long as each other, so that little of a block is padding."""

from __future__ import annotations

import math

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


def passes(lengths: np.ndarray, limit: int, padding: int, least: int = 1) -> list[list[np.ndarray]]:
    """Cuts rows into passes through the network, and each pass into blocks of like length.

    Args:
        lengths: int [N], tokens of each row.
        limit: most tokens of a pass, padding and half a row aside; a single longer row is a pass of its own.
        padding: most tokens of a block that may be padding.
        least: how many passes there should be at least, of about as many tokens each, where there are so many rows.

    Returns:
        The rows' indices, pass by pass and block by block, the shortest first.
    """
    if not len(lengths):
        return []
    order = np.argsort(lengths, kind="stable")
    total = np.cumsum(lengths[order])
    share = total[-1] / max(least, math.ceil(total[-1] / limit))
    runs = np.split(order, np.flatnonzero(np.diff((total - lengths[order] / 2) // share)) + 1)
    return [[run[block] for block in like_lengths(lengths[run], limit, padding)] for run in runs]
