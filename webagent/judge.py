"""``webagent bench --second-judge``: BrowserGym's own task pages replay the actions and judge them again.

BrowserGym pins an old Playwright, so it lives in an environment of its own and is spoken to through a pipe
(``webagent.judge_worker``). Every episode is replayed on a page with the same page seed, in real time.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from envs import tasks as task_table
from envs.browser import find_chromium
from envs.miniwob import page_url
from webagent.episodes import EpisodeResult
from webagent.output import UsageError

WORKER = Path(__file__).with_name("judge_worker.py")
SAME = 1e-6
"""Raw rewards that differ by less are the same: some are distances."""


@dataclass(frozen=True)
class Verdict:
    """What the second judge says of one episode."""

    task: str
    seed: int
    raw_reward: float
    """As the benchmark measured it."""
    other: float
    """As the second judge did; 0 where the page did not end."""
    done: bool
    goal: str
    refused: str
    """The first action that the other page did not take, and why."""
    ended: str
    """Why BrowserGym itself ended the episode, with nothing, as where its page's address has changed."""
    page_reward: float | None
    """The raw reward that the other page gave after that; None where there was no such end."""
    fault: str
    """What broke in the second judge's browser: then there is no judgement."""
    cause: str
    """Why BrowserGym's reward (raw reward > 0) differs; empty where it does not."""

    @classmethod
    def of(cls, episode: EpisodeResult, answer: dict[str, Any]) -> Verdict:
        """Compares an episode with the worker's answer."""
        fields: dict[str, Any] = {"goal": "", "refused": "", "ended": "", "fault": "", "done": False}
        fields |= {"raw_reward": 0.0, "page_reward": None} | answer
        cause = ""
        if not fields["fault"] and episode.positive != (fields["raw_reward"] > 0):
            if fields["goal"] != episode.instruction:
                cause = "another instruction"
            elif fields["ended"]:
                cause = f"BrowserGym ended it: {fields['ended']}"
            elif fields["refused"]:
                cause = "an action was refused"
            else:
                cause = "another reward" if fields["done"] else "the page did not end"
        return cls(
            task=episode.task,
            seed=episode.seed,
            raw_reward=episode.raw_reward,
            other=fields["raw_reward"],
            done=fields["done"],
            goal=fields["goal"],
            refused=fields["refused"],
            ended=fields["ended"],
            page_reward=fields["page_reward"],
            fault=fields["fault"],
            cause=cause,
        )

    @property
    def other_raw(self) -> bool:
        """Whether the raw rewards differ, though both or neither are successes by BrowserGym's rule."""
        return not self.cause and not self.fault and abs(self.raw_reward - self.other) > SAME


@dataclass(frozen=True)
class Judgement:
    """All verdicts. ``unknown`` are the tasks that the second judge does not have."""

    version: str
    verdicts: tuple[Verdict, ...]
    unknown: tuple[str, ...]

    @property
    def judged(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.fault]

    @property
    def differences(self) -> list[Verdict]:
        return [verdict for verdict in self.judged if verdict.cause]

    def to_json(self) -> str:
        content = {
            "judge": f"browsergym-miniwob {self.version}",
            "episodes": len(self.judged),
            "same_reward": len(self.judged) - len(self.differences),
            "unknown_tasks": self.unknown,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @property
    def sentence(self) -> str:
        """How many rewards are the same."""
        judged, same = len(self.judged), len(self.judged) - len(self.differences)
        return (
            f"Second judge, BrowserGym {self.version}: the same reward (raw > 0) in {same} of {judged} episodes "
            f"({same / max(1, judged):.1%}); {sum(v.other_raw for v in self.judged)} more differ in raw reward alone."
        )

    def print(self, console: Console) -> None:
        """Prints how many agree, and every difference."""
        differences = self.differences
        console.print(self.sentence)
        if faults := len(self.verdicts) - len(self.judged):
            console.print(f"{faults} episodes could not be replayed: {self._fault()}")
        if self.unknown:
            console.print(f"Not among its tasks: {', '.join(self.unknown)}.")
        for cause, count in Counter(verdict.cause for verdict in differences).most_common():
            console.print(f"  {count} x {cause}")
        for verdict in differences:
            said = f"; {verdict.refused}" if verdict.refused else ""
            if verdict.page_reward is not None:
                said += f"; its page gave {verdict.page_reward:g}"
            console.print(f"    {verdict.task} {verdict.seed}: {verdict.raw_reward:g}, there {verdict.other:g}{said}")

    def _fault(self) -> str:
        return next(verdict.fault for verdict in self.verdicts if verdict.fault)


def judge(episodes: Sequence[EpisodeResult], python: Path, console: Console) -> Judgement:
    """Has every episode judged again.

    Args:
        episodes: of a benchmark; those of other tasks than BrowserGym's, and faults, are left out.
        python: the interpreter of an environment with ``browsergym-miniwob``.
        console: for the progress.

    Raises:
        UsageError: if the interpreter cannot do it.
    """
    distinct = {(e.task, e.seed): e for e in episodes if e.end != "fault"}.values()
    with _worker(python) as (worker, greeting):
        known = [episode for episode in distinct if episode.task in greeting["tasks"]]
        unknown = sorted({episode.task for episode in distinct} - set(greeting["tasks"]))
        verdicts = []
        for episode in track(known, "second judge", console=console, transient=True, disable=not console.is_terminal):
            task = task_table.get(episode.task)
            job = {"task": task.name, "seed": episode.seed, "actions": episode.actions, "tick_ms": task.tick_ms}
            verdicts.append(Verdict.of(episode, _ask(worker, json.dumps(job) + "\n")))
    return Judgement(greeting["version"], tuple(verdicts), tuple(unknown))


@contextmanager
def _worker(python: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    pages = page_url("click-button").removesuffix("click-button.html")
    command = [str(python), str(WORKER), find_chromium(), pages]
    try:
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise UsageError(f"--second-judge {python} cannot be started: {error.strerror}") from error
    try:
        yield worker, _ask(worker, "")
    finally:
        if worker.stdin is not None:
            worker.stdin.close()
        try:
            worker.wait(timeout=20)
        except subprocess.TimeoutExpired:
            worker.kill()


def _ask(worker: subprocess.Popen[str], question: str) -> dict[str, Any]:
    assert worker.stdin is not None and worker.stdout is not None
    try:
        worker.stdin.write(question)
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())
    except (ValueError, OSError):
        raise UsageError(
            "--second-judge needs the Python of an environment with browsergym-miniwob, numpy, pillow and gymnasium; "
            "this one ended without an answer (its own message stands above)"
        ) from None
