"""A lesson for the ViT: to tell by the picture alone, past the T5, which element the expert acts on.

Where only the picture tells, as how many sides a polygon has, cloning alone can stay at chance for thousands of steps:
what the ViT gives is noise that the T5 learns to pass over, and what is passed over learns nothing. Here the picture's
mean token is compared with the words of each element, as pictures and texts are in FLAVA (Singh et al. 2022) and ALBEF
(Li et al. 2021), and the error goes to the ViT alone. Nothing of it is used in deciding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.steps import NEVER


class Sight(nn.Module):
    """Compares a picture with the elements.

    Args:
        width: of the tokens of both.
    """

    def __init__(self, width: int):
        super().__init__()
        self.seen, self.named = (nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width)) for _ in range(2))

    def forward(self, pictures: Tensor, shown: Tensor, embedded: Tensor, words: Tensor, verbs: Tensor,
                places: Tensor) -> Tensor:  # fmt: skip
        """What is lost by choosing so.

        Args:
            pictures: tokens of the present screenshot, float [B, I, d].
            shown: which rows have one, bool [B].
            embedded: the text's tokens, float [B, L, d]; of them no gradient is taken.
            words: which of them are of words, bool [B, L].
            verbs: not 0 where an element begins, [B, L].
            places: where the right elements begin, int64 [B, A], -1 where there is none.

        Returns:
            Negative log-likelihood of the right ones, float32 [B]; 0 where nothing is shown or no element is right.
        """
        begins = verbs != 0
        number = begins.cumsum(1)  # of the element that a token belongs to; 0 before the first
        written = words.to(embedded.dtype)[..., None]
        sums = embedded.new_zeros(len(embedded), int(number.max()) + 1, embedded.shape[-1])
        sums = sums.scatter_add(1, number[..., None].expand_as(embedded), embedded.detach() * written)
        counts = written.new_zeros(*sums.shape[:2], 1).scatter_add(1, number[..., None], written)
        named = self.named(sums / counts.clamp(min=1))[:, 1:]
        scores = (named @ self.seen(pictures.mean(1))[..., None])[..., 0].float() / embedded.shape[-1] ** 0.5
        there = torch.arange(1, sums.shape[1], device=number.device) <= number[:, -1:]
        scores = scores.masked_fill(~there, NEVER)
        right = (places >= 0) & begins.gather(1, places.clamp(min=0))
        chosen = number.gather(1, places.clamp(min=0)).clamp(min=1) - 1
        likely = scores.log_softmax(1).gather(1, chosen).masked_fill(~right, NEVER).logsumexp(1)
        return torch.where(shown & right.any(1), -likely, 0.0)
