"""Policies that rather hold back: below a probability, and until a person has said yes."""

from __future__ import annotations

import math
from collections.abc import Callable

from envs.action import Action
from envs.html import parse_html
from envs.loop import GiveUp, Policy, as_action
from envs.observation import Observation


class _Wrapped:
    """A policy within another."""

    def __init__(self, policy: Policy):
        self._policy = policy

    @property
    def last_score(self) -> float | None:
        return getattr(self._policy, "last_score", None)

    def reset(self) -> None:
        self._policy.reset()

    def act(self, observation: Observation) -> Action:
        return as_action(self._policy.act(observation))


class GiveUpBelow(_Wrapped):
    """A policy that would rather do nothing than what it is not sure of.

    Args:
        policy: decides, and tells ``last_score``.
        least: the probability below which it gives up.
    """

    def __init__(self, policy: Policy, least: float):
        super().__init__(policy)
        self._least = least

    def act(self, observation: Observation) -> Action:
        action = super().act(observation)
        likely = 1.0 if self.last_score is None else math.exp(min(0.0, self.last_score))
        if likely < self._least:
            raise GiveUp(
                f"{describe(action, observation['html'])} has a probability of {likely:.2f} only, and --give-up-below "
                f"is {self._least:g}. Teach a policy this page (webagent record, webagent teach), or let it try with "
                "--give-up-below 0"
            )
        return action


class AskFirst(_Wrapped):
    """A policy whose every action a person sees first.

    Args:
        policy: decides.
        ask: shows a person a question and returns the answer.
    """

    def __init__(self, policy: Policy, ask: Callable[[str], str]):
        super().__init__(policy)
        self._ask = ask

    def act(self, observation: Observation) -> Action:
        action = super().act(observation)
        try:
            answer = self._ask(f"     {describe(action, observation['html'])}  do it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise GiveUp(f"{action} was not wanted")
        return action


def describe(action: Action, html: str) -> str:
    """An action with, in brackets, the elements that its refs stand for."""
    names = elements_of(action, html)
    return f"{action} ({'; '.join(names)})" if names else str(action)


def elements_of(action: Action, html: str) -> list[str]:
    """What the refs of an action stand for, such as ``<button> Greet``."""
    elements = {element.ref: element for element in parse_html(html).walk() if element.ref in action.refs}
    return [f"<{e.tag}> {(e.text or e.value or e.attributes.get('placeholder', '') or e.id)[:40]}".strip()
            for e in map(elements.get, action.refs) if e is not None]  # fmt: skip
