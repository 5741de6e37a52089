"""The one tab of an open-web episode: where it may go, what it brings up, when it is still, what is on it."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import CDPSession, Dialog, Error, Frame, Page, Request

from envs.action import Action, ActionError
from envs.actuator import Actuator, ScriptError
from envs.allow import AllowList
from envs.browser import Browser, BrowserFault
from envs.gate import Gate
from envs.html import cut
from envs.miniwob import script
from envs.observation import MAX_ELEMENTS, Seen

LOAD_SECONDS = 15.0
"""How long a page may take to load before what is there is shown."""

STILL_MILLISECONDS = 150
"""How long nothing may have changed, and no request been under way, for a page to count as still."""

RESTLESS_SECONDS = 5.0
"""How long a page is waited for that does not become still."""

MAX_CHARACTERS = 20_000
"""Of html, about, that are written of a page; of a longer one what is around the viewport."""

_STANDING = frozenset({"eventsource", "websocket", "ping", "media"})  # requests that need not end
_LOST = re.compile(r"has been closed|connection closed|crashed|disconnected", re.IGNORECASE)
_BEING_LEFT = re.compile("Not attached to an active page|Unable to capture screenshot")
_OPTIONS = {"maxElements": MAX_ELEMENTS, "maxCharacters": MAX_CHARACTERS, "deep": True}


class _Session:
    """Commands to a page that may be left meanwhile, by way of Playwright, whose events go on while it is asked."""

    def __init__(self, page: Page):
        self._page = page
        self._commands = page.context.new_cdp_session(page)
        self._pictures: CDPSession | None = None
        page.on("framenavigated", self._left)

    def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a command returns.

        Raises:
            playwright.sync_api.Error: if the browser refuses it, or page or browser are gone.
        """
        if method != "Page.captureScreenshot":
            return self._commands.send(method, params)
        # Chromium refuses a picture of a page that is being left, or never answers who asked for one. A session of its
        # own can be given up then, and the page that came be asked instead.
        end = time.monotonic() + LOAD_SECONDS
        while True:
            self._pictures = session = self._page.context.new_cdp_session(self._page)
            try:
                return session.send(method, params)
            except Error as error:
                left = self._pictures is not session or _BEING_LEFT.search(error.message)
                if not left or time.monotonic() > end:
                    raise
                self._page.wait_for_timeout(20)
            finally:
                with contextlib.suppress(Error):
                    session.detach()

    def _left(self, frame: Frame) -> None:
        if frame == self._page.main_frame and (session := self._pictures) is not None:
            self._pictures = None
            with contextlib.suppress(Error):
                session.detach()


