"""``webagent data``: what is in a dataset, as a table and as pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tyro
from rich.console import Console
from rich.progress import track

from data_gen.dataset import DatasetError, observed, read_dataset
from data_gen.files import write_whole
from envs.action import Action
from envs.workers import spread
from policies.start_pages import start_page
from webagent.output import UsageError, check_folder_writable, console
from webagent.protocols import EVALUATION_SEED
from webagent.report import Trace, TraceStep, dataset_page, marks_of
from webagent.table import Column, print_table

SAMPLE = 200
"""Steps per task of which the tokens are counted."""
BLANK = (160, 210)
"""Size at which a step is drawn that has no screenshot."""


@dataclass(frozen=True)
class StatsConfig:
    """Count what a dataset holds, by task.

    examples:
      webagent data stats data/56
      webagent data stats data/56 --evaluation 100
    """

    folder: tyro.conf.Positional[Path]
    """The dataset."""
    tokens: bool = True
    """Count tokens too, as the embedded policy's processor makes them, over a sample of each task's steps."""
    evaluation: int = 0
    """Evaluation pages per task to open in the browser, to see how many of them the dataset starts with too."""
    first_seed: int = EVALUATION_SEED
    """Page seed of the first of them."""
    workers: int = -1
    """Processes that open evaluation pages; -1 is one for each core."""


@dataclass(frozen=True)
class ShowConfig:
    """Write a page with trajectories of a dataset: every step as a picture, the element it acts on marked.

    examples:
      webagent data show data/56 --out shown
      webagent data show data/56 --out shown --tasks book-flight --episodes 5
    """

    folder: tyro.conf.Positional[Path]
    """The dataset."""
    out: Path
    """Folder of the page, index.html."""
    tasks: tuple[str, ...] = ()
    """Only these tasks."""
    source: str = ""
    """Only episodes with a step of this source, such as noise or human."""
    episodes: int = 1
    """Episodes per task, spread over the dataset."""


DataConfig = Annotated[StatsConfig, tyro.conf.subcommand("stats")] | Annotated[ShowConfig, tyro.conf.subcommand("show")]


def data(config: StatsConfig | ShowConfig) -> None:
    """Does what the subcommand says.

    Raises:
        DatasetError: if the folder is no whole dataset.
        UsageError: if there is nothing to show, or the page cannot be written.
    """
    if isinstance(config, StatsConfig):
        stats(config)
    else:
        show(config)


@dataclass(frozen=True)
class TaskStats:
    """What a dataset holds of one task.

    Attributes:
        episodes, steps: how many.
        sources: steps by who chose the action.
        pages: distinct start pages, by instruction and first html.
        tokens: of a sample of steps, as the model reads them; empty where they were not counted.
        size: of its shards in bytes.
        evaluation: evaluation pages opened, and how many of them are start pages here too.
    """

    task: str
    episodes: int
    steps: int
    sources: Counter[str]
    pages: int
    tokens: tuple[int, ...]
    size: int
    evaluation: tuple[int, int] = (0, 0)

    @property
    def repeats(self) -> float:
        """Share of episodes that start like an earlier one."""
        return 1 - self.pages / self.episodes if self.episodes else 0.0


def stats(config: StatsConfig) -> list[TaskStats]:
    """Counts, and prints the table."""
    columns = ["episode_id", "step", "task", "instruction", "html", "action", "last_error", "source"]
    table = read_dataset(config.folder, columns=[*columns, *(("boxes", "refs") if config.tokens else ())])
    names = sorted(table["task"].unique().to_pylist())
    out = console()
    found, starts = [], {}
    for name in track(names, "counting", console=out, transient=True, disable=not out.is_terminal):
        rows = table.filter(pc.field("task") == name)
        firsts = rows.filter(pc.field("step") == 0).select(["instruction", "html"]).to_pylist()
        starts[name] = {_start_page(first) for first in firsts}
        found.append(
            TaskStats(
                name,
                len(firsts),
                rows.num_rows,
                Counter(rows["source"].to_pylist()),
                len(starts[name]),
                tuple(_tokens(rows)) if config.tokens else (),
                sum(path.stat().st_size for path in (config.folder / name).glob("part-*.parquet")),
            )
        )
    if config.evaluation:
        seeds = range(config.first_seed, config.first_seed + config.evaluation)
        jobs = [(name, seeds, starts[name]) for name in names]
        opened = spread(_known, jobs, config.workers)
        known = dict(track(opened, "opening", len(names), console=out, transient=True, disable=not out.is_terminal))
        found = [replace(task, evaluation=(len(seeds), known[task.task])) for task in found]
    _print_table(config, found, out)
    return found


def _tokens(rows: pa.Table) -> Iterator[int]:
    from policies import checkpoint
    from policies.processor import Processor

    processor = Processor.load(checkpoint.locate(None))
    spread = np.linspace(0, rows.num_rows - 1, min(SAMPLE, rows.num_rows)).astype(int)
    for row in rows.take(np.unique(spread)).to_pylist():
        yield len(processor.encode(observed(row)))


def _known(task: str, seeds: range, starts: set[str]) -> tuple[str, int]:
    env = gymnasium.make(f"envs:webagent/{task}-v1", screenshot=False, frame_limit=True)
    try:
        return task, sum(_start_page(env.reset(seed=seed)[0]) in starts for seed in seeds)
    finally:
        env.close()


def _print_table(config: StatsConfig, found: list[TaskStats], out: Console) -> None:
    episodes, steps = sum(task.episodes for task in found), sum(task.steps for task in found)
    columns = [
        ("task", [task.task for task in found], f"{len(found)} tasks"),
        ("episodes", [f"{task.episodes:,}" for task in found], f"{episodes:,}"),
        ("steps", [f"{task.steps:,}" for task in found], f"{steps:,}"),
        ("an episode", [_ratio(task.steps, task.episodes) for task in found], _ratio(steps, episodes)),
    ]
    if config.tokens:
        columns += [
            ("tokens, median", [f"{np.median(task.tokens or (0,)):.0f}" for task in found], ""),
            ("95 %", [f"{np.percentile(task.tokens or (0,), 95):.0f}" for task in found], ""),
        ]
    columns += [
        ("start pages", [f"{task.pages:,}" for task in found], f"{sum(task.pages for task in found):,}"),
        ("repeats", [f"{task.repeats:.0%}" for task in found], ""),
    ]
    if config.evaluation:
        opened, known = np.sum([task.evaluation for task in found], axis=0)
        shares = ["{1} of {0}".format(*task.evaluation) for task in found]
        columns += [("evaluation pages in it", shares, f"{known} of {opened}")]
    size = sum(task.size for task in found)
    columns += [
        ("MB", [f"{task.size / 1e6:.1f}" for task in found], f"{size / 1e6:,.1f}"),
        ("kB a step", [_ratio(task.size / 1e3, task.steps) for task in found], _ratio(size / 1e3, steps)),
        (
            "steps by source",
            [_counts(task.sources) for task in found],
            _counts(sum((t.sources for t in found), Counter())),
        ),
    ]
    words = ("task", "steps by source")
    dispensable = ("kB a step", "95 %", "MB", "repeats", "steps by source", "an episode", "start pages")
    shown = [Column(name, cells, total, words=name in words) for name, cells, total in columns]
    print_table(out, str(config.folder), shown, dispensable, len(found) > 1)


def _ratio(amount: float, count: int) -> str:
    return f"{amount / max(1, count):.1f}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common())


def show(config: ShowConfig) -> Path:
    """Writes the page.

    Returns:
        Its file.
    """
    if config.episodes < 1:
        raise UsageError(f"--episodes must be at least 1, got {config.episodes}")
    check_folder_writable(config.out)
    traces = [_trace(rows) for rows in _chosen(config)]
    page = config.out / "index.html"
    write_whole(page, dataset_page(str(config.folder), traces))
    console().print(f"{len(traces)} episodes: {page} (open it in any browser)")
    return page


def _chosen(config: ShowConfig) -> Iterator[list[dict[str, Any]]]:
    """The rows of each episode to show."""
    index = read_dataset(config.folder, columns=["episode_id", "task", "source"])
    there = index["task"].unique().to_pylist()
    if missing := [task for task in config.tasks if task not in there]:
        raise UsageError(f"the dataset in {config.folder} has no {', '.join(missing)}; it has {', '.join(there)}")
    if config.source:
        index = index.filter(pc.field("source") == config.source)
    names: list[str] = []
    for task in config.tasks or there:
        episodes = index.filter(pc.field("task") == task)["episode_id"].unique().to_pylist()
        spread = np.linspace(0, len(episodes) - 1, min(config.episodes, len(episodes))).astype(int)
        names += [episodes[place] for place in spread]
    if not names:
        raise DatasetError(
            f"no such episode in {config.folder}" + f" with source {config.source}" * bool(config.source)
        )
    table = read_dataset(config.folder).filter(pc.field("episode_id").isin(names))
    for _, rows in groupby(table.to_pylist(), key=lambda row: row["episode_id"]):
        yield list(rows)


def _trace(rows: list[dict[str, Any]]) -> Trace:
    last = rows[-1]
    return Trace(
        task=last["task"],
        seed=last["seed"],
        instruction=rows[0]["instruction"],
        outcome="success" if last["success"] else "failure",
        note=", ".join(dict.fromkeys(row["source"] for row in rows)),
        raw_reward=last["raw_reward"],
        steps=tuple(map(_step, rows)),
        final_picture=b"",
        final_size=(0, 0),
    )


def _step(row: dict[str, Any]) -> TraceStep:
    action = Action.parse(row["action"])
    size = _size(row["screenshot"]) if row["screenshot"] else BLANK
    return TraceStep(
        picture=row["screenshot"] or b"",
        size=size,
        html=row["html"],
        action=row["action"],
        refs=action.refs,
        marks=marks_of(action, observed(row)),
        score=None,
        reward=float(row["raw_reward"] >= 1.0),
        raw_reward=row["raw_reward"],
        error=row["last_error"],
        label=row["label"] or "",
        source=row["source"],
    )


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _start_page(first: Mapping[str, Any]) -> str:
    return start_page(first["instruction"], first["html"])
