"""``webagent bench``: a policy on MiniWoB++ tasks, over page seeds that training never sees.

Every episode is a function of the policy, the task and the seed, so the results are the same for any number of
workers. An episode in which the browser broke is run once more; if it breaks again it is counted as a fault, neither
as a success nor as a failure.
"""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import gymnasium
import joblib
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from data_gen.dataset import TRAINING_SEEDS
from data_gen.oracles import OracleError
from envs import tasks as task_table
from envs.loop import Episode, Step, run_episode
from envs.workers import spread
from webagent import __version__
from webagent.agents import Agent, Image
from webagent.output import UsageError, check_folder_writable, check_writable, console, write_whole
from webagent.report import Trace, benchmark_page, trace_episode
from webagent.results import BenchResult, EpisodeResult

EVALUATION_SEED = 5_000_000
VALIDATION_SEEDS = range(4_000_000, 5_000_000)
PACKAGES = ("gymnasium", "miniwob", "numpy", "playwright", "timm", "torch", "transformers")
UNIT = 5
"""Episodes of one piece of work: few, to keep all workers busy to the end."""


@dataclass(frozen=True)
class BenchConfig:
    """Measure a policy on MiniWoB++ and print its success by task.

    Success is strict: the reward reached 1. BrowserGym's rule, raw reward > 0, stands beside it.
    The results do not depend on the number of workers.

    examples:
      webagent bench
      webagent bench --tasks click-button login-user --policy oracle --episodes 20
      webagent bench --suite webgum56 --json results.json --report report
      webagent bench --policy runs/mine --image none --first-seed 4000000
    """

    suite: str = "thin16"
    """A suite of the task table: thin16, webgum56, browsergym125 or all."""
    tasks: tuple[str, ...] = ()
    """These tasks in place of a suite; `webagent tasks` lists them."""
    policy: str = "embedded"
    """embedded (the checkpoint that comes with the package), a checkpoint folder, oracle, or random."""
    image: Image = "real"
    """real shows a learnt policy the screenshots, none leaves them out."""
    beams: int = 1
    """Width of a learnt policy's beam search; 1 is greedy."""
    episodes: int = 100
    """Episodes per task."""
    first_seed: int = EVALUATION_SEED
    """Page seed of the first episode; the others count up. 4000000 to 4999999 is for selecting models."""
    workers: int = -1
    """Processes, each with a browser of its own; -1 is one for each core."""
    json: Path | None = None
    """Write all results, episode by episode, to this file."""
    report: Path | None = None
    """Write one static page, index.html, into this folder."""
    pictures: int = 1
    """Episodes per task of which the page shows every step."""

    @property
    def agent(self) -> Agent:
        return Agent(self.policy, self.image, self.beams)

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.episodes)

    @property
    def warning(self) -> str:
        """What a reader must know about results on these seeds; empty for evaluation seeds."""
        if _overlap(self.seeds, TRAINING_SEEDS):
            return "Training seeds: the policy may have seen these very pages. This is no evaluation."
        if _overlap(self.seeds, VALIDATION_SEEDS):
            return "Validation seeds: models are selected on these. Report results on evaluation seeds only."
        return ""

    def what_decides(self) -> dict[str, Any]:
        """The part of the configuration that decides the results."""
        which = {"tasks": list(self.tasks)} if self.tasks else {"suite": self.suite}
        how = {"image": self.image, "beams": self.beams} if self.agent.learnt else {}
        return {**which, "policy": self.policy, **how, "episodes": self.episodes, "first_seed": self.first_seed}

    @property
    def command(self) -> str:
        """The command line that repeats it."""
        words = ["webagent", "bench"]
        for name, value in self.what_decides().items():
            values = value if isinstance(value, list) else [value]
            words += ["--" + name.replace("_", "-"), *map(str, values)]
        return shlex.join(words)


