"""Recorded episodes in a dataset of their own: one shard each, written when the episode is whole."""

from __future__ import annotations

from pathlib import Path

from data_gen.collect import provenance
from data_gen.dataset import DatasetWriter, episode_rows
from envs.loop import Episode

SOURCE = "human"
_CONFIG = {"made by": "webagent record"}


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
