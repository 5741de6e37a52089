"""The action grammar: one line of text per action, parsed and never executed as code.

    click 12 | dblclick 12 | hover 12        an element, by its ref
    type 7 "Alice"                           replaces the field's whole value; \\" \\\\ \\n \\r \\t are escapes
    press Control+C                          keys by their DOM names, to what has the focus
    select 7 "a" "b"                         sets exactly these options
    drag 3 9                                 from element to element
    click_xy 57 113 | drag_xy 10 20 90 20    viewport CSS pixels
    scroll 5 down | scroll page up           by one visible page of that element
    wait                                     lets time pass
    goto "https://..." | back | done "..."   open web only

``Action.parse(str(action)) == action`` holds for every action that can be built. The published form of WebGUM
(arXiv 2305.11854), ``{"action": "click", "ref": "12"}``, can be read and written too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import gymnasium
import numpy as np

DIRECTIONS = ("up", "down", "left", "right")
PAGE = "page"
"""What ``scroll`` takes in place of a ref to scroll the page itself."""

# What each verb takes, in order. A star means any number of them, at least none.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "click": ("ref",),
    "dblclick": ("ref",),
    "hover": ("ref",),
    "type": ("ref", "string"),
    "press": ("keys",),
    "select": ("ref", "string*"),
    "drag": ("ref", "ref"),
    "click_xy": ("pixel", "pixel"),
    "drag_xy": ("pixel", "pixel", "pixel", "pixel"),
    "scroll": ("ref or page", "direction"),
    "wait": (),
    "goto": ("string",),
    "back": (),
    "done": ("string",),
}
OPEN_WEB_VERBS = ("goto", "back", "done")
PAGE_VERBS = tuple(verb for verb in SIGNATURES if verb not in OPEN_WEB_VERBS)

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPES = {"\\": "\\", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
_TOKEN = re.compile(r' *(?:"((?:[^"\\\n]|\\["\\nrt])*)"|([^ "\n]+))')
_INTEGER = re.compile(r"0|[1-9][0-9]{0,8}")
_KEYS = re.compile(r"[^\s\"]{1,40}")


class ActionError(ValueError):
    """An action that the grammar, or the present page, does not allow. The message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action: a verb of ``SIGNATURES`` and its arguments.

    Attributes:
        verb: a key of ``SIGNATURES``.
        args: refs and pixels as int, everything else as str, in the order of the verb's signature.

    Raises:
        ActionError: if verb and arguments do not fit together.
    """

    verb: str
    args: tuple[int | str, ...] = ()

    def __post_init__(self) -> None:
        if self.verb not in SIGNATURES:
            raise ActionError(f"unknown verb {str(self.verb)[:40]!r}; expected one of: {', '.join(SIGNATURES)}")
        kinds = list(SIGNATURES[self.verb])
        if kinds and kinds[-1] == "string*":
            kinds[-1:] = ["string"] * max(0, len(self.args) - len(kinds) + 1)
        if len(kinds) != len(self.args) or not all(map(_fits, kinds, self.args)):
            given = " ".join([self.verb, *map(_format_argument, self.args)])
            raise ActionError(
                f"{given[:200]!r} does not fit; expected: {' '.join([self.verb, *SIGNATURES[self.verb]])}"
            )

    @classmethod
    def parse(cls, text: str) -> Action:
        """Reads one action from its line of text, or from the published JSON form.

        Raises:
            ActionError: if the text is not exactly one action.
        """
        if not isinstance(text, str):
            raise ActionError(f"an action is a line of text, got {type(text).__name__}")
        line = text.strip()
        if line.startswith("{"):
            return cls._parse_json(line)
        tokens, position = [], 0
        while position < len(line):
            match = _TOKEN.match(line, position)
            if match is None or match.end() == position:
                raise ActionError(
                    f"cannot read {line[position : position + 40]!r} in action {line[:80]!r}; "
                    'expected for example: click 12, or: type 7 "Alice"'
                )
            quoted, bare = match.groups()
            tokens.append((quoted, bare))
            position = match.end()
        if not tokens or tokens[0][1] is None:
            raise ActionError('empty action; expected for example: click 12, or: type 7 "Alice"')
        verb = tokens[0][1]
        kinds = SIGNATURES.get(verb, ())
        args: list[int | str] = []
        for index, (quoted, bare) in enumerate(tokens[1:]):
            kind = kinds[min(index, len(kinds) - 1)] if kinds else ""
            if kind.startswith("string"):
                if quoted is None:
                    raise ActionError(f"{verb} takes its text in double quotes, got {bare[:40]!r}")
                args.append(re.sub(r"\\(.)", lambda m: _UNESCAPES[m.group(1)], quoted))
            elif bare is None:
                raise ActionError(f"{verb[:40]} takes no quoted text here; expected: {' '.join([verb[:40], *kinds])}")
            elif kind.startswith("ref") or kind == "pixel":
                args.append(int(bare) if _INTEGER.fullmatch(bare) else bare)
            else:
                args.append(bare)
        return cls(verb, tuple(args))

    @classmethod
    def _parse_json(cls, line: str) -> Action:
        try:
            fields = json.loads(line)
            verb, ref = fields["action"], int(fields["ref"])
            return cls("type", (ref, str(fields["text"]))) if verb == "type" else cls(verb, (ref,))
        except ActionError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ActionError(
                f'cannot read JSON action {line[:80]!r}; expected {{"action": "click", "ref": "12"}} or '
                '{"action": "type", "ref": "7", "text": "Alice"}'
            ) from error

    def to_json(self) -> str:
        """Writes the published form; it has click and type only.

        Raises:
            ActionError: for any other verb.
        """
        if self.verb not in ("click", "type"):
            raise ActionError(f"the published JSON form has click and type only, not {self.verb}")
        fields = {"action": self.verb, "ref": str(self.args[0])}
        if self.verb == "type":
            fields["text"] = str(self.args[1])
        return json.dumps(fields, ensure_ascii=False)

    def __str__(self) -> str:
        kinds = SIGNATURES[self.verb]
        words = [self.verb]
        for index, argument in enumerate(self.args):
            is_string = kinds[min(index, len(kinds) - 1)].startswith("string")
            words.append(_quote(str(argument)) if is_string else str(argument))
        return " ".join(words)

    @property
    def refs(self) -> tuple[int, ...]:
        """The refs it names, in order."""
        kinds = SIGNATURES[self.verb]
        return tuple(a for k, a in zip(kinds, self.args, strict=False) if k.startswith("ref") and isinstance(a, int))

    @property
    def strings(self) -> tuple[str, ...]:
        """The quoted texts it carries, in order."""
        kinds = SIGNATURES[self.verb]
        return tuple(str(a) for i, a in enumerate(self.args) if kinds[min(i, len(kinds) - 1)].startswith("string"))


def _fits(kind: str, argument: int | str) -> bool:
    if kind in ("ref", "pixel") or (kind == "ref or page" and argument != PAGE):
        return type(argument) is int and 0 <= argument < 10**9
    if not isinstance(argument, str):
        return False
    if kind == "direction":
        return argument in DIRECTIONS
    if kind == "keys":
        return _KEYS.fullmatch(argument) is not None
    return True


def _quote(text: str) -> str:
    return '"' + re.sub(r'[\\"\n\r\t]', lambda m: _ESCAPES[m.group()], text) + '"'


def _format_argument(argument: int | str) -> str:
    return str(argument)[:80]


class ActionSpace(gymnasium.Space):
    """All lines of text that parse to an action with one of ``verbs``.

    ``sample`` draws verbs and arguments at random, without looking at a page: most refs will not be there, which an
    environment answers with ``last_error``. ``envs.loop.RandomPolicy`` draws actions that fit an observation.
    """

    def __init__(
        self,
        verbs: tuple[str, ...] = PAGE_VERBS,
        max_ref: int = 30,
        width: int = 160,
        height: int = 210,
        seed: int | np.random.Generator | None = None,
    ):
        self.verbs, self.max_ref, self.width, self.height = tuple(verbs), max_ref, width, height
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def sample(self, mask=None, probability=None) -> str:
        random = self.np_random
        verb = self.verbs[random.integers(len(self.verbs))]
        args: list[int | str] = []
        for index, kind in enumerate(SIGNATURES[verb]):
            if kind.startswith("ref"):
                args.append(int(random.integers(self.max_ref)))
            elif kind == "pixel":
                args.append(int(random.integers(self.height if index % 2 else self.width)))
            elif kind == "direction":
                args.append(DIRECTIONS[random.integers(len(DIRECTIONS))])
            elif kind == "keys":
                args.append(("Enter", "Tab", "Escape", "ArrowDown", "Control+A")[random.integers(5)])
            else:
                args.append("".join(map(chr, random.integers(97, 123, size=random.integers(1, 8)))))
        return str(Action(verb, tuple(args)))

    def contains(self, x) -> bool:
        try:
            return (x if isinstance(x, Action) else Action.parse(x)).verb in self.verbs
        except ActionError:
            return False

    def __eq__(self, other) -> bool:
        return isinstance(other, ActionSpace) and self._key() == other._key()

    def __repr__(self) -> str:
        return f"ActionSpace(verbs={self.verbs})"

    def _key(self):
        return self.verbs, self.max_ref, self.width, self.height
