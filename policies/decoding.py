"""Observations to actions: grammar-valid beam search, the encoder run once, keys and values kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import torch

from envs.action import PAGE_VERBS, Action
from policies.batches import like_lengths
from policies.measures import OFFSETS
from policies.model import WebAgentModel
from policies.outputs import Encoded
from policies.processor import Example, Processor
from policies.stepping import DecoderSteps
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
def decode(model: WebAgentModel, processor: Processor, examples: Sequence[Example], *, beams: int = 1,
           verbs: Sequence[str] = PAGE_VERBS, but: Collection[Action] = ()) -> list[Decision]:  # fmt: skip
    """Decides on the next action for each of several observations.

    Args:
        model: the network; it should be in evaluation mode.
        processor: what made the examples.
        examples: encoded without an action.
        beams: hypotheses kept for each example; 1 is greedy.
        verbs: what may be done at all.
        but: what may not be done; one beam alone finds little beside it.

    Returns:
        For each example the likeliest action found. Every one is of a form that the page takes; ``wait`` where the
        search came to no end.
    """
    if next(model.parameters()).device.type != "cpu":  # there a pass costs more than its padding
        return _decode(model, processor, examples, beams, verbs, but)
    decisions: dict[int, Decision] = {}
    for group in like_lengths(np.array([len(e) for e in examples], int), limit=BATCH_TOKENS, padding=BATCH_PADDING):
        decided = _decode(model, processor, [examples[number] for number in group], beams, verbs, but)
        decisions |= zip(group.tolist(), decided, strict=True)
    return [decisions[number] for number in range(len(examples))]


def _decode(model: WebAgentModel, processor: Processor, examples: Sequence[Example], beams: int,
            verbs: Sequence[str], but: Collection[Action]) -> list[Decision]:  # fmt: skip
    device = next(model.parameters()).device
    batch = {name: tensor.to(device) for name, tensor in processor.collate(examples).items()}
    (encoded,) = model.encode(batch)
    decoder = DecoderSteps(model.t5, encoded.hidden, encoded.mask)
    views = [View(processor, example, verbs) for example in examples]
    live = [_Hypothesis(n, n, Writer(view), 0.0, -1, -1) for n, view in enumerate(views)]
    done: list[list[_Hypothesis]] = [[] for _ in examples]
    rows = [*range(len(live))]
    for step in range(processor.config.max_steps):
        before = None
        if [h.row for h in live] != rows:
            before = torch.tensor([h.row for h in live], device=device)
            encoded = Encoded(*(tensor[before] for tensor in encoded))
            batch |= {name: batch[name][before] for name in ("words", "following", "verbs", "measured")}
            rows = [*range(len(live))]
        last = torch.tensor([[h.token, h.place] for h in live], device=device)
        steps = slice(0, 1 if step else 0)
        (inputs,) = model.decoder_inputs([encoded], [last[:, :1][:, steps]], [last[:, 1:][:, steps]])
        hidden = decoder(inputs[:, -1:], before)
        kinds = torch.tensor([[int(h.writer.kind)] for h in live], device=device)
        allowed = torch.tensor([[h.writer.allowed] for h in live], device=device)
        choices = [hypothesis.writer.choices() for hypothesis in live]
        # Of tokens only those that some hypothesis may take are worked out; mostly they are few.
        may = np.array([allowed_tokens for allowed_tokens, _ in choices])
        among = np.flatnonzero(may.any(0))
        scores = model.logits(hidden, torch.from_numpy(among).to(device))[:, 0].float()
        open_ = torch.from_numpy(may[:, among]).to(device)
        tokens, places = among, np.full(len(among), -1)
        if model.config.copy:
            placed = model.place_scores(hidden, encoded, batch, kinds, allowed, last[:, 1:])[:, 0]
            fits = placed > NEVER / 2
            for row, (_, copied) in enumerate(choices):
                if copied is not None:
                    fits[row, len(copied) :] = False
                    fits[row, : len(copied)] &= torch.from_numpy(copied).to(device)
            scores, open_ = torch.cat([scores, placed], -1), torch.cat([open_, fits], -1)
            tokens = np.concatenate([tokens, np.full(placed.shape[1], -1)])
            places = np.concatenate([places, np.arange(placed.shape[1])])
            if any(ranges := [hypothesis.writer.offsets() for hypothesis in live]):
                far = model.offset_head(hidden[:, 0], encoded.text, batch["measured"], allowed[:, 0])
                within = torch.zeros_like(far, dtype=torch.bool)
                for row, offsets in enumerate(ranges):
                    within[row, [offset - OFFSETS for offset in offsets]] = True
                scores, open_ = torch.cat([scores, far], -1), torch.cat([open_, within], -1)
                tokens = np.concatenate([tokens, OFFSETS + np.arange(far.shape[1])])
                places = np.concatenate([places, np.full(far.shape[1], -1)])
        logp = scores.masked_fill(~open_, float("-inf")).log_softmax(-1)
        best, index = logp.topk(min(beams + len(but), logp.shape[1]), dim=-1)

        grown: list[list[tuple[float, int, int]]] = [[] for _ in examples]
        for row, hypothesis in enumerate(live):
            for value, choice in zip(best[row].tolist(), index[row].tolist(), strict=True):
                if value > float("-inf"):
                    grown[hypothesis.example].append((hypothesis.score + value, row, choice))
        following = []
        for number, candidates in enumerate(grown):
            kept = 0
            for score, row, choice in sorted(candidates, key=lambda c: -c[0]):
                writer = live[row].writer.fork()
                token, place = int(tokens[choice]), int(places[choice])
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


def _best(hypotheses: list[_Hypothesis]) -> Decision:
    if not hypotheses:
        return Decision(Action("wait"), float("-inf"))
    best = max(hypotheses, key=lambda h: h.score)
    assert best.writer.action is not None
    return Decision(best.writer.action, best.score)
