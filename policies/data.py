"""Trajectories as training samples: tokenised once, drawn by task, cut into blocks of like length."""

from __future__ import annotations

import copy
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from rich.progress import track
from torch.utils.data import DataLoader, Dataset

from data_gen.dataset import NOISE, decode_screenshot, observed, read_dataset
from envs.action import Action
from policies import tokens
from policies.images import ImageMode, stand_in
from policies.matching import OF_THE_PAST, PAST
from policies.measures import NONE
from policies.processor import Example, Processor, TargetError, history_item, outcome

COLUMNS = ["episode_id", "step", "task", "instruction", "html", "boxes", "refs", "screenshot", "last_error", "action",
           "label", "success", "source"]  # fmt: skip
CORPUS_ROWS = 20_000
"""Rows whose text the tokenizer learns from; more change nothing that matters and take minutes."""

T = TypeVar("T")


class TrainError(ValueError):
    """A training that cannot start or go on. The message says why and what to do."""


def read_trajectories(folders: Sequence[Path]) -> pa.Table:
    """The episodes of datasets that succeeded or are labelled, rows of an episode together and in step order.

    Raises:
        DatasetError: if a folder is not a whole dataset, or holds reserved seeds.
        TrainError: if there is no such episode.
    """
    table = pa.concat_tables([read_dataset(folder, columns=COLUMNS, for_training=True) for folder in folders])
    labelled = table.filter(pc.field("label").is_valid())["episode_id"].unique()
    table = table.filter(pc.field("success") | pc.field("episode_id").isin(labelled))
    if not table.num_rows:
        raise TrainError(f"no successful episode in {', '.join(map(str, folders))}: nothing to learn from")
    return table


