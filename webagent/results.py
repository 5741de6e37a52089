"""What a benchmark found: episodes, their sums by task, and the file and table that show them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from envs.loop import Episode
from webagent.statistics import Interval, bootstrap_mean_interval, wilson_interval

if TYPE_CHECKING:
    from webagent.benchmark import BenchConfig

SCHEMA = "webagent-benchmark/1"
"""Names the layout of the results file. It is no dataset: evaluation must never pass for training data."""


def start_page(first: Mapping[str, Any]) -> str:
    """Names an episode's start page: a hash of the instruction and html of its first observation."""
    return hashlib.sha256((first["instruction"] + "\0" + first["html"]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class EpisodeResult:
    """One episode. ``end`` is ``terminated`` (by the page), ``truncated`` (step limit), ``lost`` or ``fault``."""

    task: str
    seed: int
    success: bool
    """The strict rule."""
    raw_reward: float
    steps: int
    actions: tuple[str, ...]
    end: str
    note: str
    """What the fault was, or why the policy gave up (``lost``, which is no success)."""
    page: str
    """Names the start page; see ``start_page``."""

    @classmethod
    def of(cls, episode: Episode, note: str = "") -> EpisodeResult:
        """Keeps of an episode what the results file keeps.

        Args:
            episode: as the loop left it.
            note: why the policy gave up, where it did.
        """
        first = episode.steps[0].observation if episode.steps else episode.final_observation
        end = "fault" if episode.fault else "lost" if note else "terminated" if episode.terminated else "truncated"
        return cls(
            task=episode.task,
            seed=int(episode.seed or 0),
            success=bool(episode.success),
            raw_reward=float(episode.raw_reward),
            steps=len(episode.steps),
            actions=tuple(str(step.action) for step in episode.steps),
            end=end,
            note=episode.fault or note,
            page=start_page(first or {"instruction": "", "html": ""}),
        )

    @property
    def cause(self) -> str:
        """Why it failed, as far as the environment can tell; empty for a success or a fault."""
        if self.success or self.end == "fault":
            return ""
        if self.end != "terminated":
            return {"lost": "policy gave up", "truncated": "out of steps"}[self.end]
        return "partly right" if self.raw_reward > 0 else "wrong"


@dataclass(frozen=True)
class TaskResult:
    """The episodes of one task, summed up. Rates are over ``scored``, the episodes without a fault."""

    task: str
    scored: int
    successes: int
    positive: int
    """Successes by BrowserGym's rule: raw reward > 0."""
    faults: int
    pages: int
    """Distinct start pages."""
    mean_steps: float
    causes: dict[str, int]
    """Of the failures."""

    @classmethod
    def of(cls, task: str, episodes: Sequence[EpisodeResult]) -> TaskResult:
        """Sums up the episodes of one task."""
        scored = [episode for episode in episodes if episode.end != "fault"]
        return cls(
            task=task,
            scored=len(scored),
            successes=sum(episode.success for episode in scored),
            positive=sum(episode.raw_reward > 0 for episode in scored),
            faults=len(episodes) - len(scored),
            pages=len({episode.page for episode in scored}),
            mean_steps=sum(episode.steps for episode in scored) / max(1, len(scored)),
            causes=dict(Counter(episode.cause for episode in scored if episode.cause).most_common()),
        )

    @property
    def rate(self) -> float:
        return self.successes / max(1, self.scored)

    @property
    def positive_rate(self) -> float:
        return self.positive / max(1, self.scored)

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.successes, self.scored)

    @property
    def failures(self) -> str:
        return ", ".join(f"{count} {cause}" for cause, count in self.causes.items())


@dataclass(frozen=True)
class BenchResult:
    """All episodes in the order of tasks and seeds, and what they were measured with."""

    config: BenchConfig
    episodes: tuple[EpisodeResult, ...]
    browser: str
    checkpoint_sha256: str
    versions: dict[str, str]

    @property
    def policy_name(self) -> str:
        return self.config.agent.describe()

    @property
    def seeds(self) -> str:
        return f"{self.config.seeds[0]:,} - {self.config.seeds[-1]:,}"

    @cached_property
    def tasks(self) -> list[TaskResult]:
        by_task: dict[str, list[EpisodeResult]] = {}
        for episode in self.episodes:
            by_task.setdefault(episode.task, []).append(episode)
        return [TaskResult.of(task, episodes) for task, episodes in by_task.items()]

    @property
    def scored(self) -> int:
        return sum(row.scored for row in self.tasks)

    @property
    def faults(self) -> int:
        return sum(row.faults for row in self.tasks)

    @property
    def mean(self) -> float:
        """Mean strict success over the tasks that have a scored episode."""
        return _mean([row.rate for row in self.tasks if row.scored])

    @property
    def positive_mean(self) -> float:
        return _mean([row.positive_rate for row in self.tasks if row.scored])

    @property
    def mean_steps(self) -> float:
        return _mean([row.mean_steps for row in self.tasks if row.scored])

    @cached_property
    def mean_interval(self) -> Interval:
        return bootstrap_mean_interval([row.successes for row in self.tasks], [row.scored for row in self.tasks])

    @property
    def provenance(self) -> dict[str, str]:
        """What a reader needs to repeat it."""
        facts = {"command": self.config.command, "browser": self.browser}
        if self.checkpoint_sha256:
            facts["checkpoint"] = f"sha256 {self.checkpoint_sha256}"
        return facts | {"versions": ", ".join(f"{name} {version}" for name, version in self.versions.items())}

    def to_json(self) -> str:
        """The results file: equal for equal results, whatever the number of workers and the day."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "config": self.config.what_decides(),
            "versions": self.versions,
            "browser": self.browser,
            "checkpoint_sha256": self.checkpoint_sha256,
            "warning": self.config.warning,
            "mean": {
                "success": self.mean,
                "interval": self.mean_interval,
                "positive": self.positive_mean,
                "steps": self.mean_steps,
                "scored": self.scored,
                "faults": self.faults,
            },
            "tasks": [asdict(row) | {"success": row.rate, "interval": row.interval} for row in self.tasks],
            "episodes": [asdict(episode) for episode in self.episodes],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def print(self, console: Console) -> None:
        """Prints the table by task, with the mean below it."""
        table = Table(
            title=f"MiniWoB++: {self.policy_name}, seeds {self.seeds}",
            title_justify="left",
            show_footer=len(self.tasks) > 1,
        )
        low, high = self.mean_interval
        table.add_column("task", footer="mean over tasks", no_wrap=True)
        table.add_column("success", justify="right", footer=f"{self.mean:.1%}", style="bold")
        table.add_column("95 % interval", justify="right", footer=f"{low:.1%} - {high:.1%}")
        table.add_column("raw > 0", justify="right", footer=f"{self.positive_mean:.1%}")
        table.add_column("steps", justify="right", footer=f"{self.mean_steps:.1f}")
        table.add_column("episodes", justify="right", footer=str(self.scored))
        table.add_column("faults", justify="right", footer=str(self.faults))
        table.add_column("failures")
        for row in self.tasks:
            table.add_row(
                row.task,
                f"{row.rate:.0%}" if row.scored else "-",
                f"{row.interval.low:.0%} - {row.interval.high:.0%}",
                f"{row.positive_rate:.0%}" if row.scored else "-",
                f"{row.mean_steps:.1f}",
                str(row.scored),
                str(row.faults),
                row.failures,
            )
        console.print(table)
        if self.config.warning:
            console.print(self.config.warning, style="yellow")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
