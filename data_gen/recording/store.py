"""Recorded episodes in a dataset of their own: one shard each, written when the episode is whole."""

from __future__ import annotations

import json
from pathlib import Path

from data_gen.collect import provenance
from data_gen.dataset import MANIFEST, DatasetError, DatasetWriter, episode_rows
from envs.loop import Episode

SOURCE = "human"
_CONFIG = {"made by": "webagent record"}


def check_dataset(folder: str | Path) -> None:
    """Finds out before the recording, not after it, that it cannot be added. Writes nothing.

    Raises:
        DatasetError: if the folder holds anything but recordings.
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


def add_episode(folder: str | Path, episode: Episode) -> int:
    """Adds an episode to a dataset of recordings, which is made where there is none.

    Returns:
        How many recordings it holds now.

    Raises:
        DatasetError: if the folder holds something else, or cannot be written.
    """
    with DatasetWriter(folder, _CONFIG) as writer:
        count = len(recordings(writer, episode.task))
        rows = episode_rows(episode, SOURCE, episode_id=f"{episode.task}/recorded-{count:04d}")
        writer.write(episode.task, rows, count)
        writer.add_provenance(provenance())
    return count + 1


def recordings(writer: DatasetWriter, task: str) -> list[str]:
    """The names of the shards that are there, which are taken over."""
    names: list[str] = []
    while (shard := writer.find(task, len(names))) is not None:
        names.append(shard.name)
    return names
