"""Lists whose items are dragged to other places.

The library that sorts (jQuery UI's sortable) puts the dragged item behind the one under the pointer while the pointer
moves right or down, else before it, once the pointer is past the middle; and it does so all along the way.
"""

from __future__ import annotations

import numpy as np

from data_gen.oracles.base import OracleError, Page, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element

ORDINALS = ("1st", "2nd", "3rd", "4th", "5th")

COLUMNS = 3
GRID_PLACES = (
    "top left",
    "top center",
    "top right",
    "center left",
    "center",
    "center right",
    "bottom left",
    "bottom center",
    "bottom right",
)
GRID_STEPS = {"up": -COLUMNS, "down": COLUMNS, "left": -1, "right": 1}


@oracle("drag-items")
def drag_items(page: Page) -> Action:
    name, place = page.asked(r"^Drag (.+?) (?:to the )?(top|bottom|\w+ position|(?:up|down) by one position)\.$")
    items, old = _items(page, name)
    places = {"top": 0, "bottom": len(items) - 1, "up by one position": old - 1, "down by one position": old + 1}
    places |= {f"{ordinal} position": number for number, ordinal in enumerate(ORDINALS)}
    return _drag_onto(items[old], items[places[place]])


@oracle("drag-items-grid")
def drag_items_grid(page: Page) -> Action:
    """Each way has a part of a cell to drop on, so that what the item passes over leaves it at the place asked for."""
    name, place = page.asked(r"^Drag (.+?) (?:to the )?((?:top|center|bottom)(?: \w+)?|\w+ by one)\.$")
    items, old = _items(page, name)
    new = GRID_PLACES.index(place) if place in GRID_PLACES else old + GRID_STEPS[place.split()[0]]
    down, right = new // COLUMNS - old // COLUMNS, new % COLUMNS - old % COLUMNS
    if down < 0 < right:  # it comes behind what it is dropped on
        return _drag_to(page, items[old], items[new - 1], 0.85, 0.5)
    if new > old and right >= 0:
        return _drag_to(page, items[old], items[new], 0.85, 0.75)
    return _drag_to(page, items[old], items[new], 0.15, 0.25)


@oracle("drag-sort-numbers")
def drag_sort_numbers(page: Page) -> Action:
    """From top to bottom: where not the smallest of the rest stands, that one is dragged there."""
    items = page.find_all("li")
    numbers = [int(item.text) for item in items]
    for place, number in enumerate(numbers):
        smallest = min(numbers[place:])
        if number != smallest:
            return _drag_onto(items[numbers.index(smallest, place)], items[place])
    return submit(page)


def _items(page: Page, name: str) -> tuple[list[Element], int]:
    """The list's items and the place of the one of that name, from 0."""
    items = page.find_all("li")
    names = [item.text for item in items]
    if name not in names:
        raise OracleError(f"no item is called {name!r}")
    return items, names.index(name)


def _drag_onto(item: Element, other: Element) -> Action:
    """In a list of one column the item comes to where the other was."""
    if item.ref is None or other.ref is None:
        raise OracleError("the items cannot be dragged")
    return Action("drag", (item.ref, other.ref))


def _drag_to(page: Page, item: Element, other: Element, across: float, down: float) -> Action:
    """Drags an item to a point of another, given as shares of the other's width and height."""
    start = page.box(item)[:2] + page.box(item)[2:] / 2
    end = page.box(other)[:2] + page.box(other)[2:] * [across, down]
    return Action("drag_xy", tuple(int(pixel) for pixel in np.rint([*start, *end])))
