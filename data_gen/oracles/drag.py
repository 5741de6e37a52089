"""Boxes and drawn shapes that are dragged to where they belong, then Submit."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from data_gen.oracles.base import OracleError, Page, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}

TAGS = {"rectangles": "rect", "circles": "circle", "triangles": "polygon"}


@oracle("drag-box")
def drag_box(page: Page) -> Action:
    small, large = page.find(id="draggableSmall"), page.find(id="draggableLarge")
    if small is None or large is None or small.ref is None or large.ref is None:
        raise OracleError("the two boxes are not on the page")
    offset, room = np.split(page.box(small) - page.box(large), 2)
    if (offset > 0).all() and (offset < -room).all():
        return submit(page)
    return Action("drag", (small.ref, large.ref))


@oracle("drag-circle", "drag-single-shape")
def drag_one_shape(page: Page) -> Action:
    """To 20 pixels from where the shape was at first."""
    (direction,) = page.asked(r"^Drag the (?:circle|item) (\w+) then press Submit\.$")
    shape = next(iter(_shapes(page)), None)
    if shape is None:
        raise OracleError("there is no shape to drag")
    way = np.array(DIRECTIONS[direction])
    if _shift(shape) @ way > 0:
        return submit(page)
    return _drag(page, shape, _middle(page, shape) - _shift(shape) + 20 * way)


@oracle("drag-shapes")
def drag_shapes(page: Page) -> Action:
    """What does not belong into the box goes back to where it was."""
    (kind,) = page.asked(r"^Drag all (rectangles|circles|triangles) into the black box\.$")
    box = _containers(page)[0]
    for shape in _shapes(page):
        if _inside(page, shape, box) and shape.tag != TAGS[kind]:
            return _drag(page, shape, _middle(page, shape) - _shift(shape))
    return _fill_boxes(page, lambda shape: box if shape.tag == TAGS[kind] else None)


@oracle("drag-shapes-2")
def drag_shapes_2(page: Page) -> Action:
    (kind,) = page.asked(r"^Drag all (\w+)(?: shapes)? into the left box, and everything else into the right box\.$")
    left, right = sorted(_containers(page), key=lambda box: page.box(box)[0])
    return _fill_boxes(
        page, lambda shape: left if kind == shape.attributes["fill"] or TAGS.get(kind) == shape.tag else right
    )


def _fill_boxes(page: Page, home: Callable[[Element], Element | None]) -> Action:
    """In drawing order, every shape that is not in its box is dragged to the middle of it; then Submit."""
    for shape in _shapes(page):
        box = home(shape)
        if box is not None and not _inside(page, shape, box):
            return _drag(page, shape, _middle(page, box))
    return submit(page)


def _shapes(page: Page) -> list[Element]:
    """What can be dragged, in drawing order."""
    return [shape for shape in page.find_all(ref=True) if shape.tag in TAGS.values()]


def _containers(page: Page) -> list[Element]:
    boxes = page.find_all("rect", id="shape-container")
    if not boxes:
        raise OracleError("there is no box to drag to")
    return boxes


def _inside(page: Page, shape: Element, box: Element) -> bool:
    """By the shape's top left corner, as the page judges it."""
    offset = page.box(shape)[:2] - page.box(box)[:2]
    return bool((offset > 0).all() and (offset < page.box(box)[2:]).all())


def _shift(shape: Element) -> np.ndarray:
    """How far it has been dragged so far."""
    numbers = re.findall(r"-?\d+\.?\d*", shape.attributes.get("transform", "")) or (0, 0)
    return np.array(numbers, dtype=float)


def _middle(page: Page, element: Element) -> np.ndarray:
    return page.box(element)[:2] + page.box(element)[2:] / 2


def _drag(page: Page, shape: Element, end: np.ndarray) -> Action:
    return Action("drag_xy", tuple(int(pixel) for pixel in np.rint([*_middle(page, shape), *end])))
