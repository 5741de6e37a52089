"""Rows, options, links and the like in another order, some left out, and refs with other numbers."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from envs.html import Element

MOVABLE = frozenset("li tr option a div label dd section article".split())
"""Tags of what may change places. A label does where its field is inside it."""

LEFT_OUT = 0.2
"""Share of the rows in which nothing is done that are left out, where any are."""


def like_siblings(element: Element) -> list[Element]:
    """The element and those beside it of the same tag and first class."""
    if element.parent is None:
        return [element]
    kind = (element.tag, element.classes[:1])
    beside = [child for child in element.parent.children if not isinstance(child, str)]
    return [child for child in beside if (child.tag, child.classes[:1]) == kind]


def rearrange(root: Element, acted: set[int], named: set[str], salt: int, drop: bool) -> None:
    """Puts rows into an order that depends on the salt and on what they say, so that it is the same on every page.

    A group in which several things are done keeps its order, since the order of the deeds may follow it.

    Args:
        root: the page.
        acted: refs of all that is acted on in the episode.
        named: texts of the options that are chosen in it, which have to stay.
        salt: which order.
        drop: whether rows are left out.
    """
    for parent in (root, *root.walk()):
        for group in _groups(parent):
            busy = [member for member in group if _holds(member, acted)]
            if len(busy) > 1:
                continue
            kept = [member for member in group if member in busy or not (drop and _dropped(member, named, salt))]
            order = iter(sorted(kept, key=lambda member: _hash(member, salt)))
            places = {id(member) for member in kept}
            gone = {id(member) for member in group} - places
            children: list[Element | str] = []
            for child in parent.children:
                if child == " " and children[-1:] == [" "]:
                    continue  # what stood between is gone
                if id(child) not in gone:
                    children.append(next(order) if id(child) in places else child)
            parent.children = children


class Numbers:
    """Other refs, in the order in which things come into sight; a thing keeps its ref from page to page.

    Args:
        stride: what one is more than the one before.
        first: the first.
    """

    def __init__(self, stride: int, first: int):
        self._stride, self._first = stride, first
        self._new: dict[int, int] = {}

    def of(self, ref: int) -> int:
        """The new one in place of an old one."""
        return self._new.setdefault(ref, self._first + self._stride * len(self._new))

    def renumber(self, root: Element) -> None:
        """Gives every ref of a page its new number."""
        for element in root.walk():
            if element.ref is not None:
                element.attributes["ref"] = str(self.of(element.ref))


def _groups(parent: Element) -> Iterable[list[Element]]:
    seen: set[int] = set()
    for child in list(parent.children):
        if not isinstance(child, str) and id(child) not in seen:
            group = like_siblings(child)
            seen |= {id(member) for member in group}
            movable = child.tag in MOVABLE and (child.tag != "label" or all(m.find("input") for m in group))
            if len(group) > 1 and movable:
                yield group


def _holds(element: Element, acted: set[int]) -> bool:
    return element.ref in acted or any(inner.ref in acted for inner in element.walk())


def _dropped(element: Element, named: set[str], salt: int) -> bool:
    if element.tag not in ("li", "tr", "option", "a") or element.has("selected") or element.text in named:
        return False
    return _hash(element, salt + 1) % 100 < 100 * LEFT_OUT


def _hash(element: Element, salt: int) -> int:
    # Not by its state: a row must not move when something is done in it.
    words = element.text or " ".join([element.id, *element.classes, element.attributes.get("title", "")])
    return crc32(f"{salt} {words}".encode())
