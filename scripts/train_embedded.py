"""Makes the next embedded checkpoint: collect, train, evaluate, write policies/embedded with its model card.

    python scripts/train_embedded.py --work runs/embedded

It begins with the weights of the present one, or from nothing, and goes in stages: demonstrations of every task, many
more of the tasks that need them, and episodes in which the policy of the stage before acts and the expert labels what
it meets (DAgger, Ross et al. 2011). Each stage goes on from the weights of the one before. Every part goes on where it
stopped, so the command can be given again after an interruption. What comes out is measured on page seeds that follow
from the new checkpoint's hash; whether it is better than the one before is for whoever gives the command to judge.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import tyro

from data_gen.collect import CollectConfig, collect
from data_gen.dataset import TRAINING_SEEDS
from data_gen.synthetic import TASK, SynthesizeConfig, synthesize
from envs import tasks
from policies import checkpoint, start_pages
from policies.card import with_results
from policies.config import ProcessorConfig
from policies.train import TrainConfig, train
from webagent.agents import EMBEDDED
from webagent.benchmark import BenchConfig, bench
from webagent.collection import collect_with
from webagent.results import BenchResult

SEEDS_A_STAGE = 1_000_000
"""Page seeds from the first of a stage to that of the next; those of the hard tasks, or of rollouts, begin half way."""


HARD = {
    "simple-algebra": 15_000,
    "simple-arithmetic": 11_000,
    "count-shape": 8_000,
    "bisect-angle": 7_500,
    "visual-addition": 6_000,
    "right-angle": 5_000,
    "email-inbox-forward-nl-turk": 4_000,
    "find-midpoint": 4_000,
    "email-inbox-nl-turk": 3_500,
    "tic-tac-toe": 3_000,
    "enter-text-2": 2_500,
    "search-engine": 2_500,
    "use-slider": 2_500,
    "email-inbox-forward-nl": 2_000,
    "form-sequence": 1_700,
    "use-colorwheel": 1_600,
    "click-shape": 1_500,
    "click-tab-2-hard": 1_500,
    "count-sides": 1_500,
    "drag-items-grid": 1_500,
    "draw-circle": 1_500,
    "generate-number": 1_500,
    "read-table-2": 1_500,
    "use-slider-2": 1_500,
    "book-flight": 1_000,
    "multi-layouts": 1_000,
    "click-collapsible-2": 800,
    "find-greatest": 800,
    "find-word": 800,
    "drag-sort-numbers": 700,
    "social-media-some": 700,
    "use-spinner": 700,
    "choose-date": 600,
    "click-scroll-list": 500,
    "click-widget": 500,
    "daily-calendar": 500,
    "social-media-all": 500,
    "click-menu-2": 400,
    "click-pie": 400,
    "login-user-popup": 400,
    "click-checkboxes-soft": 300,
    "stock-market": 300,
    "text-editor": 300,
    "highlight-text": 200,
    "highlight-text-2": 200,
    "hot-cold": 200,
}
"""Demonstrations that tasks were found to need beyond those of all: many wordings, long episodes, counting."""


SHARES = {TASK: 0.05} | {
    "simple-algebra": 0.05, "tic-tac-toe": 0.05, "simple-arithmetic": 0.04, "count-shape": 0.035,
    "email-inbox-forward-nl-turk": 0.035, "use-slider": 0.035, "bisect-angle": 0.025, "email-inbox-nl-turk": 0.025,
    "right-angle": 0.025, "use-slider-2": 0.025, "visual-addition": 0.025, "form-sequence": 0.018,
    "use-colorwheel": 0.018, "click-tab-2-hard": 0.015, "find-midpoint": 0.015, "read-table-2": 0.015,
    "search-engine": 0.015, "book-flight": 0.012, "drag-items-grid": 0.012, "draw-circle": 0.012,
    "email-inbox-forward-nl": 0.012, "generate-number": 0.012, "multi-layouts": 0.012, "choose-date": 0.01,
    "click-shape": 0.01, "enter-text-2": 0.01, "find-greatest": 0.01, "social-media-some": 0.01, "use-spinner": 0.01,
    "click-collapsible-2": 0.008, "click-pie": 0.008, "click-tab-2": 0.008, "drag-sort-numbers": 0.008,
    "daily-calendar": 0.005, "stock-market": 0.004, "count-sides": 0.002, "hot-cold": 0.002,
    "number-checkboxes": 0.002,
}  # fmt: skip
"""Shares of the samples that do not follow from a task's errors: of made-up pages, of tasks that more episodes still
teach, and, the least, of those that none have taught so far, which would have the most by their errors."""


@dataclass(frozen=True)
class Stage:
    """One part of the training."""

    steps: int
    """Optimizer steps."""
    lr: float
    """Highest learning rate."""
    demonstrations: int = 0
    """Episodes of the expert per task, collected for this stage."""
    hard: bool = False
    """Whether the episodes of ``HARD`` are collected for this stage."""
    synthetic: int = 0
    """Episodes of made-up pages."""
    shares: dict[str, float] = field(default_factory=dict)
    """Tasks whose share of the samples does not follow from their errors."""
    rollouts: int = 0
    """Episodes per task in which the policy of the stage before acts and the expert labels; 0 in the first stage."""


STAGES = (
    Stage(demonstrations=100, steps=3_000, lr=6e-4),
    Stage(hard=True, synthetic=10_000, shares=SHARES, steps=8_500, lr=6e-4),
    Stage(rollouts=40, shares=SHARES, steps=3_200, lr=3e-4),
)
"""The checkpoint that is shipped learnt in more and shorter stages, which its card tells: most of them from episodes of
WebGUM's 56 tasks alone, the last ten from BrowserGym's. These have not been run to their end as they stand."""

MEASURED = {
    "WebGUM's 56 tasks": BenchConfig(suite="webgum56", episodes=100, seeds_from_checkpoint=True),
    "BrowserGym's 125 tasks": BenchConfig(suite="browsergym125"),
    "The other four pages with an expert": BenchConfig(
        tasks=("button-delay", "chase-circle", "moving-items", "simon-says"), episodes=25, seeds_from_checkpoint=True
    ),
    "The image off, sixteen tasks": BenchConfig(suite="thin16", image="none", episodes=100, seeds_from_checkpoint=True),
}
"""What a new checkpoint is measured by, by the heading in its card."""


@dataclass
class Recipe:
    """Makes the embedded checkpoint."""

    work: Path
    """Folder for datasets, training runs and results; some GB."""
    out: Path = checkpoint.EMBEDDED
    """Folder of the finished checkpoint."""
    from_nothing: bool = False
    """Begin with fresh weights and a vocabulary of its own, not with the embedded checkpoint."""
    suite: str = "browsergym125"
    """Tasks that are learnt."""
    recovery: float = 0.25
    """Share of demonstrations with one mistake, from which the expert recovers."""
    workers: int = 4
    """Processes that collect and measure."""
    training: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            data=(),
            out=Path(),
            processor=ProcessorConfig(vocab_size=4096),
            image_dropout=0.9,
            eval_every=500,
            eval_episodes=24,
            jobs=2,
        )
    )
    """How to train; data, out, init, steps and lr follow from the stage."""

    def begins_with(self) -> Path | None:
        """The checkpoint of the first stage: a copy, since the finished one may take the embedded one's place."""
        if self.from_nothing:
            return None
        copy = self.work / "begun"
        if not copy.exists():
            with checkpoint.atomic_folder(copy) as unfinished:
                shutil.copytree(checkpoint.EMBEDDED, unfinished, dirs_exist_ok=True)
        return copy


