"""How well a policy does a site's task before and after it was taught by a few demonstrations, on held-out variations.

    python benchmarks/bench_teach.py --site shop --demonstrations 10 --variations 50

The three sites are the tests' (``tests/sites``). A script does the task with real input in a real browser while the
recorder watches. Held-out variations have values and wordings that no demonstration has, and their own rows and orders.
Success is strict: the site was told exactly what was asked and nothing else, and the policy said that it was done.
Beside it stands a policy that replays the nearest demonstration.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))  # the sites are the tests'

from data_gen.augment import demonstrations
from data_gen.dataset import read_dataset
from data_gen.recording import add_episode
from envs.loop import Episode, Policy, run_episode
from envs.web import OpenWebEnv
from policies.images import ImageMode
from tests.sites import SITES, Served, Site
from tests.sites.nearest import NearestDemonstration
from tests.sites.person import demonstrate
from webagent.agents import Agent
from webagent.statistics import wilson_interval
from webagent.teach import TeachConfig, teach


@dataclass(frozen=True)
class Config:
    """Teach a policy a little site, and measure it on held-out variations."""

    site: str = "shop"
    """account, shop or tickets."""
    demonstrations: int = 10
    """How many are recorded."""
    variations: int = 50
    """Held-out ones that are tried."""
    first: int = 0
    """Seed of the first held-out variation."""
    work: Path = Path("runs/teach")
    """Folder for recordings and runs; what is there already is used again."""
    steps: int = TeachConfig.steps
    """Optimizer steps of the teaching."""
    policies: tuple[str, ...] = ("before", "after", "nearest")
    """Which are measured."""
    image: ImageMode = "real"
    """What the policies see of the screenshots."""
    threads: int = 0
    """Processor threads of the teaching; 0 leaves that to torch."""


def main(config: Config) -> None:
    console = Console()
    site = SITES[config.site]
    recorded, run = config.work / site.name / "recorded", config.work / site.name / "run"
    with Served(site) as served:
        if not recorded.exists():
            for seed in range(config.demonstrations):
                add_episode(recorded, demonstrate(served, site.variation(seed, held_out=False)))
        if "after" in config.policies:
            begun = time.monotonic()
            teach(TeachConfig(recorded, run, steps=config.steps, threads=config.threads))
            console.print(f"taught in {(time.monotonic() - begun) / 60:.1f} minutes, the check included")
        made: dict[str, Callable[[], Policy]] = {
            "before": lambda: Agent("embedded", config.image).policy("", 0),
            "after": lambda: Agent(str(run), config.image).policy("", 0),
            "nearest": lambda: NearestDemonstration(demonstrations(read_dataset(recorded))),
        }
        names = {"before": "embedded", "after": "taught", "nearest": "nearest demonstration replayed"}
        title = f"{site.name}: {config.variations} held-out variations, {config.demonstrations} demonstrations"
        table = Table(
            "policy", "success", "95 % interval", "steps", "seconds a step", title=title, title_justify="left"
        )
        for name in config.policies:
            results = measure(served, made[name](), config, config.work / site.name / f"{name}.jsonl")
            good = sum(result["success"] for result in results)
            low, high = wilson_interval(good, len(results))
            steps = sum(result["steps"] for result in results)
            pace = sum(result["seconds"] for result in results) / steps
            rate = f"{good} of {len(results)} = {good / len(results):.0%}"
            table.add_row(names[name], rate, f"{low:.0%} - {high:.0%}", f"{steps / len(results):.1f}", f"{pace:.2f}")
    console.print(table)


def measure(served: Served, policy: Policy, config: Config, log: Path) -> list[dict]:
    """Tries every variation once; writes what was done to a file."""
    results = []
    with log.open("w") as file:
        for seed in range(config.first, config.first + config.variations):
            variation = served.site.variation(seed, held_out=True)
            url, session = served.open(variation)
            pictures = config.image == "real" and not isinstance(policy, NearestDemonstration)
            env = OpenWebEnv(url, variation.task, screenshot=pictures)
            begun = time.monotonic()
            try:
                episode = run_episode(env, policy)
            finally:
                env.close()
            result = {
                "seed": seed,
                "task": variation.task,
                "success": is_success(served.site, episode, session),
                "steps": len(episode.steps),
                "seconds": time.monotonic() - begun,
                "fault": episode.fault,
                "told": session.state,
                "actions": [f"{step.action}  {step.error}".strip() for step in episode.steps],
            }
            file.write(json.dumps(result) + "\n")
            file.flush()
            results.append(result)
    return results


def is_success(site: Site, episode: Episode, session) -> bool:
    """The strict rule: the site was told what was asked, and the policy ended the episode by itself."""
    return episode.terminated and not episode.fault and site.solved(session)


if __name__ == "__main__":
    main(tyro.cli(Config))
