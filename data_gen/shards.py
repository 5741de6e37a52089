"""One parquet shard of the trajectory dataset: its columns, its screenshots, written whole and checked when read.

A shard is written under another name and renamed when it is whole, so that what has its final name is complete. It
holds no time and no version: equal rows give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from data_gen.files import write_whole

SCHEMA_VERSION = 2

SCHEMA = pa.schema(
    [
        pa.field("episode_id", pa.string(), nullable=False),
        pa.field("step", pa.int32(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("seed", pa.int64()),  # the page seed; null where a person's demonstration has none
        pa.field("instruction", pa.string(), nullable=False),
        pa.field("html", pa.string(), nullable=False),
        pa.field("boxes", pa.list_(pa.float32()), nullable=False),  # x, y, width, height of each element of the html
        pa.field("refs", pa.list_(pa.int32()), nullable=False),  # of each element of the html, -1 where it has none
        pa.field("screenshot", pa.binary()),  # PNG; null where none was taken
        pa.field("last_error", pa.string(), nullable=False),
        pa.field("action", pa.string(), nullable=False),  # in the grammar of envs.action
        pa.field("label", pa.string()),  # the action to learn, where it is not the one that was done; else null
        pa.field("raw_reward", pa.float32(), nullable=False),  # of the page, after the action
        pa.field("success", pa.bool_(), nullable=False),  # of the whole episode, by the strict rule
        pa.field("source", pa.string(), nullable=False),  # who chose the action: "oracle", "noise", "human", ...
    ]
)
"""One row is one step: the observation, the action chosen on it, and what that brought."""

Row = dict[str, Any]
"""One value for each column of ``SCHEMA``; ``boxes`` is flat."""


class DatasetError(ValueError):
    """A dataset that cannot be read, written or used as asked. The message says what to do."""


def encode_screenshot(pixels: np.ndarray) -> bytes:
    """Writes uint8 H x W x 3 as a PNG.

    Rows are left unfiltered, which Pillow cannot be told to do: a page is flat areas and repeated glyphs, which so
    become a tenth smaller and four times quicker to write than with the filters meant for photographs.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row starts with its filter: 0, none
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def decode_screenshot(png: bytes) -> np.ndarray:
    """Reads an image column's bytes as uint8 H x W x 3, RGB."""
    with Image.open(io.BytesIO(png)) as image:
        return np.array(image.convert("RGB"))


@dataclass(frozen=True)
class Shard:
    """What ``dataset.json`` says about one parquet file.

    Attributes:
        task: the task of all its rows.
        number: its place among the task's shards.
        sha256: of the file.
        episodes: how many it holds.
        rows: steps by source.
        tally: what its maker counted (tried episodes, failures by cause); kept inside the file too.
    """

    task: str
    number: int
    sha256: str
    episodes: int
    rows: dict[str, int]
    tally: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return shard_name(self.task, self.number)


def shard_name(task: str, number: int) -> str:
    """The path of a shard inside the dataset's folder."""
    return f"{task}/part-{number:05d}.parquet"


def write_shard(
    folder: Path, task: str, number: int, rows: Sequence[Row], tally: Mapping[str, int] | None = None
) -> Shard:
    """Writes one whole shard, or nothing at all if it is interrupted.

    Args:
        folder: the dataset's.
        task: the task of all rows.
        number: the shard's place among the task's.
        rows: whole episodes one after another, the steps of each in order. May be empty.
        tally: counts to keep with it.

    Raises:
        DatasetError: if rows are out of order or do not fit ``SCHEMA``, or the file cannot be written.
    """
    _check_order(task, rows)
    try:
        table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
        table = table.replace_schema_metadata({"tally": json.dumps(dict(tally or {}), sort_keys=True)})
        buffer = io.BytesIO()
        # Page checksums tell a torn file from a whole one without dataset.json.
        pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    except (pa.ArrowException, TypeError) as error:
        raise DatasetError(f"rows of {task} do not fit the dataset's schema: {error}") from error
    content = buffer.getvalue()
    path = Path(folder) / shard_name(task, number)
    try:
        write_whole(path, content)
    except OSError as error:
        raise DatasetError(
            f"{path} could not be written ({error.strerror}): make room, or choose another folder, and start the same "
            "command again; whole shards are kept"
        ) from error
    return _describe(table, task, number, content)


def inspect_shard(folder: Path, task: str, number: int) -> Shard:
    """Reads a shard whole and describes it.

    Raises:
        DatasetError: if it is missing, torn, corrupted or of another schema.
    """
    name = shard_name(task, number)
    content = read_bytes(Path(folder), name)
    return _describe(parse_shard(name, content, SCHEMA.names), task, number, content)


def read_bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise DatasetError(
            f"shard {folder / name} cannot be read ({error.strerror}); "
            "start the command that made the dataset once more, it writes what is missing"
        ) from error


def parse_shard(name: str, content: bytes, columns: list[str]) -> pa.Table:
    try:
        table = pq.read_table(pa.BufferReader(content), columns=columns, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"shard {name} is corrupted or truncated: {error}") from error
    found = {column.name: column.type for column in table.schema}
    if found != {column: SCHEMA.field(column).type for column in columns}:
        raise DatasetError(f"shard {name} has other columns than schema version {SCHEMA_VERSION}")
    return table


def _describe(table: pa.Table, task: str, number: int, content: bytes) -> Shard:
    return Shard(
        task=task,
        number=number,
        sha256=hashlib.sha256(content).hexdigest(),
        episodes=table["step"].to_pylist().count(0),
        rows=dict(sorted(Counter(table["source"].to_pylist()).items())),
        tally=json.loads((table.schema.metadata or {}).get(b"tally", b"{}")),
    )


def _check_order(task: str, rows: Sequence[Row]) -> None:
    finished, current, expected = set(), None, 0
    for row in rows:
        if row["episode_id"] != current:
            finished.add(current)
            current, expected = row["episode_id"], 0
        if row["task"] != task or row["step"] != expected or current in finished:
            raise DatasetError(
                f"step {row['step']} of episode {current} of {row['task']} is out of place in a shard of {task}: "
                "give whole episodes of that task, the steps of each in order"
            )
        expected += 1
