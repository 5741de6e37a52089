"""The pieces of work of a benchmark: some episodes of one task, run by one process.

Every episode is a function of the policy, the task and the seed. One in which the browser broke is run once more; if it
breaks again it is a fault, neither a success nor a failure.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import gymnasium

from envs import tasks as task_table
from webagent.agents import Agent, run_policy
from webagent.config import BenchConfig
from webagent.episodes import EpisodeResult
from webagent.protocols import Protocol
from webagent.report import Trace, trace_episode

UNIT = 10
"""Episodes of one unit: few, to keep all workers busy to the end, and to lose little when killed."""


@dataclass(frozen=True)
class Unit:
    """A piece of work for one process.

    Attributes:
        agent: who acts.
        task: where.
        number: of this unit among those of its task.
        seeds: page seeds, each once.
        max_steps: step limit; the task table's where None.
        shown: those seeds whose steps are kept with their pictures.
        failures: whether to keep failed episodes' too.
    """

    agent: Agent
    task: str
    number: int
    seeds: tuple[int, ...]
    max_steps: int | None = None
    shown: tuple[int, ...] = ()
    failures: bool = False

    @property
    def name(self) -> str:
        return f"{self.task}-{self.number:04d}"


@dataclass(frozen=True)
class UnitResult:
    """What comes of it: an episode a seed, the traces that were asked for, the browser, seconds an episode."""

    episodes: list[EpisodeResult]
    traces: list[Trace]
    browser: str
    seconds: list[float]


def plan(config: BenchConfig, protocol: Protocol) -> tuple[list[Unit], list[tuple[str, int]]]:
    """Cuts the work into units.

    Returns:
        The units, and task and page seed of every episode in the order of the results; repeated ones are run once.

    Raises:
        UnknownTask: if a task is not in the table.
        NoOracle: if a task has no oracle.
        ProtocolError: if the protocol has no page seeds for a task.
    """
    units, keys = [], []
    for task in task_table.select(protocol.suite, dict.fromkeys(config.tasks)):
        seeds = protocol.seeds(task.name)
        keys += [(task.name, seed) for seed in seeds]
        if not config.agent.learnt and not config.agent.chat:
            config.agent.policy(task.name, seeds[0])
        distinct = tuple(dict.fromkeys(seeds))
        shown = distinct[: config.pictures] if config.pictured else ()
        for number, start in enumerate(range(0, len(distinct), UNIT)):
            part = distinct[start : start + UNIT]
            wanted = tuple(seed for seed in part if seed in shown)
            failures = config.failures and config.pictured
            units.append(Unit(config.agent, task.name, number, part, protocol.max_steps, wanted, failures))
    return units, keys


def run_unit(unit: Unit) -> UnitResult:
    """Runs the episodes of one unit, each once more if the browser broke in it."""
    result = UnitResult([], [], "", [])
    screenshot = bool(unit.shown) or unit.failures or unit.agent.needs_screenshots
    env = gymnasium.make(
        f"envs:webagent/{unit.task}-v1", screenshot=screenshot, max_steps=unit.max_steps, frame_limit=True
    )
    try:
        for seed in unit.seeds:
            start = time.perf_counter()
            episode = run_policy(env, unit.agent.policy(unit.task, seed), unit.task, seed)
            retried = episode.fault
            if retried:
                episode = run_policy(env, unit.agent.policy(unit.task, seed), unit.task, seed)
            measured = EpisodeResult.of(episode, retried)
            result.episodes.append(measured)
            result.seconds.append(time.perf_counter() - start)
            if seed in unit.shown or (unit.failures and not measured.success):
                result.traces.append(trace_episode(episode, episode.gave_up or measured.cause))
        return UnitResult(result.episodes, result.traces, env.get_wrapper_attr("browser_version"), result.seconds)
    finally:
        env.close()
