"""Batches of rows that are about as long as each other, so that little of a batch is padding."""

from __future__ import annotations

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
