"""The browser: found, launched once per process, with a deadline on every call."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser as PlaywrightBrowser
from playwright.sync_api import BrowserContext, CDPSession, Error, Page, Playwright, sync_playwright

from envs.html import cut
from envs.observation import PageBroken
from envs.pipe import Session, SharedPipe

SHELL = "headless-shell"

CANDIDATES = (
    f"chromium-{SHELL}",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)
"""Programs looked for on PATH, in this order; the headless shell has the least to start."""

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
"""Environment variables that name the display a window is shown on."""

UNLIMITED_FRAMES = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
"""A screenshot waits for the next frame: these keep it from waiting for a 60 Hz display, at the cost of more CPU."""

ARGUMENTS = (
    "--font-render-hinting=none",  # the same pixels whatever the machine's font settings
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    "--disable-partial-raster",  # redrawing only a part of a tile leaves other pixels on its rounded corners
    "--disable-smooth-scrolling",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    # Ways to the network beside that of a context's proxy (``envs.gate``): looking up names, and UDP.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--deny-permission-prompts",
    "--js-flags=--max-old-space-size=1024",  # MB a page's scripts may fill before its process ends
)
FILE_ACCESS = "--allow-file-access-from-files"
"""Page scripts may read the style sheets beside their own file."""

DEADLINE = 30.0
"""Seconds that one call into the browser may take."""

GRACE = 5.0
"""Seconds after which the driver is killed too, where killing the browser did not end the call."""

_STORAGE = re.compile("storage.?state", re.IGNORECASE)  # in what Playwright says of one that it cannot use
LOST = "Playwright no longer hears its driver; both were given up"


class BrowserError(RuntimeError):
    """No browser could be found or started. The message says what to install."""


class BrowserFault(RuntimeError):
    """The browser crashed, hung or lost its page in the middle of something."""


def find_chromium(headless: bool = True) -> str:
    """Path of the Chromium to use.

    ``WEBAGENT_CHROMIUM`` decides where it is set; then Playwright's own download; then ``CANDIDATES`` on PATH.

    Args:
        headless: False asks for one that can show a window, which a headless shell cannot.

    Raises:
        BrowserError: if there is none.
    """
    if not headless and sys.platform.startswith("linux") and not any(map(os.environ.get, DISPLAYS)):
        raise BrowserError(
            "there is no display to show the browser's window on: neither DISPLAY nor WAYLAND_DISPLAY is set. Work "
            "without a window, or on a desktop, or under `xvfb-run`"
        )
    named = os.environ.get("WEBAGENT_CHROMIUM")
    if named:
        if (path := shutil.which(named)) is None:
            raise BrowserError(f"WEBAGENT_CHROMIUM is {named!r}, which is not a program that can be run")
        if not headless and SHELL in path.replace("_", "-"):
            raise BrowserError(f"WEBAGENT_CHROMIUM is {named!r}, a headless shell: it shows no window")
        return path
    if own := _of_playwright(headless):
        return own
    for name in CANDIDATES:
        if (headless or SHELL not in name) and (path := shutil.which(name)):
            return path
    raise BrowserError(
        ("no Chromium was found. " if headless else "no Chromium was found that shows a window. ")
        + "Install one: `playwright install chromium`, or on Debian and Ubuntu `apt-get install chromium`, or name one "
        "in WEBAGENT_CHROMIUM"
    )


def _of_playwright(headless: bool) -> str | None:
    """The build that this Playwright was made for, where it was downloaded; others may lie beside it."""
    whole = Path(_driver().playwright.chromium.executable_path)
    shells = [
        shell
        for folder in whole.parents
        if headless and folder.name.startswith("chromium-")
        for shell in folder.parent.glob(f"{folder.name.replace('-', '_headless_shell-')}/*/*headless*shell")
    ]
    return next((str(path) for path in (*shells, whole) if path.is_file()), None)


def sandbox_wanted() -> bool:
    """Everybody gets Chromium's sandbox but root, who cannot use it, and those who set ``WEBAGENT_SANDBOX=0``."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return not root and os.environ.get("WEBAGENT_SANDBOX") != "0"


@dataclass
class _Driver:
    """Playwright itself.

    Attributes:
        playwright: what is called.
        loop: what runs in the place of the code that calls it, until there is an answer.
        lost: whether that had to be ended: no call will ever end by itself.
    """

    playwright: Playwright
    loop: asyncio.AbstractEventLoop
    lost: bool = False


