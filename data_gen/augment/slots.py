"""Where the instruction names what is done, and by which name the page calls the place where it is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from data_gen.augment.words import words_of
from envs.html import Element

if TYPE_CHECKING:
    from data_gen.augment.variants import Demonstration, Move


class Slot(NamedTuple):
    """One thing that is done with a value of the instruction.

    Attributes:
        step: its number in the demonstration.
        value: the words, as they stand in the instruction.
        label: what the page calls the field or the group, in lower case; empty where it does not say.
        kind: ``type``, ``select`` or ``click``.
    """

    step: int
    value: str
    label: str
    kind: str


def find_slots(demonstration: Demonstration, values: set[str]) -> list[Slot]:
    """The slots of a demonstration, in the order of its steps: of what holds one of the words that are values."""
    slots: list[Slot] = []
    for number, step in enumerate(demonstration.steps):
        verb = step.action.verb
        if verb not in ("type", "select", "click"):
            continue
        element = step.elements[step.action.refs[0]]
        said = step.action.strings[0] if step.action.strings else _choice(element)
        if not words_of(said) & values:
            continue
        if found := re.search(rf"(?<!\w){re.escape(said)}(?!\w)", demonstration.instruction, re.IGNORECASE):
            slots.append(Slot(number, found.group(), label_of(element, step), verb))
    return slots


def follows_instruction(demonstrations: list[Demonstration], values: set[str]) -> bool:
    """Whether things are always done in the order in which the instruction names them."""
    for demonstration in demonstrations:
        places = [demonstration.instruction.find(slot.value) for slot in find_slots(demonstration, values)]
        if places != sorted(places):
            return False
    return True


def label_of(element: Element, step: Move) -> str:
    """What the page calls a field, or the group that a box or button is of."""
    attributes = element.attributes
    if _is_choice(element):
        holder = element.parent
        if holder is not None and holder.tag == "label":
            holder = holder.parent
        own = " ".join(child for child in holder.children if isinstance(child, str)) if holder is not None else ""
        return _plain(own)
    named = [label for label in step.page.find_all("label") if element.id and label.attributes.get("for") == element.id]
    if named:
        return _plain(named[0].text)
    if element.parent is not None and element.parent.tag == "label":
        return _plain(" ".join(child for child in element.parent.children if isinstance(child, str)))
    return _plain(attributes.get("aria-label", "") or attributes.get("placeholder", "") or element.id)


def _choice(element: Element) -> str:
    """The words of a box, a button of a group, or a link that is clicked."""
    if _is_choice(element):
        return element.parent.text if element.parent is not None and element.parent.tag == "label" else element.value
    return element.text if element.tag in ("a", "li", "td", "label", "button") else ""


def _is_choice(element: Element) -> bool:
    return element.tag == "input" and element.attributes.get("type") in ("radio", "checkbox")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text)).lower()
