"""The folder of a training run: what is saved so that it can go on exactly, and its logs."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from policies import checkpoint, start_pages
from policies.card import training_card
from policies.checkpoint import STATE, TENSORS
from policies.data import TrainError
from policies.lora import merged, save_adapter
from policies.model import WebAgentModel
from policies.options import TrainConfig
from policies.processor import Processor
from policies.tokens import digest

LOG, TOKENS, BOARD = "log.jsonl", "tokens", "tensorboard"
CHECKPOINT = "step-{:07d}"

BEGUN = (TOKENS, LOG, BOARD, CHECKPOINT.format(0))
"""All that is in the folder of a run that has learnt nothing yet; such a one can begin anew."""

FREE = ("data", "out", "init", "resume", "keep", "stop_at", "save_minutes", "browser_episodes", "jobs", "loaders",
        "threads")  # fmt: skip
"""Settings that a resumed training may change: none of them decides what is learnt."""


class Run:
    """A training's state beside its weights, and the way to the disk and back for all of it.

    Nothing is pickled: tensors go to safetensors, the rest to JSON. No random generator has a state to keep, since
    each step seeds its own.

    Attributes:
        step: optimizer steps done.
        leg: the step of the last held-out evaluation.
        sampler: the sampler's state at that step; None at the start.
        seconds: spent in steps, over all parts of the run.
        held_out: task -> held-out accuracies, as of that step.
    """

    def __init__(self, config: TrainConfig, table: pa.Table):
        """Looks into the run's folder.

        Args:
            config: the settings.
            table: the data, which must be the same when a run goes on.

        Raises:
            TrainError: if it holds a run and none is to be resumed, or the other way round, or another run.
        """
        self.config, self.table = config, table
        self.step, self.leg, self.seconds = 0, 0, 0.0
        self.sampler: dict[str, Any] | None = None
        self.held_out: dict[str, dict[str, float]] = {}
        if config.resume and not self.folder:
            raise TrainError(f"no run to resume in {config.out}: leave out --resume to begin one there")
        if not config.resume and config.out.exists():
            if not config.out.is_dir():
                raise TrainError(f"{config.out} is a file; --out takes a folder")
            if any(not path.name.startswith(".") and path.name not in BEGUN for path in config.out.iterdir()):
                raise TrainError(f"{config.out} is not empty: go on with its run by --resume, or choose another --out")
        self._identity = _identity(config, table)
        if config.resume and self.folder:
            try:
                state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
                theirs = state.pop("identity")
            except (OSError, ValueError, KeyError) as error:
                raise TrainError(f"{self.folder} cannot be gone on from: {error}") from error
            changed = [name for name in self._identity if self._identity[name] != theirs.get(name)]
            if changed:
                pairs = ", ".join(f"{name} {theirs.get(name)!r} -> {self._identity[name]!r}" for name in changed)
                raise TrainError(
                    f"the run in {config.out} was begun with other settings: {pairs}; give those again, "
                    f"or begin another run with --init {config.out}"
                )
            vars(self).update(state)

    @cached_property
    def _start_pages(self) -> np.ndarray | None:
        """Of the episodes learnt from, in this stage and those before; None where those are not known."""
        first = self.table.filter(pc.field("step") == 0).select(["instruction", "html"]).to_pylist()
        own = start_pages.table_of(start_pages.start_page(row["instruction"], row["html"]) for row in first)
        if not self.config.init:
            return own
        earlier = start_pages.read(checkpoint.locate(self.config.init))
        return None if earlier is None else np.union1d(own, earlier)

    @property
    def folder(self) -> Path | None:
        """The latest checkpoint."""
        return checkpoint.latest(self.config.out)

    def save(
        self, model: WebAgentModel, average: WebAgentModel, optimizer: torch.optim.Optimizer, processor: Processor
    ) -> None:
        """Writes a checkpoint of the average that training can go on from, then removes those that are too many."""
        names = ("step", "leg", "sampler", "seconds", "held_out")
        with checkpoint.atomic_folder(self.config.out / CHECKPOINT.format(self.step)) as folder:
            whole = merged(average)
            checkpoint.write(folder, whole, processor, training_card(self, whole, processor))
            save_adapter(average, folder)
            if self._start_pages is not None:
                start_pages.write(folder, self._start_pages)
            training = _training_tensors(model, average, optimizer)
            state = {name: tensor.cpu().clone() for name, tensor in training.items()}  # at first both are one
            checkpoint.save_tensors(folder / TENSORS, state)
            checkpoint.write_json(folder / STATE, {n: getattr(self, n) for n in names} | {"identity": self._identity})
        *older, _ = checkpoint.steps(self.config.out)
        for number, folder in enumerate(reversed(older), 1):
            if number < self.config.keep:  # only the latest is gone on from
                (folder / TENSORS).unlink(missing_ok=True)
            else:
                shutil.rmtree(folder)

    def restore(self, device: torch.device) -> tuple[WebAgentModel, Processor]:
        """The average of the weights and the processor, from the latest checkpoint."""
        average, processor, _ = checkpoint.load(self.folder or self.config.out, str(device))
        return average, processor

    def restore_training(self, model: WebAgentModel, average: WebAgentModel, optimizer: torch.optim.Optimizer) -> None:
        """Puts the weights that are trained, their average and the optimizer's moments back in place."""
        assert self.folder is not None
        checkpoint.load_tensors(self.folder / TENSORS, _training_tensors(model, average, optimizer))


