"""Sliders: one drag to about the place, the last few steps by arrow keys."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, click, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element

NEAR = 3
"""Up to so many steps away the arrow keys do it: on a short slider a pixel is more than one step."""

USE_SLIDER = tuple((low, low + span) for span in (5, 10, 50, 100) for low in (-100, 0, 10, 100))
"""Lowest and highest values that the sliders of use-slider can have; the page shows no ends."""


@oracle("use-slider")
def use_slider(page: Page) -> Action:
    (wanted,) = page.asked(r"^Select (-?\d+) with the slider")
    return slide(page, page.find(id="slider"), page.find(id="val"), int(wanted), USE_SLIDER) or submit(page)


@oracle("use-slider-2")
def use_slider_2(page: Page) -> Action:
    """From top to bottom."""
    (combination,) = page.asked(r"the combination \[(.+)\]")
    for number, wanted in enumerate(combination.split(","), start=1):
        slider, shown = page.find(id=f"slider-{number}"), page.find(id=f"val-{number}")
        if (moving := slide(page, slider, shown, int(wanted), ((0, 20),))) is not None:
            return moving
    return submit(page)


@oracle("form-sequence")
def form_sequence(page: Page) -> Action:
    """The slider, the checkboxes from left to right, the button."""
    wanted, number = page.asked(r"^Select (-?\d+) with the slider, click the (\d)\w\w checkbox")
    moving = slide(page, page.find(id="slider"), page.find(id="val"), int(wanted), ((-10, 10),))
    if moving is not None:
        return moving
    for place, box in enumerate(page.find_all("input", type="checkbox"), start=1):
        if box.has("checked") != (place == int(number)):
            return click(box)
    return submit(page)


def slide(
    page: Page, slider: Element | None, shown: Element | None, wanted: int, ranges: tuple[tuple[int, int], ...]
) -> Action | None:
    """The next action towards a value, or None where the slider has it.

    Args:
        page: the page.
        slider: jQuery UI's element, with a handle inside.
        shown: where the page writes the slider's value.
        wanted: the value.
        ranges: lowest and highest values that the slider may have, the likeliest first.
    """
    handle = slider.find(cls="ui-slider-handle") if slider else None
    if slider is None or handle is None or shown is None or not re.fullmatch(r"-?\d+", shown.text):
        raise OracleError("the slider, its handle or its value is not on the page")
    value = int(shown.text)
    if value == wanted:
        return None
    if abs(wanted - value) > NEAR:
        return _drag(page, slider, handle, value, wanted, ranges)
    return (
        Action("press", ("ArrowRight" if wanted > value else "ArrowLeft",)) if handle.has("focused") else click(handle)
    )


def _drag(
    page: Page, slider: Element, handle: Element, value: int, wanted: int, ranges: tuple[tuple[int, int], ...]
) -> Action:
    """From the middle of the handle along the slider.

    The track lies inside a border of 1 pixel, but the place of the pointer counts from outside of it. A vertical
    slider's handle moves upwards.
    """
    left, top, width, height = map(float, page.box(slider))
    x, y = (float(start + size / 2) for start, size in zip(page.box(handle)[:2], page.box(handle)[2:], strict=True))
    if "ui-slider-vertical" in slider.classes:
        low, high = _range(value, wanted, 1 - (y - top) / (height - 2), ranges)
        now, then = (high - value) / (high - low), (high - wanted) / (high - low)
        end = (x, y + round(then * height - now * (height - 2) - 1))
    else:
        low, high = _range(value, wanted, (x - left - 2) / (width - 2), ranges)
        now, then = (value - low) / (high - low), (wanted - low) / (high - low)
        end = (x + round(then * width - now * (width - 2) - 1), y)
    return Action("drag_xy", (int(x), int(y), int(end[0]), int(end[1])))


def _range(value: int, wanted: int, share: float, ranges: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The first range that holds the wanted value and has the present one at that share of the track.

    At an end of the track, several can fit; where the first is not the slider's, the drag brings it to a place at which
    it shows which it is.
    """
    for low, high in ranges:
        if low <= wanted <= high and abs(low + share * (high - low) - value) < 0.1:
            return low, high
    raise OracleError(f"no range that is known fits value {value} at {share:.3f} of the slider and holds {wanted}")