def bench(config: BenchConfig) -> BenchResult:
    """Runs the benchmark, prints the table, writes the files that were asked for.

    Raises:
        UsageError: if the configuration cannot be run, or its results could not be written.
        UnknownTask: if a task or suite is not in the table.
        CheckpointError: if the policy is not a checkpoint.
        NoOracle: if a task has no oracle.
    """
    out = console()
    units = _plan(config)
    checkpoint = config.agent.checkpoint_sha256()
    episodes: dict[tuple[str, int], EpisodeResult] = {}
    traces: dict[tuple[str, int], Trace] = {}
    browser = ""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        bar = progress.add_task("episodes", total=sum(len(unit.seeds) for unit in units))
        for result in _run_units(units, config.workers):
            browser = result.browser
            episodes |= {(episode.task, episode.seed): episode for episode in result.episodes}
            traces |= {(trace.task, trace.seed or 0): trace for trace in result.traces}
            won = sum(episode.success for episode in episodes.values())
            progress.update(bar, completed=len(episodes), description=f"{won / len(episodes):.0%} success")
    keys = [(unit.task, seed) for unit in units for seed in unit.seeds]
    measured = BenchResult(config, tuple(episodes[key] for key in keys), browser, checkpoint, _versions())
    measured.print(out)
    if config.json is not None:
        write_whole(config.json, measured.to_json())
        out.print(f"results: {config.json}")
    if config.report is not None:
        page = config.report / "index.html"
        write_whole(page, benchmark_page(measured, [traces[key] for key in keys if key in traces]))
        out.print(f"page:    {page} (open it in any browser)")
    return measured


@dataclass(frozen=True)
class Unit:
    """A piece of work for one process."""

    agent: Agent
    task: str
    seeds: range
    pictured: bool


@dataclass(frozen=True)
class UnitResult:
    """What comes of it."""

    episodes: list[EpisodeResult]
    traces: list[Trace]
    browser: str


def _plan(config: BenchConfig) -> list[Unit]:
    """Finds what is wrong with the configuration before the first browser starts, then cuts the work into units."""
    for name in ("episodes", "beams"):
        if getattr(config, name) < 1:
            raise UsageError(f"--{name} must be at least 1, got {getattr(config, name)}")
    for name in ("pictures", "first_seed"):
        if getattr(config, name) < 0:
            raise UsageError(f"--{name.replace('_', '-')} must not be negative, got {getattr(config, name)}")
    if config.workers == 0 or config.workers < -1:
        raise UsageError(f"--workers is a number of processes, or -1 for one on each core, got {config.workers}")
    if config.json is not None:
        check_writable(config.json)
    if config.report is not None:
        check_folder_writable(config.report)
        check_writable(config.report / "index.html")
    shown = config.seeds[: config.pictures] if config.report is not None else config.seeds[:0]
    units = []
    for task in task_table.select(config.suite, dict.fromkeys(config.tasks)):
        if not config.agent.learnt:
            config.agent.policy(task.name, config.first_seed)
        units += [Unit(config.agent, task.name, seeds, True) for seeds in _cut(shown)]
        units += [Unit(config.agent, task.name, seeds, False) for seeds in _cut(config.seeds[len(shown) :])]
    return units


def _run_units(units: list[Unit], workers: int) -> Iterator[UnitResult]:
    count = min(len(units), joblib.cpu_count() if workers == -1 else workers)
    return spread(run_unit, [(unit,) for unit in units], count)


def run_unit(unit: Unit) -> UnitResult:
    """Runs some episodes of one task, each once more if the browser broke in it."""
    result = UnitResult([], [], "")
    screenshot = unit.pictured or unit.agent.needs_screenshots
    env = gymnasium.make(f"envs:webagent/{unit.task}-v1", screenshot=screenshot)
    try:
        for seed in unit.seeds:
            episode, note = _run_once(env, unit.agent, unit.task, seed)
            if episode.fault:
                episode, note = _run_once(env, unit.agent, unit.task, seed)
            result.episodes.append(EpisodeResult.of(episode, note))
            if unit.pictured:
                result.traces.append(trace_episode(episode, note or result.episodes[-1].cause))
        return UnitResult(result.episodes, result.traces, env.get_wrapper_attr("browser_version"))
    finally:
        env.close()


def _run_once(env: gymnasium.Env, agent: Agent, task: str, seed: int) -> tuple[Episode, str]:
    """Runs one episode; with it, why an oracle gave up, where it did."""
    steps: list[Step] = []
    try:
        return run_episode(env, agent.policy(task, seed), seed=seed, on_step=steps.append), ""
    except OracleError as error:
        episode = Episode(task, seed, steps, raw_reward=steps[-1].raw_reward if steps else 0.0)
        return episode, str(error) or "the oracle gave up"


def _cut(seeds: range) -> list[range]:
    return [seeds[start : start + UNIT] for start in range(0, len(seeds), UNIT)]


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _versions() -> dict[str, str]:
    return {"webagent": __version__, "python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }
