"""The T5 as it is run here: many rows packed in training, and in deciding the decoder one token at a time.

Of a small network's time much goes into what transformers does around the arithmetic, and into padding. The numbers are
transformers' own, unless ``prepare`` is asked for bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import T5ForConditionalGeneration

LONGEST = 1 << 14
"""No sequence has more tokens."""


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has instructions of its own for bfloat16; False for a processor that does not tell."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    features = getattr(torch.cpu, "get_capabilities", dict)()
    return any(on is True for name, on in features.items() if name.endswith("bf16"))


@contextmanager
def without_denormals() -> Iterator[None]:
    """Counts as zero, in this thread, what is too near zero for float32 to have all its digits.

    Attention to what is hardly looked at is such numbers, and a CPU takes many times as long to multiply them: without
    them a training step in float32 takes a quarter less time.
    """
    before = bool(np.float32(1e-39) * np.float32(1) == 0)  # torch does not tell
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def prepare(t5: T5ForConditionalGeneration, bf16: bool) -> None:
    """Makes a network that only decides from now on: what is multiplied with the same vector is one matrix.

    Args:
        t5: the network; it cannot be trained or saved afterwards.
        bf16: whether the encoder multiplies in bfloat16, as training does; sums between its layers stay float32. So do
            the keys and values that the decoder makes of the encoder's output; its steps are too small to gain by it.
    """
    own = next(t5.parameters()).dtype
    dtype = torch.bfloat16 if bf16 else own
    for stack, products in ((t5.encoder, dtype), (t5.decoder, own)):
        blocks: Any = stack.block
        for block in blocks:
            attention = block.layer[0].SelfAttention
            _merge(attention, "qkv", ("q", "k", "v"), products)
            attention.o.to(products)
            if stack is t5.decoder:
                _merge(block.layer[1].EncDecAttention, "kv", ("k", "v"), dtype)
            dense = block.layer[-1].DenseReluDense
            if hasattr(dense, "wi_0"):
                _merge(dense, "gates", ("wi_0", "wi_1"), products)
            dense.to(products)


def _merge(module: Any, name: str, parts: Sequence[str], dtype: torch.dtype) -> None:
    """Puts the weights of linear layers without bias into one matrix in their place."""
    weights = [getattr(module, part).weight.detach() for part in parts]
    module.register_buffer(name, torch.cat(weights).to(dtype))
    for part in parts:
        delattr(module, part)


class RMSNorm(nn.RMSNorm):
    """torch's; where a CPU trains it, from half as many operations."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.device.type == "cpu" and x.dtype == self.weight.dtype == torch.float32:
            return _Normalised.apply(x, self.weight, self.eps)  # pyright: ignore
        return super().forward(x)


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        normal = x * scale
        ctx.save_for_backward(normal, scale, weight)
        return normal * weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # pyright: ignore
        normal, scale, weight = ctx.saved_tensors
        product = gradient * normal
        mean = (product @ weight).div_(-weight.shape[0])[..., None]
        return torch.addcmul(gradient * weight, normal, mean).mul_(scale), product.flatten(0, -2).sum(0), None


