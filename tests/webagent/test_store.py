"""A run's folder: the same bytes whatever the number of workers, killed or not; only timing.jsonl differs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas
import pytest

from policies import checkpoint, start_pages
from webagent.benchmark import BenchConfig, bench
from webagent.output import UsageError
from webagent.results import read_results

ROOT = Path(__file__).parent.parent.parent
TASKS = ("click-button", "click-tab-2")
WORDS = ("--tasks", *TASKS, "--policy", "oracle", "--episodes", "6")
EPISODES = 12


def config(out, workers=1, **changes):
    return BenchConfig(**{"tasks": TASKS, "policy": "oracle", "episodes": 6} | changes, workers=workers, out=out)


def contents(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name != "timing.jsonl"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    bench(config(folder))
    return folder


@pytest.mark.parametrize("workers", [2, 4])
def test_the_files_are_the_same_for_any_number_of_workers(whole, workers, tmp_path):
    bench(config(tmp_path / "run", workers))
    assert contents(tmp_path / "run") == contents(whole)


def test_the_files_are_the_same_from_a_ray_cluster(whole, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "webagent", "bench", *WORDS, "--workers", "2", "--backend", "ray", "--out", out]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    environment.pop("RAY_ADDRESS", None)  # one of its own, on this machine
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(out) == contents(whole)


def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_files(whole, tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "webagent", "bench", *WORDS, "--workers", "1", "--out", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    while not list((folder / "units").glob("*.jsonl")):
        assert first.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (folder / "results.json").exists()
    stored = len(list((folder / "units").glob("*.jsonl")))
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "episodes are there already" in done.stdout
    assert stored < len(list((folder / "units").glob("*.jsonl")))
    assert contents(folder) == contents(whole)


def test_a_torn_or_missing_unit_is_run_again(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    torn, gone, *_ = sorted((folder / "units").iterdir())
    torn.write_bytes(torn.read_bytes()[:-20])
    gone.unlink()
    next((folder / "traces").iterdir()).unlink()
    bench(config(folder))
    assert contents(folder) == contents(whole)


def test_json_parquet_and_lines_hold_the_same_episodes(whole):
    episodes = json.loads((whole / "results.json").read_text())["episodes"]
    lines = [json.loads(line) for file in sorted((whole / "units").iterdir()) for line in file.open()]
    frame = pandas.read_parquet(whole / "episodes.parquet")
    assert len(episodes) == EPISODES == len(frame)
    assert lines == episodes
    assert list(zip(frame["task"], frame["seed"], frame["success"], strict=True)) == [
        (episode["task"], episode["seed"], episode["success"]) for episode in episodes
    ]
    assert [list(actions) for actions in frame["actions"]] == [episode["actions"] for episode in episodes]


def test_the_timing_file_has_every_episode(whole):
    lines = [json.loads(line) for line in (whole / "timing.jsonl").open()]
    assert len({(line["task"], line["seed"]) for line in lines}) == EPISODES


def test_results_are_read_back_as_they_were(whole):
    assert read_results(whole).to_json() == (whole / "results.json").read_text()


def test_the_record_names_versions_commit_and_browser(whole):
    content = json.loads((whole / "results.json").read_text())
    assert content["browser"].startswith("Chromium ") and content["versions"]["playwright"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    assert content["commit"] == head.stdout.strip()
    assert isinstance(content["dirty"], list)


@pytest.mark.parametrize("changes", [{"episodes": 7}, {"policy": "random"}, {"pictures": 0}])
def test_another_run_in_the_folder_is_refused(whole, changes):
    before = contents(whole)
    with pytest.raises(UsageError, match="another run"):
        bench(config(whole, **changes))
    assert contents(whole) == before


def test_a_folder_with_something_else_is_refused_even_to_overwrite(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="holds no run"):
        bench(config(tmp_path, overwrite=True))
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_a_run_with_something_else_beside_it_is_not_overwritten(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "letter.txt").write_text("dear")
    before = contents(folder)
    with pytest.raises(UsageError, match=r"holds more than a run, such as letter\.txt"):
        bench(config(folder, overwrite=True))
    assert contents(folder) == before


@pytest.mark.parametrize("text", ["{", '{"schema": "other"}', "[]"])
def test_what_is_no_results_file_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UsageError, match=r"results\.json"):
        read_results(tmp_path)


def test_episodes_absent_from_training_are_counted_by_the_checkpoints_list(whole, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint.EMBEDDED, folder)
    (folder / start_pages.FILE).unlink()
    only = {"tasks": ("click-button",), "policy": str(folder), "image": "none", "episodes": 3, "pictures": 0}
    first = bench(BenchConfig(**only, workers=1))
    assert first.absent is None and {episode.trained for episode in first.episodes} == {None}
    start_pages.write(folder, start_pages.table_of([first.episodes[1].page]))
    second = bench(BenchConfig(**only, workers=1))
    assert second.checkpoint_sha256 == first.checkpoint_sha256
    assert [episode.trained for episode in second.episodes] == [False, True, False]
    assert (second.absent["episodes"], second.absent["tasks"]) == (2, 1)


def test_page_seeds_can_follow_from_the_checkpoint():
    sha = checkpoint.sha256(None)
    protocol = BenchConfig(seeds_from_checkpoint=True, episodes=4).protocol(sha)
    assert protocol.first_seed is not None and 6_000_000 <= protocol.first_seed < 10_000_000
    assert len(protocol.seeds("click-button")) == 4 and "hash" in protocol.note
    with pytest.raises(UsageError, match="seeds-from-checkpoint"):
        bench(BenchConfig(policy="oracle", seeds_from_checkpoint=True))
