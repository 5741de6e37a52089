"""The open web as a gymnasium environment: any page, a task in words, and a list of hosts that may be asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from envs import browser as browsers
from envs.action import SIGNATURES, Action, ActionError, ActionSpace
from envs.allow import AllowList, OpenWebError
from envs.browser import BrowserConfig, BrowserFault
from envs.gate import Gate
from envs.observation import NOTHING, Observation, Seen, observation_space
from envs.secret import Secrets
from envs.tab import Tab

__all__ = ["MAX_STEPS", "AllowList", "OpenWebEnv", "OpenWebError", "StartPageError"]

MAX_STEPS = 20

WAIT_MILLISECONDS = 1000
"""How long a ``wait`` is."""


class StartPageError(OpenWebError):
    """The start page does not load now: its host is away, or too slow, or sends to where it is not allowed."""


class OpenWebEnv(gymnasium.Env):
    """A page of the open web. ``reward`` is always 0: whether the task is done, the page does not say.

    The verbs ``goto``, ``back`` and ``done`` are there besides those of every page; ``done`` ends the episode, and its
    text is ``info["answer"]``. Time is real: after an action the page is read when it is still, and ``wait`` is a
    second. Nothing but what is allowed can be connected to (``envs.gate``). A dialog is answered with yes;
    ``info["dialogs"]`` holds what it said, ``info["url"]`` the page's address.

    Args:
        url: where an episode starts.
        task: the instruction. ``{{secret:NAME}}`` in it stands for a secret; see ``envs.secret``.
        allow_hosts: hosts that may be asked besides the start page's own origin; see ``AllowList``.
        max_steps: step limit; ``MAX_STEPS`` where None.
        max_seconds: an episode that lasts longer is truncated after the step; no limit where None.
        files: the only files that file fields can be given; ``type`` names one by its last part.
        storage_state: file with cookies and local storage to start with, as Playwright writes it.
        screenshot: whether to take pictures; black ones where False.
        viewport: width and height in CSS pixels.
        headless: False shows the browser's window.
        listener: called with each message of ``record.js`` about what a person does on the page, for a recorder.

    Attributes:
        tab: where the episode takes place; None before it and after one that ended in a fault.

    Raises:
        OpenWebError: if the start page, a secret or a file cannot be used.
        envs.browser.BrowserError: on the first reset, if no browser could be found or started.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012 (gymnasium's own form)

    def __init__(
        self,
        url: str,
        task: str,
        *,
        allow_hosts: Iterable[str] = (),
        max_steps: int | None = None,
        max_seconds: float | None = None,
        files: Iterable[str | Path] = (),
        storage_state: str | Path | None = None,
        screenshot: bool = True,
        viewport: tuple[int, int] = (1280, 720),
        headless: bool = True,
        render_mode: str | None = None,
        listener: Callable[[dict[str, Any]], None] | None = None,
    ):
        self.url, self.task, self.max_steps, self.render_mode = url, task, max_steps or MAX_STEPS, render_mode
        self.max_seconds = max_seconds
        self.allowed = AllowList(url, tuple(allow_hosts))
        self.secrets = Secrets(task)
        self.files = _by_name(files)
        self.storage_state = None if storage_state is None else str(_existing(Path(storage_state)))
        width, height = viewport
        self.observation_space = observation_space(width, height)
        self.action_space = ActionSpace(verbs=tuple(SIGNATURES), width=width, height=height)
        self._viewport = viewport
        self._pictures = screenshot
        self._listener = listener
        self._config = BrowserConfig(headless=headless, file_access=False)
        self._gate: Gate | None = None
        self.tab: Tab | None = None
        self._observation = NOTHING.observation(self.task, self._black)
        self._seen = NOTHING
        self._steps, self._fault = 0, ""
        self._end = float("inf")

    @property
    def browser_version(self) -> str:
        """Name and build of the browser."""
        return browsers.shared(self._config).version

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Observation, dict[str, Any]]:
        """Opens the start page in a fresh context: no cookies, no history. The seed changes nothing.

        Raises:
            StartPageError: if the start page does not load.
            OpenWebError: if the storage state cannot be used.
        """
        super().reset(seed=seed)
        self._drop_tab()
        self._steps, self._fault = 0, ""
        self._end = float("inf") if self.max_seconds is None else time.monotonic() + self.max_seconds
        try:
            if self._gate is None:
                self._gate = Gate(self.allowed.allows_host)
            browser = browsers.shared(self._config)
            self.tab = Tab(
                browser,
                self.allowed,
                self._gate,
                self._viewport,
                self.files,
                self.storage_state,
                self._listener,
                texts=self._pictures and bool(self.secrets.names),
            )
            try:
                self.tab.goto(self.url)
            except ActionError as error:
                self._drop_tab()
                raise StartPageError(str(error)) from error
            return self._observe(self.tab, ""), self._info(self.tab)
        except BrowserFault as fault:
            self._drop_tab()
            if self.storage_state and browsers.bad_storage(fault):
                raise OpenWebError(f"cannot use the storage state {self.storage_state}: {fault.__cause__}") from fault
            self._observation = NOTHING.observation(self.task, self._black)
            self._fault = f"reset: {self.secrets.mask(str(fault))}"
            return self._observation, self._info() | {"fault": self._fault}

    def step(self, action: str | Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        tab = self.tab
        if tab is None and self._fault:  # of the reset: who asks no more than step and reset is told here
            fault, self._fault = self._fault, ""
            return self._observation, 0.0, False, True, self._info() | {"fault": fault}
        if tab is None:
            raise gymnasium.error.ResetNeeded("call reset() before step(), and after an episode that ended in a fault")
        self._steps += 1
        error, answer = "", None
        try:
            tab.refused = ""
            try:
                parsed = action if isinstance(action, Action) else Action.parse(action)
                if parsed.verb == "done":
                    answer = parsed.strings[0]
                else:
                    self._carry_out(tab, parsed)
            except ActionError as refused:
                error = str(refused)
            observation = self._observe(tab, error)
        except BrowserFault as fault:
            info = self._info(tab)
            self._drop_tab()
            return self._observation, 0.0, False, True, info | {"fault": self.secrets.mask(str(fault))}
        info = self._info(tab) if answer is None else self._info(tab) | {"answer": answer}
        terminated = answer is not None
        late = time.monotonic() >= self._end
        over = not terminated and (late or self._steps >= self.max_steps)
        return observation, 0.0, terminated, over, info | ({"limit": "seconds" if late else "steps"} if over else {})

    def look(self) -> Observation:
        """The page as it is now, once it is still, for whoever acts on it by other means than ``step``.

        Raises:
            gymnasium.error.ResetNeeded: before ``reset``.
            envs.browser.BrowserFault: if it cannot be read.
        """
        if self.tab is None:
            raise gymnasium.error.ResetNeeded("call reset() before look(), and after an episode that ended in a fault")
        return self._observe(self.tab, "")

    def observation_of(self, seen: Seen, picture: np.ndarray, error: str = "") -> Observation:
        """What a policy gets to see of a page: no secret, neither in words nor in the picture.

        Args:
            seen: the page; it is masked in place.
            picture: uint8 H x W x 3.
            error: why the last action was refused.
        """
        self.secrets.mask_page(seen)
        observation = seen.observation(self.task, picture, self.secrets.mask(error))
        if self._pictures:
            observation["screenshot"] = self.secrets.hide(seen, picture)
        return observation

    def render(self) -> np.ndarray:
        """The last screenshot, uint8 H x W x 3."""
        return self._observation["screenshot"]

    def where(self) -> tuple[str, str]:
        """Address and title of the page as it is now; empty where there is none that answers."""
        if self.tab is None:
            return "", ""
        try:
            with browsers.shared(self._config).deadline(5):
                return self.secrets.mask(self.tab.url), self.secrets.mask(self.tab.page.title())
        except BrowserFault:
            return "", ""

    def stored(self) -> str:
        """Cookies and local storage as they are now: the content of a file that ``storage_state`` takes.

        Raises:
            envs.browser.BrowserFault: if the page is closed, or the browser does not answer.
        """
        if self.tab is None:
            raise BrowserFault("the page is closed")
        with browsers.shared(self._config).deadline():
            return json.dumps(self.tab.page.context.storage_state(), indent=1) + "\n"

    def close(self) -> None:
        """Closes the page; the browser stays for the other environments of this process."""
        self._drop_tab()
        if self._gate is not None:
            self._gate.close()
            self._gate = None

    def _carry_out(self, tab: Tab, action: Action) -> None:
        element = self._seen.elements.get(action.refs[0]) if action.refs else None
        action = self.secrets.revealed(action, element, self.allowed.is_start(tab.url))
        if action.verb == "goto":
            tab.goto(action.strings[0])
        elif action.verb == "back":
            tab.back()
        elif action.verb == "wait":
            tab.rest(WAIT_MILLISECONDS)
        else:
            tab.carry_out(action, self._seen)

    def _observe(self, tab: Tab, error: str) -> Observation:
        seen = self._seen = tab.read()
        picture = tab.screenshot() if self._pictures else self._black
        if tab.refused and not error:
            error = tab.refusal(f"the page went for {tab.refused}, which")
        self._observation = self.observation_of(seen, picture, error)
        return self._observation

    def _info(self, tab: Tab | None = None) -> dict[str, Any]:
        info: dict[str, Any] = {"task": "OpenWeb", "seed": None, "raw_reward": 0.0}
        if tab is not None:
            info["url"] = self.secrets.mask(tab.url)
        if tab is not None and tab.dialogs:
            info["dialogs"] = tuple(map(self.secrets.mask, tab.dialogs))
            tab.dialogs.clear()
        return info

    @property
    def _black(self) -> np.ndarray:
        width, height = self._viewport
        return np.zeros((height, width, 3), np.uint8)

    def _drop_tab(self) -> None:
        if self.tab is not None:
            self.tab.close()
        self.tab, self._seen = None, NOTHING


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise OpenWebError(f"there is no file {path}")
    return path.absolute()


def _by_name(files: Iterable[str | Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in map(_existing, map(Path, files)):
        if path.name in named:
            raise OpenWebError(f"two files are called {path.name}: {named[path.name]} and {path}; rename one")
        named[path.name] = path
    return named
