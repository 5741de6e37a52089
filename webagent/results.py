"""What a benchmark found: all episodes, their means, and the files that hold them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from webagent.config import BenchConfig
from webagent.episodes import EpisodeResult, TaskResult
from webagent.output import UsageError
from webagent.protocols import Protocol
from webagent.statistics import Interval, mean_interval

SCHEMA = "webagent-benchmark/2"
"""Names the layout of the results file. It is no dataset: evaluation must never pass for training data."""
RESULTS = "results.json"
"""Name of the results file in the folder of a run."""
LOST_LIMIT, RETRIED_LIMIT = 0.01, 0.1
"""A run is not valid if a greater share of its episodes was lost to faults, or run again after one."""

_COLUMNS = pa.schema(
    [
        ("task", pa.string()),
        ("seed", pa.int64()),
        ("instruction", pa.string()),
        ("success", pa.bool_()),
        ("raw_reward", pa.float64()),
        ("steps", pa.int32()),
        ("actions", pa.list_(pa.string())),
        ("end", pa.string()),
        ("note", pa.string()),
        ("page", pa.string()),
        ("retried", pa.string()),
        ("trained", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class BenchResult:
    """All episodes in the order of tasks and seeds, and what they were measured with."""

    config: BenchConfig
    protocol: Protocol
    episodes: tuple[EpisodeResult, ...]
    checkpoint_sha256: str
    provenance: dict[str, Any]
    """See ``data_gen.provenance``; and the ``browser``."""

    @property
    def policy_name(self) -> str:
        return self.config.agent.describe()

    @property
    def warning(self) -> str:
        """What a reader must know about these page seeds; empty for evaluation seeds."""
        return self.protocol.warning()

    @property
    def seeds(self) -> str:
        seeds = [episode.seed for episode in self.episodes]
        return f"{min(seeds):,} - {max(seeds):,}"

    @property
    def distinct(self) -> int:
        """Episodes of different task or page seed."""
        return len({(episode.task, episode.seed) for episode in self.episodes})

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
    def retried(self) -> int:
        return sum(row.retried for row in self.tasks)

    @property
    def invalid(self) -> str:
        """Why these are no results; empty where they are."""
        if unscored := [row.task for row in self.tasks if not row.scored]:
            return f"Not valid: {', '.join(unscored)} without an episode that could be scored{self._fault}."
        if self.faults > LOST_LIMIT * len(self.episodes):
            return f"Not valid: {self.faults} of {len(self.episodes)} episodes were lost to faults{self._fault}."
        if self.retried > RETRIED_LIMIT * len(self.episodes) and self.retried > 1:
            return f"Not valid: {self.retried} of {len(self.episodes)} episodes met a fault{self._fault}."
        return ""

    @property
    def _fault(self) -> str:
        """Of what was lost or run again, what happened first."""
        told = (episode.note if episode.end == "fault" else episode.retried for episode in self.episodes)
        first = next(filter(None, told), "")
        return f"; the first: {first}" if first else ""

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
        return mean_interval([row.successes for row in self.tasks], [row.scored for row in self.tasks])

    @cached_property
    def positive_interval(self) -> Interval:
        return mean_interval([row.positive for row in self.tasks], [row.scored for row in self.tasks])

    @cached_property
    def interval_over_tasks(self) -> Interval:
        """The mean's, if the tasks are taken for a sample of tasks."""
        successes, episodes = [row.successes for row in self.tasks], [row.scored for row in self.tasks]
        return mean_interval(successes, episodes, over_tasks=True)

    @property
    def absent(self) -> dict[str, Any] | None:
        """Of the episodes whose start page does not occur in training: ``episodes``, ``tasks``, mean ``success`` over
        those tasks and its ``interval``. None where the checkpoint does not say."""
        if any(row.absent is None for row in self.tasks):
            return None
        counts = [(row.absent_successes or 0, row.absent or 0) for row in self.tasks if row.absent]
        successes, episodes = [list(column) for column in zip(*counts, strict=True)] or ([], [])
        return {
            "episodes": sum(episodes),
            "tasks": len(episodes),
            "success": _mean([k / n for k, n in counts]),
            "interval": mean_interval(successes, episodes),
        }

    @property
    def facts(self) -> dict[str, str]:
        """What a reader needs to understand and to repeat it."""
        record = self.provenance
        facts = self.protocol.facts() | {"command": self.config.command, "browser": record["browser"]}
        if self.checkpoint_sha256:
            facts["checkpoint"] = f"sha256 {self.checkpoint_sha256}"
        if record["commit"]:
            facts["commit"] = record["commit"]
        if record["dirty"]:
            facts["changed files"] = ", ".join(record["dirty"])
        return facts | {"versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items())}

    def to_json(self) -> str:
        """The results file: equal for equal results, whatever the number of workers and the day."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "config": self.config.what_decides(),
            "protocol": self.protocol.facts(),
            **self.provenance,
            "checkpoint_sha256": self.checkpoint_sha256,
            "warning": self.warning,
            "invalid": self.invalid,
            "mean": {
                "success": self.mean,
                "interval": self.mean_interval,
                "interval_over_tasks": self.interval_over_tasks,
                "positive": self.positive_mean,
                "positive_interval": self.positive_interval,
                "steps": self.mean_steps,
                "episodes": len(self.episodes),
                "distinct": self.distinct,
                "scored": self.scored,
                "faults": self.faults,
                "retried": self.retried,
                "absent_from_training": self.absent,
            },
            "tasks": [asdict(row) | {"success": row.rate, "interval": row.interval} for row in self.tasks],
            "episodes": [asdict(episode) for episode in self.episodes],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def to_parquet(self) -> bytes:
        """The episodes as a parquet file, a row each; equal for equal results."""
        rows = pa.Table.from_pylist([asdict(episode) for episode in self.episodes], schema=_COLUMNS)
        sink = io.BytesIO()
        pq.write_table(rows.replace_schema_metadata({"schema": SCHEMA}), sink, compression="zstd")
        return sink.getvalue()


def read_results(path: Path) -> BenchResult:
    """Reads a results file, or that of a run's folder.

    Raises:
        UsageError: if there is none, or it is none of ours.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise UsageError(f"{file} has the layout {content['schema']!r}; this version of webagent reads {SCHEMA}")
        config = BenchConfig.read(content["config"])
        return BenchResult(
            config,
            config.protocol(content["checkpoint_sha256"]),
            tuple(map(EpisodeResult.read, content["episodes"])),
            content["checkpoint_sha256"],
            {name: content[name] for name in ("versions", "commit", "dirty", "browser")},
        )
    except OSError as error:
        raise UsageError(
            f"no results at {file}: {error.strerror}; expected a results file or a finished run"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{file} is no results file of webagent bench: {error!r}") from error


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
