"""Human demonstrations: a recorded DOM tree as the html, boxes and refs of an observation.

The counterpart of ``envs/page.js`` for pages that exist only as a recording, in its serialisation: the same elements in
the same order, the same attributes, the same rules for what gets a ref. What the recording lacks comes from
``data_gen.human.pages`` where it is the same for all elements of a kind, and is missing where it is not: the options of
a closed drop-down list, and colours of SVG shapes. Where the person's pointer hovers is left out, as it would give away
what is clicked next.
"""

from __future__ import annotations

import html as html_escapes
import re
from dataclasses import dataclass

from data_gen.human.tree import Node, is_selected, rgb
from envs.html import INLINE_TAGS, VOID_TAGS
from envs.observation import MAX_ELEMENTS

VIEW = (0.0, 0.0, 160.0, 210.0)
"""Left, top, right and bottom of what a person could see of a page; the recorder drops what is clicked outside."""

_GENERIC_TAGS = frozenset("div span tbody center section article main g form p".split())
_INLINE = INLINE_TAGS | frozenset("t input select textarea button img".split())
_SVG_TAGS = frozenset("svg circle rect polygon line path text tspan g ellipse".split())
_WRAPPERS = frozenset(("mturk_form",))  # round the task's page, where the recordings were made
_GENERATED_ID = re.compile(r"^(ui-id-|dp|ui-accordion-|ui-tooltip-)[\w-]*\d")
_NAMES = {
    (255, 0, 0): "red", (0, 0, 255): "blue", (128, 128, 0): "olive", (0, 255, 0): "lime", (0, 0, 0): "black",
    (255, 255, 255): "white", (128, 128, 128): "grey", (128, 0, 128): "purple", (255, 165, 0): "orange",
    (255, 255, 0): "yellow", (0, 255, 255): "cyan", (255, 192, 203): "pink", (255, 0, 255): "magenta",
}  # fmt: skip
"""As the pages write them."""


@dataclass(frozen=True)
class Rendered:
    """What ``Serializer`` made of one state: the parts of an observation, and the refs of the recorded elements."""

    html: str
    boxes: list[float]
    refs: list[int]
    by_key: dict[tuple[int, str, str, int], int]


class Serializer:
    """Writes the states of one episode, in their order: an element keeps its ref from one to the next."""

    def __init__(self):
        self._refs: dict[tuple[int, str, str, int], int] = {}

    def render(self, body: Node) -> Rendered:
        """Writes a page; elements that are new get the next refs, in document order."""
        self._boxes: list[float] = []
        self._found: list[int] = []
        self._present: dict[tuple[int, str, str, int], int] = {}
        html = self._content(body, VIEW, None)
        html = re.sub(r" {2,}", " ", html).strip()
        return Rendered(html, [round(x, 2) for x in self._boxes], self._found, self._present)

    def _content(self, node: Node, view: tuple[float, ...], svg: Node | None) -> str:
        parts = [_escape(_clean(node.text))] if node.text else []
        previous = None
        for child in node.children:
            if previous is not None and _apart(previous, child):
                parts.append(" ")
            parts.append(self._write(child, view, svg))
            previous = child
        return "".join(parts)

    def _write(self, node: Node, view: tuple[float, ...], svg: Node | None) -> str:
        if node.tag == "t":
            return _escape(_clean(node.text))
        if len(self._found) >= MAX_ELEMENTS:
            return ""
        if _is_foreign(node):
            return ""
        left, top, width, height = node.box
        if width <= 1 and height <= 1 and node.tag not in _SVG_TAGS:
            return ""  # for screen readers only
        if node.id in _WRAPPERS:
            return self._content(node, view, svg)
        if width < 1 or height < 1:
            return "".join(self._write(child, view, svg) for child in node.children if child.tag != "t")
        own = _attributes(node, svg)
        scrolls = node.scrolls_to
        is_option = node.tag == "option"
        ref = -1
        if not is_option and (scrolls or node.active):
            ref = self._refs.setdefault(node.key, len(self._refs))
            self._present[node.key] = ref
        index = len(self._found)
        self._found.append(ref)
        self._boxes += node.box
        inner_view = view
        if "scrolls" in node.marks:
            inner_view = _intersect(view, (left, top, left + width, top + height))
        inner = "" if node.tag in VOID_TAGS else self._content(node, inner_view, node if node.tag == "svg" else svg)
        has_text = bool(node.text) or any(child.tag == "t" for child in node.children)
        if not own and ref < 0 and node.tag in _GENERIC_TAGS and not has_text:
            del self._found[index], self._boxes[4 * index : 4 * index + 4]
            return inner
        if ref >= 0:
            own = f" ref={ref}{own}"
        if not is_option and _is_empty(_intersect(view, (left, top, left + width, top + height))):
            own += " offscreen"
        if scrolls:
            own += _attribute("scrollable", scrolls)
        return f"<{node.tag}{own}>" if node.tag in VOID_TAGS else f"<{node.tag}{own}>{inner}</{node.tag}>"


