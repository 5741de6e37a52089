"""The passes of a training step side by side, a core each.

The operations of a small network are too short to be worth sharing out among cores: two cores take a step of the
embedded policy little faster than one does. Where each takes rows of its own they were faster by a quarter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")


class Lanes:
    """Threads that work out gradients, each on one core.

    Args:
        network: whose gradients.
        threads: how many.
    """

    def __init__(self, network: nn.Module, threads: int):
        self._weights = [weight for weight in network.parameters() if weight.requires_grad]
        self._pool = ThreadPoolExecutor(threads, "webagent-lane", initializer=_begin)

    @staticmethod
    def suit(network: nn.Module, device: torch.device, threads: int) -> bool:
        """Whether there are several cores, and nothing is drawn at random, whose order would be left to chance."""
        drawn = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
        still = all(module.p == 0 for module in network.modules() if isinstance(module, drawn))
        return device.type == "cpu" and threads > 1 and still

    def backward(self, work: Callable[[T], tuple[Tensor, Tensor]], items: Sequence[T]) -> Tensor:
        """Adds up gradients in the weights' ``grad``, in the items' order, so that equal runs are equal bit by bit.

        Args:
            work: gives the loss of an item, a scalar, and figures about it.
            items: what is worked on; the longest should come first.

        Returns:
            The figures' sum.
        """

        def one(item: T) -> tuple[tuple[Tensor | None, ...], Tensor]:
            loss, figures = work(item)
            if not loss.requires_grad:  # the ViT alone is trained, and nothing is shown
                return (None,) * len(self._weights), figures
            return torch.autograd.grad(loss, self._weights, allow_unused=True), figures

        done = list(self._pool.map(one, items))
        for weight, gradients in zip(self._weights, zip(*(found for found, _ in done), strict=True), strict=True):
            for gradient in gradients:
                if gradient is not None:
                    weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        return torch.stack([figures for _, figures in done]).sum(0)


def _begin() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as ``stepping.without_denormals`` does; a thread need not have it of its maker
