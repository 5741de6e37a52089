"""Protocols of evaluation as data: which tasks, which page seeds, how many steps, what counts as a success.

The strict rule (``envs.tasks``) and that of BrowserGym, raw reward > 0, are always both measured; ``rule`` says which
of them a protocol's published numbers follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from data_gen.dataset import TRAINING_SEEDS, VALIDATION_SEEDS
from envs import tasks as task_table

Rule = Literal["strict", "raw > 0"]

EVALUATION_SEED = 5_000_000
"""The first of our own evaluation seeds."""
CHECKPOINT_SEEDS = range(6_000_000, 10_000_000)
"""``seeds_of_checkpoint`` draws from these."""

_VIRTUAL = "out of reach on a virtual clock; the raw reward has no time decay"


class ProtocolError(ValueError):
    """A protocol that does not exist or does not fit the tasks. The message says what to give instead."""


@dataclass(frozen=True)
class Protocol:
    """How a policy is measured.

    Attributes:
        name: what ``--suite`` takes.
        suite: its tasks, a suite of the task table.
        episodes: for each task.
        first_seed: page seed of a task's first episode, from which they count up; None for BrowserGym's formula.
        max_steps: step limit; None is the task table's, task by task.
        rule: of the two success rules, the one whose figure stands beside published ones.
        time: what becomes of the page's time limit and of time in the reward.
        source: where it is published; empty for our own.
        note: what a reader must know; empty where there is nothing.
    """

    name: str
    suite: str
    episodes: int = 100
    first_seed: int | None = EVALUATION_SEED
    max_steps: int | None = None
    rule: Rule = "strict"
    time: str = f"the page's time limit is {_VIRTUAL}"
    source: str = ""
    note: str = ""

    def seeds(self, task: str) -> tuple[int, ...]:
        """The page seeds of a task, in their order. A seed may come more than once.

        Raises:
            ProtocolError: if BrowserGym's formula has no such task or not so many episodes.
        """
        if self.first_seed is not None:
            return tuple(range(self.first_seed, self.first_seed + self.episodes))
        seeds = browsergym_task_seeds().get(task, ())
        if len(seeds) < self.episodes:
            raise ProtocolError(
                f"{self.name} has {len(seeds)} page seeds for {task}, {self.episodes} are wanted; "
                "give --first-seed for others"
            )
        return tuple(map(browsergym_page_seed, seeds[: self.episodes]))

    def warning(self) -> str:
        """What a reader must know about results on these page seeds; empty for evaluation seeds."""
        first = self.first_seed or 0
        if self.first_seed is not None and _overlap(first, self.episodes, TRAINING_SEEDS):
            return "Training seeds: the policy may have seen these very pages. This is no evaluation."
        if self.first_seed is not None and _overlap(first, self.episodes, VALIDATION_SEEDS):
            return "Validation seeds: models are selected on these. Report results on evaluation seeds only."
        return ""

    @property
    def seed_rule(self) -> str:
        """Its page seeds in words."""
        if self.first_seed is not None:
            return f"{self.episodes} a task, {self.first_seed:,} - {self.first_seed + self.episodes - 1:,}"
        return (
            f"{self.episodes} a task: RandomState(task seed).randint(0, 1000000); task seeds from "
            "RandomState(42).randint(0, 34, 5), task after task"
        )

    def facts(self) -> dict[str, str]:
        """Everything it states, for people to read."""
        rules = {
            "strict": "the raw reward reached 1 (0.9 where the task pays a distance or a share)",
            "raw > 0": "the raw reward is greater than 0",
        }
        facts = {
            "protocol": self.name,
            "success": rules[self.rule],
            "step limit": "the task table's, task by task" if self.max_steps is None else str(self.max_steps),
            "time": self.time,
            "page seeds": self.seed_rule,
        }
        return facts | {name: text for name in ("source", "note") if (text := getattr(self, name))}


@lru_cache(maxsize=1)
def browsergym_task_seeds() -> dict[str, tuple[int, ...]]:
    """BrowserGym's task seeds: five for each of its tasks, one generator drawn through the tasks in its table's order.

    Its ``SEED_MAX = 2 ^ 32`` is an exclusive or and so 34: only the seeds 0 to 33 occur, and repeat.
    """
    random = np.random.RandomState(42)
    return {task.name: tuple(map(int, random.randint(0, 2 ^ 32, 5))) for task in task_table.select("browsergym125")}


def browsergym_page_seed(task_seed: int) -> int:
    """The page seed that BrowserGym's MiniWoB++ tasks draw from a task seed."""
    return int(np.random.RandomState(task_seed).randint(0, 1_000_000))


_ALL = (
    Protocol("thin16", "thin16"),
    Protocol(
        "webgum56",
        "webgum56",
        source="WebGUM, arXiv 2305.11854: 56 tasks, 100 episodes each, success is reward 1, the time limit is ignored",
        note="Neither page seeds nor a step limit are published: those are ours.",
    ),
    Protocol(
        "browsergym125",
        "browsergym125",
        episodes=5,
        first_seed=None,
        max_steps=10,
        rule="raw > 0",
        time=f"the time limit of 1000 s is {_VIRTUAL}",
        source="BrowserGym, arXiv 2412.05467, package 0.14.3: 125 tasks, 5 task seeds each",
        note="Task seeds are 0 to 33 only (2 ^ 32 is 34 in Python), so 590 of the 625 episodes are distinct; the 35 "
        "repeats count twice, as published.",
    ),
    Protocol(
        "pix2act59",
        "pix2act59",
        first_seed=1_201_539_860,
        max_steps=30,
        rule="raw > 0",
        time=f"the time limit of 1 hour is {_VIRTUAL}",
        source="Pix2Act, arXiv 2306.00245; tasks and page seeds as in the evaluation script of its repository",
        note="58 of the 59 tasks: drag-item has no page in the miniwob package. The published script looks at what "
        "came of the first 28 actions only.",
    ),
    Protocol("all", "all"),
    Protocol(
        "split62-63",
        "split63",
        note="BrowserGym's test split, 63 tasks. They are unseen tasks for a policy trained on no others than the "
        "suite split62.",
    ),
)
PROTOCOLS = {protocol.name: protocol for protocol in _ALL}
"""By name."""


def get(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ProtocolError: if there is none.
    """
    if name not in PROTOCOLS:
        raise ProtocolError(f"unknown suite {name!r}; expected one of: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def seeds_of_checkpoint(sha256: str, episodes: int) -> range:
    """Consecutive page seeds whose first follows from a checkpoint's hash.

    Nobody can have chosen a checkpoint by its success on them: another checkpoint has others.

    Args:
        sha256: the checkpoint's, hexadecimal.
        episodes: how many.

    Raises:
        ProtocolError: if there are not so many.
    """
    room = len(CHECKPOINT_SEEDS) - episodes + 1
    if room < 1:
        raise ProtocolError(f"there are {len(CHECKPOINT_SEEDS):,} seeds for checkpoints, {episodes:,} are wanted")
    first = CHECKPOINT_SEEDS.start + int(sha256[:16], 16) % room
    return range(first, first + episodes)


def _overlap(first: int, count: int, seeds: range) -> bool:
    return first < seeds.stop and seeds.start < first + count
