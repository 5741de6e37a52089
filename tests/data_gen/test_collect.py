"""Collection in a real browser: what is kept, and that it depends on the seeds alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401 (registers the environments)
from data_gen import oracles
from data_gen.collect import CollectConfig, CollectError, _attempt, collect, provenance
from data_gen.dataset import TRAINING_SEEDS, DatasetError, decode_screenshot, read_dataset
from envs import browser, tasks
from envs.html import parse_html

TASKS = ("click-button", "enter-text")


def config(out: Path, **settings) -> CollectConfig:
    return CollectConfig(out, **({"tasks": TASKS, "episodes": 4, "shard_episodes": 2, "workers": 1} | settings))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a dataset, by its name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def manifest(folder: Path) -> dict:
    return json.loads((folder / "dataset.json").read_text())


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Path:
    return collect(config(tmp_path_factory.mktemp("collected") / "data"))


def test_every_step_of_successful_episodes_is_kept(collected):
    rows = read_dataset(collected, for_training=True).to_pylist()
    last_steps = [row for row, following in zip(rows, [*rows[1:], {"step": 0}], strict=True) if following["step"] == 0]
    assert [row["episode_id"] for row in last_steps] == [
        f"{task}/{seed}" for task in TASKS for seed in range(10_000_000, 10_000_004)
    ]
    assert all(row["raw_reward"] == 1.0 for row in last_steps)
    for row in rows:
        elements = [*parse_html(row["html"]).walk()]
        assert [-1 if element.ref is None else element.ref for element in elements] == row["refs"]
        assert len(row["boxes"]) == 4 * len(elements)
        screenshot = decode_screenshot(row["screenshot"])
        assert screenshot.shape == (210, 160, 3)
        assert len(np.unique(screenshot)) > 2
        assert row["instruction"]
        assert row["success"] is True
        assert row["source"] == "oracle"


def test_what_is_stored_replays(collected):
    rows = [row for row in read_dataset(collected).to_pylist() if row["episode_id"] == "enter-text/10000001"]
    env = gymnasium.make("webagent/enter-text-v1")
    observation, _ = env.reset(seed=10_000_001)
    terminated = False
    for row in rows:
        assert not terminated
        assert observation["html"] == row["html"]
        np.testing.assert_array_equal(observation["screenshot"], decode_screenshot(row["screenshot"]))
        observation, _, terminated, _, info = env.step(row["action"])
        assert info["raw_reward"] == row["raw_reward"]
    env.close()
    assert terminated


def test_dataset_json_says_what_made_it(collected):
    stored = manifest(collected)
    assert stored["complete"] is True
    assert stored["config"]["tasks"] == list(TASKS)
    assert stored["config"]["episodes"] == 4
    assert "workers" not in stored["config"]
    assert stored["tasks"]["click-button"]["tally"] == {"kept": 4, "tried": 4}
    (program,) = stored["provenance"]
    assert program["browser"].startswith("Chromium ")
    assert program["versions"].keys() >= {"python", "miniwob", "playwright"}


def test_the_number_of_workers_changes_nothing(collected, tmp_path):
    assert contents(collect(config(tmp_path / "data", workers=2))) == contents(collected)


def test_a_second_start_writes_only_what_is_missing_or_torn(collected, tmp_path):
    whole = contents(collected)
    for name, content in whole.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    kept, torn, missing = (tmp_path / "data" / "click-button" / "part-00000.parquet",
                           tmp_path / "data" / "click-button" / "part-00001.parquet",
                           tmp_path / "data" / "enter-text" / "part-00000.parquet")  # fmt: skip
    torn.write_bytes(torn.read_bytes()[:500])
    missing.unlink()
    written = kept.stat().st_mtime_ns
    collect(config(tmp_path / "data"))
    assert contents(tmp_path / "data") == whole
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_whole_shards_and_the_next_start_goes_on(collected, tmp_path, workers):
    settings = {"episodes": 24, "tasks": ("click-button",), "workers": workers}
    program = f"""
