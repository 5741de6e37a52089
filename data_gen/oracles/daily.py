"""A calendar of one day: an event is made by dragging over half hours, then named."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, click, fill, oracle
from envs.action import Action
from envs.html import Element


@oracle("daily-calendar")
def daily_calendar(page: Page) -> Action:
    """The first free time between the two hours that is long enough; then the name, then Create."""
    length, name, first, last = page.asked(r'^Create an? (\S+ \w+) event named "(.+)", between (\w+) and (\w+)\.$')
    start, end, number = _half_hour(first), _half_hour(last), _half_hours(length)
    form = page.find("div", id="create-event")
    if form is not None:
        times = [_half_hour(label.text) for label in form.find_all("label") if label.text != "to"]
        if not (start <= times[0] and times[1] <= end and times[1] - times[0] == number):
            return click(form.find("button", cls="cancel"))
        return fill(form.find("input", id="event-name"), name) or click(form.find("button", cls="create"))
    free = [_is_free(page, half_hour) for half_hour in range(start, end)]
    for offset in range(end - start - number + 1):
        if all(free[offset : offset + number]):
            refs = [_cell(page, start + at).ref or 0 for at in (offset, offset + number - 1)]
            return Action("drag", tuple(refs))
    raise OracleError(f"no {length} are free between {first} and {last}")


def _half_hour(time: str) -> int:
    """The number of the half hour that begins at a time such as ``8AM`` or ``12:30pm``."""
    match = re.fullmatch(r"(\d+)(:30)?([AaPp])[Mm]", time)
    if match is None:
        raise OracleError(f"{time!r} is not a time")
    return 2 * (int(match[1]) % 12) + (match[2] is not None) + 24 * (match[3] in "Pp")


def _half_hours(length: str) -> int:
    """How many half hours a length such as ``90 mins`` or ``1.5 hours`` has."""
    number, unit = length.split()
    return round(float(number) / 30 if unit.startswith("min") else float(number) * 2)


def _cell(page: Page, half_hour: int) -> Element:
    cell = page.find("div", id=f"hh-{half_hour}")
    if cell is None:
        raise OracleError(f"there is no half hour {half_hour}")
    return cell


def _is_free(page: Page, half_hour: int) -> bool:
    """Whether no event covers the middle of that half hour."""
    _, top, _, height = page.box(_cell(page, half_hour))
    boxes = [page.box(event) for event in page.find_all("div", cls="event")]
    return not any(y <= top + height / 2 <= y + tall for _, y, _, tall in boxes)
