"""Checkpoints: a folder that holds all a policy needs, and nothing that could run code when it is read.

    config.json             the format's version and the network's shape
    model.safetensors       the weights
    tokenizer.json          written by the processor
    processor_config.json   written by the processor
    README.md               the model card: data, recipe, compute, measured results

A training run keeps its checkpoints in folders ``step-0012000``; such a run's folder stands for its latest checkpoint.
One that was exported (``policies.export``) has ONNX files in place of the weights, which ``config.json`` names.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors
import safetensors.torch
import torch

from policies import start_pages
from policies.config import ModelConfig
from policies.processor import Processor

if TYPE_CHECKING:
    from policies.model import WebAgentModel

FORMAT = 3
"""Version of the folder's layout and of the names of its tensors."""

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"

TENSORS, STATE, ADAPTER = "training.safetensors", "training.json", "adapter"
"""What a training puts beside them: what it goes on from, and the folder of the T5's adapters."""

PARTS = "onnx"
"""Key of the configuration under which one that was exported names its ONNX files."""

EMBEDDED = Path(__file__).parent / "embedded"
"""The checkpoint that comes with the package."""


class CheckpointError(ValueError):
    """A folder that cannot be read as a checkpoint. The message says what is wrong and what to do."""


def save(
    folder: Path, model: WebAgentModel, processor: Processor, card: str, dtype: torch.dtype = torch.float32
) -> None:
    """Writes a checkpoint; a reader never sees half of one.

    Args:
        folder: where to; a checkpoint that is there is replaced.
        model: the network.
        processor: what it reads its input through.
        card: the text of README.md.
        dtype: type of the weights in the file.

    Raises:
        CheckpointError: if something else is there.
    """
    with atomic_folder(Path(folder)) as unfinished:
        write(unfinished, model, processor, card, dtype)


def write(
    folder: Path, model: WebAgentModel, processor: Processor, card: str, dtype: torch.dtype = torch.float32
) -> None:
    """Writes a checkpoint's files into a folder that exists; ``save`` is this and atomic."""
    weights = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in tensors(model).items()}
    save_tensors(folder / WEIGHTS, weights)
    write_json(folder / CONFIG, {"format": FORMAT, "model": model.config.to_dict()})
    processor.save(folder)
    write_card(folder, card)


def load(folder: Path | str | None = None, device: str = "cpu") -> tuple[WebAgentModel, Processor, str]:
    """Reads a checkpoint.

    Args:
        folder: a checkpoint, or a training run (its latest checkpoint); the embedded checkpoint where None.
        device: where the weights go. They are float32, whatever the file holds.

    Returns:
        The network in evaluation mode, its processor, and the text of its model card.

    Raises:
        CheckpointError: if it is not there, not whole, or of another version or shape.
    """
    folder = locate(folder)
    config = read_config(folder)
    if PARTS in config:
        raise CheckpointError(
            f"{folder} was exported to ONNX: it decides, and no more. Give the checkpoint that it was made of"
        )
    from policies.model import WebAgentModel  # transformers and timm take seconds

    try:
        model = WebAgentModel(ModelConfig.from_dict(config["model"]))
        processor = Processor.load(folder)
    except Exception as error:  # transformers and timm answer a wrong configuration with many types
        raise CheckpointError(f"checkpoint {folder} cannot be rebuilt from its files: {error}") from error
    load_tensors(folder / WEIGHTS, tensors(model))
    return model.to(device).eval(), processor, (folder / CARD).read_text(encoding="utf-8")


def write_card(folder: Path, card: str) -> None:
    """Replaces a checkpoint's model card; its ``sha256`` stays."""
    (Path(folder) / CARD).write_text(card, encoding="utf-8")


def locate(folder: Path | str | None) -> Path:
    """The folder that holds the files of the checkpoint that ``load(folder)`` reads.

    Raises:
        CheckpointError: if there is none, or a file of it is missing.
    """
    folder = EMBEDDED if folder is None else Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"no checkpoint at {folder}: expected a folder with {', '.join(files())}")
    folder = latest(folder) or folder
    if missing := [name for name in files(folder) if not (folder / name).is_file()]:
        raise CheckpointError(
            f"checkpoint {folder} is not whole: {', '.join(missing)} missing. "
            "Where a training or teaching was stopped, it goes on by the same command"
        )
    return folder


