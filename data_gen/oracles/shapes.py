"""Drawn shapes, letters, digits and colours: which are meant, how many there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from data_gen.oracles.base import OracleError, Page, click, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element

SHAPES = {"circle": "circle", "rect": "rectangle", "polygon": "triangle"}
"""What the instructions call the elements of a drawing."""


@oracle("click-shape")
def click_shape(page: Page) -> Action:
    """The first, in drawing order, that fits the description."""
    size, colour, kind = page.asked(r"^Click on an? (?:(large|small) )?(?:([a-z]+) )?(\w+)$")
    return click(next(_fitting(page, size, colour, kind), None))


@oracle("count-shape")
def count_shape(page: Page) -> Action:
    size, colour, kind = page.asked(r"^How many (?:(large|small) )?(?:([a-z]+) )?(\w+)s are there\?$")
    count = sum(1 for _ in _fitting(page, size, colour, kind))
    return click(page.find("button", text=str(count)))


@oracle("identify-shape")
def identify_shape(page: Page) -> Action:
    """The buttons are called as the figures are, but for digits."""
    figure = next(_figures(page), None)
    if figure is None:
        raise OracleError("there is no figure on the page")
    kind, name = _kinds(figure)
    label = {"shape": name, "letter": "letter", "digit": "number"}[kind]
    return click(page.find("button", text=label.capitalize()))


@oracle("count-sides", pixels=True)
def count_sides(page: Page) -> Action:
    """Read from the picture: a canvas has no elements."""
    canvas = page.find("canvas")
    if canvas is None:
        raise OracleError("there is no canvas on the page")
    x, y, width, height = page.box(canvas).astype(int)
    sides = _corners(page.screenshot[y : y + height, x : x + width].mean(axis=-1) < 128)
    return click(page.find("button", text=str(sides)))


def _corners(drawn: np.ndarray) -> int:
    """How many corners, 3 to 7, a regular outline has around the middle of a picture (bool, H x W).

    Its distance from the middle, by direction, swings once for every corner.
    """
    rows, columns = np.nonzero(drawn)
    if not rows.size:
        raise OracleError("nothing is drawn")
    offsets = (columns + 0.5 - drawn.shape[1] / 2) + 1j * (rows + 0.5 - drawn.shape[0] / 2)
    directions = np.floor(np.angle(offsets) / (2 * np.pi) * 60).astype(int) % 60
    reach = np.zeros(60)
    np.maximum.at(reach, directions, np.abs(offsets))
    return 3 + int(np.argmax(np.abs(np.fft.rfft(reach))[3:8]))


@oracle("grid-coordinate")
def grid_coordinate(page: Page) -> Action:
    (point,) = page.asked(r"^Click on the grid coordinate (\(-?\d,-?\d\))\.$")
    return click(page.find("circle", id=point))


@oracle("click-shades")
def click_shades(page: Page) -> Action:
    """From the first to the last, every shade that is not yet as asked; then Submit."""
    (colour,) = page.asked(r"^Select all the shades of (\w+) and press Submit\.$")
    for shade in page.find_all("span", ref=True):
        if ("selected" in shade.classes) != (_hue(shade) == colour):
            return click(shade)
    return submit(page)


def _hue(shade: Element) -> str:
    """The strongest of the three channels of its background; the shades are shades of one of them."""
    match = re.search(r"background-color: rgb\((\d+), (\d+), (\d+)\)", shade.attributes.get("style", ""))
    if match is None:
        raise OracleError(f"a shade without a colour: {shade.attributes}")
    channels = [int(channel) for channel in match.groups()]
    return ("red", "green", "blue")[channels.index(max(channels))]


def _figures(page: Page) -> Iterator[Element]:
    """All that is drawn, in drawing order."""
    return (element for element in page.find_all() if element.tag in (*SHAPES, "text"))


def _fitting(page: Page, size: str | None, colour: str | None, kind: str) -> Iterator[Element]:
    """The figures that fit a description, in drawing order."""
    return (
        figure
        for figure in _figures(page)
        if size in (None, _size(page, figure))
        and colour in (None, figure.attributes["fill"])
        and kind in ("item", *_kinds(figure))
    )


def _kinds(figure: Element) -> tuple[str, str]:
    """What it can be called: its kind and its own name."""
    if figure.tag in SHAPES:
        return "shape", SHAPES[figure.tag]
    return "digit" if figure.text.isdigit() else "letter", figure.text


def _size(page: Page, figure: Element) -> str:
    """Large figures are 20 CSS pixels across and small ones 10; a letter's box is a little taller than its font."""
    return "large" if page.box(figure)[3] > 15 else "small"
