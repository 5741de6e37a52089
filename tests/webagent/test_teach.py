"""Teaching from a few demonstrations: it runs from end to end, goes on after a kill, and bad input is said."""

import subprocess
import sys
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from data_gen.dataset import DatasetWriter, read_dataset
from policies import checkpoint
from policies.checkpoint import CheckpointError
from policies.config import ProcessorConfig
from policies.data import TrainError, corpus
from policies.model import WebAgentModel
from policies.policy import LearntPolicy
from policies.processor import Processor
from policies.train import LOG_EVERY
from tests.data_gen.test_augment import demonstration
from tests.policies.tiny import tiny_config
from webagent.output import UsageError
from webagent.taught import score
from webagent.teach import RUN, TeachConfig, teach

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    shown = [
        demonstration("Ann Archer", "German", "Czech", "2026-03-08", False),
        demonstration("Bert Baker", "Dutch", "Greek", "2026-11-25", True),
    ]
    rows = [move.row | {"screenshot": None} for one in shown for move in one.steps]
    with DatasetWriter(folder) as writer:
        writer.write("OpenWeb", rows)
    return folder


def test_teach_trains_checks_and_leaves_a_policy(recorded, tmp_path):
    with (tmp_path / "log").open("w") as file:
        out = Console(file=file, width=200)
        folder = teach(TeachConfig(recorded, tmp_path / "run", steps=3, batch_size=4, check=3, threads=1), out)
    said = (tmp_path / "log").read_text()
    assert "2 demonstrations of 6 to 6 steps" in said and "ann" in said
    assert "held-out variants" in said and "of 3" in said
    assert checkpoint.locate(tmp_path / "run") == folder
    assert checkpoint.sha256(folder) != checkpoint.sha256()
    assert LearntPolicy.from_checkpoint(tmp_path / "run").processor.config.copy


def test_the_check_shows_the_policy_what_the_browser_would(recorded, monkeypatch):
    rows, seen, encode = read_dataset(recorded).to_pylist(), [], Processor.encode
    monkeypatch.setattr(
        Processor, "encode", lambda self, shown, *more: seen.append(shown) or encode(self, shown, *more)
    )
    score(checkpoint.EMBEDDED, [rows])
    assert len(seen) == len(rows)
    for shown, row in zip(seen, rows, strict=True):
        assert shown["html"] == row["html"] and shown["boxes"].shape == (len(row["refs"]), 4)
        assert shown["boxes"].ravel().tolist() == row["boxes"]


@pytest.fixture(scope="module")
def tiny(recorded, tmp_path_factory):
    """A checkpoint of the smallest network."""
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    processor = Processor.build(ProcessorConfig(vocab_size=300), corpus(read_dataset(recorded)))
    checkpoint.save(folder, WebAgentModel(tiny_config(processor.vocab_size)), processor, "card")
    return folder


@pytest.fixture(scope="module")
def taught(recorded, tiny, tmp_path_factory):
    config = TeachConfig(
        recorded, tmp_path_factory.mktemp("taught") / "run", str(tiny), steps=1, batch_size=2, check=2, threads=1
    )
    teach(config, Console(quiet=True))
    return config


def said_by(config):
    with StringIO() as file:
        teach(config, Console(file=file, width=200))
        return file.getvalue()


def test_a_killed_teaching_is_no_policy_and_goes_on_by_the_same_command(taught, tmp_path):
    config = replace(taught, out=tmp_path / "killed", steps=LOG_EVERY + 5, save_minutes=0)
    words = ["teach", config.dataset, "--out", config.out, "--from", config.init, "--steps", config.steps]
    words += ["--batch-size", 2, "--check", 2, "--save-minutes", 0, "--threads", 1]
    command = [sys.executable, "-m", "webagent", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        while killed.poll() is None and not (config.out / RUN / f"step-{LOG_EVERY:07d}").exists():
            time.sleep(0.01)
        killed.kill()
        assert killed.stdout and f"step {LOG_EVERY} of {config.steps}" in killed.stdout.read()  # where no bar moves
    with pytest.raises(CheckpointError, match="is not whole"):
        checkpoint.locate(config.out)
    said = said_by(config)
    assert f"going on from step-{LOG_EVERY:07d}" in said and "held-out variants" in said
    straight = teach(replace(config, out=tmp_path / "straight"), Console(quiet=True))
    assert checkpoint.sha256(config.out) == checkpoint.sha256(straight) != checkpoint.sha256(config.init)


def test_the_same_command_checks_a_taught_policy_again(taught):
    said = said_by(taught)
    assert "held-out variants" in said and "trained in" not in said


def test_a_folder_of_another_teaching_is_refused(taught, recorded, tmp_path):
    with DatasetWriter(tmp_path / "fewer") as writer:
        writer.write("OpenWeb", read_dataset(recorded).to_pylist()[:6])
    for name, change in {
        "steps": {"steps": 30},
        "batch_size, seed": {"batch_size": 3, "seed": 1},
        "from": {"init": "embedded"},
        "demonstrations": {"dataset": tmp_path / "fewer"},
    }.items():
        with pytest.raises(UsageError, match=f"a teaching with other {name}: give the same .* or choose another --out"):
            teach(replace(taught, **change))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "--steps must be at least 1"),
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"passes": 0}, "--passes must be at least 1"),
        ({"check": -1}, "--check must be at least 1"),
        ({"lr": -1.0}, "--lr must be 0 or more"),
        ({"seed": -1}, "--seed must be 0 or more"),
        ({"threads": -1}, "--threads must be 0 or more"),
        ({"save_minutes": -1.0}, "--save-minutes must be 0 or more"),
        ({"image_dropout": 1.5}, "--image-dropout is a share from 0 to 1"),
        ({"made_up": 1.0}, "--made-up is a share from 0 to less than 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(recorded, tmp_path, changes, message):
    with pytest.raises((UsageError, TrainError), match=message):
        teach(TeachConfig(recorded, tmp_path / "run", **changes))
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_written_over(recorded, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        teach(TeachConfig(recorded, tmp_path))


def test_a_dataset_without_success_teaches_nothing(tmp_path):
    with DatasetWriter(tmp_path / "data"):
        pass
    with pytest.raises(UsageError, match="no successful episode"):
        teach(TeachConfig(tmp_path / "data", tmp_path / "run"))


def test_where_nothing_is_recorded_it_says_how_to_record(tmp_path):
    for folder, message in ((tmp_path / "none", "there is no folder"), (tmp_path, "holds no recordings")):
        with pytest.raises(UsageError, match=rf"{message}.*webagent record --url .* --out {folder}$"):
            teach(TeachConfig(folder, tmp_path / "run"))
