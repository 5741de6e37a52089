"""Things that move while they are looked at: the tasks' clocks stand still between an observation and the action."""

from __future__ import annotations

import numpy as np

from data_gen.oracles.base import OracleError, Page, oracle
from envs.action import Action


@oracle("chase-circle")
def chase_circle(page: Page) -> Action:
    circle = page.find("circle", id="circ")
    if circle is None or circle.ref is None:
        raise OracleError("there is no circle to follow")
    return Action("hover", (circle.ref,))


@oracle("moving-items")
def moving_items(page: Page) -> Action:
    """The first circle, in drawing order, whose middle is in the drawing; circles have no refs."""
    drawing = page.find("svg")
    if drawing is None:
        raise OracleError("there is no drawing on the page")
    left, top, width, height = page.box(drawing)
    bottom = min(top + height, page.screenshot.shape[0])
    for circle in page.find_all("circle", cls="item"):
        x, y = np.rint(page.box(circle)[:2] + page.box(circle)[2:] / 2)
        if left < x < left + width - 1 and x < page.screenshot.shape[1]:
            return Action("click_xy", (int(x), int(np.clip(y, top + 1, bottom - 1))))
    return Action("wait")
