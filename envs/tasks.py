"""The task table: what is known about each MiniWoB++ page before it is opened. The facts are in ``tasks.csv``."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

COLUMNS = ("webgum56", "browsergym125", "pix2act59", "thin16")
"""The suites that the table has a column for."""
SUITES = ("all", *COLUMNS, "split62", "split63")
"""split62 and split63 are BrowserGym's two splits, train and test."""

PAGE_SEEDS = range(2**53)
"""All page seeds: a page's numbers are JavaScript's, which cannot tell larger ones apart."""


class UnknownTask(ValueError):
    """A task or suite that is not in the table."""


@dataclass(frozen=True)
class Task:
    """One MiniWoB++ page.

    Attributes:
        name: as in its file's name, e.g. ``click-button``.
        category: where it comes from (original, debug, nodelay, additional, hidden test, extra).
        split: BrowserGym's split, ``train`` or ``test``; empty for pages it leaves out.
        suites: the suites of ``SUITES`` it belongs to.
        max_steps: step limit of an episode.
        tick_ms: milliseconds of page time that pass with each action.
        success_threshold: the raw reward from which on ``reward`` is 1.0.
        reload: whether the page keeps state of its own from one episode to the next and has to be loaded anew.
        note: why, where one of these is not what most tasks have.
    """

    name: str
    category: str
    split: str
    suites: tuple[str, ...]
    max_steps: int
    tick_ms: int
    success_threshold: float
    reload: bool
    note: str


@lru_cache(maxsize=1)
def table() -> dict[str, Task]:
    """All tasks by name, in alphabetical order."""
    with open(Path(__file__).with_name("tasks.csv"), newline="", encoding="utf-8") as file:
        return {row["task"]: _read(row) for row in csv.DictReader(file)}


def _read(row: dict[str, str]) -> Task:
    return Task(
        name=row["task"],
        category=row["category"],
        split=row["split"],
        suites=tuple(suite for suite in SUITES if _belongs(row, suite)),
        max_steps=int(row["max_steps"]),
        tick_ms=int(row["tick_ms"]),
        success_threshold=float(row["success_threshold"]),
        reload=row["reload"] == "1",
        note=row["note"],
    )


def _belongs(row: dict[str, str], suite: str) -> bool:
    splits = {"split62": "train", "split63": "test"}
    return suite == "all" or (row["split"] == splits[suite] if suite in splits else row[suite] == "1")


def get(name: str) -> Task:
    """The task of that name.

    Raises:
        UnknownTask: if there is none; the message names the nearest ones.
    """
    try:
        return table()[name]
    except KeyError:
        near = difflib.get_close_matches(name, table(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`webagent tasks` lists them all"
        raise UnknownTask(f"unknown task {name!r}; {hint}") from None


def select(suite: str = "all", names: Iterable[str] = ()) -> list[Task]:
    """The tasks of those names, or where none is given all of a suite, in the table's order.

    Raises:
        UnknownTask: for an unknown task or suite.
    """
    names = list(names)
    if names:
        return [get(name) for name in names]
    if suite not in SUITES:
        raise UnknownTask(f"unknown suite {suite!r}; expected one of: {', '.join(SUITES)}")
    return [task for task in table().values() if suite in task.suites]
