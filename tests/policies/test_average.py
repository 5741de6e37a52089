"""The mean of checkpoints' weights: what it is, what it says of itself, and what cannot be averaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from policies import checkpoint, start_pages
from policies.average import average
from policies.checkpoint import CheckpointError
from policies.config import ProcessorConfig
from policies.model import WebAgentModel
from policies.options import AverageConfig
from policies.processor import Processor
from tests.policies.tiny import tiny_config

CARD = "# A policy\n\nThe weights are an exponential average over the training.\n\n## Recipe\n\n0.07 hours.\n"


@pytest.fixture
def three(tmp_path) -> list[Path]:
    """Checkpoints of one shape, with weights of their own."""
    processor = Processor.build(ProcessorConfig(vocab_size=512), ["<button ref=0>apple</button>", "Type a text"] * 5)
    config = tiny_config(processor.vocab_size)
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for number, folder in enumerate(folders):
        torch.manual_seed(number)
        checkpoint.save(folder, WebAgentModel(config), processor, CARD + f"\n## Measured in the browser\n\n{number}\n")
    return folders


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.tensors(checkpoint.load(folder)[0])


def test_every_weight_is_the_mean(three, tmp_path):
    folder = average(AverageConfig(tuple(three), tmp_path / "mean"))
    parts = [weights(part) for part in three]
    for name, tensor in weights(folder).items():
        assert torch.allclose(tensor, torch.stack([part[name] for part in parts]).mean(0), atol=1e-6), name


def test_the_average_of_one_and_itself_is_itself(three, tmp_path):
    folder = average(AverageConfig((three[0], three[0]), tmp_path / "mean"))
    assert checkpoint.sha256(folder) == checkpoint.sha256(three[0])


def test_the_card_names_the_parts_and_claims_no_results(three, tmp_path):
    folder = average(AverageConfig(tuple(three[:2]), tmp_path / "mean"))
    card = checkpoint.load(folder)[2]
    names = [checkpoint.sha256(part)[:16] for part in three[:2]]
    assert f"the mean of those of 2 checkpoints: {names[0]}, {names[1]}. What follows" in card
    assert "exponential" not in card and "Measured" not in card and "0.07 hours." in card
    again = average(AverageConfig((folder, three[2]), tmp_path / "again"))
    assert checkpoint.load(again)[2].count("the mean of") == 1


def test_start_pages_are_those_of_all_parts(three, tmp_path):
    for number, part in enumerate(three[:2]):
        start_pages.write(part, np.array([5, 7 + number], np.uint64))
    known = average(AverageConfig(tuple(three[:2]), tmp_path / "known"))
    table = start_pages.read(known)
    assert table is not None and table.tolist() == [5, 7, 8]
    assert start_pages.read(average(AverageConfig(tuple(three), tmp_path / "unknown"))) is None


def test_a_run_stands_for_its_latest_checkpoint(three, tmp_path):
    three[1].rename(three[0] / "step-0000010")
    folder = average(AverageConfig((three[0], three[2]), tmp_path / "mean"))
    assert checkpoint.sha256(three[0] / "step-0000010")[:16] in checkpoint.load(folder)[2]


def test_what_cannot_be_averaged(three, tmp_path):
    def refused(*parts: Path) -> str:
        with pytest.raises(CheckpointError) as error:
            average(AverageConfig(parts, tmp_path / "mean"))
        assert not (tmp_path / "mean").exists()
        return str(error.value)

    assert "at least two checkpoints, got 1" in refused(three[0])
    model, processor, card = checkpoint.load(three[0])
    checkpoint.save(tmp_path / "wide", WebAgentModel(replace(model.config, copy=False)), processor, card)
    assert "has not the shape of" in refused(three[0], tmp_path / "wide")
    other = Processor(replace(processor.config, max_history=2), processor.vocabulary)
    checkpoint.save(tmp_path / "other", model, other, card)
    assert "does not read its input as" in refused(three[0], tmp_path / "other")
    assert "no checkpoint at" in refused(three[0], tmp_path / "nowhere")


def test_only_a_checkpoint_that_is_no_part_is_replaced(three, tmp_path):
    notes = tmp_path / "runs" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    (tmp_path / "file").write_text("mine too")
    three[2].rename(tmp_path / "runs" / "step-0000010")
    for out, why in {"runs": "no checkpoint", "file": "no checkpoint", "a": "is one of those"}.items():
        with pytest.raises(CheckpointError, match=why):
            average(AverageConfig(tuple(three[:2]), tmp_path / out))
    assert notes.read_text() == "mine" and checkpoint.locate(notes.parent).name == "step-0000010"
    before = weights(three[0])
    old = average(AverageConfig((three[0], three[0]), tmp_path / "mean"))
    new = average(AverageConfig(tuple(three[:2]), old))
    assert not torch.equal(weights(new)["t5.shared.weight"], before["t5.shared.weight"])
