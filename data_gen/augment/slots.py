"""Where the instruction names what is done, and by which name the page calls the place where it is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from data_gen.augment.forms import is_choice, question_of
from data_gen.augment.words import words_of
from envs.html import Element

if TYPE_CHECKING:
    from data_gen.augment.variants import Demonstration, Move


class Slot(NamedTuple):
    """One thing that is done with a value of the instruction.

    Attributes:
        step: its number in the demonstration.
        value: the words, as they stand in the instruction.
        label: what the page calls the field or the group, in lower case; empty where it does not say. Of a cell its
            number in the row.
        kind: ``type``, ``select``, ``click``, or ``row`` for a cell of the row in which something is clicked.
    """

    step: int
    value: str
    label: str
    kind: str


def find_slots(demonstration: Demonstration, values: set[str]) -> list[Slot]:
    """The slots of a demonstration, in the order of its steps: of what holds one of the words that are values.

    What occurs in several places has the slot of the first.
    """
    slots: list[Slot] = []

    def add(number: int, said: str, label: str, kind: str) -> bool:
        found = re.search(rf"(?<!\w){re.escape(said)}(?!\w)", demonstration.instruction, re.IGNORECASE)
        if not found or not words_of(said) & values:
            return False
        if found.group() not in [slot.value for slot in slots]:
            slots.append(Slot(number, found.group(), label, kind))
        return True

    for number, step in enumerate(demonstration.steps):
        verb = step.action.verb
        if verb not in ("type", "select", "click"):
            continue
        element = step.elements[step.action.refs[0]]
        said = step.action.strings[0] if step.action.strings else choice_of(element)
        if not add(number, said, label_of(element, step), verb) and (row := element.closest("tr")):
            for place, cell in enumerate(row.find_all("td")):
                add(number, cell.text, str(place), "row")
    return slots


def follows_instruction(demonstrations: list[Demonstration], values: set[str]) -> bool:
    """Whether things are always done in the order in which the instruction names them."""
    for demonstration in demonstrations:
        slots = [slot for slot in find_slots(demonstration, values) if slot.kind != "row"]
        places = [demonstration.instruction.find(slot.value) for slot in slots]
        if places != sorted(places):
            return False
    return True


def label_of(element: Element, step: Move) -> str:
    """What the page calls a field, or the group that a box or button is of."""
    attributes = element.attributes
    if is_choice(element):
        return _plain(question_of(element))
    named = [label for label in step.page.find_all("label") if element.id and label.attributes.get("for") == element.id]
    if named:
        return _plain(named[0].text)
    if element.parent is not None and element.parent.tag == "label":
        return _plain(" ".join(child for child in element.parent.children if isinstance(child, str)))
    return _plain(attributes.get("aria-label", "") or attributes.get("placeholder", "") or element.id)


def choice_of(element: Element) -> str:
    """The words of a box, a button of a group, or a link that is clicked."""
    if is_choice(element):
        return element.parent.text if element.parent is not None and element.parent.tag == "label" else element.value
    return element.text if element.tag in ("a", "li", "td", "label", "button") else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text)).lower()