def corpus(table: pa.Table) -> Iterator[str]:
    """Texts that a tokenizer learns from, from rows spread evenly over the table; held-out episodes are left out."""
    kept = np.flatnonzero(~held_out(table))
    spread = kept[:: max(1, len(kept) // CORPUS_ROWS)]
    for row in table.select(["instruction", "html", "action"]).take(spread).to_pylist():
        yield row["instruction"]
        yield row["html"]
        yield from Action.parse(row["action"]).strings


def held_out(table: pa.Table, share: float = 0.03) -> np.ndarray:
    """Which rows are of held-out episodes, by a hash of the episode's name: the same in every run and process."""
    hashes = [int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) for name in table["episode_id"].to_pylist()]
    return np.array(hashes, np.float64) < share * 2**32


@dataclass
class Samples:
    """A table's rows as examples; all sequences run over the same rows.

    Screenshots stay as they are in the dataset, PNG of 4-10 kB, and are decoded when a batch is made: 0.4 ms a frame,
    less than a hundredth of what a CPU's training step takes, where 100,000 raw ones would fill 10 GB.
    """

    processor: Processor
    examples: list[Example | None]
    """None where there is nothing to imitate: an action that no expert chose or corrected, or one that cannot be a
    target (``TargetError``). Such steps are seen as history."""
    tasks: np.ndarray
    """Task name of each row."""
    starts: np.ndarray
    """For each row, the row of its episode's first step."""
    screenshots: pa.ChunkedArray
    lengths: np.ndarray
    """Tokens of each row's input text; zero without an example."""
    image: ImageMode = "real"
    """What stands in for the screenshots."""

    @classmethod
    def encode(cls, table: pa.Table, processor: Processor, jobs: int = 1, quiet: bool = True, *,
               image: ImageMode = "real", cache: Path | None = None) -> Samples:  # fmt: skip
        """Tokenises every row, ``jobs`` processes at work; rows that lie tokenised in the folder ``cache`` are read."""
        firsts = np.flatnonzero(table["step"].to_numpy() == 0)
        file = tokens.file_of(table, processor, cache) if cache else None
        examples = tokens.read(file) if file else None
        if examples is None:
            bounds = [*firsts[::200].tolist(), table.num_rows]
            text = table.drop_columns(["screenshot"])
            work = (joblib.delayed(_encode)(processor, text.slice(a, b - a).to_pylist()) for a, b in pairwise(bounds))
            parts = cast(Iterable[list[Example | None]], joblib.Parallel(n_jobs=jobs, return_as="generator")(work))
            progress = track(parts, "tokenising", total=len(bounds) - 1, disable=quiet, transient=True)
            examples = [example for part in progress for example in part]
            if file:
                tokens.write(file, examples)
        return cls(
            processor,
            examples,
            tasks=np.array(table["task"].to_pylist()),
            starts=np.repeat(firsts, np.diff([*firsts, table.num_rows])),
            screenshots=table["screenshot"],
            lengths=np.array([len(example) if example else 0 for example in examples]),
            image=image,
        )

    def collate(self, rows: np.ndarray, pictures: bool = True, noise: np.random.Generator | None = None, *,
                forgets: float = 0.0, borrows: float = 0.0) -> dict[str, torch.Tensor]:  # fmt: skip
        """One padded block, its frames decoded; without ``pictures`` no screenshot is looked at.

        Args:
            rows: of the block.
            pictures: whether there are any.
            noise: draws those that are noise, which rows forget, and which borrow.
            forgets: share of the rows whose history is hidden.
            borrows: share of the rows without screenshots that get one of another row of their task.
        """
        examples = [self.examples[row] for row in rows.tolist()]
        noise = noise or np.random.default_rng(0)
        if pictures and self.image != "none":
            pairs = zip(examples, rows, strict=True)
            examples = [replace(example, frames=self._frames(row, noise, borrows)) for example, row in pairs]
        batch = self.processor.collate(examples)
        return hide_history(batch, torch.from_numpy(noise.random(len(rows)) < forgets)) if forgets else batch

    def _frames(self, row: int, noise: np.random.Generator, borrows: float) -> list[np.ndarray | None]:
        numbers = range(row - self.processor.config.frames + 1, row + 1)
        pngs = [self.screenshots[number].as_py() if number >= self.starts[row] else None for number in numbers]
        if borrows and not any(pngs) and noise.random() < borrows and len(shown := self._shown[self.tasks[row]]):
            pngs = [self.screenshots[int(noise.choice(shown))].as_py() for _ in pngs]
        return [stand_in(decode_screenshot(png), self.image, noise) if png else None for png in pngs]

    @cached_property
    def _shown(self) -> dict[str, np.ndarray]:
        """The rows with a screenshot, by task."""
        there = ~self.screenshots.is_null().to_numpy()
        return {task: np.flatnonzero(there & (self.tasks == task)) for task in np.unique(self.tasks)}


def hide_history(batch: dict[str, torch.Tensor], rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Hides the past of some rows, all but that there is one, and what match features tell of it.

    Cloning learns to do again what was done last where that is mostly right, as with arrow keys, and not to look (de
    Haan et al. 2019, arXiv 1905.11979). Where the past is sometimes hidden, it has to look: ChauffeurNet's dropout of
    past motion (Bansal et al. 2018, arXiv 1812.03079).

    Args:
        batch: as ``Processor.collate`` gives it.
        rows: which, bool [B]. One whose action is copied from its history keeps it.
    """
    features = batch["features"]
    past = features[..., PAST] > 0
    hidden = past & (past.cumsum(1) > 1)
    at = batch["positions"].clamp(min=0).flatten(1)
    copied = hidden.gather(1, at) & (batch["positions"].flatten(1) >= 0)
    rows = rows & ~copied.any(1)
    hidden = hidden & rows[:, None]
    known = torch.ones(features.shape[-1], dtype=features.dtype)
    known[OF_THE_PAST] = 0
    return batch | {
        "attention_mask": batch["attention_mask"] & ~hidden,
        "words": batch["words"] & ~hidden,
        "measured": batch["measured"].masked_fill(hidden[..., None], NONE),
        "features": torch.where(rows[:, None, None], features * known, features),
    }


def _encode(processor: Processor, rows: list[dict[str, Any]]) -> list[Example | None]:
    examples, history = [], []
    for row in rows:
        if row["step"] == 0:
            history = []
        row = observed(row)
        if history:
            history[-1] = outcome(history[-1], row)
        action, target = Action.parse(row["action"]), _target(row)
        try:
            examples.append(processor.encode(row, history, (), target) if target else None)
        except TargetError:
            examples.append(None)
        history.append(history_item(row, action))
    return examples


def _target(row: dict[str, Any]) -> Action | None:
    if row["label"] is not None:
        return Action.parse(row["label"])
    return None if row["source"] == NOISE or not row["success"] else Action.parse(row["action"])


class TaskSampler:
    """Draws rows: first a task by its weight, then that task's next row in a shuffled pass over all of them.

    What it draws follows from the seed, the step and ``state``, so a resumed training draws what it would have drawn.

    Args:
        tasks: of all rows.
        rows: numbers of those that may be drawn.
        seed: decides, with the step, what is drawn.
        state: to go on from.
        shares: task -> its share of all that is drawn, whatever its weight.

    Raises:
        TrainError: if there is no row, or the shares do not fit the tasks.
    """

    def __init__(
        self,
        tasks: np.ndarray,
        rows: np.ndarray,
        seed: int,
        state: dict[str, Any] | None = None,
        shares: Mapping[str, float] | None = None,
    ):
        if not rows.size:
            raise TrainError("no row to train on: all episodes are held out, or hold no action that can be learnt")
        self._rows = {str(task): rows[tasks[rows] == task] for task in np.unique(tasks[rows])}
        self._seed = seed
        self._shares = dict(shares or {})
        if unknown := sorted(self._shares.keys() - self._rows.keys()):
            raise TrainError(f"--shares: no task {unknown[0]!r} in the data; there are: {', '.join(self._rows)}")
        others = self._rows.keys() - self._shares.keys()
        if self._shares and not (min(self._shares.values()) >= 0 and sum(self._shares.values()) < 1 and others):
            raise TrainError(f"--shares must be 0 or more and leave something for the other tasks, got {self._shares}")
        self._order: dict[str, tuple[int, np.ndarray]] = {}
        self.state = copy.deepcopy(state) or {
            "drawn": dict.fromkeys(self._rows, 0),
            "weights": dict.fromkeys(self._rows, 1.0),
        }

    @property
    def tasks(self) -> list[str]:
        """All that are drawn from."""
        return [*self._rows]

    def draw(self, step: int, count: int) -> np.ndarray:
        """The rows of one optimizer step."""
        names = list(self._rows)
        weights = np.array([0.0 if name in self._shares else self.state["weights"][name] for name in names])
        weights *= (1 - sum(self._shares.values())) / weights.sum()
        weights += [self._shares.get(name, 0.0) for name in names]
        chosen = np.random.default_rng((self._seed, step)).choice(len(names), size=count, p=weights)
        return np.array([self._next(names[index]) for index in chosen])

    def reweigh(self, errors: dict[str, float], episodes: dict[str, int], floor: float = 0.15) -> None:
        """Gives each task the weight of its error.

        A handful of held-out episodes says little, and none says nothing: each error is drawn towards the mean of all
        as though by one episode more, and a task without one has the mean.

        Args:
            errors: task -> share of its held-out episodes that failed, 0 to 1.
            episodes: task -> how many those are.
            floor: least weight, so that no task is forgotten: at 0.05, where some tasks stay at an error of 1, those
                that are solved would get a tenth of the samples.
        """
        if not errors:
            return
        mean = sum(errors.values()) / len(errors)
        for task in self._rows:
            count = episodes.get(task, 0)
            error = (errors.get(task, 0.0) * count + mean) / (count + 1)
            self.state["weights"][task] = max(error, floor)

    def _next(self, task: str) -> int:
        rows = self._rows[task]
        count, position = divmod(self.state["drawn"][task], len(rows))
        if self._order.get(task, (-1,))[0] != count:
            entropy = int(hashlib.sha256(task.encode()).hexdigest()[:8], 16)
            self._order[task] = count, np.random.default_rng((self._seed, entropy, count)).permutation(rows)
        self.state["drawn"][task] += 1
        return int(self._order[task][1][position])


def prefetch(make: Callable[[Any], T], items: Sequence[Any], processes: int = 0, ahead: int = 2) -> Iterator[T]:
    """``map(make, items)``, worked out ahead of its use.

    Args:
        make: gives tensors, in lists and dictionaries.
        items: what it is given.
        processes: forked from this one, which do it; 0: a thread does.
        ahead: items that are worked out before they are asked for, by each process.
    """
    if processes:
        loader = DataLoader(
            cast(Dataset, _Made(make, items)), batch_size=None, num_workers=processes, prefetch_factor=ahead,
            multiprocessing_context="fork",
        )  # fmt: skip
        yield from loader
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass(frozen=True)
class _Made:
    """``map(make, items)`` by number, as torch's loader asks for it."""

    make: Callable[[Any], Any]
    items: Sequence[Any]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Any:
        return self.make(self.items[number])
