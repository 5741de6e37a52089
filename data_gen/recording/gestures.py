"""A person's input as actions: presses of the mouse, runs of keys, what fields hold after them.

Several events make one action. What an action was decided on is the page before the first of them: of a field that is
clicked and then typed into, the page before the click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from envs.action import Action
from envs.html import parse_html
from envs.observation import Observation

MOVED = 5
"""CSS pixels from which on a press that is released elsewhere is a drag."""

_MODIFIERS = frozenset({"Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process", "Unidentified"})
_MEANT_IN_TEXT = frozenset({"Escape", "ArrowUp", "ArrowDown", "PageUp", "PageDown"})
"""Keys that do something in a one-line field beyond moving in its text: choose among suggestions, close them."""


@dataclass(frozen=True)
class Event:
    """One message of ``envs/record.js``.

    Attributes:
        kind: ``down``, ``up``, ``dblclick``, ``key`` or ``value``.
        ref: the element's, -1 where it has none.
        field: what a key does to it: ``text``, ``lines``, ``value``, ``list``, ``toggle`` or nothing.
        before: the page before it, where it may begin something.
        place: of the mouse, CSS pixels.
        key: its DOM name with what was held down.
        values: what the field holds now; of a list, the labels that are chosen.
    """

    kind: str
    ref: int
    field: str
    before: Observation | None = None
    place: tuple[float, float] = (0.0, 0.0)
    key: str = ""
    values: tuple[str, ...] = ()


class Gestures:
    """Collects events into steps.

    Attributes:
        steps: pairs of an observation and the action decided on it, as far as they are settled.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[Observation, Action]] = []
        self._pressed: Event | None = None
        self._key: Event | None = None
        self._typing: tuple[Observation, int, str] | None = None

    def add(self, event: Event) -> None:
        """Takes the next event."""
        getattr(self, f"_{event.kind}")(event)

    def settle(self) -> list[tuple[Observation, Action]]:
        """All steps, those that were still under way included."""
        self._release(self._pressed)
        self._end_typing()
        return self.steps

    def _down(self, event: Event) -> None:
        self.settle()
        self._pressed, self._key = event, None

    def _up(self, event: Event) -> None:
        self._release(event)

    def _release(self, released: Event | None) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is None or pressed.ref < 0 or released is None:
            return
        far = max(abs(a - b) for a, b in zip(pressed.place, released.place, strict=True)) > MOVED
        if far and released.ref >= 0 and released.ref != pressed.ref and released.ref in _refs(pressed.before):
            self._step(pressed.before, Action("drag", (pressed.ref, released.ref)))
        elif chosen := _chosen(pressed):  # choosing it once more changes nothing, and is told by no other event
            last = self.steps[-1][1] if self.steps else None
            if last is None or (last.verb, last.args[:1]) != ("select", (pressed.ref,)):
                self._step(pressed.before, Action("select", (pressed.ref, *chosen)))
        else:
            self._step(pressed.before, Action("click", (pressed.ref,)))

    def _dblclick(self, event: Event) -> None:
        clicks = [("click", (event.ref,))] * 2
        if [(action.verb, action.args) for _, action in self.steps[-2:]] == clicks:
            self.steps.pop()
            self.steps[-1] = self.steps[-1][0], Action("dblclick", (event.ref,))

    def _key_of_own(self, event: Event) -> bool:
        """Whether a key changes what its field holds, or nothing, rather than doing something by itself."""
        name = event.key.rpartition("+")[2] or event.key
        if name in _MODIFIERS or name == "Tab":
            return True
        if name == "Enter":
            return event.field in ("lines", "list")
        if event.field == "text":
            return name not in _MEANT_IN_TEXT
        if event.field == "toggle":
            return name == "Space" or name.startswith("Arrow")
        return event.field in ("lines", "value", "list")

    def _key_down(self, event: Event) -> None:
        if self._key_of_own(event):
            if event.before is not None:  # else it goes on with the same field
                self._key = event
            return
        self.settle()
        self._step(event.before, Action("press", (event.key,)))

    def _value(self, event: Event) -> None:
        ref = event.ref
        last = self.steps[-1][1] if self.steps else None
        if ref < 0:
            return
        if event.field == "toggle":
            if self._key is not None and self._key.field == "toggle":
                self._end_typing()
                self._step(self._key.before, Action("click", (ref,)))
                self._key = None
        elif event.field == "list":
            action = Action("select", (ref, *event.values))
            if last is not None and last.args[:1] == (ref,) and last.verb in ("click", "select"):
                self.steps[-1] = self.steps[-1][0], action
            else:
                self._end_typing()
                self._step(self._begun_on(ref), action)
        elif self._typing is not None and self._typing[1] == ref:
            self._typing = (self._typing[0], ref, event.values[0])
        elif event.values:
            self._end_typing()
            before = self._begun_on(ref)
            while self.steps and self.steps[-1][1] in (Action("click", (ref,)), Action("dblclick", (ref,))):
                before = self.steps.pop()[0]  # it was clicked to get there
            if before is not None:
                self._typing = (before, ref, event.values[0])

    def _begun_on(self, ref: int) -> Observation | None:
        """The page before what led to a field's new value; None where nobody did anything to it."""
        if self._pressed is not None and self._pressed.ref == ref:
            pressed, self._pressed = self._pressed, None  # a slider that is being drawn
            return pressed.before
        return self._key.before if self._key is not None and self._key.ref == ref else None

    def _end_typing(self) -> None:
        if self._typing is not None:
            before, ref, text = self._typing
            self._typing = None
            self._step(before, Action("type", (ref, text)))

    def _step(self, before: Observation | None, action: Action) -> None:
        if before is not None and set(action.refs) <= _refs(before):
            self.steps.append((before, action))


def _chosen(pressed: Event) -> list[str]:
    """What is chosen in the list that is pressed; nothing where it is no list."""
    if pressed.before is None or "<select" not in pressed.before["html"]:
        return []
    lists = parse_html(pressed.before["html"]).find_all("select", ref=True)
    options = [
        option for field in lists if field.ref == pressed.ref for option in field.find_all("option", selected="")
    ]
    return [option.text for option in options if not option.has("disabled")]


def _refs(observation: Observation | None) -> set[int]:
    return set() if observation is None else set(observation["refs"].tolist()) - {-1}


def read_event(message: dict[str, Any], before: Observation | None) -> Event:
    """An event from a message of ``record.js`` and the observation of the page that came with it."""
    return Event(
        kind="key_down" if message["kind"] == "key" else message["kind"],
        ref=message["ref"],
        field=message["field"],
        before=before,
        place=(message.get("x", 0.0), message.get("y", 0.0)),
        key=message.get("key", ""),
        values=tuple(message.get("values", ())),
    )
