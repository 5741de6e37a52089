"""Training throughput beside transformers' ``Trainer``, on the same network, rows, updates, threads and precision.

All three begin with the same weights, fresh ones or a checkpoint's, and take the same rows: those that our sampler
draws, with pictures in the same updates. Ours is ``policies.train`` as it is. ``Trainer`` pads each batch to its
longest row, once in the drawn order and once grouped by length; its rows are tokenised beforehand too, and the T5 is
run by transformers. Counted is the time of all updates: grouped by length, they differ much. The held-out loss at the
end, of the weights themselves and not of their average, shows whether the samples taught as much.

    python benchmarks/bench_train.py --data data/webgum56 --steps 60
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import rich
import safetensors.torch
import torch
import tyro
from rich.table import Table
from torch import nn
from transformers import Trainer, TrainerCallback, TrainingArguments

from policies import checkpoint
from policies.batches import passes
from policies.checkpoint import TENSORS
from policies.data import Samples, TaskSampler, held_out, read_trajectories
from policies.model import WebAgentModel
from policies.options import TrainConfig
from policies.run import TOKENS
from policies.stepping import multiplies_bf16
from policies.train import new_optimizer, schedule, train, with_pictures


@dataclass(frozen=True)
class Config:
    """Measures training."""

    data: Path
    """A dataset."""
    init: Path | None = None
    """A checkpoint that all begin with, such as policies/embedded; where not given, with fresh weights."""
    steps: int = 60
    """Updates of each."""
    lr: float = 6e-4
    """Highest learning rate."""
    image_dropout: float = 0.9
    """Share of batches without screenshots."""
    threads: int = 1
    """Processor threads of each."""
    bf16: bool | None = None
    """Multiply in bfloat16, all three; where not said, if the processor does so by itself."""


def main(config: Config) -> None:
    """Prints the table."""
    torch.set_num_threads(config.threads)
    table = read_trajectories((config.data,))
    with tempfile.TemporaryDirectory() as folder:
        training = TrainConfig(
            data=(config.data,),
            out=Path(folder) / "ours",
            init=config.init,
            steps=config.steps,
            lr=config.lr,
            eval_every=config.steps,
            eval_episodes=1,
            image_dropout=config.image_dropout,
            threads=config.threads,
            jobs=config.threads,
            bf16=multiplies_bf16(torch.device("cpu")) if config.bf16 is None else config.bf16,
        )
        begun = train(replace(training, out=Path(folder) / "begun", stop_at=1, lr=0.0))
        model, processor, _ = checkpoint.load(begun)
        data = Samples.encode(table, processor, cache=Path(folder) / "begun" / TOKENS)
        shutil.copytree(Path(folder) / "begun" / TOKENS, training.out / TOKENS)
        apart, usable = held_out(table), data.lengths > 0
        sampler = TaskSampler(data.tasks, np.flatnonzero(~apart & usable), training.seed)
        rows = np.concatenate([sampler.draw(step, training.batch_size) for step in range(config.steps)])
        tests = np.flatnonzero(apart & usable)

        results = {}
        for grouped in (False, True):
            name = f"transformers' Trainer, {'grouped by length' if grouped else 'in the drawn order'}"
            peer, *_ = checkpoint.load(begun)
            seconds = _train_by_trainer(peer.train(), data, rows, training, grouped, Path(folder) / "peer")
            results[name] = (seconds, _loss(peer, data, tests, training))
        run = train(training)
        trained = safetensors.torch.load_file(run / TENSORS)  # a checkpoint's own weights are an average
        for weight, tensor in checkpoint.tensors(model).items():
            tensor.copy_(trained[f"weights/{weight}"])
        lines = [json.loads(line) for line in (training.out / "log.jsonl").read_text().splitlines()]
        ours = float(np.mean([training.batch_size / line["samples_per_s"] for line in lines if "loss" in line]))
        results["webagent train"] = (ours, _loss(model, data, tests, training))

    precision = "bfloat16" if training.bf16 else "float32"
    shown = Table(title=f"{config.steps} updates of {training.batch_size} rows, {config.threads} threads, {precision}, "
                        f"{data.lengths[rows].mean():.0f} tokens a row")  # fmt: skip
    for column in ("", "samples/s", "ours is", "held-out loss", "ours differs by"):
        shown.add_column(column, justify="right")
    loss = results["webagent train"][1]
    for name, (seconds, theirs) in results.items():
        rate, faster, differs = training.batch_size / seconds, seconds / ours, loss / theirs - 1
        shown.add_row(name, f"{rate:.1f}", f"{faster:.2f} x", f"{theirs:.4f}", f"{differs:+.1%}")
    rich.print(shown)


class _Peer(nn.Module):
    """What ``Trainer`` calls: keyword arguments in, a dictionary with the loss out."""

    def __init__(self, model: WebAgentModel):
        super().__init__()
        self.model = model

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        with patch("policies.model.run_encoder", _encoder), patch("policies.model.run_decoder", _decoder):
            return {"loss": self.model(batch).loss}


def _encoder(t5: Any, inputs: Any, masks: Any, products: torch.dtype | None) -> list[torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16, enabled=products is not None):
        return [t5.encoder(inputs_embeds=inputs[0], attention_mask=masks[0]).last_hidden_state]


def _decoder(t5: Any, inputs: Any, steps: Any, encoded: Any, masks: Any,
             products: torch.dtype | None) -> list[torch.Tensor]:  # fmt: skip
    del steps  # what comes after an action's end is worked out and not counted
    with torch.autocast("cpu", torch.bfloat16, enabled=products is not None):
        decoded = t5.decoder(
            inputs_embeds=inputs[0], encoder_hidden_states=encoded[0], encoder_attention_mask=masks[0], use_cache=False
        )
    return [decoded.last_hidden_state]


class _Ticks(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())


def _train_by_trainer(
    model: WebAgentModel, data: Samples, rows: np.ndarray, training: TrainConfig, grouped: bool, out: Path
) -> float:
    """Seconds of one update."""
    updates = itertools.count()
    optimizer = new_optimizer(model, training)
    steps = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, training))
    ticks = _Ticks()
    trainer = Trainer(
        model=_Peer(model),
        args=TrainingArguments(
            output_dir=str(out),
            max_steps=training.steps,
            per_device_train_batch_size=training.batch_size,
            train_sampling_strategy="group_by_length" if grouped else "sequential",
            max_grad_norm=training.clip,
            seed=training.seed,
            use_cpu=True,
            bf16=bool(training.bf16),
            remove_unused_columns=False,
            label_names=[],
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
        ),
        train_dataset=[{"input_ids": data.examples[row].input_ids, "row": int(row)} for row in rows],  # pyright: ignore
        data_collator=lambda items: data.collate(
            np.array([item["row"] for item in items]), pictures=with_pictures(training, next(updates))
        ),
        optimizers=(optimizer, steps),
        callbacks=[ticks],
    )
    trainer.train()
    return (ticks.times[-1] - ticks.times[0]) / training.steps


@torch.no_grad()
def _loss(model: WebAgentModel, data: Samples, rows: np.ndarray, training: TrainConfig) -> float:
    model.eval()
    losses = [
        model(*(data.collate(rows[block], pictures=False) for block in blocks)).per_sample_loss
        for blocks in passes(data.lengths[rows], training.micro_tokens, training.padding)
    ]
    return float(torch.cat(losses).mean())


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
