"""One measured episode, and the episodes of one task summed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from envs.loop import Episode
from policies.start_pages import start_page
from webagent.statistics import Interval, wilson_interval


@dataclass(frozen=True)
class EpisodeResult:
    """One episode. ``end`` is ``terminated`` (by the page), ``truncated`` (step limit), ``lost`` or ``fault``."""

    task: str
    seed: int
    instruction: str
    success: bool
    """The strict rule."""
    raw_reward: float
    steps: int
    actions: tuple[str, ...]
    end: str
    note: str
    """What the fault was, or why the policy gave up (``lost``, which is no success)."""
    page: str
    """Names the start page; see ``policies.start_pages``."""
    retried: str = ""
    """The fault in which its first attempt was lost; empty where there was none."""
    trained: bool | None = None
    """Whether a training episode had this start page; None where the checkpoint does not say."""

    @classmethod
    def of(cls, episode: Episode, retried: str = "") -> EpisodeResult:
        """Keeps of an episode what the results file keeps.

        Args:
            episode: as the loop left it.
            retried: the fault of its first attempt.
        """
        first = episode.steps[0].observation if episode.steps else episode.final_observation
        gave_up = bool(episode.gave_up)
        end = "fault" if episode.fault else "lost" if gave_up else "terminated" if episode.terminated else "truncated"
        return cls(
            task=episode.task,
            seed=int(episode.seed or 0),
            instruction=first["instruction"] if first else "",
            success=bool(episode.success),
            raw_reward=float(episode.raw_reward),
            steps=len(episode.steps),
            actions=tuple(str(step.action) for step in episode.steps),
            end=end,
            note=episode.fault or episode.gave_up,
            page=start_page(first["instruction"], first["html"]) if first else start_page("", ""),
            retried=retried,
        )

    @classmethod
    def read(cls, fields: dict[str, Any]) -> EpisodeResult:
        """An episode from its fields as JSON values."""
        fields = {**fields, "actions": tuple(fields["actions"])}
        return cls(**fields)

    @property
    def positive(self) -> bool:
        """Success by BrowserGym's rule."""
        return self.raw_reward > 0 and self.end != "fault"

    @property
    def cause(self) -> str:
        """Why it failed, as far as the environment can tell; empty for a success or a fault."""
        if self.success or self.end == "fault":
            return ""
        if self.end != "terminated":
            return {"lost": "policy gave up", "truncated": "out of steps"}[self.end]
        return "partly right" if self.raw_reward > 0 else "wrong"


@dataclass(frozen=True)
class TaskResult:
    """The episodes of one task, summed up. Rates are over ``scored``, the episodes without a fault."""

    task: str
    scored: int
    successes: int
    positive: int
    """Successes by BrowserGym's rule: raw reward > 0."""
    faults: int
    retried: int
    """Episodes that were run again after a fault."""
    pages: int
    """Distinct start pages."""
    mean_steps: float
    causes: dict[str, int]
    """Of the failures."""
    absent: int | None
    """Scored episodes whose start page does not occur in training; None where the checkpoint does not say."""
    absent_successes: int | None

    @classmethod
    def of(cls, task: str, episodes: Sequence[EpisodeResult]) -> TaskResult:
        """Sums up the episodes of one task."""
        scored = [episode for episode in episodes if episode.end != "fault"]
        absent = [episode for episode in scored if episode.trained is False]
        known = bool(scored) and all(episode.trained is not None for episode in scored)
        return cls(
            task=task,
            scored=len(scored),
            successes=sum(episode.success for episode in scored),
            positive=sum(episode.positive for episode in scored),
            faults=len(episodes) - len(scored),
            retried=sum(bool(episode.retried) for episode in episodes),
            pages=len({episode.page for episode in scored}),
            mean_steps=sum(episode.steps for episode in scored) / max(1, len(scored)),
            causes=dict(Counter(episode.cause for episode in scored if episode.cause).most_common()),
            absent=len(absent) if known else None,
            absent_successes=sum(episode.success for episode in absent) if known else None,
        )

    @property
    def rate(self) -> float:
        return self.successes / max(1, self.scored)

    @property
    def positive_rate(self) -> float:
        return self.positive / max(1, self.scored)

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.successes, self.scored)

    @property
    def failures(self) -> str:
        return ", ".join(f"{count} {cause}" for cause, count in self.causes.items())
