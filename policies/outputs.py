"""What the network gives: to training, and to whoever decides."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Spread(NamedTuple):
    """How likely each choice is in each of N steps, those of all examples one after the other, as logarithms."""

    choices: list[Tensor]
    """Of the tokens and then, with copying, of the places; float32 [steps, V + L], block by block."""
    offsets: Tensor
    """Of the offsets, in the steps that decide one; float32 [M, offsets]."""
    at: Tensor
    """Which steps those are, int64 [M]."""
    row: Tensor
    """Whose step each one is, int64 [N]."""


class Output(NamedTuple):
    """What training sees of a batch of B examples."""

    loss: Tensor
    """Mean of ``per_sample_loss``, a scalar."""
    per_sample_loss: Tensor
    """Negative log-likelihood of each action, float32 [B]."""
    correct: Tensor
    """Whether every step of the action is the likeliest, given those before it; bool [B]."""
    sight: Tensor | None = None
    """What the picture alone lost (``policies.sight``), float32 [B]; None without that lesson."""
    spread: Spread | None = None
    """Every step's whole distribution, where it was asked for."""


class Encoded(NamedTuple):
    """What the decoder looks at: B examples of I image tokens and L text tokens."""

    hidden: Tensor
    """float [B, I + L, d_model]."""
    mask: Tensor
    """bool [B, I + L], False where there is nothing."""
    text: Tensor
    """float [B, L, d_model], the text's part of ``hidden``."""
