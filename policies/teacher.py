"""Learning from another network: how likely it holds each choice, not which one a demonstration took.

A policy that goes on to other tasks forgets less of what another one knows if it learns that from the other's whole
distribution (Hinton et al. 2015, arXiv 1503.02531; Li and Hoiem 2016, arXiv 1606.09282). Where the other holds the
demonstration's action unlikely, it is not believed, and the action is learnt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from policies import checkpoint
from policies.data import TrainError
from policies.model import WebAgentModel
from policies.outputs import Output, Spread
from policies.processor import Processor


class Teacher:
    """A network that another one learns from.

    Args:
        network: the teacher's.
        believed: how likely it has to hold the demonstration's action.
    """

    def __init__(self, network: WebAgentModel, believed: float = 0.2):
        self._network = network.eval().requires_grad_(False)
        self._highest = -math.log(believed) if believed else math.inf

    @classmethod
    def load(cls, folder: Path, believed: float, processor: Processor, device: str) -> Teacher:
        """Reads a checkpoint.

        Args:
            folder: of the checkpoint, or of a run.
            believed: as above.
            processor: of the network that is to learn.
            device: where both are.

        Raises:
            TrainError: if it has another vocabulary or reads pages in another way.
            CheckpointError: if it is not there, or not whole.
        """
        network, theirs, _ = checkpoint.load(folder, device)
        if theirs.vocabulary.to_str() != processor.vocabulary.to_str():
            raise TrainError(f"--teacher {folder} has another vocabulary: give a policy that has the same by --init")
        if theirs.config != processor.config:
            raise TrainError(f"--teacher {folder} reads pages otherwise: {theirs.config}, not {processor.config}")
        return cls(network, believed)

    def lost(self, output: Output, blocks: Sequence[dict[str, Tensor]]) -> Tensor:
        """What each example loses, float32 [B]: the divergence from the teacher, or the label's.

        Args:
            output: of the network that learns, with its ``spread``.
            blocks: what it was given, with ``taught`` in each: bool [B], whether to ask the teacher about a row.
        """
        taught = torch.cat([block["taught"] for block in blocks])
        if output.spread is None or not taught.any():
            return output.per_sample_loss
        with torch.no_grad():
            theirs = self._network(*blocks, spread=True)
        believed = taught & (theirs.per_sample_loss < self._highest)
        return torch.where(believed, divergence(theirs.spread, output.spread, len(taught)), output.per_sample_loss)


def divergence(theirs: Spread, own: Spread, count: int) -> Tensor:
    """Kullback-Leibler's, of one's own distributions from those of another, summed over the steps of an action.

    Returns:
        float32 [count], of each example.
    """
    steps = torch.cat([_divergence(*both) for both in zip(theirs.choices, own.choices, strict=True)])
    steps = steps.index_copy(0, own.at, _divergence(theirs.offsets, own.offsets))
    return steps.new_zeros(count).index_add(0, own.row, steps)


def _divergence(theirs: Tensor, own: Tensor) -> Tensor:
    return (theirs.exp() * (theirs - own)).sum(-1)
