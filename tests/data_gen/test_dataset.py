"""The trajectory dataset: what goes in comes out, in every reader, and nothing broken is read."""

from __future__ import annotations

import io
import json

import duckdb
import numpy as np
import pandas
import pytest
from datasets import Image as ImageFeature
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from data_gen import dataset
from data_gen.dataset import DatasetError, DatasetWriter, read_dataset
from data_gen.shards import encode_screenshot
from envs.action import Action
from envs.html import parse_html
from envs.loop import Episode, Step

HTML = (
    '<div id=wrap>Say "hi" &amp; &lt;go&gt; ½ 日本<label><input ref=0 type=text></label><button ref=1>OK</button></div>'
)


def make_episode(task: str, seed: int | None, length: int = 3) -> Episode:
    """An episode in the shape of the loop, with pixels and boxes that tell its steps apart."""
    random = np.random.default_rng(seed or 0)
    boxes, refs = np.zeros((1024, 4), np.float32), np.full(1024, -1, np.int32)
    boxes[:4], refs[2:4] = random.uniform(0, 160, (4, 4)), (0, 1)
    episode = Episode(task=task, seed=seed, success=True, terminated=True)
    for number in range(length):
        observation = {
            "instruction": 'Type "x"\\n.',
            "html": HTML,
            "screenshot": random.integers(0, 256, (210, 160, 3), np.uint8),
            "boxes": boxes + number,
            "refs": refs,
            "last_error": "" if number else "ref 9 is gone",
        }
        action = Action("type", (0, f'say "{number}"\n')) if number % 2 else Action("click", (1,))
        last = number == length - 1
        episode.steps.append(Step(observation, action, float(last), 0.25 + 0.5 * last, ""))
    return episode


def make_dataset(folder, tasks=("click-button", "enter-text"), seeds=(10_000_000, 10_000_001), **settings):
    """A dataset of one shard a task; returns the episodes in it."""
    episodes = [make_episode(task, seed) for task in tasks for seed in seeds]
    with DatasetWriter(folder, **settings) as writer:
        for task in tasks:
            writer.write(
                task, [r for e in episodes if e.task == task for r in dataset.episode_rows(e, "oracle", noise=[1])]
            )
    return episodes


def test_what_is_written_is_read_back(tmp_path):
    episodes = make_dataset(tmp_path / "data")
    rows = read_dataset(tmp_path / "data").to_pylist()
    steps = [(episode, number, step) for episode in episodes for number, step in enumerate(episode.steps)]
    assert len(rows) == len(steps)
    for row, (episode, number, step) in zip(rows, steps, strict=True):
        elements = len(list(parse_html(HTML).walk()))
        assert row["episode_id"] == f"{episode.task}/{episode.seed}"
        assert (row["task"], row["seed"], row["step"]) == (episode.task, episode.seed, number)
        for text in ("instruction", "html", "last_error"):
            assert row[text] == step.observation[text]
        boxes = np.array(row["boxes"], np.float32).reshape(-1, 4)
        np.testing.assert_array_equal(boxes, step.observation["boxes"][:elements])
        np.testing.assert_array_equal(row["refs"], step.observation["refs"][:elements])
        np.testing.assert_array_equal(dataset.decode_screenshot(row["screenshot"]), step.observation["screenshot"])
        assert Action.parse(row["action"]) == step.action
        assert row["raw_reward"] == step.raw_reward
        assert row["success"] is True
        assert row["source"] == ("noise" if number == 1 else "oracle")


def test_seed_and_screenshot_may_be_missing(tmp_path):
    with DatasetWriter(tmp_path / "data") as writer:
        rows = dataset.episode_rows(make_episode("click-button", None), "human", screenshot=False, episode_id="a")
        writer.write("click-button", rows)
    table = read_dataset(tmp_path / "data", for_training=True)
    assert table["seed"].null_count == table["screenshot"].null_count == len(table) == 3


