"""``webagent teach``: a policy learns a site from a few recorded demonstrations, in minutes, on this machine."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Annotated

import pyarrow as pa
import tyro
from rich.console import Console
from rich.table import Table

from data_gen.augment import Variants, demonstrations, rows_to_learn, spread, thinned
from data_gen.dataset import MANIFEST, DatasetError, DatasetWriter, read_dataset
from data_gen.files import write_whole
from data_gen.shards import Row
from data_gen.synthetic import TASK, SynthesizeConfig, synthesize
from policies.options import TrainConfig
from webagent.agents import EMBEDDED
from webagent.output import UsageError, check_folder_writable, console

VARIANTS, MADE_UP = ".variants", ".made-up"
"""In the folder of a teaching: the datasets that are trained on."""

RUN = "training"
"""The training run in it. Its last checkpoint moves up when it is done: until then the folder holds no policy."""

SETTINGS = "teaching.json"
"""What decides what is learnt: the same command goes on, another is refused."""

FREE = ("dataset", "out", "init", "check", "save_minutes", "threads")
"""Settings that are not in there; of the demonstrations and the checkpoint to begin with, hashes are."""

SHARD = 100
"""Variants in one of its shards."""

MADE_UP_ROWS = 5
"""Rows of a made-up episode, about: that many are made that each row is seen once."""


@dataclass(frozen=True)
class TeachConfig:
    """Teach a policy a site from a few demonstrations that `webagent record` made of one task, three to ten say.

    Each becomes many: with other values, wordings and rows. Which words are values is found by comparing the
    demonstrations, so give them different ones. At the end the policy is checked on variants with values of their own,
    which it has not seen. `webagent run --policy OUT` then runs it. A teaching that was stopped goes on when the same
    command is given again.

    examples:
      webagent teach data/shop --out runs/shop
      webagent teach data/shop --out runs/shop --from runs/before --steps 1000
    """

    dataset: Annotated[Path, tyro.conf.Positional]
    """Folder that `webagent record` wrote."""
    out: Path
    """Folder of the checkpoint, and of the training run."""
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
    save_minutes: float = 2.0
    """Minutes from one checkpoint that a stopped teaching goes on from to the next."""
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
    table = _recorded(config)
    found = demonstrations(table)
    if not found:
        raise UsageError(f"no successful episode in {config.dataset}: record some with webagent record")
    from policies import checkpoint
    from policies.checks import check
    from policies.train import train
    from webagent.taught import score

    start = checkpoint.locate(None if config.init == EMBEDDED else config.init)
    begun = checkpoint.latest(config.out / RUN)
    training = TrainConfig(
        data=(config.out / VARIANTS, config.out / MADE_UP) if config.made_up else (config.out / VARIANTS,),
        out=config.out / RUN,
        init=start,
        steps=config.steps,
        batch_size=config.batch_size,
        lr=config.lr,
        image_dropout=config.image_dropout,
        shares={TASK: config.made_up} if config.made_up else {},
        eval_every=config.steps,
        save_minutes=config.save_minutes,
        resume=begun is not None,
        seed=config.seed,
        threads=config.threads,
    )
    check(training, 1)
    _claim(config, table, checkpoint.sha256(start))
    variants = Variants(found)
    steps = [len(demonstration.steps) for demonstration in found]
    out.print(f"{len(found)} demonstrations of {min(steps)} to {max(steps)} steps; values: {_some(variants.values)}")
    if (folder := checkpoint.latest(config.out)) is None:
        _make(config, variants, out)
        out.print(f"going on from {begun.name}" if begun else "training")
        since = time.monotonic()
        trained = train(training)
        folder = trained.rename(config.out / trained.name)
        out.print(f"trained in {(time.monotonic() - since) / 60:.1f} minutes")
    own = [[move.row for move in demonstration.steps] for demonstration in found]
    others = list(spread(variants, config.check, config.seed + 1, held_out=True, screenshot=False))
    before, after = ([score(at, rows) for rows in (own, others)] for at in (start, folder))
    out.print(_table(("the demonstrations", "held-out variants"), before, after))
    out.print(f"taught: {folder}; use it with: webagent run --policy {config.out} --url ... --task ...", markup=False)
    return folder


def _recorded(config: TeachConfig) -> pa.Table:
    for name in ("passes", "check"):
        if (value := getattr(config, name)) < 1:
            raise UsageError(f"--{name} must be at least 1, got {value}")
    if not 0 <= config.made_up < 1:
        raise UsageError(f"--made-up is a share from 0 to less than 1, got {config.made_up:g}")
    check_folder_writable(config.out)
    folder = config.dataset
    if not (folder / MANIFEST).is_file():
        what = f"{folder} holds no recordings" if folder.is_dir() else f"there is no folder {folder}"
        raise UsageError(f"{what}; make some with: webagent record --url ... --task ... --out {folder}")
    table = read_dataset(folder)
    if len(tasks := table["task"].unique()) > 1:
        raise UsageError(f"{folder} holds {len(tasks)} tasks; teach learns one, from what `webagent record` wrote")
    return table


def _claim(config: TeachConfig, table: pa.Table, start: str) -> None:
    """Begins a folder, or finds that what it holds can be gone on with.

    Args:
        config: the settings.
        table: the demonstrations.
        start: the hash of the checkpoint to begin with.

    Raises:
        UsageError: if it holds something else.
    """
    from policies.tokens import digest

    settings = {name: value for name, value in asdict(config).items() if name not in FREE}
    settings |= {"demonstrations": digest(table, table.column_names), "from": start}
    file = config.out / SETTINGS
    if file.is_file():
        theirs = json.loads(file.read_bytes())
        if other := [name for name in settings if settings[name] != theirs.get(name)]:
            raise UsageError(
                f"{config.out} holds a teaching with other {', '.join(other)}: give the same to go on with it, "
                "or choose another --out"
            )
    elif config.out.is_dir() and any(config.out.iterdir()):
        raise UsageError(f"{config.out} is not empty: choose another --out")
    else:
        write_whole(file, json.dumps(settings, indent=2) + "\n")


def _make(config: TeachConfig, variants: Variants, out: Console) -> None:
    """Makes the datasets, unless they are there."""
    begun = time.monotonic()
    samples = config.steps * config.batch_size
    if config.made_up:
        episodes = math.ceil(samples * config.made_up / MADE_UP_ROWS)
        synthesize(SynthesizeConfig(config.out / MADE_UP, episodes=episodes), Console(quiet=True))
    if _is_whole(config.out / VARIANTS):
        return
    shown = variants.demonstrations
    own = samples * (1 - config.made_up) / config.passes
    count = max(len(shown), math.ceil(own * len(shown) / sum(map(rows_to_learn, shown))))
    drawn = spread(variants, count, config.seed, screenshot=config.image_dropout < 1)
    _write(config.out / VARIANTS, (thinned(rows, Random(number)) for number, rows in enumerate(drawn)))
    out.print(f"{count} variants in {time.monotonic() - begun:.0f} s")


def _is_whole(folder: Path) -> bool:
    try:
        read_dataset(folder, ["step"])
    except DatasetError:
        return False
    return True


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
