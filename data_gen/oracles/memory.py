"""What is shown only for a moment, or only where one looks: cards, lights, a hidden warm place."""

from __future__ import annotations

from functools import cache

import numpy as np

from data_gen.oracles.base import OracleError, Page, click, oracle
from envs.action import Action


@oracle("find-greatest")
def find_greatest(page: Page) -> Action:
    """Turns up each card, and before the next one the greatest so far where another lies open; submits the greatest.

    One card shows at a time. So each comparison is of the present page with the one before it, and all that was
    compared earlier follows from which cards were clicked.
    """
    cards = page.find_all("div", cls="card")
    known = {number: value for past, _ in page.past for number, value in _open_cards(past)}
    opened = dict(_open_cards(page))
    known |= opened
    hidden = [number for number in range(len(cards)) if number not in known]
    if known:
        best = max(known, key=lambda number: known[number])
        if best not in opened:
            return click(cards[best])
    return click(cards[hidden[0]] if hidden else page.find("button", id="submit"))


def _open_cards(page: Page) -> list[tuple[int, int]]:
    """Place and number of the cards that lie open."""
    values = [card.find(cls="card-value") for card in page.find_all("div", cls="card")]
    return [(place, int(value.text)) for place, value in enumerate(values) if value is not None]


@oracle("simon-says")
def simon_says(page: Page) -> Action:
    """Pushes each button as it lights up.

    An action takes as long as a light, so that each page shows the next one. Only the pages before show a light that
    was let pass; it is caught up with.
    """
    lights = [light for seen in (*(past for past, _ in page.past), page) if (light := seen.find("button", cls="push"))]
    pushed = sum(action.verb == "click" for _, action in page.past)
    return click(page.find("button", id=lights[pushed].id)) if pushed < len(lights) else Action("wait")


SIGNALS = {"HOT": 5, "WARM": 10, "COLD": 40, "ICE COLD": 1000}
"""Each signal and the distance, in CSS pixels, below which it is shown if none before it is."""

PLACES = np.stack(np.meshgrid(np.arange(5, 155), np.arange(55, 170)), axis=-1).reshape(-1, 2)
"""Where the hot place may be, x and y in CSS pixels."""

OUTSIDE = (158, 205)
"""Where a drag starts that is to end in the field without a click there."""


@oracle("hot-cold")
def hot_cold(page: Page) -> Action:
    """Moves the pointer to where the signal tells most; clicks where it is hot.

    The grammar has no move to a point. A drag that begins outside of the field ends in one, and clicks nothing.
    """
    probes = []
    after = [*(past for past, _ in page.past[1:]), page]  # what each action brought
    for (_, action), now in zip(page.past, after, strict=False):
        if action.verb == "drag_xy":
            probes.append((int(action.args[2]), int(action.args[3]), _signal(now)))
    x, y = _best_probe(tuple(probes))
    return Action("click_xy", (x, y)) if probes and probes[-1] == (x, y, "HOT") else Action("drag_xy", (*OUTSIDE, x, y))


def _signal(page: Page) -> str:
    shown = page.find(id="signal")
    if shown is None:
        raise OracleError("there is no signal")
    return shown.text


@cache
def _best_probe(probes: tuple[tuple[int, int, str], ...]) -> tuple[int, int]:
    """The point of a grid whose signal leaves the fewest places, as expected; a point that was hot already."""
    left = PLACES
    for x, y, signal in probes:
        if signal == "HOT":
            return x, y
        left = left[_signals(left, np.array([[x, y]]))[:, 0] == list(SIGNALS).index(signal)]
    if not len(left):
        raise OracleError("the signals contradict each other")
    left = left[:: 1 + len(left) // 2000]
    grid = PLACES.reshape(115, 150, 2)[::5, ::5].reshape(-1, 2)
    signals = _signals(left, grid)
    remaining = sum((signals == kind).sum(axis=0) ** 2 for kind in range(1, len(SIGNALS)))
    x, y = grid[int(np.argmin(remaining))]
    return int(x), int(y)


def _signals(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The number of the signal for each place (rows) seen from each point (columns)."""
    distances = np.hypot(*np.moveaxis(places[:, None] - points[None], -1, 0))
    return np.searchsorted(list(SIGNALS.values()), distances, side="right")
