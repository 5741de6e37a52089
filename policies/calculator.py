"""A number as what two others come to: which two, and by which operation, is chosen, so the result is exact.

Which calculation leads to the number that a demonstration types is not said; all that do count (marginal likelihood,
as in Andor et al. 2019, Giving BERT a Calculator, arXiv 1909.00109). A sum of numbers that are attended to a
little each is hardly ever whole, and learning it gets stuck between the operations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

OPERATIONS = ("sum", "difference", "product")
"""Of the first number and the second."""
NUMBERS = 8
"""How many are considered for the first, and for the second: the likeliest."""
NO_NUMBER = -1e9
LEAST = 1e-12
"""Likelihood of what no calculation comes to."""
_SIZE = 64


class Calculator(nn.Module):
    """Results of calculations with two of a page's numbers.

    Args:
        width: d_model.
        largest: results beyond it, or its negative, count as it.
    """

    def __init__(self, width: int, largest: int):
        super().__init__()
        self.largest = largest
        self.query = nn.Linear(width, 2 * _SIZE, bias=False)
        self.key = nn.Linear(width, 2 * _SIZE, bias=False)
        last = nn.Linear(width, len(OPERATIONS) + 1)
        self.choose = nn.Sequential(nn.Linear(width, width), nn.GELU(), last)
        with torch.no_grad():
            last.bias[-1] = -3.0  # hardly used until it has learnt something

    def forward(self, hidden: Tensor, text: Tensor, values: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """How likely each result is.

        Args:
            hidden: float32 [N, d_model], the decoder's.
            text: float32 [N, L, d_model], the encoder's.
            values: float32 [N, L], of the tokens that are numbers.
            there: bool [N, L], which those are.

        Returns:
            Logarithms: of the likelihood of the results ``-largest`` to ``largest``, float32 [N, 2 largest + 1]; and of
            the odds that the number is a result, float32 [N].
        """
        query, key = (
            layer(states).unflatten(-1, (2, _SIZE)) for layer, states in ((self.query, hidden), (self.key, text))
        )
        scores = torch.einsum("nhd,nlhd->nhl", query, key) * _SIZE**-0.5
        scores = scores.masked_fill(~there[:, None], NO_NUMBER)
        scores = nn.functional.pad(scores.log_softmax(-1), (0, NUMBERS), value=NO_NUMBER)
        likely, at = scores.topk(NUMBERS)
        numbers = nn.functional.pad(values, (0, NUMBERS))[:, None].expand(-1, 2, -1).gather(-1, at)
        first, second = numbers[:, 0, :, None], numbers[:, 1, None, :]
        results = torch.stack([first + second, first - second, first * second], -1).flatten(1)
        chosen = self.choose(hidden)
        pairs = (likely[:, 0, :, None] + likely[:, 1, None, :])[..., None]
        likelihood = (pairs + chosen[:, None, None, :-1].log_softmax(-1)).exp().flatten(1)
        place = results.clamp(-self.largest, self.largest).long() + self.largest
        found = likelihood.new_zeros(likelihood.shape[0], 2 * self.largest + 1).scatter_add(1, place, likelihood)
        return found.clamp(min=LEAST).log(), chosen[:, -1].masked_fill(~there.any(1), NO_NUMBER)
