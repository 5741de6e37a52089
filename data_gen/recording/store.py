"""Recorded episodes in a dataset of their own: one shard each, written when the episode is whole."""

from __future__ import annotations

import json
from pathlib import Path

from data_gen.dataset import MANIFEST, DatasetError, DatasetWriter, episode_rows
from data_gen.provenance import provenance
from data_gen.shards import Shard, inspect_shard
from envs.loop import Episode

SOURCE = "human"
_CONFIG = {"made by": "webagent record"}
_SHARDS = "part-*.parquet"


def check_dataset(folder: str | Path) -> None:
    """Finds out before the recording, not after it, that it cannot be added. Writes nothing.

    Raises:
        DatasetError: if the folder holds anything but recordings, or a broken one.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder} is a file; give a folder to write the recordings to")
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        config = json.loads((folder / MANIFEST).read_bytes())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        config = None
    if config != _CONFIG:
        raise DatasetError(f"{folder} holds something else than recordings; give another folder")
    _recordings(folder)


def add_episode(folder: str | Path, episode: Episode) -> int:
    """Adds an episode to a dataset of recordings, which is made where there is none.

    Returns:
        How many recordings it holds now.

    Raises:
        DatasetError: if the folder holds something else, or cannot be written. If a recording that was there is broken,
            the new one is kept, and the dataset is marked as incomplete.
    """
    folder = Path(folder)
    with DatasetWriter(folder, _CONFIG) as writer:
        number = max((_number(path) + 1 for path in folder.glob(f"{episode.task}/{_SHARDS}")), default=0)
        rows = episode_rows(episode, SOURCE, episode_id=f"{episode.task}/recorded-{number:04d}")
        writer.write(episode.task, rows, number)
        for shard in _recordings(folder):
            writer.include(shard)
        writer.add_provenance(provenance())
    return len(writer.shards)


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("part-"))


def _recordings(folder: Path) -> list[Shard]:
    """The recordings that are there.

    Raises:
        DatasetError: if one is broken.
    """
    found = []
    for path in sorted(folder.glob(f"*/{_SHARDS}")):
        try:
            found.append(inspect_shard(folder, path.parent.name, _number(path)))
        except DatasetError as error:
            raise DatasetError(
                f"the recording {path} is broken ({error}): put back a whole copy of it, or delete it and record once "
                "more; the other recordings are kept"
            ) from error
    return found
