"""Secrets of a task: ``{{secret:NAME}}`` stands in everything that is seen or written, the value only in the field.

The value is read from the environment variable NAME when the environment is made. A policy cannot tell the user's words
from words on a page that ask for the secret, so the environment judges: only a name that stands in the task is one,
only ``type`` takes it, only into a password field, and only on a page of the start page's own origin.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from math import ceil
from urllib.parse import quote, quote_plus

import numpy as np

from envs.action import Action, ActionError
from envs.allow import OpenWebError
from envs.html import CUT, Element, format_html
from envs.observation import FAR, Seen

SHORTEST = 4
"""Characters that a secret must have: masking a shorter one would mask half of the page."""

_PLACEHOLDER = re.compile(r"\{\{secret:([A-Za-z_][A-Za-z0-9_]*)\}\}")
_MEANT = re.compile(r"\{\{[^{}]*secret[^{}]*\}\}", re.IGNORECASE)
_HIDDEN = 128  # grey, over what shows a secret in a picture


class Secrets:
    """The secrets that a task names.

    Args:
        task: the instruction.
        values: where they are read from; the environment where None.

    Attributes:
        names: what they are called.

    Raises:
        OpenWebError: if one is not there or too short to be masked, or its placeholder is not written as it has to be.
    """

    def __init__(self, task: str, values: Mapping[str, str] | None = None):
        values = os.environ if values is None else values
        self._values: dict[str, str] = {}
        for meant in _MEANT.findall(task):
            if not _PLACEHOLDER.fullmatch(meant):
                raise OpenWebError(
                    f"{meant} in the task is no secret: expected {{{{secret:NAME}}}}, without spaces, NAME of letters, "
                    f"digits and _"
                )
        for name in _PLACEHOLDER.findall(task):
            value = values.get(name, "")
            if len(value) < SHORTEST:
                what = "is not set" if not value else f"has fewer than {SHORTEST} characters, which cannot be masked"
                raise OpenWebError(f"the task names {{{{secret:{name}}}}}, but the environment variable {name} {what}")
            self._values[name] = value
        forms = {form: name for name, value in self._values.items() for form in _forms(value)}
        self._names = forms
        longest_first = sorted(forms, key=len, reverse=True)
        self._seen = re.compile("|".join(map(re.escape, longest_first))) if forms else None

        self.names = tuple(self._values)

    def value(self, name: str) -> str:
        """What the task's secret of that name is."""
        return self._values[name]

    def mask(self, text: str) -> str:
        """The text, with the placeholder wherever it holds the value, or was cut in the middle of it."""
        if self._seen is None:
            return text
        text = self._seen.sub(lambda found: f"{{{{secret:{self._names[found.group()]}}}}}", text)
        *cut, rest = text.split(CUT)
        return CUT.join([*map(self._mask_head, cut), rest])

    def _mask_head(self, text: str) -> str:
        for form, name in self._names.items():
            start = max(0, len(text) - len(form))
            while (start := text.find(form[:SHORTEST], start)) >= 0:
                if form.startswith(text[start:]):
                    return f"{text[:start]}{{{{secret:{name}}}}}"
                start += 1
        return text

    def mask_page(self, seen: Seen) -> None:
        """Masks a page in place."""
        if self._seen is None:
            return
        for element in (seen.root, *seen.root.walk()):
            element.children = [self.mask(child) if isinstance(child, str) else child for child in element.children]
            for name, value in element.attributes.items():
                if name != "ref":
                    element.attributes[name] = self.mask(value)
        seen.html = format_html(seen.root)

    def hide(self, seen: Seen, picture: np.ndarray) -> np.ndarray:
        """The picture, with grey over everything of which the page shows that it holds a secret.

        Args:
            seen: the page, already masked.
            picture: uint8 H x W x 3.
        """
        if self._seen is None or "{{secret:" not in seen.html:
            return picture
        picture = picture.copy()
        spills = {index: area for index, *area in seen.spills}
        for element in (seen.root, *seen.root.walk()):
            if not _shows(element):
                continue
            areas = [spills[element.index]] if element.index in spills else []
            while element.parent and not all(_box(element, seen)[2:]):  # of an option its list shows the text
                element = element.parent
            for left, top, width, height in (*areas, _box(element, seen)):
                rows = slice(max(0, int(top)), max(0, ceil(top + height)))
                picture[rows, max(0, int(left)) : max(0, ceil(left + width))] = _HIDDEN
        return picture

    def revealed(self, action: Action, element: Element | None, at_start: bool) -> Action:
        """The action with the values in it, where they may be.

        Args:
            action: what the policy wants.
            element: what it types into.
            at_start: whether the page is of the start page's own origin.

        Raises:
            ActionError: if the action takes a secret to where it does not belong.
        """
        names = [name for text in action.strings for name in _PLACEHOLDER.findall(text)]
        if not names:
            return action
        if unknown := [name for name in names if name not in self._values]:
            raise ActionError(f"the task names no secret {unknown[0]!r}")
        into_password = element is not None and element.attributes.get("type") == "password"
        if action.verb != "type" or not into_password or not at_start:
            raise ActionError("a secret is only typed into a password field of the start page's own site")
        text = _PLACEHOLDER.sub(lambda found: self._values[found.group(1)], action.strings[0])
        return Action("type", (action.args[0], text))


def _forms(value: str) -> set[str]:
    """The ways in which html, an address or an error writes it."""
    shown = " ".join(value.split())
    plain = {value, shown}
    escaped = {text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for text in plain}
    quoted = {text.replace('"', "&quot;") for text in escaped}
    return {
        form for form in (*plain, *escaped, *quoted, quote(value), quote(value, safe=""), quote_plus(value)) if form
    }


def _shows(element: Element) -> bool:
    own = [child for child in element.children if isinstance(child, str)]
    return any(_PLACEHOLDER.search(text) for text in (*own, *element.attributes.values()))


def _box(element: Element, seen: Seen) -> list[float]:
    if element.index < 0:  # bare text of the page: where it stands is not known
        return [0, 0, FAR, FAR]
    return seen.boxes[4 * element.index : 4 * element.index + 4]
