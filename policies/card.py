"""The model card, README.md of a checkpoint."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from policies import checkpoint

if TYPE_CHECKING:
    from policies.model import WebAgentModel
    from policies.processor import Processor
    from policies.run import Run

NOT_IN_CARD = ("data", "out", "init", "teacher", "resume", "stop_at", "save_minutes", "jobs", "browser_episodes",
               "processor")  # fmt: skip
"""Settings that say where and when, not how, and the processor's, which is asked itself."""

FROM_SCRATCH = ("size", "t5", "vit", "mimetic", "image_tokens")
"""Settings that decide nothing where a training goes on from a checkpoint."""

RESULTS = "## Measured in the browser"


def training_card(run: Run, model: WebAgentModel, processor: Processor) -> str:
    """What a training can say about its checkpoint: its shape, recipe, compute, data and held-out accuracy."""
    config = run.config
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"
    hardware = torch.cuda.get_device_name(device) if on_gpu else f"{torch.get_num_threads()} threads of a CPU"
    start = " and ".join(part for part in (config.t5, config.vit) if part) or "from scratch"
    if config.init:
        start = f"on from the checkpoint {checkpoint.sha256(config.init)[:16]}"
    counts = run.table.group_by("task").aggregate([("episode_id", "count_distinct"), ("step", "count")])
    rows = []
    for row in counts.sort_by("task").to_pylist():
        accuracy = [f"{value:.3f}" for value in run.held_out.get(row["task"], {}).values()] or ["", ""]
        rows.append(
            f"| {row['task']} | {row['episode_id_count_distinct']:,} | {row['step_count']:,} | "
            + " | ".join(accuracy)
            + " |"
        )
    unsaid = (*NOT_IN_CARD, *(FROM_SCRATCH if config.init else ()))
    values = {name: value for name, value in asdict(config).items() if name not in unsaid}
    values |= {f"processor.{name}": value for name, value in asdict(processor.config).items()}
    works_out = model.config.copy and processor.config.amounts
    additions = {"pointer head": model.config.copy, "match features": model.config.match,
                 "learnt matches of words that are alike": bool(model.config.match and model.config.alike),
                 "boxes and numbers as quantities": bool(model.config.match and model.config.measures),
                 "calculator": bool(works_out and model.config.calculator),
                 "mimetic start": model.config.mimetic}  # fmt: skip
    used = ", ".join(name for name, on in additions.items() if on) or "none"
    settings = [f"| {name} | {value} |" for name, value in values.items()]
    return "\n".join([
        "---", "license: mit", "library_name: webagent", "pipeline_tag: image-text-to-text",
        "tags: [web-agent, miniwob, behaviour-cloning]", "---", "",
        "# A webagent policy", "",
        f"A Flan-T5-shaped encoder-decoder with a ViT ({sum(p.numel() for p in model.parameters()) / 1e6:.1f} million "
        f"parameters, trained {start}) that reads a web page as HTML and screenshots and writes the next action. "
        "The weights are an exponential average over the training.", "",
        f"Additions to the published architecture: {used}. Match features are comparisons of strings between "
        "instruction, history and page that the processor computes (policies/matching.py); some of them, such as "
        "'ends with quoted', fit particular tasks, so results with them do not compare with those of models that "
        "read text alone.", "",
        "## Recipe", "",
        f"Behaviour cloning, step {run.step:,} of {config.steps:,}, {run.step * config.batch_size:,} samples, "
        f"{run.seconds / 3600:.2f} hours in training steps on {platform.machine()}, {hardware}; "
        f"{sum(row['episode_id_count_distinct'] for row in counts.to_pylist()):,} episodes of {len(rows)} tasks.", "",
        *([f"Its teacher is the checkpoint {checkpoint.sha256(config.teacher)[:16]}.", ""] if config.teacher else []),
        *_stages_before(config.init),
        "| setting | value |", "|---|---|", *settings, "",
        "## Data", "",
        "Successful episodes; about 3 % of them are held out. Held-out accuracy is that of single actions, given the "
        "expert's steps before, and of episodes with every action right. It is not success in the browser.", "",
        "| task | episodes | steps | held-out actions | held-out episodes |", "|---|---|---|---|---|", *rows, "",
    ])  # fmt: skip


def _stages_before(init: Path | None) -> list[str]:
    """What the card of the checkpoint that a training began with says of how that came about, the last stage first."""
    if init is None:
        return []
    card = (checkpoint.locate(init) / checkpoint.CARD).read_text(encoding="utf-8")
    stages = re.findall(r"^(?:- )?(Behaviour cloning, step .+)$", card, re.MULTILINE)
    return ["It began with the weights of earlier stages, the last first:", "", *(f"- {s}" for s in stages), ""]


def of_average(card: str, names: Sequence[str]) -> str:
    """The card of the last of several checkpoints, as that of the mean of their weights; without its results.

    Args:
        card: its text.
        names: the first digits of the checkpoints' hashes, the card's own last.
    """
    parts = ", ".join(names)
    what = f"The weights are the mean of those of {len(names)} checkpoints: {parts}. What follows is of the last."
    return re.sub(r"The weights are .+?\.(?=\s)", what, card.split(RESULTS)[0].rstrip(), count=1) + "\n"


def with_results(card: str, results: str) -> str:
    """The card with a section of results measured in the browser, in place of the one it may have."""
    return f"{card.split(RESULTS)[0].rstrip()}\n\n{RESULTS}\n\n{results.strip()}\n"
