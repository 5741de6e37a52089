"""Marking text with the pointer, and what an editor does to what is marked.

What is marked is to be seen on the picture alone.
"""

from __future__ import annotations

import numpy as np

from data_gen.oracles.base import OracleError, Page, click, oracle
from data_gen.oracles.choices import submit
from data_gen.oracles.reading import original
from envs.action import Action
from envs.html import WORD, Element

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in CSS pixels."""

LINE = 5
"""From the edge of a line to its middle, or a little less, in pixels."""
SPACE, LEADING = 5, 8
"""How far beside, above and below its letters a marked word may be coloured, in pixels."""
RING = 5
"""So far inside of the editor its black frame cannot be taken for text."""

STYLES = {"bold": "strong", "italics": "em", "underlined": "u"}
COLOURS = {
    "red": "rgb(230, 0, 0)",
    "orange": "rgb(255, 153, 0)",
    "yellow": "rgb(255, 255, 0)",
    "green": "rgb(0, 138, 0)",
    "blue": "rgb(0, 102, 204)",
    "purple": "rgb(153, 51, 255)",
}
"""The first row of the editor's colours."""
BUTTONS = {"strong": "ql-bold", "em": "ql-italic", "u": "ql-underline"}


@oracle("highlight-text", pixels=True)
def highlight_text(page: Page) -> Action:
    text = page.find(id="randomText")
    return _mark(page, text, text) or submit(page)


@oracle("highlight-text-2", pixels=True)
def highlight_text_2(page: Page) -> Action:
    (number,) = page.asked(r"^Highlight the text in the (\d)\w\w paragraph")
    return _mark(page, page.find_all("p")[int(number) - 1], page.find(id="randomText")) or submit(page)


def _mark(page: Page, paragraph: Element | None, around: Element | None) -> Action | None:
    """A drag from the paragraph's first line to the end of its last one, or None where it is marked."""
    if paragraph is None or around is None:
        raise OracleError("the text to mark is not on the page")
    box = _box(page, paragraph)
    left, top, right, bottom = map(round, box)
    marked = _marked(page, box, _box(page, around))
    return None if marked else Action("drag_xy", (left, top + LINE, right, bottom - LINE))


def _box(page: Page, element: Element) -> Box:
    left, top, width, height = map(float, page.box(element))
    return left, top, left + width, top + height


def _marked(page: Page, box: Box, around: Box) -> bool:
    """Whether the text in a box is marked and nothing else, but for spaces, around it."""
    left, top, right, bottom = map(round, box)
    picture = page.screenshot.astype(int)
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    highlight = (red < 90) & (green > 70) & (green < 140) & (blue > 180)
    black = picture.max(axis=2) < 110
    inside = np.zeros_like(black)
    inside[top:bottom, left:right] = True
    near = np.zeros_like(black)
    near[max(0, top - LEADING) : bottom + LEADING, max(0, left - SPACE) : right + SPACE] = True
    left, top, right, bottom = map(round, around)
    outside = np.zeros_like(black)
    outside[top:bottom, left:right] = True
    outside &= ~near
    return bool((highlight & inside).any() and not (black & inside).any() and not (highlight & outside).any())


@oracle("text-editor", pixels=True)
def text_editor(page: Page) -> Action:
    """Marks the word, or everything; gives it the style or colour; Submit. What is styled wrongly is unstyled first."""
    word, _, style = page.asked(r"(?:give the text (\S+)|(?:give|make) (everything)) the (?:style|color) (\w+)")
    editor = page.find("div", cls="ql-editor")
    if editor is None:
        raise OracleError("there is no editor on the page")
    text = original(page, editor).text
    wanted = word or text
    kind, colour = STYLES.get(style, "color"), COLOURS.get(style)
    styled = [(name, element) for element in editor.walk() for name in _styles(element)]
    wrong = [(name, element) for name, element in styled if name != kind or element.text not in wanted]
    if not wrong and any(element.text == wanted and _colour(element) == colour for _, element in styled):
        return submit(page)
    box = area = _inside(page, editor)
    if wrong:
        (kind, element), colour = wrong[0], None
        everything = element.text == text
        box = area if everything else _box(page, element)
    elif not (everything := word is None):
        box = _word(page, word)
    # An open picker lies over the text, which is as it was before.
    opened = page.find(cls="ql-picker-options")
    seen = next((past for past, _ in reversed(page.past) if not past.find(cls="ql-picker-options")), page)
    marked = _marked(seen if opened else page, box, area)
    picker = page.find("span", cls="ql-picker-label")
    if opened is not None and (not marked or kind != "color"):
        return click(picker)
    if not marked and everything:
        return Action("press", ("Control+A",)) if editor.has("focused") else click(editor)
    if not marked:
        left, top, right, bottom = box
        middle = round((top + bottom) / 2)
        return Action("drag_xy", (round(left), middle, round(right), middle))
    if kind != "color":
        return click(page.find("button", cls=BUTTONS[kind]))
    if opened is None:
        return click(picker)
    return click(next((item for item in opened.find_all(cls="ql-picker-item") if _colour(item) == colour), None))


def _styles(element: Element) -> list[str]:
    """What an element inside of the editor does to its text; nothing where it has none but the caret's mark."""
    if not element.text.strip("\ufeff"):
        return []
    return [name for name in (*BUTTONS, "color") if name in (element.tag, "color" if _colour(element) else "")]


def _colour(element: Element) -> str | None:
    """The colour that it gives its text, or shows as its own."""
    rule = element.attributes.get("style", "")
    return rule.partition("color: ")[2].split(";")[0] or None


def _word(page: Page, word: str) -> Box:
    """Where a word of the editor stands on the first page, on which nothing is styled, which can cut words in two."""
    first = page.past[0][0] if page.past else page
    found = first.find(WORD, text=word)
    if found is None:
        raise OracleError(f"{word!r} is not among the words of the editor")
    return _box(first, found)


def _inside(page: Page, editor: Element) -> Box:
    left, top, right, bottom = _box(page, editor)
    return left + RING, top + RING, right - RING, bottom - RING
