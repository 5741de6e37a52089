"""A recorded DOM tree, read: the elements of one state of a demonstration, and what is known of the task's page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from data_gen.human.pages import facts

_ACTIVE_TAGS = frozenset("a button input select textarea li summary label".split())
_HOVER = re.compile(r"^(ui-state-hover|hover|[\w-]+-hover|[\w-]+-cell-over)$")


@dataclass(eq=False, slots=True)
class Node:
    """One element of a recorded page, or one line of text (tag ``t``).

    Attributes:
        tag: lower case; ``t`` for a line of text beside elements.
        type: of an input, else empty.
        key: tells the element from all others of the episode.
        box: left, top, width and height in CSS pixels of the viewport.
        value: text of a field, or whether a checkbox or radio button is checked; None for anything else.
        target: whether the recorded event happened on it.
        marks: what ``data_gen.human.pages`` says about it besides attributes.
    """

    tag: str
    type: str
    id: str
    key: tuple[int, str, str, int]
    classes: frozenset[str]
    box: tuple[float, float, float, float]
    text: str
    value: str | bool | None
    background: str
    focused: bool
    target: bool
    parent: Node | None
    marks: frozenset[str]
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """Itself and all nodes inside, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestors(self) -> Iterator[Node]:
        """Itself and what it lies in, from the inside out."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    @property
    def active(self) -> bool:
        """Whether it gets a ref for what it is; what scrolls gets one too."""
        return self.tag in _ACTIVE_TAGS or "role" in self.attributes or bool(self.marks & {"ref", "area"})

    @property
    def scrolls_to(self) -> str:
        """The directions in which it can be scrolled: those in which its content goes on beyond it."""
        if "scrolls" not in self.marks:
            return ""
        inside = [node.box for node in self.walk() if node is not self]
        up = any(top < self.box[1] - 1 for _, top, _, _ in inside)
        down = any(top + height > self.box[1] + self.box[3] + 1 for _, top, _, height in inside)
        return " ".join(["up"] * up + ["down"] * down)

    def contains(self, x: float, y: float) -> bool:
        left, top, width, height = self.box
        return left <= x <= left + width and top <= y <= top + height


def read_tree(raw: dict[str, Any], task: str) -> Node:
    """Reads the ``dom`` of a recorded state.

    Raises:
        KeyError, TypeError, ValueError: if it is not what MiniWoB++ records.
    """
    known = facts(task)
    seen: Counter[tuple[int, str, str]] = Counter()

    def read(element: dict[str, Any], parent: Node | None) -> Node:
        tag, _, kind = element["tag"].lower().partition("_")
        id, classes = element.get("id") or "", element.get("classes") or ""
        names = frozenset(classes.split() if isinstance(classes, str) else ())  # an SVG element's are not recorded
        marks: set[str] = set()
        attributes: dict[str, str] = {}
        for fact in known:
            if tag != "t" and fact.fits(tag, id, names, element.get("text") or ""):
                marks |= fact.marks
                attributes |= fact.attributes
        if "class" in attributes:
            names |= {attributes.pop("class")}
        # The recorder numbers from 1 in each episode, but what is older than the episode keeps its number.
        number = (int(element["ref"]), tag, id)
        seen[number] += 1
        box = (float(element["left"]), float(element["top"]), float(element["width"]), float(element["height"]))
        node = Node(
            tag, kind, id, (*number, seen[number]), frozenset(name for name in names if not _HOVER.match(name)), box,
            element.get("text") or "", element.get("value"), element.get("bgColor") or "",
            bool(element.get("focused")), bool(element.get("recordingTarget")), parent, frozenset(marks), attributes,
        )  # fmt: skip
        if tag == "td" and any(child["tag"] == "A" for child in element["children"]):
            node.marks |= {"ref"}  # the days of a calendar that can be chosen
        node.children = [read(child, node) for child in element["children"]]
        return node

    return read(raw, None)


def content(page: Node, focus: bool = False) -> tuple[tuple[Any, ...], ...]:
    """What a page holds, wherever it is scrolled to; which element has the focus only if asked for."""
    return tuple(
        (node.tag, node.id, node.classes - {"ui-state-focus"}, node.text, node.value, focus and node.focused)
        for node in page.walk()
    )


def is_selected(option: Node) -> bool:
    """Whether an option of a list is shown as chosen: browsers give it a background."""
    return rgb(option.background) is not None and not re.search(r", 0\)$", option.background)


def rgb(colour: str) -> tuple[int, int, int] | None:
    """The numbers of a computed colour."""
    match = re.match(r"rgba?\((\d+), (\d+), (\d+)", colour)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
