"""``webagent data`` on a collected dataset: what it counts, and the page that it writes, in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.collect import CollectConfig, collect
from data_gen.dataset import DatasetWriter, episode_rows, read_dataset
from envs import browser
from envs.action import Action
from envs.loop import Episode, Step
from webagent.data import ShowConfig, StatsConfig, show, stats
from webagent.output import UsageError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "set"
    return collect(CollectConfig(folder, tasks=("click-dialog", "enter-text"), episodes=8, recovery=0.5, workers=1))


def test_stats_count_what_is_there(dataset, capsys):
    found = {task.task: task for task in stats(StatsConfig(dataset))}
    rows = read_dataset(dataset).to_pylist()
    for name, task in found.items():
        own = [row for row in rows if row["task"] == name]
        assert task.steps == len(own) == task.sources.total()
        assert task.episodes == len({row["episode_id"] for row in own}) == 8
        assert task.pages == len({(row["instruction"], row["html"]) for row in own if row["step"] == 0})
        assert min(task.tokens) > 5
    assert found["enter-text"].sources["noise"] > 0
    table = capsys.readouterr().out
    assert "enter-text" in table and "noise" in table and "2 tasks" in table


def test_stats_find_evaluation_pages_that_are_in_the_dataset(dataset):
    first = 10_000_004  # four pages that the dataset starts with, and four that come after it
    found = stats(StatsConfig(dataset, tokens=False, evaluation=8, first_seed=first, workers=1))
    by_task = {task.task: task.evaluation for task in found}
    assert by_task["enter-text"] == (8, 4)


def test_the_page_shows_each_step_with_its_picture_and_mark(dataset, tmp_path):
    page = browser.shared().new_page(width=800, height=800, scripts=())
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(show(ShowConfig(dataset, tmp_path, source="noise", tasks=("enter-text",))).as_uri())
    steps = page.locator("figure")
    assert steps.count() >= 2
    assert any("noise" in text for text in page.locator("figcaption").all_inner_texts())
    assert "expert: " in page.inner_text("main")
    assert page.locator("figure img").count() == page.locator("figure svg rect").count() == steps.count()
    assert not errors
    page.context.close()


def test_a_trajectory_without_pictures_is_shown(dataset, tmp_path):
    row = read_dataset(dataset).to_pylist()[0]
    observation = {"instruction": "Close it", "html": "<button ref=0>x</button>", "screenshot": None, "last_error": "",
                   "boxes": np.array([[10, 20, 30, 12]], np.float32), "refs": np.array([0], np.int32)}  # fmt: skip
    step = Step(observation, Action.parse("click 0"), 1.0, 1.0, "")
    episode = Episode(row["task"], None, [step], success=True, raw_reward=1.0)
    with DatasetWriter(tmp_path / "human") as writer:
        writer.write(row["task"], episode_rows(episode, "human", screenshot=False, episode_id="one"))
    text = show(ShowConfig(tmp_path / "human", tmp_path / "page")).read_text()
    assert "<img" not in text and "<rect" in text and "click 0" in text


def test_what_is_not_there_is_said(dataset, tmp_path):
    with pytest.raises(UsageError, match="has no book-flight; it has click-dialog, enter-text"):
        show(ShowConfig(dataset, tmp_path, tasks=("book-flight",)))
    with pytest.raises(ValueError, match=r"no such episode .* with source human"):
        show(ShowConfig(dataset, tmp_path, source="human"))
