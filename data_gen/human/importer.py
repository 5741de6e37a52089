"""Folders of human demonstrations as a dataset of trajectories: ``webagent import-demos FOLDER --out DATASET``.

Reads every ``<task>/<name>.json.gz`` below FOLDER. The rows are those of ``data_gen.dataset``, with neither page seed
nor screenshot; ``episode_id`` is ``<task>/<name>``, the task's name not repeated. A demonstration is converted whole or
left out; those left out stand in ``unconverted.jsonl`` beside the dataset, with their cause.

The source is ``human`` for a clean demonstration and ``human-noisy`` for any other. Clean is one that solved its task
and in which no step was of no use, as far as that shows. Of no use are

- a click or a drag where nothing is, or from which nothing follows, not even that something gets the focus;
- a key that changes nothing;
- typing what is taken back at once, choosing what is chosen anew, typing twice in a row into one field;
- doing the same twice where nothing changed;
- what leads back to a page that was there before.

Scrolling is no detour, and mistypings that were mended before the person went on to something else are not seen: one
``type`` stands for all that happened in the field.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import joblib
import tyro
from rich.console import Console
from rich.table import Column, Table

from data_gen.dataset import DatasetWriter, Row, episode_rows
from data_gen.files import write_whole
from data_gen.human.agreement import LEGEND, Agreement, agree, agreement_table
from data_gen.human.episode import convert, is_solved
from data_gen.human.events import Unconvertible
from data_gen.provenance import provenance
from data_gen.shards import Shard, write_shard
from envs import tasks
from envs.workers import spread

UNCONVERTED = "unconverted.jsonl"
"""Beside ``dataset.json``: one JSON object a line for each demonstration that is not in the dataset."""

CLEAN, NOISY = "human", "human-noisy"


class ImportDemosError(ValueError):
    """Demonstrations that cannot be imported as asked. The message says what to change."""


@dataclass(frozen=True)
class ImportDemosConfig:
    """Make a dataset of the public human demonstrations of MiniWoB++.

    They are at https://github.com/stanfordnlp/miniwob-plusplus-demos (Liu et al. 2018, arXiv 1802.08802). Every
    TASK/NAME.json.gz below the folder is read; what cannot be converted whole is left out, and stands in
    unconverted.jsonl with its cause.

    examples:
      webagent import-demos miniwob-plusplus-demos --out data/human
      webagent import-demos miniwob-plusplus-demos/clean-demos --tasks login-user --out data/login --agreement
      webagent train --data data/human --out runs/human
    """

    folder: Annotated[Path, tyro.conf.Positional]
    """Folder of the demonstrations: one folder a task, one file a demonstration."""
    out: Path
    """Folder of the dataset that is made of them. One of the same demonstrations is written anew."""
    tasks: tuple[str, ...] = ()
    """Names of tasks; all where none are given."""
    agreement: bool = False
    """Also print, by task, how many of the clean steps are what our expert would have done there."""
    shard_episodes: int = 200
    """Demonstrations read per shard."""
    workers: int = field(default_factory=joblib.cpu_count)
    """Processes. Does not change the result."""
    overwrite: bool = False
    """Delete the dataset that is in the folder, whatever it was made of."""


@dataclass(frozen=True)
class Failure:
    """One demonstration that is not in the dataset."""

    file: str
    task: str
    cause: str
    solved: bool | None
    """Whether the person solved the task; None where even that cannot be read."""


@dataclass
class _Imported:
    """What a worker brings back from one shard."""

    shard: Shard
    failures: list[Failure]
    solved: int
    agreement: Agreement


def import_demos(config: ImportDemosConfig, console: Console | None = None) -> Path:
    """Makes a dataset of human demonstrations.

    Args:
        config: which, and where to.
        console: where the summary goes; standard output where None.

    Returns:
        The dataset's folder.

    Raises:
        ImportDemosError: if there are none.
        DatasetError: if the folder to write to holds something else.
        UnknownTask: for a task that does not exist.
    """
    console = console or Console()
    if min(config.shard_episodes, config.workers) < 1:
        raise ImportDemosError("shard_episodes and workers must be at least 1")
    found = _find(config)
    total = sum(map(len, found.values()))
    content = {"demonstrations": {task: len(files) for task, files in found.items()}, "shard": config.shard_episodes}
    units = [
        (task, number, files[begin : begin + config.shard_episodes])
        for task, files in found.items()
        for number, begin in enumerate(range(0, len(files), config.shard_episodes))
    ]
    imported: list[_Imported] = []
    with DatasetWriter(config.out, content, config.overwrite) as writer:
        writer.add_provenance(provenance())
        for result in spread(_import_shard, [(config, *unit) for unit in units], config.workers):
            writer.include(result.shard)
            imported.append(result)
        imported.sort(key=lambda result: (result.shard.task, result.shard.number))
        failures = [failure for result in imported for failure in result.failures]
        lines = (json.dumps(vars(failure), sort_keys=True) + "\n" for failure in failures)
        write_whole(config.out / UNCONVERTED, "".join(lines))
    console.print(_summary(imported))
    kept, solved = total - len(failures), sum(result.solved for result in imported)
    lost = sum(failure.solved is True for failure in failures)
    console.print(f"{kept} of {total} demonstrations converted, {solved - lost} of the {solved} that solved their task")
    if failures:
        console.print(f"those left out, with their causes: {config.out / UNCONVERTED}")
    if config.agreement:
        by_task = {task: [result.agreement for result in imported if result.shard.task == task] for task in found}
        console.print(agreement_table(by_task))
        console.print(LEGEND)
    return writer.folder


def _find(config: ImportDemosConfig) -> dict[str, list[Path]]:
    """The files by task, both in alphabetical order."""
    if not config.folder.is_dir():
        raise ImportDemosError(
            f"there is no folder {config.folder}; give that of the human demonstrations of MiniWoB++"
        )
    wanted = {task.name for task in tasks.select(names=config.tasks)} if config.tasks else None
    found: dict[str, list[Path]] = {}
    for path in sorted(config.folder.rglob("*.json*")):
        task = path.parent.name
        of_interest = (wanted is None or task in wanted) and path.parent != config.out
        if path.name.endswith((".json", ".json.gz")) and of_interest:
            found.setdefault(task, []).append(path)
    if not found:
        raise ImportDemosError(f"{config.folder} has no <task>/<name>.json.gz" + " of those tasks" * bool(config.tasks))
    return dict(sorted(found.items()))


def _import_shard(config: ImportDemosConfig, task: str, number: int, files: Sequence[Path]) -> _Imported:
    """Runs in a worker."""
    rows: list[Row] = []
    failures: list[Failure] = []
    agreement = Agreement()
    tally = Counter(tried=len(files))
    solved_files = 0
    for path in files:
        solved = None
        try:
            demonstration = _load(path)
            solved = is_solved(demonstration, task)
            episode, detours = convert(demonstration, task)
            clean = episode.success and not any(detours)
            name = path.name.removesuffix(".gz").removesuffix(".json")
            rows += episode_rows(
                episode,
                CLEAN if clean else NOISY,
                screenshot=False,
                episode_id=f"{task}/{name.removeprefix(task + '_')}",
            )
            tally["kept"] += 1
            tally[CLEAN if clean else NOISY] += 1
            if config.agreement and clean:
                agree(episode, agreement)
        except Unconvertible as error:
            failures.append(Failure(str(path.relative_to(config.folder)), task, str(error), solved))
        solved_files += solved is True
    for failure in failures:
        tally[failure.cause] += 1
    return _Imported(write_shard(config.out, task, number, rows, tally), failures, solved_files, agreement)


def _load(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
        demonstration = json.loads(gzip.decompress(text) if path.name.endswith(".gz") else text)
        if not isinstance(demonstration["states"], list) or not isinstance(demonstration["utterance"], str):
            raise Unconvertible("not a demonstration")
        return demonstration
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Unconvertible("the file cannot be read") from error
    except (KeyError, TypeError) as error:
        raise Unconvertible("not a demonstration") from error


def _summary(imported: list[_Imported]) -> Table:
    """By task: what was read, what was kept, and why the rest was not."""
    width = max(len(result.shard.task) for result in imported)
    table = Table(Column("task", min_width=width), "read", "kept", "clean", "left out, by cause")
    tallies: dict[str, Counter[str]] = {}
    for result in imported:
        tallies.setdefault(result.shard.task, Counter()).update(result.shard.tally)
    tallies["all"] = sum(tallies.values(), Counter())
    for task, tally in tallies.items():
        causes = sorted(set(tally) - {"tried", "kept", CLEAN, NOISY})
        words = ", ".join(f"{tally[cause]} {cause}" for cause in causes)
        table.add_row(task, str(tally["tried"]), str(tally["kept"]), str(tally[CLEAN]), words)
    return table
