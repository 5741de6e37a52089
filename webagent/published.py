"""Published success rates of other agents, with their sources: ``published.csv``.

A figure compares with ours only where tasks and success rule are the same; ``differences`` says where they are not.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from envs import tasks as task_table
from webagent.results import BenchResult


@dataclass(frozen=True)
class Published:
    """One published mean.

    Attributes:
        agent: its name, with what it was trained on.
        size: parameters, as printed; empty where they are not.
        tasks: how many; None where that is not said.
        suite: the protocol whose tasks these are; empty for a selection of its own.
        rule: ``strict`` or ``raw > 0``; empty where it is not said.
        success: mean over tasks, from 0 to 1.
        source: where it is printed, and what is doubtful about it.
    """

    agent: str
    size: str
    tasks: int | None
    suite: str
    rule: str
    success: float
    source: str


@lru_cache(maxsize=1)
def table() -> tuple[Published, ...]:
    """All of them, in the file's order."""
    with open(Path(__file__).with_name("published.csv"), newline="", encoding="utf-8") as file:
        return tuple(map(_read, csv.DictReader(file)))


def beside(result: BenchResult) -> list[tuple[Published, str]]:
    """Those on the same tasks as a run, best first, each with what else differs; none for tasks of one's own."""
    if {row.task for row in result.tasks} != {task.name for task in task_table.select(result.protocol.suite)}:
        return []
    same = [row for row in table() if row.suite == result.protocol.name]
    return [(row, differences(row, result)) for row in sorted(same, key=lambda row: -row.success)]


def apart(result: BenchResult) -> list[tuple[Published, str]]:
    """All the others, best first, each with what differs."""
    same = {row for row, _ in beside(result)}
    others = sorted((row for row in table() if row not in same), key=lambda row: -row.success)
    return [(row, differences(row, result)) for row in others]


def differences(row: Published, result: BenchResult) -> str:
    """What keeps a published figure from being compared with a run's; empty where nothing does."""
    found = []
    if row.suite != result.protocol.name:
        found.append("other tasks" if row.tasks is None else f"{row.tasks} other tasks")
    elif row.tasks != len(result.tasks):
        found.append(f"{row.tasks} tasks, here {len(result.tasks)} of them")
    if not row.rule:
        found.append("success rule not stated")
    elif row.rule != result.protocol.rule:
        found.append(f"other success rule: {row.rule}")
    return ", ".join(found)


def _read(row: dict[str, str]) -> Published:
    tasks = int(row["tasks"]) if row["tasks"] else None
    texts = {name: row[name] for name in ("agent", "size", "suite", "rule", "source")}
    return Published(tasks=tasks, success=float(row["success"]) / 100, **texts)
