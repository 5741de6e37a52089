"""Forms: several fields to fill in, spinners, sliders, and what they are combined to."""

from __future__ import annotations

from data_gen.oracles.base import OracleError, Page, click, fill, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element

_WIDER = 15
"""CSS pixels to drag the right border by; beyond the widest text area about 20 are left."""


@oracle("multi-layouts", "multi-orderings")
def search_movie(page: Page) -> Action:
    """Each page names and orders its three fields in its own way: filled in from top to bottom, then sent."""
    genre, director, year = page.asked(r"^Search for (.+) movies directed by (.+) from year (\d+)\.$")
    wanted = {
        "Genre": genre,
        "Movie Genre": genre,
        "Director": director,
        "Director Name": director,
        "Year": year,
        "Released Date": year,
    }
    labels = [element.text.rstrip(":") for element in page.find_all() if not element.find()]
    texts = [wanted[label] for label in labels if label in wanted]
    fields = page.find_all("input")
    if len(texts) != len(fields):
        raise OracleError(f"{len(fields)} fields, but {len(texts)} labels that are known among {labels}")
    for field, text in zip(fields, texts, strict=True):
        if (typing := fill(field, text)) is not None:
            return typing
    return click(page.find("button") or page.find(cls="final") or page.find(cls="ui-submit"))


@oracle("use-spinner")
def use_spinner(page: Page) -> Action:
    """The field takes no keys that write: one click on an arrow for each step."""
    (wanted,) = page.asked(r"^Select (-?\d+) with the spinner")
    field = page.find("input", id="spinner")
    away = int(wanted) - int(field.value if field else 0)
    if away == 0:
        return submit(page)
    return click(page.find("a", cls="ui-spinner-up" if away > 0 else "ui-spinner-down"))


@oracle("form-sequence-2")
def form_sequence_2(page: Page) -> Action:
    """The radio buttons, the text fields from left to right (the others have to be empty), the button."""
    radio, number, place = page.asked(
        r'the (\d)\w\w radio button and enter the number "(-?\d+)" into the (\d)\w\w text'
    )
    button = page.find("input", type="radio", value=radio)
    if button is None or not button.has("checked"):
        return click(button)
    for position, field in enumerate(page.find_all("input", type="text"), start=1):
        if (typing := fill(field, number if position == int(place) else "")) is not None:
            return typing
    return submit(page)


@oracle("form-sequence-3")
def form_sequence_3(page: Page) -> Action:
    """An open list lies over the buttons, so its option is clicked even where the list shows it already."""
    height, answer = page.asked(r'^Choose (.+) from the dropdown, then click the button labeled "(.+)"\.$')
    options = page.find(cls="selectric-items")
    if options is not None:
        return click(options.find("li", text=height))
    shown = page.find(cls="selectric")
    if shown is not None and shown.find("span", cls="label", text=height) is None:
        return click(shown)
    return click(page.find("button", text=answer))


@oracle("resize-textarea")
def resize_textarea(page: Page) -> Action:
    """Drags the handle of the side in question, until the size differs as asked from what it was.

    No later page shows how large it was at first: that is read from the first one. Into the text area is smaller, and
    the button is lower than any text area, but nothing stands to its right that a drag could be aimed at.
    """
    side, change = page.asked(r"so that the (width|height) is (smaller|larger)")
    area, button = page.find("textarea"), page.find("button")
    handle = page.find(cls=f"ui-resizable-{'e' if side == 'width' else 's'}")
    first = page.past[0][0] if page.past else page
    before = first.find("textarea")
    if area is None or before is None:
        raise OracleError("there is no text area to resize")
    index = 2 if side == "width" else 3
    grown = float(page.box(area)[index] - first.box(before)[index])
    if (grown < 0) if change == "smaller" else (grown > 0):
        return click(button)
    if change == "smaller" or side == "height":
        return drag(handle, area if change == "smaller" else button)
    left, top, width, height = map(float, page.box(area))
    x, y = int(left + width) - 1, int(top + height / 2)  # what of the handle lies outside of the text area is cut off
    return Action("drag_xy", (x, y, x + _WIDER, y))


def drag(start: Element | None, end: Element | None) -> Action:
    """From element to element.

    Raises:
        OracleError: if one of them is not there, or cannot be acted on.
    """
    if start is None or end is None or start.ref is None or end.ref is None:
        raise OracleError("an end of the drag is not on the page")
    return Action("drag", (start.ref, end.ref))
