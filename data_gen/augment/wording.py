"""An instruction in other words: another demonstration's, clauses in another order or said plainly, words changed.

While it is worked on, each value stands in it as one private character, a mark, so that nothing happens to the values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from data_gen.augment.slots import Slot
from data_gen.augment.values import replaced
from data_gen.augment.words import TOKEN, words_of

_CLAUSE_END = re.compile(r"([,.;:!?]\s+|\s+(?:and|then)\s+)")

_ALIKE = [group.split() for group in (
    "set change put switch make", "choose select pick take", "type enter write fill", "find search look", "open visit",
    "click press tick", "buy order get", "add put", "save store", "go navigate", "show display list", "log sign",
    "send ship deliver", "edit update change", "please kindly", "finally afterwards",
)]  # fmt: skip
_LIKE: dict[str, list[str]] = {}
for _group in _ALIKE:
    for _word in _group:
        _LIKE.setdefault(_word, []).extend(other for other in _group if other != _word)

_SAID = {
    "type": ("set the {l} to {v}", "{l} {v}", "{l}: {v}", "type {v} into the {l} field", "make {v} the {l}",
             "use {v} as {l}", "put {v} as {l}", "the {l} is {v}", "the {l} should be {v}", "my {l} is {v}",
             "enter the {l} {v}", "with {l} {v}", "give {v} as the {l}", "leave {l} {v}", "have {v} as {l}",
             "make it {v} {l}", "{v} {l}", "with {v} as its {l}", "the {l} must be {v}", "change {l} into {v}",
             "the {l} {v}"),
    "select": ("set the {l} to {v}", "{l} {v}", "choose {v} as {l}", "select {l} {v}", "pick {v} for the {l}",
               "the {l} is {v}", "make {v} the {l}", "the {l} should be {v}", "in {v}", "let the {l} be {v}",
               "{v} {l}", "change the {l} to {v}", "whose {l} is {v}", "use {v} as {l}"),
    "click": ("choose {v} for {l}", "{l} {v}", "set the {l} to {v}", "pick the {l} {v}", "tick {v}", "{v} {l}",
              "the {l} is {v}", "with {v} as {l}", "by {v} {l}", "turn on {v}", "make it {v}", "get {l} {v}",
              "use {v} {l}", "select {v}"),
}  # fmt: skip
"""How a clause can be said of which no more is known than the value and what the page calls its field."""

_BARE = (
    "{v}",
    "use {v}",
    "with {v}",
    "for {v}",
    "to {v}",
    "from {v}",
    "of {v}",
    "as {v}",
    "in {v}",
    "put {v}",
    "take {v}",
)
"""The same where the field is not named: it has to be known from what the value looks like, or from what is left."""

_UNNAMED = 0.15
"""Share of the plain clauses that are said so."""

_FIRST_MARK = 0xE000
_OPENINGS = ("Please ", "Could you ", "Now ", "I want you to ", "You should ", "Kindly ")
_COMMON = """a about after again all also an and any are as at back be before both but by can could do done down during
each else end even every first for from get give go going good grab had has have her here him his how i if in
instead into is it item its last later let like look make me must my need new next no not now of off on one
only onto or other our out over own page please put right said same see send sent should site so some start
stop take that the their them then there these they thing this those through time to today too under until up
use using via want way we well what when where which while will with within without work would you your""".split()
"""Words that are no values, whatever stands beside them: of these, new wordings are made."""


class Wordings:
    """The ways in which demonstrations say what is done.

    One demonstration's wording can say what is done in another, where it has a place for each thing. A clause that is
    about one thing only, such as "set the language to German", gives way to one about what is done in its stead.

    Args:
        instructions: of the demonstrations.
        slots: of each of them.
        values: words that are values, in lower case.
    """

    def __init__(self, instructions: Sequence[str], slots: Sequence[Sequence[Slot]], values: set[str]):
        names = sorted({(slot.kind, slot.label) for each in slots for slot in each})
        self._marks = {name: chr(_FIRST_MARK + number) for number, name in enumerate(names)}
        self._said = [self._marked(text, each) for text, each in zip(instructions, slots, strict=True)]
        self._free = [text for text in self._said if not words_of(text) & values]
        self._clauses: dict[str, list[str]] = {}
        for clause in (clause for text in self._free for clause in _CLAUSE_END.split(text)[::2]):
            if len(marks := self._in(clause)) == 1:
                self._clauses.setdefault(marks.pop(), []).append(clause)

    def compose(self, number: int, slots: Sequence[Slot], random: Random, *, borrow: bool) -> Wording | None:
        """A wording for what is done.

        Args:
            number: of the demonstration that it is done like.
            slots: what is done. Of two of a kind and label the second is not known apart.
            random: what to draw from.
            borrow: whether it may be another demonstration's.

        Returns:
            None where there is none.
        """
        marks = {self._marks[slot.kind, slot.label]: slot for slot in reversed(slots)}
        texts = random.sample(self._free, len(self._free)) if borrow else []
        for text in [*texts, self._said[number]]:
            if (fitted := self._fitted(text, marks, random)) is not None:
                return Wording(fitted, marks)
        return None

    def _marked(self, text: str, slots: Sequence[Slot]) -> str:
        for slot in sorted(slots, key=lambda slot: -len(slot.value)):
            mark = self._marks[slot.kind, slot.label]
            if mark not in text:
                text = re.sub(rf"(?<!\w){re.escape(slot.value)}(?!\w)", mark, text)
        return text

    def _in(self, text: str) -> set[str]:
        return set(text) & set(self._marks.values())

    def _fitted(self, text: str, marks: dict[str, Slot], random: Random) -> str | None:
        spare, missing = sorted(self._in(text) - set(marks)), sorted(set(marks) - self._in(text))
        if len(spare) != len(missing):
            return None
        parts = _CLAUSE_END.split(text)
        for old, new in zip(spare, random.sample(missing, len(missing)), strict=True):
            place = next(place for place in range(0, len(parts), 2) if old in parts[place])
            if self._in(parts[place]) != {old}:
                return None
            slot = marks[new]
            said = self._clauses.get(new) or [way.format(v=new, l=slot.label) for way in _SAID.get(slot.kind, ())]
            if not said:
                return None
            parts[place] = random.choice(said)
        return "".join(parts)


class Wording(NamedTuple):
    """An instruction with marks in the place of values.

    Attributes:
        text: the instruction.
        marks: what each stands for.
    """

    text: str
    marks: dict[str, Slot]

    def filled(self, new: dict[str, str]) -> str:
        """The instruction, its values' words replaced."""
        return "".join(replaced(self.marks[c].value, new) if c in self.marks else c for c in replaced(self.text, new))


