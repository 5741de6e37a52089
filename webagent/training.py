"""``webagent train``: a training, and what to do with what comes of it."""

from __future__ import annotations

from pathlib import Path

from policies.options import TrainConfig
from webagent.output import console


def train_with(config: TrainConfig) -> Path:
    """Trains; see ``policies.train.train``."""
    from accelerate import PartialState

    from policies.train import train

    folder = train(config)
    if PartialState().is_main_process:
        console().print(
            f"policy: {folder}; measure it with: webagent bench --policy {config.out}", markup=False, soft_wrap=True
        )
    return folder
