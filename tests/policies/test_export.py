import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import onnx
import pytest
import torch

import envs  # noqa: F401 (registers the ids)
from data_gen.dataset import VALIDATION_SEEDS
from envs.action import PAGE_VERBS
from envs.loop import run_episode
from policies import checkpoint, export, onnx_network, start_pages
from policies.average import average
from policies.checkpoint import CheckpointError
from policies.decoding import decode
from policies.export import ExportError
from policies.options import AverageConfig, ExportConfig
from policies.policy import LearntPolicy
from policies.steps import PIXEL_VERBS
from tests.policies.pages import DATE, LOGIN, PAGES
from tests.policies.test_decoding import check, parts

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def source(once):
    def make(folder):
        model, processor = parts(1)
        for parameter in model.parameters():  # an offset head that is fresh says the same of everything
            parameter.data += 0.05 * torch.randn_like(parameter)
        checkpoint.save(folder, model, processor, "# A policy\n")
        start_pages.write(folder, np.arange(3, dtype=np.uint64))

    return once("source", make)


@pytest.fixture(scope="module")
def exported(once, source):
    return once("exported", lambda folder: export.export(ExportConfig(folder, str(source))))


def examples(processor):
    """One with pictures of its own and of the step before, one with one, some with none."""
    noise = np.random.default_rng(0)
    frames = [noise.integers(0, 256, (210, 160, 3), np.uint8) for _ in range(2)]
    shown = [frames, frames[:1]]
    return [processor.encode(page, (), shown[n] if n < len(shown) else []) for n, page in enumerate(PAGES)]


@pytest.fixture
def written_before(exported, monkeypatch):
    """Spares tests that are about something else the half minute that the graphs take."""
    monkeypatch.setattr(export, "_write", lambda graph, values, file: shutil.copy(exported / file.name, file))


@pytest.mark.parametrize("verb", [*PAGE_VERBS, None])
def test_it_decides_as_torch_does(source, exported, verb):
    model, processor, _ = checkpoint.load(source)
    network, same = onnx_network.load(exported)
    assert same.config == processor.config
    given = examples(processor)
    for beams in (1, 3):
        how = {"beams": beams, "verbs": (verb,) if verb else PAGE_VERBS}
        wanted = decode(model, processor, given, **how)
        found = decode(network, same, given, **how)
        for one, other in zip(found, wanted, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-3)
            # Of a fresh network's offsets many are all but equally likely, and either may be the likeliest.
            assert one.action == other.action or one.action.verb == other.action.verb in PIXEL_VERBS
    (other,) = decode(network, same, given[:1], beams=4, but={found[0].action})
    assert other.action != found[0].action


def test_the_published_network_can_be_exported_too(tmp_path):
    model, processor = parts(2, copy=False, match=False)
    checkpoint.save(tmp_path / "plain", model, processor, "# A policy\n")
    network, _ = onnx_network.load(export.export(ExportConfig(tmp_path / "exported", str(tmp_path / "plain"))))
    given = examples(processor)
    for one, other in zip(decode(network, processor, given), decode(model, processor, given), strict=True):
        assert one.action == other.action and one.score == pytest.approx(other.score, abs=1e-3)


def test_with_8_bits_it_is_smaller_and_decides_nearly_the_same(source, exported, written_before, tmp_path):
    folder = export.export(ExportConfig(tmp_path / "int8", str(source), int8=True))
    model, processor, _ = checkpoint.load(source)
    network, _ = onnx_network.load(folder)
    given = examples(processor)
    for page, one, other in zip(PAGES, decode(network, processor, given), decode(model, processor, given), strict=True):
        check(one.action, page)
        assert one.score == pytest.approx(other.score, rel=0.1)
    for part in ("vision", "text", "step"):
        assert (folder / f"{part}.onnx").stat().st_size < (exported / f"{part}.onnx").stat().st_size
        assert "MatMulInteger" in operations(folder, part)
    for of, part in ((folder, "offsets"), (exported, "step")):
        assert "MatMulInteger" not in operations(of, part)


def operations(folder, part):
    return {node.op_type for node in onnx.load(folder / f"{part}.onnx").graph.node}


