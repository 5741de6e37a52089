"""Pixels as the decoder writes them: an element nearby, then how far from its middle or from one of its sides.

To write a pixel's own digits a network has to work out sums to the last place. What an expert does is mostly simple
beside an element: its middle, its upper left corner, twenty pixels to the right of it. So a pixel is

    place of the element, offset across, END, offset down, END

and an offset is nothing where it is zero, else its digits, after the name of the side that it counts from, if any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from policies.vocabulary import Vocabulary

SIDES = (("left", "right"), ("up", "down"))
"""By axis: across, down."""


class Offset(NamedTuple):
    """How far a coordinate is from an element."""

    side: str
    """One of ``SIDES``; empty for the middle."""
    pixels: int

    @property
    def cost(self) -> tuple[int, int]:
        """What is the least is the simplest."""
        return int(self.pixels != 0), abs(self.pixels) + int(self.side != "")


class Point(NamedTuple):
    """A pixel, told from an element."""

    place: int
    across: Offset
    down: Offset


def nearest(pixel: Sequence[int], boxes: Mapping[int, np.ndarray], start: Point | None = None) -> Point | None:
    """The simplest way to tell a pixel: with the fewest offsets, and the smallest.

    Args:
        pixel: x and y.
        boxes: place -> x, y, width, height of its element.
        start: where a drag begins. If that is told from the middle of an element, so is an end near the same one:
            twenty pixels to the right are that for large elements and small.
    """

    def point(place: int, box: np.ndarray) -> Point:
        middle = start is not None and start.place == place and not start.across.side and not start.down.side
        return Point(place, *(_offset(pixel[axis], box, axis, middle) for axis in (0, 1)))

    def cost(point: Point) -> tuple[int, int]:
        (a, b), (c, d) = point.across.cost, point.down.cost
        return a + c, b + d

    return min((point(place, box) for place, box in boxes.items()), key=cost, default=None)


def code(offset: Offset, vocabulary: Vocabulary) -> tuple[int, ...]:
    """The tokens of an offset, without its END."""
    side = (vocabulary.symbols[offset.side],) if offset.side else ()
    return side + (vocabulary.encode_word(str(offset.pixels), False) if offset.pixels else ())


def codes(box: np.ndarray, axis: int, extent: int, vocabulary: Vocabulary) -> dict[tuple[int, ...], int]:
    """The tokens of every offset that stays within 0 .. ``extent`` - 1, with the coordinate that each amounts to."""
    return {
        code(Offset(side, pixel - origin), vocabulary): pixel
        for side, origin in _origins(box, axis).items()
        for pixel in range(extent)
    }


def _offset(coordinate: int, box: np.ndarray, axis: int, middle: bool) -> Offset:
    origins = {"": _origins(box, axis)[""]} if middle else _origins(box, axis)
    return min((Offset(side, int(coordinate) - origin) for side, origin in origins.items()), key=lambda o: o.cost)


def _origins(box: np.ndarray, axis: int) -> dict[str, int]:
    start, size = float(box[axis]), float(box[axis + 2])
    before, after = SIDES[axis]
    return {"": round(start + size / 2), before: round(start), after: round(start + size)}
