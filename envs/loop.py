"""The Policy protocol and the one loop that every policy, oracle and person goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import gymnasium
import numpy as np

from envs.action import DIRECTIONS, PAGE, Action, ActionError
from envs.html import parse_html
from envs.observation import Observation


@runtime_checkable
class Policy(Protocol):
    """Anything that decides: an oracle, a learnt policy, a random one, a person's recording."""

    def reset(self) -> None:
        """Forgets the last episode."""
        ...

    def act(self, observation: Observation) -> Action | str:
        """Decides the next action from this observation and those since ``reset``. Its text will do, too."""
        ...


class GiveUp(Exception):
    """What ``Policy.act`` raises in place of an action if it wants none any more. The message says why."""


class PolicyError(TypeError):
    """A policy whose ``act`` returns something else than an action."""


@dataclass(frozen=True)
class Step:
    """One decision: what was seen, what was done, what it brought."""

    observation: Observation
    action: Action
    reward: float
    raw_reward: float
    error: str
    """Why the action was refused; empty where it was carried out."""
    score: float | None = None
    """Log-probability of the action, where the policy gives one (``policy.last_score``)."""
    url: str = ""
    """Address of the page that was seen, on the open web."""
    dialogs: tuple[str, ...] = ()
    """What dialogs of the page said and were answered with yes; with the first step, those while it loaded too."""


@dataclass
class Episode:
    """What one run of the loop leaves behind."""

    task: str
    seed: int | None
    steps: list[Step] = field(default_factory=list)
    final_observation: Observation | None = None
    terminated: bool = False
    truncated: bool = False
    limit: str = ""
    """What truncated it, ``steps`` or ``seconds``, where the environment says so."""
    raw_reward: float = 0.0
    success: bool = False
    """The strict rule: the sum of the rewards reached 1."""
    gave_up: str = ""
    """Why the policy gave up, empty where it did not. The episode counts as truncated then."""
    fault: str = ""
    """What broke in the browser, empty where nothing did. Never a success, never scored as a failure."""


def run_episode(
    env: gymnasium.Env,
    policy: Policy,
    *,
    seed: int | None = None,
    options: dict | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Episode:
    """Runs one episode to its end.

    Args:
        env: any of the ``webagent/...`` environments.
        policy: decides every action.
        seed: the page seed; drawn from the training range where None.
        options: passed to ``env.reset``.
        on_step: called after each step, for progress and traces.
    """
    policy.reset()
    observation, info = env.reset(seed=seed, options=options)
    episode = Episode(task=info.get("task", ""), seed=info.get("seed", seed), fault=info.get("fault", ""))
    episode.final_observation = observation
    if episode.fault:
        episode.truncated = True
    total = 0.0
    url, dialogs = info.get("url", ""), info.get("dialogs", ())
    while not (episode.terminated or episode.truncated):
        try:
            action = policy.act(observation)
        except GiveUp as reason:
            episode.truncated, episode.gave_up = True, str(reason)
            break
        if not isinstance(action, Action | str):
            raise PolicyError(f"act() of {type(policy).__name__} returned {action!r}, expected an action, or its text")
        following, reward, episode.terminated, episode.truncated, info = env.step(action)
        step = Step(
            observation,
            as_action(action),
            float(reward),
            float(info["raw_reward"]),
            following["last_error"],
            getattr(policy, "last_score", None),
            url,
            (*dialogs, *info.get("dialogs", ())),
        )
        url, dialogs = info.get("url", ""), ()
        episode.steps.append(step)
        total += step.reward
        episode.limit = info.get("limit", "")
        episode.raw_reward, episode.fault = step.raw_reward, info.get("fault", "")
        episode.final_observation = observation = following
        if on_step is not None:
            on_step(step)
    episode.success = total >= 1.0 and not episode.fault
    return episode


def as_action(action: Action | str) -> Action:
    """What an environment makes of it: with a text that is no action it lets time pass."""
    if isinstance(action, Action):
        return action
    try:
        return Action.parse(action)
    except ActionError:
        return Action("wait")


class RandomPolicy:
    """Uniform over the verbs that the page's elements take, then over the elements, with words of the page as text."""

    def __init__(self, seed: int = 0):
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        self._random = np.random.default_rng(self._seed)

    def act(self, observation: Observation) -> Action:
        root = parse_html(observation["html"])
        by_verb: dict[str, list] = {"wait": [], "press": []}
        for element in root.walk():
            for verb in element.verbs:
                by_verb.setdefault(verb, []).append(element)
        verb = self._choose(sorted(by_verb))
        if verb == "wait":
            return Action("wait")
        if verb == "press":
            return Action("press", (self._choose(["Enter", "Tab", "Escape", "ArrowDown", "ArrowUp"]),))
        element = self._choose(by_verb[verb])
        if verb == "type":
            return Action("type", (element.ref, self._choose(observation["instruction"].split() or ["a"])))
        if verb == "select":
            options = [option.text for option in element.find_all("option")] or [""]
            return Action("select", (element.ref, self._choose(options)))
        if verb == "drag":
            return Action("drag", (element.ref, self._choose(by_verb["drag"]).ref))
        if verb == "scroll":
            return Action("scroll", (self._choose([element.ref, PAGE]), self._choose(list(DIRECTIONS))))
        return Action(verb, (element.ref,))

    def _choose(self, items: list):
        return items[int(self._random.integers(len(items)))]
