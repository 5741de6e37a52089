"""Collection: experts, or learnt policies, solve pages in a real browser, and what they did becomes a dataset.

A unit of work is one shard: one task and a range of page seeds. What a shard holds follows from its seeds alone, so
the dataset is the same for any number of workers, and a collection that was stopped goes on with the shards that are
missing.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import gymnasium
import joblib
import numpy as np
from rich.console import Console

import envs  # noqa: F401 (registers the environments)
from data_gen import oracles
from data_gen.dataset import TRAINING_SEEDS, DatasetWriter, Row, episode_rows
from data_gen.progress import CollectionProgress
from data_gen.provenance import provenance
from data_gen.shards import Shard, write_shard
from data_gen.variety import Relabelled, Renumbered, Stray
from envs import miniwob, tasks
from envs.loop import Episode, Policy, RandomPolicy, run_episode
from envs.workers import Backend, BackendError, spread

ATTEMPTS = 3
"""How often an episode is started before a fault of the browser is taken for its result."""

SCRIPTED = ("oracle", "random")
"""The policies that need no checkpoint."""

WIDTHS, HEIGHTS = (160, 240), (150, 300)
"""Between these, in CSS pixels, lie the viewports of resized episodes; the benchmark's is 160 x 210."""


class CollectError(ValueError):
    """A collection that cannot be started as asked. The message says what to change."""


@dataclass(frozen=True)
class CollectConfig:
    """Collect trajectories into a dataset.

    A collection that was stopped goes on when the same command is given again. Its result depends on the settings and
    the page seeds alone, not on the number of workers.

    examples:
      webagent collect --out data/clicks --tasks click-button click-link --episodes 200
      webagent collect --out data/56 --suite webgum56 --episodes 1000 --recovery 0.25
      webagent collect --out data/own --policy runs/mine --first-seed 20000000
      webagent collect --out data/dagger --policy runs/mine --relabel --first-seed 30000000
    """

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
    policy: str = "oracle"
    """Who acts: oracle (the task's scripted expert), random, embedded, or the folder of a checkpoint."""
    relabel: bool = False
    """The policy acts; what the expert would have done on each page is learnt from, whatever comes of it (DAgger)."""
    recovery: float = 0.0
    """Share of episodes in which one mistake is tried, for the expert to recover from; its row's source is `noise`.
    A short one may end before its mistake."""
    renumber: float = 0.0
    """Share of episodes whose refs have other numbers."""
    resize: float = 0.0
    """Share of episodes in a viewport of another size; each shard draws one between 160 x 150 and 240 x 300 pixels."""
    screenshot: bool = True
    """Store a screenshot with every step; without is faster and far smaller. Of tasks whose expert reads the picture
    it is stored in any case."""
    shard_episodes: int = 200
    """Episodes tried per shard: what is lost at most, for each worker, when a collection is stopped."""
    workers: int = field(default_factory=lambda: 2 * joblib.cpu_count())
    """Processes, each with a browser of its own; two for each core, since each waits for its browser's frames. Does not
    change the result."""
    backend: Backend = "local"
    """Where they run: on this machine, or on the Ray cluster of RAY_ADDRESS, whose machines must share the folder of
    the dataset (a local one is begun if there is none)."""
    overwrite: bool = False
    """Delete the dataset that is in the folder, whatever its settings."""

    @property
    def scripted(self) -> bool:
        return self.policy in SCRIPTED

    def shows(self, task: str) -> bool:
        """Whether a task's steps have screenshots: an expert that reads them would guess without, and be imitated."""
        expert = self.policy == "oracle" or self.relabel
        return self.screenshot or (expert and oracles.entry(task).pixels)


@dataclass(frozen=True)
class Learner:
    """A learnt policy, for a collection of its rollouts. Sent to the workers, so what it holds is pickled.

    Attributes:
        policy: makes the policy of one episode, from its task and page seed.
        identity: what names it in the dataset, wherever its checkpoint lies.
    """

    policy: Callable[[str, int], Policy]
    identity: str


