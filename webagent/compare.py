"""``webagent compare``: two runs on the same page seeds, and the episodes in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.table import Table

from data_gen.files import write_whole
from webagent.episodes import EpisodeResult
from webagent.output import UsageError, check_folder_writable, console
from webagent.paired import Comparison, Pairs
from webagent.report import Trace, comparison_page
from webagent.results import BenchResult, read_results
from webagent.store import stored_traces


@dataclass(frozen=True)
class CompareConfig:
    """Compare two runs of `webagent bench` episode by episode.

    Only episodes that both have, by task and page seed, and that neither lost to a fault, are compared.

    examples:
      webagent compare runs/first runs/second
      webagent compare runs/first runs/second --report compared
    """

    first: tyro.conf.Positional[Path]
    """Folder of a run, or its results file."""
    second: tyro.conf.Positional[Path]
    """The other."""
    report: Path | None = None
    """Write a page, index.html, into this folder: it shows the episodes in which the two differ."""


@dataclass(frozen=True)
class Different:
    """An episode that only one of two runs solved, with the traces that they stored of it."""

    first: EpisodeResult
    second: EpisodeResult
    traces: tuple[Trace | None, Trace | None] = (None, None)

    @property
    def winner(self) -> str:
        return "first" if self.first.success else "second"

    @property
    def parting(self) -> int:
        """Number of the first step, from 0, at which they did different things."""
        pairs = zip(self.first.actions, self.second.actions, strict=False)
        same = next((number for number, (a, b) in enumerate(pairs) if a != b), None)
        return min(self.first.steps, self.second.steps) if same is None else same


def compare(config: CompareConfig) -> Comparison:
    """Prints the comparison, and writes its page where one is asked for.

    Raises:
        UsageError: if a run cannot be read, or the two share no episode.
    """
    if config.report is not None:
        check_folder_writable(config.report)
    runs = read_results(config.first), read_results(config.second)
    comparison, different = compare_results(*runs)
    names = names_of(config, runs)
    out = console()
    out.print(_table(comparison, names))
    sentence = comparison.sentence(*names)
    out.print(sentence)
    warnings = differences_of_method(*runs)
    for line in warnings:
        out.print(line, style="yellow")
    if config.report is not None:
        shown = [_with_traces(episode, config) for episode in different]
        page = config.report / "index.html"
        write_whole(page, comparison_page(names, runs, comparison, sentence, warnings, shown))
        out.print(f"page: {page} (open it in any browser)")
    return comparison


def compare_results(first: BenchResult, second: BenchResult) -> tuple[Comparison, list[Different]]:
    """Pairs the episodes of two runs.

    Returns:
        The counts by task, and the episodes that only one of the two solved.

    Raises:
        UsageError: if they have no episode in common.
    """
    ones, others = ({(e.task, e.seed): e for e in result.episodes if e.end != "fault"} for result in (first, second))
    tasks: dict[str, list[int]] = {}
    different = []
    for key, one in ones.items():
        if (other := others.get(key)) is None:
            continue
        tasks.setdefault(one.task, [0, 0, 0, 0])[2 * (not one.success) + (not other.success)] += 1
        if one.success != other.success:
            different.append(Different(one, other))
    if not tasks:
        raise UsageError(
            f"the two runs have no episode of the same task and page seed: the first has {len(first.tasks)} tasks, "
            f"page seeds {first.seeds}, the second {len(second.tasks)}, {second.seeds}; measure both with the same "
            "--suite and page seeds"
        )
    return Comparison(tuple(Pairs(task, *counts) for task, counts in tasks.items())), different


def differences_of_method(first: BenchResult, second: BenchResult) -> list[str]:
    """What else differs between two runs than the policy; nothing where they were measured alike."""
    found = []
    if first.protocol.max_steps != second.protocol.max_steps:
        found.append("The step limits differ.")
    if (one := first.provenance["browser"]) != (other := second.provenance["browser"]):
        found.append(f"The browsers differ: {one}, {other}.")
    if (one := first.provenance["versions"]["miniwob"]) != (other := second.provenance["versions"]["miniwob"]):
        found.append(f"The task pages differ: miniwob {one}, {other}.")
    code = ("commit", "dirty")
    if [first.provenance[name] for name in code] != [second.provenance[name] for name in code]:
        found.append("They were measured with different code of webagent.")
    return found


def names_of(config: CompareConfig, runs: tuple[BenchResult, BenchResult]) -> tuple[str, str]:
    """What to call two runs: their policies, without how they were asked where that is the same, or their folders."""
    first, second = (run.config.agent for run in runs)
    if first.describe() == second.describe():
        return str(config.first), str(config.second)
    if first.describe().removeprefix(first.name) == second.describe().removeprefix(second.name):
        return first.name, second.name
    return first.describe(), second.describe()


def _with_traces(episode: Different, config: CompareConfig) -> Different:
    key = [(episode.first.task, episode.first.seed)]
    one, other = ([*stored_traces(run, key), None][0] for run in (config.first, config.second))
    return Different(episode.first, episode.second, (one, other))


def _table(comparison: Comparison, names: Sequence[str]) -> Table:
    table = Table(title="strict success on the same pages", title_justify="left", show_footer=len(comparison.tasks) > 1)
    table.add_column("task", footer="mean over tasks", no_wrap=True)
    table.add_column("episodes", justify="right", footer=str(comparison.episodes))
    table.add_column(names[0], justify="right", footer=f"{comparison.first:.1%}")
    table.add_column(names[1], justify="right", footer=f"{comparison.second:.1%}")
    table.add_column("only the first", justify="right", footer=str(comparison.only_first))
    table.add_column("only the second", justify="right", footer=str(comparison.only_second))
    for pairs in comparison.tasks:
        table.add_row(
            pairs.task,
            str(pairs.episodes),
            f"{pairs.first:.0%}",
            f"{pairs.second:.0%}",
            str(pairs.only_first or ""),
            str(pairs.only_second or ""),
        )
    return table
