"""The browser: found, launched once per process, with a deadline on every call."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser as PlaywrightBrowser
from playwright.sync_api import BrowserContext, CDPSession, Error, Page, Playwright, sync_playwright

from envs.pipe import Session, SharedPipe

CANDIDATES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)
"""Programs looked for on PATH, in this order; the headless shell has the least to start."""

UNLIMITED_FRAMES = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
"""A screenshot waits for the next frame: these keep it from waiting for a 60 Hz display, at the cost of more CPU."""

ARGUMENTS = (
    "--font-render-hinting=none",  # the same pixels whatever the machine's font settings
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    "--disable-partial-raster",  # redrawing only a part of a tile leaves other pixels on its rounded corners
    "--disable-smooth-scrolling",
    "--allow-file-access-from-files",  # page scripts may read the style sheets beside their own file
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DEADLINE = 30.0
"""Seconds that one call into the browser may take."""


class BrowserError(RuntimeError):
    """No browser could be found or started. The message says what to install."""


class BrowserFault(RuntimeError):
    """The browser crashed, hung or lost its page in the middle of something."""


def find_chromium() -> str | None:
    """The Chromium to use, None where Playwright's own download is there and needs no path.

    ``WEBAGENT_CHROMIUM`` decides where it is set; then Playwright's own; then ``CANDIDATES`` on PATH.

    Raises:
        BrowserError: if there is none.
    """
    named = os.environ.get("WEBAGENT_CHROMIUM")
    if named:
        if shutil.which(named) is None:
            raise BrowserError(f"WEBAGENT_CHROMIUM is {named!r}, which is not a program that can be run")
        return shutil.which(named)
    if _playwright_has_its_own():
        return None
    return _chromium_on_path()


def _chromium_on_path() -> str:
    for name in CANDIDATES:
        if path := shutil.which(name):
            return path
    raise BrowserError(
        "no Chromium was found. Install one: `playwright install chromium`, or on Debian and Ubuntu "
        "`apt-get install chromium`, or name one in WEBAGENT_CHROMIUM"
    )


def _playwright_has_its_own() -> bool:
    folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright"
    return any(Path(folder).glob("chromium_headless_shell-*/*/*headless*shell"))


def sandbox_wanted() -> bool:
    """Everybody gets Chromium's sandbox but root, who cannot use it, and those who set ``WEBAGENT_SANDBOX=0``."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return not root and os.environ.get("WEBAGENT_SANDBOX") != "0"


class _Watchdog:
    """Kills the browser when a call outlasts its deadline: Playwright gives ``evaluate`` and CDP calls none."""

    def __init__(self) -> None:
        self._deadline = float("inf")
        self._pid = 0
        self.fired = False
        threading.Thread(target=self._watch, name="webagent-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(0.25)
            if time.monotonic() > self._deadline and self._pid:
                self._deadline, self.fired = float("inf"), True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)

    def guard(self, pid: int, seconds: float) -> None:
        self._pid, self._deadline, self.fired = pid, time.monotonic() + seconds, False

    def release(self) -> None:
        self._deadline = float("inf")


@dataclass(frozen=True)
class BrowserConfig:
    """What a browser is launched with; browsers with equal configurations are shared within a process."""

    headless: bool = True
    frame_limit: bool = False
    """60 frames a second, as for a display: steps take longer and a third less CPU. For many environments at once."""


