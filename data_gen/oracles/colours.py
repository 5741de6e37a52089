"""Choosing a colour by the value of its field."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, oracle, write
from data_gen.oracles.choices import submit
from envs.action import Action

HEX = {
    "black": "000000",
    "white": "FFFFFF",
    "aqua": "00FFFF",
    "blue": "0000FF",
    "gray": "808080",
    "green": "008000",
    "lime": "00FF00",
    "maroon": "800000",
    "navy": "000080",
    "olive": "808000",
    "purple": "800080",
    "red": "FF0000",
    "silver": "C0C0C0",
    "teal": "008080",
    "yellow": "FFFF00",
    "pink": "FFC0CB",
    "magenta": "FF00FF",
    "gold": "FFD700",
    "orange": "FFA500",
}
"""The colours as style sheets define them; the field understands no names."""


@oracle("use-colorwheel")
def use_colorwheel(page: Page) -> Action:
    (name,) = page.asked(r"^Select (\w+) with the color picker")
    return _choose_colour(page, HEX[name], HEX[name])


@oracle("use-colorwheel-2")
def use_colorwheel_2(page: Page) -> Action:
    """The value is typed as the html has it; the field understands it, and shows hexadecimal once it is left."""
    sample = page.find("div", cls="cc")
    colour = re.search(r"rgb\((\d+), (\d+), (\d+)\)", sample.attributes["style"]) if sample else None
    if colour is None:
        raise OracleError("the instruction shows no colour")
    return _choose_colour(page, colour.group(), "".join(f"{int(channel):02X}" for channel in colour.groups()))


def _choose_colour(page: Page, typed: str, stored: str) -> Action:
    """Types the colour and submits.

    While the field is in use, the picker lies over the button, and no press on the button gets through: the keys do.
    """
    field, button = page.find("input", id="col"), page.find("button", id="subbtn")
    if field is None or button is None:
        raise OracleError("there is no colour field or no button on the page")
    covered = "jscolor-active" in field.classes
    if field.value not in (typed, stored) or (covered and not field.has("focused") and not button.has("focused")):
        return write(field, typed)
    if not covered:
        return submit(page)
    return Action("press", ("Enter" if button.has("focused") else "Tab",))
