"""The learnt policy, in the shape of every policy: ``reset`` and ``act``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from envs.action import PAGE_VERBS, Action
from envs.loop import Observation
from policies import checkpoint
from policies.checkpoint import CheckpointError
from policies.decoding import Decision, decode
from policies.images import ImageMode, check_mode, stand_in
from policies.onnx_network import load as load_exported
from policies.processor import Example, HistoryItem, Processor
from policies.reading import Network
from policies.stepping import multiplies_bf16, prepare

ALTERNATIVES = 4
"""Beams of the search for another action, at least."""

OFTEN = ("wait", "scroll", "hover")
"""Verbs whose effect need not show in the page's html: they may be repeated."""


class LearntPolicy:
    """Decides by a network. What left the page as it was is not done again before the page is another.

    Args:
        network: what reads; a model should be in evaluation mode.
        processor: the one it was trained with.
        image: what it sees of the screenshots.
        beams: hypotheses of the search; 1 is greedy.
        verbs: what it may do at all.

    Attributes:
        last_score: log-probability of the last action; None before the first.
    """

    def __init__(self, network: Network, processor: Processor, image: ImageMode = "real", beams: int = 1,
                 verbs: Sequence[str] = PAGE_VERBS):  # fmt: skip
        check_mode(image)
        self.network, self.processor = network, processor
        self.image: ImageMode = image
        self.beams, self.verbs = beams, tuple(verbs)
        self.reset()

    @classmethod
    def from_checkpoint(cls, folder: Path | str | None = None, image: ImageMode = "real", beams: int = 1,
                        device: str = "cpu", verbs: Sequence[str] = PAGE_VERBS,
                        bf16: bool | None = None) -> LearntPolicy:  # fmt: skip
        """The policy of a checkpoint; the embedded one where ``folder`` is None.

        Args:
            folder: the checkpoint's, or a training run's, or what ``webagent export`` wrote.
            image, beams, verbs: as of the policy itself.
            device: where it is computed.
            bf16: whether the encoder multiplies in bfloat16; None: where the hardware does so by itself. Long pages
                take half the time, and about one decision in a thousand is another.

        Raises:
            CheckpointError: if it cannot be read.
        """
        if checkpoint.exported(folder):
            if device != "cpu" or bf16:
                raise CheckpointError(f"{folder} was exported to ONNX: it decides on a cpu, as exact as it is there")
            network, processor = load_exported(checkpoint.locate(folder))
            return cls(network, processor, image=image, beams=beams, verbs=verbs)
        model, processor, _ = checkpoint.load(folder, device)
        prepare(model.t5, multiplies_bf16(torch.device(device)) if bf16 is None else bf16)
        model.fold_pointers()
        return cls(model, processor, image=image, beams=beams, verbs=verbs)

    def reset(self) -> None:
        self._history: list[HistoryItem] = []
        self._frames: list[np.ndarray | None] = []
        self._noise = np.random.default_rng(0)
        self._page, self._futile = b"", set[Action]()
        self.last_score: float | None = None

    def act(self, observation: Observation) -> Action:
        count = self.processor.config.frames
        self._frames = [*self._frames, stand_in(observation["screenshot"], self.image, self._noise)][-count:]
        if self._history:
            self._history[-1] = self.processor.outcome(self._history[-1], observation)
        example = self.processor.encode(observation, self._history, self._frames)
        page = observation["html"].encode() + np.asarray(observation.get("boxes", ())).tobytes()
        if page != self._page:
            self._page, self._futile = page, set()
        action, self.last_score = self._decide(example)
        if action.verb not in OFTEN:
            self._futile.add(action)
        self._history.append(self.processor.history_item(observation, action))
        return action

    def _decide(self, example: Example) -> Decision:
        (first,) = decode(self.network, self.processor, [example], beams=self.beams, verbs=self.verbs)
        if first.action not in self._futile:
            return first
        beams = max(self.beams, ALTERNATIVES)
        (other,) = decode(self.network, self.processor, [example], beams=beams, verbs=self.verbs, but=self._futile)
        return other
