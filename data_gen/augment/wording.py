"""An instruction in other words: its clauses in another order, said in a plain way, words changed or left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from data_gen.augment.slots import Slot
from data_gen.augment.words import TOKEN

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

_OPENINGS = ("Please ", "Could you ", "Now ", "I want you to ", "You should ", "Kindly ", "")
_FILLERS = "please now just also there it the".split()


def reworded(instruction: str, slots: Sequence[Slot], keep: set[str], free_order: bool, random: Random) -> str:
    """Another way to say it.

    Args:
        instruction: with the values that it is to have.
        slots: what is done with which of them.
        keep: words of values and of the page's names, in lower case, that are neither changed nor left out.
        free_order: whether the order of the clauses says nothing.
        random: what to draw from.
    """
    parts = _CLAUSE_END.split(instruction)
    clauses, ends = parts[::2], parts[1::2]
    if random.random() < 0.5:
        rate = random.choice((0.3, 0.7))
        clauses = [_plainly(clause, slots, random) if random.random() < rate else clause for clause in clauses]
    if free_order and random.random() < 0.6:
        clauses = _shuffled(clauses, slots, random)
    if random.random() < 0.3:
        ends = [random.choice((", ", ". ", "; ", " and ", end)) for end in ends]
    text = "".join(part for pair in zip(clauses, [*ends, ""], strict=True) for part in pair)
    if random.random() < 0.6:
        text = _changed(text, keep, random)
    if random.random() < 0.15:
        text = random.choice(_OPENINGS) + text
    return " ".join(text.split())


def _plainly(clause: str, slots: Sequence[Slot], random: Random) -> str:
    held = [slot for slot in slots if _has(clause, slot.value)]
    if len(held) != 1 or not held[0].label:
        return clause
    slot = held[0]
    value = f'"{slot.value}"' if random.random() < 0.4 else slot.value
    return random.choice(_SAID[slot.kind]).format(v=value, l=slot.label)


def _shuffled(clauses: list[str], slots: Sequence[Slot], random: Random) -> list[str]:
    places = [number for number, clause in enumerate(clauses) if any(_has(clause, slot.value) for slot in slots)]
    order = iter(random.sample(places, len(places)))
    return [clauses[next(order)] if number in places else clause for number, clause in enumerate(clauses)]


def _changed(text: str, keep: set[str], random: Random) -> str:
    rate = random.choice((0.05, 0.1, 0.2))

    def change(found: re.Match[str]) -> str:
        word = found.group()
        if word.lower() in keep or random.random() > rate:
            return word
        like = _LIKE.get(word.lower())
        if like and random.random() < 0.7:
            new = random.choice(like)
            return new.capitalize() if word.istitle() else new
        return "" if random.random() < 0.6 else f"{word} {random.choice(_FILLERS)}"

    return TOKEN.sub(change, text)


def _has(clause: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", clause) is not None
