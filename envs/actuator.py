"""Carrying out one action on a page with real input: mouse and keys, the way a person's would arrive."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image
from playwright.sync_api import Error, Page

from envs.action import OPEN_WEB_VERBS, PAGE, Action, ActionError
from envs.observation import Seen

DRAG_STEPS = 8
"""Mouse moves between the two ends of a drag; libraries that start dragging after some distance need more than one."""

DRAG_BEYOND = 3
"""CSS pixels by which a drag to an element ends past its middle, in the direction it came."""

KEYED = 500
"""Characters of a text, its last ones, that are typed key by key; what is before them goes in at once."""

DRAG_MILLISECONDS = 20
"""Virtual time that each of them takes."""

_PARKED = -5
"""Where the pointer rests between episodes: outside the page, so that nothing is hovered."""

# Fields whose value is not typed key by key, with the forms that are understood beside the value's own.
_SET_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "date": ("%Y-%m-%d", ("%m/%d/%Y", "%B %d, %Y")),
    "time": ("%H:%M", ("%I:%M %p", "%H:%M:%S", "%I:%M:%S %p")),
    "datetime-local": ("%Y-%m-%dT%H:%M", ("%m/%d/%Y %I:%M %p", "%m/%d/%Y, %I:%M %p", "%Y-%m-%d %H:%M")),
    "month": ("%Y-%m", ("%m/%Y", "%B %Y")),
    "week": ("", ()),
    "color": ("", ()),
    "range": ("", ()),
}


class ScriptError(Error):
    """A script of ours failed on the page, because the page is not ready for it or has broken it."""


class Commands(Protocol):
    """A session of the DevTools protocol."""

    def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a command returns; raises ``playwright.sync_api.Error`` if it cannot be carried out."""
        ...


