"""Scripted experts by family of task, found through one registry.

``get("click-button")`` is a Policy that solves its task and sees only the observations since reset.
"""

from __future__ import annotations

import difflib

from data_gen.oracles import (  # noqa: F401 (fill the registry)
    choices,
    clicks,
    colours,
    cube,
    daily,
    dates,
    drag,
    email,
    flights,
    forms,
    games,
    geometry,
    marking,
    memory,
    menus,
    moving,
    numbers,
    reading,
    search,
    shapes,
    sliders,
    social,
    sorting,
    terminal,
    text_entry,
    trees,
)
from data_gen.oracles.base import REGISTRY, Entry, NoOracle, Oracle, OracleError, Page

__all__ = ["Entry", "NoOracle", "Oracle", "OracleError", "Page", "entry", "get", "names"]


def names() -> list[str]:
    """The tasks that have an oracle, sorted."""
    return sorted(REGISTRY)


def entry(task: str) -> Entry:
    """The registry's line for a task.

    Raises:
        NoOracle: if there is none.
    """
    if task not in REGISTRY:
        near = difflib.get_close_matches(task, names(), 3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise NoOracle(f"no oracle for task {task!r}{hint} ({len(REGISTRY)} tasks have one)")
    return REGISTRY[task]


def get(task: str, seed: int = 0) -> Oracle:
    """An oracle for a task.

    Args:
        task: a name of ``names()``.
        seed: of the choices that the oracle makes at random, if any.

    Raises:
        NoOracle: if there is none.
    """
    return Oracle(entry(task).rule, seed)
