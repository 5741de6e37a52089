"""Booking a flight: two airports, a date, then the best of the flights found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from data_gen.oracles.base import OracleError, Page, click, oracle, write
from data_gen.oracles.dates import pick
from data_gen.oracles.search import minutes, price
from envs.action import Action
from envs.html import Element


@dataclass(frozen=True)
class Trip:
    """What the instruction asks for; a place is a city or an airport's code."""

    best: str
    origin: str
    destination: str
    date: str


@oracle("book-flight", "book-flight-nodelay")
def book_flight(page: Page) -> Action:
    """Fills in the form from top to bottom, searches, books."""
    trip = Trip(*page.asked(r"^Book the (\w+) one-way flight from: (.+) to: (.+) on (\d+/\d+/\d+)\.$"))
    results = page.find("div", id="results")
    if results is not None:
        return _book(results, trip)
    calendar = page.find("div", cls="ui-datepicker")
    if calendar is not None:
        return pick(calendar, datetime.strptime(trip.date, "%m/%d/%Y"))
    origin, destination, date = (page.find("input", id=name) for name in ("flight-from", "flight-to", "datepicker"))
    return (
        _choose_airport(page, origin, trip.origin)
        or _choose_airport(page, destination, trip.destination)
        or _open_calendar(date, trip.date)
        or click(page.find("button", id="search"))
    )


def _choose_airport(page: Page, field: Element | None, place: str) -> Action | None:
    """Types the place and clicks the first airport in the list that is there, or None where the field holds one."""
    if field is None:
        raise OracleError("a field of the form is missing")
    if _is_at(field.value, place):
        return None
    if field.has("focused") and field.value == place:
        for airport in page.find_all("li", cls="ui-menu-item"):
            if _is_at(airport.text, place):
                return click(airport)
    return write(field, place)


def _is_at(airport: str, place: str) -> bool:
    """Whether an airport as the lists write it, "Oakland, CA (OAK)", is that city's or has that code."""
    match = re.fullmatch(r"(.*?) ?\((\w+)\)", airport)
    return match is not None and place in match.groups()


def _open_calendar(field: Element | None, date: str) -> Action | None:
    if field is not None and field.value == date:
        return None
    if field is not None and field.has("focused"):
        return Action("press", ("Tab",))  # only a field that gets the focus anew opens its calendar
    return click(field)


def _book(results: Element, trip: Trip) -> Action:
    """The cheapest or shortest flight, the first of equals; Back where the search was for another trip."""
    flights = results.find_all("div", cls="flight")
    leaves, arrives = (
        (flights[0].find("div", cls=f"{end}-city") for end in ("depart", "arrive")) if flights else (None,) * 2
    )
    date = results.find("span", cls="flight-date")
    if not (leaves and arrives and date):
        raise OracleError("no flights were found")
    # The flights of the right search end at the place as the instruction has it, all others at the airport's full name.
    if not _is_at(leaves.text, trip.origin) or arrives.text != trip.destination or date.text != trip.date:
        return click(results.find("button", id="menu-back"))
    measure = {"cheapest": price, "shortest": minutes}[trip.best]
    return click(min(flights, key=measure).find("button", cls="flight-price"))
