"""What a person sees of a collection: how far it is, how fast, and what fails."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from data_gen.shards import Shard


class _Rate(ProgressColumn):
    """Episodes a second since the start of this call, all workers together."""

    def render(self, task: Task) -> Text:
        done = task.completed - task.fields["kept_from_before"]
        return Text(
            f"{done / task.elapsed:.1f} episodes/s" if done and task.elapsed else "", style="progress.data.speed"
        )


class CollectionProgress:
    """A bar, and a line for each task that is finished.

    Args:
        console: where it goes.
        names: the tasks.
        episodes: to be tried of each task.
        found: shards that are there already.
    """

    def __init__(self, console: Console, names: list[str], episodes: int, found: list[Shard]):
        self.bar = Progress(
            TextColumn("collecting"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(),
            TextColumn("{task.fields[failures]}", style="yellow"), console=console,
        )  # fmt: skip
        self._console, self._episodes = console, episodes
        self._tallies: dict[str, Counter[str]] = {name: Counter() for name in names}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._collected: Counter[str] = Counter()  # episodes tried in this call
        for shard in found:
            self._tallies[shard.task].update(shard.tally)
        before = self._total()["tried"]
        self._line = self.bar.add_task(
            "", total=episodes * len(names), completed=before, kept_from_before=before, failures=""
        )
        if before:
            console.print(f"going on: {before} of {episodes * len(names)} episodes are there already")

    def add(self, shard: Shard, seconds: float, complaint: str) -> None:
        """Counts in a shard, how long a worker took for it, and its first failure in words, if there was one."""
        task, tally = shard.task, shard.tally
        self._tallies[task].update(tally)
        self._seconds[task] += seconds
        self._collected[task] += tally["tried"]
        if complaint:
            self._console.print(complaint, style="yellow", markup=False)
        if self._tallies[task]["tried"] == self._episodes:
            rate = self._collected[task] / self._seconds[task]
            self._console.print(f"{task}: {_in_words(self._tallies[task])}, {rate:.1f} episodes/s a worker")
        total = self._total()
        self.bar.update(self._line, completed=total["tried"], failures=_failures(total))

    def summary(self) -> None:
        """The last line: all tasks together."""
        self._console.print(f"all {len(self._tallies)} tasks: {_in_words(self._total())}")

    def _total(self) -> Counter[str]:
        return sum(self._tallies.values(), Counter())


def _in_words(tally: Counter[str]) -> str:
    return ", ".join(filter(None, [f"{tally['kept']} of {tally['tried']} episodes kept", _failures(tally)]))


def _failures(tally: Counter[str]) -> str:
    return ", ".join(f"{tally[cause]} {cause}" for cause in ("lost", "unsolved", "fault") if tally[cause])
