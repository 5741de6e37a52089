"""Tokenised rows on the disk: what a table's rows become for a processor is worked out once, whoever trains on it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import safetensors
import safetensors.numpy

from envs import html
from policies import colours, matching, measures, page, points, processor, steps, targets, vocabulary
from policies.processor import Example, Processor
from policies.targets import ALTERNATIVES

_CODE = (html, colours, matching, measures, page, points, processor, steps, targets, vocabulary)
"""Modules that decide what a row becomes: rows that other code tokenised are not taken."""
_READ = ("episode_id", "step", "instruction", "html", "boxes", "refs", "last_error", "action", "label", "success",
         "source")  # fmt: skip
_AT_ONCE = 10_000
"""Rows whose content is looked at at once."""
_TEXT, _STEPS = (
    ("input_ids", "features", "words", "following", "verbs", "measured"),
    ("kinds", "tokens", "positions", "allowed"),
)


def file_of(table: pa.Table, made_by: Processor, folder: Path) -> Path:
    """Where the rows of a table lie once they are tokenised; the name tells all that they depend on."""
    made = hashlib.sha256(json.dumps(made_by.config.to_dict()).encode() + made_by.vocabulary.to_str().encode())
    for module in _CODE:
        made.update(Path(str(module.__file__)).read_bytes())
    made.update(digest(table, _READ).encode())
    return Path(folder) / f"{made.hexdigest()[:24]}.safetensors"


def digest(table: pa.Table, columns: Sequence[str]) -> str:
    """The SHA-256 of columns' content in hex digits, however it lies in the memory."""
    found = hashlib.sha256()
    for name in columns:
        for start in range(0, table.num_rows, _AT_ONCE):
            part = pa.table({name: table[name].slice(start, _AT_ONCE).combine_chunks()})
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, part.schema) as stream:
                stream.write_table(part)
            found.update(sink.getvalue())
    return found.hexdigest()


def write(file: Path, examples: Sequence[Example | None]) -> None:
    """Writes examples; a reader never sees half of them."""
    known = [example for example in examples if example is not None]
    if not known:
        return
    arrays = {name: np.concatenate([getattr(example, name) for example in known]) for name in (*_TEXT, *_STEPS)}
    arrays["features"] = np.packbits(arrays["features"], axis=1)
    arrays["feature_count"] = np.array([known[0].features.shape[1]])
    arrays["lengths"] = np.array([len(example) if example else 0 for example in examples], np.int32)
    arrays["counts"] = np.array([len(example.kinds) if example else 0 for example in examples], np.int32)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    safetensors.numpy.save_file(arrays, unfinished)
    unfinished.rename(file)


def read(file: Path) -> list[Example | None] | None:
    """Reads what ``write`` wrote; None where it is not there or damaged."""
    try:
        arrays = safetensors.numpy.load_file(file)
    except (OSError, safetensors.SafetensorError):
        return None
    lengths, counts = arrays["lengths"], arrays["counts"]
    features = np.unpackbits(arrays["features"], axis=1, count=int(arrays["feature_count"][0]))
    arrays["features"] = features
    arrays["positions"] = arrays["positions"].reshape(-1, ALTERNATIVES)
    text, decoder = np.cumsum(lengths[:-1]), np.cumsum(counts[:-1])
    columns = {name: np.split(arrays[name], text) for name in _TEXT}
    columns |= {name: np.split(arrays[name], decoder) for name in _STEPS}
    return [
        Example(
            **{name: column[row] for name, column in columns.items()}, units=None, places=None, boxes=None, frames=[]
        )
        if lengths[row]
        else None
        for row in range(len(lengths))
    ]
