"""What each part of the policy brings: the same data, steps and seeds, one switch changed at a time.

Every variant is trained from scratch and then played in the browser on validation seeds, with the stand-in for the
screenshots that it was trained with. Trainings and results that are there already are not made again, so the command
goes on where it was stopped.

    python benchmarks/ablation.py --data data/56 --work runs/ablation --steps 2000 --seeds 0 1 2
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import rich
import tyro
from rich.table import Table

from data_gen.synthetic import SynthesizeConfig, synthesize
from policies import checkpoint
from policies.config import ProcessorConfig
from policies.images import ImageMode
from policies.options import TrainConfig
from policies.train import train
from webagent.benchmark import BenchConfig, bench
from webagent.statistics import mean_interval

VALIDATION_SEED = 4_000_000


@dataclass(frozen=True)
class Variant:
    """Settings of the training that differ from the first variant's."""

    changes: dict[str, Any] = field(default_factory=dict)
    processor: dict[str, Any] = field(default_factory=dict)
    image: ImageMode = "real"
    length: float = 1.0
    """Steps, in those of the first variant."""
    before: float = 0.0
    """Steps on made-up pages before them, in the same measure."""


VARIANTS = {
    "html only": Variant(image="none"),
    "html + white": Variant(image="white"),
    "html + noise": Variant(image="random"),
    "html + image, local tokens": Variant(),
    "html + image, temporal tokens": Variant({"image_tokens": "temporal"}),
    "html + image, both": Variant({"image_tokens": "both"}),
    "html only, no pointer head": Variant(processor={"copy": False}, image="none"),
    "html only, no match features": Variant(processor={"match": False}, image="none"),
    "html only, no mimetic start": Variant({"mimetic": False}, image="none"),
    "html only, made-up pages first": Variant(image="none", before=0.5),
    "html only, half as long again": Variant(image="none", length=1.5),  # what that costs, on the data itself
}


@dataclass(frozen=True)
class Config:
    """Trains and measures the variants."""

    data: tuple[Path, ...]
    """Folders that `webagent collect` wrote."""
    work: Path
    """Folder for runs and results."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which of them."""
    seeds: tuple[int, ...] = (0,)
    """One training each."""
    steps: int = 2_000
    """Optimizer steps of each training."""
    suite: str = "thin16"
    """Tasks that are played."""
    episodes: int = 25
    """Validation episodes per task."""
    made_up: int = 10_000
    """Episodes of `webagent synthesize`, for the variant that begins with them."""
    size: str = "mini"
    """Shape of the network."""
    threads: int = 0
    """Processor threads of the training; 0 leaves that to torch."""
    workers: int = -1
    """Processes that play."""


def main(config: Config) -> None:
    """Prints the table."""
    if unknown := sorted(set(config.variants) - set(VARIANTS)):
        raise SystemExit(f"ablation: unknown variant {unknown[0]!r}; there are: {', '.join(VARIANTS)}")
    table = Table(
        "variant", "success", "95 % interval", "by training seed", title=f"{config.steps} steps of 32 samples"
    )
    for name in config.variants:
        results = [measure(config, name, seed) for seed in config.seeds]
        successes = [count for result in results for count in result["successes"]]
        scored = [count for result in results for count in result["scored"]]
        low, high = mean_interval(successes, scored)
        means = [sum(r["successes"]) / max(1, sum(r["scored"])) for r in results]
        table.add_row(
            name, f"{sum(means) / len(means):.3f}", f"{low:.3f} - {high:.3f}", ", ".join(f"{m:.3f}" for m in means)
        )
    rich.print(table)


def measure(config: Config, name: str, seed: int) -> dict[str, list[int]]:
    """Successes and scored episodes by task, of one training of a variant."""
    variant = VARIANTS[name]
    place = config.work / f"{name.replace(' ', '-').replace(',', '').replace('+', 'and')}-{seed}"
    file = place.with_suffix(".json")
    if file.exists():
        return json.loads(file.read_text())
    settings = TrainConfig(
        data=config.data, out=place, size=config.size, steps=round(variant.length * config.steps), image=variant.image,
        seed=seed, image_dropout=float(variant.image == "none"), threads=config.threads,
        processor=replace(ProcessorConfig(), **variant.processor), resume=checkpoint.latest(place) is not None,
    )  # fmt: skip
    if variant.before:
        made_up = synthesize(SynthesizeConfig(config.work / "made-up", episodes=config.made_up))
        first = place.with_name(f"{place.name}-made-up")
        earlier = replace(settings, data=(made_up,), out=first, steps=round(variant.before * config.steps))
        init = train(replace(earlier, resume=checkpoint.latest(first) is not None))
        settings = replace(settings, init=init, new_vocabulary=True)
    run = train(replace(settings, **variant.changes))
    played = bench(
        BenchConfig(
            policy=str(run),
            suite=config.suite,
            image=variant.image,
            episodes=config.episodes,
            first_seed=VALIDATION_SEED,
            workers=config.workers,
        )
    )
    result = {"successes": [row.successes for row in played.tasks], "scored": [row.scored for row in played.tasks]}
    file.write_text(json.dumps(result))
    return result


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
