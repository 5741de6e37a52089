"""The events of a human demonstration, and what single gestures of the mouse mean as actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from data_gen.human.tree import Node, read_tree
from data_gen.recording.gestures import MOVED
from envs.html import TYPED_INPUTS


class Unconvertible(ValueError):
    """A demonstration that cannot be turned into actions. The message is the cause."""


@dataclass(frozen=True)
class Event:
    """One recorded event.

    Attributes:
        kind: its DOM type: mousedown, keypress, ...
        x: of the mouse, CSS pixels; -1 for keys.
        y: likewise.
        key: the DOM's ``keyCode``; 0 for the mouse.
        page: as it was before.
        target: where it happened; None for the instruction, which is not recorded.
        earlier: of scrolling, which is reported when it has happened: the page before it.
    """

    kind: str
    x: int
    y: int
    key: int
    page: Node
    target: Node | None
    earlier: Node | None = None


@dataclass(frozen=True)
class Deed:
    """One action, with the elements in place of their refs.

    Attributes:
        verb: of ``envs.action``.
        page: what it was decided on.
        targets: the elements it names, in order.
        rest: its other arguments, in order.
        detour: why it was no use, empty where that does not show.
    """

    verb: str
    page: Node
    targets: tuple[Node, ...] = ()
    rest: tuple[int | str, ...] = ()
    detour: str = ""


def read_events(states: list[dict[str, Any]], task: str) -> tuple[list[Event], Node]:
    """Reads the states of a recording.

    Every event was stored as it came in (timing 1) and again as it went out (timing 3), unless the page stopped it.

    Returns:
        The events as they came in, and the last page.
    """
    events = []
    for number, state in enumerate(states):
        action = state["action"]
        if action is None or action["timing"] != 1:
            continue
        page = read_tree(state["dom"], task)
        target = next((node for node in page.walk() if node.target), None)
        x, y = (int(action.get(name, -1)) for name in "xy")
        earlier = read_tree(states[number - 1]["dom"], task) if action["type"] == "scroll" else None
        events.append(Event(action["type"], x, y, int(action.get("keyCode", 0)), page, target, earlier))
    return events, read_tree(states[-1]["dom"], task)


def field_of(target: Node | None) -> Node | None:
    """A field whose text can be typed, where it is one."""
    if target is None or "readonly" in target.attributes:
        return None
    return target if target.tag == "textarea" or (target.tag == "input" and target.type in TYPED_INPUTS) else None


def list_of(target: Node | None) -> Node | None:
    return next((node for node in target.ancestors() if node.tag == "select"), None) if target else None


def scroller_of(target: Node | None) -> Node | None:
    return next((node for node in target.ancestors() if "scrolls" in node.marks), None) if target else None


def find(page: Node, wanted: Node) -> Node | None:
    return next((node for node in page.walk() if node.key == wanted.key), None)


def same_on(page: Node, wanted: Node) -> Node:
    """The same element on another page of the episode."""
    found = find(page, wanted)
    if found is None:
        raise Unconvertible("the element that was acted on is not recorded")
    return found


def is_drag(pressed: Event, released: Event) -> bool:
    far = abs(pressed.x - released.x) > MOVED or abs(pressed.y - released.y) > MOVED
    elsewhere = pressed.target is not None and released.target is not None and pressed.target.key != released.target.key
    return far and elsewhere


def drag(pressed: Event, released: Event) -> Deed:
    source, goal = actor_of(pressed), actor_of(released)
    if source and goal and source.key != goal.key and (found := find(pressed.page, goal)):
        return Deed("drag", pressed.page, (source, found))
    points = (pressed.x, pressed.y, max(released.x, 0), max(released.y, 0))
    return Deed("drag_xy", pressed.page, (), points, "" if source else "dragged nothing")


def labelled(pressed: Node, click: Event) -> Node | None:
    """The checkbox or field whose label was pressed, where the last click of a gesture is that field's."""
    of_field = click.target is not None and click.target.tag in ("input", "textarea", "select")
    return click.target if of_field and pressed.tag != "input" else None


def click(event: Event) -> Deed:
    actor = actor_of(event)
    if actor is None:
        return Deed("click_xy", event.page, (), (max(event.x, 0), max(event.y, 0)), "clicked nothing")
    x, y = actor.box[0] + actor.box[2] / 2, actor.box[1] + actor.box[3] / 2
    inside = {node.key for node in event.target.ancestors()} if event.target else set()
    covering = (node for node in actor.walk() if node is not actor and _acts(node) and node.contains(x, y))
    if actor.tag != "label" and any(node.key not in inside for node in covering):
        return Deed("click_xy", event.page, (), (max(event.x, 0), max(event.y, 0)))
    return Deed("click", event.page, (actor,))


def actor_of(event: Event) -> Node | None:
    """The innermost element around an event's place that can be acted on."""
    return next((node for node in event.target.ancestors() if _acts(node)), None) if event.target else None


def _acts(node: Node) -> bool:
    return node.active and not node.marks & {"area", "scrolls"}


def without_submenus(page: Node, item: Node) -> Node:
    """The page as it was when an item's submenu, and what that opened, was still closed."""

    def copy(node: Node, parent: Node | None) -> Node:
        new = replace(node, parent=parent, children=[])
        closed = node.key == item.key
        new.children = [copy(child, new) for child in node.children if not (closed and "ui-menu" in child.classes)]
        return new

    return copy(page, None)


def unscrolled(event: Event) -> Node:
    """The page before a scroll event: as it is now, since pictures may have come, but where it was then."""
    scroller = scroller_of(event.target)
    if scroller is None or event.earlier is None:
        return event.page
    return _shifted(event.page, scroller, _way(event.earlier, event.page, scroller))


def _way(before: Node, after: Node, scroller: Node) -> float:
    """How far down the content was scrolled, in CSS pixels."""
    area, moved = find(before, scroller), find(after, scroller)
    if area is None or moved is None:
        return 0.0
    # Lines of text are numbered anew in each state.
    tops = {node.key: node.box[1] for node in area.walk() if node is not area and node.tag != "t"}
    ways = [tops[node.key] - node.box[1] for node in moved.walk() if node.key in tops]
    return median(ways) if ways else 0.0


def scrolled(before: Node, after: Node, scroller: Node) -> Iterator[Deed]:
    """As many steps as the content has moved by visible pages, at least one where it has moved."""
    way = _way(before, after, scroller)
    if abs(way) < 1:
        return
    height = same_on(before, scroller).box[3]
    for number in range(max(1, round(abs(way) / height))):
        page = _shifted(before, scroller, (-height if way > 0 else height) * number)
        yield Deed("scroll", page, (same_on(page, scroller),), ("down" if way > 0 else "up",))


def _shifted(page: Node, scroller: Node, way: float) -> Node:
    """The page with what lies in the scroller moved down."""

    def copy(node: Node, parent: Node | None, inside: bool) -> Node:
        left, top, width, height = node.box
        new = replace(node, parent=parent, box=(left, top + way * inside, width, height), children=[])
        new.children = [copy(child, new, inside or node.key == scroller.key) for child in node.children]
        return new

    return copy(page, None, False)
