"""``webagent average``: one checkpoint out of several of one line of training, by the mean of their weights.

Checkpoints that a training passed on its way often lie in one valley of the loss, and their middle lower than each, the
more so the noisier their last steps were (Izmailov et al. 2018; Wortsman et al. 2022, "model soups").
Between checkpoints that were trained apart, the mean of the weights is noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rich

from policies import card, checkpoint, start_pages
from policies.checkpoint import CheckpointError, locate
from policies.options import AverageConfig


def average(config: AverageConfig) -> Path:
    """Writes the average.

    Returns:
        Its folder.

    Raises:
        CheckpointError: if there are fewer than two, one cannot be read, they are not of one shape and tokenizer, or
            the folder holds something else.
    """
    folders = [locate(folder) for folder in config.checkpoints]
    if len(folders) < 2:
        raise CheckpointError(f"an average needs at least two checkpoints, got {len(folders)}")
    if config.out.resolve() in [folder.resolve() for folder in folders]:
        raise CheckpointError(f"{config.out} is one of those that are averaged: choose another --out")
    if config.out.exists() and not checkpoint.replaceable(config.out):
        raise CheckpointError(f"{config.out} holds something that is no checkpoint: choose another --out")
    model, processor, _ = checkpoint.load(folders[0])
    total = {name: tensor.double() for name, tensor in checkpoint.tensors(model).items()}
    for folder in folders[1:]:
        other, reader, _ = checkpoint.load(folder)
        if other.config != model.config:
            raise CheckpointError(f"{folder} has not the shape of {folders[0]}: compare their {checkpoint.CONFIG}")
        if reader.config != processor.config or _tokenizer(folder) != _tokenizer(folders[0]):
            raise CheckpointError(f"{folder} does not read its input as {folders[0]} does: compare their tokenizers")
        for name, tensor in checkpoint.tensors(other).items():
            total[name] += tensor
    for name, tensor in checkpoint.tensors(model).items():
        tensor.copy_(total[name] / len(folders))
    text = (folders[-1] / checkpoint.CARD).read_text(encoding="utf-8")
    names = [checkpoint.sha256(folder)[:16] for folder in folders]
    pages = [page for page in map(start_pages.read, folders) if page is not None]
    with checkpoint.atomic_folder(config.out) as unfinished:
        checkpoint.write(unfinished, model, processor, card.of_average(text, names))
        if len(pages) == len(folders):  # else what is in training is not known
            start_pages.write(unfinished, np.concatenate(pages))
    rich.print(f"the average of {len(folders)} checkpoints is in {config.out}")
    return config.out


def _tokenizer(folder: Path) -> bytes:
    return (folder / "tokenizer.json").read_bytes()