def main(recipe: Recipe) -> None:
    """Runs the stages one after another, then measures."""
    run, data = recipe.begins_with(), ()
    for number, stage in enumerate(STAGES):
        data = (*data, *stage_data(recipe, number, stage, run))
        out = recipe.work / f"run{number}"
        resume = checkpoint.latest(out) is not None
        training = replace(recipe.training, data=data, out=out, init=run, resume=resume)
        run = train(replace(training, steps=stage.steps, lr=stage.lr, shares=stage.shares))
    assert run is not None
    publish(recipe, run)


def publish(recipe: Recipe, run: Path) -> None:
    """Writes the finished checkpoint, measures it, and writes down in its card what came out.

    Args:
        recipe: the settings.
        run: training run, or its checkpoint.
    """
    model, processor, card = checkpoint.load(run)
    # bfloat16 halves the file; what is measured below is what is shipped.
    pages = start_pages.read(checkpoint.locate(run))
    checkpoint.save(recipe.out, model, processor, card, dtype=torch.bfloat16)
    if pages is not None:
        start_pages.write(recipe.out, pages)
    policy = EMBEDDED if recipe.out == checkpoint.EMBEDDED else str(recipe.out)
    sections = []
    for number, (title, config) in enumerate(MEASURED.items()):
        out = recipe.work / f"measured{number}"
        results = bench(replace(config, policy=policy, workers=recipe.workers, out=out))
        sections.append(f"### {title}\n\n{_table(results)}")
    checkpoint.write_card(recipe.out, with_results(card, "\n\n".join(sections)))