def files(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the files that make a checkpoint; of the folder's, if it is one that was exported."""
    parts = read_config(folder).get(PARTS, ()) if folder and (folder / CONFIG).is_file() else ()
    return CONFIG, *([f"{part}.onnx" for part in parts] or [WEIGHTS]), "tokenizer.json", "processor_config.json", CARD


def exported(folder: Path | str | None) -> bool:
    """Whether it is one that was exported to ONNX.

    Raises:
        CheckpointError: if it is not there or not whole.
    """
    return PARTS in read_config(locate(folder))


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a training run, or None where it has none."""
    return next(reversed(steps(run)), None)


def steps(run: Path) -> list[Path]:
    """The checkpoints of a training run, oldest first."""
    found = [path for path in run.glob("step-*") if re.fullmatch(r"step-\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name[5:]))


def sha256(folder: Path | str | None = None) -> str:
    """Names a checkpoint by all that decides its behaviour: every file but the model card.

    Raises:
        CheckpointError: if it is not there or not whole.
    """
    folder, digest = locate(folder), hashlib.sha256()
    for name in files(folder):
        if name != CARD:
            digest.update(f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A network's parameters and saved buffers, those that share their memory once, under their first name."""
    state = model.state_dict(keep_vars=True)
    first = {id(tensor): name for name, tensor in reversed(state.items())}
    return {name: tensor.detach() for name, tensor in state.items() if first[id(tensor)] == name}


def save_tensors(file: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Writes a safetensors file that others may read as any new file; the library by itself lets its owner alone."""
    file.touch()
    mode = file.stat().st_mode
    safetensors.torch.save_file(dict(weights), file)
    file.chmod(mode)


def load_tensors(file: Path, into: dict[str, torch.Tensor]) -> None:
    """Copies a safetensors file's tensors into those of the same names.

    Raises:
        CheckpointError: if the file is damaged, or names or shapes differ.
    """
    try:
        found = safetensors.torch.load_file(file)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{file} is damaged or cut short: {error}") from error
    if missing := sorted(into.keys() - found.keys()):
        raise CheckpointError(f"{file} lacks {len(missing)} of the network's tensors, {missing[0]} first")
    if unknown := sorted(found.keys() - into.keys()):
        raise CheckpointError(f"{file} has {len(unknown)} tensors that the network has not, {unknown[0]} first")
    for name, tensor in into.items():
        if tensor.shape != found[name].shape:
            raise CheckpointError(
                f"{file}: {name} has the shape {tuple(found[name].shape)}, the network needs {tuple(tensor.shape)}"
            )
        tensor.copy_(found[name])


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes its name, and the place of a checkpoint that had it, when all is written.

    Raises:
        CheckpointError: if something else has its name.
    """
    folder = folder.resolve()
    if folder.exists() and not replaceable(folder):
        raise CheckpointError(f"{folder} is there and is no checkpoint, and is not replaced: choose another folder")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)


def replaceable(folder: Path) -> bool:
    """Whether what is there is an empty folder or a checkpoint and nothing more."""
    if not folder.is_dir():
        return False
    found = {path.name for path in folder.iterdir()}
    if not found:
        return True
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    ours = isinstance(config, dict) and "format" in config  # of whatever version
    return ours and all(
        name in (*files(), start_pages.FILE, TENSORS, STATE, ADAPTER) or name.endswith(".onnx") for name in found
    )


def write_json(file: Path, content: dict) -> None:
    """Writes JSON as people read it."""
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict:
    """What a checkpoint's ``config.json`` says.

    Raises:
        CheckpointError: if that is of another version.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"checkpoint {folder}: {CONFIG} is not JSON: {error}") from error
    version = config.get("format") if isinstance(config, dict) else None
    if version != FORMAT:
        raise CheckpointError(f"checkpoint {folder} has format {version!r}; this version of webagent reads {FORMAT}")
    return config
