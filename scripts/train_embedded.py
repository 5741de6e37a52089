"""Makes the embedded checkpoint from nothing: collect, train, evaluate, write policies/embedded with its model card.

    python scripts/train_embedded.py --work work/embedded

Every stage goes on where it stopped, so the command can be given again after an interruption.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from data_gen.collect import CollectConfig, collect
from policies import checkpoint
from policies.card import with_results
from policies.train import TrainConfig, train
from webagent.agents import EMBEDDED, Image
from webagent.benchmark import EVALUATION_SEED, BenchConfig, bench
from webagent.results import BenchResult


@dataclass
class Recipe:
    """Makes the embedded checkpoint."""

    work: Path
    """Folder for the dataset, the training run and the results; some GB."""
    out: Path = checkpoint.EMBEDDED
    """Folder of the finished checkpoint."""
    suite: str = "webgum56"
    """Tasks that are learnt and measured."""
    episodes: int = 1000
    """Episodes collected per task."""
    recovery: float = 0.25
    """Share of episodes with one mistake, from which the expert recovers."""
    workers: int = 4
    """Processes that collect and measure."""
    eval_episodes: int = 100
    """Evaluation episodes per task, with the image and with the image off."""
    first_seed: int = EVALUATION_SEED
    """First page seed that is measured on; take 4000000, a validation seed, to try the recipe out."""
    training: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            data=(), out=Path(), steps=2_300, image_dropout=0.85, eval_every=400, eval_episodes=12, threads=1, jobs=2
        )
    )
    """How to train; data and out follow from `work`."""


def main(recipe: Recipe) -> None:
    """Runs the stages one after another."""
    demonstrations = CollectConfig(
        out=recipe.work / "data",
        suite=recipe.suite,
        episodes=recipe.episodes,
        recovery=recipe.recovery,
        workers=recipe.workers,
    )
    training = recipe.training
    training.data, training.out = (collect(demonstrations),), recipe.work / "run"
    training.resume = checkpoint.latest(training.out) is not None
    model, processor, card = checkpoint.load(train(training))
    # bfloat16 halves the file; what is measured below is what is shipped.
    checkpoint.save(recipe.out, model, processor, card, dtype=torch.bfloat16)
    policy = EMBEDDED if recipe.out == checkpoint.EMBEDDED else str(recipe.out)
    sections = []
    images: dict[Image, str] = {"real": "With the image", "none": "With the image off"}
    for image, title in images.items():
        results = bench(
            BenchConfig(
                policy=policy,
                suite=recipe.suite,
                image=image,
                workers=recipe.workers,
                episodes=recipe.eval_episodes,
                first_seed=recipe.first_seed,
                json=recipe.work / f"{image}.json",
            )
        )
        sections.append(f"### {title}\n\n{_table(results)}")
    checkpoint.write_card(recipe.out, with_results(card, "\n\n".join(sections)))


def _table(results: BenchResult) -> str:
    low, high = results.mean_interval
    rows = [
        f"| {row.task} | {row.rate:.2f} | {row.interval.low:.2f} - {row.interval.high:.2f} | {row.failures} |"
        for row in results.tasks
    ]
    return "\n".join([
        f"Strict success {results.mean:.3f} ({low:.3f} - {high:.3f}), mean of {len(results.tasks)} tasks; page seeds "
        f"{results.seeds}; {results.faults} episodes lost to faults of the browser. Repeat it with "
        f"`{results.config.command}`.", "",
        "| task | success | 95 % interval | failures |", "|---|---|---|---|", *rows,
    ])  # fmt: skip


if __name__ == "__main__":
    main(tyro.cli(Recipe))
