"""One human demonstration as an episode, with what in it was a detour."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from data_gen.human.actions import read_deeds
from data_gen.human.events import Deed, Unconvertible
from data_gen.human.serializer import Serializer
from data_gen.human.tree import content
from envs import tasks
from envs.action import Action, ActionError
from envs.loop import Episode, Step
from envs.observation import Seen

_PICTURE = re.compile(r"^Click on the  ?colored box")
_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


def is_solved(demonstration: dict[str, Any], task: str) -> bool:
    """Whether the person solved the task, by the task's strict rule.

    Raises:
        Unconvertible: if there is no such task.
    """
    if task not in tasks.table():
        raise Unconvertible("unknown task")
    return _raw_reward(demonstration) >= tasks.get(task).success_threshold


def _raw_reward(demonstration: dict[str, Any]) -> float:
    try:
        return float(demonstration.get("rawReward") or 0)
    except (TypeError, ValueError) as error:
        raise Unconvertible("not a demonstration") from error


def convert(demonstration: dict[str, Any], task: str) -> tuple[Episode, list[str]]:
    """Turns one demonstration into an episode.

    Args:
        demonstration: as MiniWoB++ recorded it.
        task: the name of its task.

    Returns:
        The episode, and for each of its steps why it was of no use, empty where that does not show.

    Raises:
        Unconvertible: with the cause.
    """
    instruction = demonstration["utterance"]
    raw_reward = _raw_reward(demonstration)
    success = is_solved(demonstration, task)
    serializer = Serializer()
    episode = Episode(task, None, terminated=True, raw_reward=raw_reward, success=success)
    try:
        _refuse_partial(demonstration, instruction)
        deeds = read_deeds(demonstration["states"], task, instruction, success)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, Unconvertible):
            raise
        raise Unconvertible("states that are not as MiniWoB++ records them") from error
    for number, deed in enumerate(deeds, 1):
        rendered = serializer.render(deed.page)
        if any(node.key not in rendered.by_key for node in deed.targets):
            raise Unconvertible("the element that was acted on is not to be seen")
        refs = (rendered.by_key[node.key] for node in deed.targets)
        try:
            action = Action(deed.verb, (*refs, *deed.rest))
        except ActionError as error:
            raise Unconvertible("an action that our grammar does not have") from error
        seen = Seen(rendered.html, rendered.boxes, rendered.refs).observation(instruction, _NO_PICTURE)
        last = number == len(deeds)
        episode.steps.append(Step(seen, action, float(success and last), raw_reward * last, ""))
    return episode, _detours(deeds)


def _refuse_partial(demonstration: dict[str, Any], instruction: str) -> None:
    """Where what was to be done, or what was done, is not recorded.

    Raises:
        Unconvertible: with the cause.
    """
    times = [float(state["time"]) for state in demonstration["states"] if state["action"] is not None]
    if not times:
        raise Unconvertible("nothing was recorded")
    if _PICTURE.search(instruction):
        raise Unconvertible("the instruction names a colour by a picture, which is not recorded")
    # The reward decays with the time that the task took, in none of those recorded within less than these ms.
    if demonstration.get("rawReward") == 1 and times[-1] + 500 < (1 - float(demonstration["reward"])) * 10_000:
        raise Unconvertible("the last action is not recorded")


def _detours(deeds: list[Deed]) -> list[str]:
    """For each step, why it was of no use; empty where that does not show."""
    reasons = [deed.detour for deed in deeds]
    pages = [content(deed.page) for deed in deeds]
    for number, (deed, page) in enumerate(zip(deeds, pages, strict=True)):
        if number == 0 or deed.verb == "scroll" or deeds[number - 1].verb == "scroll":
            continue
        before = deeds[number - 1]
        idle = content(deed.page, focus=True) == content(before.page, focus=True)
        same = (before.verb, *(node.key for node in before.targets)) == (
            deed.verb,
            *(node.key for node in deed.targets),
        )
        if same and deed.verb == "type":
            reasons[number - 1] = reasons[number - 1] or "typed anew what was typed"
        elif idle or (before.verb == "press" and page == pages[number - 1]):
            reasons[number - 1] = reasons[number - 1] or "did nothing that shows"
        elif same and page == pages[number - 1]:
            reasons[number] = reasons[number] or "did the same twice"
        elif page != pages[number - 1] and page in pages[: number - 1]:
            reasons[number - 1] = reasons[number - 1] or "came back to a page that was there before"
    return reasons
