"""One demonstration as another that could have been recorded: the same deeds on a page with other words and rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from data_gen.augment import forms, rows
from data_gen.augment.slots import Slot, choice_of, find_slots, follows_instruction
from data_gen.augment.values import draw, find_values, replace_in_action, replace_in_page
from data_gen.augment.wording import Wordings, reworded
from data_gen.augment.words import words_of
from data_gen.dataset import NOISE, Row
from envs.action import Action
from envs.html import Element, format_html, parse_html

THINNED = 0.75
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


class _Deed(NamedTuple):
    """What is done on a page, before anything on it is renamed.

    Attributes:
        html: of the page.
        looks: number of the step whose screenshot and boxes are the page's.
        action: what is done.
    """

    html: str
    looks: int
    action: Action


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
        self._slots = [find_slots(demonstration, self.values) for demonstration in self.demonstrations]
        said = [demonstration.instruction for demonstration in self.demonstrations]
        self._wordings = Wordings(said, self._slots, self.values)
        self._forms = [forms.find_stretches(demonstration.steps) for demonstration in self.demonstrations]
        self._moves = self.free_order and self._go_down_the_page()
        self._unordered = self._forms_without_order() if self._moves else set()

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
        demonstration = self.demonstrations[number]
        actions, slots = self._chosen(number, random)
        wording = self._wordings.compose(number, slots, random, borrow=random.random() < 0.6)
        if wording is None:  # of these together no demonstration speaks
            actions, slots = [step.action for step in demonstration.steps], self._slots[number]
            wording = self._wordings.compose(number, slots, random, borrow=False)
            assert wording is not None
        salt = random.randrange(1, 2**31) if random.random() < 0.8 else 0
        deeds = self._deeds(number, actions, salt)
        words = words_of(wording.filled({})).union(*(words_of(deed.html) for deed in deeds))
        words = words.union(*(words_of(string) for deed in deeds for string in deed.action.strings))
        new: dict[str, str] = {}
        if held_out or random.random() < 0.9:
            new = draw(words & self.replaceable, words, random, held_out)
        if random.random() < 0.85:
            wording = reworded(wording, self.values, self.free_order, random)
        instruction = wording.filled(new)
        acted = {ref for deed in deeds for ref in deed.action.refs}
        named = {text for deed in deeds if deed.action.verb == "select" for text in deed.action.strings}
        drop, unfocused = random.random() < 0.6, random.random() < 0.3
        numbers = rows.Numbers(random.randint(1, 3), random.randrange(100))
        drawn = []
        for step, deed in zip(demonstration.steps, deeds, strict=True):
            page = parse_html(deed.html)
            if salt:
                rows.rearrange(page, acted, named, salt, drop)
                forms.shuffle_fields(page, salt, self._unordered)
            replace_in_page(page, new)
            numbers.renumber(page)
            if unfocused:
                for element in page.walk():
                    element.attributes.pop("focused", None)
            action = replace_in_action(deed.action, new)
            refs = tuple(map(numbers.of, action.refs))
            action = Action(action.verb, (*refs, *action.args[len(refs) :]))
            drawn.append(_row(step.row, demonstration.steps[deed.looks].row, instruction, page, action, screenshot))
        return drawn

    def _go_down_the_page(self) -> bool:
        """Whether the fields of a form are always filled in from top to bottom."""
        for demonstration, runs in zip(self.demonstrations, self._forms, strict=True):
            for run in runs:
                steps = demonstration.steps[run.start : run.stop]
                if forms.down_the_page(steps[0].page, [step.action for step in steps]) != [*range(len(run))]:
                    return False
        return True

    def _forms_without_order(self) -> set[frozenset[str]]:
        """Names of the fields of each form whose order is not the same in all demonstrations."""
        found: dict[frozenset[str], set[tuple[str, ...]]] = {}
        for step in (step for demonstration in self.demonstrations for step in demonstration.steps):
            for order in forms.orders(step.page):
                found.setdefault(frozenset(order), set()).add(order)
        return {names for names, seen in found.items() if len(seen) > 1}

    @cached_property
    def _fields(self) -> dict[tuple[str, str], list[Move]]:
        """The steps that fill in a field, by what the instruction's slot is called."""
        found: dict[tuple[str, str], list[Move]] = {}
        for demonstration, slots, runs in zip(self.demonstrations, self._slots, self._forms, strict=True):
            for slot in slots:
                if slot.label and slot.kind != "row" and any(slot.step in run for run in runs):
                    found.setdefault((slot.kind, slot.label), []).append(demonstration.steps[slot.step])
        return found

    def _chosen(self, number: int, random: Random) -> tuple[list[Action], list[Slot]]:
        """What is done in a variant, in the demonstration's order: some other fields than there are filled in."""
        steps, slots = self.demonstrations[number].steps, list(self._slots[number])
        actions = [step.action for step in steps]
        if not self._moves or random.random() < 0.4:
            return actions, slots
        for run in self._forms[number]:
            start = steps[run.start]
            for place, slot in enumerate(slots):
                others = sorted(self._fields.keys() - {(other.kind, other.label) for other in slots})
                if slot.step not in run or slot.kind == "row" or not others or random.random() < 0.4:
                    continue
                kind, label = random.choice(others)
                moves = self._fields[kind, label]
                typed = [string for move in moves for string in move.action.strings]
                if action := forms.done_there(random.choice(moves), start.page, typed, random):
                    said = action.strings[0] if action.strings else choice_of(start.elements[action.refs[0]])
                    actions[slot.step], slots[place] = action, Slot(slot.step, said, label, kind)
        return actions, slots

    def _deeds(self, number: int, actions: list[Action], salt: int) -> list[_Deed]:
        """The pages on which it is done, as far as forms are filled in: down the page, whatever order it has."""
        steps = self.demonstrations[number].steps
        deeds = [_Deed(step.row["html"], place, actions[place]) for place, step in enumerate(steps)]
        for run in self._forms[number] if self._moves else []:
            page, shown = (parse_html(steps[run.start].row["html"]) for _ in range(2))
            if salt:
                forms.shuffle_fields(shown, salt, self._unordered)
            for place, which in zip(run, forms.down_the_page(shown, actions[run.start : run.stop]), strict=True):
                action = actions[run.start + which]
                deeds[place] = _Deed(format_html(page), run.start, action)
                forms.fill_in(page, action)
            deeds[run.stop] = _Deed(format_html(page), run.start, actions[run.stop])
        return deeds