import sys
from pathlib import Path
from data_gen.collect import CollectConfig, collect
collect(CollectConfig(Path(sys.argv[1]), **{settings}, shard_episodes=2))
"""
    folder = tmp_path / "data"
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)], start_new_session=True)
    try:
        while not any(folder.rglob("*.parquet")):
            assert process.poll() is None, "ended before its first shard"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does: all processes in the foreground get it
        assert process.wait(60) != 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert 1 <= len([*folder.rglob("*.parquet")]) < 12
    with pytest.raises(DatasetError, match="incomplete"):
        read_dataset(folder)
    collect(config(folder, **settings))
    assert not [*folder.rglob("*.tmp")]
    after = contents(folder)
    assert len(after) == 12 + 1
    for name, content in contents(collected).items():
        assert name == "dataset.json" or name.startswith("enter-text") or after[name] == content


def test_another_configuration_is_refused_unless_it_overwrites(collected, tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("click-button",), episodes=1))
    with pytest.raises(DatasetError, match="collected with another episodes, tasks"):
        collect(config(folder))
    collect(config(folder, overwrite=True))
    assert contents(folder) == contents(collected)


def test_failures_are_counted_and_left_out(tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("click-button",), policy="random", episodes=12))
    tally = manifest(folder)["tasks"]["click-button"]["tally"]
    assert tally["tried"] == 12
    assert tally["unsolved"] > 0
    assert tally["unsolved"] + tally.get("kept", 0) == 12
    table = read_dataset(folder)
    assert table["step"].to_pylist().count(0) == tally.get("kept", 0)
    assert set(table["source"].to_pylist()) <= {"random"}


def test_the_expert_recovers_from_a_random_action(tmp_path):
    settings = {"tasks": ("enter-text",), "recovery": 1.0, "episodes": 12, "screenshot": False}
    folder = collect(config(tmp_path / "data", **settings))
    table = read_dataset(folder)
    assert table["screenshot"].null_count == len(table)
    assert table["step"].to_pylist().count(0) == 12, (
        "an episode that does not survive the random action is kept without"
    )
    episodes: dict[str, list[str]] = {}
    for row in table.to_pylist():
        episodes.setdefault(row["episode_id"], []).append(row["source"])
    assert max(sources.count("noise") for sources in episodes.values()) == 1
    assert any("noise" in sources[:-1] for sources in episodes.values())
    assert contents(collect(config(tmp_path / "again", **settings, workers=2))) == contents(folder)


class KillsTheBrowserOnce:
    """An expert under whose hands the browser dies, the first time that it acts."""

    def __init__(self, expert):
        self.expert, self.killed = expert, False

    def reset(self):
        self.expert.reset()

    def act(self, observation):
        if not self.killed:
            self.killed = True
            os.kill(browser.shared().pid, signal.SIGKILL)
        return self.expert.act(observation)


def test_an_episode_in_which_the_browser_dies_is_tried_again():
    env = gymnasium.make("webagent/click-button-v1")
    policy = KillsTheBrowserOnce(oracles.get("click-button"))
    episode, outcome, _ = _attempt(env, policy, 10_000_000)
    env.close()
    assert policy.killed
    assert (outcome, episode.success) == ("kept", True)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"first_seed": 4_000_000}, CollectError, "page seeds 4000000 to 4000003 leave the training range"),
        ({"first_seed": TRAINING_SEEDS[-1]}, CollectError, "leave the training range"),
        ({"episodes": 0}, CollectError, "must be at least 1"),
        ({"workers": 0}, CollectError, "must be at least 1"),
        ({"recovery": 1.5}, CollectError, "a share, from 0 to 1, not 1.5"),
        ({"recovery": 0.5, "policy": "random"}, CollectError, "goes with policy oracle only"),
        ({"tasks": ("click-buton",)}, tasks.UnknownTask, "click-button"),
        ({"tasks": (), "suite": "no-such"}, ValueError, "no-such"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        collect(config(tmp_path / "data", **settings))
    assert not (tmp_path / "data").exists()


def test_a_named_task_without_an_oracle_is_refused(tmp_path):
    without = [task.name for task in tasks.select() if task.name not in oracles.names()]
    if not without:
        pytest.skip("every task has an oracle")
    with pytest.raises(oracles.NoOracle, match=without[0]):
        collect(config(tmp_path / "data", tasks=(without[0],)))


def test_provenance_names_the_versions():
    assert provenance()["versions"]["numpy"] == np.__version__