def reworded(wording: Wording, values: set[str], free_order: bool, random: Random) -> Wording:
    """Another way to say it.

    Args:
        wording: one way.
        values: words that are values, in lower case: what says more than its marks is not said plainly.
        free_order: whether the order of the clauses says nothing.
        random: what to draw from.
    """
    marks = wording.marks
    parts = _CLAUSE_END.split(wording.text)
    clauses, ends = parts[::2], parts[1::2]
    rate = random.choice((0.0, 0.4, 1.0))
    clauses = [_plainly(clause, marks, values, random) if random.random() < rate else clause for clause in clauses]
    if free_order and random.random() < 0.6:
        clauses = _shuffled(clauses, marks, random)
    if random.random() < 0.3:
        ends = [random.choice((", ", ". ", "; ", " and ", end)) for end in ends]
    text = "".join(part for pair in zip(clauses, [*ends, ""], strict=True) for part in pair)
    if random.random() < 0.6:
        text = _changed(text, values.union(*(words_of(slot.label) for slot in marks.values())), random)
    if random.random() < 0.3:
        text = _strewn(text, random)
    if random.random() < 0.4:
        text = random.choice((f"{text}, {_aside(random)}", f"{_aside(random)}, {text}"))
    if random.random() < 0.15:
        text = random.choice(_OPENINGS) + text
    return Wording(" ".join(text.split()), marks)


def say(mark: str, slot: Slot, random: Random) -> str:
    """A plain clause about one value: with what the page calls its field, most times."""
    shown = f'"{mark}"' if random.random() < 0.4 else mark
    ways = _BARE if random.random() < _UNNAMED else _SAID[slot.kind]
    return random.choice(ways).format(v=shown, l=slot.label)


def _strewn(text: str, random: Random) -> str:
    """The text with common words between its own."""
    words = text.split(" ")
    for _ in range(random.randint(1, 3)):
        words.insert(random.randrange(len(words) + 1), random.choice(_COMMON))
    return " ".join(words)


def _aside(random: Random) -> str:
    """A few words that ask for nothing."""
    return " ".join(random.choices(_COMMON, k=random.randint(1, 4)))


def _plainly(clause: str, marks: dict[str, Slot], values: set[str], random: Random) -> str:
    """All that a clause asks for, each by the page's name for it; the clause itself where it asks for more."""
    held = [mark for mark in dict.fromkeys(clause) if mark in marks]
    if not held or words_of(clause) & values or not all(marks[m].label and marks[m].kind in _SAID for m in held):
        return clause
    parts = [say(mark, marks[mark], random) for mark in held]
    return random.choice((", ", "; ", " and ", ". ", " ")).join(random.sample(parts, len(parts)))


def _shuffled(clauses: list[str], marks: dict[str, Slot], random: Random) -> list[str]:
    places = [number for number, clause in enumerate(clauses) if any(mark in clause for mark in marks)]
    order = iter(random.sample(places, len(places)))
    return [clauses[next(order)] if number in places else clause for number, clause in enumerate(clauses)]


def _changed(text: str, keep: set[str], random: Random) -> str:
    rate = random.choice((0.1, 0.2, 0.4))

    def change(found: re.Match[str]) -> str:
        word = found.group()
        if word.lower() in keep or random.random() > rate:
            return word
        like = _LIKE.get(word.lower())
        if like and random.random() < 0.7:
            new = random.choice(like)
            return new.capitalize() if word.istitle() else new
        common = random.choice(_COMMON)
        return random.choice(("", "", common, f"{word} {common}", f"{common} {word}"))

    return TOKEN.sub(change, text)
