"""How far people do what our experts would have done: clean demonstrations, step by step, beside the oracle's choice.

Two figures by task: the same kind of action (the verb, and what its target is), and the same target. They part where a
task leaves the order open, or has several targets that are equally right.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from rich.table import Column, Table

from data_gen import oracles
from envs.html import Element, parse_html
from envs.loop import Episode, Observation

LEGEND = (
    "kind: the oracle has the same verb, for an element of the same sort; target: for the same element; scrolls: by "
    "the person, where the oracle need not, not compared; lost: the oracle is, for want of what was not recorded; "
    "a difference: the most frequent, the person's action first"
)
"""What the columns of ``agreement_table`` mean."""

_AIDS = frozenset(("scroll", "hover"))
"""What a person has to do by hand and our actions do by themselves: an action on an element scrolls to it first."""


@dataclass
class Agreement:
    """Counts over the steps of some demonstrations.

    Attributes:
        steps: compared.
        kind: of those, the oracle has the same verb, for an element of the same sort.
        same: of those, for the same element.
        aids: not compared: scrolling, where the oracle does not scroll.
        lost: not compared: the oracle cannot read the page, as something that it needs was not recorded.
        differing: what person and oracle did where it is not the same, or why the oracle is lost.
    """

    steps: int = 0
    kind: int = 0
    same: int = 0
    aids: int = 0
    lost: int = 0
    differing: Counter[str] = field(default_factory=Counter)

    def add(self, other: Agreement) -> None:
        """Counts in another's counts."""
        self.steps += other.steps
        self.kind += other.kind
        self.same += other.same
        self.aids += other.aids
        self.lost += other.lost
        self.differing.update(other.differing)


def agree(episode: Episode, agreement: Agreement) -> None:
    """Shows each page of a demonstration to its task's oracle, which is told what the person did before."""
    if episode.task not in oracles.names():
        return
    oracle = oracles.get(episode.task)
    for step in episode.steps:
        html = str(step.observation["html"])
        observation: Observation = {**step.observation, "screenshot": np.zeros((210, 160, 3), np.uint8)}
        try:
            chosen = oracle.act(observation)
        except (oracles.OracleError, IndexError, KeyError, AttributeError, ValueError, TypeError) as error:
            agreement.lost += 1
            agreement.differing[f"{step.action} | lost: {error}"] += 1
            return
        if step.action.verb in _AIDS and chosen.verb not in _AIDS:
            agreement.aids += 1
        else:
            by_ref = {element.ref: element for element in parse_html(html).walk()}
            pairs = [(by_ref[a], by_ref[b]) for a, b in zip(step.action.refs, chosen.refs, strict=False)]
            verb = step.action.verb == chosen.verb
            same = verb and all(_one(a, b, observation["boxes"]) for a, b in pairs)
            agreement.steps += 1
            agreement.same += same
            agreement.kind += same or (verb and all(_sort(a) == _sort(b) for a, b in pairs))
            if not same:
                agreement.differing[f"{step.action} | {chosen}"] += 1
        oracle.did(step.action)


def _sort(element: Element) -> tuple[str, str, str]:
    return element.tag, element.attributes.get("type", ""), element.attributes.get("role", "")


def _one(a: Element, b: Element, boxes: np.ndarray) -> bool:
    """Whether a click on either is a click on the other: one lies in the other and both say the same.

    In a drawing, the text on a shape lies beside the shape and not in it.
    """
    if a is b:
        return True
    if (a in b.walk() or b in a.walk()) and a.text == b.text:
        return True
    if not {a.tag, b.tag} <= {"text", "path"} or (a.text and b.text):
        return False
    (x, y, width, height), (left, top, wide, high) = sorted((boxes[a.index], boxes[b.index]), key=lambda box: box[2])
    return left <= x + width / 2 <= left + wide and top <= y + height / 2 <= top + high


def agreement_table(by_task: dict[str, list[Agreement]]) -> Table:
    """One line a task that has an oracle."""
    width = max(map(len, by_task), default=0)
    table = Table(Column("task", min_width=width), "steps", "kind", "target", "scrolls", "lost")
    table.add_column("a difference", overflow="fold")
    total = Agreement()
    for task, parts in [*by_task.items(), ("all", [total])]:
        counts = Agreement()
        for part in parts:
            counts.add(part)
        if counts.steps + counts.lost == 0:
            continue
        if task != "all":
            total.add(counts)
        shares = [f"{part / counts.steps:.0%}" if counts.steps else "-" for part in (counts.kind, counts.same)]
        often = counts.differing.most_common(1) if task != "all" else []
        rest = (str(counts.aids), str(counts.lost), often[0][0] if often else "")
        table.add_row(task, str(counts.steps), *shares, *rest)
    return table
