"""Checkpoints: what is saved is what is loaded, and what is broken is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from envs.action import Action
from policies import checkpoint
from policies.checkpoint import CheckpointError
from policies.config import ProcessorConfig
from policies.model import WebAgentModel
from policies.processor import Processor
from tests.policies.tiny import tiny_config

HTML = '<div id=wrap><button ref=0>apple</button><button ref=1>"bread" &amp; more</button><input ref=2 type=text></div>'
OBSERVATION = {
    "instruction": 'Click on "apple".',
    "html": HTML,
    "screenshot": np.full((210, 160, 3), 90, np.uint8),
    "boxes": np.zeros((4, 4), np.float32),
    "refs": np.array([-1, 0, 1, 2], np.int32),
    "last_error": "",
}
CARD = "# A card\n\nwith “text”.\n"


@pytest.fixture(scope="module")
def parts() -> tuple[WebAgentModel, Processor]:
    processor = Processor.build(ProcessorConfig(vocab_size=512), [HTML, "Click on a button", "Type a text"] * 5)
    torch.manual_seed(0)
    config = tiny_config(processor.vocab_size)
    return WebAgentModel(config).eval(), processor


@pytest.fixture
def saved(parts, tmp_path) -> Path:
    checkpoint.save(tmp_path / "saved", *parts, CARD)
    return tmp_path / "saved"


def losses(model: WebAgentModel, processor: Processor) -> torch.Tensor:
    frames = [None, OBSERVATION["screenshot"]]
    actions = [Action("click", (0,)), Action("type", (2, "apple"))]
    batch = processor.collate([processor.encode(OBSERVATION, (), frames, action) for action in actions])
    with torch.no_grad():
        return model(batch).per_sample_loss


def test_saved_and_loaded_predicts_the_same(parts, saved):
    model, processor, card = checkpoint.load(saved)
    assert torch.equal(losses(model, processor), losses(*parts))
    assert model.config == parts[0].config
    assert not model.training
    assert card == CARD


def test_saved_again_is_the_same_checkpoint(saved, tmp_path):
    checkpoint.save(tmp_path / "again", *checkpoint.load(saved))
    assert checkpoint.sha256(tmp_path / "again") == checkpoint.sha256(saved)


def test_bfloat16_halves_the_file_and_is_itself_stable(parts, saved, tmp_path):
    half = tmp_path / "half"
    checkpoint.save(half, *parts, CARD, dtype=torch.bfloat16)
    assert (half / "model.safetensors").stat().st_size < 0.6 * (saved / "model.safetensors").stat().st_size
    model, processor, _ = checkpoint.load(half)
    assert {tensor.dtype for tensor in checkpoint.tensors(model).values()} == {torch.float32}
    assert torch.allclose(losses(model, processor), losses(*parts), rtol=0.05, atol=0.05)
    checkpoint.save(tmp_path / "again", model, processor, CARD, dtype=torch.bfloat16)
    assert checkpoint.sha256(tmp_path / "again") == checkpoint.sha256(half)


def test_sha256_is_of_what_decides_the_behaviour(saved):
    before = checkpoint.sha256(saved)
    checkpoint.write_card(saved, "other words")
    assert checkpoint.sha256(saved) == before
    weights = safetensors.torch.load_file(saved / "model.safetensors")
    name = min(weights)
    safetensors.torch.save_file(weights | {name: weights[name] + 1}, saved / "model.safetensors")
    assert checkpoint.sha256(saved) != before


def test_whoever_may_read_one_file_may_read_all(saved):
    assert len({path.stat().st_mode for path in saved.iterdir()}) == 1


def test_tied_tensors_are_saved_once(parts):
    names = checkpoint.tensors(parts[0])
    pointers = [tensor.data_ptr() for tensor in names.values() if tensor.numel()]
    assert len(pointers) == len(set(pointers))
    assert sum(p.numel() for p in parts[0].parameters()) <= sum(tensor.numel() for tensor in names.values())


def test_a_run_stands_for_its_latest_checkpoint(parts, tmp_path):
    for step in (9, 10):
        checkpoint.save(tmp_path / f"step-{step}", *parts, f"card {step}")
    assert checkpoint.load(tmp_path)[2] == "card 10"
    assert checkpoint.locate(str(tmp_path)) == tmp_path / "step-10"


def test_only_a_checkpoint_and_nothing_more_is_replaced(parts, saved, tmp_path):
    assert checkpoint.replaceable(saved)
    (saved / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not replaced"):
        checkpoint.save(saved, *parts, CARD)
    assert (saved / "notes.txt").read_text() == "mine"
    published = tmp_path / "flan-t5"
    parts[0].t5.save_pretrained(published)
    assert {"config.json", "model.safetensors"} <= {path.name for path in published.iterdir()}
    assert not checkpoint.replaceable(published)


def test_replacing_is_all_or_nothing(parts, saved):
    with pytest.raises(TypeError):
        checkpoint.save(saved, *parts, None)
    assert checkpoint.load(saved)[2] == CARD
    checkpoint.save(saved, *parts, "new card")
    assert checkpoint.load(saved)[2] == "new card"
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def change_weights(folder: Path, change) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    change(weights)
    safetensors.torch.save_file(weights, folder / "model.safetensors")


def change_config(folder: Path, change) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def cut(folder: Path, file: str, size: int) -> None:
    (folder / file).write_bytes((folder / file).read_bytes()[:size])


BROKEN = {
    "version": (lambda f: change_config(f, lambda c: c.update(format=99)), "format 99; this version"),
    "no version": (lambda f: (f / "config.json").write_text("[]"), "format None"),
    "config no JSON": (lambda f: (f / "config.json").write_text("{"), "not JSON"),
    "config without a model": (lambda f: change_config(f, lambda c: c.pop("model")), "cannot be rebuilt"),
    "config of unknown fields": (lambda f: change_config(f, lambda c: c["model"].update(extra=1)), "extra"),
    "config of wrong values": (lambda f: change_config(f, lambda c: c["model"]["t5"].update(d_model="x")), "rebuilt"),
    "tokenizer damaged": (lambda f: cut(f, "tokenizer.json", 50), "cannot be rebuilt"),
    "processor config damaged": (lambda f: cut(f, "processor_config.json", 5), "cannot be rebuilt"),
    "weights cut short": (lambda f: cut(f, "model.safetensors", 5000), "damaged or cut short"),
    "weights empty": (lambda f: cut(f, "model.safetensors", 0), "damaged or cut short"),
    "tensor missing": (lambda f: change_weights(f, lambda w: w.pop(min(w))), "lacks 1 of the network's tensors"),
    "tensor unknown": (lambda f: change_weights(f, lambda w: w.update(x=torch.ones(1))), "that the network has not, x"),
    "shape": (lambda f: change_weights(f, lambda w: w.update({min(w): torch.ones(3, 1, 7)})), r"shape \(3, 1, 7\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_checkpoint(saved, case):
    damage, message = BROKEN[case]
    damage(saved)
    with pytest.raises(CheckpointError, match=message) as error:
        checkpoint.load(saved)
    assert str(saved) in str(error.value)


@pytest.mark.parametrize("file", checkpoint.files())
def test_missing_file(saved, file):
    (saved / file).unlink()
    for read in (checkpoint.load, checkpoint.sha256):
        with pytest.raises(CheckpointError, match=f"not whole: {re.escape(file)} missing"):
            read(saved)


def test_missing_folder(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        checkpoint.load(tmp_path / "nowhere")


def test_nothing_is_pickled(saved):
    assert {path.suffix for path in saved.iterdir()} == {".json", ".safetensors", ".md"}
