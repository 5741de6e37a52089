"""Reading the ``html`` of an observation back into elements.

``envs/page.js`` writes a small, regular subset of HTML: lower-case tags, every attribute as ``name=value`` (quoted
with ``"`` only where the value is empty or holds anything but ``[A-Za-z0-9_.:#%/()-]``) or as a bare flag,
``&amp;`` ``&lt;`` ``&gt;`` ``&quot;`` as the only entities, every element closed except void ones, no comments. An
element that can be acted on has a ``ref`` attribute. This module is the one reader of that subset; oracles, the
policy's processor, decoding and the reports all use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

VOID_TAGS = frozenset("input img br hr area col embed source track wbr canvas textarea".split())
"""Tags written without an end tag. Nobody sees the content of ``canvas``; that of ``textarea`` is in ``value``."""

INLINE_TAGS = frozenset("a abbr b code em font i label mark s small span strong sub sup t tspan u w".split())
"""Tags whose text runs on in the line; that of all others stands apart."""

WORD = "w"
"""Tag of a word of text that can be edited, written for its box: the page has no such element."""

TYPED_INPUTS = frozenset(
    "text password email search tel url number date time month week datetime-local color range file".split()
)
"""``<input>`` types whose value the verb ``type`` can replace; an input without a type is a text field."""

CUT = "…"
"""What a text that was too long ends with. Whoever masks secrets must know that one may have been cut in two."""

MARKUP = re.compile(r"<(/?)([a-z][a-z0-9-]*)((?:[^<>\"]|\"[^\"]*\")*)>|([^<]+)")
_ATTRIBUTE = re.compile(r"([a-z][a-z0-9-]*)(?:=(?:\"([^\"]*)\"|([^\s\"]+)))?")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"'}
_BARE = re.compile(r"[A-Za-z0-9_.:#%/()-]+")
_FLAGS = frozenset("checked selected multiple disabled readonly focused contenteditable offscreen".split())


def unescape(text: str) -> str:
    """Turns the four entities that ``page.js`` writes back into characters."""
    return re.sub(r"&(?:amp|lt|gt|quot);", lambda match: _ENTITIES[match.group()], text) if "&" in text else text


def cut(text: str, length: int) -> str:
    """The text, or as much of it, with ``CUT`` behind."""
    return text if len(text) <= length else text[:length] + CUT


@dataclass(eq=False, slots=True)
class Element:
    """One element of an observation's html.

    Attributes:
        tag: lower-case tag name.
        attributes: unescaped attribute values; a bare flag such as ``checked`` has the value ``""``.
        children: elements and pieces of text (unescaped), in document order.
        parent: the enclosing element; the root's is None.
        index: its number among the html's elements in document order, the row of ``boxes`` and ``refs``; root: -1.
    """

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    parent: Element | None = None
    index: int = -1

    @property
    def ref(self) -> int | None:
        """The number that actions name it by, or None where it cannot be acted on."""
        ref = self.attributes.get("ref")
        return None if ref is None else int(ref)

    @property
    def id(self) -> str:
        return self.attributes.get("id", "")

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def value(self) -> str:
        """What a field holds now."""
        return self.attributes.get("value", "")

    @property
    def text(self) -> str:
        """All text inside, spaces collapsed. What fields hold is not text; see ``value``."""
        parts: list[str] = []
        stack: list[Element | str] = list(reversed(self.children))
        while stack:
            child = stack.pop()
            if isinstance(child, str):
                parts.append(child)
            elif child.tag in INLINE_TAGS:
                stack += reversed(child.children)
            else:
                stack += (" ", *reversed(child.children), " ")
        return " ".join("".join(parts).split())

    def has(self, flag: str) -> bool:
        """Whether a flag such as ``checked``, ``focused``, ``disabled`` or ``offscreen`` is set."""
        return flag in self.attributes

    def walk(self) -> Iterator[Element]:
        """All elements inside, in document order, itself left out."""
        stack = [child for child in reversed(self.children) if not isinstance(child, str)]
        while stack:
            element = stack.pop()
            yield element
            stack += [child for child in reversed(element.children) if not isinstance(child, str)]

    def find_all(
        self,
        tag: str | None = None,
        *,
        cls: str | None = None,
        text: str | None = None,
        ref: bool | None = None,
        **attributes: str,
    ) -> list[Element]:
        """Elements inside that fit everything that is given, in document order.

        Args:
            tag: tag name.
            cls: one of its classes.
            text: its whole text.
            ref: True for those that can be acted on, False for the others.
            **attributes: exact values of attributes; ``_`` in a name stands for ``-``, ``for_`` for ``for``.
        """
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.walk()
            if (tag is None or element.tag == tag)
            and (cls is None or cls in element.classes)
            and (ref is None or ("ref" in element.attributes) == ref)
            and all(element.attributes.get(name) == value for name, value in wanted.items())
            and (text is None or element.text == text)
        ]

    def find(self, tag: str | None = None, **conditions) -> Element | None:
        """The first of ``find_all``, or None."""
        found = self.find_all(tag, **conditions)
        return found[0] if found else None

    def closest(self, tag: str | None = None, cls: str | None = None) -> Element | None:
        """The nearest ancestor with that tag and class, or None."""
        element = self.parent
        while element is not None and not (
            (tag is None or element.tag == tag) and (cls is None or cls in element.classes)
        ):
            element = element.parent
        return element

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that take this element's ref, by what it is; empty where it has none.

        A disabled one takes a click and scrolling where it can be scrolled.
        """
        if self.ref is None:
            return ()
        if self.has("disabled"):
            return ("click", "scroll") if self.has("scrollable") else ()
        verbs = ["click", "dblclick", "hover", "drag"]
        if self.has("contenteditable") or (
            not self.has("readonly")
            and (
                self.tag == "textarea" or (self.tag == "input" and self.attributes.get("type", "text") in TYPED_INPUTS)
            )
        ):
            verbs.append("type")
        if self.tag == "select":
            verbs.append("select")
        if self.has("scrollable"):
            verbs.append("scroll")
        return tuple(verbs)