@dataclass(frozen=True)
class _Collected:
    """What a worker brings back from one shard."""

    shard: Shard
    seconds: float
    browser: str
    complaint: str
    """The first failure in words, empty where there was none."""


def collect(config: CollectConfig, learner: Learner | None = None, console: Console | None = None) -> Path:
    """Collects a dataset, in parallel, from where an earlier call stopped.

    Each process of joblib's current backend writes its shards itself: on a cluster, ``config.out`` has to be on a
    file system that all its machines share.

    Args:
        config: what and where to.
        learner: who acts, where ``config.policy`` is no scripted one.
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
    if config.scripted == (learner is not None):
        raise CollectError(f"policy {config.policy!r} needs a checkpoint; scripted are: {', '.join(SCRIPTED)}")
    config = replace(config, out=config.out.absolute())  # workers of a cluster have working folders of their own
    with DatasetWriter(config.out, _content(config, names, learner), config.overwrite) as writer:
        units = [(name, number) for name in names for number in range(len(sizes))]
        missing = [unit for unit in units if writer.find(*unit) is None]
        program = provenance()
        report = CollectionProgress(console, names, sum(sizes), list(writer.shards.values()))
        try:
            with report.bar:
                jobs = [(config, learner, *unit) for unit in missing]
                for collected in spread(_collect_shard, jobs, config.workers, config.backend):
                    writer.include(collected.shard)
                    writer.add_provenance(program | {"browser": collected.browser})
                    report.add(collected.shard, collected.seconds, collected.complaint)
        except BackendError as error:
            raise CollectError(str(error)) from error
        except KeyboardInterrupt:
            console.print("stopped; whole shards are kept, and the same command goes on from there")
            raise
        report.summary()
    return writer.folder


def _task_names(config: CollectConfig, console: Console) -> list[str]:
    names = list(dict.fromkeys(task.name for task in tasks.select(config.suite, config.tasks)))
    if config.policy != "oracle" and not config.relabel:
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
    for name in ("recovery", "renumber", "resize"):
        if not 0.0 <= (share := getattr(config, name)) <= 1.0:
            raise CollectError(f"{name} is a share, from 0 to 1, not {share}")
    if config.recovery and config.policy != "oracle":
        raise CollectError("recovery needs an expert that recovers: it goes with policy oracle only")
    if config.relabel and config.policy == "oracle":
        raise CollectError("relabel needs a policy that is not the oracle itself")
    last = config.first_seed + config.episodes - 1
    if config.first_seed not in TRAINING_SEEDS or last not in TRAINING_SEEDS:
        raise CollectError(
            f"page seeds {config.first_seed} to {last} leave the training range, {TRAINING_SEEDS.start} to "
            f"{TRAINING_SEEDS.stop - 1}; choose another first_seed"
        )
    full, rest = divmod(config.episodes, config.shard_episodes)
    return [config.shard_episodes] * full + [rest] * (rest > 0)


def _content(config: CollectConfig, names: list[str], learner: Learner | None) -> dict[str, Any]:
    """The settings that decide what the shards hold; a collection can be gone on with where these are the same."""
    kept = ("episodes", "first_seed", "relabel", "recovery", "renumber", "resize", "screenshot", "shard_episodes")
    policy = learner.identity if learner else config.policy
    return {"tasks": names, "policy": policy} | {key: getattr(config, key) for key in kept}


def _collect_shard(config: CollectConfig, learner: Learner | None, task: str, number: int) -> _Collected:
    """Runs in a worker. The browser is the process's and stays; the pages are the shard's own."""
    started = time.perf_counter()
    first = config.first_seed + number * config.shard_episodes
    seeds = range(first, first + _shard_sizes(config)[number])
    rows: list[Row] = []
    tally: Counter[str] = Counter(tried=len(seeds))
    complaint = ""
    with contextlib.ExitStack() as stack:
        worlds = _Worlds(config, task, first, stack)
        for seed in seeds:
            found, outcome, said = _collect_episode(config, learner, worlds, task, seed)
            rows += found
            tally.update(outcome)
            if said and not complaint:
                complaint = f"{task}, page seed {seed}: {said}"
        browser = worlds.browser
    shard = write_shard(config.out, task, number, rows, tally)
    return _Collected(shard, time.perf_counter() - started, browser, complaint)


class _Worlds:
    """The pages of one shard: the ordinary one, and that of another size where one is asked for."""

    def __init__(self, config: CollectConfig, task: str, first_seed: int, stack: contextlib.ExitStack):
        self._config, self._task, self._stack = config, task, stack
        self._random = _random(task, first_seed, "viewport")
        self._made: dict[bool, gymnasium.Env] = {}

    def env(self, resized: bool) -> gymnasium.Env:
        if resized not in self._made:
            viewport = (miniwob.WIDTH, miniwob.HEIGHT)
            if resized:
                viewport = (int(self._random.integers(*WIDTHS)), int(self._random.integers(*HEIGHTS)))
            env = gymnasium.make(
                f"webagent/{self._task}-v1",
                screenshot=self._config.shows(self._task),
                viewport=viewport,
                frame_limit=True,
            )
            self._stack.callback(env.close)
            self._made[resized] = env
        return self._made[resized]

    @property
    def browser(self) -> str:
        return next(iter(self._made.values())).get_wrapper_attr("browser_version")


def _random(task: str, seed: int, what: str) -> np.random.Generator:
    # Of the task too: else all tasks would stray on the same seeds.
    return np.random.default_rng((seed, crc32(task.encode()), crc32(what.encode())))


def _collect_episode(
    config: CollectConfig, learner: Learner | None, worlds: _Worlds, task: str, seed: int
) -> tuple[list[Row], list[str], str]:
    """One page seed. Returns the rows to keep, the outcomes (keys of the tally), and what went wrong in words."""
    varied = [n for n in ("recovery", "renumber", "resize") if _random(task, seed, n).random() < getattr(config, n)]
    env = worlds.env("resize" in varied)
    if "renumber" in varied:
        env = Renumbered(env, _random(task, seed, "numbers"))

    def rows(policy: Policy, **marks: Any) -> list[Row]:
        source = "policy" if learner else config.policy
        labels = getattr(policy, "labels", None)
        return episode_rows(episode, source, screenshot=config.shows(task), labels=labels, **marks)

    if "recovery" in varied:
        stray = Stray(oracles.get(task, seed), _random(task, seed, "mistake"))
        episode, outcome, _ = _attempt(env, stray, seed)
        if outcome == "kept":
            if not stray.labels:  # it was solved before the step that would have been the mistake
                varied.remove("recovery")
            return rows(stray, noise=list(stray.labels)), [outcome, *varied], ""
        # Beyond recovery: the page is solved without, or the dataset would lack the pages where a wrong step is fatal.
        varied.remove("recovery")
    policy = _actor(config, learner, task, seed)
    if config.relabel:
        policy = Relabelled(policy, oracles.get(task, seed))
    episode, outcome, said = _attempt(env, policy, seed)
    if outcome == "kept" or (config.relabel and outcome == "unsolved"):
        return rows(policy), [outcome, *varied], said
    return [], [outcome], said


def _actor(config: CollectConfig, learner: Learner | None, task: str, seed: int) -> Policy:
    if learner is not None:
        return learner.policy(task, seed)
    return oracles.get(task, seed) if config.policy == "oracle" else RandomPolicy(seed)


def _attempt(env: gymnasium.Env, policy: Policy, seed: int) -> tuple[Episode, str, str]:
    episode = Episode(task="", seed=seed)
    for _ in range(ATTEMPTS):
        try:
            episode = run_episode(env, policy, seed=seed)
        except Exception as error:
            error.add_note(f"while collecting {env.spec.id if env.spec else env}, page seed {seed}")
            raise
        if not episode.fault:
            break
    if episode.fault:
        return episode, "fault", episode.fault
    if episode.gave_up:
        return episode, "lost", f"the oracle is lost: {episode.gave_up}"
    if not episode.success:
        return episode, "unsolved", f"not solved in {len(episode.steps)} steps, raw reward {episode.raw_reward:g}"
    return episode, "kept", ""
