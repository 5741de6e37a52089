"""Colours by name: what a person sees in ``rgb(31, 183, 31)``, three numbers of which a small network makes nothing."""

from __future__ import annotations

import colorsys
import re

_RGB = re.compile(r"rgba?\((\d+), ?(\d+), ?(\d+)[^)]*\)")
_HUES = ((15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (195, "cyan"), (260, "blue"), (290, "purple"),
         (345, "pink"), (361, "red"))  # fmt: skip
"""Each hue's end, in degrees of the colour circle, and its name."""
_GREY = 0.08
"""Saturation below which a colour has no hue."""


def colour_name(red: int, green: int, blue: int) -> str:
    """The plain name of a colour of three channels, 0 to 255."""
    hue, lightness, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if lightness < 0.06:
        return "black"
    if lightness > 0.97:
        return "white"
    if saturation < _GREY:
        return "gray"
    return next(name for end, name in _HUES if 360 * hue < end)


def with_names(style: str) -> str:
    """A style's text with the name before each colour that it gives in numbers."""
    return _RGB.sub(lambda found: f"{colour_name(*map(int, found.groups()))} {found.group()}", style)
