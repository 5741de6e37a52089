"""Quantities: where things stand and how large numbers are, for a network that else reads digits.

A token of the page's text says nothing about what lies between 38 and 42. So an element's token also gets the middle
and the size of its box, and a number's token its value, as sines and cosines of waves from 4 to 2,048 long (the
position encoding of Vaswani et al. 2017, arXiv 1706.03762, for measured things). An offset in pixels is written in
one step, and so is a number that is worked out, an offset from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from policies.calculator import Calculator
from policies.page import Unit

COLUMNS = ("x of the middle", "y of the middle", "width", "height", "value")
"""What is measured: of elements in CSS pixels, of numbers what they are."""
LARGEST = 1024
"""What is larger, or smaller than its negative, counts as this much."""
NONE = -32768
"""Where there is nothing to measure."""
OFFSETS = 1 << 20
"""Token of the offset ``-LARGEST``; the following offsets have the following tokens. No vocabulary is as large."""
HEADS = 4
"""Coordinates that an offset can be made of."""
MODES = 3
"""Distributions of the mixture whose middles are any sums."""
FREEDOM = 2.0
"""Degrees of freedom of each."""
SHARPEST = 4.0
"""Logarithm of ``SCALE`` over the narrowest distribution's width: about a third of a pixel."""
SCALE = 20.0
"""CSS pixels: how far an offset is from its mean at the start, and the unit of lengths that are learnt."""
_WAVES = 10


def measure(units: Sequence[Unit], places: Sequence[int], boxes: Mapping[int, np.ndarray], length: int) -> np.ndarray:
    """What is measured of each token.

    Args:
        units: words and markup.
        places: the first token of each; only that is measured.
        boxes: place of each element that can be seen -> its x, y, width, height in CSS pixels.
        length: tokens.

    Returns:
        int16 [length, len(COLUMNS)], ``NONE`` where there is nothing.
    """
    found = np.full((length, len(COLUMNS)), NONE, np.int16)
    for number, (unit, place) in enumerate(zip(units, places, strict=True)):
        if unit.kind == "word" and unit.text.isdecimal():
            found[place, 4] = max(-LARGEST, min(LARGEST, _sign(units, number) * int(unit.text[:6])))
    if boxes:
        box = np.array([*boxes.values()], float)
        box[:, :2] += box[:, 2:] / 2
        found[[*boxes], :4] = np.clip(np.rint(box), -LARGEST, LARGEST)
    return found


def _sign(units: Sequence[Unit], number: int) -> int:
    """-1 of a number right after a minus that is not a hyphen, as of ``-12`` and not of ``5-12``."""
    if number == 0 or units[number - 1].text != "-" or units[number].space:
        return 1
    hyphen = number > 1 and units[number - 2].kind == "word" and not units[number - 1].space
    return 1 if hyphen and units[number - 2].text[-1:].isalnum() else -1


def waves() -> Tensor:
    """float32 [2 LARGEST + 1, F]: the waves at ``-LARGEST`` to ``LARGEST``, and the number itself."""
    numbers = torch.arange(-LARGEST, LARGEST + 1, dtype=torch.float32)[:, None]
    angles = 2 * torch.pi * numbers / 2.0 ** torch.arange(2, 2 + _WAVES)
    return torch.cat([angles.sin(), angles.cos(), numbers / LARGEST], 1)


class Measures(nn.Module):
    """Embeddings of what is measured, added to the encoder's input. They begin at zero.

    Args:
        width: d_model.
    """

    table: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("table", waves(), persistent=False)
        self.project = nn.Linear(len(COLUMNS) * (self.table.shape[1] + 1), width, bias=False)
        nn.init.zeros_(self.project.weight)

    def forward(self, inputs: Tensor, measured: Tensor) -> Tensor:
        """Adds them.

        Args:
            inputs: float [N, d_model].
            measured: int16 [N, len(COLUMNS)], as ``measure`` gives it.
        """
        there = measured != NONE
        rows = there.any(-1).nonzero()[:, 0]
        there = there[rows, :, None].to(self.table.dtype)
        index = measured[rows].long().clamp(-LARGEST, LARGEST) + LARGEST
        described = torch.cat([nn.functional.embedding(index, self.table) * there, there], -1).flatten(1)
        return inputs.index_add(0, rows, self.project(described).to(inputs.dtype))


def origin_code(origin: int, axis: int) -> int:
    """What tells a step of ``Kind.OFFSET`` where it counts from, in the place of the verbs that others allow."""
    return 2 * (origin + LARGEST) + axis


FROM_ZERO = origin_code(0, 0)
"""What tells it that the offset is an amount."""


def offset_token(offset: int) -> int:
    """The token of an offset; of what is too far, that of the farthest."""
    return OFFSETS + LARGEST + max(-LARGEST, min(LARGEST, offset))


def offset_of(token: int) -> int:
    """The offset that a token stands for."""
    return token - OFFSETS - LARGEST


BACK = 0.3
"""Share of its gradient that the head of offsets passes on to what it reads. A sharp distribution that is off by some
pixels has a gradient some fifty times that of a choice among buttons, and would have the network to itself."""


