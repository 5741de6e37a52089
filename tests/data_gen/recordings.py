"""Human demonstrations made on the spot, in the format that MiniWoB++ records."""

from __future__ import annotations

import copy
import gzip
import itertools
import json
from pathlib import Path
from typing import Any

Dom = dict[str, Any]


def element(tag: str, ref: int, *children: Dom, box=(2, 52, 40, 20), id="", classes="", **more: Any) -> Dom:
    """One node of a recorded DOM tree; ``text``, ``value``, ``focused`` and ``bgColor`` as keywords."""
    left, top, width, height = box
    node = {"tag": tag, "left": left, "top": top, "width": width, "height": height, "children": list(children)}
    return (
        node
        | {"id": id, "classes": classes, "ref": ref, "bgColor": "rgba(0, 0, 0, 0)", "fgColor": "rgb(0, 0, 0)"}
        | more
    )


def page(*children: Dom) -> Dom:
    """A body with these elements in the task's area."""
    area = element("DIV", 1003, *children, box=(0, 50, 160, 160), id="area")
    wrap = element("DIV", 1002, area, box=(0, 0, 160, 210), id="wrap")
    return element("BODY", 1001, wrap, box=(0, 0, 900, 210))


def changed(dom: Dom, ref: int, **changes: Any) -> Dom:
    """The page with one element changed."""
    new = copy.deepcopy(dom)
    _find(new, ref).update(changes)
    return new


def _find(dom: Dom, ref: int) -> Dom:
    if dom["ref"] == ref:
        return dom
    for child in dom["children"]:
        try:
            return _find(child, ref)
        except KeyError:
            continue
    raise KeyError(ref)


class Recording:
    """A demonstration that is being recorded.

    Args:
        instruction: the task.
        dom: the page at first. It is ``self.dom`` from then on, and may be changed between events.
    """

    def __init__(self, instruction: str, dom: Dom, raw_reward: float = 1.0):
        self.dom, self._clock = dom, itertools.count(0, 40)
        rewards = {"reward": raw_reward, "rawReward": raw_reward}
        self.demonstration: dict[str, Any] = {"taskName": "some-task", "utterance": instruction, "states": []} | rewards
        self._store(None, None)

    def _store(self, action: dict[str, Any] | None, target: int | None) -> None:
        dom = copy.deepcopy(self.dom)
        if target is not None:
            _find(dom, target)["recordingTarget"] = True
        self.demonstration["states"].append({"time": next(self._clock), "action": action, "dom": dom})

    def event(self, kind: str, target: int | None, *, after: Dom | None = None, **more: Any) -> Recording:
        """One event, stored as it comes in and as it goes out; then the page is ``after``."""
        for timing in (1, 3):
            self._store({"type": kind, "timing": timing} | more, target)
        self.dom = self.dom if after is None else after
        return self

    def click(self, target: int | None, after: Dom | None = None, x: int = 10, y: int = 60) -> Recording:
        """Press, release and click."""
        for kind in ("mousedown", "mouseup"):
            self.event(kind, target, x=x, y=y)
        return self.event("click", target, x=x, y=y, after=after)

    def key(self, target: int, code: int, after: Dom | None = None) -> Recording:
        """A key goes down and up; what it does shows after it went down."""
        self.event("keydown", target, keyCode=code, charCode=0)
        if code >= 32:
            self.event("keypress", target, keyCode=code, charCode=code)
        self.dom = self.dom if after is None else after
        return self.event("keyup", target, keyCode=code, charCode=0)

    def keys(self, target: int, text: str) -> Recording:
        """Types a text into a field, at its end."""
        for character in text:
            value = _find(self.dom, target)["value"] + character
            self.key(target, ord(character.upper()), changed(self.dom, target, value=value))
        return self

    def save(self, folder: Path, task: str, name: str = "a") -> Path:
        """Writes it as the public demonstrations are."""
        path = folder / task / f"{task}_{name}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps(self.demonstration).encode(), mtime=0))
        return path
