"""What a person did with mouse and keys, as actions.

A recording holds low-level events. What belongs together becomes one action, decided on the page as it was before the
first of its events:

- what happens in one text field, clicks and keys, is ``type`` with the text that the field holds in the end, or a click
  where the text stays; so is stepping a number up and down. Enter, Escape, and the arrows that move through a list of
  suggestions, are keys of their own;
- what happens in one drop-down list, scrolling included, is ``select`` with what is chosen in the end;
- scrolling that follows on scrolling is as many ``scroll`` as it went visible pages;
- a press of a button, and what it makes the browser report by itself (the click of a label's checkbox, the click that
  Enter makes), is one ``click`` of the innermost element that can be acted on; where there is none, ``click_xy``;
- a submenu opens under the pointer, whose way is not recorded: it is recovered, as ``hover``, from what is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from data_gen.human.events import (
    Deed,
    Event,
    Unconvertible,
    click,
    drag,
    field_of,
    find,
    is_drag,
    labelled,
    list_of,
    read_events,
    same_on,
    scrolled,
    scroller_of,
    unscrolled,
    without_submenus,
)
from data_gen.human.tree import Node, content, is_selected, read_tree

_MODIFIERS = frozenset((16, 17, 18, 20, 91, 92, 93, 144, 224, 225))
_KEYS = {
    8: "Backspace", 9: "Tab", 13: "Enter", 27: "Escape", 32: "Space", 33: "PageUp", 34: "PageDown", 35: "End",
    36: "Home", 37: "ArrowLeft", 38: "ArrowUp", 39: "ArrowRight", 40: "ArrowDown", 46: "Delete",
}  # fmt: skip
_HELD = {16: "Shift", 17: "Control", 18: "Alt", 91: "Meta", 93: "Meta", 224: "Meta"}
_ENDS_TYPING = frozenset((13, 27))
_THROUGH_LIST = frozenset((38, 40))
_LIST_TASK = re.compile(r"^Select (.+) from the (?:scroll )?list and click Submit")


def read_deeds(states: list[dict[str, Any]], task: str, instruction: str, success: bool) -> list[Deed]:
    """Turns a recording into actions.

    Raises:
        Unconvertible: with the cause.
    """
    events, last = read_events(states, task)
    reader = _Reader(events, last, read_tree(states[0]["dom"], task), instruction, success)
    deeds: list[Deed] = []
    for deed in reader.read():
        if deed.verb == "dblclick" and deeds and deeds[-1].verb == "click" and _keys(deeds[-1]) == _keys(deed):
            deeds.pop()  # the first of the two clicks
        deeds.append(deed)
    if not deeds:
        raise Unconvertible("no action")
    return deeds


def _keys(deed: Deed) -> list[tuple[int, str, str, int]]:
    return [node.key for node in deed.targets]


class _Reader:
    def __init__(self, events: list[Event], last: Node, first: Node, instruction: str, success: bool):
        self._events, self._last, self._first = events, last, first
        self._instruction, self._success = instruction, success
        self._at = 0

    def read(self) -> Iterator[Deed]:
        while self._at < len(self._events):
            event = self._events[self._at]
            field, choice = field_of(event.target), list_of(event.target)
            if event.kind in ("mousedown", "keydown", "keypress", "click") and choice:
                yield from self._choose(choice)
            elif event.kind in ("mousedown", "keydown", "keypress") and field and not self._is_own_key(event, field):
                yield from self._type(field)
            elif event.kind == "mousedown":
                yield from self._press(event)
            elif event.kind == "scroll":
                yield from self._scroll(event, unscrolled(event))
            elif event.kind in ("keydown", "keypress"):
                yield from self._key(event)
            elif event.kind == "click" and event.target is not None and not self._was_pressed():
                yield click(event)
                self._at += 1
            else:  # a release, or what follows by itself from an event before it
                self._at += 1

    def _page(self, at: int) -> Node:
        """The page as it was before an event, or at the end."""
        return self._events[at].page if at < len(self._events) else self._last

    def _gesture(self) -> list[Event]:
        """What follows a press of the mouse until the next thing that a person does; scrolling after it is one."""
        gesture: list[Event] = []
        for event in self._events[self._at + 1 :]:
            if event.kind in ("mousedown", "keydown", "keypress"):
                break
            if event.kind == "scroll" and any(e.kind == "click" for e in gesture):
                break
            gesture.append(event)
        return gesture

    def _was_pressed(self) -> bool:
        """Whether the present click is the end of a press of the mouse that has been dealt with."""
        before = (event.kind for event in reversed(self._events[: self._at]))
        return next((kind for kind in before if kind in ("mousedown", "keydown")), "") == "mousedown"

    def _press(self, event: Event) -> Iterator[Deed]:
        gesture = self._gesture()
        clicks = [e for e in gesture if e.kind == "click"]
        if event.target is not None and scroller_of(event.target) is event.target and not clicks:  # on its scroll bar
            yield from self._scroll(event, event.page)
            return
        begin, self._at = self._at, self._at + 1 + len(gesture)
        released = next((e for e in gesture if e.kind == "mouseup"), None)
        if released and is_drag(event, released):
            yield drag(event, released)
        elif clicks and event.target and (field := labelled(event.target, clicks[-1])):
            yield Deed("click", event.page, (same_on(event.page, field),))
        else:
            yield from self._opened_menus(event, begin)
            deed = click(event)
            double = next((e for e in gesture if e.kind == "dblclick"), None)
            listened = double is not None and content(double.page) != content(self._page(self._at))
            yield replace(deed, verb="dblclick") if listened and deed.verb == "click" else deed

    def _opened_menus(self, event: Event, at: int) -> Iterator[Deed]:
        """Hovers over the headings above a menu's item that were neither open at first nor clicked since."""
        items = [node for node in event.target.ancestors() if "ui-menu-item" in node.classes] if event.target else []
        touched = {node.key for e in self._events[:at] if e.target for node in e.target.ancestors()}
        touched |= {node.key for node in self._first.walk() if "ui-menu" in node.classes}
        for item in items[:0:-1]:
            heading = next((node for node in item.children if "ui-menu-item-wrapper" in node.classes), None)
            submenu = next((node for node in item.children if "ui-menu" in node.classes), None)
            if heading and submenu and not {heading.key, submenu.key} & touched:
                page = without_submenus(event.page, item)
                yield Deed("hover", page, (same_on(page, heading),))

    def _scroll(self, event: Event, before: Node) -> Iterator[Deed]:
        """All scrolling of one element from here on, with its scroll bar, the wheel or keys."""
        scroller = scroller_of(event.target)
        if scroller is None:
            raise Unconvertible("scrolled something that does not scroll")
        self._at += 1
        while self._at < len(self._events):
            following = self._events[self._at]
            same = following.target is not None and following.target.key == scroller.key
            if following.kind == "mousedown" and not (same and not any(e.kind == "click" for e in self._gesture())):
                break
            if following.kind in ("keydown", "keypress"):
                break
            self._at += 1
        yield from scrolled(before, self._page(self._at), scroller)

    def _type(self, field: Node) -> Iterator[Deed]:
        begin = end = self._at
        pressed = False
        while end < len(self._events):
            event = self._events[end]
            mouse = event.kind in ("mousedown", "mouseup", "click", "dblclick", "scroll")
            inside = event.target is not None and event.target.key == field.key
            if not inside and (event.kind in ("mousedown", "scroll") or event.kind.startswith("key")):
                break
            if event.kind == "click" and not inside and not pressed:
                break  # made by a key: of the button that Enter presses
            if not mouse and event.kind != "keyup" and self._is_own_key(event, field):
                break
            pressed = mouse or (pressed and event.kind == "keyup")
            end += 1
        self._at = end
        events = self._events[begin:end]
        page = events[0].page
        target = same_on(page, field)
        after = find(self._page(end), field)
        before, value = str(target.value or ""), str((after or target).value or "")
        typed = any(e.kind in ("keydown", "keypress") and e.key not in _MODIFIERS | {9} for e in events)
        if value != before:
            yield Deed("type", page, (target,), (value,))
        elif any(e.kind == "mousedown" for e in events):
            yield Deed("click", page, (target,), detour="typed what was taken back" if typed else "")
        elif typed:
            yield Deed("type", page, (target,), (value,), detour="typed what was taken back")

    def _is_own_key(self, event: Event, field: Node) -> bool:
        """Whether it is a key that does something else than to change the field's text."""
        if event.kind not in ("keydown", "keypress"):
            return False
        if event.key in _ENDS_TYPING:
            return field.tag != "textarea" or event.key != 13
        return event.key in _THROUGH_LIST and "ui-autocomplete-input" in field.classes

    def _key(self, event: Event) -> Iterator[Deed]:
        held, end = self._held(), self._at + 1
        while end < len(self._events) and self._events[end].kind in ("keypress", "keyup"):
            end += 1
        follows = self._events[end].kind if end < len(self._events) else ""
        self._at = end
        if event.key in _MODIFIERS or event.key == 9 or follows in ("click", "scroll"):
            return  # Tab: what gets the focus shows in what is done there; a click, scrolling: reported for themselves
        name = _KEYS.get(event.key) or (chr(event.key).lower() if chr(event.key).isalnum() else "")
        if not name:
            raise Unconvertible("a key that has no name, outside of a text field")
        yield Deed("press", event.page, (), ("+".join([*held, name]),))

    def _held(self) -> list[str]:
        """The modifiers that are held down."""
        held: set[int] = set()
        for event in self._events[: self._at]:
            if event.kind == "keydown":
                held.add(event.key)
            elif event.kind == "keyup":
                held.discard(event.key)
        return [*dict.fromkeys(_HELD[key] for key in sorted(held & set(_HELD)))]

    def _choose(self, choice: Node) -> Iterator[Deed]:
        begin = self._at
        while self._at < len(self._events):
            event = self._events[self._at]
            inside = list_of(event.target)
            if event.kind not in ("mouseup", "scroll") if inside is None else inside.key != choice.key:
                break
            self._at += 1
        page = self._events[begin].page
        target = same_on(page, choice)
        if "multiple" in choice.attributes:
            after = find(self._page(self._at), choice) or target
            chosen = tuple(option.text for option in after.children if is_selected(option))
            again = chosen == tuple(option.text for option in target.children if is_selected(option))
            yield Deed("select", page, (target,), chosen, "chose what was chosen already" if again else "")
            return
        clicked = [e.target.text for e in self._events[begin : self._at] if e.target and e.target.tag == "option"]
        if not clicked and any(list_of(e.target) for e in self._events[self._at :] if e.kind == "mousedown"):
            yield Deed("click", page, (target,), detour="chose what was chosen anew")
        elif clicked:
            yield Deed("select", page, (target,), (clicked[-1],))
        else:
            yield Deed("select", page, (target,), (self._asked_option(),))

    def _asked_option(self) -> str:
        """The option that the task asks for: the one that was chosen, if the task was solved. It is not recorded."""
        match = _LIST_TASK.match(self._instruction)
        if not match or not self._success:
            raise Unconvertible("the option that was chosen is not recorded")
        return match[1]
