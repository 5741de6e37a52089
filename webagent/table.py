"""Tables in the terminal, of a benchmark's results above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from webagent.episodes import TaskResult
from webagent.results import BenchResult


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its heading.
        cells: what stands below it, row by row.
        footer: what stands under them.
        words: whether they are words, and not numbers, which stand to the right.
        breaks: whether a cell may go on in a line of its own.
        style: rich's.
    """

    name: str
    cells: Sequence[str]
    footer: str = ""
    words: bool = False
    breaks: bool = False
    style: str = ""


def print_table(
    console: Console, title: str, columns: Sequence[Column], dispensable: Sequence[str] = (), footer: bool = False
) -> None:
    """Prints a table as wide as the terminal at most, with no number cut short.

    Args:
        console: where to.
        title: stands above it.
        columns: all of them.
        dispensable: names of those that may be left out, the first ones first, where there is no room.
        footer: whether to show the footers.
    """
    left_out: list[str] = []
    wide = console.options.update(width=10_000, max_width=10_000)
    while True:
        table = Table(title=title, title_justify="left", show_footer=footer)
        shown = [column for column in columns if column.name not in left_out]
        for column in shown:
            justify: Literal["left", "right"] = "left" if column.words else "right"
            whole = 0 if column.breaks else max(map(cell_len, (column.name, column.footer, *column.cells)))
            table.add_column(column.name, column.footer, justify=justify, style=column.style, min_width=whole)
        for row in zip(*(column.cells for column in shown), strict=True):
            table.add_row(*row)
        if len(left_out) == len(dispensable) or Measurement.get(console, wide, table).minimum <= console.width:
            break
        left_out.append(dispensable[len(left_out)])
    console.print(table)
    if left_out:
        console.print(f"left out, for want of room: {', '.join(left_out)}", style="dim")


def print_results(result: BenchResult, console: Console) -> None:
    """Prints the table by task, the means below it, and what must be known about them."""
    low, high = result.mean_interval
    rows = result.tasks
    columns = (
        Column("task", [row.task for row in rows], "mean over tasks", words=True),
        Column("success", [_share(row, row.rate) for row in rows], f"{result.mean:.1%}", style="bold"),
        Column(
            "95 % interval",
            [f"{row.interval.low:.0%} - {row.interval.high:.0%}" for row in rows],
            f"{low:.1%} - {high:.1%}",
        ),
        Column("raw > 0", [_share(row, row.positive_rate) for row in rows], f"{result.positive_mean:.1%}"),
        Column("steps", [f"{row.mean_steps:.1f}" for row in rows], f"{result.mean_steps:.1f}"),
        Column("episodes", [str(row.scored) for row in rows], str(result.scored)),
        Column("pages", [str(row.pages) for row in rows], str(sum(row.pages for row in rows))),
        Column("faults", [str(row.faults) for row in rows], str(result.faults)),
        Column("failures", [row.failures for row in rows], words=True, breaks=True),
    )
    title = f"MiniWoB++, {result.protocol.name}: {result.policy_name}, page seeds {result.seeds}"
    dispensable = ["pages", "raw > 0", "episodes", "steps"]
    print_table(console, title, columns, dispensable if result.faults else ["faults", *dispensable], len(rows) > 1)
    for line in sentences(result):
        console.print(line)
    for line in (result.warning, result.invalid):
        if line:
            console.print(line, style="yellow")


def sentences(result: BenchResult) -> list[str]:
    """The figures in words: both rules, how many episodes are distinct and absent from training, faults."""
    low, high = result.mean_interval
    wide_low, wide_high = result.interval_over_tasks
    positive_low, positive_high = result.positive_interval
    lines = [
        f"Strict success {result.mean:.1%} (95 % interval {low:.1%} - {high:.1%} for these tasks; "
        f"{wide_low:.1%} - {wide_high:.1%} if they are taken for a sample of tasks).",
        f"BrowserGym's rule, raw reward > 0: {result.positive_mean:.1%} ({positive_low:.1%} - {positive_high:.1%}).",
        f"The published figures of {result.protocol.name} follow the "
        f"{'strict rule' if result.protocol.rule == 'strict' else 'rule raw reward > 0'}."
        if result.protocol.source
        else "",
        f"{len(result.episodes):,} episodes, {result.distinct:,} of them distinct, "
        f"{sum(row.pages for row in result.tasks):,} start pages.",
    ]
    if absent := result.absent:
        low, high = absent["interval"]
        lines.append(
            f"Absent from training: {absent['episodes']:,} episodes of {absent['tasks']} tasks; strict success on them "
            f"{absent['success']:.1%} ({low:.1%} - {high:.1%})."
            if absent["episodes"]
            else "Absent from training: no episode; every start page occurs in training."
        )
    elif result.config.agent.learnt:
        lines.append("Absent from training: not known; the checkpoint has no list of its start pages.")
    if result.retried:
        first = next(episode.retried for episode in result.episodes if episode.retried)
        lines.append(f"{result.retried} episodes met a fault and were run again; the first: {first}")
    return [line for line in lines if line]


def _share(row: TaskResult, rate: float) -> str:
    return f"{rate:.0%}" if row.scored else "-"
