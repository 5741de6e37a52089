"""``webagent bench``: a policy on MiniWoB++ tasks, over page seeds that training never sees.

The work is cut into units that any process can run (``webagent.units``), so the results are the same for any number of
workers; each unit is stored as it ends (``webagent.store``), so a killed run goes on with what is missing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from data_gen.files import write_whole
from data_gen.provenance import provenance
from envs import browser
from envs.workers import BackendError, spread
from policies import start_pages
from webagent.agents import Agent
from webagent.config import BenchConfig
from webagent.episodes import EpisodeResult
from webagent.judge import judge
from webagent.output import STDOUT, console, write_json
from webagent.protocols import EVALUATION_SEED
from webagent.report import Trace, benchmark_page
from webagent.results import RESULTS, SCHEMA, BenchResult
from webagent.store import RunFolder
from webagent.table import print_results
from webagent.units import Unit, UnitResult, plan, run_unit

__all__ = ["EVALUATION_SEED", "BenchConfig", "BenchmarkError", "bench"]


class BenchmarkError(RuntimeError):
    """A run that cannot go on. The message says what to do."""


def bench(config: BenchConfig) -> BenchResult:
    """Runs the benchmark, or what is left of it, prints the table, writes the files that were asked for.

    Raises:
        UsageError: if the configuration cannot be run, its results could not be written, or the second judge breaks,
            before the run or after its results are written.
        ProtocolError: if there is no such protocol, or it has no page seeds for a task.
        UnknownTask: if a task is not in the table.
        CheckpointError: if the policy is not a checkpoint.
        NoOracle: if a task has no oracle.
        BrowserError: if no browser can be found or started.
        BenchmarkError: if the browser changed, or a worker was killed.
    """
    out = console(stderr=config.json == STDOUT)
    config.check()
    if config.second_judge is not None:
        judge((), config.second_judge, out)  # whether it starts and answers, before the work
    checkpoint = config.agent.checkpoint_sha256()
    protocol = config.protocol(checkpoint)
    units, keys = plan(config, protocol)
    trained = _start_pages(config.agent)
    record = provenance() | {"browser": browser.shared().version}
    identity = {
        "schema": SCHEMA,
        "config": config.what_decides(),
        "checkpoint_sha256": checkpoint,
        "pictures": config.pictures,
        "failures": config.failures,
        **({"policy": config.agent.identity()} if config.agent.code else {}),
        **record,
    }
    with ExitStack() as stack:
        folder = config.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webagent-bench-")))
        store = RunFolder(folder, identity, config.overwrite)
        episodes = _run(config, units, store, record["browser"], out)
        if trained is not None:
            known = {key: start_pages.contains(trained, episode.page) for key, episode in episodes.items()}
            episodes = {key: replace(episode, trained=known[key]) for key, episode in episodes.items()}
        result = BenchResult(config, protocol, tuple(episodes[key] for key in keys), checkpoint, record)
        print_results(result, out)
        if config.out is not None:
            store.close({RESULTS: result.to_json(), "episodes.parquet": result.to_parquet()})
            out.print(f"run:     {config.out} (its page: {config.out / 'index.html'})")
        if config.json is not None:
            write_json(config.json, result.to_json())
            out.print(f"results: {config.json}")
        if config.report is not None:
            out.print(f"page:    {config.report / 'index.html'} (open it in any browser)")
        traces = store.traces(keys)
        _write_pages(config, result, traces)
        if config.second_judge is not None:
            judgement = judge(result.episodes, config.second_judge, out)
            judgement.print(out)
            if config.out is not None:
                write_whole(config.out / "second_judge.json", judgement.to_json())
            _write_pages(config, result, traces, judgement.sentence)
    return result


def _write_pages(config: BenchConfig, result: BenchResult, traces: list[Trace], *remarks: str) -> None:
    for folder in (config.out, config.report):
        if folder is not None:
            write_whole(folder / "index.html", benchmark_page(result, traces, remarks))


def _run(
    config: BenchConfig, units: list[Unit], store: RunFolder, browser_build: str, out: Console
) -> dict[tuple[str, int], EpisodeResult]:
    """Runs the units that are not stored yet. Returns the episodes of all, by task and page seed."""
    stored = {unit.name: found for unit in units if (found := store.finished(unit)) is not None}
    missing = [unit for unit in units if unit.name not in stored]
    episodes = {(episode.task, episode.seed): episode for found in stored.values() for episode in found}
    if episodes:
        out.print(f"{len(episodes):,} episodes are there already")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        total = sum(len(unit.seeds) for unit in units)
        bar = progress.add_task("episodes", total=total, completed=len(episodes))
        for unit, result in _run_units(missing, config):
            if result.browser != browser_build:
                raise BenchmarkError(f"the browser is {result.browser}, it was {browser_build}: begin a new run")
            store.put(unit, result)
            episodes |= {(episode.task, episode.seed): episode for episode in result.episodes}
            won = sum(episode.success for episode in episodes.values())
            progress.update(bar, completed=len(episodes), description=f"{won / len(episodes):.0%} success")
    return episodes


def _run_units(units: list[Unit], config: BenchConfig) -> Iterator[tuple[Unit, UnitResult]]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    if not units:
        return
    try:
        yield from spread(_run_named, [(unit,) for unit in units], config.workers, config.backend)
    except BackendError as error:
        raise BenchmarkError(str(error)) from error
    except TerminatedWorkerError as error:
        raise BenchmarkError(
            "a worker process was killed, perhaps for lack of memory; the same command with --out goes on, "
            "fewer --workers need less"
        ) from error


def _run_named(unit: Unit) -> tuple[Unit, UnitResult]:
    return unit, run_unit(unit)


def _start_pages(agent: Agent):
    """The start pages of a checkpoint's training, uint64; None where it has no list, or is no checkpoint."""
    if not agent.learnt:
        return None
    from policies import checkpoint

    return start_pages.read(checkpoint.locate(agent.folder))
