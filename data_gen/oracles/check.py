"""Measures oracles in the browser: ``python -m data_gen.oracles.check --suite thin16 --episodes 200``.

Prints strict success per task and each failure with its seed, cause and actions. Ends with status 1 where an oracle is
below ``--at-least`` on a task on which it could reach that.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

import gymnasium
import tyro

from data_gen import oracles
from envs import tasks
from envs.loop import run_episode
from envs.workers import spread


@dataclass(frozen=True)
class CheckConfig:
    """Which oracles, on which page seeds."""

    suite: str = "all"
    """Tasks of this suite that have an oracle."""
    tasks: tuple[str, ...] = ()
    """These tasks, in place of a suite's."""
    episodes: int = 200
    first_seed: int = 20_000_000
    """Page seeds are counted up from here. Rules are tuned on seeds from 10,000,000, measured from 20,000,000."""
    workers: int = 1
    """Processes, each with a browser of its own."""
    at_least: float = 0.99
    """Share of successes that each oracle has to reach."""


@dataclass
class Measurement:
    """What one oracle did on its seeds."""

    task: str
    successes: int = 0
    steps: int = 0
    failures: list[str] = field(default_factory=list)


def measure(task: str, seeds: range) -> Measurement:
    """Runs one episode for each seed."""
    result = Measurement(task)
    env = gymnasium.make(f"envs:webagent/{task}-v1", screenshot=oracles.entry(task).pixels, frame_limit=True)
    policy = oracles.get(task)
    for seed in seeds:
        episode = run_episode(env, policy, seed=seed)
        result.steps += len(episode.steps)
        if episode.success:
            result.successes += 1
            continue
        cause = episode.fault or f"raw reward {episode.raw_reward:g}" + " out of steps" * episode.truncated
        if episode.gave_up:
            cause = f"lost: {episode.gave_up}"
        did = "; ".join(f"{step.action}{step.error and f' [{step.error}]'}" for step in episode.steps)
        result.failures.append(f"seed {seed}: {cause} after: {did}")
    env.close()
    return result


def main(config: CheckConfig) -> bool:
    """Prints the table and says whether every oracle reached what it has to.

    Raises:
        NoOracle: for a task that has none.
    """
    chosen = config.tasks or [task.name for task in tasks.select(config.suite) if task.name in oracles.names()]
    for task in chosen:
        oracles.entry(task)
    seeds = range(config.first_seed, config.first_seed + config.episodes)
    results = spread(measure, [(task, seeds) for task in chosen], config.workers)
    good, counts = True, Counter()
    for result in results:
        rate, entry = result.successes / config.episodes, oracles.entry(result.task)
        reached, notes = rate >= config.at_least, []
        good &= reached or bool(entry.limit)
        if entry.privileged:
            notes.append(f"privileged: {entry.reason}")
        if entry.limit and not reached:
            notes.append(entry.limit)
        steps = result.steps / config.episodes
        print(f"{result.task:28s} {rate:7.1%}  {steps:5.1f} steps  {'; '.join(notes)}".rstrip(), flush=True)
        counts[reached, entry.privileged] += 1
        for failure in result.failures:
            print(f"    {failure}", flush=True)
    print(
        f"{sum(counts.values())} oracles, {counts[True, False]} at {config.at_least:.0%} or more without privilege, "
        f"{counts[True, True]} with; tasks without an oracle: "
        + (", ".join(task.name for task in tasks.select(config.suite) if task.name not in oracles.names()) or "none")
    )
    return good


if __name__ == "__main__":
    try:
        sys.exit(0 if main(tyro.cli(CheckConfig, description=__doc__)) else 1)
    except (oracles.NoOracle, tasks.UnknownTask) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
