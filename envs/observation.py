"""The observation: what a policy sees, and its gymnasium space."""

from __future__ import annotations

import gymnasium
import numpy as np

MAX_ELEMENTS = 1024
"""Rows of ``boxes`` and ``refs``. The longest MiniWoB++ page stays below it."""


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
            "boxes": box(-1e6, 1e6, (max_elements, 4), np.float32),
            "refs": box(-1, 2**31 - 1, (max_elements,), np.int32),
            "last_error": TextSpace(),
        }
    )
