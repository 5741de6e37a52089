"""Points, angles and strokes in a drawing: clicks and drags at computed places."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from data_gen.oracles.base import OracleError, Page, click, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element

QUERY_HEIGHT = 50
"""A click puts the dot where x of the drawing is x of the page, and y is the page's less this."""

GOOD_LOSS = 0.04
"""A dot that loses at most this share of the reward stays; the tasks allow 0.1."""

Loss = Callable[[np.ndarray], np.ndarray]
"""Places in the drawing, float ... x 2, -> the share of the reward that a dot there loses, float of shape ..."""


@oracle("circle-center")
def circle_center(page: Page) -> Action:
    circle = _one(page, "circle", cls="black-circle")
    radius = float(circle.attributes["r"])
    return _put_dot(page, lambda dots: _distance(dots, _centre(circle)) / radius, _centre(circle))


@oracle("find-midpoint")
def find_midpoint(page: Page) -> Action:
    middle = np.mean([_centre(circle) for circle in page.find_all("circle", cls="black-circle")], axis=0)
    return _put_dot(page, lambda dots: _distance(dots, middle) / 30, middle)


@oracle("bisect-angle")
def bisect_angle(page: Page) -> Action:
    """The dot goes to where the bisector meets the line between the two ends."""
    vertex = _centre(_one(page, "circle", cls="init-blue"))
    one, other = (_centre(circle) for circle in page.find_all("circle", cls="init-black"))
    half = _angle(one, vertex, other) / 2

    def loss(dots: np.ndarray) -> np.ndarray:
        return (np.maximum(_angle(dots, vertex, one), _angle(dots, vertex, other)) - half) / half

    share = _distance(one, vertex) / (_distance(one, vertex) + _distance(other, vertex))
    return _put_dot(page, loss, one + (other - one) * share)


@oracle("right-angle")
def right_angle(page: Page) -> Action:
    """The dot goes half-way to where the line ends once it is turned by a right angle about the blue point, towards the
    drawing's middle if there is room, else to the other side; if there is room on neither, half as far again."""
    vertex, end = _centre(_one(page, "circle", id="init-blue")), _centre(_one(page, "circle", id="init-black"))
    places = _clickable(page)
    square = np.array([end[1] - vertex[1], vertex[0] - end[0]])
    sides = sorted((square, -square), key=lambda side: float(_distance(vertex + side, places.mean(axis=0))))
    targets = [vertex + share * side for share in (0.5, 0.25) for side in sides]
    room = [all((places.min(axis=0) <= target) & (target <= places.max(axis=0))) for target in targets]

    def loss(dots: np.ndarray) -> np.ndarray:
        return np.abs(_angle(dots, vertex, end) - 90) / 90

    return _put_dot(page, loss, targets[room.index(True)] if any(room) else targets[-2])


def _put_dot(page: Page, loss: Loss, target: np.ndarray) -> Action:
    """A click at the good place nearest to the target; Submit where the dot is good already."""
    places = _clickable(page)
    losses = np.nan_to_num(loss(places), nan=np.inf)
    allowed = max(GOOD_LOSS, float(losses.min()))  # very acute angles leave a few pixels only
    dot = page.find("circle", id="blue-circle")
    if dot is not None and loss(_centre(dot)) <= allowed:
        return submit(page)
    good = places[losses <= allowed]
    x, y = good[np.argmin(_distance(good, target))]
    return Action("click_xy", (int(x), int(y) + QUERY_HEIGHT))


def _clickable(page: Page) -> np.ndarray:
    """All whole pixels of the drawing that the button does not cover, int N x 2."""
    left, top, width, height = page.box(_one(page, "svg"))
    bottom = min(top + height, page.box(_one(page, "button"))[1])
    x, y = np.meshgrid(np.arange(left + 1, left + width - 1), np.arange(top + 1, bottom - 1))
    return np.stack([x.ravel(), y.ravel() - QUERY_HEIGHT], axis=-1).astype(int)


def _angle(one: np.ndarray, vertex: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The angle at the vertex in degrees; nan where a point lies on the vertex."""
    with np.errstate(invalid="ignore"):
        cosine = np.sum((one - vertex) * (other - vertex), axis=-1) / (
            _distance(one, vertex) * _distance(other, vertex)
        )
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.linalg.norm(one - other, axis=-1)


def _one(page: Page, tag: str, **conditions: str) -> Element:
    """The first such element, which has to be there."""
    element = page.find(tag, **conditions)
    if element is None:
        raise OracleError(f"there is no <{tag}> with {conditions} on the page")
    return element


def _centre(circle: Element) -> np.ndarray:
    """In the drawing's own coordinates."""
    return np.array([float(circle.attributes["cx"]), float(circle.attributes["cy"])])


@oracle("draw-line")
def draw_line(page: Page) -> Action:
    """One stroke of 40 pixels with the dot in its middle; Submit once there is such a stroke."""
    (direction,) = page.asked(r"^Draw a (horizontal|vertical) line")
    dot = _dot_on_page(page)
    along = np.array([1, 0]) if direction == "horizontal" else np.array([0, 1])
    stroke = _stroke(page)
    if stroke is not None:
        aside = np.abs((stroke - dot) @ along[::-1])
        ahead = (stroke - dot) @ along
        if aside.max() <= 3 and np.abs(ahead).min() >= 15 and ahead.min() < 0 < ahead.max():
            return click(page.find("button"))
    return _drag(dot - 20 * along, dot + 20 * along)


@oracle("draw-circle")
def draw_circle(page: Page) -> Action:
    """One straight stroke square to a ray from the dot, 50 pixels off, towards the farthest corner.

    Drags are straight and each one replaces the last, so a closed circle cannot be drawn. The page judges how much the
    stroke's distance from the dot varies, and that it is at least 20 pixels wide and high.
    """
    dot = _dot_on_page(page)
    stroke = _stroke(page)
    if stroke is not None:
        start, end = stroke
        points = np.linspace(start, end, 9)
        if _distance(points, dot).std() < 1.8 and np.abs(end - start).min() >= 21:
            return click(page.find("button"))
    left, top, width, height = page.box(_one(page, "svg"))
    towards = np.where(dot < [left + width / 2, top + height / 2], 1, -1)
    middle = dot + 35 * towards
    across = 12 * towards * [1, -1]
    return _drag(middle - across, middle + across)


def _dot_on_page(page: Page) -> np.ndarray:
    """The middle of the marked dot on the page."""
    x, y, width, height = page.box(_one(page, "circle", id="circ"))
    return np.array([x + width / 2, y + height / 2])


def _stroke(page: Page) -> np.ndarray | None:
    """Start and end on the page of what was drawn, 2 x 2, or None."""
    path, dot = page.find("path"), _one(page, "circle", id="circ")
    numbers = re.findall(r"-?\d+\.?\d*", path.attributes.get("d", "")) if path else []
    if len(numbers) < 4:
        return None
    ends = np.array([numbers[:2], numbers[-2:]], dtype=float)
    return ends + _dot_on_page(page) - _centre(dot)


def _drag(start: np.ndarray, end: np.ndarray) -> Action:
    return Action("drag_xy", tuple(int(pixel) for pixel in np.rint([*start, *end])))