def _is_foreign(node: Node) -> bool:
    """Whether a person's browser extensions put it there: beside the task's own part and what widgets float over it."""
    outermost = node.parent is not None and (node.parent.tag == "body" or node.parent.id in _WRAPPERS)
    own = node.id == "wrap" or node.id in _WRAPPERS or any(name.startswith("ui-") for name in node.classes)
    return outermost and not own


def _attributes(node: Node, svg: Node | None) -> str:
    text = ""
    if node.id and not _GENERATED_ID.match(node.id):
        text += _attribute("id", node.id)
    classes = node.classes
    opened = node.parent is not None and any("ui-menu" in sibling.classes for sibling in node.parent.children)
    if "ui-menu-item-wrapper" in classes and not opened:
        classes -= {"ui-state-active"}  # what the pointer is on
    if classes:
        text += _attribute("class", " ".join(sorted(classes)))
    toggles = node.type in ("checkbox", "radio")
    if node.tag == "input" and "implicit" not in node.marks:
        text += _attribute("type", node.type or "text")
    if node.tag in ("input", "textarea") and not toggles and node.value:
        text += _attribute("value", str(node.value))
    if toggles and node.value is True:
        text += " checked"
    if node.tag == "option" and is_selected(node):
        text += " selected"
    if "multiple" in node.attributes:
        text += " multiple"
    for name in ("for", "placeholder", "title", "role"):
        if name in node.attributes:
            text += _attribute(name, node.attributes[name])
    for name, value in _geometry(node, svg):
        text += _attribute(name, value)
    for name in ("fill", "stroke"):
        if name in node.attributes:
            text += _attribute(name, node.attributes[name])
    if marks := node.marks & {"background", "background=name"}:
        text += _attribute("style", f"background-color: {_colour(node.background, 'background=name' in marks)}")
    if "readonly" in node.attributes:
        text += " readonly"
    if node.focused:
        text += " focused"
    return text


def _geometry(node: Node, svg: Node | None) -> list[tuple[str, str]]:
    """The attributes of an SVG shape that its box tells; those of a polygon as a triangle's, the only one there is."""
    if svg is None:
        return []
    left, top, width, height = node.box
    x, y = left - svg.box[0], top - svg.box[1]
    if node.tag == "rect":
        numbers = {"x": x, "y": y, "width": width, "height": height}
    elif node.tag == "circle":
        numbers = {"cx": x + width / 2, "cy": y + height / 2, "r": width / 2}
    elif node.tag == "polygon":
        corners = ((x, y + height), (x + width / 2, y), (x + width, y + height))
        return [("points", " ".join(f"{_number(a)},{_number(b)}" for a, b in corners))]
    else:
        return []
    return [(name, _number(value)) for name, value in numbers.items()]


def _number(value: float) -> str:
    return f"{round(value, 1) + 0:g}"


def _colour(colour: str, named: bool) -> str:
    numbers = rgb(colour)
    return _NAMES.get(numbers, colour) if named and numbers else colour


def _apart(first: Node, second: Node) -> bool:
    """Whether there is space between two neighbours in a line; the recording has neither spaces nor line breaks."""
    if first.tag not in _INLINE or second.tag not in _INLINE:
        return False
    if "t" in (first.tag, second.tag):
        return first.tag != "input" and not (second.tag == "t" and re.match(r"[.,;:!?)]", second.text))
    new_line = second.box[1] >= first.box[1] + first.box[3] - 2
    return new_line or second.box[0] - (first.box[0] + first.box[2]) > 0.5


def _intersect(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _is_empty(area: tuple[float, ...]) -> bool:
    return area[2] - area[0] < 1 or area[3] - area[1] < 1


def _clean(text: str) -> str:
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text.encode("utf-8", "replace").decode("utf-8"))
    return re.sub(r"\s+", " ", text.replace("\u00a0", " "))


def _escape(text: str) -> str:
    return html_escapes.escape(text, quote=False)


def _attribute(name: str, value: str) -> str:
    value = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", value).replace("\u00a0", " ")
    if re.fullmatch(r"[\w.:#%/()-]+", value, re.ASCII):
        return f" {name}={value}"
    escaped = _escape(value).replace('"', "&quot;")
    return f' {name}="{escaped}"'
