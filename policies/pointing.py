"""Where a step may point: worked out in the same way of tensors, while a network learns, and of numpy's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from policies.measures import NONE
from policies.steps import Kind

_START, _REF, _POINT, _TEXT, _LABEL, _LABELS = map(
    int, (Kind.START, Kind.REF, Kind.POINT, Kind.TEXT, Kind.LABEL, Kind.LABELS)
)  # which are compared with in a third of the time


class Pointing(NamedTuple):
    """Of B examples with T steps each and L places, as tensors or as arrays."""

    element: Any
    """Whether a step points at an element, not at a word; bool [B, T]."""
    after: Any
    """Where the word stands that goes on from the place that the step before points at, 0 for none; int64 [B, T]."""
    open: Any
    """Which places a step can point at; bool [B, T, L]."""


def pointing(page: Mapping[str, Any], kinds: Any, allowed: Any, before: Any) -> Pointing:
    """Where steps may point.

    Args:
        page: ``words``, ``following``, ``verbs`` and ``measured`` of the examples, as ``Processor.collate`` gives them.
        kinds: int64 [B, T], what each step decides.
        allowed: int64 [B, T], bits of the verbs that fit.
        before: int64 [B, T], the place that the step before points at, or -1.
    """
    points, tells = (kinds == _START) | (kinds == _REF), kinds == _POINT
    copies = (kinds == _TEXT) | (kinds == _LABEL) | (kinds == _LABELS)
    fits = (page["verbs"][:, None] & allowed[..., None]) != 0
    there = page["measured"][:, None, :, 2] != NONE
    open_ = (points[..., None] & fits) | (copies[..., None] & page["words"][:, None]) | (tells[..., None] & there)
    following = page["following"]
    if isinstance(following, Tensor):
        after = following.gather(1, before.clamp(min=0))
    else:
        after = following[np.arange(len(before))[:, None], before]
    return Pointing(points | tells, after * (before >= 0), open_)
