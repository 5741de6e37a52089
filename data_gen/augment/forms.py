"""Forms: which deeds only fill in fields, and the same form with its fields in another order or others filled in.

A deed that does nothing but fill in its field can be done before or after its neighbours, and another field can be
filled in instead: what each page then shows is known. Whether a deed is of this kind is not guessed; the page after it
in the demonstration must be the page before it with that field filled in.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from envs.action import Action
from envs.html import Element, format_html, parse_html

if TYPE_CHECKING:
    from data_gen.augment.variants import Move

_FIRST_ATTRIBUTES = ("ref", "id", "class", "type", "value")
_HOLDERS = ("p", "div", "fieldset", "li", "tr", "dd")


def find_stretches(steps: Sequence[Move]) -> list[range]:
    """Numbers of the steps, in runs of one at least, that fill in a field each of one form and do nothing else."""
    runs: list[range] = []
    for number, step in enumerate(steps[:-1]):
        page = parse_html(step.row["html"])
        if not fill_in(page, step.action) or _without_focus(page) != _without_focus(steps[number + 1].page):
            continue
        joins = bool(runs) and runs[-1].stop == number
        runs[-1:] = [range(runs[-1].start, number + 1)] if joins else [*runs[-1:], range(number, number + 1)]
    return runs


def down_the_page(page: Element, actions: Sequence[Action]) -> list[int]:
    """The actions' numbers, in the order in which what they act on stands on the page."""
    place = {element.ref: number for number, element in enumerate(page.walk()) if element.ref is not None}
    return sorted(range(len(actions)), key=lambda number: place[actions[number].refs[0]])


def fill_in(page: Element, action: Action) -> bool:
    """Does to a parsed page what typing, selecting or ticking does to a field by itself.

    Returns:
        False, and nothing done, where the action is of another kind.
    """
    element = next((element for element in page.walk() if element.ref == action.refs[0]), None) if action.refs else None
    if element is None:
        return False
    if action.verb == "type" and element.tag in ("input", "textarea"):
        _set_value(element, action.strings[0])
    elif action.verb == "select":
        for option in element.find_all("option"):
            option.attributes.pop("selected", None)
            if option.text in action.strings:
                option.attributes["selected"] = ""
    elif action.verb == "click" and is_choice(element):
        if element.attributes["type"] == "radio":
            for other in choices_beside(element):
                other.attributes.pop("checked", None)
            element.attributes["checked"] = ""
        elif element.attributes.pop("checked", None) is None:
            element.attributes["checked"] = ""
    else:
        return False
    for other in page.walk():
        other.attributes.pop("focused", None)
    element.attributes["focused"] = ""
    return True


def is_choice(element: Element) -> bool:
    """Whether it is a box to tick or a button of a group."""
    return element.tag == "input" and element.attributes.get("type") in ("radio", "checkbox")


def choices_beside(element: Element) -> list[Element]:
    """The boxes or buttons of its group, itself among them: those of its type in the nearest that holds several."""
    holder, found = element.parent, [element]
    while holder is not None and len(found) < 2:
        found = holder.find_all("input", type=element.attributes["type"])
        holder = holder.parent
    return found


def question_of(choice: Element) -> str:
    """The words that stand before a group of choices."""
    holder = choice.parent
    if holder is not None and holder.tag == "label":
        holder = holder.parent
    return " ".join(child.strip() for child in holder.children if isinstance(child, str)) if holder is not None else ""


def orders(root: Element) -> Iterator[tuple[str, ...]]:
    """Of each form on a page, the names of its fields in the order in which they stand."""
    for parent in [root, *root.walk()]:
        if len(blocks := list(_blocks(parent))) > 1:
            yield tuple(_name(parent, block) for block in blocks)


def shuffle_fields(root: Element, salt: int, forms: Container[frozenset[str]]) -> None:
    """Puts the fields of forms, with their labels, into an order that depends on the salt and on their names.

    Args:
        root: the page.
        salt: which order.
        forms: names of the fields of each form whose order changes.
    """
    for parent in [root, *root.walk()]:
        blocks = list(_blocks(parent))
        if frozenset(_name(parent, block) for block in blocks) not in forms:
            continue
        moved = iter(sorted(blocks, key=lambda block: crc32(f"{salt} {_name(parent, block)}".encode())))
        children: list[Element | str] = []
        end = 0
        for block in blocks:
            children += parent.children[end : block.start]
            children += [parent.children[number] for number in next(moved)]
            end = block.stop
        parent.children = children + parent.children[end:]


def done_there(step: Move, page: Element, typed: Sequence[str], random: Random) -> Action | None:
    """What fills in, on another page, the field that a step fills in: with another choice, or something typed before.

    Args:
        step: of any demonstration.
        page: where it is to be done.
        typed: what can be typed into this field.
        random: what to draw from.

    Returns:
        None where the page has no such field, or nothing to choose.
    """
    old = step.elements[step.action.refs[0]]
    if step.action.verb == "click":
        there = page.find_all("input", type=old.attributes["type"])
        free = [box.ref for box in there if question_of(box) == question_of(old) and not box.has("checked")]
        free = [ref for ref in free if ref is not None]
        return Action("click", (random.choice(free),)) if free else None
    field = page.find(old.tag, id=old.id) if old.id else None
    if field is None or field.ref is None:
        return None
    if step.action.verb == "type":
        return Action("type", (field.ref, random.choice(typed)))
    free = [option.text for option in field.find_all("option") if not option.has("selected") and option.text]
    return Action("select", (field.ref, random.choice(free))) if free else None


def _set_value(element: Element, text: str) -> None:
    attributes = {name: value for name, value in element.attributes.items() if name != "value"}
    first = {name: attributes.pop(name) for name in _FIRST_ATTRIBUTES if name in attributes}
    element.attributes = first | ({"value": text} if text else {}) | attributes


def _without_focus(page: Element) -> str:
    page = parse_html(format_html(page))
    for element in page.walk():
        element.attributes.pop("focused", None)
    return format_html(page)


def _blocks(parent: Element) -> Iterator[range]:
    """Where among the children a labelled field stands: its label and itself, or one element that holds both."""
    children, end = parent.children, 0
    for number, child in enumerate(children):
        if isinstance(child, str) or number < end:
            continue
        block = range(0)
        if child.tag == "label" and (target := child.attributes.get("for")):
            for place, other in enumerate(children[number + 1 : number + 3], number + 1):
                if not isinstance(other, str) and other.id == target:
                    block = range(number, place + 1)
        elif child.tag in _HOLDERS and _is_one_field(child):
            block = range(number, number + 1)
        if block:
            end = block.stop
            yield block


def _is_one_field(element: Element) -> bool:
    fields = [inner for inner in element.walk() if inner.tag in ("input", "select", "textarea")]
    return bool(fields) and (len(fields) == 1 or all(map(is_choice, fields))) and not element.find_all("button")


def _name(parent: Element, block: range) -> str:
    """What a block is called, whatever its field holds."""
    first = parent.children[block.start]
    assert not isinstance(first, str)
    own = " ".join(child for child in first.children if isinstance(child, str)).strip()
    return first.attributes.get("for") or own or first.text