class _Watchdog:
    """Ends a call that outlasts its deadline: Playwright gives ``evaluate`` and CDP calls none.

    It kills the browser; where that frees nobody, because Playwright's driver hangs, the driver; and where Playwright
    itself has lost its place, as an interrupt (Ctrl-C) in the middle of its event loop can do to it, it has that loop
    end as by another interrupt.
    """

    def __init__(self, driver: _Driver | None = None) -> None:
        self._deadline = float("inf")
        self._victims: list[int] = []
        self.driver = driver
        self.fired = False
        threading.Thread(target=self._watch, name="webagent-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(0.25)
            if time.monotonic() > self._deadline:
                self._deadline, self.fired = time.monotonic() + GRACE, True
                if self._victims:
                    kill(self._victims.pop(0))
                elif self.driver is not None and not self.driver.lost:
                    self.driver.lost = True
                    with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                        self.driver.loop.call_soon_threadsafe(_interrupt)

    @contextlib.contextmanager
    def limit(self, seconds: float, victims: Iterable[int] = ()) -> Iterator[None]:
        """Bounds everything inside.

        Raises:
            BrowserFault: if Playwright has lost its place.
        """
        if self._lost():
            raise BrowserFault(LOST)
        self._victims = [pid for pid in victims if pid]
        self._deadline, self.fired = time.monotonic() + seconds, False
        try:
            yield
        except KeyboardInterrupt:
            if not self._lost():
                raise
            raise BrowserFault(LOST) from None
        finally:
            self._deadline = float("inf")

    def _lost(self) -> bool:
        return self.driver is not None and self.driver.lost


def _interrupt() -> None:
    raise KeyboardInterrupt  # the one exception of a callback, besides SystemExit, that ends an event loop


def kill(pid: int) -> None:
    """Ends a process at once, if it is there."""
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class BrowserConfig:
    """What a browser is launched with; browsers with equal configurations are shared within a process."""

    headless: bool = True
    frame_limit: bool = False
    """60 frames a second, as for a display: steps take longer and a third less CPU. For many environments at once."""
    file_access: bool = True
    """Whether scripts of a page that is a file may read other files. MiniWoB++ pages need it; no others get it."""


class Browser:
    """One running Chromium. ``shared`` gives the process's; it starts again by itself after a crash."""

    def __init__(self, config: BrowserConfig):
        self.config = config
        self.executable = find_chromium(config.headless)
        self.sandbox = sandbox_wanted()
        self._watchdog = _Watchdog()
        self._browser: PlaywrightBrowser | None = None
        self._pid = self._driver_pid = 0
        self._pipe: SharedPipe | None = None
        self.restart()

    def restart(self) -> None:
        """Starts a new Chromium in place of the old one; pages of the old one are gone.

        Raises:
            BrowserError: if it does not start.
        """
        kill(self._pid)
        self.close()
        try:
            try:
                self._launch(_driver())
            except Error as error:
                if "onnection closed" not in error.message:
                    raise
                self._launch(_driver(anew=True))  # Playwright's driver has died, and its browsers with it
        except Error as error:
            hint = ""
            if self.sandbox and "sandbox" in error.message:
                hint = (
                    "its sandbox cannot be used here: install chromium-sandbox, or allow user namespaces, or, for "
                    "pages you trust only, set WEBAGENT_SANDBOX=0. "
                )
            raise BrowserError(f"Chromium {self.executable} did not start: {hint}{error.message}") from error

    def _shared_pipe(self) -> SharedPipe | None:
        try:
            return SharedPipe(self.executable)
        except OSError:
            return None

    def session(self, page: Page) -> Session | CDPSession:
        """Commands of the DevTools protocol to a page, by the shortest way there is.

        Playwright's event handlers do not run while such a command is under way.
        """
        return self._pipe.session(page) if self._pipe else page.context.new_cdp_session(page)

    def _launch(self, driver: _Driver) -> None:
        arguments = [*ARGUMENTS]
        if not self.config.frame_limit:
            arguments += UNLIMITED_FRAMES
        if self.config.file_access:
            arguments.append(FILE_ACCESS)
        self._watchdog.driver = driver
        self._pipe = pipe = self._shared_pipe()
        try:
            self._browser = driver.playwright.chromium.launch(
                executable_path=pipe.executable if pipe else self.executable,
                headless=self.config.headless,
                chromium_sandbox=self.sandbox,
                args=arguments,
                timeout=DEADLINE * 1000,
            )
        finally:
            if pipe is not None:
                pipe.discard()
        session = self._browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        self._pid = next(p["id"] for p in processes if p["type"] == "browser")
        session.detach()
        self._driver_pid = _child_above(self._pid)

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
            BrowserFault: if the time was over, the browser or its page was lost, or the page cannot be read.
        """
        seconds = DEADLINE if seconds is None else seconds
        try:
            with self._watchdog.limit(seconds, (self._pid, self._driver_pid)):
                yield
        except Error as error:
            if self._watchdog.fired:
                raise BrowserFault(f"no answer within {seconds:g} s; the browser was stopped") from error
            raise BrowserFault(cut(error.message.splitlines()[0], 200)) from error
        except PageBroken as error:
            raise BrowserFault(str(error)) from error

    def new_page(
        self, *, width: int, height: int, scripts: tuple[str, ...], proxy: str = "", storage: str | None = None
    ) -> Page:
        """A page in a context of its own, with fixed locale, time zone and scale; launches anew where need be.

        Args:
            width, height: viewport in CSS pixels.
            scripts: JavaScript to run before any script of a page.
            proxy: the only way to the network, loopback included; without one the network is cut off.
            storage: file with cookies and local storage to start with, as Playwright writes it.

        Raises:
            BrowserFault: if it does not open; of one that ``bad_storage`` is true of, the file is the cause.
            BrowserError: if the browser has to be started anew and does not start.
        """
        if self._browser is not None and self._browser.is_connected():
            try:
                return self._open_page(width, height, scripts, proxy, storage)
            except BrowserFault as fault:  # it is dying, or its driver is
                if storage and bad_storage(fault):
                    raise
        self.restart()
        return self._open_page(width, height, scripts, proxy, storage)

    def _open_page(self, width: int, height: int, scripts: tuple[str, ...], proxy: str, storage: str | None) -> Page:
        assert self._browser is not None
        with self.deadline():
            context: BrowserContext = self._browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=1,
                locale="en-US",
                timezone_id="UTC",
                color_scheme="light",
                reduced_motion="reduce",
                offline=not proxy,
                proxy={"server": proxy, "bypass": "<-loopback>"} if proxy else None,
                storage_state=storage,
                accept_downloads=False,
                service_workers="block",
                permissions=[],
            )
            context.set_default_timeout(DEADLINE * 1000)
            for script in scripts:
                context.add_init_script(script)
            return context.new_page()  # whose dialogs Playwright dismisses, as nobody listens for them

    def kill(self) -> None:
        """Ends it and its driver at once, from any thread."""
        kill(self._pid)
        kill(self._driver_pid)

    def close(self) -> None:
        """Ends it; ``restart`` starts it again."""
        with contextlib.suppress(Error, BrowserFault):
            if self._browser is not None:
                with self.deadline(GRACE):
                    self._browser.close()
        self._browser = None


def bad_storage(fault: BrowserFault) -> bool:
    """Whether a page did not open because the file with its cookies and local storage cannot be used."""
    return bool(_STORAGE.search(str(fault.__cause__)))


def _child_above(pid: int) -> int:
    """The child of this process that a process descends from: of a browser, Playwright's driver. 0 where unknown."""
    try:
        while (parent := int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])) != os.getpid():
            pid = parent
    except (OSError, ValueError, IndexError):
        return 0
    return pid


