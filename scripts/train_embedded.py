"""Makes the next embedded checkpoint: collect, train, evaluate, write policies/embedded with its model card.

    python scripts/train_embedded.py --work runs/embedded
    python scripts/train_embedded.py --work runs/eyes --new-vision

It begins with the weights of the present one, or from nothing, collects demonstrations of every task, many more of the
tasks that need them, and, where asked, episodes in which the present one acts and the expert labels what it meets
(DAgger, Ross et al. 2011). So each time it is run is one more stage of the training; with --new-vision one in which
the T5 stays as it is and a fresh ViT learns to see for it. Every part goes on where it stopped: the command can be
given again after an interruption. What comes out is measured on page seeds that follow from the new checkpoint's hash;
whether it is better than the one before is for whoever gives the command to judge.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
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
from policies.options import TrainConfig
from policies.train import train
from webagent.agents import EMBEDDED
from webagent.benchmark import BenchConfig, bench
from webagent.collection import collect_with
from webagent.results import BenchResult

SEEDS_A_PART = 100_000
"""Page seeds from the first of a part of the data to that of the next."""

HARD = {
    "bisect-angle": 5_000,
    "right-angle": 4_000,
    "count-shape": 3_000,
    "simple-algebra": 3_000,
    "tic-tac-toe": 3_000,
    "count-sides": 2_500,
    "email-inbox-forward-nl-turk": 2_500,
    "email-inbox-nl-turk": 2_500,
    "find-midpoint": 2_000,
    "search-engine": 1_500,
    "simple-arithmetic": 1_500,
    "use-slider": 1_500,
    "visual-addition": 1_500,
    "use-slider-2": 1_200,
    "draw-circle": 1_000,
    "email-inbox-forward-nl": 1_000,
    "form-sequence": 1_000,
    "click-shape": 800,
    "click-tab-2-hard": 800,
    "enter-text-2": 800,
    "read-table-2": 800,
    "book-flight": 600,
    "click-tab-2": 600,
    "drag-items-grid": 600,
    "drag-sort-numbers": 600,
    "generate-number": 600,
    "multi-layouts": 600,
    "use-colorwheel": 600,
    "social-media-some": 500,
    "text-editor": 500,
    "choose-date": 400,
    "click-checkboxes-soft": 400,
    "daily-calendar": 400,
    "find-greatest": 400,
    "social-media": 400,
    "circle-center": 300,
    "click-collapsible-2": 300,
    "click-menu-2": 300,
    "copy-paste-2": 300,
    "draw-line": 300,
    "highlight-text": 300,
    "social-media-all": 300,
    "use-spinner": 300,
    "click-pie": 200,
    "stock-market": 150,
}
"""Demonstrations that tasks were found to need beyond those of all: many wordings, long episodes, counting."""


MISSED = {
    "use-slider": 3_000,
    "use-slider-2": 2_000,
    "bisect-angle": 1_500,
    "right-angle": 1_500,
    "daily-calendar": 1_500,
    "form-sequence": 1_000,
    "drag-sort-numbers": 800,
}
"""Demonstrations with, nine times in ten, a mistake to recover from, such as a pixel missed by a little."""


SEEN = {
    "simple-arithmetic": 200,
    "visual-addition": 150,
    "right-angle": 120,
    "simple-algebra": 120,
    "use-slider": 120,
    "use-slider-2": 120,
    "bisect-angle": 60,
    "find-midpoint": 60,
    "form-sequence": 60,
    "text-editor": 60,
    "tic-tac-toe": 60,
    "draw-circle": 50,
    "click-menu-2": 40,
    "daily-calendar": 40,
    "drag-sort-numbers": 40,
    "highlight-text": 40,
    "use-colorwheel": 40,
    "generate-number": 20,
    "guess-number": 20,
    "number-checkboxes": 20,
    "odd-or-even": 20,
    "stock-market": 8,
}
"""Demonstrations with screenshots of tasks that are solved without: else what the ViT sees there disturbs."""


SHAPES = "count-sides"
"""The task in which only the picture tells."""


SHARES = {TASK: 0.03} | {
    "bisect-angle": 0.045, "tic-tac-toe": 0.045, "use-slider-2": 0.045, "count-sides": 0.04, "use-slider": 0.04,
    "count-shape": 0.04, "right-angle": 0.04, "simple-algebra": 0.04, "email-inbox-forward-nl-turk": 0.03,
    "email-inbox-nl-turk": 0.03, "simple-arithmetic": 0.03, "visual-addition": 0.03, "form-sequence": 0.025,
    "book-flight": 0.015, "click-tab-2-hard": 0.015, "drag-items-grid": 0.015, "draw-circle": 0.015,
    "find-midpoint": 0.015, "search-engine": 0.015, "text-editor": 0.015, "drag-sort-numbers": 0.012,
    "email-inbox-forward-nl": 0.012, "use-colorwheel": 0.012, "choose-date": 0.01, "click-shape": 0.01,
    "daily-calendar": 0.01, "enter-text-2": 0.01, "read-table-2": 0.01, "social-media": 0.01,
    "social-media-some": 0.01, "use-spinner": 0.01, "choose-date-nodelay": 0.008, "click-checkboxes-large": 0.008,
    "generate-number": 0.008, "highlight-text": 0.008, "copy-paste-2": 0.006, "number-checkboxes": 0.004,
    "stock-market": 0.004, "hot-cold": 0.002,
}  # fmt: skip
"""Shares of the samples that do not follow from a task's errors: of made-up pages, of tasks that more episodes still
teach, and, the least, of those that none have taught so far, which would have the most by their errors."""


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
    new_vision: bool = False
    """Train a fresh ViT for the checkpoint that it begins with, and nothing else: an hour on two cores. Of what
    follows, only suite, first_seed, recovery and workers count then."""
    suite: str = "browsergym125"
    """Tasks that are learnt."""
    demonstrations: int = 120
    """Episodes of the expert per task, without screenshots but where the expert reads them."""
    pictures: int = 8
    """Episodes of the expert per task with screenshots."""
    synthetic: int = 5_000
    """Episodes of made-up pages."""
    rollouts: int = 0
    """Episodes per task in which the checkpoint that it begins with acts and the expert labels."""
    first_seed: int = TRAINING_SEEDS.start
    """First page seed of the data; another stage takes others."""
    recovery: float = 0.2
    """Share of demonstrations with one mistake, from which the expert recovers."""
    workers: int = 4
    """Processes that collect and measure."""
    training: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            data=(),
            out=Path(),
            processor=ProcessorConfig(vocab_size=4096),
            steps=1_100,
            batch_size=1_024,
            micro_tokens=300_000,
            padding=32_768,
            lr=1.5e-3,
            warmup=0.04,
            ema=0.998,
            image_dropout=0.0,
            borrowed=0.65,
            history_dropout=0.1,
            sight=1.0,
            eval_every=550,
            eval_episodes=6,
            shares=SHARES,
            jobs=os.cpu_count() or 1,
            loaders=14 if torch.cuda.is_available() else 0,
        )
    )
    """How to train, as the stage on a GPU of the checkpoint that is shipped (its card tells of the others), but for
    borrowed, history_dropout and sight, for which later tries on two cores spoke: four minutes on an H100, hours on
    two cores, where micro_tokens and padding fit better as in `webagent train`. Data, out, init, resume follow from
    the rest."""

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
    """Collects, trains, measures."""
    if recipe.new_vision and recipe.from_nothing:
        raise SystemExit("--new-vision is for the T5 of a checkpoint: leave out --from-nothing")
    begun = recipe.begins_with()
    if recipe.new_vision and begun:
        publish(recipe, new_eyes(recipe, begun))
    else:
        data, names = tuple(datasets(recipe, begun)), {TASK, *(task.name for task in tasks.select(recipe.suite))}
        shares = {task: share for task, share in recipe.training.shares.items() if task in names}
        training = replace(recipe.training, data=data, out=recipe.work / "run", init=begun, shares=shares)
        publish(recipe, _train(training))


def new_eyes(recipe: Recipe, begun: Path) -> Path:
    """Trains a fresh ViT for a checkpoint's T5, which stays as it is.

    It learns first where only the picture tells, then among all tasks, where it should not change what the checkpoint
    does.

    Args:
        recipe: the settings.
        begun: the checkpoint.

    Returns:
        The finished one.
    """
    usual = CollectConfig(recipe.work, suite=recipe.suite, workers=recipe.workers, recovery=recipe.recovery)
    first, second = recipe.first_seed, recipe.first_seed + SEEDS_A_PART
    shapes = replace(usual, out=recipe.work / SHAPES, tasks=(SHAPES,), episodes=2_000, first_seed=first)
    pictures = replace(usual, out=recipe.work / "pictures", episodes=75, first_seed=second, shard_episodes=25)
    data = collect(shapes), collect(pictures)
    how = TrainConfig(
        data=data, out=recipe.work / "run", trained="vision", image_dropout=0.0, lr=1e-3, jobs=os.cpu_count() or 1
    )
    sees = replace(how, data=data[:1], out=recipe.work / "eyes", init=begun, new_vision=True, sight=1.0)
    seeing = _train(replace(sees, steps=300, ema=0.98))
    calm = replace(how, init=seeing, teacher=begun, believed=0.0, labelled=(SHAPES,), shares={SHAPES: 0.15})
    return _train(replace(calm, borrowed=1.0, steps=1_600, ema=0.995, eval_every=400, eval_episodes=6))


def _train(config: TrainConfig) -> Path:
    return train(replace(config, resume=checkpoint.latest(config.out) is not None))


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


def datasets(recipe: Recipe, begun: Path | None) -> Iterator[Path]:
    """Collects what is learnt; datasets that are there already are left as they are.

    Args:
        recipe: the settings.
        begun: checkpoint that the training begins with.

    Yields:
        The folder of each dataset.
    """
    seeds = itertools.count(recipe.first_seed, SEEDS_A_PART)
    usual = CollectConfig(
        recipe.work, suite=recipe.suite, workers=recipe.workers, shard_episodes=50, recovery=recipe.recovery
    )
    # Without screenshots many are collected in minutes.
    plain = replace(usual, out=recipe.work / "demonstrations", episodes=recipe.demonstrations, screenshot=False)
    yield collect(replace(plain, first_seed=next(seeds)))
    yield collect(
        replace(usual, out=recipe.work / "pictures", episodes=recipe.pictures, first_seed=next(seeds), shard_episodes=8)
    )
    names = {task.name for task in tasks.select(recipe.suite)}
    parts = (
        ("hard", HARD, plain),
        ("missed", MISSED, replace(plain, recovery=0.9)),
        ("seen", SEEN, replace(usual, shard_episodes=40)),
    )
    for part, wanted, how in parts:
        first = next(seeds)
        for task in sorted(wanted.keys() & names):
            out = recipe.work / part / task
            yield collect(replace(how, out=out, tasks=(task,), episodes=wanted[task], first_seed=first))
    yield synthesize(SynthesizeConfig(recipe.work / "synthetic", episodes=recipe.synthetic, first_seed=next(seeds)))
    if begun is not None and recipe.rollouts:
        out, first = recipe.work / "rollouts", next(seeds)
        acted = replace(usual, out=out, episodes=recipe.rollouts, first_seed=first, recovery=0.0)
        yield collect_with(replace(acted, policy=str(begun), relabel=True))


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
