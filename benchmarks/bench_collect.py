"""How fast episodes are collected, by suite and number of workers, beside the floor.

The floor is the environment alone: one process that resets the same pages and carries out the same actions, with
screenshots, and neither decides nor stores anything. What collection adds is the oracle's reading of the page, the PNG
files and the parquet shards. Counted is the whole command, with the start of its processes and the loading of its
pages.

    python benchmarks/bench_collect.py --suites webgum56 --episodes 40
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import gymnasium
import rich
import tyro
from rich.console import Console
from rich.table import Table

import envs  # noqa: F401 (registers the ids)
from data_gen.collect import CollectConfig, collect
from data_gen.dataset import read_dataset


@dataclass(frozen=True)
class Config:
    """Measures the rate of collection."""

    suites: tuple[str, ...] = ("thin16", "webgum56")
    """Suites of the task table, one line of the result each."""
    episodes: int = 40
    """Episodes per task."""
    workers: tuple[int, ...] = (1, 2, 4, 6)
    """Numbers of processes to compare."""


def main(config: Config) -> None:
    """Prints the table."""
    table = Table(title=f"episodes a second, screenshots stored; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in (
        "suite",
        "episodes",
        "steps an episode",
        "environment alone",
        *(f"{n} workers" for n in config.workers),
    ):
        table.add_column(name, justify="right")
    for suite in config.suites:
        rates = {}
        with tempfile.TemporaryDirectory() as folder:
            for workers in config.workers:
                out = Path(folder) / str(workers)
                start = time.perf_counter()
                collect(
                    CollectConfig(
                        out, suite=suite, episodes=config.episodes, shard_episodes=config.episodes, workers=workers
                    ),
                    console=Console(quiet=True),
                )
                rates[workers] = time.perf_counter() - start
            out = Path(folder) / str(config.workers[0])
            rows = read_dataset(out, columns=["episode_id", "task", "seed", "action"]).to_pylist()
        episodes = [list(steps) for _, steps in groupby(rows, key=lambda row: row["episode_id"])]
        floor = len(episodes) / replay(episodes)
        shown = [f"{len(episodes) / seconds:.1f}" for seconds in rates.values()]
        table.add_row(suite, str(len(episodes)), f"{len(rows) / len(episodes):.1f}", f"{floor:.1f}", *shown)
    rich.print(table)


def replay(episodes: list[list[dict]]) -> float:
    """Seconds that the environment takes for these episodes, page loads left out."""
    seconds = 0.0
    for task, group in groupby(episodes, key=lambda rows: rows[0]["task"]):
        env = gymnasium.make(f"webagent/{task}-v1", frame_limit=True)
        env.reset(seed=0)
        start = time.perf_counter()
        for rows in group:
            env.reset(seed=rows[0]["seed"])
            for row in rows:
                env.step(row["action"])
        seconds += time.perf_counter() - start
        env.close()
    return seconds


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
