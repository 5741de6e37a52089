"""The T5 for deciding: its encoder, and its decoder one token at a time, without what transformers does around them.

Of a small network's time much goes into the modules' bookkeeping, not into arithmetic; and keys and values over the
encoder's output are worked out once for all steps and hypotheses. The numbers are transformers' own, unless ``halve``
was called.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has instructions of its own for bfloat16; False for a processor that does not tell."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    features = getattr(torch.cpu, "get_capabilities", dict)()
    return any(on is True for name, on in features.items() if name.endswith("bf16"))


def halve(t5: T5ForConditionalGeneration) -> None:
    """Makes the encoder multiply in bfloat16 from now on, as training does; sums between its layers stay float32.

    So do the keys and values that the decoder makes of the encoder's output; its steps are too small to gain by it.
    The network can then only decide, not be trained.
    """
    decoder: Any = t5.decoder
    across = [block.layer[1].EncDecAttention for block in decoder.block]
    products = [layer for layer in t5.encoder.modules() if isinstance(layer, nn.Linear)]
    for layer in (*products, *(part for attention in across for part in (attention.k, attention.v))):
        layer.to(torch.bfloat16)


def run_encoder(t5: T5ForConditionalGeneration, inputs: Tensor, mask: Tensor) -> Tensor:
    """The encoder's output, float [B, S, d_model]; no dropout.

    Args:
        t5: the network.
        inputs: float [B, S, d_model], embeddings.
        mask: bool [B, S], False where there is nothing.
    """
    encoder: Any = t5.encoder
    heads, hidden = t5.config.num_heads, inputs
    dtype = encoder.block[0].layer[0].SelfAttention.q.weight.dtype
    length = inputs.shape[1]
    bias = encoder.block[0].layer[0].SelfAttention.compute_bias(length, length, device=inputs.device)
    bias = (bias + _additive(mask, inputs.dtype)).to(dtype)
    for block in encoder.block:
        itself, last = block.layer
        normed = itself.layer_norm(hidden).to(dtype)
        key, value = (_split(part(normed), heads) for part in (itself.SelfAttention.k, itself.SelfAttention.v))
        hidden = hidden + _attend(itself.SelfAttention, normed, key, value, bias)
        hidden = hidden + last.DenseReluDense(last.layer_norm(hidden).to(dtype))
    return encoder.final_layer_norm(hidden)


class DecoderSteps:
    """The decoder's state for B examples and, at each step, R hypotheses about them.

    Args:
        t5: the network.
        hidden: float [B, S, d_model], the encoder's output.
        mask: bool [B, S], False where there is nothing.
    """

    def __init__(self, t5: T5ForConditionalGeneration, hidden: Tensor, mask: Tensor):
        self._decoder: Any = t5.decoder
        self._heads = t5.config.num_heads
        self._mask = _additive(mask, hidden.dtype)
        across = [block.layer[1].EncDecAttention for block in self._decoder.block]
        held = hidden.to(across[0].k.weight.dtype)
        kept = [[_split(part(held).to(hidden.dtype), self._heads) for part in (layer.k, layer.v)] for layer in across]
        self._across = [(key, value) for key, value in kept]
        self._past: list[tuple[Tensor, Tensor]] = []
        self._length = 0

    def __call__(self, inputs: Tensor, before: Tensor | None = None) -> Tensor:
        """Takes one step.

        Args:
            inputs: float [R, 1, d_model], embeddings of what was written last.
            before: int64 [R], the row of the step before that each goes on from; None where the rows are the same ones
                (in the first step those of the examples).

        Returns:
            float [R, 1, d_model], the decoder's output.
        """
        if before is not None:
            self._past = [(key[before], value[before]) for key, value in self._past]
            self._across = [(key[before], value[before]) for key, value in self._across]
            self._mask = self._mask[before]
        self._length += 1
        hidden = inputs
        bias = (
            self._decoder.block[0]
            .layer[0]
            .SelfAttention.compute_bias(1, self._length, device=inputs.device, past_seen_tokens=self._length - 1)
        )
        past: list[tuple[Tensor, Tensor]] = []
        for number, block in enumerate(self._decoder.block):
            itself, across, last = block.layer
            normed = itself.layer_norm(hidden)
            attention = itself.SelfAttention
            key, value = (_split(part(normed), self._heads) for part in (attention.k, attention.v))
            if self._past:
                key, value = (torch.cat(pair, 2) for pair in zip(self._past[number], (key, value), strict=True))
            past.append((key, value))
            hidden = hidden + _attend(attention, normed, key, value, bias)
            normed = across.layer_norm(hidden)
            hidden = hidden + _attend(across.EncDecAttention, normed, *self._across[number], self._mask)
            hidden = hidden + last.DenseReluDense(last.layer_norm(hidden))
        self._past = past
        return self._decoder.final_layer_norm(hidden)


def _attend(attention: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    # T5 has no 1/sqrt(d_kv) here; it is in the weights of q.
    weights = torch.softmax(_split(attention.q(query), key.shape[1]) @ key.transpose(2, 3) + bias, -1)
    return attention.o((weights @ value).transpose(1, 2).flatten(2))


def _split(tensor: Tensor, heads: int) -> Tensor:
    """[R, T, heads * d_kv] -> [R, heads, T, d_kv]."""
    return tensor.unflatten(-1, (heads, -1)).transpose(1, 2)


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to the products of attention, [B, 1, 1, S]: nothing, or so much that nothing is left."""
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)[:, None, None]
