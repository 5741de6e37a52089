"""The cube that is turned by dragging.

It is turned first about its own axis through the sides 1 and 6 ("spin"), then about the screen's horizontal ("tilt").
Dragging sideways spins it, dragging up tilts it forward. Both angles follow from where its sides are on the screen.
"""

from __future__ import annotations

import numpy as np

from data_gen.oracles.base import OracleError, Page, oracle
from data_gen.oracles.choices import submit
from envs.action import Action

POLES = {"6": 90.0, "1": 270.0}
"""Tilt in degrees at which these sides face the user, whatever the spin."""

BELT = {"2": 0.0, "5": 90.0, "4": 180.0, "3": 270.0}
"""Spin in degrees at which these sides face the user while the tilt is near 0; near 180 it is the opposite."""

DEGREES_PER_PIXEL, DEGREES_LOST = 2.1, 13.0
"""A drag turns the cube by so much, its swing afterwards included; it stops before it is spent."""


@oracle("drag-cube")
def drag_cube(page: Page) -> Action:
    """Tilts where it has to, then spins where it has to, until the side asked for is the active one."""
    (wanted,) = page.asked(r'so that "(\d)" is the active side')
    active = page.find("div", cls="active")
    if active is not None and active.text == wanted:
        return submit(page)
    tilt, spin, middle = _attitude(page)
    if wanted in POLES:
        return _turn(middle, np.array([0, -1]), POLES[wanted] - tilt)
    upright = abs(_turned(tilt)) < 90
    level = 0.0 if upright else 180.0
    if abs(_turned(level - tilt)) > 45:
        return _turn(middle, np.array([0, -1]), level - tilt)
    return _turn(middle, np.array([1 if upright else -1, 0]), BELT[wanted] + level - spin)


def _attitude(page: Page) -> tuple[float, float, np.ndarray]:
    """Tilt and spin in degrees, and the middle of the cube on the page."""
    sides = {side.text: page.box(side) for side in page.find_all("div", cls="side")}
    if len(sides) != 6:
        raise OracleError("the cube does not have six sides")
    at = {number: box[:2] + box[2:] / 2 for number, box in sides.items()}
    nearer = sides["6"][2] - sides["1"][2]  # the nearer of two opposite sides looks wider
    radius = np.linalg.norm((at["2"] - at["4"]) * [1, 0] + 1j * (at["3"] - at["5"]) * [1, 0])
    height = np.clip((at["6"] - at["1"])[1] / radius, -1, 1)
    tilt = np.degrees(np.arccos(height)) * (1 if nearer > 0 else -1)
    spin = np.degrees(np.arctan2((at["2"] - at["4"])[0], (at["3"] - at["5"])[0]))
    return float(tilt), float(spin), np.mean(list(at.values()), axis=0)


def _turned(degrees: float) -> float:
    """The same turn as an angle from -180 to 180."""
    return (degrees + 180) % 360 - 180


def _turn(middle: np.ndarray, way: np.ndarray, degrees: float) -> Action:
    """A drag across the middle of the cube that turns it by so much; `way` is where to drag for a positive turn."""
    degrees = _turned(degrees)
    half = np.sign(degrees) * way * (abs(degrees) + DEGREES_LOST) / DEGREES_PER_PIXEL / 2
    return Action("drag_xy", tuple(int(pixel) for pixel in np.rint([*(middle - half), *(middle + half)])))
