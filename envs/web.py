"""The open web as a gymnasium environment: any page, a task in words, and a list of hosts that may be asked."""

from __future__ import annotations

import fnmatch
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import gymnasium
import numpy as np
from playwright.sync_api import Error, Page, Request, Route, WebSocketRoute

from envs import browser as browsers
from envs.action import SIGNATURES, Action, ActionError, ActionSpace
from envs.actuator import Actuator
from envs.browser import BrowserConfig, BrowserFault
from envs.miniwob import script
from envs.observation import MAX_ELEMENTS, NOTHING, Observation, Seen, observation_space

MAX_STEPS = 20
LOAD_SECONDS = 15.0
"""How long a page may take to load before what is there is shown."""

_QUIET = 0.15  # seconds without a request and without a change after which a page counts as settled
_OPTIONS = json.dumps({"maxElements": MAX_ELEMENTS})
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class OpenWebError(ValueError):
    """A start page that cannot be used. The message says why."""


class AllowList:
    """The addresses that a browser may ask: those of the start page's own origin, and of hosts that are named.

    Args:
        url: the start page, http, https or file. A file allows itself and the files beside it, nothing else.
        hosts: more hosts, as ``www.example.org``, ``*.example.org`` or ``localhost:8000``; no port stands for any.

    Raises:
        OpenWebError: if the start page is none of these.
    """

    def __init__(self, url: str, hosts: Iterable[str] = ()):
        parts = urlsplit(url)
        self.hosts = tuple(host.lower() for host in hosts)
        self.origin: tuple[str, int] | None = None
        self.folder: Path | None = None
        if parts.scheme in ("http", "https") and parts.hostname:
            self.origin = _address(url)
        elif parts.scheme == "file" and _file(url).is_file():
            self.folder = _file(url).resolve().parent
        elif parts.scheme == "file":
            raise OpenWebError(f"there is no file at {url}")
        else:
            raise OpenWebError(
                f"cannot open {url!r}; expected an address such as https://example.org or file:///a/b.html"
            )
        if broken := [host for host in hosts if not host or "/" in host]:
            raise OpenWebError(f"{broken[0]!r} is no host; expected for example www.example.org or *.example.org")

    def allows(self, url: str) -> bool:
        """Whether an address may be asked. ``data:``, ``blob:`` and ``about:`` ask nobody."""
        try:
            parts = urlsplit(url)
            if parts.scheme in ("data", "blob", "about"):
                return True
            if parts.scheme == "file":
                return self.folder is not None and not parts.netloc and _file(url).resolve().parent == self.folder
            if parts.scheme not in _PORTS or not parts.hostname:
                return False
            host, port = _address(url)
        except ValueError:
            return False
        named = (host, f"{host}:{port}")
        return (host, port) == self.origin or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.hosts for name in named
        )

    def __str__(self) -> str:
        own = f"files in {self.folder}" if self.origin is None else f"{self.origin[0]}:{self.origin[1]}"
        return ", ".join([own, *self.hosts])


