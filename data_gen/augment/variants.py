"""One demonstration as another that could have been recorded: the same deeds on a page with other words and rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from data_gen.augment import rows
from data_gen.augment.slots import find_slots, follows_instruction
from data_gen.augment.values import draw, find_values, replace_in_action, replace_in_page, replaced
from data_gen.augment.wording import reworded
from data_gen.augment.words import words_of
from data_gen.shards import Row
from envs.action import Action
from envs.html import Element, format_html, parse_html

NOISE = "noise"
"""Source of rows that are seen as history only."""

THINNED = 0.5
"""Share of the rows in which nothing is typed that are."""


@dataclass
class Move:
    """One step: the page, and what is done on it."""

    page: Element
    action: Action
    row: Row

    @cached_property
    def elements(self) -> dict[int, Element]:
        """By ref."""
        return {element.ref: element for element in self.page.walk() if element.ref is not None}


@dataclass
class Demonstration:
    """One recorded episode."""

    instruction: str
    steps: list[Move] = field(default_factory=list)


def demonstrations(table: pa.Table) -> list[Demonstration]:
    """The successful episodes of a dataset; ``boxes`` and the rest of each row come with them."""
    found: list[Demonstration] = []
    for row in table.to_pylist():
        if not row["success"]:
            continue
        if row["step"] == 0:
            found.append(Demonstration(row["instruction"]))
        found[-1].steps.append(Move(parse_html(row["html"]), Action.parse(row["action"]), row))
    return found


class Variants:
    """Draws variants of demonstrations.

    Args:
        demonstrations: of one task, at least one.

    Attributes:
        values: the words that are values, in lower case.
        replaceable: those, and those that stand where values could.
        free_order: whether the order of the instruction's clauses says nothing about the order of the deeds.
    """

    def __init__(self, demonstrations: Sequence[Demonstration]):
        self.demonstrations = list(demonstrations)
        self.values, self.replaceable = find_values(self.demonstrations)
        self.free_order = not follows_instruction(self.demonstrations, self.values)
        self._words = [_words(demonstration) for demonstration in self.demonstrations]
        self._slots = [find_slots(demonstration, self.values) for demonstration in self.demonstrations]

    def draw(self, number: int, random: Random, *, held_out: bool = False, screenshot: bool = True) -> list[Row]:
        """A variant of one demonstration.

        Args:
            number: which demonstration.
            random: what to draw from; equal ones give equal variants.
            held_out: give it values that no other call gives, and no demonstration's.
            screenshot: keep the pictures, which show the demonstration and not the variant.

        Returns:
            Its rows, with the demonstration's own ``episode_id``.
        """
        demonstration, words = self.demonstrations[number], self._words[number]
        new: dict[str, str] = {}
        if held_out or random.random() < 0.9:
            new = draw(words & self.replaceable, words, random, held_out)
        slots = [slot._replace(value=replaced(slot.value, new)) for slot in self._slots[number]]
        instruction = replaced(demonstration.instruction, new)
        if random.random() < 0.85:
            values = {new.get(word, word).lower() for word in self.values}
            instruction = reworded(instruction, slots, values, self.free_order, random)
        acted = {ref for step in demonstration.steps for ref in step.action.refs}
        named = {text for step in demonstration.steps if step.action.verb == "select" for text in step.action.strings}
        salt = random.randrange(2**31) if random.random() < 0.8 else 0
        drop, unfocused = random.random() < 0.6, random.random() < 0.3
        stride, first = random.randint(1, 3), random.randrange(100)
        drawn = []
        for step in demonstration.steps:
            page = parse_html(step.row["html"])
            if salt:
                rows.rearrange(page, acted, named, salt, drop)
            replace_in_page(page, new)
            rows.renumber(page, stride, first)
            if unfocused:
                for element in page.walk():
                    element.attributes.pop("focused", None)
            action = replace_in_action(step.action, new)
            refs = tuple(ref * stride + first for ref in action.refs)
            action = Action(action.verb, (*refs, *action.args[len(refs) :]))
            drawn.append(_row(step.row, instruction, page, action, screenshot))
        return drawn


def _words(demonstration: Demonstration) -> set[str]:
    """All words of its instruction, pages and actions."""
    words = words_of(demonstration.instruction)
    for step in demonstration.steps:
        words |= words_of(step.row["html"]) | words_of(" ".join(step.action.strings))
    return words


def _row(row: Row, instruction: str, page: Element, action: Action, screenshot: bool) -> Row:
    old = np.asarray(row["boxes"], np.float32).reshape(-1, 4)
    elements = list(page.walk())
    changed: dict[str, Any] = {
        "instruction": instruction,
        "html": format_html(page),
        "boxes": old[[element.index for element in elements]].reshape(-1),
        "refs": np.array([-1 if element.ref is None else element.ref for element in elements], np.int32),
        "action": str(action),
    }
    if not screenshot:
        changed["screenshot"] = None
    return row | changed


def thinned(rows: list[Row], random: Random) -> list[Row]:
    """The rows, most of those in which nothing is typed marked as not to be learnt: they are learnt soon."""
    return [
        row | {"source": NOISE} if not row["action"].startswith("type") and random.random() < THINNED else row
        for row in rows
    ]


def spread(variants: Variants, count: int, seed: int, **options: Any) -> Iterator[list[Row]]:
    """So many variants, of all demonstrations by turns, each named after the demonstration and its number."""
    for number in range(count):
        rows = variants.draw(number % len(variants.demonstrations), Random(f"{seed} {number}"), **options)
        yield [row | {"episode_id": f"{row['episode_id']}~{number:05d}"} for row in rows]
