"""MiniWoB++ as a gymnasium environment: one page per task, kept open, reset inside the page."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from envs import browser as browsers
from envs import tasks
from envs.action import Action, ActionError, ActionSpace
from envs.actuator import Actuator
from envs.browser import BrowserConfig, BrowserFault
from envs.observation import MAX_ELEMENTS, NOTHING, Observation, Seen, observation_space

WIDTH, HEIGHT = 160, 210
"""Size of a MiniWoB++ page in CSS pixels."""

TRAINING_SEEDS = (10_000_000, 1_000_000_000)
"""Page seeds for training, first and one past the last. All below the first are kept for validation and evaluation."""

FURNITURE = ("reward-display", "click-canvas", "sync-task-cover")
"""Ids of what MiniWoB++ itself puts beside the task; neither html nor screenshot shows them."""

_OBSERVE = json.dumps({"maxElements": MAX_ELEMENTS, "furniture": FURNITURE})


@cache
def script(name: str) -> str:
    """The text of one of this package's JavaScript files."""
    return files("envs").joinpath(name).read_text(encoding="utf-8")


@cache
def page_url(task: str) -> str:
    """File URL of a task's page inside the installed ``miniwob`` package."""
    spec = importlib.util.find_spec("miniwob")  # not imported: that would register its own environments
    if spec is None or spec.origin is None:
        raise ImportError("the package `miniwob` is not installed: pip install miniwob")
    path = Path(spec.origin).parent / "html" / "miniwob" / f"{task}.html"
    if not path.is_file():
        raise tasks.UnknownTask(f"the installed miniwob package has no page for {task!r} at {path}")
    return path.as_uri()