def test_the_folder_stands_for_a_policy_and_names_what_it_was_made_of(source, exported):
    policy = LearntPolicy.from_checkpoint(exported)
    page = LOGIN | {"screenshot": np.zeros((210, 160, 3), np.uint8)}
    check(policy.act(page), page)
    assert policy.last_score is not None and policy.last_score <= 0
    assert checkpoint.sha256(exported) != checkpoint.sha256(source)
    assert checkpoint.sha256(source)[:16] in (exported / checkpoint.CARD).read_text()
    assert start_pages.read(exported).tolist() == [0, 1, 2]
    with pytest.raises(CheckpointError, match="on a cpu"):
        LearntPolicy.from_checkpoint(exported, device="cuda")


def test_it_plays_the_episodes_that_torch_plays(source, exported):
    env = gymnasium.make("webagent/click-checkboxes-v1")
    # Many of its choices are all but equally likely: those among offsets in pixels, and all in bfloat16.
    policies = [LearntPolicy.from_checkpoint(folder, verbs=("click", "press"), bf16=False)
                for folder in (source, exported)]  # fmt: skip
    for seed in VALIDATION_SEEDS[:3]:
        one, other = (run_episode(env, policy, seed=seed) for policy in policies)
        assert [str(step.action) for step in one.steps] == [str(step.action) for step in other.steps]
    env.close()


def test_it_cannot_be_trained_or_exported_again(source, exported, tmp_path):
    for work in (
        lambda: checkpoint.load(exported),
        lambda: average(AverageConfig((exported, source), tmp_path / "average")),
        lambda: export.export(ExportConfig(tmp_path / "again", str(exported))),
    ):
        with pytest.raises(CheckpointError, match="exported to ONNX"):
            work()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("file", ["text.onnx", "offsets.onnx", "tokenizer.json"])
def test_a_folder_that_is_not_whole_or_damaged_says_so(exported, tmp_path, file):
    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot be rebuilt"):
        onnx_network.load(folder)
    (folder / file).unlink()
    with pytest.raises(CheckpointError, match=f"not whole: {file}"):
        LearntPolicy.from_checkpoint(folder)


def test_one_of_an_earlier_version_is_to_be_exported_again(exported, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    config = checkpoint.read_config(folder)
    del config[onnx_network.LAYOUT]
    checkpoint.write_json(folder / checkpoint.CONFIG, config)
    with pytest.raises(CheckpointError, match="earlier version: export it again"):
        LearntPolicy.from_checkpoint(folder)


def test_nothing_is_replaced_but_a_checkpoint(source, exported, tmp_path):
    config = ExportConfig(source, str(source))
    with pytest.raises(ExportError, match="is what is exported"):
        export.export(config)
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        export.export(replace(config, out=tmp_path))
    assert checkpoint.replaceable(exported)


@pytest.mark.parametrize("package", ["onnxruntime", "onnxscript"])
def test_a_package_that_is_missing_is_named(source, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError, match=f"{package} is missing: pip install onnx onnxruntime onnxscript"):
        export.export(ExportConfig(tmp_path / "out", str(source)))
    assert not [*tmp_path.iterdir()]


def test_to_decide_onnxruntime_is_needed(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CheckpointError, match="needs onnxruntime"):
        LearntPolicy.from_checkpoint(exported)


def test_it_begins_without_what_only_torch_needs(exported):
    program = """
import sys
from policies.policy import LearntPolicy
LearntPolicy.from_checkpoint(sys.argv[1])
print([name for name in ("timm", "transformers") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program, str(exported)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_what_computes_something_else_is_not_written(source, tmp_path, written_before):
    """As of an onnxruntime with a fault; here the graphs are those of other weights."""
    model, processor, card = checkpoint.load(source)
    for parameter in model.parameters():
        parameter.data += 0.1
    checkpoint.save(tmp_path / "other", model, processor, card)
    with pytest.raises(ExportError, match="differs from torch's"):
        export.export(ExportConfig(tmp_path / "out", str(tmp_path / "other")))
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_dates_are_written_as_the_page_takes_them(source, exported):
    _, processor, _ = checkpoint.load(source)
    network, _ = onnx_network.load(exported)
    (decision,) = decode(network, processor, [processor.encode(DATE)], verbs=("type",))
    check(decision.action, DATE)