def test_an_empty_shard_and_an_empty_dataset_are_read(tmp_path):
    with DatasetWriter(tmp_path / "data") as writer:
        writer.write("click-button", [])
    assert read_dataset(tmp_path / "data").num_rows == 0
    with DatasetWriter(tmp_path / "none"):
        pass
    assert read_dataset(tmp_path / "none").schema.equals(dataset.SCHEMA)


def test_columns_can_be_chosen(tmp_path):
    make_dataset(tmp_path / "data")
    table = read_dataset(tmp_path / "data", columns=["action", "task"], for_training=True)
    assert table.column_names == ["task", "action"]
    with pytest.raises(DatasetError, match="no column reward; there are: episode_id"):
        read_dataset(tmp_path / "data", columns=["reward"])


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        make_dataset(tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert [str(file) for file in files] == [
        "click-button/part-00000.parquet",
        "dataset.json",
        "enter-text/part-00000.parquet",
    ]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_dataset_json_counts(tmp_path):
    make_dataset(tmp_path / "data", config={"episodes": 2})
    with DatasetWriter(tmp_path / "data", config={"episodes": 2}) as writer:
        for _ in range(2):
            writer.add_provenance({"commit": "abc"})
        for task in ("click-button", "enter-text"):
            writer.find(task, 0)
    manifest = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert manifest["schema_version"] == dataset.SCHEMA_VERSION
    assert manifest["complete"] is True
    assert manifest["config"] == {"episodes": 2}
    assert manifest["provenance"] == [{"commit": "abc"}]
    assert manifest["tasks"]["click-button"] == {"episodes": 2, "rows": {"noise": 2, "oracle": 4}, "tally": {}}


def test_pandas_duckdb_and_datasets_read_the_shards(tmp_path):
    make_dataset(tmp_path / "data")
    expected = read_dataset(tmp_path / "data").to_pylist()
    pattern = str(tmp_path / "data" / "*" / "*.parquet")

    frame = pandas.read_parquet(tmp_path / "data" / "click-button")
    assert list(frame["action"]) == [row["action"] for row in expected[:6]]
    assert list(frame["boxes"][2]) == expected[2]["boxes"]

    counted = duckdb.sql(f"select task, count(*), max(raw_reward) from '{pattern}' group by task order by task")
    assert counted.fetchall() == [("click-button", 6, 0.75), ("enter-text", 6, 0.75)]

    loaded = load_dataset("parquet", data_files=pattern, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == dataset.SCHEMA.names
    assert loaded["html"][:] == [row["html"] for row in expected]
    image = loaded.cast_column("screenshot", ImageFeature())[0]["screenshot"]
    np.testing.assert_array_equal(np.asarray(image), dataset.decode_screenshot(expected[0]["screenshot"]))


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
@settings(deadline=None, max_examples=50)
def test_screenshots_are_lossless_png(pixels):
    png = encode_screenshot(pixels)
    np.testing.assert_array_equal(dataset.decode_screenshot(png), pixels)
    with Image.open(io.BytesIO(png)) as image:
        image.verify()  # reads every chunk's checksum
        assert (image.format, image.mode) == ("PNG", "RGB")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DatasetError, match=f"there is no folder {tmp_path}/nowhere; make a dataset with"):
        read_dataset(tmp_path / "nowhere")


def test_a_folder_without_dataset_json_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match=r"is not a dataset: it has no dataset\.json"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"format": "webagent-results"}', "not a dataset of trajectories: its format is 'webagent-results'"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content, message):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_dataset(tmp_path)


def change_manifest(folder, **changes):
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_another_version_is_refused(tmp_path):
    make_dataset(tmp_path / "data")
    change_manifest(tmp_path / "data", schema_version=99)
    with pytest.raises(DatasetError, match="has schema version 99, this program reads 2"):
        read_dataset(tmp_path / "data")


def test_an_unfinished_dataset_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt), DatasetWriter(tmp_path / "data") as writer:
        writer.write("click-button", dataset.episode_rows(make_episode("click-button", 10_000_000), "oracle"))
        raise KeyboardInterrupt
    with pytest.raises(DatasetError, match="is incomplete; start the command that was making it once more"):
        read_dataset(tmp_path / "data")


