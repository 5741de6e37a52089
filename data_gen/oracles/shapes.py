"""Drawn shapes, letters and digits."""

from __future__ import annotations

from data_gen.oracles.base import Page, click, oracle
from envs.action import Action
from envs.html import Element

SHAPES = {"circle": "circle", "rect": "rectangle", "polygon": "triangle"}
"""What the instructions call the elements of a drawing."""


@oracle("click-shape")
def click_shape(page: Page) -> Action:
    """The first, in drawing order, that fits the description."""
    size, colour, kind = page.asked(r"^Click on an? (?:(large|small) )?(?:([a-z]+) )?(\w+)$")
    fitting = (
        figure
        for figure in page.find_all()
        if figure.tag in (*SHAPES, "text")
        and size in (None, _size(page, figure))
        and colour in (None, figure.attributes["fill"])
        and kind in ("item", *_kinds(figure))
    )
    return click(next(fitting, None))


def _kinds(figure: Element) -> tuple[str, str]:
    """What it can be called: its kind and its own name."""
    if figure.tag in SHAPES:
        return "shape", SHAPES[figure.tag]
    return "digit" if figure.text.isdigit() else "letter", figure.text


def _size(page: Page, figure: Element) -> str:
    """Large figures are 20 CSS pixels across and small ones 10; a letter's box is a little taller than its font."""
    return "large" if page.box(figure)[3] > 15 else "small"