class Tab:
    """A page in a context of its own. All calls are bounded by the browser's deadline.

    The gate is what keeps it to the allow-list. Navigations are looked at here as well, before they begin, so that the
    tab stays on the page it shows and the policy is told; so are files, which no proxy sees.

    Args:
        browser: where it opens.
        allowed: where it may go.
        gate: its way to the network.
        viewport: width and height in CSS pixels.
        files: what file fields may be given, by the name that stands for each.
        storage: file with cookies and local storage to start with.
        listener: called with each message of ``record.js``, which runs only where there is one.
        texts: whether to find out where text leaves its element's box (``Seen.spills``); takes a third more time.

    Attributes:
        page: Playwright's.
        hands: what acts on it.
        refused: the last address that the page itself went for and was not allowed to.
        dialogs: what the page said in dialogs since the last ``read``.
    """

    def __init__(
        self,
        browser: Browser,
        allowed: AllowList,
        gate: Gate,
        viewport: tuple[int, int],
        files: Mapping[str, Path] | None = None,
        storage: str | None = None,
        listener: Callable[[dict[str, Any]], None] | None = None,
        texts: bool = False,
    ):
        self._browser, self._allowed, self._gate = browser, allowed, gate
        self.refused = ""
        self.dialogs: list[str] = []
        self._requests: dict[Request, float] = {}
        self._asked = 0
        self._first_ref = 0
        self._options = json.dumps(_OPTIONS | {"texts": texts})
        scripts = [script("page.js"), script("web.js")]
        if listener is not None:
            scripts.append(script("record.js").replace("OPTIONS", self._options))
        width, height = viewport
        self.page: Page = browser.new_page(
            width=width, height=height, scripts=tuple(scripts), proxy=gate.url, storage=storage
        )
        with browser.deadline():
            self.hands = Actuator(self.page, _Session(self.page), f"__webagent.observe({self._options})", files)
            self.page.context.on("page", self._close_window)
            self.page.on("dialog", self._answer)
            self.page.on("request", self._began)
            self.page.on("requestfinished", self._ended)
            self.page.on("requestfailed", self._ended)
            self._guard(self.page.context.new_cdp_session(self.page))
            if listener is not None:
                _listen(self.page.context.new_cdp_session(self.page), listener)

    @property
    def url(self) -> str:
        return self.page.url

    def goto(self, url: str) -> None:
        """Opens an address.

        Raises:
            ActionError: if it is not allowed, leads to where it is not, or does not load.
        """
        if not self._allowed.allows(url):
            raise ActionError(self.refusal(url))
        with self._browser.deadline():
            try:
                self.page.goto(url, wait_until="commit", timeout=1000 * LOAD_SECONDS)
            except Error as error:
                self._need_browser(error)
                if self.refused:
                    raise ActionError(self.refusal(f"{url} leads to {self.refused}, which")) from error
                raise ActionError(f"{url} does not load: {self._reason(url, error)}") from error

    def back(self) -> None:
        """Goes to the page before this one.

        Raises:
            ActionError: if there is none, or it does not load.
        """
        with self._browser.deadline():
            history = self.page.context.new_cdp_session(self.page)
            index = history.send("Page.getNavigationHistory")["currentIndex"]
            history.detach()
            if index <= 1:  # 0 is the empty page that every tab starts with
                raise ActionError("there is no page to go back to")
            try:
                self.page.go_back(wait_until="commit", timeout=1000 * LOAD_SECONDS)
            except Error as error:
                self._need_browser(error)
                raise ActionError(f"going back does not work: {self._reason('', error)}") from error

    def carry_out(self, action: Action, seen: Seen) -> None:
        """Does it; see ``Actuator.carry_out``.

        Raises:
            ActionError: if the page cannot do it, or has gone meanwhile.
            BrowserFault: if it cannot be read.
        """
        if action.refs:
            seen = self.read(wait=False)  # deciding took time: things may lie elsewhere now
        with self._browser.deadline():
            try:
                self.hands.carry_out(action, seen)
            except Error as error:
                self._need_browser(error)
                raise ActionError(f"{action.verb} does not work on this page now: {self._reason('', error)}") from error

    def rest(self, milliseconds: int) -> None:
        """Lets time pass."""
        with self._browser.deadline():
            self.page.wait_for_timeout(milliseconds)

    def read(self, wait: bool = True) -> Seen:
        """What is on the page.

        Args:
            wait: until it is still.

        Raises:
            BrowserFault: if it cannot be read.
        """
        end = time.monotonic() + LOAD_SECONDS
        broken = 0
        with self._browser.deadline():
            while True:
                try:
                    if wait:
                        self._wait()
                    return self.take(self.hands.evaluate(f"__webagent.web.observe({self._first_ref}, {self._options})"))
                except Error as error:  # the page was left while it was being read: what follows is read in its place
                    self._need_browser(error)
                    broken = broken + 1 if isinstance(error, ScriptError) else 0
                    if time.monotonic() > end or broken == 3:
                        raise
                    self.page.wait_for_timeout(20)

    def take(self, reported: Any) -> Seen:
        """What the page's script reported; the refs of pages to come count on from its.

        Raises:
            PageBroken: if that is not what ``page.js`` reports.
        """
        seen = Seen.read(reported)
        self._first_ref = max(self._first_ref, max(seen.refs, default=-1) + 1)
        return seen

    def screenshot(self) -> np.ndarray:
        """The viewport, uint8 H x W x 3."""
        with self._browser.deadline():
            return self.hands.screenshot()

    def close(self) -> None:
        try:
            with self._browser.deadline(5):
                self.page.context.close()
        except BrowserFault:
            pass

    def refusal(self, what: str) -> str:
        return f"{what} is not allowed; allowed are: {self._allowed}"

    def _wait(self) -> None:
        end = time.monotonic() + RESTLESS_SECONDS
        while time.monotonic() < end:
            asked = self._asked
            self.hands.evaluate(f"__webagent.web.still({STILL_MILLISECONDS}, 1000)")
            fresh = time.monotonic() - RESTLESS_SECONDS
            if asked == self._asked and not any(began > fresh for began in self._requests.values()):
                return

    def _began(self, request: Request) -> None:
        if request.resource_type not in _STANDING:
            self._asked += 1
            self._requests[request] = time.monotonic()

    def _ended(self, request: Request) -> None:
        self._requests.pop(request, None)

    def _answer(self, dialog: Dialog) -> None:
        # What a person would press who wants to go on. A prompt asks for words that nobody has.
        if dialog.type != "beforeunload" and len(self.dialogs) < 20:
            self.dialogs.append(cut(dialog.message, 500))
        try:
            if dialog.type == "prompt":
                dialog.dismiss()
            else:
                dialog.accept()
        except Error:
            pass  # its page is gone

    def _close_window(self, window: Page) -> None:
        if window is not self.page:  # one that no script of ours could turn into a link of this tab
            with contextlib.suppress(Error):
                window.close()

    def _guard(self, session: CDPSession) -> None:
        # The protocol and not Playwright's routes, which see the first request of a chain of redirects only.
        main_frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]

        def paused(event: dict[str, Any]) -> None:
            request = {"requestId": event["requestId"]}
            try:
                if self._allowed.allows(url := event["request"]["url"]):
                    session.send("Fetch.continueRequest", request)
                    return
                if event["resourceType"] == "Document" and event["frameId"] == main_frame:
                    self.refused = url
                # With this reason, unlike others, the tab stays on the page it shows.
                session.send("Fetch.failRequest", request | {"errorReason": "Aborted"})
            except Error:
                pass  # the request is gone, and its page with it

        session.on("Fetch.requestPaused", paused)
        patterns = [{"urlPattern": "*", "resourceType": "Document"}, {"urlPattern": "file:*"}]
        session.send("Fetch.enable", {"patterns": patterns})

    def _need_browser(self, error: Error) -> None:
        if self.page.is_closed() or _LOST.search(error.message):
            raise error

    def _reason(self, url: str, error: Error) -> str:
        if url:
            parts = urlsplit(url)
            address = (parts.hostname or "", parts.port or {"https": 443}.get(parts.scheme, 80))
            if failure := self._gate.failures.get(address):
                return failure
        line = error.message.splitlines()[0]
        for call in ("Page.goto: ", "Page.go_back: "):
            line = line.removeprefix(call)
        return cut(line.split(" at ")[0] if url else line, 200)


def _listen(session: CDPSession, listener: Callable[[dict[str, Any]], None]) -> None:
    # A binding of the protocol reaches us from a page that is just being left, and record.js takes it from the page.
    session.on("Runtime.bindingCalled", lambda event: listener(json.loads(event["payload"])))
    session.send("Runtime.enable")
    session.send("Runtime.addBinding", {"name": "__webagentRecord"})
