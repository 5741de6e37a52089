"""The trajectory dataset: parquet shards of one row a step, and ``dataset.json`` beside them.

    <folder>/dataset.json
    <folder>/<task>/part-00000.parquet

The shards of equal collections are equal byte by byte. What differs from run to run (commit, versions, browser) stands
in ``dataset.json`` alone, with the hash of every shard. Any parquet reader takes the shards as they are:

    datasets.load_dataset("parquet", data_files="<folder>/*/*.parquet")
    duckdb.sql("select task, avg(step) from '<folder>/*/*.parquet' group by task")
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_gen.files import write_whole
from data_gen.shards import (
    SCHEMA,
    SCHEMA_VERSION,
    DatasetError,
    Row,
    Shard,
    decode_screenshot,
    encode_screenshot,
    inspect_shard,
    parse_shard,
    read_bytes,
    write_shard,
)
from envs import miniwob
from envs.action import Action
from envs.loop import Episode

__all__ = [
    "NOISE",
    "SCHEMA",
    "SCHEMA_VERSION",
    "TRAINING_SEEDS",
    "VALIDATION_SEEDS",
    "DatasetError",
    "DatasetWriter",
    "Row",
    "decode_screenshot",
    "episode_rows",
    "is_reserved",
    "read_dataset",
]

NOISE = "noise"
"""Source of rows that are seen as history only."""
FORMAT = "webagent-trajectories"
MANIFEST = "dataset.json"

TRAINING_SEEDS = range(*miniwob.TRAINING_SEEDS)
"""Page seeds that training data may be drawn from."""
VALIDATION_SEEDS = range(4_000_000, 5_000_000)
"""Page seeds on which models are selected; neither training nor evaluation draws from them."""
_PUBLISHED_SEEDS = range(1_201_539_860, 1_201_539_960)  # the evaluation episodes of Pix2Act (arXiv 2306.00245)


def is_reserved(seed: int) -> bool:
    """Whether a page seed is kept for validation and evaluation, and must never be trained on."""
    return seed < TRAINING_SEEDS.start or seed in _PUBLISHED_SEEDS


def episode_rows(
    episode: Episode,
    source: str,
    *,
    screenshot: bool = True,
    noise: Iterable[int] = (),
    labels: Mapping[int, Action] | None = None,
    episode_id: str | None = None,
) -> list[Row]:
    """Turns an episode into the rows of the dataset.

    Args:
        episode: a finished one.
        source: who chose the actions.
        screenshot: False stores none, for an environment that renders none.
        noise: numbers of the steps whose action was put in at random; their source becomes ``NOISE``.
        labels: by step number, the action to learn there in place of the one that was done.
        episode_id: ``<task>/<seed>`` where None; must be given where the seed is None.
    """
    noise, labels = frozenset(noise), labels or {}
    rows = []
    for number, step in enumerate(episode.steps):
        seen = step.observation
        elements = count_elements(seen["html"])
        rows.append(
            {
                "episode_id": episode_id or f"{episode.task}/{episode.seed}",
                "step": number,
                "task": episode.task,
                "seed": episode.seed,
                "instruction": seen["instruction"],
                "html": seen["html"],
                "boxes": seen["boxes"][:elements].reshape(-1),
                "refs": seen["refs"][:elements],
                "screenshot": encode_screenshot(seen["screenshot"]) if screenshot else None,
                "last_error": seen["last_error"],
                "action": str(step.action),
                "label": str(labels[number]) if number in labels else None,
                "raw_reward": step.raw_reward,
                "success": episode.success,
                "source": NOISE if number in noise else source,
            }
        )
    return rows


def count_elements(html: str) -> int:
    """The number of elements of an observation's html: ``<`` stands in it for nothing but a tag."""
    return html.count("<") - html.count("</")


