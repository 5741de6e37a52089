"""The network by onnxruntime, from a folder that ``webagent export`` wrote: what decides, and cannot be trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from policies import checkpoint
from policies.checkpoint import CheckpointError
from policies.config import ModelConfig
from policies.pointing import pointing
from policies.processor import Processor
from policies.vision import in_places

LAYOUT, VERSION = "onnx_layout", 2
"""Key of the configuration, and which of its versions is read: of the parts' names, inputs and outputs."""

_NO_TOKENS = np.empty(0, np.int64)


class OnnxNetwork:
    """Reads pages on the processor, with as many threads as torch has.

    Args:
        folder: holds the parts (``policies.graphs``).
        config: of the network that was exported.

    Raises:
        ImportError: if there is no onnxruntime.
    """

    device = torch.device("cpu")

    def __init__(self, folder: Path, config: ModelConfig):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # Attention to what is hardly looked at is so near zero that the products of it would take three times as long.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self.config = config
        self._parts = {
            file.stem: onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
            for file in folder.glob("*.onnx")
        }
        self._inputs = {name: [put.name for put in part.get_inputs()] for name, part in self._parts.items()}
        self._outputs = {name: [put.name for put in part.get_outputs()] for name, part in self._parts.items()}
        width = {put.name: put for put in self._parts["text"].get_inputs()}["pictures"].shape[2]
        self._bias = np.empty((1, 1, 0, 0), np.float32)
        self._near = np.empty((1, 1, 1, 0), np.float32)
        self._no_pictures = np.zeros((1, 0, width), np.float32)
        self._no_past = {
            put.name: np.zeros((1, 0, put.shape[2]), np.float32)
            for put in self._parts["step"].get_inputs()
            if put.name.startswith("past")
        }

    def read(self, batch: Mapping[str, Tensor]) -> OnnxReading:
        return OnnxReading(self, batch)

    def pictures(self, batch: Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Image tokens, float32 [B, I, d_model], and the mask of image and text, bool [B, I + L]."""
        mask = batch["attention_mask"].numpy()
        if "vision" not in self._parts or "frames" not in batch:
            return self._no_pictures.repeat(len(mask), 0), mask
        index, frames = batch["frame_index"], self.config.frames
        seen = {"frames": batch["frames"].numpy(), "which": (index % frames).numpy()}
        tokens = self.run("vision", seen)["tokens"]
        if len(mask) == len(index) == 1:  # as of every first page, and it is in its place
            return tokens, np.concatenate([np.ones(tokens.shape[:2], bool), mask], 1)
        pictures, shown = in_places(torch.from_numpy(tokens), index, len(mask), frames)
        return pictures.numpy(), np.concatenate([shown.numpy(), mask], 1)

    def bias(self, mask: np.ndarray) -> np.ndarray:
        """What is added to the products of attention of image and text, float32 [B, heads, S, S].

        Args:
            mask: bool [B, S], False where there is nothing.
        """
        length = mask.shape[1]
        if length > self._bias.shape[-1]:  # that of the longest so far has all shorter ones in its corner
            around = self.run("distance", {"away": np.arange(1 - length, length)})["read"]
            windows = np.lib.stride_tricks.sliding_window_view(around, length, axis=1)
            self._bias = np.ascontiguousarray(windows[None, :, ::-1])
        bias = self._bias[..., :length, :length]
        if len(mask) == 1 and mask.all():
            return bias
        return bias + seen(mask)

    def near(self, length: int) -> np.ndarray:
        """What is added to a step's products with the last ``length`` steps, float32 [1, heads, 1, length]."""
        if length > self._near.shape[-1]:
            away = np.arange(1 - 2 * length, 1)
            self._near = self.run("distance", {"away": away})["written"][None, :, None]
        return self._near[..., self._near.shape[-1] - length :]

    def no_past(self, rows: int) -> dict[str, np.ndarray]:
        """What the first step is given of the steps before."""
        return {name: none.repeat(rows, 0) for name, none in self._no_past.items()}

    def run(self, part: str, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of one part, by name; of the values it takes those that it asks for."""
        found: Any = self._parts[part].run(None, {name: values[name] for name in self._inputs[part]})
        return dict(zip(self._outputs[part], found, strict=True))


class OnnxReading:
    """``policies.reading.Reading`` by onnxruntime."""

    def __init__(self, network: OnnxNetwork, batch: Mapping[str, Tensor]):
        self._network = network
        names = ("input_ids", "features", "words", "verbs", "following", "measured", "asked")
        page: dict[str, np.ndarray] = {name: batch[name].numpy() for name in names}
        page["features"] = page["features"][..., : network.config.features]
        page["pictures"], page["mask"] = network.pictures(batch)
        page["bias"] = network.bias(page["mask"])
        # What the steps are given: of the pages, and of the step before.
        kept = ("words", "verbs", "following", "measured")
        self._state = {name: page[name] for name in kept} | network.no_past(len(page["mask"]))
        self._state |= {"seen": seen(page["mask"])} | network.run("text", page)

    def step(self, last: np.ndarray, kinds: np.ndarray, allowed: np.ndarray, among: np.ndarray | None = None,
             before: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
        if before is not None:
            self._state = {name: value[before] for name, value in self._state.items()}
        network = self._network
        element, after, open_ = pointing(self._state, kinds[:, None], allowed[:, None], last[:, 1:])
        steps = {
            "token": last[:, 0], "place": last[:, 1], "among": _NO_TOKENS if among is None else among,
            "element": element[:, 0], "after": after[:, 0], "open": open_[:, 0],
            "near": network.near(1 + self._state["past0"].shape[1]),
        }  # fmt: skip
        found = network.run("step", steps | self._state)
        self._state |= {name.replace("now", "past"): value for name, value in found.items() if name.startswith("now")}
        self._state["hidden"] = found["hidden"]
        scores = network.run("vocabulary", found)["logits"] if among is None else found["scores"]
        return scores, found["places"] if network.config.copy else None

    def offsets(self, allowed: np.ndarray) -> np.ndarray:
        return self._network.run("offsets", {"allowed": allowed} | self._state)["offsets"]


def seen(mask: np.ndarray) -> np.ndarray:
    """What is added to the products of attention with what may be there, float32 [B, 1, 1, S]; see ``additive``."""
    return np.where(mask, np.float32(0), np.finfo(np.float32).min)[:, None, None]


def load(folder: Path | str) -> tuple[OnnxNetwork, Processor]:
    """Reads what ``webagent export`` wrote.

    Raises:
        CheckpointError: if it is not there or not whole, or an earlier version's, or there is no onnxruntime.
    """
    folder = checkpoint.locate(folder)
    written = checkpoint.read_config(folder)
    config = ModelConfig.from_dict(written["model"])
    if written.get(LAYOUT) != VERSION:
        raise CheckpointError(f"{folder} was exported by an earlier version: export it again")
    try:
        return OnnxNetwork(folder, config), Processor.load(folder)
    except ImportError as error:
        raise CheckpointError(f"{folder} needs onnxruntime: pip install onnxruntime") from error
    except Exception as error:  # onnxruntime has many types, none of them public
        raise CheckpointError(f"{folder} cannot be rebuilt from its files: {error}") from error
