"""What a collection can do to an expert's episodes so that those who learn from them become robust.

Each is an option of the collector with a share of the episodes; evaluation has none of it.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from data_gen.oracles import Oracle, OracleError
from envs.action import PAGE, SIGNATURES, Action
from envs.html import parse_html
from envs.loop import Observation, Policy, as_action

STRAY = 0.4
"""Chance that the mistake of a recovery episode is its first step; else its second, with the same chance, ..."""

BACK = {"ArrowLeft": "ArrowRight", "ArrowRight": "ArrowLeft", "ArrowUp": "ArrowDown", "ArrowDown": "ArrowUp"}
"""Keys and those that lead the other way. An expert never turns round, so who learns from it alone presses on."""

MISS = 6.0
"""CSS pixels by which a mistaken pixel is off, across and down: the standard deviation."""

NEAR = 3
"""Elements that a mistaken end of a drag is from the right one, at most; 0 makes no mistake."""

_REF = re.compile(r"(<[a-z][a-z0-9-]* ref=)(\d+)")


class Stray:
    """An expert with one mistake put in, on which it goes on from there.

    So the data holds what to do after a wrong step, which an expert alone never shows (as in DART, Laskey et al. 2017,
    with noise once an episode). The mistake itself is not to be learnt.

    Attributes:
        at: number of the step that is the mistake.
        labels: what the expert would have done there, by step number; empty until then.
    """

    def __init__(self, expert: Oracle, random: np.random.Generator):
        self.at = int(random.geometric(STRAY)) - 1
        self._expert = expert
        self._seed = int(random.integers(2**31))
        self.reset()

    def reset(self) -> None:
        self._expert.reset()
        self._random = np.random.default_rng(self._seed)  # the same mistake again where the browser broke
        self._steps = 0
        self.labels: dict[int, Action] = {}

    def act(self, observation: Observation) -> Action:
        number, self._steps = self._steps, self._steps + 1
        action = self._expert.act(observation)
        if number != self.at:
            return action
        self.labels[number] = action
        mistake = self._mistake(observation, action)
        self._expert.did(mistake)
        return mistake

    def _mistake(self, observation: Observation, action: Action) -> Action:
        """What a policy gets wrong: the pixel, the way, the element or the text. Else what is random changes little."""
        if action.verb == "press" and action.args[0] in BACK:
            return Action("press", (BACK[str(action.args[0])],))
        if action.verb in ("click_xy", "drag_xy"):
            *start, x, y = map(int, action.args)
            across, down = self._random.normal(0, MISS, 2).round().astype(int).tolist()
            return Action(action.verb, (*start, max(0, x + across), max(0, y + down)))
        elements = [element for element in parse_html(observation["html"]).walk() if element.verbs]
        if not elements:
            return Action("wait")
        if action.verb == "drag":
            return self._drag_elsewhere(action, [e.ref for e in elements if e.ref is not None and "drag" in e.verbs])
        element = self._choose(elements)
        if "type" in element.verbs:
            return Action("type", (element.ref, self._choose(observation["instruction"].split() or ["a"])))
        if options := element.find_all("option"):
            return Action("select", (element.ref, self._choose(options).text))
        if "click" not in element.verbs:
            return Action("wait")
        return Action("click", (element.ref,))

    def _drag_elsewhere(self, action: Action, refs: list[int]) -> Action:
        """The same drag, but from or to an element at most ``NEAR`` places from the right one."""
        ends = list(action.refs)
        wrong = int(self._random.integers(2))
        at = refs.index(ends[wrong])
        ends[wrong] = self._choose(refs[max(0, at - NEAR) : at + NEAR + 1])
        return Action("drag", tuple(ends))

    def _choose(self, items: list[Any]) -> Any:
        return items[int(self._random.integers(len(items)))]


class Relabelled:
    """A learner that acts while the expert says at every step what it would have done (DAgger, Ross et al. 2011).

    Attributes:
        labels: the expert's choices by step number; none where it was lost.
    """

    def __init__(self, learner: Policy, expert: Oracle):
        self._learner, self._expert = learner, expert
        self.reset()

    def reset(self) -> None:
        self._learner.reset()
        self._expert.reset()
        self._steps = 0
        self.labels: dict[int, Action] = {}

    def act(self, observation: Observation) -> Action:
        number, self._steps = self._steps, self._steps + 1
        with contextlib.suppress(OracleError):  # from a page that it does not know nothing is to be learnt
            self.labels[number] = self._expert.act(observation)
        action = as_action(self._learner.act(observation))
        self._expert.did(action)
        return action


class Renumbered(gymnasium.Wrapper):
    """Refs with other numbers, in the same order: what a policy must not learn by heart.

    Args:
        env: one of the ``webagent/...`` environments.
        random: draws the numbering, one for all episodes.
    """

    def __init__(self, env: gymnasium.Env, random: np.random.Generator):
        super().__init__(env)
        self._stride, self._first = int(random.integers(1, 4)), int(random.integers(1, 100))

    def reset(self, **arguments: Any) -> tuple[Observation, dict[str, Any]]:
        observation, info = self.env.reset(**arguments)
        return self._renumber(observation), info

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(self._original(action))
        return self._renumber(observation), float(reward), terminated, truncated, info

    def _renumber(self, observation: Observation) -> Observation:
        refs = observation["refs"]
        html = _REF.sub(lambda found: f"{found[1]}{int(found[2]) * self._stride + self._first}", observation["html"])
        return {**observation, "html": html, "refs": np.where(refs < 0, refs, refs * self._stride + self._first)}

    def _original(self, action: Action) -> Action:
        kinds = SIGNATURES[action.verb]
        args = tuple(
            (int(arg) - self._first) // self._stride if kind.startswith("ref") and arg != PAGE else arg
            for kind, arg in zip(kinds, action.args, strict=False)
        )
        return replace(action, args=(*args, *action.args[len(kinds) :]))