class DatasetWriter:
    """A dataset being written: shards in any order, ``dataset.json`` at the end.

    Used as a context manager it is closed on leaving; after an exception it stays marked as incomplete. Opened on a
    folder that holds an incomplete dataset, or a complete one, of the same ``config``, it goes on with that one.
    """

    def __init__(
        self,
        folder: str | Path,
        config: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ):
        """Makes the folder and marks it as incomplete.

        Args:
            folder: made where it does not exist.
            config: what decides the content; JSON values.
            overwrite: start from nothing, whatever the dataset in the folder is.

        Raises:
            DatasetError: if the folder holds a dataset of another config, or files that are no dataset.
        """
        self.folder = Path(folder)
        self.config = json.loads(json.dumps(config or {}))
        self.provenance: list[dict[str, Any]] = []
        self.shards: dict[str, Shard] = {}
        self._open(overwrite)
        self._write_manifest(complete=False)

    def _open(self, overwrite: bool) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise DatasetError(f"{self.folder} is a file; give a folder to write the dataset to")
        if (self.folder / MANIFEST).exists():
            if overwrite:
                for path in self.folder.glob("*/part-*.parquet"):
                    path.unlink()
                (self.folder / MANIFEST).unlink()
            else:
                manifest = _read_manifest(self.folder)
                if manifest["config"] != self.config:
                    keys = sorted(self.config.keys() | manifest["config"].keys())
                    differing = [k for k in keys if self.config.get(k) != manifest["config"].get(k)]
                    changed = ", ".join(
                        f"{k} {short(manifest['config'].get(k))}, now {short(self.config.get(k))}" for k in differing
                    )
                    raise DatasetError(
                        f"{self.folder} holds a dataset that was made otherwise ({changed}): give another folder, the "
                        "same settings to go on with it, or --overwrite"
                    )
                self.provenance = manifest["provenance"]
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise DatasetError(f"{self.folder} is not empty and not a dataset; give a new folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        for left_over in self.folder.rglob(".*.tmp"):
            left_over.unlink()

    def find(self, task: str, number: int) -> Shard | None:
        """Takes over a shard that is there already and whole; None where it has to be written."""
        try:
            shard = inspect_shard(self.folder, task, number)
        except DatasetError:
            return None
        self.include(shard)
        return shard

    def write(self, task: str, rows: Sequence[Row], number: int | None = None) -> Shard:
        """Writes the episodes of one task as one shard, the task's next one where ``number`` is None."""
        if number is None:
            number = sum(shard.task == task for shard in self.shards.values())
        shard = write_shard(self.folder, task, number, rows)
        self.include(shard)
        return shard

    def include(self, shard: Shard) -> None:
        """Counts in a shard that ``write_shard`` wrote to this folder, perhaps in another process."""
        self.shards[shard.name] = shard

    def add_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Writes down what makes this dataset (commit, versions); JSON values. Each different one is kept."""
        if dict(provenance) not in self.provenance:
            self.provenance.append(dict(provenance))
            self._write_manifest(complete=False)

    def close(self) -> Path:
        """Marks the dataset as complete.

        Returns:
            Its folder.
        """
        self._write_manifest(complete=True)
        return self.folder

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.close()

    def _write_manifest(self, complete: bool) -> None:
        shards = [self.shards[name] for name in sorted(self.shards)]
        tasks: dict[str, Any] = {}
        for shard in shards:
            task = tasks.setdefault(shard.task, {"episodes": 0, "rows": Counter(), "tally": Counter()})
            task["episodes"] += shard.episodes
            task["rows"].update(shard.rows)
            task["tally"].update(shard.tally)
        manifest = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "complete": complete,
            "config": self.config,
            "provenance": self.provenance,
            "tasks": tasks,
            "shards": [asdict(shard) for shard in shards],
        }
        write_whole(self.folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def read_dataset(folder: str | Path, columns: Sequence[str] | None = None, for_training: bool = False) -> pa.Table:
    """Reads a whole dataset and checks it: complete, of this version, every shard as it was written.

    Args:
        folder: the dataset's.
        columns: names of ``SCHEMA``, all where None. Without screenshots it is far smaller.
        for_training: refuse page seeds that are kept for validation and evaluation.

    Returns:
        A table of those columns, in their order in ``SCHEMA``. The rows of an episode are contiguous and in step order.

    Raises:
        DatasetError: saying what is wrong and what to do.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    if not manifest["complete"]:
        raise DatasetError(f"the dataset in {folder} is incomplete; start the command that was making it once more")
    unknown = sorted(set(columns or ()) - set(SCHEMA.names))
    if unknown:
        raise DatasetError(f"no column {', '.join(unknown)}; there are: {', '.join(SCHEMA.names)}")
    names = [name for name in SCHEMA.names if columns is None or name in columns]
    wanted = pa.schema([SCHEMA.field(name) for name in names])
    tables = [wanted.empty_table()]
    for shard in manifest["shards"]:
        content = read_bytes(folder, shard.name)
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise DatasetError(
                f"shard {folder / shard.name} is corrupted or truncated: it is not what {MANIFEST} was written for; "
                "start the command that made the dataset once more, it rewrites what is broken"
            )
        table = parse_shard(shard.name, content, list(dict.fromkeys([*names, "seed"])))
        if for_training:
            _refuse_reserved(folder / shard.name, table)
        tables.append(table.select(names).replace_schema_metadata(None))
    return pa.concat_tables(tables)


def observed(row: Row) -> Row:
    """A row with its flat lists as the observation had them: boxes float32 [elements, 4], refs int32 [elements]."""
    boxes, refs = np.asarray(row["boxes"], np.float32).reshape(-1, 4), np.asarray(row["refs"], np.int32)
    return {**row, "boxes": boxes, "refs": refs}


def short(value: Any) -> str:
    """A setting as one reads it, the middle of a long one left out."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:120]} ... {text[-30:]}"


def _refuse_reserved(path: Path, table: pa.Table) -> None:
    reserved = [seed for seed in table["seed"].unique().to_pylist() if seed is not None and is_reserved(seed)]
    if reserved:
        raise DatasetError(
            f"{path} holds page seed {reserved[0]}, which is kept for evaluation and must not be trained on; "
            f"collect with seeds from {TRAINING_SEEDS.start} to {TRAINING_SEEDS.stop - 1}"
        )


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}; make a dataset with: webagent collect --out {folder}")
    if not path.exists():
        raise DatasetError(f"{folder} is not a dataset: it has no {MANIFEST}; make one with webagent collect")
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["format"] != FORMAT:
            raise DatasetError(f"{folder} is not a dataset of trajectories: its format is {manifest['format']!r}")
        if manifest["schema_version"] != SCHEMA_VERSION:
            raise DatasetError(
                f"the dataset in {folder} has schema version {manifest['schema_version']}, this program reads "
                f"{SCHEMA_VERSION}; collect it again, or use the version of the program that made it"
            )
        shards = [Shard(**entry) for entry in manifest["shards"]]
        return {key: manifest[key] for key in ("complete", "config", "provenance")} | {"shards": shards}
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise DatasetError(f"{path} cannot be read ({error!r}); collect the dataset again") from error
