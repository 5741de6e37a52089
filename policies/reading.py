"""What deciding asks of a network: a batch of pages is read once, then each step of some hypotheses is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from policies.config import ModelConfig
from policies.outputs import Encoded
from policies.pointing import pointing
from policies.stepping import DecoderSteps, additive, keys_values

if TYPE_CHECKING:
    from policies.model import WebAgentModel


class Reading(Protocol):
    """Pages that were read, and R hypotheses about them; at first one of each page."""

    def step(self, last: np.ndarray, kinds: np.ndarray, allowed: np.ndarray, among: np.ndarray | None = None,
             before: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
        """Takes one step.

        Args:
            last: int64 [R, 2], the token and the place that each hypothesis wrote last, -1 for none.
            kinds: int64 [R], what each decides now.
            allowed: int64 [R], bits of the verbs that fit.
            among: int64 [M], the few tokens to score; None for all M.
            before: int64 [R], the row of the step before that each goes on from; None where the rows are the same ones.

        Returns:
            Logits of those tokens, float32 [R, M], and with copying of the places, float32 [R, L], ``NEVER`` where
            nothing can be pointed at.
        """
        ...

    def offsets(self, allowed: np.ndarray) -> np.ndarray:
        """Logits of every offset, in the step that was taken last: float32 [R, offsets].

        Args:
            allowed: int64 [R], where each counts from.
        """
        ...


class Network(Protocol):
    """Reads pages: ``policies.model`` by torch, ``policies.onnx_network`` by onnxruntime."""

    config: ModelConfig

    @property
    def device(self) -> torch.device: ...

    def read(self, batch: dict[str, Tensor]) -> Reading:
        """Reads examples without an action, as ``Processor.collate`` gives them."""
        ...


class TorchReading:
    """``Reading`` by torch."""

    def __init__(self, model: WebAgentModel, batch: dict[str, Tensor]):
        self._model = model
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        self._page = {name: batch[name] for name in ("words", "following", "verbs", "measured")}
        (self._encoded,) = model.encode(batch)
        across = keys_values(model.t5, self._encoded.hidden)
        self._decoder, self._begun = DecoderSteps(model.t5, across, additive(self._encoded.mask)), False

    def step(self, last: np.ndarray, kinds: np.ndarray, allowed: np.ndarray, among: np.ndarray | None = None,
             before: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
        model = self._model
        rows = None if before is None else self._tensor(before)
        if rows is not None:
            self._encoded = Encoded(*(tensor[rows] for tensor in self._encoded))
            self._page = {name: tensor[rows] for name, tensor in self._page.items()}
        written = self._tensor(last)
        token, place = written[:, : int(self._begun)], written[:, 1 : 1 + int(self._begun)]
        (inputs,) = model.decoder_inputs([self._encoded], [token], [place])
        self._begun = True
        self._hidden = self._decoder(inputs[:, -1:], rows)
        scores = model.logits(self._hidden, None if among is None else self._tensor(among))[:, 0].float().cpu().numpy()
        if not model.config.copy:
            return scores, None
        at = pointing(self._page, self._tensor(kinds)[:, None], self._tensor(allowed)[:, None], written[:, 1:])
        places = model.place_scores(self._hidden, self._encoded.text, at)
        return scores, places[:, 0].cpu().numpy()

    def offsets(self, allowed: np.ndarray) -> np.ndarray:
        codes, measured = self._tensor(allowed), self._page["measured"]
        return self._model.offset_head(self._hidden[:, 0], self._encoded.text, measured, codes).cpu().numpy()

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self._model.device)
