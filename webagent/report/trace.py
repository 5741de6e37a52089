"""An episode as a report shows it: pictures as PNG, and where on them the action took place."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data_gen.dataset import encode_screenshot
from envs.action import Action
from envs.loop import Episode, Observation, Step


@dataclass(frozen=True)
class Mark:
    """A place on the screenshot, in its pixels: a rectangle, or a point where width and height are 0."""

    x: float
    y: float
    width: float = 0.0
    height: float = 0.0

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class TraceStep:
    """One decision, with the page as it was before the action."""

    picture: bytes
    """PNG, lossless; empty where there is none."""
    size: tuple[int, int]
    """Width and height of the picture in pixels."""
    html: str
    action: str
    refs: tuple[int, ...]
    marks: tuple[Mark, ...]
    """Where the action took place, in the order of the action's arguments."""
    score: float | None
    reward: float
    raw_reward: float
    error: str
    label: str = ""
    """What an expert would have done, where it is not what was done."""
    source: str = ""
    """Who chose the action, where a dataset says so."""
    dialogs: tuple[str, ...] = ()
    """What dialogs of the page said."""


@dataclass(frozen=True)
class Trace:
    """One episode. ``outcome`` is ``success``, ``failure``, ``fault`` or ``done``; ``note`` says more."""

    task: str
    seed: int | None
    instruction: str
    outcome: str
    note: str
    raw_reward: float
    steps: tuple[TraceStep, ...]
    final_picture: bytes
    final_size: tuple[int, int]

    @property
    def key(self) -> str:
        """Names the episode within one report; fit for an anchor."""
        return f"{self.task}-{self.seed}"


def trace_episode(episode: Episode, note: str = "") -> Trace:
    """Makes an episode ready for a report.

    Args:
        episode: as ``run_episode`` left it, with real screenshots.
        note: why it ended, where the episode does not say so itself.
    """
    last = episode.final_observation
    first = episode.steps[0].observation if episode.steps else last
    outcome = "fault" if episode.fault else "success" if episode.success else "failure"
    return Trace(
        task=episode.task,
        seed=episode.seed,
        instruction="" if first is None else first["instruction"],
        outcome=outcome,
        note=episode.fault or note,
        raw_reward=episode.raw_reward,
        steps=tuple(map(_trace_step, episode.steps)),
        final_picture=b"" if last is None else encode_screenshot(last["screenshot"]),
        final_size=(0, 0) if last is None else _size(last),
    )


def marks_of(action: Action, observation: Observation) -> tuple[Mark, ...]:
    """The places an action names: the boxes of its refs, or its coordinates. None for a ref that is not there."""
    if action.verb in ("click_xy", "drag_xy"):
        pixels = [float(argument) for argument in action.args]
        return tuple(Mark(x, y) for x, y in zip(pixels[::2], pixels[1::2], strict=True))
    marks = []
    for ref in action.refs:
        rows = np.flatnonzero(observation["refs"] == ref)
        if rows.size:
            marks.append(Mark(*map(float, observation["boxes"][rows[0]])))
    return tuple(marks)


def _trace_step(step: Step) -> TraceStep:
    return TraceStep(
        picture=encode_screenshot(step.observation["screenshot"]),
        size=_size(step.observation),
        html=step.observation["html"],
        action=str(step.action),
        refs=step.action.refs,
        marks=marks_of(step.action, step.observation),
        score=step.score,
        reward=step.reward,
        raw_reward=step.raw_reward,
        error=step.error,
        dialogs=step.dialogs,
    )


def _size(observation: Observation) -> tuple[int, int]:
    height, width = observation["screenshot"].shape[:2]
    return width, height


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """A trace as JSON values; pictures become base64."""
    return asdict(trace, dict_factory=lambda items: {name: _text_of(value) for name, value in items})


def trace_from_json(fields: dict[str, Any]) -> Trace:
    """The trace that ``trace_to_json`` was given."""
    steps = [
        TraceStep(
            **step
            | {
                "picture": base64.b64decode(step["picture"]),
                "size": tuple(step["size"]),
                "refs": tuple(step["refs"]),
                "marks": tuple(Mark(**mark) for mark in step["marks"]),
                "dialogs": tuple(step.get("dialogs", ())),
            }
        )
        for step in fields["steps"]
    ]
    picture, size = base64.b64decode(fields["final_picture"]), tuple(fields["final_size"])
    return Trace(**fields | {"steps": tuple(steps), "final_picture": picture, "final_size": size})


def _text_of(value: Any) -> Any:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
