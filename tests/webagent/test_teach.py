"""Teaching from a few demonstrations: it runs from end to end, and bad input is said."""

import pytest
from rich.console import Console

from data_gen.dataset import DatasetWriter, read_dataset
from policies import checkpoint
from policies.policy import LearntPolicy
from policies.processor import Processor
from tests.data_gen.test_augment import demonstration
from webagent.output import UsageError
from webagent.taught import score
from webagent.teach import TeachConfig, teach


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "--steps must be at least 1"),
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"image_dropout": 1.5}, "between 0 and 1"),
        ({"made_up": 1.0}, "--made-up is a share from 0 to less than 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(recorded, tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
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
