"""How often a policy does what a demonstration or its variant does, given the right steps before each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_gen.dataset import observed
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
        actions, examples = [], []
        for row in map(observed, rows):
            actions.append(Action.parse(row["action"]))
            if history:
                history[-1] = processor.outcome(history[-1], row)
            examples.append(processor.encode(row, history))
            history.append(processor.history_item(row, actions[-1]))
        decided = [decision.action for decision in decode(model, processor, examples, verbs=tuple(SIGNATURES))]
        good = sum(one == other for one, other in zip(decided, actions, strict=True))
        steps, correct, right = steps + len(rows), correct + good, right + (good == len(rows))
    return Score(correct / steps, right, len(episodes))
