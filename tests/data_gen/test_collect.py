"""Collection in a real browser: what is kept, and that it depends on the seeds alone."""

from __future__ import annotations

import contextlib
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
from data_gen.collect import CollectConfig, CollectError, _attempt, collect
from data_gen.dataset import TRAINING_SEEDS, DatasetError, DatasetWriter, decode_screenshot, read_dataset
from data_gen.provenance import LAYERS, provenance
from data_gen.variety import MISS
from envs import browser, tasks
from envs.action import Action
from envs.html import parse_html

ROOT = Path(__file__).parent.parent.parent
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


def test_an_expert_that_reads_the_picture_always_has_one(tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("count-sides", "click-button"), screenshot=False))
    rows = read_dataset(folder).to_pylist()
    assert {task: sum(row["task"] == task for row in rows) for task in ("count-sides", "click-button")} == {
        "count-sides": 4, "click-button": 4,
    }  # fmt: skip
    assert all((row["screenshot"] is not None) == (row["task"] == "count-sides") for row in rows)


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


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_nothing(collected, tmp_path, workers):
    assert contents(collect(config(tmp_path / "data", workers=workers))) == contents(collected)


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


PROGRAM = """
import sys
from pathlib import Path
from data_gen.collect import CollectConfig, collect
collect(CollectConfig(Path(sys.argv[1]), tasks=("click-button", "enter-text"), episodes=24, shard_episodes=2,
                      workers=int(sys.argv[2]), screenshot=False))
"""


def test_killed_ten_times_it_still_makes_the_same(tmp_path):
    random = np.random.default_rng(0)
    folder, lives = tmp_path / "data", 0
    for life in range(10):
        program = [sys.executable, "-c", PROGRAM, str(folder), str(1 + life % 2)]
        process = subprocess.Popen(program, start_new_session=True)
        started = len([*folder.rglob("*.parquet")])
        while process.poll() is None and len([*folder.rglob("*.parquet")]) == started:
            time.sleep(0.01)  # so that each life gets some work done
        time.sleep(random.uniform(0, 0.3))
        lives += process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert lives >= 5, "it was done before it could be killed often enough"
    settings = {"tasks": TASKS, "episodes": 24, "shard_episodes": 2, "screenshot": False}
    assert contents(collect(config(folder, **settings))) == contents(collect(config(tmp_path / "quiet", **settings)))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_whole_shards_and_the_next_start_goes_on(collected, tmp_path, workers):
    settings = {"episodes": 60, "tasks": ("click-button",), "workers": workers}
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
    assert 1 <= len([*folder.rglob("*.parquet")]) < 30
    with pytest.raises(DatasetError, match="incomplete"):
        read_dataset(folder)
    collect(config(folder, **settings))
    assert not [*folder.rglob("*.tmp")]
    after = contents(folder)
    assert len(after) == 30 + 1
    for name, content in contents(collected).items():
        assert name == "dataset.json" or name.startswith("enter-text") or after[name] == content


def test_another_configuration_is_refused_unless_it_overwrites(collected, tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("click-button",), episodes=1))
    with pytest.raises(DatasetError, match=r"made otherwise \(episodes .*, now .*, tasks .*, now .*\)"):
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
    labelled = [row for row in table.to_pylist() if row["label"] is not None]
    assert {row["source"] for row in labelled} == {"noise"}, "the expert's own choice stands beside the mistake"
    assert contents(collect(config(tmp_path / "again", **settings, workers=2))) == contents(folder)


def test_the_expert_recovers_from_a_pixel_missed_by_a_little(tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("find-midpoint",), recovery=1.0, episodes=6, screenshot=False))
    table = read_dataset(folder)
    missed = [row for row in table.to_pylist() if row["source"] == "noise" and row["label"].startswith("click_xy")]
    assert missed
    for row in missed:
        done, right = (np.array(Action.parse(row[name]).args, int) for name in ("action", "label"))
        assert row["action"].startswith("click_xy") and np.abs(done - right).max() < 6 * MISS
    assert any((np.array(Action.parse(row["action"]).args) != Action.parse(row["label"]).args).any() for row in missed)


def test_the_expert_turns_round_after_a_press_the_wrong_way(tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("use-slider",), recovery=1.0, episodes=24, screenshot=False))
    rows = read_dataset(folder).to_pylist()
    wrong = [n for n, row in enumerate(rows) if row["source"] == "noise" and row["label"].startswith("press Arrow")]
    assert wrong
    for n in wrong:
        assert {rows[n]["action"], rows[n]["label"]} == {"press ArrowLeft", "press ArrowRight"}
        assert rows[n + 1]["action"] == rows[n]["label"]


