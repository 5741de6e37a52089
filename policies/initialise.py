"""How a network begins that is trained from scratch, or with the weights of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers.models.t5.modeling_t5 import T5Attention

from policies.alike import LIKE_ELEMENT, LIKE_WORD
from policies.config import ALIKE
from policies.matching import FEATURES
from policies.options import Trained
from policies.vision import PARTS

if TYPE_CHECKING:
    from policies.model import WebAgentModel

OF_TOKENS = ("t5.shared.weight", "t5.lm_head.weight", "alike.meaning.weight")
"""Weights with a row for each token of the vocabulary."""
OVERLOOKED = 0.25
"""How far out a fresh ViT's tokens begin, beside those of the one before."""

BIAS = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"


@torch.no_grad()
def initialise(model: WebAgentModel) -> None:
    """Sets what the additions begin with; the T5 keeps transformers' start but for ``mimetic``."""
    width = model.t5.config.d_model
    if model.config.vit:
        nn.init.normal_(model.image_in.weight, std=model.image_in.in_features**-0.5)
        nn.init.zeros_(model.image_in.bias)
        nn.init.normal_(model.frame_embedding.weight, std=0.1)
    if model.config.match:
        nn.init.normal_(model.feature_embedding.weight, std=0.5)
    if model.config.copy:
        for layer in (model.point_query, model.point_key, model.pointed_in):
            nn.init.normal_(layer.weight, std=width**-0.5)
    if model.config.mimetic:
        _mimetic(model)


def _mimetic(model: WebAgentModel) -> None:
    """Half of the heads of each attention begin with k = q, so that a token looks for tokens like itself, with -10 on
    its own place; the other heads of the encoder begin at the neighbours, before and after by turns.

    After Trockman and Kolter 2023 (arXiv 2305.09828), for T5's relative positions.
    """
    config = model.t5.config
    half, size = config.num_heads // 2, config.d_kv
    for name, attention in model.t5.named_modules():
        if isinstance(attention, T5Attention) and not (name.startswith("decoder") and name.endswith("SelfAttention")):
            attention.q.weight[: half * size] = attention.k.weight[: half * size] * size**-0.5
    bias = model.t5.get_parameter(BIAS)  # [buckets, heads]
    bias[0, :half] = -10.0
    after = config.relative_attention_num_buckets // 2
    distance = torch.arange(1, 9)
    for head in range(half, config.num_heads):
        near, far = (1, after + 1) if head % 2 == 0 else (after + 1, 1)
        bias[near : near + 8, head] = 4.0 - 0.5 * (distance - 1)
        bias[far : far + 8, head] = 1.0 - 0.25 * (distance - 1)


@torch.no_grad()
def with_additions(model: WebAgentModel, sight: bool = False, trained: Trained = "all") -> WebAgentModel:
    """Nearly the same function, with match features, ``alike`` and a calculator where the model is older than they.

    Features begin as long as in a fresh network: those that began at zero were still at a fifth of the others' length
    after a million samples, and little was made of them.

    Args:
        model: an earlier one.
        sight: whether the lesson of that name is to be taken.
        trained: what is going to be trained. What begins fresh and is not trained then would only disturb.
    """
    config = replace(model.config, sight=sight)
    if trained == "all":
        config = replace(config, features=len(FEATURES), alike=config.alike or ALIKE, measures=True)
    if trained != "vision":
        config = replace(config, calculator=True)
    if not model.config.match or model.config == config:
        return model
    wider, state = type(model)(config), model.state_dict()
    features = state["feature_embedding.weight"]
    features = torch.cat([features, wider.feature_embedding.weight[:, features.shape[1] :].to(features)], 1)
    state["feature_embedding.weight"] = features
    if config.alike and not model.config.alike:
        state |= {name: tensor for name, tensor in wider.state_dict().items() if name.startswith("alike.")}
        for name, like in (("alike.word", LIKE_WORD), ("alike.element", LIKE_ELEMENT)):
            state[name] = features[:, [FEATURES.index(feature) for feature in like]].sum(1)
    if config.measures and not model.config.measures:
        state |= {name: tensor for name, tensor in wider.state_dict().items() if name.startswith("measures.")}
    if model.config.copy and config.calculator and not model.config.calculator:
        state |= {name: tensor for name, tensor in wider.state_dict().items() if ".calculator." in name}
    if sight and not model.config.sight:
        state |= {name: tensor for name, tensor in wider.state_dict().items() if name.startswith("sight.")}
    if not sight:
        state = {name: tensor for name, tensor in state.items() if not name.startswith("sight.")}
    wider.load_state_dict(state)
    return wider.to(features.device)


@torch.no_grad()
def with_new_vision(model: WebAgentModel) -> WebAgentModel:
    """The same network with a fresh ViT and a fresh way from it into the T5.

    Where pictures have said nothing for long, what a ViT gives may be all but the same whatever it sees, and does not
    become otherwise within a thousand steps; a fresh one's does. What that gives begins around the middle of what the
    other gives, but nearer to nothing: the T5 has learnt to overlook what lies in that direction, and what pictures
    say is not small beside it.
    """
    fresh, state = type(model)(model.config), model.state_dict()
    blank = torch.full((1, model.config.height, model.config.width, 3), 255, dtype=torch.uint8, device=model.device)
    first = torch.zeros(1, dtype=torch.int64, device=model.device)
    middle = model.see(blank, first).mean((0, 1)) - model.frame_embedding.weight[0]
    state |= {name: tensor for name, tensor in fresh.state_dict().items() if name.startswith(PARTS)}
    state["image_in.bias"] = OVERLOOKED * middle
    fresh.load_state_dict(state)
    return fresh.to(next(model.parameters()).device)


@torch.no_grad()
def with_vocabulary(model: WebAgentModel, spelt: Sequence[Sequence[int]]) -> WebAgentModel:
    """The same network for another vocabulary: each token begins as the mean of those that spell it.

    After Gee et al. 2022 (Fast Vocabulary Transfer for Language Model Compression, EMNLP industry track).

    Args:
        model: what was trained.
        spelt: for each new token, the model's own that stand for it (``Vocabulary.spells``); where there are none it
            begins as a fresh one.
    """
    changed = type(model)(replace(model.config, t5={**model.config.t5, "vocab_size": len(spelt)}))
    learnt = dict(model.named_parameters())
    for name, weight in changed.named_parameters():
        if name not in OF_TOKENS:
            weight.copy_(learnt[name])
            continue
        for row, tokens in zip(weight, spelt, strict=True):
            if tokens:
                row.copy_(learnt[name][list(tokens)].mean(0))
    return changed.to(next(model.parameters()).device)
