"""The T5 decoder one token at a time: the numbers of transformers' own, without what it does around them.

Of a small network's step most of the time goes into the modules' bookkeeping, not into arithmetic; and keys and values
over the encoder's output are worked out once for all steps and hypotheses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import T5ForConditionalGeneration


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
        self._mask = torch.zeros_like(mask, dtype=hidden.dtype).masked_fill(~mask, torch.finfo(hidden.dtype).min)
        self._mask = self._mask[:, None, None]
        across = [block.layer[1].EncDecAttention for block in self._decoder.block]
        self._across = [(self._split(layer.k(hidden)), self._split(layer.v(hidden))) for layer in across]
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
            key, value = self._split(attention.k(normed)), self._split(attention.v(normed))
            if self._past:
                key, value = (torch.cat(pair, 2) for pair in zip(self._past[number], (key, value), strict=True))
            past.append((key, value))
            hidden = hidden + self._attend(attention, normed, key, value, bias)
            normed = across.layer_norm(hidden)
            hidden = hidden + self._attend(across.EncDecAttention, normed, *self._across[number], self._mask)
            hidden = hidden + last.DenseReluDense(last.layer_norm(hidden))
        self._past = past
        return self._decoder.final_layer_norm(hidden)

    def _attend(self, attention: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        # T5 has no 1/sqrt(d_kv) here; it is in the weights of q.
        weights = torch.softmax(self._split(attention.q(query)) @ key.transpose(2, 3) + bias, -1)
        return attention.o((weights @ value).transpose(1, 2).flatten(2))

    def _split(self, tensor: Tensor) -> Tensor:
        """[R, T, heads * d_kv] -> [R, heads, T, d_kv]."""
        return tensor.unflatten(-1, (self._heads, -1)).transpose(1, 2)