class Packing:
    """Blocks of rows, each padded to its own longest, as one sequence of tokens without padding, and back (as in Krell
    et al. 2021, arXiv 2107.02027).

    Args:
        masks: bool [B, L] each, False where there is nothing.
        products: what the tokens will be multiplied in.
    """

    def __init__(self, masks: Sequence[Tensor], products: torch.dtype = torch.float32):
        few = _want_few_shapes(products, masks[0].device)
        self.masks = [_longer(mask, _round_up(mask.shape[1])) for mask in masks] if few else masks
        """bool [B, L] each, of the blocks as ``unpack`` gives them."""
        self._lengths = [mask.shape[1] for mask in masks]
        self._alone = len(masks) == 1 and (not few or len(masks[0]) == 1)
        self._heads: dict[int, tuple[Tensor, Tensor, Tensor, Tensor | None]] = {}
        if not self._alone:
            mask = torch.cat([mask.flatten() for mask in self.masks])
            self._tokens, self._empty = mask.nonzero()[:, 0], (~mask).nonzero()[:, 0]
            self._slots, self._unused = (mask.cumsum(0) - 1).clamp(min=0), None
            if few:
                count = len(self._tokens)
                self._tokens = nn.functional.pad(self._tokens, (0, _round_up(count) - count))
                self._unused = torch.arange(count, len(self._tokens))

    def pack(self, blocks: Sequence[Tensor]) -> Tensor:
        """float [B, L, d] each -> [N, d]; one alone has little padding and keeps its form."""
        if self._alone:
            return _longer(blocks[0], self.masks[0].shape[1])
        padded = torch.cat(
            [_longer(block, mask.shape[1]).flatten(0, 1) for block, mask in zip(blocks, self.masks, strict=True)]
        )
        return _Pick.apply(padded, self._tokens, self._slots, self._empty)  # pyright: ignore

    def unpack(self, packed: Tensor) -> list[Tensor]:
        """[N, d] -> [B, L, d] each, with anything where there is nothing."""
        if self._alone:
            return [packed]
        padded: Any = _Pick.apply(packed, self._slots, self._tokens, self._unused)
        parts = padded.split([mask.numel() for mask in self.masks])
        return [part.unflatten(0, mask.shape) for part, mask in zip(parts, self.masks, strict=True)]

    def split_heads(self, packed: Tensor, heads: int) -> list[Tensor]:
        """[N, heads * d_kv] -> [B, heads, L, d_kv] each, in one copy."""
        if self._alone:
            return [_split(packed, heads)]
        slots, tokens, _, unused = self._of_heads(heads)
        padded: Any = _Pick.apply(packed.reshape(len(packed) * heads, -1), slots, tokens, unused)
        parts = padded.split([heads * mask.numel() for mask in self.masks])
        return [part.unflatten(0, (len(mask), heads, -1)) for part, mask in zip(parts, self.masks, strict=True)]

    def join_heads(self, blocks: Sequence[Tensor]) -> Tensor:
        """The reverse of ``split_heads``."""
        if self._alone:
            return _joined(blocks[0])
        slots, tokens, empty, _ = self._of_heads(heads := blocks[0].shape[1])
        padded = torch.cat([block.flatten(0, 2) for block in blocks])
        joined: Any = _Pick.apply(padded, tokens, slots, empty)
        return joined.view(len(joined) // heads, -1)

    def _of_heads(self, heads: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """The numbers of slots, tokens, empty slots and unused tokens that are cut into heads: a token has its own one
        after the other, a row of a block all tokens of the first, then all of the second, and so on."""
        if heads not in self._heads:
            head = torch.arange(heads, device=self._slots.device)
            parts = zip(self._slots.split([mask.numel() for mask in self.masks]), self.masks, strict=True)
            slots = [(own.view(len(mask), 1, -1) * heads + head[:, None]).flatten() for own, mask in parts]
            at = torch.cat([torch.arange(mask.shape[1], device=mask.device).repeat(len(mask)) for mask in self.masks])
            length = torch.cat([at.new_full((mask.numel(),), mask.shape[1]) for mask in self.masks])
            first = (torch.arange(len(at), device=at.device) - at) * heads + at
            tokens, empty = ((first[numbers, None] + head * length[numbers, None]).flatten()
                             for numbers in (self._tokens, self._empty))  # fmt: skip
            unused = None if self._unused is None else (self._unused[:, None] * heads + head).flatten()
            self._heads[heads] = torch.cat(slots), tokens, empty, unused
        return self._heads[heads]

    def cut(self, blocks: Sequence[Tensor]) -> list[Tensor]:
        """Blocks as ``unpack`` gives them, as long as they came."""
        return [block[:, :length] for block, length in zip(blocks, self._lengths, strict=True)]


def _want_few_shapes(products: torch.dtype, device: torch.device) -> bool:
    """Whether blocks should be filled up to one of few lengths, and their tokens to one of few numbers.

    For products in bfloat16 a CPU generates a program for each shape that it has not met lately, which takes as long
    as several of the products.
    """
    return products == torch.bfloat16 and device.type == "cpu"


def _round_up(length: int) -> int:
    """The next of eight lengths from one power of two to the next, and of the multiples of 16."""
    step = max(16, 1 << max(length.bit_length() - 4, 0))
    return -(-length // step) * step


def _longer(block: Tensor, length: int) -> Tensor:
    """[B, L, ...] -> [B, length, ...], filled up with zeros."""
    if block.shape[1] == length:
        return block
    return nn.functional.pad(block, (0, 0) * (block.ndim - 2) + (0, length - block.shape[1]))


class _Pick(torch.autograd.Function):
    """Rows by their numbers, of which none that counts is asked for twice; so the gradient's rows can be picked, not
    added up."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, numbers: Tensor, back: Tensor, left_out: Tensor | None) -> Tensor:
        ctx.save_for_backward(back, left_out)
        return rows.index_select(0, numbers)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # pyright: ignore
        back, left_out = ctx.saved_tensors
        found = gradient.index_select(0, back)
        return found if left_out is None else found.index_fill_(0, left_out, 0), None, None, None


def run_encoder(t5: T5ForConditionalGeneration, inputs: Sequence[Tensor], masks: Sequence[Tensor],
                products: torch.dtype | None = None) -> list[Tensor]:  # fmt: skip
    """The encoder's output for several blocks of rows, each padded to its own longest.

    What concerns a single token is worked out for all of them at once, without padding, and attention block by block.
    So rows of very different lengths take neither padding nor passes of their own.

    Args:
        t5: the network.
        inputs: float [B, S, d_model] each, embeddings.
        masks: bool [B, S] each, False where there is nothing.
        products: what is multiplied in; where not given, the type of the weights.

    Returns:
        float [B, S, d_model] each.
    """
    encoder: Any = t5.encoder
    first = encoder.block[0].layer[0].SelfAttention
    dtype = products or first.o.weight.dtype
    rows = Packing(masks, dtype)
    biases = [(_position_bias(first, mask.shape[1]) + additive(mask)).to(dtype) for mask in rows.masks]
    hidden = encoder.dropout(rows.pack(inputs))
    with _multiplying_in(products, hidden.device):
        for block in encoder.block:
            itself, last = block.layer
            query, key, value = project(itself.SelfAttention, itself.layer_norm(hidden).to(dtype))
            hidden = hidden + itself.dropout(_attend_rows(itself.SelfAttention, rows, query, rows, key, value, biases))
            hidden = hidden + last.dropout(_feed_forward(last.DenseReluDense, last.layer_norm(hidden).to(dtype)))
    return rows.cut(rows.unpack(encoder.dropout(encoder.final_layer_norm(hidden))))


def run_decoder(t5: T5ForConditionalGeneration, inputs: Sequence[Tensor], steps: Sequence[Tensor],
                encoded: Sequence[Tensor], masks: Sequence[Tensor],
                products: torch.dtype | None = None) -> list[Tensor]:  # fmt: skip
    """The decoder's output for whole actions, as in ``run_encoder``; no step sees a later one.

    On a CPU, ``products`` is only what keys and values of the encoder's output are multiplied in: the steps are so few
    that less precise products gain nothing.

    Args:
        t5: the network.
        inputs: float [B, T, d_model] each, embeddings: the start, then all steps but the last.
        steps: bool [B, T] each, False where an action is over.
        encoded: float [B, S, d_model] each, the encoder's output.
        masks: bool [B, S] each, False where there is nothing.
        products: as of ``run_encoder``.

    Returns:
        float [B, T, d_model] each.
    """
    decoder: Any = t5.decoder
    first = decoder.block[0].layer[0].SelfAttention
    dtype = autocast_type(first.o.weight.device) or first.o.weight.dtype
    rows, source = Packing(steps, dtype), Packing(masks, products or dtype)
    biases = [(_position_bias(first, step.shape[1]) + additive(_causal(step))).to(dtype) for step in rows.masks]
    source_biases = [additive(mask).to(dtype) for mask in source.masks]
    hidden, there = decoder.dropout(rows.pack(inputs)), source.pack(encoded).to(products or dtype)
    for block in decoder.block:
        itself, across, last = block.layer
        query, key, value = project(itself.SelfAttention, itself.layer_norm(hidden).to(dtype))
        hidden = hidden + itself.dropout(_attend_rows(itself.SelfAttention, rows, query, rows, key, value, biases))
        attention = across.EncDecAttention
        query = attention.q(across.layer_norm(hidden).to(dtype))
        with _multiplying_in(products, there.device):
            key, value = attention.k(there).to(dtype), attention.v(there).to(dtype)
        hidden = hidden + across.dropout(_attend_rows(attention, rows, query, source, key, value, source_biases))
        hidden = hidden + last.dropout(_feed_forward(last.DenseReluDense, last.layer_norm(hidden).to(dtype)))
    return rows.cut(rows.unpack(decoder.dropout(decoder.final_layer_norm(hidden))))


def keys_values(t5: T5ForConditionalGeneration, hidden: Tensor) -> list[Sequence[Tensor]]:
    """What the decoder's steps ask of the encoder's output: of each layer, keys and values.

    Args:
        t5: the network.
        hidden: float [B, S, d_model], the encoder's output.

    Returns:
        float [B, S, heads * d_kv] each.
    """
    decoder: Any = t5.decoder
    return [_keys_values(block.layer[1].EncDecAttention, hidden) for block in decoder.block]


class DecoderSteps:
    """The decoder's state for R hypotheses.

    Args:
        t5: the network.
        across: what ``keys_values`` gave, of R rows.
        seen: float [R, 1, 1, S], what ``additive`` gave of where there is something.
        past: of each layer, keys and values of the T steps so far, float [R, T, heads * d_kv] each.
        near: float [1, heads, 1, T + 1], what is added to the products with them and with the next one, where somebody
            else has worked it out from ``distance_bias``.
    """

    def __init__(self, t5: T5ForConditionalGeneration, across: Sequence[Sequence[Tensor]], seen: Tensor,
                 past: Sequence[Sequence[Tensor]] = (), near: Tensor | None = None):  # fmt: skip
        self._decoder: Any = t5.decoder
        self._across, self._seen, self.past, self._near = across, seen, past, near

    def __call__(self, inputs: Tensor, before: Tensor | None = None) -> Tensor:
        """Takes one step.

        Args:
            inputs: float [R, 1, d_model], embeddings of what was written last.
            before: int64 [R], the row of the step before that each goes on from; None where the rows are the same ones.

        Returns:
            float [R, 1, d_model], the decoder's output.
        """
        if before is not None:
            self.past, self._across = ([[tensor[before] for tensor in pair] for pair in pairs]
                                       for pairs in (self.past, self._across))  # fmt: skip
            self._seen = self._seen[before]
        hidden, bias, self._near = inputs, self._near, None
        if bias is None:
            length = 1 + (self.past[0][0].shape[1] if self.past else 0)
            bias = _position_bias(self._decoder.block[0].layer[0].SelfAttention, length)[:, :, -1:]
        past: list[Sequence[Tensor]] = []
        for number, block in enumerate(self._decoder.block):
            itself, across, last = block.layer
            attention = itself.SelfAttention
            query, key, value = project(attention, itself.layer_norm(hidden))
            if self.past:
                key, value = (torch.cat(pair, 1) for pair in zip(self.past[number], (key, value), strict=True))
            past.append((key, value))
            hidden = hidden + attend(attention, query, key, value, bias)
            attention, (key, value) = across.EncDecAttention, self._across[number]
            hidden = hidden + attend(attention, attention.q(across.layer_norm(hidden)), key, value, self._seen)
            hidden = hidden + _feed_forward(last.DenseReluDense, last.layer_norm(hidden))
        self.past = past
        return self._decoder.final_layer_norm(hidden)


def project(attention: Any, hidden: Tensor) -> Sequence[Tensor]:
    """Queries, keys and values of an attention to itself."""
    if "qkv" in attention._buffers:
        return nn.functional.linear(hidden, attention.qkv).chunk(3, -1)
    return attention.q(hidden), attention.k(hidden), attention.v(hidden)


def _keys_values(attention: Any, there: Tensor) -> Sequence[Tensor]:
    """Keys and values of an attention to something else, in the type of that."""
    if "kv" in attention._buffers:
        length, dtype = there.shape[1], attention.kv.dtype
        if _want_few_shapes(dtype, there.device):
            there = _longer(there, _round_up(length))
        return nn.functional.linear(there.to(dtype), attention.kv)[:, :length].to(there.dtype).chunk(2, -1)
    return attention.k(there), attention.v(there)


def _feed_forward(dense: Any, hidden: Tensor) -> Tensor:
    if "gates" in dense._buffers:
        gate, value = nn.functional.linear(hidden, dense.gates).chunk(2, -1)
        return dense.wo(dense.act(gate) * value)
    return dense(hidden)


def attend(attention: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Attention of [B, T, heads * d_kv] to [B, S, heads * d_kv], and what is made of it: [B, T, d_model].

    ONNX has one operation for heads side by side, which need not be moved for it then.
    """
    heads = attention.n_heads
    if torch.onnx.is_in_onnx_export():
        how = {"scale": 1.0, "q_num_heads": heads, "kv_num_heads": heads}
        return attention.o(torch.onnx.ops.attention(query, key, value, bias, **how)[0])
    query, key, value = (_split(part, heads) for part in (query, key, value))
    return attention.o(_joined(_hear(query, key, value, bias)))


def _attend_rows(attention: Any, rows: Packing, query: Tensor, source: Packing, key: Tensor, value: Tensor,
                 biases: Sequence[Tensor]) -> Tensor:  # fmt: skip
    """Attention of packed rows [N, d_model] to the packed rows of ``source``, of the same blocks."""
    heads, dropout = attention.n_heads, attention.dropout * attention.training
    parts = rows.split_heads(query, heads), source.split_heads(key, heads), source.split_heads(value, heads)
    return attention.o(rows.join_heads([_hear(*part, dropout) for part in zip(*parts, biases, strict=True)]))


def _hear(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, dropout: float = 0.0) -> Tensor:
    """Attention of [B, heads, T, d_kv] to [B, heads, S, d_kv]: [B, heads, T, d_kv]."""
    # T5 has no 1/sqrt(d_kv) here; it is in the weights of q.
    if not (torch.is_grad_enabled() or dropout):
        return nn.functional.scaled_dot_product_attention(query, key, value, bias.to(query.dtype), scale=1.0)
    if bias.shape[:3] == query.shape[:3]:  # one operation can add it
        products = torch.baddbmm(*(tensor.flatten(0, 1) for tensor in (bias, query, key.transpose(2, 3))))
        weights = torch.softmax(products.unflatten(0, query.shape[:2]), -1)
    else:
        weights = torch.softmax(query @ key.transpose(2, 3) + bias, -1)
    if dropout:
        weights = nn.functional.dropout(weights, dropout)
    return weights @ value


def _split(tensor: Tensor, heads: int) -> Tensor:
    """[R, T, heads * d_kv] -> [R, heads, T, d_kv]."""
    return tensor.unflatten(-1, (heads, -1)).transpose(1, 2)


def _joined(heard: Tensor) -> Tensor:
    """The reverse of ``_split``."""
    return heard.transpose(1, 2).flatten(2)


def autocast_type(device: torch.device) -> torch.dtype | None:
    """What autocast has multiplied, where that is on."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None


def _multiplying_in(products: torch.dtype | None, device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast(device.type, products) if products else nullcontext()


def _position_bias(attention: Any, length: int) -> Tensor:
    """T5's bias by relative position among ``length`` tokens, float [1, heads, length, length].

    It depends on how far the key is from the query alone, so it is looked up once for each distance.
    """
    weight = attention.relative_attention_bias.weight
    buckets = _buckets(
        not attention.is_decoder, weight.shape[0], attention.relative_attention_max_distance, weight.device
    )
    table = weight.index_select(0, buckets[LONGEST - length : LONGEST + length]).T
    return table[:, :-1].unfold(1, length, 1).flip(1)[None]


def distance_bias(stack: Any) -> Tensor:
    """What a T5's encoder, or decoder, adds to the product of a query and a key, by how far after the query the key is.

    Returns:
        float [heads, 2 F + 1] for the distances from -F to F, beyond which it stays the same.
    """
    attention = stack.block[0].layer[0].SelfAttention
    weight, furthest = attention.relative_attention_bias.weight, attention.relative_attention_max_distance
    buckets = _buckets(not attention.is_decoder, weight.shape[0], furthest, weight.device)
    return weight[buckets[LONGEST - 1 - furthest : LONGEST + furthest]].T


@lru_cache(maxsize=64)
def _buckets(both_ways: bool, count: int, furthest: int, device: torch.device) -> Tensor:
    """The bucket of each distance from 1 - ``LONGEST`` to ``LONGEST``."""
    from transformers.models.t5.modeling_t5 import T5Attention

    with torch.inference_mode(False):
        away = torch.arange(1 - LONGEST, LONGEST + 1, device=device)
        return T5Attention._relative_position_bucket(away, both_ways, count, furthest)


def _causal(steps: Tensor) -> Tensor:
    """Which steps each of [B, T] steps sees, bool [1, T, T]."""
    return torch.ones(1, steps.shape[1], steps.shape[1], dtype=torch.bool, device=steps.device).tril()


def additive(mask: Tensor) -> Tensor:
    """What is added to the products of attention, float32 [B, 1, 1 or T, S]: nothing, or so much that nothing is left.

    Args:
        mask: bool [B, S] or [B, T, S].
    """
    mask = mask[:, None] if mask.ndim == 3 else mask[:, None, None]
    return torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, torch.finfo(torch.float32).min)