# Process and thread that they belong to. By the thread itself, since its number is given to another one after its end.
_drivers: dict[tuple[int, threading.Thread], _Driver] = {}
_shared: dict[tuple[int, threading.Thread, BrowserConfig], Browser] = {}


def _driver(anew: bool = False) -> _Driver:
    """Playwright, of which a thread can have but one, whatever the number of its browsers.

    Raises:
        BrowserError: if it does not start.
    """
    key = (os.getpid(), threading.current_thread())
    if anew or (key in _drivers and _drivers[key].lost):
        _stop(key)
    if key not in _drivers:
        try:
            _drivers[key] = _Driver(sync_playwright().start(), asyncio.get_running_loop())
        except Error as error:
            hint = ""
            if "asyncio loop" in error.message:
                hint = (
                    "an event loop runs in this thread, as in a notebook; wrap the environment: envs.OwnThread(env). "
                )
            raise BrowserError(f"Playwright did not start: {hint}{error.message}") from error
        atexit.register(_stop, key)
    return _drivers[key]


def _stop(key: tuple[int, threading.Thread]) -> None:
    process, thread = key
    if process == os.getpid() and (driver := _drivers.pop(key, None)) is not None and _is_here(thread):
        driver.lost = False  # it is tried once more, and ended once more where it has to be
        with contextlib.suppress(Exception), _Watchdog(driver).limit(GRACE):
            driver.playwright.stop()


def shared(config: BrowserConfig = BrowserConfig()) -> Browser:
    """The browser of this process and thread, launched on first use and closed at exit.

    Playwright's synchronous interface belongs to one thread, and a forked process must not use its parent's browser.
    """
    key = (os.getpid(), threading.current_thread(), config)
    if key not in _shared:
        for other in [other for other in _shared if not other[1].is_alive()]:
            _close(other)
            _stop(other[:2])
        _shared[key] = Browser(config)
        atexit.register(_close, key)
    return _shared[key]


def _close(key: tuple[int, threading.Thread, BrowserConfig]) -> None:
    process, thread, _ = key
    if process == os.getpid() and (browser := _shared.pop(key, None)) is not None:
        if _is_here(thread):
            browser.close()
        else:  # what asks it to close would be answered in its own thread
            browser.kill()


def _is_here(thread: threading.Thread) -> bool:
    return thread is threading.current_thread()
