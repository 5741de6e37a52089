"""Observations to actions: grammar-valid beam search, the encoder run once, keys and values kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import torch

from envs.action import PAGE_VERBS, Action
from policies.batches import like_lengths
from policies.measures import OFFSETS
from policies.processor import Example, Processor
from policies.reading import Network
from policies.stepping import without_denormals
from policies.steps import NEVER
from policies.writer import View, Writer

BATCH_TOKENS, BATCH_PADDING = 4096, 256
"""Most text tokens of a batch on a CPU, and most of them that may be padding."""


class Decision(NamedTuple):
    """An action and its log-probability among the valid ones."""

    action: Action
    score: float


class _Hypothesis(NamedTuple):
    example: int
    row: int
    """Its row in the decoder's last batch."""
    writer: Writer
    score: float
    token: int
    place: int


@torch.inference_mode()
@without_denormals()
def decode(network: Network, processor: Processor, examples: Sequence[Example], *, beams: int = 1,
           verbs: Sequence[str] = PAGE_VERBS, but: Collection[Action] = ()) -> list[Decision]:  # fmt: skip
    """Decides on the next action for each of several observations.

    Args:
        network: what reads; a model should be in evaluation mode.
        processor: what made the examples.
        examples: encoded without an action.
        beams: hypotheses kept for each example; 1 is greedy.
        verbs: what may be done at all.
        but: what may not be done; one beam alone finds little beside it.

    Returns:
        For each example the likeliest action found. Every one is of a form that the page takes; ``wait`` where the
        search came to no end.
    """
    if network.device.type != "cpu":  # there a pass costs more than its padding
        return _decode(network, processor, examples, beams, verbs, but)
    decisions: dict[int, Decision] = {}
    for group in like_lengths(np.array([len(e) for e in examples], int), limit=BATCH_TOKENS, padding=BATCH_PADDING):
        decided = _decode(network, processor, [examples[number] for number in group], beams, verbs, but)
        decisions |= zip(group.tolist(), decided, strict=True)
    return [decisions[number] for number in range(len(examples))]


def _decode(network: Network, processor: Processor, examples: Sequence[Example], beams: int,
            verbs: Sequence[str], but: Collection[Action]) -> list[Decision]:  # fmt: skip
    reading = network.read(processor.collate(examples))
    views = [View(processor, example, verbs) for example in examples]
    live = [_Hypothesis(n, n, Writer(view), 0.0, -1, -1) for n, view in enumerate(views)]
    done: list[list[_Hypothesis]] = [[] for _ in examples]
    rows = [*range(len(live))]
    for _ in range(processor.config.max_steps):
        before = None
        if [h.row for h in live] != rows:
            before = np.array([h.row for h in live])
            rows = [*range(len(live))]
        last = np.array([[h.token, h.place] for h in live])
        kinds = np.array([int(h.writer.kind) for h in live])
        allowed = np.array([h.writer.allowed for h in live])
        choices = [hypothesis.writer.choices() for hypothesis in live]
        may = np.array([allowed_tokens for allowed_tokens, _ in choices])
        among = np.flatnonzero(may.any(0))
        # Of tokens only those that some hypothesis may take are worked out, where they are so few that it pays.
        few = len(among) < may.shape[1] // 8
        scores, placed = reading.step(last, kinds, allowed, among if few else None, before)
        # Of tokens, then places, then offsets; a T5 has more rows than its tokenizer has tokens.
        parts, open_ = [scores[:, : may.shape[1]]], [may[:, among] if few else may]
        if placed is not None:
            fits = placed > NEVER / 2
            for row, (_, copied) in enumerate(choices):
                if copied is not None:
                    fits[row, len(copied) :] = False
                    fits[row, : len(copied)] &= copied
            parts.append(placed)
            open_.append(fits)
            if any(ranges := [hypothesis.writer.offsets() for hypothesis in live]):
                far = reading.offsets(allowed)
                within = np.zeros(far.shape, bool)
                for row, offsets in enumerate(ranges):
                    within[row, offsets.start - OFFSETS : offsets.stop - OFFSETS] = bool(offsets)
                parts.append(far)
                open_.append(within)
        logp = _log_softmax(np.concatenate(parts, 1), np.concatenate(open_, 1))
        index = _highest(logp, beams + len(but))
        first_place = parts[0].shape[1]
        first_offset = first_place + (placed.shape[1] if placed is not None else 0)

        grown: list[list[tuple[float, int, int]]] = [[] for _ in examples]
        for row, hypothesis in enumerate(live):
            for value, choice in zip(logp[row, index[row]].tolist(), index[row].tolist(), strict=True):
                if value > float("-inf"):
                    grown[hypothesis.example].append((hypothesis.score + value, row, choice))
        following = []
        for number, candidates in enumerate(grown):
            kept = 0
            for score, row, choice in sorted(candidates, key=lambda c: -c[0]):
                writer = live[row].writer.fork()
                token, place = -1, -1
                if choice < first_place:
                    token = int(among[choice]) if few else choice
                elif choice < first_offset:
                    place = choice - first_place
                else:
                    token = OFFSETS + choice - first_offset
                writer.take(token, place)
                if writer.action in but:
                    continue
                hypothesis = _Hypothesis(number, row, writer, score, token, place)
                (done[number] if writer.action is not None else following).append(hypothesis)
                if (kept := kept + 1) == beams:
                    break
        # A hypothesis only gets less likely: what is behind a whole action already cannot overtake it.
        live = [h for h in following if not done[h.example] or h.score > max(d.score for d in done[h.example])]
        if not live:
            break
    return [_best(hypotheses) for hypotheses in done]


def _log_softmax(scores: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Of each row, over what is open; where nothing is, no number is above minus infinity."""
    scores = np.where(open_, scores, -np.inf)
    scores -= np.maximum(scores.max(1, keepdims=True), NEVER)
    return scores - np.log(np.maximum(np.exp(scores).sum(1, keepdims=True), 1))  # the highest is 1 of it


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    """Where the highest of each row are, highest first: int64 [R, at most ``count``]."""
    return scores.argmax(1)[:, None] if count == 1 else np.argsort(-scores, 1, kind="stable")[:, :count]


def _best(hypotheses: list[_Hypothesis]) -> Decision:
    if not hypotheses:
        return Decision(Action("wait"), float("-inf"))
    best = max(hypotheses, key=lambda h: h.score)
    assert best.writer.action is not None
    return Decision(best.writer.action, best.score)