class Actuator:
    """Hands and eyes on one page.

    Args:
        page: the page, with ``clock.js`` and ``page.js`` loaded before its own scripts.
        session: commands of the DevTools protocol to it.
        observe: JavaScript expression, with ``{ms}`` in it, that lets time pass and reports what is on the page.
        files: what file fields may be given, by the name that stands for each.
    """

    def __init__(self, page: Page, session: Commands, observe: str, files: Mapping[str, Path] | None = None):
        self.page = page
        self._files = files or {}
        self._observe = observe
        self._session = session

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited. One message each way."""
        answer = self._session.send(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True}
        )
        if details := answer.get("exceptionDetails"):
            raise ScriptError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def observe(self, milliseconds: int = 0) -> Seen:
        """Lets the page's time pass and reads the page."""
        return Seen.read(self.evaluate(self._observe.replace("{ms}", str(milliseconds))))

    def screenshot(self) -> np.ndarray:
        """The viewport, uint8 H x W x 3."""
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(self._frame()))).convert("RGB"))

    def park(self) -> None:
        """Takes the pointer off the page, so that nothing is hovered."""
        # By a click beside everything, which also closes what is open, and makes keys scroll the page itself again and
        # not what was clicked last.
        self._press(_PARKED, _PARKED, clicks=1)

    def carry_out(self, action: Action, seen: Seen) -> None:
        """Does it. What was seen must be the latest.

        Raises:
            ActionError: if this page cannot do it; nothing was changed then.
        """
        verb, args = action.verb, action.args
        if verb in OPEN_WEB_VERBS:
            raise ActionError(f"{verb} is for the open web only, not for this page")
        for ref in action.refs:
            if ref not in seen.refs:
                raise ActionError(f"ref {ref} is not on the page now; choose one that is in the html")
        if verb == "click":
            self._press(*self._point(args[0]), clicks=1)
        elif verb == "dblclick":
            point = self._point(args[0])
            self._press(*point, clicks=1)
            self._press(*point, clicks=2)
        elif verb == "hover":
            self.page.mouse.move(*self._point(args[0]))
            self._frame()
        elif verb == "type":
            self._type(int(args[0]), str(args[1]), seen)
        elif verb == "press":
            self._keys(str(args[0]))
        elif verb == "select":
            self._select(int(args[0]), [str(label) for label in args[1:]], seen)
        elif verb == "drag":
            self._point(args[1])  # both may have to be scrolled: the start last, so that it is in view
            start = self._point(args[0])
            self.observe()
            if (end := self.point(args[1])) is None:
                raise ActionError(
                    f"refs {args[0]} and {args[1]} cannot be in view together; scroll nearer, or use drag_xy"
                )
            self._drag(start, self._beyond(start, end))
        elif verb == "click_xy":
            self._press(*self._inside(args[0], args[1]), clicks=1)
        elif verb == "drag_xy":
            self._drag(self._inside(args[0], args[1]), self._inside(args[2], args[3]))
        elif verb == "scroll":
            ref = "null" if args[0] == PAGE else args[0]
            self.evaluate(f"__webagent.scroll({ref}, {json.dumps(args[1])})")
            self._frame()

    def _press(self, x: float, y: float, clicks: int) -> None:
        # No move before it: the browser derives over, enter and leave from the press itself, whereas a move of its own
        # would be held back until the next 60 Hz frame, and the next screenshot with it.
        for kind in ("mousePressed", "mouseReleased"):
            self._session.send(
                "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": clicks}
            )

    def point(self, ref: int | str) -> tuple[float, float] | None:
        """Where to click it, in CSS pixels of the viewport; None where it was out of view when last read."""
        match self.evaluate(f"__webagent.point({int(ref)})"):
            case None:
                return None
            case [int() | float() as x, int() | float() as y]:
                return float(x), float(y)
            case _:
                raise ScriptError("the page reported something else than a point")

    def _point(self, ref: int | str) -> tuple[float, float]:
        point = self.point(ref)
        if point is None:
            self.evaluate(f"__webagent.scrollTo({ref})")
            self._frame()
            self.observe()
            point = self.point(ref)
        if point is None:
            raise ActionError(f"ref {ref} cannot be scrolled into view")
        return point

    def _frame(self) -> str:
        # A picture as base64 PNG. Scrolling by keys, and scroll and hover events, come with the next frame, which
        # taking one brings about. The CDP call, unlike ``page.screenshot``, edits nothing on the page.
        return self._session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})["data"]

    def _inside(self, x: int | str, y: int | str) -> tuple[int, int]:
        size = self.page.viewport_size or {"width": 0, "height": 0}
        width, height = size["width"], size["height"]
        if not (0 <= int(x) < width and 0 <= int(y) < height):
            raise ActionError(f"{x} {y} lies outside the viewport of {width} x {height} pixels")
        return int(x), int(y)

    def _beyond(self, start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
        # A hand goes a bit past the middle. Sortable lists change places at the middle itself: there, a drag in one of
        # the two directions would end one place short.
        way = np.subtract(end, start)
        size = self.page.viewport_size or {"width": 0, "height": 0}
        limit = (size["width"] - 1, size["height"] - 1)
        x, y = np.clip(end + DRAG_BEYOND * way / max(1.0, float(np.hypot(*way))), 0, limit).tolist()
        return x, y

    def _drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        self._pass_time()
        mouse.down()
        for part in np.linspace(start, end, DRAG_STEPS + 1)[1:]:
            mouse.move(*part.tolist())
            self._pass_time()
        mouse.up()
        self._frame()

    def _pass_time(self) -> None:
        # A hand takes its time: pages that look where the pointer is, by a timer, have to see it on its way.
        self.evaluate(f"window.__webagentClock && __webagentClock.advance({DRAG_MILLISECONDS})")

    def _keys(self, keys: str) -> None:
        try:
            self.page.keyboard.press(keys)
        except Error as error:
            if "Unknown key" in error.message:
                for held in keys.split("+")[:-1]:  # pressed before the one that is none
                    with contextlib.suppress(Error):
                        self.page.keyboard.up(held)
                raise ActionError(
                    f"unknown key {keys!r}; expected DOM names such as Enter, ArrowDown, Control+C"
                ) from error
            raise
        self._frame()

    def _type(self, ref: int, text: str, seen: Seen) -> None:
        element = seen.elements[ref]
        if "type" not in element.verbs:
            raise ActionError(
                f"ref {ref} is a <{element.tag}> that takes no text; type needs a field that can be edited"
            )
        kind = element.attributes.get("type", "text") if element.tag == "input" else ""
        if kind == "file":
            self._give_file(ref, text)
            return
        if kind in _SET_FIELDS:
            value = field_value(kind, text)
            result = self.evaluate(f"__webagent.setValue({ref}, {json.dumps(value)})")
            if result != value:
                raise ActionError(
                    f"the {kind} field took {text!r} as {result!r}; expected for example {_example(kind)}"
                )
            return
        if not element.has("focused"):
            self._press(*self._point(ref), clicks=1)
        self.evaluate(f"__webagent.selectAll({ref})")
        if element.tag == "input":
            text = text.replace("\n", " ").replace("\r", " ")
        if text:
            if text[:-KEYED]:
                self.page.keyboard.insert_text(text[:-KEYED])
            self.page.keyboard.type(text[-KEYED:])
        else:
            self.page.keyboard.press("Delete")

    def _give_file(self, ref: int, name: str) -> None:
        if name not in self._files:
            there = ", ".join(self._files) or "none"
            raise ActionError(f"{name!r} is none of the files that were given for this task; there are: {there}")
        field = self._session.send("Runtime.evaluate", {"expression": f"__webagent.element({ref})"})["result"]
        given = {"files": [str(self._files[name])], "objectId": field["objectId"]}
        self._session.send("DOM.setFileInputFiles", given)

    def _select(self, ref: int, labels: list[str], seen: Seen) -> None:
        element = seen.elements[ref]
        if "select" not in element.verbs:
            raise ActionError(f"ref {ref} is a <{element.tag}>; select needs a <select>")
        if len(labels) > 1 and not element.has("multiple"):
            raise ActionError(f"the list of ref {ref} takes one option, got {len(labels)}")
        missing = self.evaluate(f"__webagent.select({ref}, {json.dumps(labels)})")
        if missing:
            options = ", ".join(repr(option.text) for option in element.find_all("option")[:12])
            raise ActionError(f"ref {ref} has no option {missing[0]!r} to choose; it has {options}")


def field_value(kind: str, text: str) -> str:
    """The value that an ``<input>`` of that type stores for a text as its field would show it.

    Raises:
        ActionError: if the text cannot be read as that.
    """
    stored, shown = _SET_FIELDS[kind]
    text = re.sub(r"\s+", " ", text).strip()  # a time's narrow no-break space too
    if not stored or not text:
        return text
    for form in (stored, *shown):
        try:
            return datetime.strptime(text, form).strftime(stored)
        except ValueError:
            continue
    raise ActionError(f"{text!r} is not a {kind}; expected for example {_example(kind)}")


def _example(kind: str) -> str:
    stored, shown = _SET_FIELDS[kind]
    moment = datetime(2016, 3, 15, 14, 30)
    return " or ".join(moment.strftime(form) for form in (stored, *shown[:1])) if stored else f"a {kind} value"
