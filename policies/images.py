"""What a network sees in place of the screenshots, to find out what they bring it (as in WebGUM, arXiv 2305.11854)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

ImageMode = Literal["real", "none", "white", "random"]
"""Themselves, nothing, blank pages, or noise."""

IMAGE_MODES: tuple[ImageMode, ...] = get_args(ImageMode)


def check_mode(mode: str) -> None:
    """Raises ValueError where there is no such mode."""
    if mode not in IMAGE_MODES:
        raise ValueError(f"unknown image mode {mode!r}; expected {', '.join(IMAGE_MODES[:-1])} or {IMAGE_MODES[-1]}")


def stand_in(screenshot: np.ndarray, mode: ImageMode, noise: np.random.Generator) -> np.ndarray | None:
    """What the network gets of a screenshot.

    Args:
        screenshot: uint8 H x W x 3.
        mode: which stand-in.
        noise: draws the noise.

    Returns:
        uint8 H x W x 3, or None.
    """
    if mode == "none":
        return None
    if mode == "white":
        return np.full_like(screenshot, 255)
    if mode == "random":
        return noise.integers(0, 256, screenshot.shape, np.uint8)
    return screenshot
