"""The network in six parts that follow one path whatever they are given, for export to ONNX.

    vision      screenshots -> image tokens
    distance    how far tokens are apart -> what is added to the products of attention
    text        instruction, history and page, after the image tokens -> what the decoder looks at
    step        the decoder's next step -> the logits of a few tokens and all places
    vocabulary  a step's state -> the logits of all tokens
    offsets     a step's state -> the logits of all offsets

Only parts that the network has are there. What they compute is the network's own code. What takes a graph of many small
operations longer than numpy is worked out before: which places a step can point at, what is added by distance.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from policies.measures import COLUMNS, NONE, OFFSETS
from policies.model import WebAgentModel
from policies.pointing import Pointing
from policies.stepping import DecoderSteps, attend, distance_bias, keys_values, project
from policies.vision import PixelPatches


class Vision(nn.Module):
    """uint8 [N, H, W, 3], int64 [N] -> float [N, tokens, d_model]; see ``WebAgentModel.see``."""

    inputs, outputs = ("frames", "which"), ("tokens",)

    def __init__(self, model: WebAgentModel):
        super().__init__()
        self.model = model
        size = model.config.height, model.config.width
        model.vit.patch_embed = PixelPatches(model.vit.patch_embed, model.grid, size, model.pixel_mean, model.pixel_std)

    def forward(self, frames: Tensor, which: Tensor) -> Tensor:
        return self.model.image_tokens(self.model.vit.forward_features(frames), which)


class Distance(nn.Module):
    """How far after a query a key is, int64 [N] -> float [heads, N], of what is read and of what is written; see
    ``stepping.distance_bias``."""

    inputs, outputs = ("away",), ("read", "written")

    def __init__(self, model: WebAgentModel):
        super().__init__()
        for name, stack in zip(self.outputs, (model.t5.encoder, model.t5.decoder), strict=True):
            self.register_buffer(f"{name}_table", distance_bias(stack).detach())

    def forward(self, away: Tensor) -> tuple[Tensor, ...]:
        tables = [self.get_buffer(f"{name}_table") for name in self.outputs]
        furthest = [table.shape[1] // 2 for table in tables]
        return tuple(
            table.index_select(1, away.clamp(-far, far) + far) for table, far in zip(tables, furthest, strict=True)
        )


class Text(nn.Module):
    """A batch's text and pictures -> ``Encoded``'s text, and what the decoder's layers ask of both.

    The pictures are float [B, I, d_model], where I may be 0; ``bias`` is what is added to the products of attention,
    float [B, heads, I + L, I + L]. ``across0`` and so on are keys and values of the layers in turn, float
    [B, I + L, heads * d_kv] each.
    """

    inputs = ("input_ids", "features", "words", "verbs", "measured", "asked", "pictures", "bias")

    def __init__(self, model: WebAgentModel):
        super().__init__()
        self.model = model
        self.outputs = ("text", *_states("across", model))

    def forward(self, input_ids: Tensor, features: Tensor, words: Tensor, verbs: Tensor, measured: Tensor,
                asked: Tensor, pictures: Tensor, bias: Tensor) -> tuple[Tensor, ...]:  # fmt: skip
        model = self.model
        block = {"input_ids": input_ids, "features": features, "words": words, "verbs": verbs, "measured": measured}
        (inputs,) = model.embed_text(block | {"asked": asked})
        encoder: Any = model.t5.encoder
        hidden = torch.cat([pictures, inputs], 1)
        for layers in encoder.block:  # as in ``run_encoder``, of one block, with what is added from outside
            itself, last = layers.layer
            attention = itself.SelfAttention
            hidden = hidden + attend(attention, *project(attention, itself.layer_norm(hidden)), bias)
            hidden = hidden + last.DenseReluDense(last.layer_norm(hidden))
        hidden = encoder.final_layer_norm(hidden)
        return hidden[:, pictures.shape[1] :], *chain(*keys_values(model.t5, hidden))


class Step(nn.Module):
    """The next step of R hypotheses.

    ``token`` and ``place`` are what each wrote last, int64 [R], -1 for none; ``among`` are the tokens that are scored;
    ``element``, ``after`` and ``open`` are as in ``policies.pointing``; ``past0`` and so on are what the step before
    gave as ``now0`` and so on, at first with nothing in them; ``near`` and ``seen`` are what is added to the products
    with these steps and with the page; the others are of the hypotheses' pages, as ``Text`` gave them.
    """

    def __init__(self, model: WebAgentModel):
        super().__init__()
        self.model = model
        states = *_states("across", model), *_states("past", model)
        self.inputs = "token", "place", "among", "element", "after", "open", "text", "seen", "near", *states
        self.outputs = "scores", "places", "hidden", *_states("now", model)

    def forward(self, token: Tensor, place: Tensor, among: Tensor, element: Tensor, after: Tensor, open: Tensor,
                text: Tensor, seen: Tensor, near: Tensor, *states: Tensor) -> tuple[Tensor, ...]:  # fmt: skip
        model = self.model
        pairs = list(zip(states[::2], states[1::2], strict=True))
        decoder = DecoderSteps(model.t5, pairs[: len(pairs) // 2], seen, pairs[len(pairs) // 2 :], near)
        hidden = decoder(self._written(token, place, text)[:, None])
        scores, places = model.logits(hidden, among)[:, 0], text.new_zeros(text.shape[:2])
        if model.config.copy:
            at = Pointing(element[:, None], after[:, None], open[:, None])
            places = model.place_scores(hidden, text, at)[:, 0]
        return scores, places, hidden[:, 0], *chain(*decoder.past)

    def _written(self, token: Tensor, place: Tensor, text: Tensor) -> Tensor:
        """What the decoder sees of what was written last: float [R, d_model]."""
        t5 = self.model.t5
        start = t5.config.decoder_start_token_id
        inputs = t5.shared(torch.where((token >= 0) & (token < OFFSETS), token, start))
        if not self.model.config.copy:
            return inputs
        offset = self.model.offset_head.embed(token.clamp(min=OFFSETS))
        inputs = torch.where((token >= OFFSETS)[:, None], offset, inputs)
        there = text.gather(1, place.clamp(min=0)[:, None, None].expand(-1, 1, text.shape[-1]))[:, 0]
        return torch.where((place >= 0)[:, None], self.model.pointed_in(there), inputs)


class Vocabulary(nn.Module):
    """What ``Step`` gave of R hypotheses -> float [R, vocabulary]."""

    inputs, outputs = ("hidden",), ("logits",)

    def __init__(self, model: WebAgentModel):
        super().__init__()
        self.model = model

    def forward(self, hidden: Tensor) -> Tensor:
        return self.model.logits(hidden)


class Offsets(nn.Module):
    """What ``Step`` gave of R hypotheses, their pages, and where each counts from -> float [R, offsets]."""

    inputs, outputs = ("hidden", "text", "measured", "allowed"), ("offsets",)

    def __init__(self, model: WebAgentModel):
        super().__init__()
        self.model = model

    def forward(self, hidden: Tensor, text: Tensor, measured: Tensor, allowed: Tensor) -> Tensor:
        return self.model.offset_head(hidden, text, measured, allowed)


def graphs(model: WebAgentModel) -> dict[str, nn.Module]:
    """The parts that a network has, by their names; it cannot be saved afterwards."""
    model.fold_pointers()
    found: dict[str, nn.Module] = {"vision": Vision(model)} if model.config.vit else {}
    found |= {"distance": Distance(model), "text": Text(model), "step": Step(model), "vocabulary": Vocabulary(model)}
    return found | ({"offsets": Offsets(model)} if model.config.copy else {})


def sample(model: WebAgentModel, rows: int = 2, length: int = 12, image: int = 5, steps: int = 3) -> dict[str, Tensor]:
    """Something for every input of every part, of sizes that differ from each other; no tensor twice, which an export
    would take for one."""
    t5 = model.t5.config
    flags = torch.arange(rows * length).view(rows, length) % 3 == 0
    whole, number = torch.zeros(rows, length, dtype=torch.int64), torch.arange(rows)
    measured = torch.full((rows, length, len(COLUMNS)), NONE, dtype=torch.int16)
    measured[:, ::2] = 7
    return {
        "frames": torch.zeros(rows, model.config.height, model.config.width, 3, dtype=torch.uint8),
        "which": torch.arange(rows) % model.config.frames,
        "input_ids": whole, "features": torch.zeros(rows, length, model.config.features, dtype=torch.uint8),
        "words": flags, "verbs": flags.long(), "following": whole, "measured": measured,
        "asked": torch.arange(6).repeat(rows, 1), "away": torch.arange(-150, 150, 7),
        "pictures": torch.zeros(rows, image, t5.d_model), "seen": torch.randn(rows, 1, 1, image + length),
        "bias": torch.randn(rows, t5.num_heads, image + length, image + length),
        "near": torch.randn(1, t5.num_heads, 1, steps + 1),
        "among": torch.arange(4), "token": number - 1, "place": 1 - number, "element": number == 0, "after": number + 2,
        "open": flags, "allowed": number + 1,
        "text": torch.randn(rows, length, t5.d_model),
        "hidden": torch.randn(rows, t5.d_model),
    } | {
        name: torch.randn(rows, tokens, t5.num_heads * t5.d_kv)
        for kind, tokens in (("across", image + length), ("past", steps)) for name in _states(kind, model)
    }  # fmt: skip


def free(name: str) -> tuple[int, ...]:
    """Which dimensions of an input may be any."""
    if name in ("seen", "near"):
        return (0, 3) if name == "seen" else (3,)
    if name == "bias":
        return 0, 2, 3
    alone = ("frames", "which", "among", "token", "place", "element", "after", "allowed", "hidden", "away")
    return (0,) if name in alone else (0, 1)


def _states(kind: str, model: WebAgentModel) -> tuple[str, ...]:
    """Names of what the decoder's layers keep: each layer's keys, then its values."""
    return tuple(f"{kind}{number}" for number in range(2 * len(model.t5.decoder.block)))