def test_the_expert_recovers_from_a_drag_to_another_place(tmp_path):
    folder = collect(config(tmp_path / "data", tasks=("daily-calendar",), recovery=1.0, episodes=12, screenshot=False))
    rows = read_dataset(folder).to_pylist()
    dragged = [row for row in rows if row["source"] == "noise" and row["label"].startswith("drag ")]
    assert dragged
    for row in dragged:
        done, right = (Action.parse(row[name]) for name in ("action", "label"))
        assert done.verb == "drag"
        assert any(end == meant for end, meant in zip(done.refs, right.refs, strict=True)), "one end is the right one"
    assert any(row["action"] != row["label"] for row in dragged)


def test_episodes_vary_as_asked(tmp_path):
    settings = {"renumber": 0.5, "resize": 0.5, "episodes": 12, "shard_episodes": 6}
    folder = collect(config(tmp_path / "data", **settings))
    rows = read_dataset(folder).to_pylist()
    numbers = [max(row["refs"]) for row in rows if row["step"] == 0]
    assert min(numbers) < 10 < max(numbers)
    sizes = {decode_screenshot(row["screenshot"]).shape for row in rows}
    assert (210, 160, 3) in sizes
    assert len(sizes) > 2
    for task, tally in ((task, entry["tally"]) for task, entry in manifest(folder)["tasks"].items()):
        assert tally["kept"] == tally["tried"] == 12, task
        assert 0 < tally["renumber"] < 12
        assert 0 < tally["resize"] < 12
    assert contents(collect(config(tmp_path / "again", **settings, workers=2))) == contents(folder)


def test_the_expert_says_what_a_learner_should_have_done(tmp_path):
    settings = {"tasks": ("enter-text",), "policy": "random", "relabel": True, "episodes": 3, "screenshot": False}
    rows = read_dataset(collect(config(tmp_path / "data", **settings))).to_pylist()
    assert {row["source"] for row in rows} == {"random"}
    assert {row["step"] for row in rows if row["step"] == 0} == {0}
    assert any(not row["success"] for row in rows)
    for row in rows:
        page = parse_html(row["html"])
        field, button = page.find("input"), page.find("button")
        wanted = row["instruction"].split('"')[1]
        assert row["label"] == (f"click {button.ref}" if field.value == wanted else f'type {field.ref} "{wanted}"')


def test_a_full_disk_is_told_and_whole_shards_stay(tmp_path):
    program = """
import resource, sys
from pathlib import Path
from data_gen import shards
from data_gen.dataset import DatasetError, DatasetWriter, episode_rows
from envs.loop import Episode
with DatasetWriter(Path(sys.argv[1])) as writer:
    writer.write("click-button", [])
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
    try:
        writer.write("click-button", [])
    except DatasetError as error:
        print(error)
        sys.exit(3)
"""
    folder = tmp_path / "data"
    run = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True)
    assert run.returncode == 3, run.stderr
    assert "could not be written (File too large): make room" in run.stdout
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["dataset.json", "part-00000.parquet"]
    with DatasetWriter(folder) as writer:
        assert writer.find("click-button", 0) is not None


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
        ({"relabel": True}, CollectError, "a policy that is not the oracle itself"),
        ({"policy": "runs/mine"}, CollectError, "policy 'runs/mine' needs a checkpoint"),
        ({"tasks": ("click-buton",)}, tasks.UnknownTask, "click-button"),
        ({"tasks": (), "suite": "no-such"}, ValueError, "no-such"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        collect(config(tmp_path / "data", **settings))
    assert not (tmp_path / "data").exists()


def test_a_named_task_without_an_oracle_is_refused(tmp_path):
    with pytest.raises(oracles.NoOracle, match="hover-shape"):
        collect(config(tmp_path / "data", tasks=("hover-shape",)))


def test_provenance_names_the_versions_and_the_changed_files():
    found = provenance()
    assert found["versions"]["numpy"] == np.__version__
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    assert found["commit"] == head.stdout.strip()
    assert all(name.split("/")[0] in LAYERS for name in found["dirty"])


def running(mark: str) -> list[str]:
    """Command lines of the processes that have a text in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes().decode(errors="replace"):
                found.append((process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " "))
    return found


def test_nothing_goes_on_when_the_command_is_killed(tmp_path):
    mark = f"WEBAGENT_TEST={tmp_path}"
    environment = os.environ | {"WEBAGENT_TEST": str(tmp_path)}
    program = PROGRAM.replace("episodes=24, shard_episodes=2", "episodes=2000, shard_episodes=1000")
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "data"), "2"], env=environment)
    try:
        while not any("renderer" in command for command in running(mark)):
            assert process.poll() is None, "ended before its first browser was there"
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    until = time.monotonic() + 60
    while running(mark) and time.monotonic() < until:
        time.sleep(0.2)
    assert not [command[:80] for command in running(mark)]
