"""How often a policy does what a demonstration or its variant does, given the right steps before each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_gen.shards import Row
from envs.action import SIGNATURES, Action
from policies import checkpoint
from policies.decoding import decode
from policies.processor import HistoryItem


class Score(NamedTuple):
    """Of some episodes.

    Attributes:
        steps: share of steps whose action is the demonstrated one.
        right: episodes in which all are.
        episodes: how many there were.
    """

    steps: float
    right: int
    episodes: int


def score(folder: Path, episodes: Sequence[list[Row]]) -> Score:
    """Decides every step of some episodes, without the image.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
    """
    model, processor, _ = checkpoint.load(folder)
    steps = correct = right = 0
    for rows in episodes:
        history: list[HistoryItem] = []
        wrong = 0
        for row in rows:
            action = Action.parse(row["action"])
            example = processor.encode({**row, "boxes": None}, history)
            wrong += decode(model, processor, [example], verbs=tuple(SIGNATURES))[0].action != action
            history.append(processor.history_item(row, action))
        steps, correct, right = steps + len(rows), correct + len(rows) - wrong, right + (not wrong)
    return Score(correct / steps, right, len(episodes))
