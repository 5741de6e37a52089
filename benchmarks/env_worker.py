"""One MiniWoB++ environment behind a pipe, timed where it runs.

``bench_env.py`` starts this file once per library, each with the Python of that library's own virtual environment, so
nothing outside the standard library is imported at the top. A line of JSON ``{"seed": 7, "steps": 5}`` on stdin asks
for one episode; the answer is a line ``{"reset": seconds, "step": [seconds, ...]}`` on stdout. For ``bench_faults.py``
a line ``{"harm": what}`` asks for an episode in which that befalls the page; see ``harmed``.

The step is the same everywhere: a click on the yellow instruction line, which no listener answers, so that the
episode goes on and every library has the same work to do. It goes to two places in turn, so that the pointer moves.
Each library is used as its documentation says, with its defaults, by its ordinary click at coordinates.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

POINTS = ((20, 20), (120, 30))
"""Two points of the instruction line, in CSS pixels of the page."""


class Webagent:
    """This repository."""

    packages = ("playwright",)

    def __init__(self, chromium: str, pages: str):
        os.environ["WEBAGENT_CHROMIUM"] = chromium
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        import gymnasium

        import envs  # noqa: F401  (registers the ids)

        self.env = gymnasium.make("webagent/click-button-v1", screenshot=True, max_steps=1000)
        self.actions: Any = [f"click_xy {x} {y}" for x, y in POINTS]

    def check(self, observation: dict[str, Any]) -> None:
        _check(observation["html"], observation["screenshot"], observation["last_error"])

    def run(self, script: str) -> None:
        environment: Any = self.env.unwrapped
        environment._actuator.evaluate(f"{script} && 0")


class BrowserGym:
    """BrowserGym by ServiceNow: Playwright, browsers started anew at each reset."""

    packages = ("browsergym-core", "browsergym-miniwob", "playwright")

    def __init__(self, chromium: str, pages: str):
        os.environ["MINIWOB_URL"] = pages
        import browsergym.miniwob  # pyright: ignore[reportMissingImports] # noqa: F401  (registers the ids)
        import gymnasium
        from browsergym.core.action.highlevel import HighLevelActionSet  # pyright: ignore[reportMissingImports]
        from playwright.sync_api import BrowserType

        # ``pw_chromium_kwargs`` reaches the page's browser but not the second one, which shows the chat.
        launch = BrowserType.launch
        BrowserType.launch = lambda self, **options: launch(self, **{"executable_path": chromium, **options})
        actions = HighLevelActionSet(subsets=["miniwob_all"])
        self.env = gymnasium.make("browsergym/miniwob.click-button", action_mapping=actions.to_python_code)
        self.actions: Any = [f"mouse_click({x}, {y})" for x, y in POINTS]

    def check(self, observation: dict[str, Any]) -> None:
        _check(observation["dom_object"], observation["screenshot"], observation["last_action_error"])

    def run(self, script: str) -> None:
        environment: Any = self.env.unwrapped
        environment.page.evaluate(f"{script} && 0")


class Farama:
    """The miniwob package by the Farama Foundation: Selenium."""

    packages = ("miniwob", "selenium")

    def __init__(self, chromium: str, pages: str):
        os.environ["MINIWOB_CHROME_BINARY"] = chromium
        import gymnasium
        import miniwob
        import numpy as np

        gymnasium.register_envs(miniwob)
        self.env = gymnasium.make("miniwob/click-button-v1")
        environment: Any = self.env.unwrapped
        self.actions: Any = [
            environment.create_action("CLICK_COORDS", coords=np.array(point, dtype=np.float32)) for point in POINTS
        ]

    def check(self, observation: dict[str, Any]) -> None:
        _check(observation["dom_elements"], observation["screenshot"], "")

    def run(self, script: str) -> None:
        environment: Any = self.env.unwrapped
        environment.instance.driver.execute_script(script)


LIBRARIES = {"webagent": Webagent, "browsergym": BrowserGym, "farama": Farama}


def _check(page: Any, screenshot: Any, error: str) -> None:
    if error or not page or screenshot.min() == screenshot.max():
        raise RuntimeError(f"not a full observation: error {error!r}, page {str(page)[:60]!r}")


def episode(library: Any, seed: int, steps: int) -> dict[str, Any]:
    """Times one reset and then each step; checks outside the timing that each brought the page and its picture."""
    start = time.perf_counter()
    observation, _ = library.env.reset(seed=seed)
    times: dict[str, Any] = {"reset": time.perf_counter() - start, "step": []}
    library.check(observation)
    for step in range(steps):
        action = library.actions[step % len(library.actions)]
        start = time.perf_counter()
        observation, _, terminated, truncated, _ = library.env.step(action)
        times["step"].append(time.perf_counter() - start)
        if terminated or truncated:
            raise RuntimeError("the episode ended on a click that should do nothing")
        library.check(observation)
    return times


def harmed(library: Any, harm: str) -> dict[str, Any]:
    """Runs an episode in which something breaks, and begins another one.

    Args:
        library: one of ``LIBRARIES``.
        harm: JavaScript that the page runs a moment later, or ``kill renderer`` or ``kill browser``.

    Returns:
        ``step``: how the step after it ended; ``seconds`` that it took; ``reset``: whether the next episode is whole.
    """
    library.env.reset(seed=1)
    if harm in KILLED:
        for pid in _browsers(KILLED[harm]):
            os.kill(pid, signal.SIGKILL)
    else:
        library.run(f"setTimeout(() => {{ {harm} }}, 1)")
    start, step = time.perf_counter(), ""
    try:
        for action in library.actions:
            *_, terminated, truncated, info = library.env.step(action)
            step = "fault told" if info.get("fault") else "goes on"
            if terminated or truncated:
                break
    except Exception as error:
        step = type(error).__name__
    seconds = time.perf_counter() - start
    try:
        library.check(library.env.reset(seed=2)[0])
        reset = "whole"
    except Exception as error:
        reset = type(error).__name__
    return {"step": step, "seconds": seconds, "reset": reset}


KILLED = {"kill renderer": "--type=renderer", "kill browser": ""}
"""What to send SIGKILL to, and the argument by which that kind of process is known."""


def _browsers(kind: str) -> list[int]:
    """Processes of Chromium below this one, of the kind that has this argument; the browsers themselves where empty."""
    parents: dict[int, int] = {}
    commands: dict[int, list[str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").split()
            except OSError:  # it has ended
                continue
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    ours = [pid for pid in below if commands.get(pid) and "chrom" in Path(commands[pid][0]).name]
    ours = [pid for pid in ours if "chromedriver" not in commands[pid][0]]
    return [
        pid
        for pid in ours
        if (kind in commands[pid] if kind else not any(w.startswith("--type=") for w in commands[pid]))
    ]


def main() -> None:
    name, chromium, pages = sys.argv[1:]
    # Libraries print; the pipe is for answers only.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library = LIBRARIES[name](chromium, pages)
    episode(library, seed=0, steps=1)  # what is loaded once is not counted
    answers.write(json.dumps({package: importlib.metadata.version(package) for package in library.packages}) + "\n")
    for line in sys.stdin:
        asked = json.loads(line)
        answer = harmed(library, **asked) if "harm" in asked else episode(library, **asked)
        answers.write(json.dumps(answer) + "\n")
    library.env.close()


if __name__ == "__main__":
    main()
