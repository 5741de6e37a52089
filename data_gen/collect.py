"""Collection: experts solve pages in a real browser, and what they did becomes a dataset.

A unit of work is one shard: one task and a range of page seeds. What a shard holds follows from its seeds alone, so
the dataset is the same for any number of workers, and a collection that was stopped goes on with the shards that are
missing.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any, Literal, cast
from zlib import crc32

import gymnasium
import joblib
import numpy as np
from rich.console import Console

import envs  # noqa: F401 (registers the environments)
from data_gen import oracles
from data_gen.dataset import TRAINING_SEEDS, DatasetWriter, Row, episode_rows
from data_gen.progress import CollectionProgress
from data_gen.shards import Shard, write_shard
from envs import tasks
from envs.action import Action
from envs.html import parse_html
from envs.loop import Episode, Observation, Policy, RandomPolicy, run_episode

ATTEMPTS = 3
"""How often an episode is started before a fault of the browser is taken for its result."""

STRAY = 0.4
"""Chance that the mistake of a recovery episode is its first step; else its second, with the same chance, ..."""


class CollectError(ValueError):
    """A collection that cannot be started as asked. The message says what to change."""


@dataclass(frozen=True)
class CollectConfig:
    """What to collect, and where to."""

    out: Path
    """Folder of the dataset. An unfinished one of the same settings goes on where it stopped."""
    suite: str = "thin16"
    """Which tasks, where none are named: those of this suite that have an oracle (see `webagent tasks`)."""
    tasks: tuple[str, ...] = ()
    """Names of tasks, in place of a suite."""
    episodes: int = 100
    """Episodes tried per task; those that succeed are kept."""
    first_seed: int = TRAINING_SEEDS.start
    """Page seed of each task's first episode; the following episodes have the following seeds."""
    policy: Literal["oracle", "random"] = "oracle"
    """Who acts: the task's scripted expert, or chance."""
    recovery: float = 0.0
    """Share of episodes in which one mistake is tried, for the expert to recover from; its row's source is `noise`."""
    screenshot: bool = True
    """Store a screenshot with every step; without is faster and far smaller."""
    shard_episodes: int = 200
    """Episodes tried per shard: what is lost at most, for each worker, when a collection is stopped."""
    workers: int = field(default_factory=joblib.cpu_count)
    """Processes, each with a browser of its own. Does not change the result."""
    overwrite: bool = False
    """Delete the dataset that is in the folder, whatever its settings."""


@dataclass(frozen=True)
class _Collected:
    """What a worker brings back from one shard."""

    shard: Shard
    seconds: float
    browser: str
    complaint: str
    """The first failure in words, empty where there was none."""


def collect(config: CollectConfig, console: Console | None = None) -> Path:
    """Collects a dataset, in parallel, from where an earlier call stopped.

    Each process of joblib's current backend writes its shards itself: on a cluster, ``config.out`` has to be on a
    file system that all its machines share.

    Args:
        config: what and where to.
        console: where progress goes; standard error where None.

    Returns:
        The dataset's folder.

    Raises:
        CollectError: if the settings make no sense.
        DatasetError: if the folder holds something else.
        UnknownTask: if a task or suite does not exist.
        NoOracle: if a named task has no oracle.
    """
    console = console or Console(stderr=True)
    names = _task_names(config, console)
    sizes = _shard_sizes(config)
    with DatasetWriter(config.out, _content(config, names), config.overwrite) as writer:
        units = [(name, number) for name in names for number in range(len(sizes))]
        missing = [unit for unit in units if writer.find(*unit) is None]
        program = provenance()
        report = CollectionProgress(console, names, sum(sizes), list(writer.shards.values()))
        try:
            with report.bar:
                run = joblib.Parallel(n_jobs=config.workers, return_as="generator_unordered")
                results = run(joblib.delayed(_collect_shard)(config, *unit) for unit in missing)
                for collected in cast(Iterable[_Collected], results):
                    writer.include(collected.shard)
                    writer.add_provenance(program | {"browser": collected.browser})
                    report.add(collected.shard, collected.seconds, collected.complaint)
        except KeyboardInterrupt:
            console.print("stopped; whole shards are kept, and the same command goes on from there")
            raise
        report.summary()
    return writer.folder


def _task_names(config: CollectConfig, console: Console) -> list[str]:
    names = list(dict.fromkeys(task.name for task in tasks.select(config.suite, config.tasks)))
    if config.policy != "oracle":
        return names
    if config.tasks:
        for name in names:
            oracles.get(name)
    known = set(oracles.names())
    without = [name for name in names if name not in known]
    if without:
        console.print(f"left out, no oracle: {', '.join(without)}", style="yellow")
    if len(without) == len(names):
        raise CollectError(f"no task of suite {config.suite} has an oracle")
    return [name for name in names if name in known]


def _shard_sizes(config: CollectConfig) -> list[int]:
    if min(config.episodes, config.shard_episodes, config.workers) < 1:
        raise CollectError("episodes, shard_episodes and workers must be at least 1")
    if not 0.0 <= config.recovery <= 1.0:
        raise CollectError(f"recovery is a share, from 0 to 1, not {config.recovery}")
    if config.recovery and config.policy != "oracle":
        raise CollectError("recovery needs an expert that recovers: it goes with policy oracle only")
    last = config.first_seed + config.episodes - 1
    if config.first_seed not in TRAINING_SEEDS or last not in TRAINING_SEEDS:
        raise CollectError(
            f"page seeds {config.first_seed} to {last} leave the training range, {TRAINING_SEEDS.start} to "
            f"{TRAINING_SEEDS.stop - 1}; choose another first_seed"
        )
    full, rest = divmod(config.episodes, config.shard_episodes)
    return [config.shard_episodes] * full + [rest] * (rest > 0)