class OffsetHead(nn.Module):
    """Reads and writes offsets in pixels, and amounts, for the decoder.

    An offset's likelihood is a mixture (Bishop 1994, Mixture Density Networks) of Student's t distributions, whose
    middles are sums of coordinates and numbers attended to, as in a spatial soft argmax (Levine et al. 2016, arXiv
    1504.00702), and of a length; times waves, for what is no such sum. The heavy tails bound what a single far-off
    offset weighs. On one set of demonstrations 93 % of find-midpoint's clicks were within 3 pixels after 500 steps with
    one normal distribution in the mixture's place; with the waves alone none was after 700.

    An amount is that, or else a result of the ``Calculator``.

    Args:
        width: d_model.
        calculator: whether it has one.
    """

    table: Tensor
    offsets: Tensor

    def __init__(self, width: int, calculator: bool = True):
        super().__init__()
        self.register_buffer("table", waves(), persistent=False)
        self.register_buffer("offsets", torch.arange(-LARGEST, LARGEST + 1.0), persistent=False)
        size = self.table.shape[1]
        strengths, parts = nn.Linear(width, size), nn.Linear(width, MODES * (3 * HEADS + 3))
        self.wave = nn.Sequential(nn.Linear(width, width), nn.GELU(), strengths)
        self.read = nn.Linear(size, width)
        self.query = nn.Linear(width, HEADS * width // 4, bias=False)
        self.key = nn.Linear(width, HEADS * width // 4, bias=False)
        self.mix = nn.Sequential(nn.Linear(width + 3 * HEADS, width), nn.GELU(), parts)
        for weights in (strengths.weight, parts.weight, parts.bias):
            nn.init.zeros_(weights)
        with torch.no_grad():
            start = parts.bias.view(MODES, -1)
            start[:, 0] = 1.0  # each begins at where the first head looks, or a length beside it
            start[:, -3] = torch.linspace(-1, 1, MODES)
        self.calculator = Calculator(width, LARGEST) if calculator else None

    def forward(self, hidden: Tensor, text: Tensor, measured: Tensor, codes: Tensor) -> Tensor:
        """Logits of every offset.

        Args:
            hidden: float [N, d_model], the decoder's.
            text: float [N, L, d_model], the encoder's.
            measured: int16 [N, L, len(COLUMNS)].
            codes: int64 [N], where each counts from, by ``origin_code``.

        Returns:
            float32 [N, 2 LARGEST + 1].
        """
        with torch.autocast(hidden.device.type, enabled=False):
            hidden, text = (torch.lerp(t.detach(), t, BACK) for t in (hidden.float(), text.float()))
            box, number = measured[..., 2] != NONE, measured[..., 4] != NONE
            query = self.query(hidden).unflatten(-1, (HEADS, -1))
            key = self.key(text).unflatten(-1, (HEADS, -1))
            scores = torch.einsum("nhd,nlhd->nhl", query, key) * query.shape[-1] ** -0.5
            attention = scores.masked_fill(~(box | number)[:, None], -1e9).softmax(-1)
            axis, origin = codes % 2, codes // 2 - LARGEST
            at = torch.where(box[..., None], measured[..., :2].float(), 0.0)
            at = torch.where(axis[:, None, None] == 0, at, at.flip(-1))  # this axis first, then the other
            at = torch.cat([at, torch.where(number, measured[..., 4].float(), 0.0)[..., None]], -1)
            attended = (attention @ at).flatten(1)  # [N, HEADS * 3]
            relative = attended - origin[:, None] * attended.new_tensor([1.0, 0.0, 0.0]).repeat(HEADS)
            mixed = self.mix(torch.cat([hidden, relative / SCALE], -1)).unflatten(-1, (MODES, -1))
            mean = (mixed[..., :-3] * attended[:, None]).sum(-1) - origin[:, None] + SCALE * mixed[..., -3]
            sharp, weight = mixed[..., -2, None], mixed[..., -1, None]
            sharp = sharp.clamp(max=SHARPEST)
            away = sharp.exp() * (self.offsets - mean[..., None]) / SCALE  # [N, MODES, offsets]
            parts = weight + sharp - (FREEDOM + 1) / 2 * torch.log1p(away**2 / FREEDOM)
            logits = self.wave(hidden) @ self.table.T + parts.logsumexp(1)
            if self.calculator is None:
                return logits
            results, odds = self.calculator(hidden, text, measured[..., 4].float(), number)
            guess, sure = (nn.functional.logsigmoid(sign * odds[:, None]) for sign in (-1, 1))
            mixed = torch.logaddexp(logits.log_softmax(-1) + guess, results + sure)
            return torch.where((codes == FROM_ZERO)[:, None], mixed, logits)

    def embed(self, tokens: Tensor) -> Tensor:
        """What the decoder sees of offsets: int64 [...] tokens -> float [..., d_model]."""
        return self.read(nn.functional.embedding(tokens - OFFSETS, self.table))