def _row(row: Row, looks: Row, instruction: str, page: Element, action: Action, screenshot: bool) -> Row:
    old = np.asarray(looks["boxes"], np.float32).reshape(-1, 4)
    elements = list(page.walk())
    changed: dict[str, Any] = {
        "instruction": instruction,
        "html": format_html(page),
        "boxes": old[[element.index for element in elements]].reshape(-1),
        "refs": np.array([-1 if element.ref is None else element.ref for element in elements], np.int32),
        "action": str(action),
        "screenshot": looks["screenshot"] if screenshot else None,
    }
    return row | changed


def thinned(rows: list[Row], random: Random) -> list[Row]:
    """The rows, most of those in which nothing is typed marked as not to be learnt: they are learnt soon."""
    return [row if random.random() < _kept(row["action"]) else row | {"source": NOISE} for row in rows]


def rows_to_learn(demonstration: Demonstration) -> float:
    """How many rows of a variant are to be learnt once it is thinned, on average."""
    return sum(_kept(step.row["action"]) for step in demonstration.steps)


def _kept(action: str) -> float:
    return 1.0 if action.startswith("type") else 1 - THINNED


def spread(variants: Variants, count: int, seed: int, **options: Any) -> Iterator[list[Row]]:
    """So many variants, of all demonstrations by turns, each named after the demonstration and its number."""
    for number in range(count):
        rows = variants.draw(number % len(variants.demonstrations), Random(f"{seed} {number}"), **options)
        yield [row | {"episode_id": f"{row['episode_id']}~{number:05d}"} for row in rows]
