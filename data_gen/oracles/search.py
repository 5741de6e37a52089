"""Finding one thing among many: a search engine, a phone book, tickets, a menu of dishes."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, click, fill, oracle
from envs.action import Action
from envs.html import Element

RESULTS_PER_PAGE = 3


@oracle("search-engine")
def search_engine(page: Page) -> Action:
    """Type, Search, turn to the page of the result, click it. The results are of the text at the last Search."""
    term, number = page.asked(r'^Use the textbox to enter "(.+)" and press "Search", .* click the (\d+)\w+ search')
    field, search = page.find("input", id="search-text"), page.find("button", id="search")
    typing = fill(field, term)
    if typing:
        return typing
    results = page.find_all("a", cls="search-title")
    # The last thing done at the search bar shows whether these results are of the text that stands in it now.
    at_bar = [a.verb for _, a in page.past if a.verb in ("type", "click") and a.args[0] in (_ref(field), _ref(search))]
    if not results or (at_bar and at_bar[-1] == "type"):
        return click(search)
    turned, place = divmod(int(number) - 1, RESULTS_PER_PAGE)
    return _turn(page, turned + 1) or click(results[place])


def _ref(element: Element | None) -> int | None:
    return element and element.ref


def _turn(page: Page, number: int) -> Action | None:
    """A click on that number under the results, or None where its page is open."""
    link = page.find("a", cls="page-link", text=str(number))
    opened = link is not None and (item := link.closest("li")) is not None and "active" in item.classes
    return None if opened else click(link)


@oracle("phone-book")
def phone_book(page: Page) -> Action:
    """Turns on to the contact; back where it was passed. Only the pages turned before show whether it was."""
    person, detail = page.asked(r"^Find (.+) in the contact book and click on their (phone|email|address)")
    if _contact(page) == person:
        return click(page.find("a", cls=detail))
    turned = [*(past for past, _ in page.past), page]
    passed = next((_number(past) for past in turned if _contact(past) == person), None)
    came_to_end = any(past.find("li", cls="next") is None for past in turned)
    back = came_to_end if passed is None else passed < _number(page)
    button = page.find("li", cls="prev" if back else "next")
    return click(button and button.find("a"))


def _contact(page: Page) -> str:
    name = page.find("h2", cls="name")
    return name.text if name else ""


def _number(page: Page) -> int:
    """The number of the open page."""
    link = page.find("li", cls="active")
    if link is None:
        raise OracleError("no page is open")
    return int(link.text)


@oracle("buy-ticket")
def buy_ticket(page: Page) -> Action:
    """The first of equals."""
    (wanted,) = page.asked(r"^Buy the ticket with the (cheapest|most expensive|shortest|longest)")
    measure = price if wanted in ("cheapest", "most expensive") else minutes
    choose = min if wanted in ("cheapest", "shortest") else max
    tickets = page.find_all("div", cls="flight")
    if not tickets:
        raise OracleError("there are no tickets")
    return click(choose(tickets, key=measure).find("button"))


def price(offer: Element) -> int:
    """Dollars."""
    return int(_read(offer, r"\$(\d+)")[0])


def minutes(offer: Element) -> int:
    """How long it takes, "2h 5m"."""
    hours, rest = map(int, _read(offer, r"\b(\d+)h (\d+)m\b"))
    return 60 * hours + rest


def _read(offer: Element, pattern: str) -> tuple[str, ...]:
    match = re.search(pattern, offer.text)
    if match is None:
        raise OracleError(f"{offer.text!r} does not fit {pattern!r}")
    return match.groups()


@oracle("order-food")
def order_food(page: Page) -> Action:
    """From top to bottom, one more or one less of every dish that is not yet as asked; then Order.

    Where any dishes of a kind will do, all are of the first that is of that kind.
    """
    wanted = _order(page)
    for dish in page.find_all("div", cls="food-item"):
        name, quantity = dish.find("div", cls="item-name"), dish.find("span", cls="quantity")
        missing = wanted.get(name.text if name else "", 0) - (int(quantity.text) if quantity else 0)
        if missing:
            return click(dish.find("span", cls="add" if missing > 0 else "remove"))
    return click(page.find("button", text="Order!"))


def _order(page: Page) -> dict[str, int]:
    """How many of which dishes."""
    names, number, kind = page.asked(r"^Order (?:one of each item: (.+)|(\d+) items that are (.+))$")
    if names is not None:
        return {name.strip(): 1 for name in names.split(",")}
    for dish in page.find_all("div", cls="food-item"):
        name = dish.find("div", cls="item-name")
        if name and dish.find("img", title=kind):
            return {name.text: int(number)}
    raise OracleError(f"no dish is {kind}")


@oracle("stock-market")
def stock_market(page: Page) -> Action:
    """Waits for the price. The limit itself is taken too: only that is certain to come."""
    (limit,) = page.asked(r"less than \$([\d.]+)\.$")
    shown = page.find("span", id="stock-price")
    if shown is not None and shown.text == "$undefined0":
        raise OracleError("the stock has no prices left")
    if shown is not None and float(shown.text.lstrip("$")) <= float(limit):
        return click(page.find("button", id="buy"))
    return Action("wait")