class Browser:
    """One running Chromium. ``shared`` gives the process's; it starts again by itself after a crash."""

    def __init__(self, config: BrowserConfig):
        self.config = config
        self.executable = find_chromium()
        self.sandbox = sandbox_wanted()
        self._watchdog = _Watchdog()
        self._playwright = _driver()
        self._browser: PlaywrightBrowser | None = None
        self._pid = 0
        self._pipe: SharedPipe | None = None
        self.restart()

    def restart(self) -> None:
        """Starts a new Chromium in place of the old one; pages of the old one are gone.

        Raises:
            BrowserError: if it does not start.
        """
        with contextlib.suppress(Error):
            if self._browser is not None:
                self._browser.close()
        pipe = self._shared_pipe()
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=pipe.executable if pipe else self.executable,
                headless=self.config.headless,
                chromium_sandbox=self.sandbox,
                args=[*ARGUMENTS, *(() if self.config.frame_limit else UNLIMITED_FRAMES)],
                timeout=DEADLINE * 1000,
            )
            session = self._browser.new_browser_cdp_session()
            processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
            self._pid = next(p["id"] for p in processes if p["type"] == "browser")
        except Error as error:
            if self.executable is None and "Executable doesn't exist" in error.message:
                self.executable = _chromium_on_path()  # what was downloaded belongs to another version of Playwright
                return self.restart()
            hint = ""
            if self.sandbox and "sandbox" in error.message:
                hint = (
                    "its sandbox cannot be used here: install chromium-sandbox, or allow user namespaces, or, for "
                    "pages you trust only, set WEBAGENT_SANDBOX=0. "
                )
            name = self.executable or "of Playwright"
            raise BrowserError(f"Chromium {name} did not start: {hint}{error.message}") from error
        finally:
            if pipe is not None:
                pipe.discard()
        self._pipe = pipe

    def _shared_pipe(self) -> SharedPipe | None:
        if self.executable is None:
            return None
        try:
            return SharedPipe(self.executable)
        except OSError:
            return None

    def session(self, page: Page) -> Session | CDPSession:
        """Commands of the DevTools protocol to a page, by the shortest way there is.

        Playwright's event handlers do not run while such a command is under way.
        """
        return self._pipe.session(page) if self._pipe else page.context.new_cdp_session(page)

    @property
    def version(self) -> str:
        return f"Chromium {self._browser.version}" if self._browser else ""

    @property
    def pid(self) -> int:
        """Process id of the browser's main process."""
        return self._pid

    @contextlib.contextmanager
    def deadline(self, seconds: float | None = None) -> Iterator[None]:
        """Bounds everything inside, to ``DEADLINE`` where None; kills the browser when the time is over.

        Raises:
            BrowserFault: if the time was over, or the browser or its page was lost.
        """
        seconds = DEADLINE if seconds is None else seconds
        self._watchdog.guard(self._pid, seconds)
        try:
            yield
        except Error as error:
            if self._watchdog.fired:
                raise BrowserFault(f"no answer within {seconds:g} s; the browser was stopped") from error
            raise BrowserFault(error.message.splitlines()[0][:200]) from error
        finally:
            self._watchdog.release()

    def new_page(self, *, width: int, height: int, scripts: tuple[str, ...], offline: bool) -> Page:
        """A page in a context of its own, with fixed locale, time zone and scale; launches anew where need be.

        Args:
            width, height: viewport in CSS pixels.
            scripts: JavaScript to run before any script of a page.
            offline: whether to cut the network off.
        """
        if self._browser is None or not self._browser.is_connected():
            self.restart()
        assert self._browser is not None
        with self.deadline():
            context: BrowserContext = self._browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=1,
                locale="en-US",
                timezone_id="UTC",
                color_scheme="light",
                reduced_motion="reduce",
                offline=offline,
                accept_downloads=False,
                service_workers="block",  # what they request goes past every route
            )
            context.set_default_timeout(DEADLINE * 1000)
            for script in scripts:
                context.add_init_script(script)
            return context.new_page()  # whose dialogs Playwright dismisses, as nobody listens for them

    def close(self) -> None:
        with contextlib.suppress(Error):
            if self._browser is not None:
                self._browser.close()


_drivers: dict[tuple[int, int], Playwright] = {}
_shared: dict[tuple[int, int, BrowserConfig], Browser] = {}


def _driver() -> Playwright:
    """Playwright itself, of which a thread can have but one, whatever the number of its browsers."""
    key = (os.getpid(), threading.get_ident())
    if key not in _drivers:
        _drivers[key] = sync_playwright().start()
        atexit.register(_stop, key)
    return _drivers[key]


def _stop(key: tuple[int, int]) -> None:
    if key[0] == os.getpid() and (driver := _drivers.pop(key, None)) is not None:
        with contextlib.suppress(Exception):
            driver.stop()


def shared(config: BrowserConfig = BrowserConfig()) -> Browser:
    """The browser of this process and thread, launched on first use and closed at exit.

    Playwright's synchronous interface belongs to one thread, and a forked process must not use its parent's browser.
    """
    key = (os.getpid(), threading.get_ident(), config)
    if key not in _shared:
        _shared[key] = Browser(config)
        atexit.register(_close, key)
    return _shared[key]


def _close(key: tuple[int, int, BrowserConfig]) -> None:
    if key[0] == os.getpid() and (browser := _shared.pop(key, None)) is not None:
        browser.close()
