"""Training: the same ends in the same, stopped or not; what must not be learnt is not; what cannot be done is said."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import safetensors.torch
import torch
import tyro
from accelerate import debug_launcher
from peft import PeftModel
from transformers import AutoTokenizer, T5ForConditionalGeneration

from data_gen.dataset import DatasetError, DatasetWriter, encode_screenshot
from policies import checkpoint, start_pages
from policies.batches import passes
from policies.checkpoint import CheckpointError
from policies.checks import NOT_NEGATIVE, POSITIVE, SHARES
from policies.config import SIZES, ModelConfig, ProcessorConfig
from policies.data import Samples, TaskSampler, TrainError, corpus, held_out, read_trajectories
from policies.images import IMAGE_MODES
from policies.lanes import Lanes
from policies.model import build_t5
from policies.options import TrainConfig
from policies.processor import Processor
from policies.run import Run
from policies.tokens import digest
from policies.train import LOG_EVERY, train
from policies.validate import held_out_rows
from tests.policies.t5_folder import write_t5_tokenizer
from tests.policies.tiny import TINY

WORDS = ["apple", "bread", "cloud", "dance", "eagle", "flame", "grape", "horse", "image", "joker", "knife", "lemon"]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(SIZES, "tiny", TINY)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def page(random: np.random.Generator, field: bool) -> tuple[str, list[str]]:
    words = random.choice(WORDS, 3, replace=False).tolist()
    buttons = "".join(f"<button ref={ref}>{word}</button>" for ref, word in enumerate(words))
    return f"<div id=wrap>{buttons}{'<input ref=3 type=text id=tt>' if field else ''}</div>", words


def row(task: str, seed: int, step: int, instruction: str, html: str, action: str, **changes) -> dict:
    elements = html.count("<") - html.count("</")
    pixels = np.full((210, 160, 3), 255, np.uint8)
    pixels[20 * step : 20 * step + 10, :30] = (255, 200, 0)
    values = {
        "episode_id": f"{task}/{seed}", "step": step, "task": task, "seed": seed, "instruction": instruction,
        "html": html, "boxes": np.zeros(4 * elements, np.float32), "refs": np.full(elements, -1, np.int32),
        "screenshot": encode_screenshot(pixels), "last_error": "", "action": action, "raw_reward": 1.0,
        "success": True, "source": "oracle",
    }  # fmt: skip
    return values | changes


def write_dataset(folder: Path, episodes: int = 60, first_seed: int = 10_000_000, **changes) -> Path:
    """Pages with a right button, and pages with a field to fill after a random action that is none to imitate."""
    with DatasetWriter(folder, {"made": "by a test"}) as writer:
        clicks, types = [], []
        for seed in range(first_seed, first_seed + episodes):
            random = np.random.default_rng(seed)
            html, words = page(random, field=False)
            ref = int(random.integers(3))
            clicks.append(row("click-button", seed, 0, f'Click on "{words[ref]}".', html, f"click {ref}", **changes))
            html, words = page(random, field=True)
            text = f'Type "{words[0]}" and press "{words[1]}".'
            noise = changes | {"source": "noise"}
            types += [
                row("enter-text", seed, 0, text, html, "hover 2", **noise),
                row("enter-text", seed, 1, text, html, f'type 3 "{words[0]}"', **changes),
                row(
                    "enter-text", seed, 2, text, html.replace("id=tt", f"id=tt value={words[0]}"), "click 1", **changes
                ),
            ]
        writer.write("click-button", clicks)
        writer.write("enter-text", types)
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset") / "data")


def test_a_later_stage_learns_words_of_its_own_and_keeps_what_the_earlier_knew(config, tmp_path):
    first = train(config)
    stage = replace(config, out=tmp_path / "stage", init=first, new_vocabulary=True, lr=0.0, stop_at=1,
                    processor=replace(config.processor, vocab_size=480))  # fmt: skip
    model, processor, _ = checkpoint.load(train(stage))
    earlier, before, _ = checkpoint.load(first)
    assert processor.vocab_size == 480 < before.vocab_size
    same = {name for name, weight in model.named_parameters() if weight.shape == earlier.get_parameter(name).shape}
    assert all(torch.equal(model.get_parameter(name), earlier.get_parameter(name)) for name in same)
    of_words = {"t5.shared.weight", "t5.lm_head.weight", "alike.meaning.weight"}
    assert {name for name, _ in model.named_parameters()} - same == of_words
    spelt = before.vocabulary.spells(processor.vocabulary)
    for name in of_words:
        for row, tokens in zip(model.get_parameter(name), spelt, strict=True):
            assert torch.allclose(row, earlier.get_parameter(name)[tokens].mean(0)) or not tokens
    with pytest.raises(TrainError, match="--new-vocabulary goes with --init"):
        train(replace(config, out=tmp_path / "nothing", new_vocabulary=True))


@pytest.mark.parametrize("without", [{"image": "none"}, {"image_dropout": 1.0}])
def test_there_is_nothing_to_see_without_screenshots(config, without):
    with pytest.raises(TrainError, match="--sight is a lesson by screenshots"):
        train(replace(config, sight=1.0, **without))
    with pytest.raises(TrainError, match="--sight is a lesson in pointing"):
        train(replace(config, sight=1.0, processor=ProcessorConfig(copy=False)))
    assert not config.out.exists()


@pytest.fixture
def config(dataset, tmp_path) -> TrainConfig:
    return TrainConfig(
        data=(dataset,), out=tmp_path / "run", size="tiny", steps=8, batch_size=8, warmup=0.25, eval_every=3,
        image_dropout=0.5, history_dropout=0.3, borrowed=0.5, processor=ProcessorConfig(vocab_size=512),
        save_minutes=1000,
    )  # fmt: skip


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    files = ("model.safetensors", "training.safetensors")
    return {f"{file} {name}": t for file in files for name, t in safetensors.torch.load_file(folder / file).items()}


def differing(one: Path, other: Path) -> list[str]:
    """Names of tensors that are not equal bit by bit, the averaged and the trained weights and the moments."""
    first, second = tensors_of(one), tensors_of(other)
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


def log_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_same_seed_same_weights(config, tmp_path):
    first, second, other = (
        train(replace(config, out=tmp_path / name, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert differing(first, second) == []
    assert checkpoint.sha256(first) == checkpoint.sha256(second) != checkpoint.sha256(other)


def test_processes_that_load_change_nothing(config, tmp_path):
    assert differing(train(config), train(replace(config, out=tmp_path / "loaded", loaders=2))) == []


@pytest.mark.parametrize("stops", [(2,), (3,), (1, 4, 7)], ids=str)
def test_stopped_and_resumed_equals_not_stopped(config, tmp_path, stops):
    straight = train(config)
    parts = replace(config, out=tmp_path / "parts")
    for number, stop in enumerate(stops):
        assert train(replace(parts, stop_at=stop, resume=number > 0)).name == f"step-{stop:07d}"
    resumed = train(replace(parts, resume=True))
    assert resumed.name == straight.name == "step-0000008"
    assert differing(straight, resumed) == []
    evaluations = [[line for line in log_of(run) if "held_out" in line] for run in (config.out, parts.out)]
    assert [line["step"] for line in evaluations[0]] == [3, 6, 8]
    assert evaluations[0] == evaluations[1]


def test_side_by_side_on_cores_equals_one_after_the_other_and_resumes_exactly(config, tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "tiny", ({**TINY[0], "dropout_rate": 0.0}, *TINY[1:]))
    config = replace(config, padding=8, image_dropout=0.0, bf16=False)  # several blocks a step
    alone = train(replace(config, threads=1, out=tmp_path / "alone"))
    both = replace(config, threads=2, out=tmp_path / "both")
    straight = train(both)
    parts = replace(both, out=tmp_path / "parts")
    train(replace(parts, stop_at=4))
    assert differing(straight, train(replace(parts, resume=True))) == []
    ones, others = tensors_of(alone), tensors_of(straight)
    assert all(torch.allclose(ones[name], others[name], rtol=1e-3, atol=1e-4) for name in ones)


@pytest.mark.parametrize(("rate", "threads", "suits"), [(0.0, 2, True), (0.0, 1, False), (0.1, 2, False)])
def test_dropout_and_a_single_core_are_not_for_lanes(rate, threads, suits):
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(rate))
    assert Lanes.suit(network, torch.device("cpu"), threads) is suits
    assert not Lanes.suit(network, torch.device("meta"), threads)


def _train_tiny(config: TrainConfig) -> None:
    SIZES["tiny"] = TINY
    torch.set_num_threads(1)
    train(config)


def test_killed_and_resumed_equals_not_killed(config, tmp_path):
    config = replace(config, steps=LOG_EVERY + 8, eval_every=LOG_EVERY + 2, save_minutes=0.0)
    straight = train(config)
    killed = replace(config, out=tmp_path / "killed")
    process = multiprocessing.get_context("spawn").Process(target=_train_tiny, args=(killed,))
    process.start()
    while process.is_alive() and not (killed.out / f"step-{LOG_EVERY:07d}").exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert differing(straight, train(replace(killed, resume=True))) == []
    steps = [line["step"] for line in log_of(killed.out) if "loss" in line]
    assert steps == sorted(set(steps))


def _train_on_two_processes(config: TrainConfig) -> None:
    os.setsid()  # killed together
    debug_launcher(_train_tiny, (config,), num_processes=2)


def test_two_processes_killed_and_resumed_equal_two_not_killed(config, tmp_path):
    config = replace(config, steps=LOG_EVERY + 8, eval_every=LOG_EVERY + 2, save_minutes=0.0, threads=1)
    spawn = multiprocessing.get_context("spawn").Process

    def run(config: TrainConfig, kill_at: str = "") -> Path:
        process = spawn(target=_train_on_two_processes, args=(config,))
        process.start()
        while process.is_alive() and not (kill_at and (config.out / kill_at).exists()):
            time.sleep(0.01)
        if kill_at:
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == (-signal.SIGKILL if kill_at else 0)
        return checkpoint.locate(config.out)

    straight = run(config)
    killed = replace(config, out=tmp_path / "killed")
    run(killed, kill_at=f"step-{LOG_EVERY:07d}")
    assert differing(straight, run(replace(killed, resume=True))) == []


def test_resuming_a_finished_run_changes_nothing(config):
    before = tensors_of(train(config))
    after = tensors_of(train(replace(config, resume=True)))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_later_stage_begins_with_the_weights_and_words_of_the_earlier(config, tmp_path):
    first = train(config)
    other = write_dataset(tmp_path / "other", first_seed=11_000_000)
    stage = replace(config, data=(other,), out=tmp_path / "stage", init=first, processor=ProcessorConfig())
    begun = train(replace(stage, out=tmp_path / "still", lr=0.0, stop_at=1))
    assert (begun / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()
    weights = [safetensors.torch.load_file(folder / "model.safetensors") for folder in (first, begun)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    card = checkpoint.load(begun)[2]
    assert "| processor.vocab_size | 512 |" in card and "| size |" not in card
    stages = [line for line in card.splitlines() if "Behaviour cloning" in line]
    assert ["step 1 of 8" in stages[0], "step 8 of 8" in stages[1], len(stages)] == [True, True, 2]
    train(replace(stage, stop_at=4))
    assert differing(train(replace(stage, resume=True)), train(replace(stage, out=tmp_path / "whole"))) == []
    with pytest.raises(TrainError, match="begun with other settings: init"):
        train(replace(stage, resume=True, init=None))


def test_a_policy_comes_to_decide_as_its_teacher(config, tmp_path):
    config = replace(config, image="none", history_dropout=0.0, eval_every=1000)
    able = train(replace(config, out=tmp_path / "able", steps=60, lr=3e-3))
    fresh = train(replace(config, out=tmp_path / "fresh", init=able, lr=0.0, stop_at=1))
    model, processor, card = checkpoint.load(fresh)
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3 * weight.abs().mean())
    checkpoint.save(tmp_path / "worse", model, processor, card)

    run = replace(config, out=tmp_path / "run", init=tmp_path / "worse", teacher=able, lr=3e-3, steps=60)
    folder = train(run)
    first, *_, last = [line["loss"] for line in log_of(run.out) if "loss" in line]
    assert last < first / 2
    assert checkpoint.sha256(able)[:16] in (folder / checkpoint.CARD).read_text()
    parts = replace(run, out=tmp_path / "parts")
    train(replace(parts, stop_at=20))
    assert differing(folder, train(replace(parts, resume=True))) == []
    with pytest.raises(TrainError, match="begun with other settings: teacher"):
        train(replace(parts, resume=True, teacher=tmp_path / "worse"))


def test_a_teacher_has_the_same_words_and_reads_alike(config, tmp_path):
    able = train(replace(config, stop_at=1))
    with pytest.raises(TrainError, match="--labelled goes with --teacher"):
        train(replace(config, out=tmp_path / "a", labelled=("enter-text",)))
    with pytest.raises(TrainError, match="--labelled: no task 'enter-txt' in the data"):
        train(replace(config, out=tmp_path / "a", teacher=able, labelled=("enter-txt",)))
    assert not (tmp_path / "a").exists()
    fewer = replace(config, out=tmp_path / "b", teacher=able, processor=replace(config.processor, vocab_size=480))
    with pytest.raises(TrainError, match="has another vocabulary"):
        train(fewer)
    model, processor, card = checkpoint.load(able)
    shorter = Processor(replace(processor.config, max_history=1), processor.vocabulary)
    checkpoint.save(tmp_path / "shorter", model, shorter, card)
    with pytest.raises(TrainError, match="reads pages otherwise"):
        train(replace(config, out=tmp_path / "c", init=able, teacher=tmp_path / "shorter"))


def test_start_pages_are_listed_as_long_as_those_of_every_stage_are(config, dataset, tmp_path):
    first = train(replace(config, stop_at=1))
    listed = start_pages.read(first)
    assert listed is not None and len(listed)
    stage = replace(config, data=(write_dataset(tmp_path / "other", first_seed=11_000_000),), init=first, stop_at=1)
    both = start_pages.read(train(replace(stage, out=tmp_path / "second")))
    assert both is not None and set(listed.tolist()) < set(both.tolist())
    (first / start_pages.FILE).unlink()
    assert start_pages.read(train(replace(stage, out=tmp_path / "third"))) is None


def test_a_run_stopped_before_its_first_checkpoint_begins_anew(config, tmp_path):
    whole = train(config)
    out = tmp_path / "again"
    shutil.copytree(config.out / "tokens", out / "tokens")
    with pytest.raises(TrainError, match="no run to resume"):
        train(replace(config, out=out, resume=True))
    assert differing(train(replace(config, out=out)), whole) == []
    with pytest.raises(TrainError, match="is not empty"):
        train(replace(config, out=out))


def test_a_run_that_has_learnt_nothing_begins_anew(config):
    with pytest.raises(TrainError, match="no task 'clik-button'"):
        train(replace(config, shares={"clik-button": 0.4}))
    assert checkpoint.latest(config.out) is not None
    train(replace(config, shares={"click-button": 0.4}, stop_at=1))
    with pytest.raises(TrainError, match="is not empty"):
        train(replace(config, shares={"click-button": 0.4}))


def test_a_torn_line_of_the_log_is_dropped(config):
    train(replace(config, stop_at=4))
    before = log_of(config.out)
    with (config.out / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    train(replace(config, resume=True))
    assert log_of(config.out)[: len(before)] == before and log_of(config.out)[-1]["step"] == config.steps


def test_the_latest_checkpoints_are_kept(config):
    config = replace(config, steps=LOG_EVERY * 3, eval_every=LOG_EVERY * 4, save_minutes=0.0, keep=2)
    train(config)
    kept = sorted(path.name for path in config.out.glob("step-*"))
    assert kept == [f"step-{step:07d}" for step in (LOG_EVERY * 2, LOG_EVERY * 3)]
    checkpoint.load(config.out / kept[0])
    assert [(config.out / name / "training.safetensors").exists() for name in kept] == [False, True]


def test_a_copy_beside_the_checkpoints_is_nobodys_but_the_users(config):
    config = replace(config, steps=LOG_EVERY * 2, eval_every=LOG_EVERY, save_minutes=0.0)  # saved at evaluations, too
    copies = [config.out / name for name in ("step-0000000-mine", "step-mine")]
    train(replace(config, stop_at=LOG_EVERY))
    for copy in copies:
        shutil.copytree(config.out / f"step-{LOG_EVERY:07d}", copy)
    train(replace(config, resume=True))
    assert sorted(config.out.glob("step-*")) == sorted([*copies, config.out / f"step-{2 * LOG_EVERY:07d}"])


def test_a_run_is_saved_where_every_save_falls_on_an_evaluation(config, monkeypatch):
    saved = []
    save = Run.save
    monkeypatch.setattr(Run, "save", lambda run, *parts: (saved.append(run.step), save(run, *parts)))
    train(replace(config, steps=2 * LOG_EVERY, eval_every=LOG_EVERY, save_minutes=0.0))
    assert saved == [0, LOG_EVERY, 2 * LOG_EVERY]


def test_without_match_features_it_trains_and_says_in_its_card_what_it_has(config):
    folder = train(replace(config, processor=ProcessorConfig(vocab_size=512, match=False, copy=False), steps=2))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Additions to the published architecture: mimetic start." in card


def test_training_goes_without_a_held_out_episode(config, tmp_path):
    rows = [row("click-button", 10_000_000, 0, 'Click on "ok".', "<button ref=0>ok</button>", "click 0")]
    with DatasetWriter(tmp_path / "few") as writer:
        writer.write("click-button", rows)
    assert not held_out(read_trajectories([tmp_path / "few"])).any()
    folder = train(replace(config, data=(tmp_path / "few",)))
    assert folder.name == "step-0000008"


def test_data_are_the_same_however_they_lie_in_the_memory(dataset):
    table = read_trajectories([dataset])
    apart = pa.concat_tables([table.slice(0, 7), table.slice(7)])
    names = table.column_names
    assert digest(apart, names) == digest(table, names) == digest(apart.combine_chunks(), names)
    for name in names:
        other = table.take([*range(1, table.num_rows), 0])
        changed = table.set_column(names.index(name), name, other[name])
        assert (digest(changed, names) == digest(table, names)) == table[name].equals(other[name]), name


def test_other_labels_are_other_data(config, tmp_path):
    def labelled(name: str, label: str) -> Path:
        html = "<button ref=0>ok</button><button ref=1>no</button>"
        rows = [
            row("click-button", 10_000_000 + n, 0, 'Click on "ok".', html, "click 1", label=label) for n in range(9)
        ]
        with DatasetWriter(tmp_path / name) as writer:
            writer.write("click-button", rows)
        return tmp_path / name

    train(replace(config, data=(labelled("one", "click 0"),), stop_at=1))
    with pytest.raises(TrainError, match="begun with other settings: data"):
        train(replace(config, data=(labelled("other", "click 1"),), resume=True))


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        *((name, 0, "must be at least 1, got 0") for name in POSITIVE),
        *((name, -1, "must be 0 or more, got -1") for name in NOT_NEGATIVE),
        *((name, 1.5, "is a share from 0 to 1, got 1.5") for name in SHARES),
        ("clip", 0.0, "must be more than 0"),
        ("data", (), "names no folder"),
        ("size", "huge", "expected one of mini, small"),
        ("lora", 4, "--lora goes with --t5 or --init"),
        ("vit_training", "frozen", "--vit-training frozen goes with --vit or --init"),
        ("t5", "/no/where", "/no/where cannot be loaded"),
    ],
)
def test_settings_that_make_no_sense(config, setting, value, told):
    with pytest.raises(TrainError, match=told):
        train(replace(config, **{setting: value}))
    assert setting == "t5" or not config.out.exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"size": "small"}, "--size small: the checkpoint that --init names has tiny"),
        ({"image_tokens": "both"}, "--image-tokens both: .* has local"),
        ({"processor": ProcessorConfig(vocab_size=999)}, "--processor.vocab-size 999: .* has 512"),
    ],
)
def test_what_a_checkpoint_decides_is_not_asked_otherwise(config, tmp_path, asked, told):
    first = train(replace(config, stop_at=1))
    with pytest.raises(TrainError, match=told):
        train(replace(config, out=tmp_path / "next", init=first, **asked))
    assert not (tmp_path / "next").exists()


@pytest.fixture
def t5_folder(tmp_path) -> Path:
    """A Flan-T5 as it is published, but for its size: weights in shards, an output head of its own, its tokenizer."""
    folder = write_t5_tokenizer(tmp_path / "t5")
    arguments = ModelConfig.size("tiny", vocab_size=len(AutoTokenizer.from_pretrained(folder))).t5
    torch.manual_seed(5)
    build_t5(arguments | {"tie_word_embeddings": False}).save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    return folder


def test_a_published_t5_is_trained_by_adapters_that_load_back(config, t5_folder, tmp_path):
    config = replace(config, t5=str(t5_folder), lora=4, steps=6, lr=1e-2)
    folder = train(config)
    trained, *_ = checkpoint.load(folder)
    published = T5ForConditionalGeneration.from_pretrained(t5_folder)
    batch = {"input_ids": torch.arange(20, 32)[None], "decoder_input_ids": torch.arange(5)[None]}
    with torch.no_grad():
        before = published.eval()(**batch).logits
        adapted = PeftModel.from_pretrained(published, folder / "adapter").eval()(**batch).logits
        whole = trained.t5(**batch).logits
    assert torch.allclose(adapted, whole, atol=1e-4) and not torch.allclose(before, whole, atol=1e-2)
    assert torch.equal(published.shared.weight, trained.t5.shared.weight)  # what is not adapted is as published
    parts = replace(config, out=tmp_path / "parts")
    train(replace(parts, stop_at=4))
    assert differing(folder, train(replace(parts, resume=True))) == []


@pytest.mark.parametrize("vit", ["frozen", "lora"])
def test_what_is_frozen_stays_and_what_is_ours_is_trained(config, tmp_path, vit):
    first = train(replace(config, steps=1))
    weights = [
        safetensors.torch.load_file(folder / "model.safetensors")
        for folder in (first, train(replace(config, out=tmp_path / vit, init=first, lora=2, vit_training=vit)))
    ]
    changed = {name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])}
    assert {"image_in.weight", "feature_embedding.weight", "point_key.weight"} <= changed
    assert "t5.encoder.block.0.layer.0.SelfAttention.q.weight" in changed and "t5.shared.weight" not in changed
    assert ("vit.blocks.0.attn.qkv.weight" in changed) == (vit == "lora")
    assert "vit.patch_embed.proj.weight" not in changed


def test_the_vision_alone_is_trained(config, tmp_path):
    first = train(replace(config, stop_at=1))
    seeing = replace(config, out=tmp_path / "seeing", init=first, trained="vision", steps=6, image_dropout=0.5, sight=1)
    folder = train(seeing)
    before, after = (safetensors.torch.load_file(f / "model.safetensors") for f in (first, folder))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"vit.patch_embed.proj.weight", "image_in.weight", "frame_embedding.weight"} <= changed
    assert all(name.startswith(("vit.", "image_in.", "frame_embedding.")) for name in changed)
    parts = replace(seeing, out=tmp_path / "parts")
    train(replace(parts, stop_at=4))
    assert differing(folder, train(replace(parts, resume=True))) == []


def test_the_head_of_offsets_alone_is_trained(config, tmp_path):
    first = train(replace(config, stop_at=1))
    folder = train(replace(config, out=tmp_path / "counting", init=first, trained="offsets", steps=3))
    before, after = (safetensors.torch.load_file(f / "model.safetensors") for f in (first, folder))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith("offset_head.") for name in changed)
    assert {"offset_head.key.weight", "offset_head.calculator.key.weight"} <= changed
    with pytest.raises(TrainError, match="--trained offsets goes with --init"):
        train(replace(config, out=tmp_path / "nothing", trained="offsets"))
    model, processor, card = checkpoint.load(first)
    checkpoint.save(tmp_path / "plain", type(model)(replace(model.config, copy=False)), processor, card)
    with pytest.raises(TrainError, match="spells pixels and numbers"):
        train(replace(config, out=tmp_path / "nothing", init=tmp_path / "plain", trained="offsets"))


def test_a_fresh_vit_sees_for_a_t5_that_is_kept(config, tmp_path):
    first = train(replace(config, stop_at=1))
    folder = train(replace(config, out=tmp_path / "next", init=first, new_vision=True, lr=0.0, stop_at=1))
    before, after = (safetensors.torch.load_file(f / "model.safetensors") for f in (first, folder))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"vit.patch_embed.proj.weight", "image_in.weight"} <= changed
    assert all(name.startswith(("vit.", "image_in.", "frame_embedding.")) for name in changed)
    blank = torch.full((1, 210, 160, 3), 255, dtype=torch.uint8)
    with torch.no_grad():  # it begins where the T5 has learnt to overlook what it is given, but nearer
        middle = checkpoint.load(first)[0].see(blank, torch.zeros(1, dtype=torch.int64)).mean((0, 1))
    assert torch.allclose(4 * after["image_in.bias"], middle - before["frame_embedding.weight"][0], atol=1e-4)
    with pytest.raises(TrainError, match="--new-vision goes with --init"):
        train(replace(config, out=tmp_path / "nothing", new_vision=True))
    model, processor, card = checkpoint.load(first)
    blind = type(model)(replace(model.config, vit="", vit_args={}))
    checkpoint.save(tmp_path / "blind", blind, processor, card)
    with pytest.raises(TrainError, match="reads no screenshots"):
        train(replace(config, out=tmp_path / "nothing", init=tmp_path / "blind", new_vision=True))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"lora": 2}, "leave out --lora"),
        ({}, "--trained vision goes with --init"),
        ({"vit_training": "frozen"}, "leave out --lora and --vit-training"),
        ({"image": "none"}, "learns from screenshots"),
        ({"image_dropout": 1.0}, "learns from screenshots"),
    ],
)
def test_the_vision_alone_goes_with_pictures_and_no_adapters(config, other, told):
    with pytest.raises(TrainError, match=told):
        train(replace(config, trained="vision", **other))
    assert not config.out.exists()


def test_passes_and_blocks_do_not_change_the_gradient(config, tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "tiny", ({**TINY[0], "dropout_rate": 0.0}, *TINY[1:]))
    config = replace(config, steps=1, image_dropout=1.0, bf16=False, warmup=0.0)
    small = train(replace(config, out=tmp_path / "small", micro_tokens=1))
    large = train(replace(config, out=tmp_path / "large", micro_tokens=10**6, padding=10**6))
    small, large = tensors_of(small), tensors_of(large)
    for name in (name for name in small if "exp_avg/" in name):
        assert torch.allclose(small[name], large[name], rtol=1e-3, atol=1e-7), name


def test_it_learns(config):
    config = replace(config, steps=150, eval_every=150, batch_size=16, lr=2e-3, image_dropout=1.0)
    train(config)
    losses = [line["loss"] for line in log_of(config.out) if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    held = log_of(config.out)[-1]["held_out"]
    assert set(held) == {"click-button", "enter-text"}
    assert all(0 <= value <= 1 for result in held.values() for value in result.values())


def test_checkpoint_of_a_run_is_whole(config):
    folder = train(config)
    model, processor, card = checkpoint.load(config.out)
    assert not model.training
    assert processor.config == config.processor
    assert "click-button" in card and "step 8 of 8" in card
    assert [path.name for path in config.out.glob("step-*")] == [folder.name]
    assert (config.out / "tensorboard").is_dir()


@pytest.fixture
def samples(dataset) -> tuple[Samples, pa.Table]:
    table = read_trajectories([dataset])
    return Samples.encode(table, Processor.build(ProcessorConfig(vocab_size=512), corpus(table))), table


def test_random_actions_are_history_but_no_targets(samples):
    data, table = samples
    noise = np.array(table["source"].to_pylist()) == "noise"
    assert noise.any()
    assert np.array_equal(data.lengths == 0, noise)
    assert data.starts[:62].tolist() == [*range(60), 60, 60]


def test_labels_are_the_targets_and_failures_without_them_are_left_out(tmp_path):
    html = "<button ref=0>ok</button><button ref=1>no</button>"
    failed = {"success": False, "source": "policy"}
    with DatasetWriter(tmp_path / "data") as writer:
        writer.write(
            "click-button",
            [
                row("click-button", 10_000_000, 0, 'Click on "ok".', html, "click 1", label="click 0", **failed),
                row("click-button", 10_000_000, 1, 'Click on "ok".', html, "click 1", **failed),
                row("click-button", 10_000_001, 0, 'Click on "ok".', html, "click 1", **failed),
            ],
        )
    table = read_trajectories([tmp_path / "data"])
    assert table["step"].to_pylist() == [0, 1]
    processor = Processor.build(ProcessorConfig(vocab_size=512), corpus(table))
    data = Samples.encode(table, processor)
    labelled, unlabelled = data.examples
    assert labelled is not None
    assert labelled.units is None
    right = np.flatnonzero(labelled.verbs)[0]
    assert labelled.positions[0, 0] == right, "the first of the two buttons, not the one that was clicked"
    assert unlabelled is None


def test_parallel_tokenising_equals_sequential(samples):
    data, table = samples
    parallel = Samples.encode(table, data.processor, jobs=2)
    assert all(
        (a is None and b is None) or np.array_equal(a.input_ids, b.input_ids)
        for a, b in zip(data.examples, parallel.examples, strict=True)
    )


def test_tokenised_rows_are_kept_for_equal_rows_and_processors(samples, tmp_path):
    data, table = samples
    first = Samples.encode(table, data.processor, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    again = Samples.encode(table, data.processor, cache=tmp_path)
    for one, kept, other in zip(data.examples, first.examples, again.examples, strict=True):
        assert (one is None) == (kept is None) == (other is None)
        for name in ("input_ids", "features", "words", "following", "verbs", "kinds", "tokens", "positions", "allowed"):
            assert one is None or np.array_equal(getattr(one, name), getattr(other, name)), name
            assert one is None or getattr(one, name).dtype == getattr(other, name).dtype, name
    file.write_bytes(file.read_bytes()[:-1])  # damaged: tokenised anew
    assert len(Samples.encode(table, data.processor, cache=tmp_path).examples) == table.num_rows
    Samples.encode(table.slice(60), data.processor, cache=tmp_path)
    Samples.encode(table, Processor.build(ProcessorConfig(vocab_size=500), corpus(table)), cache=tmp_path)
    assert len([*tmp_path.iterdir()]) == 3


def test_held_out_episodes_are_whole_and_few(dataset):
    table = read_trajectories([dataset])
    apart = held_out(table, share=0.3)
    names = np.array(table["episode_id"].to_pylist())
    assert not set(names[apart]) & set(names[~apart])
    assert 0.1 < apart.mean() < 0.5


def test_held_out_rows_are_capped_by_task(samples):
    data, _ = samples
    rows = held_out_rows(data, np.flatnonzero(data.lengths > 0), 5)
    tasks, counts = np.unique(data.tasks[rows], return_counts=True)
    assert dict(zip(tasks.tolist(), counts.tolist(), strict=True)) == {"click-button": 5, "enter-text": 10}


def test_passes_and_blocks_hold_every_row_within_the_limits():
    lengths = np.random.default_rng(0).integers(10, 300, 200)
    cut = passes(lengths, limit=1000, padding=60)
    assert sorted(np.concatenate([block for blocks in cut for block in blocks]).tolist()) == [*range(200)]
    for blocks in cut:
        assert lengths[np.concatenate(blocks)].sum() <= 1000 + 300
        assert all(len(block) * lengths[block].max() - lengths[block].sum() <= 60 for block in blocks)
    assert [len(blocks) for blocks in passes(lengths, limit=10**6, padding=10**6)] == [1]
    assert len(passes(lengths, limit=1, padding=0)) == 200
    tokens = [lengths[np.concatenate(blocks)].sum() for blocks in passes(lengths, 10**6, 60, least=3)]
    assert len(tokens) == 3 and max(tokens) - min(tokens) <= 2 * 300
    assert len(passes(lengths[:2], 10**6, 60, least=3)) == 2


def test_screenshots_reach_the_batch_unless_dropped(samples):
    data, _ = samples
    rows = np.flatnonzero(data.lengths > 0)[-2:]
    seen, unseen = data.collate(rows), data.collate(rows, pictures=False)
    assert not any(torch.is_tensor(tensor) and tensor.numel() >= 210 * 160 for tensor in unseen.values())
    assert any(tensor.numel() >= 2 * 210 * 160 * 3 for tensor in seen.values())


def test_rows_without_screenshots_borrow_those_of_their_task(samples):
    whole, _ = samples
    clicks, types = (
        np.flatnonzero((whole.tasks == task) & (whole.lengths > 0)) for task in ("click-button", "enter-text")
    )
    pngs = [png if number == clicks[0] else None for number, png in enumerate(whole.screenshots.to_pylist())]
    data = replace(whole, screenshots=pa.chunked_array([pa.array(pngs, pa.binary())]))
    rows, random = np.array([*clicks[1:9], types[0]]), np.random.default_rng(0)
    borrowed = data.collate(rows, noise=random, borrows=1.0)
    assert borrowed["frame_index"].tolist() == [*range(16)]  # of the other task there is none
    own = data.collate(clicks[:1], noise=random, borrows=1.0)["frames"]
    assert len(own) == 1 and (borrowed["frames"] == own).all()
    assert 0 < len(data.collate(clicks[1:], noise=random, borrows=0.5)["frames"]) < 2 * len(clicks[1:])
    assert "frames" not in data.collate(rows, noise=random)


@pytest.mark.parametrize("image", IMAGE_MODES)
def test_what_stands_in_for_the_screenshots_reaches_the_batch(samples, image):
    real, _ = samples
    rows = np.flatnonzero(real.lengths > 0)[-2:]
    frames = replace(real, image=image).collate(rows).get("frames")
    if image == "none":
        assert frames is None
    elif image == "white":
        assert (frames == 255).all()
    else:
        assert torch.equal(frames, real.collate(rows)["frames"]) == (image == "real")
        assert len(frames.unique()) > 1


class TestTaskSampler:
    TASKS = np.array(["a"] * 4 + ["b"] * 40)

    def test_a_task_gets_the_share_that_it_was_promised(self):
        sampler = TaskSampler(self.TASKS, np.arange(44), 0, shares={"b": 0.75})
        sampler.reweigh({"a": 1.0, "b": 1.0}, {"a": 9, "b": 9})
        drawn = sampler.draw(0, 2000)
        assert np.mean(self.TASKS[drawn] == "b") == pytest.approx(0.75, abs=0.04)

    @pytest.mark.parametrize(
        ("shares", "said"),
        [({"z": 0.1}, "no task 'z'"), ({"a": -0.1}, "0 or more"), ({"a": 0.5, "b": 0.5}, "leave something")],
    )
    def test_shares_that_cannot_be_are_refused(self, shares, said):
        with pytest.raises(TrainError, match=said):
            TaskSampler(self.TASKS, np.arange(44), 0, shares=shares)

    def test_tasks_alike_at_first_whatever_their_size(self):
        drawn = TaskSampler(self.TASKS, np.arange(44), 0).draw(0, 2000)
        assert 0.45 < np.mean(self.TASKS[drawn] == "a") < 0.55

    def test_a_task_that_does_badly_is_drawn_more(self):
        sampler = TaskSampler(self.TASKS, np.arange(44), 0)
        sampler.reweigh({"a": 0.9, "b": 0.0, "unknown": 0.9}, {"a": 99, "b": 99, "unknown": 1})
        share = np.mean(self.TASKS[sampler.draw(0, 2000)] == "a")
        assert 0.83 < share < 0.89  # 0.9 against the floor of 0.15

    def test_what_few_held_out_episodes_say_counts_little(self):
        sampler = TaskSampler(self.TASKS, np.arange(44), 0)
        sampler.reweigh({"a": 1.0, "unknown": 0.2}, {"a": 1, "unknown": 9})
        assert sampler.state["weights"] == pytest.approx({"a": 0.8, "b": 0.6})

    def test_every_row_once_before_any_twice(self):
        drawn = TaskSampler(self.TASKS, np.arange(44), 0).draw(0, 200)
        rows = drawn[self.TASKS[drawn] == "b"]
        assert len(set(rows[:40].tolist())) == 40
        assert rows[:40].tolist() != rows[40:80].tolist()

    def test_only_the_given_rows(self):
        assert set(TaskSampler(self.TASKS, np.array([1, 2, 10]), 0).draw(0, 50).tolist()) == {1, 2, 10}

    def test_goes_on_from_its_state(self):
        sampler = TaskSampler(self.TASKS, np.arange(44), 3)
        sampler.draw(0, 30)
        state = json.loads(json.dumps(sampler.state))
        assert sampler.draw(1, 30).tolist() == TaskSampler(self.TASKS, np.arange(44), 3, state).draw(1, 30).tolist()

    def test_nothing_to_draw(self):
        with pytest.raises(TrainError, match="no row to train on"):
            TaskSampler(self.TASKS, np.array([], int), 0)


class TestErrors:
    def test_no_dataset(self, config, tmp_path):
        with pytest.raises(DatasetError, match="no folder"):
            train(replace(config, data=(tmp_path / "nowhere",)))

    def test_no_success(self, config, tmp_path):
        data = write_dataset(tmp_path / "failures", 2, success=False)
        with pytest.raises(TrainError, match="no successful episode"):
            train(replace(config, data=(data,)))

    def test_reserved_seeds(self, config, tmp_path):
        data = write_dataset(tmp_path / "reserved", 2, first_seed=5_000_000)
        with pytest.raises(DatasetError, match="must not be trained on"):
            train(replace(config, data=(data,)))

    def test_out_holds_something(self, config):
        config.out.mkdir()
        (config.out / "notes.txt").write_text("mine")
        with pytest.raises(TrainError, match="not empty"):
            train(config)
        assert [path.name for path in config.out.iterdir()] == ["notes.txt"]

    def test_out_is_a_file(self, config):
        config.out.write_text("mine")
        with pytest.raises(TrainError, match="is a file"):
            train(config)

    def test_resume_without_a_run(self, config):
        with pytest.raises(TrainError, match="no run to resume"):
            train(replace(config, resume=True))

    def test_resume_with_other_settings(self, config, tmp_path):
        train(replace(config, stop_at=1))
        with pytest.raises(TrainError, match=r"other settings: lr 0.0006 -> 0.001"):
            train(replace(config, resume=True, lr=1e-3))
        data = write_dataset(tmp_path / "more", 5, first_seed=20_000_000)
        with pytest.raises(TrainError, match="other settings: data"):
            train(replace(config, resume=True, data=(data,)))

    @pytest.mark.parametrize("file", ["training.safetensors", "model.safetensors"])
    def test_resume_from_a_damaged_checkpoint(self, config, file):
        folder = train(replace(config, stop_at=1))
        (folder / file).write_bytes((folder / file).read_bytes()[:-100])
        with pytest.raises(CheckpointError, match="damaged"):
            train(replace(config, resume=True))

    def test_resume_from_damaged_progress(self, config):
        folder = train(replace(config, stop_at=1))
        (folder / "training.json").write_text("{")
        with pytest.raises(TrainError, match="cannot be gone on from"):
            train(replace(config, resume=True))

    def test_resume_elsewhere_is_allowed(self, config, dataset, tmp_path):
        train(replace(config, stop_at=1))
        moved = shutil.copytree(config.out, tmp_path / "moved")
        data = shutil.copytree(dataset, tmp_path / "data")
        assert (
            differing(train(replace(config, resume=True)), train(replace(config, out=moved, data=(data,), resume=True)))
            == []
        )


def test_trained_resumed_and_played_in_the_browser(config):
    config = replace(config, steps=4, eval_every=4, browser_episodes=1)
    train(replace(config, stop_at=2))
    train(replace(config, resume=True))
    played = [line for line in log_of(config.out) if "browser" in line]
    assert [line["step"] for line in played] == [4]
    assert set(played[0]["browser"]) <= {"click-button", "enter-text"}
    assert all(0 <= result["success"] <= 1 for result in played[0]["browser"].values())


def test_command_line():
    words = ["--data", "a", "b", "--out", "run", "--steps", "5", "--bf16", "False", "--processor.max-tokens", "64"]
    config = tyro.cli(TrainConfig, args=words)
    assert config.data == (Path("a"), Path("b"))
    assert (config.steps, config.bf16, config.processor.max_tokens) == (5, False, 64)