class Log:
    """Progress on the terminal; numbers in ``log.jsonl`` and tensorboard.

    What they say of steps after the one that a run goes on from is dropped: those steps are done again.
    """

    def __init__(self, folder: Path, step: int, steps: int):
        self._file = folder / LOG
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        kept = [line for line in lines if _step(line) <= step]
        self._file.write_text("".join(f"{line}\n" for line in kept))
        self._board = SummaryWriter(str(folder / BOARD), purge_step=step + 1)
        now = TextColumn("{task.fields[now]}")
        self._progress = Progress(TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), now)
        self._bar = self._progress.add_task("", total=steps, completed=step, now="")
        self._steps, self._told = steps, step

    def __enter__(self) -> Log:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self._board.close()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Logs numbers of a step."""
        self._append({"step": step} | {name: float(f"{value:.6g}") for name, value in values.items()})
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        speed = f"{values['samples_per_s']:.0f} samples/s  {values['tokens_per_s']:.0f} tokens/s"
        now = f"loss {values['loss']:.3f}  {speed}"
        self._progress.update(self._bar, completed=step, now=now)
        if not self._progress.console.is_terminal and 20 * (step - self._told) >= self._steps:  # where no bar moves
            self._progress.print(f"step {step} of {self._steps}: {now}")
            self._told = step

    def write_tasks(self, step: int, kind: str, results: dict[str, dict[str, float]]) -> None:
        """Logs results by task, and prints their means."""
        self._append({"step": step, kind: results})
        for measure in next(iter(results.values()), {}):
            mean = sum(result[measure] for result in results.values()) / len(results)
            self._board.add_scalar(f"{kind}/{measure}", mean, step)
            for task, result in results.items():
                self._board.add_scalar(f"{kind}_{measure}/{task}", result[measure], step)
            self._progress.print(f"step {step}: {kind} {measure} {mean:.3f}, mean of {len(results)} tasks")

    def _append(self, line: dict[str, Any]) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _step(line: str) -> float:
    """The step that a line of the log is of; one that is torn is of none."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf


def _identity(config: TrainConfig, table: pa.Table) -> dict[str, Any]:
    """What decides what is learnt: the settings, and the data and first weights, wherever they lie."""
    settings = {name: value for name, value in asdict(config).items() if name not in FREE}
    others = {"init": config.init, "teacher": config.teacher}
    hashes = {name: checkpoint.sha256(folder)[:16] if folder else "" for name, folder in others.items()}
    whole = settings | {"data": digest(table, table.column_names)[:16]} | hashes
    return json.loads(json.dumps(whole))  # as it is read again


def _training_tensors(
    model: WebAgentModel, average: WebAgentModel, optimizer: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    found = {f"weights/{name}": tensor for name, tensor in checkpoint.tensors(model).items()}
    if merged(average) is not average:  # the checkpoint has the adapters worked in, and they cannot be told from it
        found |= {f"average/{name}": tensor for name, tensor in checkpoint.tensors(average).items()}
    for name, parameter in model.named_parameters():
        found |= {f"{moment}/{name}": tensor for moment, tensor in optimizer.state.get(parameter, {}).items()}
    return found
