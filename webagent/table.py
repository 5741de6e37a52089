"""The results of a benchmark as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from webagent.results import BenchResult


def print_results(result: BenchResult, console: Console) -> None:
    """Prints the table by task, the means below it, and what must be known about them."""
    table = Table(
        title=f"MiniWoB++, {result.protocol.name}: {result.policy_name}, page seeds {result.seeds}",
        title_justify="left",
        show_footer=len(result.tasks) > 1,
    )
    low, high = result.mean_interval
    table.add_column("task", footer="mean over tasks", no_wrap=True)
    table.add_column("success", justify="right", footer=f"{result.mean:.1%}", style="bold")
    table.add_column("95 % interval", justify="right", footer=f"{low:.1%} - {high:.1%}")
    table.add_column("raw > 0", justify="right", footer=f"{result.positive_mean:.1%}")
    table.add_column("steps", justify="right", footer=f"{result.mean_steps:.1f}")
    table.add_column("episodes", justify="right", footer=str(result.scored))
    table.add_column("pages", justify="right", footer=str(sum(row.pages for row in result.tasks)))
    table.add_column("faults", justify="right", footer=str(result.faults))
    table.add_column("failures")
    for row in result.tasks:
        table.add_row(
            row.task,
            f"{row.rate:.0%}" if row.scored else "-",
            f"{row.interval.low:.0%} - {row.interval.high:.0%}",
            f"{row.positive_rate:.0%}" if row.scored else "-",
            f"{row.mean_steps:.1f}",
            str(row.scored),
            str(row.pages),
            str(row.faults),
            row.failures,
        )
    console.print(table)
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
        lines.append(f"{result.retried} episodes met a fault of the browser and were run again.")
    return [line for line in lines if line]