class MiniWoBEnv(gymnasium.Env):
    """One MiniWoB++ task.

    ``reset(seed=N)`` takes N as the page seed; without one it is drawn from ``TRAINING_SEEDS``. ``reward`` is 1.0 at
    the end of an episode that succeeded by the strict rule, else 0.0. ``info`` holds ``task``, ``seed``, ``raw_reward``
    (the page's own, without time decay) and, only if the browser broke, ``fault``.

    Args:
        task: name of the task, e.g. ``click-button``.
        max_steps: step limit; the task table's where None.
        screenshot: whether to take pictures; black ones where False, which is faster.
        viewport: width and height in CSS pixels.
        headless: False shows the browser's window.
        frame_limit: keep to 60 frames a second: a step takes longer and a third less CPU, which pays where more
            environments than cores are at work.

    Raises:
        envs.tasks.UnknownTask: if there is no such task.
        envs.browser.BrowserError: on the first reset, if no browser could be found or started.
        ValueError: on a reset with a seed that is none of ``tasks.PAGE_SEEDS``.
    """

    metadata = {  # noqa: RUF012 (as gymnasium declares it)
        "render_modes": ["rgb_array"],
        "render_fps": 2,
    }

    def __init__(
        self,
        task: str,
        *,
        max_steps: int | None = None,
        screenshot: bool = True,
        viewport: tuple[int, int] = (WIDTH, HEIGHT),
        headless: bool = True,
        frame_limit: bool = False,
        render_mode: str | None = None,
    ):
        self.task = tasks.get(task)
        self.max_steps = max_steps or self.task.max_steps
        self.render_mode = render_mode
        self.observation_space = observation_space(*viewport)
        self.action_space = ActionSpace(width=viewport[0], height=viewport[1])
        self._viewport = viewport
        self._pictures = screenshot
        self._config = BrowserConfig(headless, frame_limit)
        self._actuator: Actuator | None = None
        self._observation: Observation | None = None
        self._seen = NOTHING
        self._info: dict[str, Any] = {}
        self._steps, self._fault = 0, ""

    @property
    def _hands(self) -> Actuator:
        if self._actuator is None:
            raise BrowserFault("the page is closed")
        return self._actuator

    @property
    def browser_version(self) -> str:
        """Name and build of the browser."""
        return browsers.shared(self._config).version

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        page_seed = int(self.np_random.integers(*TRAINING_SEEDS)) if seed is None else int(seed)
        if page_seed not in tasks.PAGE_SEEDS:
            raise ValueError(f"page seeds are from 0 to {tasks.PAGE_SEEDS[-1]:,}, got {page_seed:,}")
        self._steps, self._fault = 0, ""
        self._info = {"task": self.task.name, "seed": page_seed, "raw_reward": 0.0}
        try:
            try:
                observation = self._start(page_seed)
            except BrowserFault:  # the browser may have died since the last episode: once more, in a new one
                self._drop_page()
                observation = self._start(page_seed)
        except BrowserFault as fault:
            self._drop_page()
            self._fault = f"reset: {fault}"
            return NOTHING.observation("", self._black), self._info | {"fault": self._fault}
        return observation, dict(self._info)

    def step(self, action: str | Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if self._fault:  # of the reset: who asks no more than step and reset is told here
            fault, self._fault = self._fault, ""
            return NOTHING.observation("", self._black), 0.0, False, True, self._info | {"fault": fault}
        if self._observation is None:
            raise gymnasium.error.ResetNeeded("call reset() before step(), and after an episode that ended in a fault")
        self._steps += 1
        error = ""
        try:
            with browsers.shared(self._config).deadline():
                try:
                    parsed = action if isinstance(action, Action) else Action.parse(action)
                    self._hands.carry_out(parsed, self._seen)
                except ActionError as refused:
                    error = str(refused)
                self._seen = self._hands.observe(self.task.tick_ms)
            observation = self._observe(self._observation["instruction"], error)
        except BrowserFault as fault:
            observation = self._observation
            self._drop_page()
            return observation, 0.0, False, True, self._info | {"fault": str(fault)}
        terminated = self._seen.rest["done"]
        raw = float(self._seen.rest["rawReward"]) if terminated else 0.0
        self._info["raw_reward"] = raw
        reward = 1.0 if terminated and raw >= self.task.success_threshold else 0.0
        return observation, reward, terminated, not terminated and self._steps >= self.max_steps, dict(self._info)

    def render(self) -> np.ndarray | None:
        """The last screenshot, uint8 H x W x 3."""
        return None if self._observation is None else self._observation["screenshot"]

    def close(self) -> None:
        """Closes the page; the browser stays for the other environments of this process."""
        self._drop_page()

    def _start(self, page_seed: int) -> Observation:
        browser = browsers.shared(self._config)
        fresh = self._actuator is None
        if fresh:
            self._open(browser)
        with browser.deadline():
            self._hands.park()
            started = None if fresh or self.task.reload else self._begin(page_seed, fresh=False)
            if started is None:
                if not fresh:
                    self._load()
                started = self._begin(page_seed, fresh=True)
            if started is None:
                raise BrowserFault("the page did not start an episode")
            self._seen = Seen.read(started)
        return self._observe(self._seen.rest["instruction"])

    def _begin(self, page_seed: int, fresh: bool) -> dict[str, Any] | None:
        arguments = f"{page_seed}, {self.task.tick_ms}, {json.dumps(fresh)}, {_OBSERVE}"
        return self._hands.evaluate(f"__webagent.miniwob.start({arguments})")

    def _open(self, browser: browsers.Browser) -> None:
        width, height = self._viewport
        scripts = tuple(script(name) for name in ("clock.js", "page.js", "miniwob.js"))
        page = browser.new_page(width=width, height=height, scripts=scripts)
        with browser.deadline():
            session = browser.session(page)
            self._actuator = Actuator(page, session, f"__webagent.miniwob.observe({{ms}}, {_OBSERVE})")
            self._load()

    def _load(self) -> None:
        self._hands.page.goto(page_url(self.task.name))
        self._hands.evaluate("__webagent.miniwob.ready()")

    def _drop_page(self) -> None:
        if self._actuator is not None:
            try:
                with browsers.shared(self._config).deadline(5):
                    self._actuator.page.context.close()
            except BrowserFault:
                pass
        self._actuator, self._seen, self._observation = None, NOTHING, None

    def _observe(self, instruction: str, error: str = "") -> Observation:
        picture = self._black
        if self._pictures:
            with browsers.shared(self._config).deadline():
                picture = self._hands.screenshot()
        self._observation = self._seen.observation(instruction, picture, error)
        return self._observation

    @property
    def _black(self) -> np.ndarray:
        width, height = self._viewport
        return np.zeros((height, width, 3), np.uint8)
