"""A long run in one process: is the memory of Python and of Chromium flat, and is no process left over?

    python benchmarks/soak.py                       # 10,000 episodes
    python benchmarks/soak.py --episodes 500

Episodes of a random policy on MiniWoB++ tasks in turns, with an open-web episode on a local page after every so many.
Resident memory (proportional set size, so that shared pages count once) is looked at after every so many episodes, and
goes up and down by a fifth. So what counts is the median of the last quarter of these figures after a warm-up, beside
that of the first quarter. There should be no zombies and no faults. Linux only.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import tyro

import envs  # noqa: F401 (registers the ids)
from envs.loop import RandomPolicy, run_episode
from envs.web import OpenWebEnv


@dataclass(frozen=True)
class Config:
    """Run many episodes in one process and watch its memory."""

    episodes: int = 10_000
    """How many."""
    every: int = 250
    """A line of figures after so many."""
    tasks: tuple[str, ...] = ("click-button", "login-user", "social-media", "choose-list", "click-shape")
    """MiniWoB++ tasks, in turns."""
    web_every: int = 25
    """After so many episodes there is one on the open web."""
    warm_up: int = 1_000
    """Episodes before the memory counts."""
    growth: float = 0.1
    """The exit code is 1 if the last quarter's memory is above the first's by more than this share."""


def processes() -> dict[int, tuple[int, str]]:
    """All processes of this machine: pid -> parent and state."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.name)] = int(fields[1]), fields[0]
    return found


def below(pid: int) -> dict[int, str]:
    """The processes that descend from one: pid -> state."""
    everyone, found, left = processes(), {}, [pid]
    while left:
        parent = left.pop()
        for child, (above, state) in everyone.items():
            if above == parent:
                found[child] = state
                left.append(child)
    return found


def megabytes(pid: int) -> float:
    """Memory of a process, shared pages shared out."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # it has just ended
    return 0.0


def figures() -> tuple[float, float, int, int]:
    """Megabytes of this process and of those below it, their number, and how many of them are zombies."""
    gc.collect()  # what is held, not what happens to lie about
    children = below(os.getpid())
    own, rest = megabytes(os.getpid()), sum(map(megabytes, children))
    return own, rest, len(children), sum(state == "Z" for state in children.values())


def main(config: Config) -> int:
    if config.episodes <= config.warm_up:
        raise SystemExit(f"soak: all {config.episodes} episodes are warm-up; raise --episodes or lower --warm-up")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text("<input><button>Go</button><select><option>a<option>b</select><a href=page.html>again</a>")
        environments = [gymnasium.make(f"webagent/{task}-v1", max_steps=4, frame_limit=True) for task in config.tasks]
        web = OpenWebEnv(page.as_uri(), "look around", max_steps=5)
        return _run(config, environments, web)


def _run(config: Config, environments: list[gymnasium.Env], web: OpenWebEnv) -> int:
    names = ("episodes", "python MB", "browser MB", "processes", "zombies", "faults", "a second")
    print(" ".join(f"{name:>10}" for name in names), flush=True)
    faults, zombies, start = 0, 0, time.monotonic()
    held: list[tuple[float, float]] = []
    for number in range(1, config.episodes + 1):
        env = web if number % config.web_every == 0 else environments[number % len(environments)]
        if fault := run_episode(env, RandomPolicy(seed=number), seed=20_000_000 + number).fault:
            faults += 1
            print(f"{number:10} {env.spec.id if env.spec else 'open web'}: {fault}", flush=True)
        if number % config.every == 0 or number == config.episodes:
            own, rest, count, dead = figures()
            zombies += dead
            if number > config.warm_up:
                held.append((own, rest))
            rate = number / (time.monotonic() - start)
            print(f"{number:10} {own:10.0f} {rest:10.0f} {count:10} {dead:10} {faults:10} {rate:10.2f}", flush=True)
    for env in (*environments, web):
        env.close()
    grown = [rise(figures) for figures in zip(*held, strict=True)]
    for name, (before, after) in zip(("Python", "browser"), grown, strict=True):
        print(f"{name}: {before:.0f} MB in the first quarter after warm-up, {after:.0f} MB in the last")
    return int(any(after > (1 + config.growth) * before for before, after in grown) or zombies > 0 or faults > 0)


def rise(figures: Sequence[float]) -> tuple[float, float]:
    """The medians of the first and the last quarter."""
    quarter = max(1, len(figures) // 4)
    return statistics.median(figures[:quarter]), statistics.median(figures[-quarter:])


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