def stage_data(recipe: Recipe, number: int, stage: Stage, before: Path | None) -> list[Path]:
    """Collects what a stage adds; datasets that are there already are left as they are.

    Args:
        recipe: the settings.
        number: of the stage, from 0.
        stage: what it adds.
        before: checkpoint of the stage before.

    Returns:
        The folders of the datasets.
    """
    first = TRAINING_SEEDS.start + number * SEEDS_A_STAGE
    usual = CollectConfig(
        recipe.work, suite=recipe.suite, workers=recipe.workers, shard_episodes=50, recovery=recipe.recovery
    )
    folders = []
    if stage.demonstrations:
        out = recipe.work / f"demonstrations{number}"
        folders.append(collect(replace(usual, out=out, episodes=stage.demonstrations, first_seed=first)))
    first += SEEDS_A_STAGE // 2
    for task in tasks.select(recipe.suite) if stage.hard else ():
        if episodes := HARD.get(task.name):
            out = recipe.work / f"hard{number}" / task.name
            # Many of them are collected in minutes without screenshots; an expert that reads them has them anyway.
            more = replace(usual, out=out, tasks=(task.name,), episodes=episodes, first_seed=first, screenshot=False)
            folders.append(collect(more))
    if stage.synthetic:
        made = SynthesizeConfig(recipe.work / f"synthetic{number}", episodes=stage.synthetic, first_seed=first)
        folders.append(synthesize(made))
    if before is not None and stage.rollouts:
        folders.append(
            collect_with(
                replace(
                    usual,
                    out=recipe.work / f"rollouts{number}",
                    episodes=stage.rollouts,
                    first_seed=first,
                    recovery=0.0,
                    policy=str(before),
                    relabel=True,
                )
            )
        )
    return folders


def _new(results: BenchResult) -> str:
    absent = results.absent
    if absent is None:
        return ""
    low, high = absent["interval"]
    return (
        f" On the {absent['episodes']:,} episodes whose start page does not occur in training: {absent['success']:.3f} "
        f"({low:.3f} - {high:.3f}), mean of {absent['tasks']} tasks."
    )


def _table(results: BenchResult) -> str:
    low, high = results.mean_interval
    rows = [
        f"| {row.task} | {row.rate:.2f} | {row.interval.low:.2f} - {row.interval.high:.2f} | {row.failures} |"
        for row in results.tasks
    ]
    return "\n".join([
        f"Strict success {results.mean:.3f} ({low:.3f} - {high:.3f}), mean of {len(results.tasks)} tasks; page seeds "
        f"{results.seeds}; {results.faults} episodes lost to faults of the browser.{_new(results)} Repeat it with "
        f"`{results.config.command}`.", "",
        "| task | success | 95 % interval | failures |", "|---|---|---|---|", *rows,
    ])  # fmt: skip


if __name__ == "__main__":
    main(tyro.cli(Recipe))
