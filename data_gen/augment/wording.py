"""An instruction in other words: its clauses in another order, said in a plain way, words changed or left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from data_gen.augment.slots import Slot
from data_gen.augment.words import KNOWN, TOKEN, made_up, words_of

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
             "make it {v} {l}", "{v} {l}", "with {v} as its {l}", "the {l} must be {v}", "change {l} into {v}"),
    "select": ("set the {l} to {v}", "{l} {v}", "choose {v} as {l}", "select {l} {v}", "pick {v} for the {l}",
               "the {l} is {v}", "make {v} the {l}", "the {l} should be {v}", "in {v}", "let the {l} be {v}",
               "{v} {l}", "change the {l} to {v}", "whose {l} is {v}", "use {v} as {l}"),
    "click": ("choose {v} for {l}", "{l} {v}", "set the {l} to {v}", "pick the {l} {v}", "tick {v}", "{v} {l}",
              "the {l} is {v}", "with {v} as {l}", "by {v} {l}", "turn on {v}", "make it {v}", "get {l} {v}",
              "use {v} {l}", "select {v}"),
}  # fmt: skip
"""How a clause can be said of which no more is known than the value and what the page calls its field."""

_OPENINGS = ("Please ", "Could you ", "Now ", "I want you to ", "You should ", "Kindly ")
_COMMON = """a about after again all also an and any are as at back be before both but by can could do done down during
each else end even every first for from get give go going good grab had has have her here him his how i if in
instead into is it item its last later let like look make me must my need new next no not now of off on one
only onto or other our out over own page please put right said same see send sent should site so some start
stop take that the their them then there these they thing this those through time to today too under until up
use using via want way we well what when where which while will with within without work would you your""".split()
"""Words that are no values, whatever stands beside them: of these, new wordings are made."""


def reworded(instruction: str, slots: Sequence[Slot], values: set[str], free_order: bool, random: Random) -> str:
    """Another way to say it.

    Args:
        instruction: with the values that it is to have.
        slots: what is done with which of them.
        values: words that are values, in lower case.
        free_order: whether the order of the clauses says nothing.
        random: what to draw from.
    """
    parts = _CLAUSE_END.split(instruction)
    clauses, ends = parts[::2], parts[1::2]
    rate = random.choice((0.0, 0.4, 1.0))
    clauses = [_plainly(clause, slots, values, random) if random.random() < rate else clause for clause in clauses]
    if free_order and random.random() < 0.6:
        clauses = _shuffled(clauses, slots, random)
    if random.random() < 0.3:
        ends = [random.choice((", ", ". ", "; ", " and ", end)) for end in ends]
    text = "".join(part for pair in zip(clauses, [*ends, ""], strict=True) for part in pair)
    if random.random() < 0.6:
        keep = values.union(*(words_of(f"{slot.label} {slot.value}") for slot in slots))
        text = _changed(text, keep, random)
    if random.random() < 0.3:
        text = _strewn(text, slots, random)
    if random.random() < 0.4:
        text = random.choice((f"{text}, {_aside(random)}", f"{_aside(random)}, {text}"))
    if random.random() < 0.15:
        text = random.choice(_OPENINGS) + text
    return " ".join(text.split())


def _strewn(text: str, slots: Sequence[Slot], random: Random) -> str:
    """The text with common words between its own, beside values too but not inside them."""
    for slot in slots:
        text = text.replace(slot.value, slot.value.replace(" ", "\0"))
    words = text.split(" ")
    for _ in range(random.randint(1, 3)):
        words.insert(random.randrange(len(words) + 1), random.choice(_COMMON))
    return " ".join(words).replace("\0", " ")


def _aside(random: Random) -> str:
    """A few words that ask for nothing; not all of them are known."""
    words: list[str] = random.choices(_COMMON, k=random.randint(1, 3))
    words.insert(random.randrange(len(words) + 1), random.choice(KNOWN) if random.random() < 0.5 else made_up(random))
    return " ".join(words)


def _plainly(clause: str, slots: Sequence[Slot], values: set[str], random: Random) -> str:
    """All that a clause asks for, each by the page's name for it; the clause itself where it asks for more."""
    held = {slot.value: slot for slot in slots if slot.label and _has(clause, slot.value)}
    if not held or not words_of(clause) & values <= words_of(" ".join(held)):
        return clause
    parts = []
    for value, slot in held.items():
        shown = f'"{value}"' if random.random() < 0.4 else value
        parts.append(random.choice(_SAID[slot.kind]).format(v=shown, l=slot.label))
    return random.choice((", ", "; ", " and ", ". ")).join(random.sample(parts, len(parts)))


def _shuffled(clauses: list[str], slots: Sequence[Slot], random: Random) -> list[str]:
    places = [number for number, clause in enumerate(clauses) if any(_has(clause, slot.value) for slot in slots)]
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


def _has(clause: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", clause) is not None