def parse_html(html: str) -> Element:
    """Reads an observation's html.

    Returns:
        A root element (tag ``body``, index -1, no ref) around everything; ``[*root.walk()][i].index == i``.

    Raises:
        ValueError: if the text is not the subset that ``page.js`` writes.
    """
    root = Element("body")
    stack, position, count = [root], 0, 0
    for match in MARKUP.finditer(html):
        if match.start() != position:
            break
        position = match.end()
        closing, tag, inside, text = match.groups()
        if text is not None:
            stack[-1].children.append(unescape(text))
        elif closing:
            if stack[-1].tag != tag or len(stack) == 1:
                raise ValueError(f"html at character {match.start()}: </{tag}> closes <{stack[-1].tag}>")
            stack.pop()
        else:
            attributes = {n: unescape(q or b or "") for n, q, b in _attributes(inside)}
            element = Element(tag, attributes, parent=stack[-1], index=count)
            count += 1
            stack[-1].children.append(element)
            if tag not in VOID_TAGS:
                stack.append(element)
    if position != len(html) or len(stack) > 1:
        raise ValueError(
            f"html at character {position}: expected a tag or text, got {html[position : position + 40]!r}"
        )
    return root


def format_html(root: Element) -> str:
    """Writes what is inside an element the way ``page.js`` does: ``format_html(parse_html(html)) == html``."""
    parts: list[str] = []
    stack: list[tuple[Element | str, bool]] = [(child, False) for child in reversed(root.children)]
    while stack:
        node, ends = stack.pop()
        if isinstance(node, str):
            parts.append(_escape(node))
        elif ends:
            parts.append(f"</{node.tag}>")
        else:
            parts.append(f"<{node.tag}{''.join(_written(*pair) for pair in node.attributes.items())}>")
            if node.tag not in VOID_TAGS:
                stack += ((node, True), *((child, False) for child in reversed(node.children)))
    return "".join(parts)


def _written(name: str, value: str) -> str:
    if not value and name in _FLAGS:
        return f" {name}"
    if _BARE.fullmatch(value):
        return f" {name}={value}"
    quoted = _escape(value).replace('"', "&quot;")
    return f' {name}="{quoted}"'


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attributes(inside: str) -> Iterator[tuple[str, str | None, str | None]]:
    for match in _ATTRIBUTE.finditer(inside):
        name, quoted, bare = match.groups()
        yield name, quoted, bare