class OpenWebEnv(gymnasium.Env):
    """A page of the open web. ``reward`` is always 0: whether the task is done, the page does not say.

    The verbs ``goto``, ``back`` and ``done`` are there besides those of every page; ``done`` ends the episode, and its
    text is ``info["answer"]``. Time is real: after an action the page is read when it has settled. Every request for an
    address that is not allowed is refused, redirects and sockets too.

    Args:
        url: where an episode starts.
        task: the instruction.
        allow_hosts: hosts that may be asked besides the start page's own origin; see ``AllowList``.
        max_steps: step limit; ``MAX_STEPS`` where None.
        screenshot: whether to take pictures; black ones where False.
        viewport: width and height in CSS pixels.
        headless: False shows the browser's window.

    Raises:
        OpenWebError: if the start page cannot be used.
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
        screenshot: bool = True,
        viewport: tuple[int, int] = (1280, 720),
        headless: bool = True,
        render_mode: str | None = None,
    ):
        self.url, self.task, self.max_steps, self.render_mode = url, task, max_steps or MAX_STEPS, render_mode
        self.allowed = AllowList(url, tuple(allow_hosts))
        width, height = viewport
        self.observation_space = observation_space(width, height)
        self.action_space = ActionSpace(verbs=tuple(SIGNATURES), width=width, height=height)
        self._viewport = viewport
        self._pictures = screenshot
        self._config = BrowserConfig(headless=headless)
        self._actuator: Actuator | None = None
        self._observation = NOTHING.observation(self.task, self._black)
        self._seen = NOTHING
        self._requests: set[Request] = set()
        self._refused = ""  # the last address a page went for and was not allowed to
        self._first_ref = 0
        self._steps = 0

    @property
    def browser_version(self) -> str:
        """Name and build of the browser."""
        return browsers.shared(self._config).version

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Observation, dict[str, Any]]:
        """Opens the start page in a fresh context: no cookies, no history. The seed changes nothing.

        Raises:
            OpenWebError: if the start page does not load.
        """
        super().reset(seed=seed)
        self._drop_page()
        self._steps, self._first_ref, self._refused = 0, 0, ""
        try:
            self._open()
            return self._observe(""), self._info()
        except BrowserFault as fault:
            self._drop_page()
            self._observation = NOTHING.observation(self.task, self._black)
            return self._observation, self._info() | {"fault": f"reset: {fault}"}

    def step(self, action: str | Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if self._actuator is None:
            raise gymnasium.error.ResetNeeded("call reset() before step(), and after an episode that ended in a fault")
        self._steps += 1
        error, answer = "", None
        try:
            self._refused = ""
            try:
                parsed = action if isinstance(action, Action) else Action.parse(action)
                if parsed.verb == "done":
                    answer = parsed.strings[0]
                else:
                    self._carry_out(parsed)
            except ActionError as refused:
                error = str(refused)
            observation = self._observe(error)
        except BrowserFault as fault:
            self._drop_page()
            return self._observation, 0.0, False, True, self._info() | {"fault": str(fault)}
        info = self._info() if answer is None else self._info() | {"answer": answer}
        terminated = answer is not None
        return observation, 0.0, terminated, not terminated and self._steps >= self.max_steps, info

    def render(self) -> np.ndarray:
        """The last screenshot, uint8 H x W x 3."""
        return self._observation["screenshot"]

    def close(self) -> None:
        """Closes the page; the browser stays for the other environments of this process."""
        self._drop_page()

    @property
    def _hands(self) -> Actuator:
        if self._actuator is None:
            raise BrowserFault("the page is closed")
        return self._actuator

    @property
    def _page(self) -> Page:
        return self._hands.page

    def _info(self) -> dict[str, Any]:
        return {"task": "OpenWeb", "seed": None, "raw_reward": 0.0}

    def _open(self) -> None:
        browser = browsers.shared(self._config)
        width, height = self._viewport
        scripts = (script("page.js"), script("web.js"))
        page = browser.new_page(width=width, height=height, scripts=scripts, offline=False)
        with browser.deadline():
            session = page.context.new_cdp_session(page)  # of Playwright's, whose routes go on while it is asked
            self._actuator = Actuator(page, session, f"__webagent.observe({_OPTIONS})")
            page.context.route("**/*", self._guard)
            page.context.route_web_socket("**/*", self._guard_socket)
            self._guard_redirects(page)
            page.on("request", lambda request: self._requests.add(request))
            page.on("requestfinished", lambda request: self._requests.discard(request))
            page.on("requestfailed", lambda request: self._requests.discard(request))
        try:
            self._goto(self.url)
        except ActionError as error:
            self._drop_page()
            raise OpenWebError(str(error)) from error

    def _guard(self, route: Route) -> None:
        if self.allowed.allows(route.request.url):
            route.continue_()
            return
        if route.request.is_navigation_request() and route.request.frame == self._page.main_frame:
            self._refused = route.request.url
        route.abort("aborted")  # with this reason, unlike others, the tab stays on the page it shows

    def _guard_socket(self, socket: WebSocketRoute) -> None:
        if self.allowed.allows(socket.url):
            socket.connect_to_server()
        else:
            socket.close(code=1008, reason="host not allowed")

    def _guard_redirects(self, page: Page) -> None:
        # Playwright's routes see the first request of a chain of redirects only; the protocol below them sees all.
        session = page.context.new_cdp_session(page)
        main_frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]

        def paused(event: dict[str, Any]) -> None:
            request = {"requestId": event["requestId"]}
            try:
                if self.allowed.allows(url := event["request"]["url"]):
                    session.send("Fetch.continueRequest", request)
                    return
                if event["resourceType"] == "Document" and event["frameId"] == main_frame:
                    self._refused = url
                session.send("Fetch.failRequest", request | {"errorReason": "Aborted"})
            except Error:
                pass  # the request is gone, and its page with it

        session.on("Fetch.requestPaused", paused)
        session.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})

    def _carry_out(self, action: Action) -> None:
        if action.verb == "goto":
            self._goto(action.strings[0])
        elif action.verb == "back":
            self._back()
        else:
            with browsers.shared(self._config).deadline():
                self._hands.carry_out(action, self._seen)

    def _goto(self, url: str) -> None:
        if not self.allowed.allows(url):
            raise ActionError(self._refusal(url))
        with browsers.shared(self._config).deadline():
            try:
                self._page.goto(url, wait_until="domcontentloaded", timeout=1000 * LOAD_SECONDS)
            except Error as error:
                if not self._browser_lives():
                    raise
                if self._refused:
                    raise ActionError(self._refusal(f"{url} leads to {self._refused}, which")) from error
                raise ActionError(f"{url} does not load: {_reason(error)}") from error

    def _refusal(self, what: str) -> str:
        return f"{what} is not allowed; allowed are: {self.allowed}"

    def _back(self) -> None:
        with browsers.shared(self._config).deadline():
            history = self._page.context.new_cdp_session(self._page)
            index = history.send("Page.getNavigationHistory")["currentIndex"]
            history.detach()
            if index <= 1:  # 0 is the empty page that every tab starts with
                raise ActionError("there is no page to go back to")
            try:
                self._page.go_back(wait_until="domcontentloaded", timeout=1000 * LOAD_SECONDS)
            except Error as error:
                if not self._browser_lives():
                    raise
                raise ActionError(f"going back does not work: {_reason(error)}") from error

    def _browser_lives(self) -> bool:
        browser = self._page.context.browser
        return not self._page.is_closed() and browser is not None and browser.is_connected()

    def _observe(self, error: str) -> Observation:
        with browsers.shared(self._config).deadline():
            self._settle()
            seen = self._seen = self._read()
            picture = self._hands.screenshot() if self._pictures else self._black
        if self._refused and not error:
            error = self._refusal(f"the page went for {self._refused}, which")
        self._first_ref = max(self._first_ref, max(seen.refs, default=-1) + 1)
        self._observation = seen.observation(self.task, picture, error)
        return self._observation

    def _settle(self) -> None:
        """Waits until no request has been under way for a moment."""
        start = still = time.monotonic()
        while time.monotonic() - still < _QUIET and time.monotonic() - start < LOAD_SECONDS / 3:
            self._page.wait_for_timeout(30)
            if self._requests:
                still = time.monotonic()

    def _read(self) -> Seen:
        expression = f"__webagent.web.observe({self._first_ref}, {1000 * _QUIET}, 2000, {_OPTIONS})"
        for _ in range(3):
            try:
                return Seen.read(self._hands.evaluate(expression))
            except Error:
                # The page was left while it was being read: what follows is read in its place.
                if not self._browser_lives():
                    raise
                self._page.wait_for_load_state("domcontentloaded", timeout=1000 * LOAD_SECONDS)
        return Seen.read(self._hands.evaluate(expression))

    @property
    def _black(self) -> np.ndarray:
        width, height = self._viewport
        return np.zeros((height, width, 3), np.uint8)

    def _drop_page(self) -> None:
        if self._actuator is not None:
            try:
                with browsers.shared(self._config).deadline(5):
                    self._page.context.close()
            except BrowserFault:
                pass
        self._actuator = None
        self._requests.clear()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]


def _file(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def _reason(error: Error) -> str:
    return error.message.splitlines()[0].removeprefix("Page.goto: ").split(" at ")[0][:200]
