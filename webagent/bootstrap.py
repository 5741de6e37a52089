"""``webagent bootstrap``: from a few demonstrations to a policy, by its own successes (WebGUM, arXiv 2305.11854, 4.2).

Round 0 trains on the demonstrations. Each further round rolls the last policy out on new pages, keeps the episodes that
it solved, and trains anew on everything there is. Datasets and policies that are there already are not made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib
from rich.table import Table

from data_gen.collect import CollectConfig, collect
from data_gen.dataset import TRAINING_SEEDS, VALIDATION_SEEDS
from policies.options import TrainConfig
from webagent.benchmark import BenchConfig, bench
from webagent.collection import collect_with
from webagent.output import UsageError, check_folder_writable, console
from webagent.results import BenchResult

SEEDS_A_ROUND = 1_000_000


@dataclass(frozen=True)
class BootstrapConfig:
    """Train a policy from a few demonstrations and then from its own successes.

    A bootstrap that was stopped goes on when the same command is given again.

    examples:
      webagent bootstrap --out runs/boot --tasks click-link enter-text click-option
      webagent bootstrap --out runs/boot --suite webgum56 --demonstrations 100 --rollouts 1000 --rounds 3
    """

    out: Path
    """Folder of all rounds: datasets, training runs, results."""
    suite: str = "thin16"
    """Tasks, where none are named: those of this suite."""
    tasks: tuple[str, ...] = ()
    """These tasks in place of a suite's."""
    demonstrations: int = 20
    """Episodes of the expert per task."""
    rollouts: int = 200
    """Episodes that the policy tries per task and round."""
    rounds: int = 2
    """Rounds of rolling out and training again, after the one on the demonstrations."""
    episodes: int = 20
    """Validation episodes per task after each round."""
    workers: int = field(default_factory=joblib.cpu_count)
    """Processes, each with a browser of its own."""
    training: TrainConfig = field(
        default_factory=lambda: TrainConfig(data=(), out=Path(), steps=500, image_dropout=1.0, threads=1, jobs=2)
    )
    """How each round is trained; its data and out follow from the round. Without pictures where image-dropout is 1."""

    @property
    def pictures(self) -> bool:
        return self.training.image_dropout < 1


@dataclass(frozen=True)
class Round:
    """What came of one round.

    Attributes:
        number: 0 for the demonstrations.
        episodes: that it learnt from, of all rounds so far.
        tried, kept: rollouts of this round and those of them that succeeded; the demonstrations in round 0.
        result: on the validation seeds.
    """

    number: int
    episodes: int
    tried: int
    kept: int
    result: BenchResult


def bootstrap(config: BootstrapConfig) -> list[Round]:
    """Runs the rounds and prints the table of data and success.

    Raises:
        UsageError: if the settings make no sense.
        CollectError, TrainError, DatasetError: as collecting and training do.
    """
    for name in ("demonstrations", "rollouts", "episodes"):
        if not 1 <= getattr(config, name) <= SEEDS_A_ROUND:
            raise UsageError(f"--{name} is from 1 to {SEEDS_A_ROUND}, got {getattr(config, name)}")
    if config.rounds < 0:
        raise UsageError(f"--rounds must not be negative, got {config.rounds}")
    check_folder_writable(config.out)
    out = console()
    datasets: list[Path] = []
    rounds: list[Round] = []
    for number in range(config.rounds + 1):
        out.rule(f"round {number}")
        datasets.append(_gather(config, number))
        policy = _train(config, number, tuple(datasets))
        measured = _measure(config, number, policy)
        tried, kept = _counts(datasets[-1])
        episodes = sum(_counts(folder)[1] for folder in datasets)
        rounds.append(Round(number, episodes, tried, kept, measured))
        out.print(_table(rounds))
    return rounds


def _gather(config: BootstrapConfig, number: int) -> Path:
    collection = CollectConfig(
        out=config.out / f"data-{number}",
        suite=config.suite,
        tasks=config.tasks,
        episodes=config.rollouts if number else config.demonstrations,
        first_seed=TRAINING_SEEDS.start + number * SEEDS_A_ROUND,
        policy=str(config.out / f"run-{number - 1}") if number else "oracle",
        screenshot=config.pictures,
        workers=config.workers,
    )
    return collect_with(collection) if number else collect(collection)


def _train(config: BootstrapConfig, number: int, datasets: tuple[Path, ...]) -> Path:
    from policies import checkpoint
    from policies.train import train

    run = config.out / f"run-{number}"
    latest = checkpoint.latest(run)
    if latest is not None and latest.name == f"step-{config.training.steps:07d}":
        return latest
    return train(replace(config.training, data=datasets, out=run, resume=latest is not None))


def _measure(config: BootstrapConfig, number: int, policy: Path) -> BenchResult:
    return bench(
        BenchConfig(
            suite=config.suite,
            tasks=config.tasks,
            policy=str(policy),
            image="real" if config.pictures else "none",
            episodes=config.episodes,
            first_seed=VALIDATION_SEEDS.start,
            workers=config.workers,
            json=config.out / f"results-{number}.json",
        )
    )


def _counts(dataset: Path) -> tuple[int, int]:
    """Episodes tried and kept."""
    tasks = json.loads((dataset / "dataset.json").read_text())["tasks"].values()
    return sum(task["tally"]["tried"] for task in tasks), sum(task["episodes"] for task in tasks)


def _table(rounds: list[Round]) -> Table:
    table = Table(title="success on validation seeds by round", title_justify="left")
    for name in ("round", "tried", "kept", "episodes learnt from", "success", "95 % interval"):
        table.add_column(name, justify="right")
    for done in rounds:
        low, high = done.result.mean_interval
        table.add_row(
            str(done.number),
            f"{done.tried:,}",
            f"{done.kept:,}",
            f"{done.episodes:,}",
            f"{done.result.mean:.1%}",
            f"{low:.1%} - {high:.1%}",
        )
    return table
