"""Replays actions in BrowserGym's task pages: runs in BrowserGym's own environment, started by ``webagent.judge``.

A line of JSON on stdin, ``{"task", "seed", "actions", "tick_ms"}``, asks for one episode; the answer, a line on stdout,
has ``reward`` (BrowserGym's), ``raw_reward``, ``done``, ``goal``, ``refused`` (the first action that the page did not
take, and why), ``ended`` (why BrowserGym itself ended the episode, with nothing) and ``page_reward`` (the raw reward
that the page gave all the same, as the rest is replayed). The page is opened, set up and judged by BrowserGym's task
class; only the way from an action's ref to a place on the page is ours, and time is real.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class GivenSeed:
    """In place of a task's generator, which draws nothing but the page seed."""

    def __init__(self, page_seed: int):
        self._page_seed = page_seed

    def randint(self, *bounds: int) -> int:
        return self._page_seed


def replay(browser: Any, tasks: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """One episode on a page of its own."""
    from envs.action import Action, ActionError
    from envs.actuator import Actuator
    from envs.miniwob import FURNITURE, script
    from envs.observation import MAX_ELEMENTS

    task = tasks[job["task"]](seed=0)
    task.random = GivenSeed(job["seed"])
    context = browser.new_context(viewport=task.viewport, device_scale_factor=1, locale="en-US", timezone_id="UTC")
    try:
        context.set_default_timeout(task.timeout)
        context.add_init_script(script("page.js"))
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        goal, _ = task.setup(page)
        options = json.dumps({"maxElements": MAX_ELEMENTS, "furniture": FURNITURE})
        hands = Actuator(page, context.new_cdp_session(page), f"__webagent.observe({options})")
        page.wait_for_timeout(job["tick_ms"])
        seen = hands.observe()
        answer = {"goal": goal, "reward": 0.0, "raw_reward": 0.0, "done": False, "refused": "", "ended": ""}
        for text in job["actions"]:
            try:
                hands.carry_out(Action.parse(text), seen)
            except ActionError as error:
                answer["refused"] = answer["refused"] or f"{text}: {error}"
            page.wait_for_timeout(job["tick_ms"])
            seen = hands.observe()
            answer["reward"], answer["done"], _, info = task.validate(page, [])
            if error := info.get("error"):
                answer["ended"], info = error, task._get_info()
                answer["page_reward"] = float(info["RAW_REWARD_GLOBAL"])
                if info["DONE_GLOBAL"]:
                    break
            elif answer["done"]:
                answer["raw_reward"] = float(info["RAW_REWARD_GLOBAL"])
                break
        return answer
    finally:
        context.close()


def main() -> None:
    chromium, pages = sys.argv[1:]
    # Libraries print; the pipe is for answers only.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    os.environ["MINIWOB_URL"] = pages
    sys.path.insert(0, str(ROOT))
    from importlib.metadata import version

    from browsergym.miniwob import ALL_MINIWOB_TASKS  # pyright: ignore[reportMissingImports]
    from playwright.sync_api import Error, sync_playwright

    from envs.browser import ARGUMENTS, FILE_ACCESS, sandbox_wanted

    tasks = {task.get_task_id().removeprefix("miniwob."): task for task in ALL_MINIWOB_TASKS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, chromium_sandbox=sandbox_wanted(), args=[*ARGUMENTS, FILE_ACCESS]
        )
        greeting = {"tasks": sorted(tasks), "version": version("browsergym-miniwob"), "browser": browser.version}
        answers.write(json.dumps(greeting) + "\n")
        for line in sys.stdin:
            try:
                answer = replay(browser, tasks, json.loads(line))
            except Error as error:
                answer = {"fault": error.message.splitlines()[0][:200]}
            answers.write(json.dumps(answer) + "\n")
        browser.close()


if __name__ == "__main__":
    main()