def break_truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def break_one_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def break_missing(path):
    path.unlink()


@pytest.mark.parametrize("damage", [break_truncated, break_one_byte, break_missing])
def test_a_broken_shard_is_named_and_rewritten(tmp_path, damage):
    make_dataset(tmp_path / "data")
    path = tmp_path / "data" / "enter-text" / "part-00000.parquet"
    whole = path.read_bytes()
    damage(path)
    with pytest.raises(DatasetError, match=r"enter-text/part-00000\.parquet .*start the command that made"):
        read_dataset(tmp_path / "data")
    writer = DatasetWriter(tmp_path / "data")
    assert writer.find("click-button", 0) is not None
    assert writer.find("enter-text", 0) is None, "found without dataset.json's hash, by the file alone"
    rows = [
        r
        for s in (10_000_000, 10_000_001)
        for r in dataset.episode_rows(make_episode("enter-text", s), "oracle", noise=[1])
    ]
    writer.write("enter-text", rows, number=0)
    writer.close()
    assert path.read_bytes() == whole
    assert read_dataset(tmp_path / "data").num_rows == 12


@pytest.mark.parametrize("seed", [0, 4_000_000, 9_999_999, 1_201_539_860, 1_201_539_959])
def test_reserved_seeds_are_refused_for_training(tmp_path, seed):
    assert dataset.is_reserved(seed)
    make_dataset(tmp_path / "data", seeds=(10_000_000, seed))
    assert read_dataset(tmp_path / "data").num_rows == 12
    with pytest.raises(DatasetError, match=f"holds page seed {seed}, which is kept for evaluation"):
        read_dataset(tmp_path / "data", columns=["action"], for_training=True)


def test_training_seeds_are_not_reserved():
    for seed in (dataset.TRAINING_SEEDS[0], dataset.TRAINING_SEEDS[-1], 1_201_539_859, 1_201_539_960):
        assert not dataset.is_reserved(seed)


def test_rows_out_of_place_are_refused(tmp_path):
    one, two = (dataset.episode_rows(make_episode("click-button", s), "oracle") for s in (10_000_000, 10_000_001))
    writer = DatasetWriter(tmp_path / "data")
    for rows in (one[::-1], one + one, one[1:], one[:1] + two[:1] + one[1:]):
        with pytest.raises(DatasetError, match="out of place"):
            writer.write("click-button", rows)
    with pytest.raises(DatasetError, match="out of place in a shard of enter-text"):
        writer.write("enter-text", one)
    with pytest.raises(DatasetError, match="do not fit the dataset's schema"):
        writer.write("click-button", [one[0] | {"html": None}])
    assert not list((tmp_path / "data").rglob("*.parquet"))


def test_another_config_in_the_same_folder_is_refused(tmp_path):
    make_dataset(tmp_path / "data", config={"episodes": 2, "first_seed": 1})
    with pytest.raises(DatasetError, match=r"made otherwise \(episodes .*, now .*\): give another folder"):
        DatasetWriter(tmp_path / "data", config={"episodes": 3, "first_seed": 1})
    make_dataset(tmp_path / "data", tasks=("click-link",), config={"episodes": 3}, overwrite=True)
    assert set(read_dataset(tmp_path / "data")["task"].to_pylist()) == {"click-link"}


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(DatasetError, match="is not empty and not a dataset"):
            DatasetWriter(tmp_path, overwrite=overwrite)
    with pytest.raises(DatasetError, match="is a file"):
        DatasetWriter(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_left_overs_of_a_killed_process_are_removed(tmp_path):
    make_dataset(tmp_path / "data")
    torn = tmp_path / "data" / "click-button" / ".part-00001.parquet.123.tmp"
    torn.write_bytes(b"PAR1")
    with DatasetWriter(tmp_path / "data") as writer:
        assert not torn.exists()
        assert [writer.find(task, 0) is not None for task in ("click-button", "enter-text")] == [True, True]
    assert read_dataset(tmp_path / "data").num_rows == 12
