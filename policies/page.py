"""The page as the model reads it: a flat run of words and markup, short enough for a small encoder.

What no decision needs is left out: closing tags that the next opening tag implies, wrappers around one thing, the
class names by which widget libraries style themselves. What can be acted on, and every state, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from envs.html import WORD, Element
from policies.colours import with_names
from policies.vocabulary import split_words, word_key

STATES = ("checked", "selected", "disabled", "readonly", "focused", "multiple", "scrollable", "contenteditable")
"""Flags that are shown where they are set, with their value; ``offscreen`` too, on the outermost one that has it."""

# jQuery UI's classes are styling, but for these, which tell a state or what a part is for.
_MEANT = re.compile(
    r"ui-(state-(active|disabled|highlight)|(resizable|icon)-(?!handle)[a-z0-9-]+|datepicker-(prev|next|today)|"
    r"slider-handle|spinner-(up|down)|selected|selecting)$"
)
_GROUPS = frozenset("ul ol table tr td th select p h1 h2 h3 svg g form fieldset nav".split())
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BETWEEN_WORDS = re.compile(r"[_\s]+|(?<=\w)-+|^-+")
"""In ids and classes. The hyphen of ``(-1,2)`` is a sign and stays."""
_NATIVE = frozenset("a button input select textarea".split())
_SHAPES = frozenset("circle ellipse rect polygon text line".split())
_LONGEST_VALUE = 240
"""Characters of a field's value, or of a label, beyond which its middle is left out."""


@dataclass(eq=False, slots=True)
class Unit:
    """One word or one piece of markup of the model's input.

    Attributes:
        text: a word of ``split_words``, a piece of markup, or the name of a symbol.
        kind: ``word``, ``markup`` or ``symbol``.
        space: whether a space stands before the word.
        element: the element that it opens, or that its word belongs to.
        opens: whether it is the place by which the element is pointed at.
        part: where a word comes from: ``text``, ``value``, ``label`` (placeholder, title, ...), ``name`` (id, class,
            type) or ``number``.
        rank: what goes first when the page is too long: the highest.
        key: what words are compared by; empty for markup and punctuation.
    """

    text: str
    kind: str = "word"
    space: bool = False
    element: Element | None = None
    opens: bool = False
    part: str = "text"
    rank: tuple[int, int] = (0, 0)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = word_key(self.text) if self.kind == "word" else ""


def page_units(root: Element, *, refs: bool, boxes: np.ndarray | None = None) -> list[Unit]:
    """The page in document order.

    Args:
        root: what ``parse_html`` returns.
        refs: whether the refs are written out, for a model that writes them.
        boxes: float32 N x 4, the observation's; shapes show their place and size by it.
    """
    page, units = _Page(refs, boxes), list[Unit]()
    for child in root.children:
        page.read(child, root, False, units)
    return units


def prune(units: list[Unit], lengths: list[int], budget: int) -> list[int]:
    """Leaves out units until their tokens fit: words far down that cannot be acted on first, actable elements last.

    Args:
        units: the page.
        lengths: tokens of each unit.
        budget: tokens that there is room for.

    Returns:
        The numbers of those that stay.
    """
    excess = sum(lengths) - budget
    dropped: set[int] = set()
    for index in sorted(range(len(units)), key=lambda i: (units[i].rank, i), reverse=True) if excess > 0 else ():
        if excess <= 0:
            break
        dropped.add(index)
        excess -= lengths[index]
    return [index for index in range(len(units)) if index not in dropped]


class _Page:
    """What the nodes of one page are read with.

    Args:
        refs, boxes: as of ``page_units``.
    """

    def __init__(self, refs: bool, boxes: np.ndarray | None):
        self._refs, self._boxes = refs, boxes
        self._like = cache(lambda parent: {id(child) for group in like_children(parent) for child in group})

    def read(self, node: Element | str, parent: Element, offscreen: bool, into: list[Unit]) -> None:
        """Adds the units of a node, one of the parent's children."""
        away = int(offscreen)
        if isinstance(node, str):
            rank = (2 - (parent.ref is not None or parent.tag in ("option", "label")), away)
            before = node[:1].isspace()
            for word in split_words(" ".join(node.split())):
                into.append(Unit(word.text, "word", word.space or before, parent, rank=rank))
                before = False
            return
        children = _children(node)
        if node.ref is not None and _acts_as_its_content(node, children):
            self.read(children[0], node, offscreen, into)
            return
        below = offscreen or node.has("offscreen")
        inside: list[Unit] = []
        for child in children:
            self.read(child, node, below, inside)
        elements = sum(not isinstance(child, str) for child in children)
        if node.ref is None and node.tag not in ("option", "input", WORD, *_SHAPES):
            named = bool(_names(node)) or "style" in node.attributes
            if not inside and (node.tag in _GROUPS or not named):
                return
            # What holds others says something only where it is one of several, such as a row.
            alone = elements > 1 and node.tag not in _GROUPS and not self._repeated(node)
            if (elements <= 1 and not named) or (elements == 1 and not _own_text(node)) or alone:
                into += inside
                return
        rank = (0 if node.ref is not None else 1, away)
        into.append(Unit(f"<{node.tag}", "markup", element=node, opens=True, rank=rank))
        details = list(_details(node, self._refs, self._boxes, below and not offscreen))
        for text, part in details:
            if not part:
                into.append(Unit(text, "markup", element=node, part="name", rank=rank))
                continue
            lower = (max(rank[0], int(part != "value")), away)
            into += [Unit(word, "word", space, node, part=part, rank=lower) for word, space in split_words(text)]
        if inside:
            if self._refs and details and inside[0].kind == "word":
                into.append(Unit(">", "markup", element=node, rank=(1, away)))
            into += inside
        if elements or (inside and _followed_by_text(node, parent)):
            into.append(Unit("</>", "markup", element=node, rank=(1, away)))

    def _repeated(self, node: Element) -> bool:
        return node.parent is not None and id(node) in self._like(node.parent)


