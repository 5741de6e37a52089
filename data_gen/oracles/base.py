"""What an oracle is, what it sees, and the registry.

An oracle is a scripted expert for one task. It is a *rule*: a function from a ``Page`` (the present observation, read,
and the oracle's own past) to the next action. All that a rule can know is the observations since reset, so whatever
it does can be learnt from them. Rules decide from the present page wherever the page shows the state, which makes
them right from any state that a learnt policy gets into, and not only on their own road.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from envs.action import Action
from envs.html import Element, parse_html
from envs.loop import GiveUp, Observation


class OracleError(GiveUp):
    """The oracle is lost: the page is not one that its rule knows."""


class NoOracle(ValueError):
    """There is no oracle for that task."""


@dataclass(frozen=True, eq=False)
class Page:
    """One observation as a rule reads it.

    Attributes:
        instruction: what the task asks for.
        root: the html; see ``envs.html``.
        boxes: float32, elements x 4: x, y, width, height in CSS pixels; row i is the html's i-th element.
        screenshot: uint8 H x W x 3, RGB; black for rules that are not registered with ``pixels``.
        last_error: why the last action was refused, empty where it worked.
        past: the pages and actions of this episode so far, oldest first.
        random: for the choices that a page leaves open.
    """

    instruction: str
    root: Element
    boxes: np.ndarray
    screenshot: np.ndarray
    last_error: str
    past: tuple[tuple[Page, Action], ...]
    random: np.random.Generator

    def asked(self, pattern: str) -> tuple[str, ...]:
        """The groups of the first place in the instruction that a regular expression fits; None where not taken part.

        Raises:
            OracleError: if it fits nowhere.
        """
        match = re.search(pattern, self.instruction)
        if match is None:
            raise OracleError(f"instruction {self.instruction!r} does not fit {pattern!r}")
        return match.groups()

    def find_all(self, tag: str | None = None, **conditions) -> list[Element]:
        """``Element.find_all`` on the whole page."""
        return self.root.find_all(tag, **conditions)

    def find(self, tag: str | None = None, **conditions) -> Element | None:
        """``Element.find`` on the whole page."""
        return self.root.find(tag, **conditions)

    def box(self, element: Element) -> np.ndarray:
        """Its x, y, width and height in CSS pixels, float32 of shape (4,)."""
        return self.boxes[element.index]


def click(element: Element | None) -> Action:
    """A click on an element that has to be there.

    Raises:
        OracleError: if it is not, or cannot be acted on.
    """
    return Action("click", (_target(element)[1],))


def write(field: Element | None, text: str) -> Action:
    """Types a text into a field that has to be there, whatever it holds.

    Raises:
        OracleError: if it is not there, or cannot be acted on.
    """
    return Action("type", (_target(field)[1], text))


def fill(field: Element | None, text: str, shown: str | None = None) -> Action | None:
    """Types a text into a field, or None where the field holds it already: ``fill(...) or click(...)``.

    Args:
        field: the input or textarea, which has to be there.
        text: what to type.
        shown: what the field's value is then, where it is not the text itself.

    Raises:
        OracleError: if it is not there, or cannot be acted on.
    """
    present, _ = _target(field)
    return None if present.value == (text if shown is None else shown) else write(field, text)


def choose(field: Element | None, label: str) -> Action | None:
    """Sets a drop-down list to one option, or None where it shows that option already.

    Raises:
        OracleError: if it is not there, or has no such option.
    """
    present, ref = _target(field)
    if present.find("option", text=label) is None:
        raise OracleError(f"the drop-down list has no option {label!r}")
    shows = [option.text for option in present.find_all("option") if option.has("selected")]
    return None if shows == [label] else Action("select", (ref, label))


def _target(element: Element | None) -> tuple[Element, int]:
    """An element to act on and its ref."""
    if element is None:
        raise OracleError("the element to act on is not on the page")
    if element.ref is None:
        raise OracleError(f"<{element.tag}> {element.text[:40]!r} has no ref")
    return element, element.ref


Rule = Callable[[Page], Action]


@dataclass(frozen=True)
class Entry:
    """One line of the registry.

    Attributes:
        task: the task's name.
        rule: what decides.
        privileged: whether the rule needs more than a policy sees.
        reason: what it needs and why, where it is privileged.
        pixels: whether the rule reads the screenshot.
        limit: why nobody can always succeed, where nobody can.
    """

    task: str
    rule: Rule
    privileged: bool = False
    reason: str = ""
    pixels: bool = False
    limit: str = ""


REGISTRY: dict[str, Entry] = {}
"""By task name; filled by ``@oracle`` when the families are imported."""


def oracle(
    *tasks: str, privileged: bool = False, reason: str = "", pixels: bool = False, limit: str = ""
) -> Callable[[Rule], Rule]:
    """Registers a rule as the oracle of one or more tasks."""

    def register(rule: Rule) -> Rule:
        for task in tasks:
            if task in REGISTRY:
                raise ValueError(f"{task} has two oracles: {REGISTRY[task].rule.__name__} and {rule.__name__}")
            REGISTRY[task] = Entry(task, rule, privileged, reason, pixels, limit)
        return rule

    return register


class Oracle:
    """A rule as a Policy: reads each observation once and keeps the episode's past.

    Args:
        rule: decides every action.
        seed: of the generator that the rule draws from, the same at every reset.
    """

    def __init__(self, rule: Rule, seed: int = 0):
        self._rule = rule
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Forgets the last episode."""
        self._past: tuple[tuple[Page, Action], ...] = ()
        self._random = np.random.default_rng(self._seed)

    def act(self, observation: Observation) -> Action:
        """Decides the next action.

        Raises:
            OracleError: if the rule does not know what to do.
        """
        page = Page(
            observation["instruction"],
            parse_html(observation["html"]),
            observation["boxes"],
            observation["screenshot"],
            observation["last_error"],
            self._past,
            self._random,
        )
        self._past = (*self._past, (page, Action("wait")))
        action = self._rule(page)
        self.did(action)
        return action

    def did(self, action: Action) -> None:
        """Tells what was done on the last observation, where it was not what the rule chose."""
        self._past = (*self._past[:-1], (self._past[-1][0], action))
