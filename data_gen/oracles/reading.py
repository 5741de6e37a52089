"""Texts and tables to read something from: copy it, or find the place, and type it into a field."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, fill, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element


@oracle("copy-paste")
def copy_paste(page: Page) -> Action:
    """Typed, to the last space: that is one action, and no page shows what a clipboard holds."""
    return _copy(page, 1)


@oracle("copy-paste-2")
def copy_paste_2(page: Page) -> Action:
    return _copy(page, int(page.asked(r"from the (\d)\w\w text area")[0]))


def _copy(page: Page, number: int) -> Action:
    """Types what stands in one of the text areas, counted from 1, and sends it."""
    areas = page.find_all("textarea")
    if number > len(areas):
        raise OracleError(f"text area {number} is asked for, the page has {len(areas)}")
    return fill(page.find("input", id="answer-input"), original(page, areas[number - 1]).value) or submit(page)


def original(page: Page, element: Element) -> Element:
    """An element that nothing has been typed into.

    Raises:
        OracleError: if it was: then what it held cannot be known any more.
    """
    if any(action.verb == "type" and action.args[0] == element.ref for _, action in page.past):
        raise OracleError(f"what <{element.tag}> {element.ref} held has been typed over")
    return element


@oracle("scroll-text")
def scroll_text(page: Page) -> Action:
    """The html has the whole text, also what is scrolled out of sight."""
    area = page.find("textarea", id="text-area")
    words = original(page, area).value.split() if area else []
    return _answer(page, words[-1] if words else "")


@oracle("find-word")
def find_word(page: Page) -> Action:
    number = int(page.asked(r"^Find the (\d+)\w\w word in the paragraph")[0])
    paragraph = page.find("p")
    words = paragraph.text.split() if paragraph else []
    if number > len(words):
        raise OracleError(f"word {number} is asked for, the paragraph has {len(words)}")
    return _answer(page, words[number - 1])


def _answer(page: Page, word: str) -> Action:
    """Types a word without its punctuation and sends it."""
    return fill(page.find("input", id="answer-input"), re.sub(r"\W", "", word)) or submit(page)


@oracle("read-table")
def read_table(page: Page) -> Action:
    (label,) = page.asked(r"^Enter the value of (.+) into the text field")
    return fill(page.find("input", id="tt"), table_value(page, label)) or submit(page)


@oracle("read-table-2")
def read_table_2(page: Page) -> Action:
    """Each field stands behind its label."""
    for label, field in zip(page.find_all("label"), page.find_all("input"), strict=True):
        if (typing := fill(field, table_value(page, label.text.rstrip(":")))) is not None:
            return typing
    return submit(page)


def table_value(page: Page, label: str) -> str:
    """What stands in the table beside a label."""
    for row in page.find_all("tr"):
        cells = [cell.text for cell in row.find_all("td")]
        if cells[0] == label:
            return cells[1]
    raise OracleError(f"the table has no row {label!r}")


@oracle("scroll-text-2")
def scroll_text_2(page: Page) -> Action:
    """On as long as there is more in that direction; then Submit."""
    (end,) = page.asked(r"^Scroll the textarea to the (top|bottom)")
    direction = "up" if end == "top" else "down"
    area = page.find("textarea", id="text-area")
    if area is None or area.ref is None:
        raise OracleError("the text area is not on the page")
    more = direction in area.attributes.get("scrollable", "").split()
    return Action("scroll", (area.ref, direction)) if more else submit(page)
