"""The policy to beat: it replays the demonstration whose instruction is most like the one given."""

from __future__ import annotations

from collections.abc import Sequence

from data_gen.augment import Demonstration
from data_gen.augment.words import words_of
from envs.action import Action
from envs.html import Element, parse_html
from envs.observation import Observation


class NearestDemonstration:
    """Does what was done there, on the elements of the same kind and words; types what was typed there."""

    def __init__(self, demonstrations: Sequence[Demonstration]):
        self._demonstrations = demonstrations
        self.reset()

    def reset(self) -> None:
        self._chosen: Demonstration | None = None
        self._number = 0

    def act(self, observation: Observation) -> Action:
        if self._chosen is None:
            said = words_of(observation["instruction"])
            self._chosen = max(self._demonstrations, key=lambda d: _overlap(said, words_of(d.instruction)))
        if self._number == len(self._chosen.steps):
            return Action("done", ("",))
        step = self._chosen.steps[self._number]
        self._number += 1
        if not step.action.refs:
            return step.action
        wanted = step.elements[step.action.refs[0]]
        there = [element for element in parse_html(observation["html"]).walk() if step.action.verb in element.verbs]
        if not there:
            return Action("wait")
        best = max(there, key=lambda element: _likeness(element, wanted))
        return Action(step.action.verb, (best.ref or 0, *step.action.args[1:]))


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def _likeness(element: Element, wanted: Element) -> tuple[bool, bool, bool, int]:
    same_name = all(
        element.attributes.get(n) == wanted.attributes.get(n) for n in ("type", "role", "value", "placeholder")
    )
    same_tag = element.tag == wanted.tag
    return (
        same_tag and element.text == wanted.text and same_name and element.id == wanted.id,
        same_tag and bool(wanted.text) and element.text == wanted.text,
        same_tag and element.id == wanted.id,
        -abs(element.index - wanted.index),
    )
