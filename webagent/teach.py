"""``webagent teach``: a policy learns a site from a few recorded demonstrations, in minutes, on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from data_gen.augment import Demonstration, Variants, demonstrations, rows_to_learn, spread, thinned
from data_gen.dataset import DatasetWriter, read_dataset
from data_gen.shards import Row
from data_gen.synthetic import TASK, SynthesizeConfig, synthesize
from webagent.agents import EMBEDDED
from webagent.output import UsageError, check_folder_writable, console

VARIANTS, MADE_UP = ".variants", ".made-up"
"""In the run's folder: the datasets that are trained on."""

SHARD = 100
"""Variants in one of its shards."""

MADE_UP_ROWS = 5
"""Rows of a made-up episode, about: that many are made that each row is seen once."""


@dataclass(frozen=True)
class TeachConfig:
    """Teach a policy a site from a few demonstrations that `webagent record` made of one task, three to ten say.

    Each becomes many: with other values, wordings and rows. Which words are values is found by comparing the
    demonstrations, so give them different ones. At the end the policy is checked on variants with values of their own,
    which it has not seen. `webagent run --policy OUT` then runs it.

    examples:
      webagent teach data/shop --out runs/shop
      webagent teach data/shop --out runs/shop --from runs/before --steps 1000
    """

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder that `webagent record` wrote."""
    out: Path
    """Folder of the training run and its checkpoint."""
    init: Annotated[str, tyro.conf.arg(name="from")] = EMBEDDED
    """embedded (the checkpoint that comes with the package), or a checkpoint folder, to begin with."""
    steps: int = 1000
    """Optimizer steps."""
    batch_size: int = 12
    """Rows of one step."""
    lr: float = 6e-4
    """Highest learning rate."""
    image_dropout: float = 0.9
    """Share of the training that goes without screenshots; at 1 none is read, and the policy is for `--image none`."""
    made_up: float = 0.2
    """Share of the training that is made-up pages (`webagent synthesize`): on a handful of wordings alone the policy
    forgets how else a thing can be said."""
    passes: int = 1
    """How often each variant is seen; fewer passes draw more variants."""
    check: int = 20
    """Held-out variants that the policy is checked on at the end."""
    seed: int = 0
    """Seed of the variants and of the training."""
    threads: int = 0
    """Processor threads; 0 leaves that to torch."""


def teach(config: TeachConfig, out: Console | None = None) -> Path:
    """Makes variants, trains on them, checks.

    Returns:
        The folder of the checkpoint.

    Raises:
        UsageError, DatasetError, CheckpointError, TrainError: if what is given cannot be used.
    """
    out = out or console()
    found = _demonstrations(config)
    from policies import checkpoint
    from policies.train import TrainConfig, train
    from webagent.taught import score

    start = checkpoint.locate(None if config.init == EMBEDDED else config.init)
    variants = Variants(found)
    steps = [len(demonstration.steps) for demonstration in found]
    out.print(f"{len(found)} demonstrations of {min(steps)} to {max(steps)} steps; values: {_some(variants.values)}")
    begun = time.monotonic()
    samples = config.steps * config.batch_size
    own = samples * (1 - config.made_up) / config.passes
    count = max(len(found), math.ceil(own * len(found) / sum(map(rows_to_learn, found))))
    drawn = spread(variants, count, config.seed, screenshot=config.image_dropout < 1)
    _write(config.out / VARIANTS, (thinned(rows, Random(number)) for number, rows in enumerate(drawn)))
    data, shares = [config.out / VARIANTS], {}
    if config.made_up:
        episodes = math.ceil(samples * config.made_up / MADE_UP_ROWS)
        data.append(synthesize(SynthesizeConfig(config.out / MADE_UP, episodes=episodes), Console(quiet=True)))
        shares = {TASK: config.made_up}
    out.print(f"{count} variants in {time.monotonic() - begun:.0f} s; training")
    begun = time.monotonic()
    folder = train(
        TrainConfig(
            data=tuple(data),
            out=config.out,
            init=start,
            steps=config.steps,
            batch_size=config.batch_size,
            lr=config.lr,
            image_dropout=config.image_dropout,
            shares=shares,
            eval_every=config.steps,
            seed=config.seed,
            threads=config.threads,
        )
    )
    out.print(f"trained in {(time.monotonic() - begun) / 60:.1f} minutes")
    own = [[move.row for move in demonstration.steps] for demonstration in found]
    others = list(spread(variants, config.check, config.seed + 1, held_out=True, screenshot=False))
    before, after = ([score(at, rows) for rows in (own, others)] for at in (start, folder))
    out.print(_table(("the demonstrations", "held-out variants"), before, after))
    out.print(f"taught: {folder}; use it with: webagent run --policy {config.out} --url ... --task ...", markup=False)
    return folder


def _demonstrations(config: TeachConfig) -> list[Demonstration]:
    for name in ("steps", "batch_size", "passes", "check"):
        if (value := getattr(config, name)) < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    if not 0 <= config.made_up < 1:
        raise UsageError(f"--made-up is a share from 0 to less than 1, got {config.made_up:g}")
    if not 0 <= config.image_dropout <= 1:
        raise UsageError(f"--image-dropout is a share between 0 and 1, got {config.image_dropout:g}")
    check_folder_writable(config.out)
    if config.out.is_dir() and any(config.out.iterdir()):
        raise UsageError(f"{config.out} is not empty: choose another --out")
    found = demonstrations(read_dataset(config.dataset))
    if not found:
        raise UsageError(f"no successful episode in {config.dataset}: record some with webagent record")
    return found


def _write(folder: Path, episodes: Iterator[list[Row]]) -> None:
    with DatasetWriter(folder) as writer:
        rows: list[Row] = []
        for number, episode in enumerate(episodes, 1):
            rows += episode
            if number % SHARD == 0:
                writer.write(rows[0]["task"], rows)
                rows = []
        if rows:
            writer.write(rows[0]["task"], rows)


def _some(values: set[str]) -> str:
    shown = sorted(values)[:12]
    return ", ".join(shown) + f" and {len(values) - len(shown)} more" * (len(values) > len(shown)) if values else "none"


def _table(names, before, after) -> Table:
    table = Table("with the right steps before it, the policy's", "steps right", "episodes all right", "before")
    for name, old, new in zip(names, before, after, strict=True):
        table.add_row(
            name,
            f"{new.steps:.1%}",
            f"{new.right} of {new.episodes}",
            f"{old.steps:.1%}, {old.right} of {old.episodes}",
        )
    return table
