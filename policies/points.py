"""Pixels as the decoder writes them: an element nearby, then how far from its middle or from one of its sides.

What an expert does is mostly simple beside an element: its middle, its upper left corner, twenty pixels to the right
of it. So a pixel is

    place of the element, side across, offset across, side down, offset down

where a side is END for the element's middle, and an offset is one step (``policies.measures``). What is far from
everything small, such as a place in a drawing, is told from the corner of the largest element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from policies.measures import LARGEST, offset_of, offset_token, origin_code

FAR = 48
"""CSS pixels beyond which an offset is not simple; nor are two offsets from an element that is larger."""

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
        start: where a drag begins. If that is told from the middle of an element, so is an end straight beside it:
            twenty pixels to the right are that for large elements and small.
    """

    def point(place: int, box: np.ndarray) -> Point:
        middle = start is not None and start.place == place and not start.across.side and not start.down.side
        return Point(place, *(_offset(pixel[axis], box, axis, middle) for axis in (0, 1)))

    def cost(point: Point) -> tuple[int, int]:
        (a, b), (c, d) = point.across.cost, point.down.cost
        return a + c, b + d

    points = [point(place, box) for place, box in boxes.items()]
    beside = [p for p in points if start is not None and p.place == start.place and not (p.across.side or p.down.side)]
    if beside and cost(beside[0])[0] < 2:
        return beside[0]
    simple = [
        p for p in points
        if (cost(p)[0] < 2 or boxes[p.place][2:].max() <= FAR) and max(abs(p.across.pixels), abs(p.down.pixels)) <= FAR
    ]  # fmt: skip
    if simple or not points:
        return min(simple, key=cost, default=None)
    largest = max(boxes, key=lambda place: float(boxes[place][2] * boxes[place][3]))
    across, down = (
        Offset(sides[0], int(at) - round(float(begin)))
        for sides, at, begin in zip(SIDES, pixel, boxes[largest], strict=False)
    )
    return Point(largest, across, down)


def can_tell(boxes: np.ndarray) -> np.ndarray:
    """Whether a pixel of the viewport can be told from elements' boxes: they have a size and are not far away.

    Args:
        boxes: float32 [N, 4], x, y, width, height.

    Returns:
        bool [N].
    """
    x, y, width, height = boxes.T
    furthest = np.maximum.reduce([abs(at) for at in (x, y, x + width, y + height)])
    return (width != 0) & (height != 0) & (furthest <= LARGEST)


def offsets(box: np.ndarray, axis: int, side: str, extent: int) -> range:
    """Tokens of the offsets that stay within 0 .. ``extent`` - 1."""
    origin = _origins(box, axis)[side]
    return range(offset_token(-origin), offset_token(extent - 1 - origin) + 1)


def counts_from(box: np.ndarray, axis: int, side: str) -> int:
    """Where an offset counts from, as the decoder is told it."""
    return origin_code(_origins(box, axis)[side], axis)


def coordinate(box: np.ndarray, axis: int, side: str, token: int) -> int:
    """What an offset amounts to, in CSS pixels."""
    return _origins(box, axis)[side] + offset_of(token)


def _offset(coordinate: int, box: np.ndarray, axis: int, middle: bool) -> Offset:
    origins = {"": _origins(box, axis)[""]} if middle else _origins(box, axis)
    return min((Offset(side, int(coordinate) - origin) for side, origin in origins.items()), key=lambda o: o.cost)


def _origins(box: np.ndarray, axis: int) -> dict[str, int]:
    start, size = float(box[axis]), float(box[axis + 2])
    before, after = SIDES[axis]
    return {"": round(start + size / 2), before: round(start), after: round(start + size)}