def _acts_as_its_content(node: Element, children: list[Element | str]) -> bool:
    """Whether it does nothing but hold one thing that can be acted on, as a cell holds the day of a calendar."""
    if len(children) != 1 or isinstance(child := children[0], str):
        return False
    if child.tag not in _NATIVE or child.ref is None or not {*node.verbs} <= {*child.verbs}:
        return False
    return next(_details(node, False, None, False), None) is None


def _children(node: Element) -> list[Element | str]:
    return [child for child in node.children if not isinstance(child, str) or child.strip()]


def _own_text(node: Element) -> bool:
    return any(isinstance(child, str) and child.strip() for child in node.children)


def _followed_by_text(node: Element, parent: Element) -> bool:
    siblings = parent.children
    place = next(i for i, sibling in enumerate(siblings) if sibling is node)
    return any(isinstance(s, str) and s.strip() for s in siblings[place + 1 : place + 2])


def like_children(parent: Element) -> list[list[Element]]:
    """Groups of at least two children with the same tag and first class, such as the rows of a list."""
    groups: dict[tuple[str, str], list[Element]] = {}
    for child in parent.children:
        if not isinstance(child, str) and child.tag != "option":
            groups.setdefault((child.tag, " ".join(child.classes[:1])), []).append(child)
    return [group for group in groups.values() if len(group) > 1]


def _names(node: Element) -> list[str]:
    """Its id and classes, without what only styles."""
    kept = [name.removeprefix("ui-") for name in node.classes if not name.startswith("ui-") or _MEANT.match(name)]
    return ([node.id] if node.id else []) + kept


def _details(node: Element, refs: bool, boxes: np.ndarray | None, first_offscreen: bool) -> Iterator[tuple[str, str]]:
    """Pairs of text and the part that it is; markup has an empty part."""
    if refs and node.ref is not None:
        yield "ref=", ""
        yield str(node.ref), "number"
    attributes = node.attributes
    kind = attributes.get("type", "")
    if kind and kind != node.tag:
        yield kind, "name"
    role = attributes.get("role", "")
    if role and role not in ("presentation", node.tag, kind):
        yield role, "name"
    words = [word for name in _names(node) for word in _BETWEEN_WORDS.split(name) if word]
    if words:
        yield " ".join(dict.fromkeys(words)), "name"
    for name in ("placeholder", "alt", "title", "aria-label"):
        if attributes.get(name, "").strip() and attributes[name] != node.text:
            yield f"{name}=", ""
            yield _shortened(attributes[name]), "label"
    for name in ("fill", "stroke", "style"):
        if attributes.get(name):
            yield with_names(re.sub(r"[a-z-]+: ?", "", attributes[name])), "label"
    if node.tag in _SHAPES:
        yield from _geometry(node, boxes)
    else:
        for name in ("points", "d"):
            if name in attributes:
                yield " ".join(_NUMBER.findall(attributes[name])[:8]), "number"
    for flag in (*STATES, *(("offscreen",) if first_offscreen else ())):
        if node.has(flag):
            yield f"{flag} {node.attributes[flag]}".strip(), "name"
    if node.has("value") and node.tag != "option":
        yield "value=", ""
        yield _shortened(node.value), "value"


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_VALUE:
        return text
    half = _LONGEST_VALUE // 2
    return f"{text[:half]} ... {text[-half:]}"


def _geometry(node: Element, boxes: np.ndarray | None) -> Iterator[tuple[str, str]]:
    """A shape's size and middle; its size from its own attributes, which do not depend on the font."""
    attributes = node.attributes
    read = {name: float(found.group()) for name, value in attributes.items() if (found := _NUMBER.match(value))}
    points = [float(number) for number in _NUMBER.findall(attributes.get("points", ""))]
    if points:
        left, right, top, bottom = min(points[::2]), max(points[::2]), min(points[1::2]), max(points[1::2])
        x, y, size = (left + right) / 2, (top + bottom) / 2, right - left
    elif "r" in read or ("rx" in read and "cx" in read):
        x, y, size = read.get("cx", 0), read.get("cy", 0), 2 * read.get("r", read.get("rx", 0))
    elif "x1" in read:
        yield " ".join(f"{read.get(name, 0):.0f}" for name in ("x1", "y1", "x2", "y2")), "number"
        return
    else:
        size = read.get("width", read.get("font-size", 0))
        x, y = read.get("x", 0) + read.get("width", 0) / 2, read.get("y", 0) + read.get("height", 0) / 2
    if boxes is not None and 0 <= node.index < len(boxes) and boxes[node.index, 2] > 0:
        x, y = boxes[node.index, 0] + boxes[node.index, 2] / 2, boxes[node.index, 1] + boxes[node.index, 3] / 2
    yield f"{size:.0f} {x:.0f} {y:.0f}", "number"
