"""What is left of a run: how it ended, in a word and in words, the trace, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_gen.files import write_whole
from envs.loop import Episode, Step
from webagent.cautious import elements_of
from webagent.report import trace_episode, trace_page

SCHEMA = "webagent-run/1"
"""Names the layout of the JSON."""

EXIT_CODES = {"done": 0, "success": 0, "gave-up": 1, "failure": 1, "out-of-budget": 3, "fault": 4}
"""By how a run ended. 2 is what a command that cannot be run returns."""

INTERRUPTED = "interrupted"
"""How a run ended that was told to. What told it decides the exit code."""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        episode: what it left behind.
        ended: one of ``EXIT_CODES``, or ``INTERRUPTED``.
        outcome: the same in words.
        answer: the policy's, where it said that it is done.
    """

    episode: Episode
    ended: str
    outcome: str
    answer: str = ""

    @classmethod
    def of(cls, episode: Episode, page: bool) -> Ending:
        """How an episode ended.

        Args:
            episode: as ``run_episode`` left it.
            page: whether it was on the open web, where no reward says whether the task is done.
        """
        if episode.fault:
            return cls(episode, "fault", f"broken off: {episode.fault}")
        if episode.gave_up:
            return cls(episode, "gave-up", f"gave up: {episode.gave_up}")
        if episode.success:
            return cls(episode, "success", "success")
        if episode.truncated:
            spent = "out of time" if episode.limit == "seconds" else "out of budget"
            return cls(episode, "out-of-budget", f"{spent}: not done after {len(episode.steps)} steps")
        if page:
            return cls(episode, "done", "done", episode.steps[-1].action.strings[0])
        return cls(episode, "failure", "wrong")

    @classmethod
    def broken_off(cls, task: str, seed: int, steps: Sequence[Step], error: BaseException,
                   mask: Callable[[str], str] = str) -> Ending:  # fmt: skip
        """A run that did not end by itself, after some steps.

        Args:
            task: its name.
            seed: of the page.
            steps: what was done.
            error: what ended it.
            mask: takes out of the error's text what nobody must read.
        """
        told = isinstance(error, KeyboardInterrupt | SystemExit)
        fault = INTERRUPTED if told else " ".join(mask(f"{error}").split()) or type(error).__name__
        raw_reward = steps[-1].raw_reward if steps else 0.0
        episode = Episode(task, seed, list(steps), truncated=True, raw_reward=raw_reward, fault=fault)
        return cls(episode, INTERRUPTED, INTERRUPTED) if told else cls.of(episode, page=False)

    @property
    def finished(self) -> bool:
        """Whether the policy said that it is done; of MiniWoB++, whether it is."""
        return EXIT_CODES.get(self.ended) == 0

    def write_trace(self, file: Path, title: str, facts: dict[str, str]) -> None:
        """Writes the page of every step.

        Args:
            file: where to.
            title: of the page; the instruction where it is empty.
            facts: names and values to show above the pictures; empty ones are left out.
        """
        trace = trace_episode(self.episode, "" if self.finished else self.outcome)
        if self.finished:
            trace = replace(trace, outcome=self.outcome)  # the open web pays no reward that would say so
        shown = {"outcome": self.outcome, "answer": self.answer, **facts}
        write_whole(
            file,
            trace_page(
                trace, title or trace.instruction or trace.task, {name: value for name, value in shown.items() if value}
            ),
        )

    def to_json(self, facts: dict[str, Any]) -> str:
        """The same as one JSON object, with these facts."""
        episode = self.episode
        first = episode.steps[0].observation if episode.steps else episode.final_observation
        content = {
            "schema": SCHEMA,
            "finished": self.finished,
            "ended": self.ended,
            "outcome": self.outcome,
            "answer": self.answer,
            **facts,
            "instruction": "" if first is None else first["instruction"],
            "raw_reward": episode.raw_reward,
            "fault": episode.fault,
            "steps": [
                {
                    "action": str(step.action),
                    "elements": elements_of(step.action, step.observation["html"]),
                    "url": step.url,
                    "score": step.score,
                    "reward": step.reward,
                    "error": step.error,
                    "dialogs": step.dialogs,
                }
                for step in episode.steps
            ],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
