"""The action grammar as the decoder walks it: which tokens and places may come next, and what they amount to.

Only what the page can take is ever offered: verbs that some element takes, elements that are there, options that a
list has, dates that a date field can read, pixels of the viewport. So no decoded action is refused for its form.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from envs.action import PAGE, Action
from envs.actuator import field_value
from envs.html import Element
from policies.measures import FROM_ZERO, LARGEST, offset_of, offset_token
from policies.points import SIDES, coordinate, counts_from, offsets
from policies.processor import Example, Processor
from policies.steps import FREE_VERBS, PIXEL_VERBS, Kind, argument_kinds, verb_bit, verb_bits
from policies.targets import AMOUNT, CASES
from policies.vocabulary import END, NEXT, Word, split_words


class View:
    """What the hypotheses about one observation share.

    Args:
        processor: made the example.
        example: one encoded without an action.
        verbs: what may be done at all.
    """

    def __init__(self, processor: Processor, example: Example, verbs: Sequence[str]):
        self.processor, self.vocabulary, self.config = processor, processor.vocabulary, processor.config
        self.masks = processor.vocabulary_masks
        self.length = len(example)
        self._other_case: dict[str, np.ndarray] = {}
        places: list[int] = example.places.tolist() if example.places is not None else []
        self.units = dict(zip(places, example.units or (), strict=True))
        found = [u.element for u in self.units.values() if u.opens and u.element and u.element.ref is not None]
        self.elements = {element.ref: element for element in found}
        taken = [(element, self.takes(element)) for element in found]
        self.taken_by = {verb: [element for element, takes in taken if verb in takes] for verb in verbs}
        self.boxes = example.boxes or {}
        pixels = bool(self.boxes) or not self.config.copy
        self.verbs = [
            v for v in verbs
            if (pixels if v in PIXEL_VERBS else v in FREE_VERBS) or v == "scroll" or self.taken_by[v]
        ]  # fmt: skip

    def takes(self, element: Element) -> tuple[str, ...]:
        """The verbs that make sense with an element; a list without an option has nothing to select."""
        return tuple(v for v in element.verbs if v != "select" or element.has("multiple") or labels(element))

    @cached_property
    def by_text(self) -> dict[str, list[int]]:
        """Where each word stands."""
        places: dict[str, list[int]] = {}
        for place, unit in self.units.items():
            if unit.kind == "word":
                places.setdefault(unit.text, []).append(place)
        return places

    def in_other_case(self, mark: str) -> np.ndarray:
        """Places of words that are others in capitals, or in small letters, bool [L]."""
        if mark not in self._other_case:
            mask = np.zeros(self.length, bool)
            words = [(place, unit) for place, unit in self.units.items() if unit.kind == "word"]
            mask[[place for place, unit in words if CASES[mark](unit.text) != unit.text]] = True
            self._other_case[mark] = mask
        return self._other_case[mark]

    def digits(self, begun: bool) -> np.ndarray:
        """Places of words that are numbers, or go on with one that is begun, bool [L]."""
        mask = np.zeros(self.length, bool)
        words = [(place, unit) for place, unit in self.units.items() if unit.kind == "word" and unit.text.isdigit()]
        mask[[place for place, unit in words if not (begun and unit.space)]] = True
        return mask


def labels(element: Element) -> list[str]:
    """The options of a list."""
    return [option.text for option in element.find_all("option") if not option.has("disabled")]


class Writer:
    """One hypothesis: an action, written as far as it is.

    Attributes:
        kind: what the next step decides.
        allowed: bits of the verbs that fit, or where an offset counts from, as in ``Example.allowed``.
        action: the whole action, once it is written.
    """

    def __init__(self, view: View):
        self.view = view
        self.kind: Kind = Kind.START if view.config.copy else Kind.VERB
        self.allowed = verb_bits(view.verbs)
        self.action: Action | None = None
        self._verb = ""
        self._args: list[int | str] = []
        self._text = ""
        self._run: list[int] = []
        self._count = 0
        self._place, self._side = -1, ""
        self._case = ""
        # A number is one of these: its tokens -> what it amounts to.
        self._codes: Mapping[tuple[int, ...], int | str] = {}
        # Of the whole strings that are possible, those that still are: (words, words written, tokens of the next one).
        self._ways: list[tuple[list[Word], int, int]] = []

    def fork(self) -> Writer:
        twin = copy.copy(self)
        twin._args, twin._run, twin._ways = [*self._args], [*self._run], [*self._ways]
        return twin

    def offsets(self) -> range:
        """Tokens of the offsets in pixels, or amounts, that may come next."""
        if self.kind != Kind.OFFSET:
            return range(0)
        if self._verb not in PIXEL_VERBS:
            return range(offset_token(-LARGEST), offset_token(LARGEST) + 1)
        axis = len(self._args) % 2
        extent = self.view.config.height if axis else self.view.config.width
        return offsets(self.view.boxes[self._place], axis, self._side, extent)

    def choices(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Tokens of the vocabulary and places that may come next.

        Returns:
            bool [vocabulary], and bool [L] where fewer places may be copied than the example says, else None.
        """
        view, symbols = self.view, self.view.vocabulary.symbols
        tokens = view.masks[self.kind].copy()
        if self.kind in (Kind.START, Kind.VERB):
            verbs = [v for v in view.verbs if self.allowed & verb_bit(v)]
            names = verbs if self.kind == Kind.VERB else [v for v in verbs if v in FREE_VERBS]
            names += [PAGE] if self.kind == Kind.START and "scroll" in verbs else []
            tokens[:] = False
            tokens[[symbols[name] for name in names]] = True
        elif self.kind == Kind.TEXT and self._case:
            tokens[:] = False
            return tokens, view.in_other_case(self._case)
        elif self.kind == Kind.TEXT:
            for mark in CASES if view.config.case and view.config.copy else ():
                tokens[symbols[mark]] = view.in_other_case(mark).any()
            tokens[symbols[AMOUNT]] = view.config.copy and view.config.amounts and self._may_be_amount()
            if not self._may_end():
                tokens[symbols[END]] = False
            elif self._count >= view.config.max_steps - 4:
                tokens[:] = False
                tokens[symbols[END]] = True
                return tokens, np.zeros(view.length, bool)
            if self._takes_numbers:
                return tokens & view.processor.numeric, view.digits(begun=bool(self._written()))
        elif self.kind == Kind.NUMBER:
            begun = tuple(self._run)
            following = {c[len(begun)] if len(c) > len(begun) else symbols[END]
                         for c in self._codes if c[: len(begun)] == begun}  # fmt: skip
            tokens[:] = False
            tokens[[*following]] = True
        elif self.kind == Kind.SIDE:
            tokens[[symbols[side] for side in SIDES[1 - len(self._args) % 2]]] = False
        elif self.kind in (Kind.LABEL, Kind.LABELS):
            return self._ways_on()
        return tokens, None

    def take(self, token: int, place: int) -> None:
        """Goes one step on, with a token or (``token`` -1) a place."""
        symbols = self.view.vocabulary.symbols
        self._count += 1
        if place >= 0 and self.kind in (Kind.START, Kind.REF):
            element = self.view.units[place].element
            self._args.append(element.ref if element is not None and element.ref is not None else -1)
            if self.kind == Kind.START:
                self.kind = Kind.VERB
                self.allowed = verb_bits(
                    [v for v in self.view.takes(element) if v in self.view.verbs] if element else ()
                )
            else:
                self._next()
        elif self.kind in (Kind.START, Kind.VERB, Kind.DIRECTION, Kind.KEYS):
            name = self.view.vocabulary.names[token]
            if self.kind in (Kind.DIRECTION, Kind.KEYS) or name == PAGE:
                self._args.append(name)
            if self.kind in (Kind.START, Kind.VERB):
                self._verb = "scroll" if name == PAGE else name
            self._next()
        elif token == symbols[END] and self.kind == Kind.LABELS:
            self.action = Action(self._verb, tuple(self._args))
        elif self.kind == Kind.POINT:
            self._place, self.kind = place, Kind.SIDE
        elif self.kind == Kind.SIDE:
            self._side = next((side for sides in SIDES for side in sides if symbols[side] == token), "")
            self.kind = Kind.OFFSET
            self.allowed = counts_from(self.view.boxes[self._place], len(self._args) % 2, self._side)
        elif self.kind == Kind.OFFSET and self._verb not in PIXEL_VERBS:
            self._args.append(str(offset_of(token)))
            self._next()
        elif self.kind == Kind.OFFSET:
            axis = len(self._args) % 2
            self._args.append(coordinate(self.view.boxes[self._place], axis, self._side, token))
            self._next()
        elif self.kind == Kind.NUMBER:
            if token != symbols[END]:
                self._run.append(token)
                return
            self._args.append(self._codes[tuple(self._run)])
            self._next()
        elif self.kind == Kind.TEXT and place < 0 and (mark := self._mark(token)):
            self._case = mark
        elif self.kind == Kind.TEXT and token == symbols[AMOUNT]:
            self.kind, self.allowed = Kind.OFFSET, FROM_ZERO
        elif token in (symbols[END], symbols[NEXT]):
            self._args.append(self._written())
            self._next()
        else:
            self._write(token, place)

    def _write(self, token: int, place: int) -> None:
        unit = self.view.units.get(place)
        ways = []
        for words, number, offset in self._ways:
            if number == len(words):
                continue
            ids = self.view.vocabulary.encode_word(*words[number])
            if unit is not None and place in self._copies(words, number, offset):
                ways.append((words, number + 1, 0))
            elif unit is None and ids[offset] == token:
                ways.append((words, number, offset + 1) if offset + 1 < len(ids) else (words, number + 1, 0))
        self._ways = ways
        if unit is None:
            self._run.append(token)
        else:
            self._text = self._written()
            self._run = []
            text = CASES[self._case](unit.text) if self._case else unit.text
            self._text += (" " if unit.space and self._text else "") + text
            self._case = ""
        if self.kind == Kind.LABELS:
            self.kind = Kind.LABEL

    def _mark(self, token: int) -> str:
        return next((mark for mark in CASES if token == self.view.vocabulary.symbols[mark]), "")

    def _written(self) -> str:
        return self._text + self.view.vocabulary.decode(self._run)

    def _next(self) -> None:
        """What comes after an argument."""
        self._text, self._run, self._ways = "", [], []
        kinds = argument_kinds(self._verb)
        kind = next((k for n, k in enumerate(kinds) if n == len(self._args)), None)
        view = self.view
        if kind is None:
            self.action = Action(self._verb, tuple(self._args))
        elif kind == "direction":
            self.kind = Kind.DIRECTION
        elif kind == "keys":
            self.kind = Kind.KEYS
        elif kind == "string":
            self.kind = Kind.TEXT
        elif kind == "string*":
            self.kind = Kind.LABELS
            # Each option once: else a list could be written without end.
            left = [label for label in dict.fromkeys(labels(self._element)) if label not in self._args[1:]]
            self._ways = [(split_words(label), 0, 0) for label in left]
        elif kind == "pixel" and view.config.copy:
            self.kind = Kind.SIDE if len(self._args) % 2 else Kind.POINT
        elif kind == "pixel":
            extent = view.config.height if len(self._args) % 2 else view.config.width
            self._begin_number({view.vocabulary.encode_word(str(n), False): n for n in range(extent)})
        elif view.config.copy:
            self.kind, self.allowed = Kind.REF, verb_bit(self._verb)
        else:
            refs = [e.ref for e in view.taken_by[self._verb] if e.ref is not None]
            found: dict[tuple[int, ...], int | str] = {view.vocabulary.encode_word(str(r), False): r for r in refs}
            if self._verb == "scroll":
                found[(view.vocabulary.symbols[PAGE],)] = PAGE
            self._begin_number(found)

    def _begin_number(self, codes: Mapping[tuple[int, ...], int | str]) -> None:
        self.kind, self._run, self._codes = Kind.NUMBER, [], codes

    @property
    def _element(self) -> Element:
        return self.view.elements[int(self._args[0])]

    @property
    def _takes_numbers(self) -> bool:
        return self._verb == "type" and self._element.attributes.get("type") == "number"

    def _may_be_amount(self) -> bool:
        """Whether the string can be a number that is worked out: nothing is written, and the field can hold one."""
        return not (self._text or self._run or self._case) and self._may_hold("1")

    def _may_end(self) -> bool:
        return self._may_hold(self._written())

    def _may_hold(self, text: str) -> bool:
        """Whether the field, if it is one, can hold a text."""
        if self._verb != "type" or self._element.tag != "input":
            return True
        try:
            field_value(self._element.attributes.get("type", "text"), text)
        except (ValueError, KeyError) as error:
            return isinstance(error, KeyError)
        return True

    def _copies(self, words: list[Word], number: int, offset: int) -> list[int]:
        """Places whose word, with its space, is the next one of a string that is possible."""
        word, view = words[number], self.view
        if not view.config.copy:
            return []
        places = view.by_text.get(word.text, [])
        if offset == 0:
            return [p for p in places if number == 0 or view.units[p].space == word.space]
        alone = view.vocabulary.encode_word(*word)[:offset] == (view.vocabulary.space_id,)
        return [p for p in places if alone and not view.units[p].space]

    def _ways_on(self) -> tuple[np.ndarray, np.ndarray]:
        view, symbols = self.view, self.view.vocabulary.symbols
        tokens, places = np.zeros(view.vocabulary.size, bool), np.zeros(view.length, bool)
        if self.kind == Kind.LABELS:
            several = self._element.has("multiple")
            tokens[symbols[END]] = several or len(self._args) > 1
            if len(self._args) > 1 and not several:
                return tokens, places
        for words, number, offset in self._ways:
            if number == len(words):
                tokens[symbols[NEXT]] = True
            else:
                tokens[view.vocabulary.encode_word(*words[number])[offset]] = True
                places[self._copies(words, number, offset)] = True
        return tokens, places