def _content(config: CollectConfig, names: list[str]) -> dict[str, Any]:
    """The settings that decide what the shards hold; a collection can be gone on with where these are the same."""
    kept = ("episodes", "first_seed", "policy", "recovery", "screenshot", "shard_episodes")
    return {"tasks": names} | {key: getattr(config, key) for key in kept}


def provenance() -> dict[str, Any]:
    """The program that is running: its git commit (None outside a checkout) and the versions that results depend on."""
    here = Path(__file__).resolve()
    git = ["git", "-C", str(here.parent)]
    try:
        # A folder of installed packages may lie inside somebody's checkout of something else.
        subprocess.run([*git, "ls-files", "--error-unmatch", here.name], check=True, capture_output=True)
        described = [*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        commit = subprocess.run(described, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    versions = {"python": python_version()}
    for name in ("webagent", "miniwob", "gymnasium", "playwright", "numpy", "pyarrow"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # webagent itself may run from its checkout
    return {"commit": commit, "versions": versions}


def _collect_shard(config: CollectConfig, task: str, number: int) -> _Collected:
    """Runs in a worker. The browser is the process's and stays; the page is the shard's own."""
    started = time.perf_counter()
    first = config.first_seed + number * config.shard_episodes
    seeds = range(first, first + _shard_sizes(config)[number])
    rows: list[Row] = []
    tally: Counter[str] = Counter(tried=len(seeds))
    complaint = ""
    env = gymnasium.make(f"webagent/{task}-v1", screenshot=config.screenshot)
    try:
        for seed in seeds:
            found, outcome, said = _collect_episode(config, env, task, seed)
            rows += found
            tally[outcome] += 1
            if said and not complaint:
                complaint = f"{task}, page seed {seed}: {said}"
        browser = env.get_wrapper_attr("browser_version")
    finally:
        env.close()
    shard = write_shard(config.out, task, number, rows, tally)
    return _Collected(shard, time.perf_counter() - started, browser, complaint)


def _collect_episode(config: CollectConfig, env: gymnasium.Env, task: str, seed: int) -> tuple[list[Row], str, str]:
    """One page seed. Returns the rows to keep, the outcome (a key of the tally), and what went wrong in words."""
    random = np.random.default_rng((seed, crc32(task.encode())))  # else all tasks would stray on the same seeds
    if random.random() < config.recovery:
        stray = _Stray(_make_policy(config, task, seed), random)
        episode, outcome, _ = _attempt(env, stray, seed)
        if outcome == "kept":
            noise = [stray.at] if stray.at < len(episode.steps) else []
            return episode_rows(episode, config.policy, screenshot=config.screenshot, noise=noise), outcome, ""
        # Beyond recovery: the page is solved without, or the dataset would lack the pages where a wrong step is fatal.
    episode, outcome, said = _attempt(env, _make_policy(config, task, seed), seed)
    if outcome != "kept":
        return [], outcome, said
    return episode_rows(episode, config.policy, screenshot=config.screenshot), outcome, ""


def _attempt(env: gymnasium.Env, policy: Policy, seed: int) -> tuple[Episode, str, str]:
    episode = Episode(task="", seed=seed)
    for _ in range(ATTEMPTS):
        try:
            episode = run_episode(env, policy, seed=seed)
        except oracles.OracleError as error:
            return episode, "lost", f"the oracle is lost: {error}"
        except Exception as error:
            error.add_note(f"while collecting {env.spec.id if env.spec else env}, page seed {seed}")
            raise
        if not episode.fault:
            break
    if episode.fault:
        return episode, "fault", episode.fault
    if not episode.success:
        return episode, "unsolved", f"not solved in {len(episode.steps)} steps, raw reward {episode.raw_reward:g}"
    return episode, "kept", ""


def _make_policy(config: CollectConfig, task: str, seed: int) -> Policy:
    return oracles.get(task, seed) if config.policy == "oracle" else RandomPolicy(seed)


class _Stray:
    """An expert with one mistake put in, which it is not asked about and only sees the outcome of.

    So the data holds what to do after a wrong step, which an expert alone never shows (as in DART, Laskey et al. 2017,
    with noise once an episode). The mistake itself is not to be learnt.
    """

    def __init__(self, expert: Policy, random: np.random.Generator):
        self.at = int(random.geometric(STRAY)) - 1
        self._expert = expert
        self._seed = int(random.integers(2**31))
        self.reset()

    def reset(self) -> None:
        self._expert.reset()
        self._random = np.random.default_rng(self._seed)  # the same mistake again where the browser broke
        self._steps = 0

    def act(self, observation: Observation) -> Action:
        self._steps += 1
        return self._mistake(observation) if self._steps - 1 == self.at else self._expert.act(observation)

    def _mistake(self, observation: Observation) -> Action:
        """What a policy gets wrong: the element, or the text. Whatever else is random mostly changes nothing."""
        elements = [element for element in parse_html(observation["html"]).walk() if element.verbs]
        if not elements:
            return Action("wait")
        element = self._choose(elements)
        if "type" in element.verbs:
            return Action("type", (element.ref, self._choose(observation["instruction"].split() or ["a"])))
        if options := element.find_all("option"):
            return Action("select", (element.ref, self._choose(options).text))
        return Action("click", (element.ref,))

    def _choose(self, items: list[Any]) -> Any:
        return items[int(self._random.integers(len(items)))]
