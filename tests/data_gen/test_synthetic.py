"""Made-up episodes: what is asked can be done, is said, and is done."""

import numpy as np
import pytest

from data_gen import synthetic
from data_gen.augment.words import words_of
from data_gen.dataset import read_dataset
from data_gen.shards import DatasetError
from data_gen.synthetic import SynthesizeConfig, episode, synthesize
from envs.action import Action
from envs.html import format_html, parse_html

FIRST = 10_000_000


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 100))
def test_what_is_asked_can_be_done_and_is_said(seed):
    rows = episode(seed)
    instruction = words_of(rows[0]["instruction"])
    seen: dict[int, str] = {}
    for number, (row, after) in enumerate(zip(rows, [*rows[1:], None], strict=True)):
        page, action = parse_html(row["html"]), Action.parse(row["action"])
        assert row["step"] == number and row["instruction"] == rows[0]["instruction"]
        assert format_html(page) == row["html"]  # as page.js would write it
        elements = {element.ref: element for element in page.walk() if element.ref is not None}
        assert len(row["boxes"]) == 4 * len(row["refs"]) == 4 * len(list(page.walk()))
        for ref, element in elements.items():
            assert seen.setdefault(ref, element.tag) == element.tag  # a ref stays with what it was given to
        if after is None:
            assert action.verb == "done"
            break
        assert action.verb in elements[action.refs[0]].verbs
        if action.verb in ("type", "select"):
            assert words_of(action.strings[0]) <= instruction
            field = {element.ref: element for element in parse_html(after["html"]).walk()}[action.refs[0]]
            chosen = [option.text for option in field.find_all("option") if option.has("selected")]
            assert (chosen or [field.value]) == [action.strings[0]]
    assert row["success"]


def test_equal_seeds_give_equal_episodes_and_others_others():
    assert str(episode(FIRST)) == str(episode(FIRST))
    assert len({episode(seed)[0]["instruction"] for seed in range(FIRST, FIRST + 50)}) == 50


def test_every_kind_of_field_and_page_occurs():
    rows = [row for seed in range(FIRST, FIRST + 200) for row in episode(seed)]
    assert {Action.parse(row["action"]).verb for row in rows} == {"type", "select", "click", "done"}
    for piece in (
        "type=radio",
        "type=checkbox",
        "type=password",
        "type=date",
        "<textarea",
        "<tr>",
        "placeholder=",
        "<nav>",
    ):
        assert any(piece in row["html"] for row in rows), piece


def test_of_links_and_buttons_that_are_nearly_alike_the_quoted_one_is_clicked():
    clicked = set()
    for row in (row for seed in range(FIRST, FIRST + 1200) for row in episode(seed)):
        page, action = parse_html(row["html"]), Action.parse(row["action"])
        for tag in ("a", "button"):
            named = {element.ref: element.text for element in page.find_all(tag)}
            name = named.get(action.refs[0], "") if action.refs else ""
            for other in named.values():
                nearly = [text.lower().rstrip(".,!?: >") for text in (name, other)]
                if name and other != name and nearly[0] == nearly[1]:
                    assert f'"{name}"' in row["instruction"]
                    clicked.add((tag, np.sign(len(name) - len(other))))
    assert clicked == {(tag, how) for tag in ("a", "button") for how in (-1, 0, 1)}  # shorter, other capitals, longer


def test_a_dataset_of_them_is_read_for_training_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "SHARD", 10)
    folder = synthesize(SynthesizeConfig(tmp_path / "made", episodes=25))
    table = read_dataset(folder, for_training=True)
    assert len(set(table["episode_id"].to_pylist())) == 25
    shards = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    assert len(shards) == 3
    sorted(shards)[1].unlink()
    synthesize(SynthesizeConfig(tmp_path / "made", episodes=25))
    assert {path: path.read_bytes() for path in folder.rglob("*.parquet")} == shards


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"episodes": 0}, "at least 1, got 0"),
        ({"first_seed": 5_000_000}, "leave the training range"),
        ({"first_seed": 999_999_999, "episodes": 2}, "seeds 999,999,999 to 1,000,000,000 leave the training range"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(tmp_path, wrong, told):
    with pytest.raises(DatasetError, match=told):
        synthesize(SynthesizeConfig(tmp_path / "made", **wrong))
    assert not (tmp_path / "made").exists()
