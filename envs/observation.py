"""The observation: what a policy sees, and its gymnasium space."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import gymnasium
import numpy as np

from envs.html import Element, parse_html

Observation = dict[str, Any]
"""instruction, html, last_error: str; screenshot: uint8 H x W x 3; boxes: float32 N x 4; refs: int32 N."""

MAX_ELEMENTS = 1024
"""Rows of ``boxes`` and ``refs``. The longest MiniWoB++ page stays below it."""


FAR = 1e6
"""Pixels from the viewport's corner beyond which boxes are not told."""


class TextSpace(gymnasium.Space):
    """Any str that is valid UTF-8, the empty one too.

    gymnasium's own ``Text`` refuses ``<`` and the empty string by default and is slow with a full character set.
    """

    def __init__(self, seed: int | np.random.Generator | None = None):
        super().__init__(shape=(), dtype=np.str_, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def sample(self, mask=None, probability=None) -> str:
        return "".join(map(chr, self.np_random.integers(32, 127, size=self.np_random.integers(0, 40))))

    def contains(self, x) -> bool:
        return isinstance(x, str) and not any(0xD800 <= ord(c) <= 0xDFFF for c in x if c > "\ud7ff")

    def __eq__(self, other) -> bool:
        return isinstance(other, TextSpace)

    def __repr__(self) -> str:
        return "TextSpace()"


def observation_space(width: int, height: int, max_elements: int = MAX_ELEMENTS) -> gymnasium.spaces.Dict:
    """The space of observations of a viewport of ``width`` x ``height`` CSS pixels at device scale 1."""
    box = gymnasium.spaces.Box
    return gymnasium.spaces.Dict(
        {
            "instruction": TextSpace(),
            "html": TextSpace(),
            "screenshot": box(0, 255, (height, width, 3), np.uint8),
            "boxes": box(-FAR, FAR, (max_elements, 4), np.float32),
            "refs": box(-1, 2**31 - 1, (max_elements,), np.int32),
            "last_error": TextSpace(),
        }
    )


class PageBroken(ValueError):
    """The page's scripts have broken what reads it, and what that reports makes no sense."""


@dataclass
class Seen:
    """What ``page.js`` reported last; nothing on the page changes until the next action.

    Attributes:
        html: the page.
        boxes: x, y, width, height of each element, in CSS pixels of the viewport, flattened.
        refs: the ref of each element, -1 where it has none.
        rest: whatever else the page's own script reports (reward, done).
        spills: of elements whose text does not stay in their box, the index, and x, y, width, height of the text.
    """

    html: str
    boxes: list[float]
    refs: list[int]
    rest: dict[str, Any] = field(default_factory=dict)
    spills: list[list[float]] = field(default_factory=list)

    @classmethod
    def read(cls, reported: Any) -> Seen:
        """Takes what the page's script reported.

        Raises:
            PageBroken: if that is not what ``page.js`` reports.
        """
        try:
            html, boxes, refs = (reported.pop(name) for name in ("html", "boxes", "refs"))
            spills = reported.pop("spills", [])
            seen = cls(html, boxes, refs, reported, spills)
            html.encode()
            written = [-1 if element.ref is None else element.ref for element in seen.root.walk()]
            whole = (
                refs == written
                and len(boxes) == 4 * len(refs) <= 4 * MAX_ELEMENTS
                and max(refs, default=-1) < 2**31
                and all(len(spill) == 5 for spill in spills)
                and all(isinstance(number, int | float) for number in chain(boxes, *spills))
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PageBroken("the page's scripts have broken what reads it") from error
        if not whole:
            raise PageBroken("the page reported elements, refs and boxes that do not fit together")
        return seen

    @cached_property
    def root(self) -> Element:
        """The html, parsed."""
        return parse_html(self.html)

    @cached_property
    def elements(self) -> dict[int, Element]:
        """The elements that have a ref, by ref."""
        return {element.ref: element for element in self.root.walk() if element.ref is not None}

    def observation(self, instruction: str, screenshot: np.ndarray, error: str = "") -> Observation:
        """What a policy gets to see of it.

        Args:
            instruction: the task.
            screenshot: uint8 H x W x 3.
            error: why the last action was refused.
        """
        count = len(self.refs)
        boxes = np.zeros((MAX_ELEMENTS, 4), np.float32)
        boxes[:count] = np.clip(np.reshape(self.boxes, (count, 4)), -FAR, FAR)
        refs = np.full(MAX_ELEMENTS, -1, np.int32)
        refs[:count] = self.refs
        return {
            "instruction": instruction,
            "html": self.html,
            "screenshot": screenshot,
            "boxes": boxes,
            "refs": refs,
            "last_error": error,
        }


NOTHING = Seen("", [], [])
"""An empty page."""
