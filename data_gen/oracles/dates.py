"""Calendars that open from a field."""

from __future__ import annotations

from datetime import datetime

from data_gen.oracles.base import Page, click, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element


@oracle("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay")
def choose_date(page: Page) -> Action:
    """Opens the calendar, turns it to the month, clicks the day; then Submit.

    An open calendar lies over the Submit button, so its day is clicked even where the field shows the date already.
    """
    (wanted,) = page.asked(r"^Select (\d+/\d+/\d+) as the date")
    calendar = page.find("div", cls="ui-datepicker")
    if calendar is not None:
        return pick(calendar, datetime.strptime(wanted, "%m/%d/%Y"))
    field = page.find("input", id="datepicker")
    if field is not None and field.value == wanted:
        return submit(page)
    if field is not None and field.has("focused"):
        return Action("press", ("Tab",))  # only a field that gets the focus anew opens its calendar
    return click(field)


def pick(calendar: Element, date: datetime) -> Action:
    """The next click in an open calendar towards choosing a date."""
    month, year = (calendar.find("span", cls=f"ui-datepicker-{part}") for part in ("month", "year"))
    shown = datetime.strptime(f"{month.text} {year.text}" if month and year else "", "%B %Y")
    if (shown.year, shown.month) == (date.year, date.month):
        return click(calendar.find("a", cls="ui-state-default", text=str(date.day)))
    return click(calendar.find("a", cls=f"ui-datepicker-{'prev' if shown > date else 'next'}"))
