"""How long one decision takes on the CPU, by page size, beside transformers' own ``generate`` with the same weights.

Pages are the first ones of MiniWoB++ episodes. Ours is everything from the observation to the action: reading the page,
the encoder, the grammar's masks, every decoder step. ``generate`` gets the tokens and pixels ready made, has the same
encoder input, and writes as many tokens as our action has steps, greedily, with its key-value cache, without masks or
pointing, in float32 and once more under autocast to bfloat16. All take turns on each page, one thread each. Then the
same pages are decided on in batches.

    python benchmarks/bench_decide.py --suite webgum56
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import rich
import torch
import tyro
from rich.progress import track
from rich.table import Table

import envs  # noqa: F401 (registers the ids)
from data_gen.dataset import VALIDATION_SEEDS
from envs import tasks
from policies import checkpoint
from policies.decoding import decode
from policies.model import WebAgentModel
from policies.policy import LearntPolicy
from policies.stepping import multiplies_bf16

SIZES = (0, 64, 128, 256, 1024)
"""Bounds of the rows of the table, in text tokens."""


@dataclass(frozen=True)
class Config:
    """Measures decisions."""

    suite: str = "webgum56"
    """Tasks whose first pages are decided on."""
    policy: Path | None = None
    """A checkpoint; the embedded one where not given."""
    pages: int = 3
    """Pages per task."""
    image: bool = True
    """Show the policy the screenshot."""
    batch: int = 16
    """Pages of one batch."""
    bf16: bool | None = None
    """Let ours multiply in bfloat16; where not said, as it does by default: if the processor does so by itself."""


def main(config: Config) -> None:
    """Prints the table."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # of transformers, about its own calls
    torch.set_num_threads(1)
    plain, processor, _ = checkpoint.load(config.policy)
    halved = multiplies_bf16(torch.device("cpu")) if config.bf16 is None else config.bf16
    model = LearntPolicy.from_checkpoint(config.policy, bf16=halved).model
    seen = observations(config)
    ours, theirs, theirs_bf16, lengths = [], [], [], []

    def encoded(observation: dict[str, Any]) -> Any:
        return processor.encode(observation, (), [observation["screenshot"]] if config.image else [])

    for number, observation in enumerate(track(seen, "deciding", transient=True)):
        seconds, decision = timed(lambda o=observation: decode(model, processor, [encoded(o)])[0])
        batch = processor.collate([encoded(observation)])
        steps = len(processor.encode(observation, action=decision.action).kinds)
        how = {"max_new_tokens": steps, "min_new_tokens": steps, "do_sample": False, "num_beams": 1, "use_cache": True}
        others = []
        for bf16 in (False, True):
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                others.append(timed(lambda batch=batch, how=how: generate(plain, batch, how))[0])
        if number:  # the first of each is not counted
            ours.append(1000 * seconds)
            theirs.append(1000 * others[0])
            theirs_bf16.append(1000 * others[1])
            lengths.append(batch["input_ids"].shape[1])

    shown = Table("text tokens", "pages", "ours p50", "p95", "generate p50", "p95", "ratio of p50", "in bfloat16 p50",
                  "ratio", title=f"one decision, ms; {'with' if config.image else 'without'} the screenshot; ours in "
                                 f"{'bfloat16' if halved else 'float32'}")  # fmt: skip
    mine, other, half, length = np.array(ours), np.array(theirs), np.array(theirs_bf16), np.array(lengths)
    for low, high in [*pairwise(SIZES), (0, SIZES[-1])]:
        rows = (length > low) & (length <= high)
        if rows.any():
            a, b = np.percentile(mine[rows], [50, 95]), np.percentile(other[rows], [50, 95])
            c = np.median(half[rows])
            label = f"{low + 1} - {high}" if high - low < SIZES[-1] else "all"
            shown.add_row(
                label, str(rows.sum()), *(f"{v:.1f}" for v in (*a, *b, b[0] / a[0])), f"{c:.1f}", f"{c / a[0]:.1f}"
            )
    rich.print(shown)
    groups = [seen[start : start + config.batch] for start in range(0, len(seen), config.batch)]
    total = sum(timed(lambda g=group: decode(model, processor, [encoded(o) for o in g]))[0] for group in groups)
    rich.print(f"in batches of {config.batch}: {1000 * total / len(seen):.1f} ms a page")


def generate(model: WebAgentModel, batch: dict[str, Any], how: dict[str, Any]) -> Any:
    """The T5's own way, from the same input of the encoder."""
    t5: Any = model.t5  # transformers' types do not let `generate` be called
    ((inputs, mask),) = model.embed(batch)
    return t5.generate(inputs_embeds=inputs, attention_mask=mask.long(), **how)


def observations(config: Config) -> list[dict[str, Any]]:
    """The first observations of episodes."""
    found = []
    for task in track(tasks.select(config.suite, ()), "opening pages", transient=True):
        env = gymnasium.make(f"webagent/{task.name}-v1")
        found += [env.reset(seed=seed)[0] for seed in VALIDATION_SEEDS[: config.pages]]
        env.close()
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the work returned."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
