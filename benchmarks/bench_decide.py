"""How long one decision takes on the CPU, by page size, beside transformers' own ``generate`` with the same weights.

Pages are the first ones of MiniWoB++ episodes. A decision is everything from the observation to the action: reading the
page, which is the same for all and a column of its own, the encoder, the grammar's masks, every decoder step.
``generate`` has the same encoder input, and writes as many tokens as our action has steps, greedily, with its key-value
cache, without masks or pointing, in float32 and once more under autocast to bfloat16. All take turns on each page, one
thread each; how much slower ``generate`` is, is said with the reading and without. Then the same pages are decided
on in batches.

    webagent export --out exported --int8
    python benchmarks/bench_decide.py --suite webgum56 --exported exported
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
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

PEERS = {"generate": False, "generate, bfloat16": True}
"""How the T5's own way is called, and whether it multiplies in bfloat16. Ratios are of the first."""


@dataclass(frozen=True)
class Config:
    """Measures decisions."""

    suite: str = "webgum56"
    """Tasks whose first pages are decided on."""
    policy: Path | None = None
    """A checkpoint; the embedded one where not given."""
    exported: tuple[Path, ...] = ()
    """What `webagent export` made of it, which takes turns too."""
    pages: int = 3
    """Pages per task."""
    image: bool = True
    """Show the policy the screenshot."""
    batch: int = 16
    """Pages of one batch."""
    bf16: bool | None = None
    """Let ours multiply in bfloat16; where not said, as it does by default: if the processor does so by itself."""


def main(config: Config) -> None:
    """Prints the tables."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # of transformers, about its own calls
    torch.set_num_threads(1)
    plain, processor, _ = checkpoint.load(config.policy)
    halved = multiplies_bf16(torch.device("cpu")) if config.bf16 is None else config.bf16
    name = f"torch, {'bfloat16' if halved else 'float32'}"
    networks = {name: LearntPolicy.from_checkpoint(config.policy, bf16=halved).network}
    networks |= {str(folder): LearntPolicy.from_checkpoint(folder).network for folder in config.exported}
    seen = observations(config)
    times: dict[str, list[float]] = {}
    lengths: list[int] = []

    def encoded(observation: dict[str, Any]) -> Any:
        return processor.encode(observation, (), [observation["screenshot"]] if config.image else [])

    for number, observation in enumerate(track([seen[0], *seen], "deciding", transient=True)):
        reading, example = timed(lambda o=observation: encoded(o))
        found = {"reading": reading}
        decision: Any = None
        for name, network in networks.items():
            seconds, (decision,) = timed(lambda n=network, e=example: decode(n, processor, [e]))
            found[name] = seconds
        batch = processor.collate([example])
        steps = len(processor.encode(observation, action=decision.action).kinds)
        how = {"max_new_tokens": steps, "min_new_tokens": steps, "do_sample": False, "num_beams": 1, "use_cache": True}
        for name, bf16 in PEERS.items():
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                found[name] = timed(lambda batch=batch, how=how: generate(plain, batch, how))[0]
        if number:  # the first is not counted, and comes once more
            lengths.append(batch["input_ids"].shape[1])
            for name, seconds in found.items():
                times.setdefault(name, []).append(1000 * seconds)

    measured, length = {name: np.array(values) for name, values in times.items()}, np.array(lengths)
    shown = Table("text tokens", "pages", "by", "reading p50", "decision p50", "p95", "generate is slower",
                  "from ready-made tokens",
                  title=f"one decision, ms, {'with' if config.image else 'without'} the screenshot")  # fmt: skip
    for low, high in [*pairwise(SIZES), (0, SIZES[-1])]:
        rows = (length > low) & (length <= high)
        if rows.any():
            size = f"{low + 1} - {high}" if high - low < SIZES[-1] else "all"
            for line in lines(networks, {name: values[rows] for name, values in measured.items()}):
                shown.add_row(size, str(rows.sum()), *line)
                size = ""
            shown.add_section()
    rich.print(shown)
    groups = [seen[start : start + config.batch] for start in range(0, len(seen), config.batch)]
    for name, network in networks.items():
        total = sum(timed(lambda g=group, n=network: decode(n, processor, [*map(encoded, g)]))[0] for group in groups)
        rich.print(f"in batches of {config.batch}, {name}: {1000 * total / len(seen):.1f} ms a page")


def lines(networks: dict[str, Any], times: dict[str, np.ndarray]) -> Iterator[tuple[str, ...]]:
    """The rows of one size: ours, each with what it is compared with, and the peer's."""
    peer, reading = times[next(iter(PEERS))], times["reading"]
    for name in networks:
        whole, alone = np.percentile(reading + times[name], [50, 95]), np.median(times[name])
        yield (
            name, f"{np.median(reading):.1f}", *(f"{value:.1f}" for value in whole),
            f"{np.median(reading + peer) / whole[0]:.2f} x", f"{np.median(peer) / alone:.2f} x",
        )  # fmt: skip
    for name in PEERS:
        yield name, "", *(f"{value:.1f}" for value in np.percentile(reading + times[name], [50, 95])), "", ""


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
