"""Collections by learnt policies, and the bootstrap that is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_gen.collect import CollectConfig
from data_gen.dataset import read_dataset
from policies.checkpoint import CheckpointError
from policies.config import ProcessorConfig
from policies.options import TrainConfig
from webagent.bootstrap import BootstrapConfig, bootstrap
from webagent.collection import collect_with
from webagent.output import UsageError

TASKS = ("click-button", "enter-text")


def config(out: Path, **settings) -> CollectConfig:
    usual = {"tasks": TASKS, "episodes": 3, "shard_episodes": 2, "policy": "embedded", "screenshot": False}
    return CollectConfig(out, **(usual | settings))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rollouts_of_a_policy_are_the_same_for_any_number_of_workers(tmp_path):
    folders = [collect_with(config(tmp_path / str(workers), workers=workers)) for workers in (1, 2)]
    assert contents(folders[0]) == contents(folders[1])
    manifest = json.loads((folders[0] / "dataset.json").read_text())
    assert manifest["config"]["policy"].startswith("checkpoint ")
    assert manifest["tasks"]["enter-text"]["tally"]["tried"] == 3
    table = read_dataset(folders[0], for_training=True)
    assert set(table["source"].to_pylist()) == {"policy"}
    assert table["label"].null_count == table.num_rows


def test_the_expert_labels_what_the_policy_meets(tmp_path):
    rows = read_dataset(collect_with(config(tmp_path / "data", relabel=True, workers=1))).to_pylist()
    assert {row["source"] for row in rows} == {"policy"}
    assert all(row["label"] for row in rows)
    assert any(row["label"] == row["action"] for row in rows)


def test_a_folder_that_is_no_checkpoint_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(CheckpointError):
        collect_with(config(tmp_path / "data", policy=str(tmp_path / "nothing")))
    assert not (tmp_path / "data").exists()


@pytest.fixture
def bootstrap_config(tmp_path) -> BootstrapConfig:
    training = TrainConfig(
        data=(), out=Path(), steps=25, batch_size=16, image_dropout=1.0, threads=1, eval_every=20,
        processor=ProcessorConfig(vocab_size=512),
    )  # fmt: skip
    return BootstrapConfig(tmp_path / "boot", tasks=("click-test", "click-test-2"), demonstrations=40, rollouts=4,
                           rounds=1, episodes=2, workers=1, training=training)  # fmt: skip


def test_a_bootstrap_trains_on_its_own_successes(bootstrap_config):
    first, second = bootstrap(bootstrap_config)
    assert (first.tried, first.kept, first.episodes) == (80, 80, 80)
    assert second.tried == 8
    assert second.episodes == 80 + second.kept
    assert second.kept > 0
    datasets = {path: path.stat().st_mtime_ns for path in bootstrap_config.out.rglob("part-*.parquet")}
    weights = {path: path.stat().st_mtime_ns for path in bootstrap_config.out.rglob("model.safetensors")}
    again = bootstrap(bootstrap_config)
    assert [done.result.mean for done in again] == [first.result.mean, second.result.mean]
    assert all(path.stat().st_mtime_ns == written for path, written in (datasets | weights).items())


def test_a_bootstrap_that_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--rollouts is from 1 to"):
        bootstrap(BootstrapConfig(tmp_path, rollouts=0))
