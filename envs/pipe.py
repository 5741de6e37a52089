"""A second speaker on Playwright's pipe to the browser, for the few commands that every step sends.

A command through Playwright goes by way of its Node process, which costs several times what the browser's own answer
does, in latency and in processor time. So the pipe by which Playwright and Chromium speak is led through this process:
Playwright's messages pass unchanged, and sessions of our own send theirs beside them. It stays a pipe: unlike a
debugging port, nobody else on the machine can open it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import socket
import sys
import tempfile
import threading
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from playwright.sync_api import Error, Page

_OWN_IDS = 1_000_000_000
"""Our messages are numbered from here on; Playwright counts from 1."""

# Runs in the browser's place, and becomes it. Chromium takes commands from descriptor 3 and answers on 4: these two, as
# Playwright made them, are handed to us with our ends of the two pipes that the browser gets instead.
_LAUNCHER = """
import os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
commands, to_browser = os.pipe()
from_browser, answers = os.pipe()
socket.send_fds(link, [b"."], [3, 4, to_browser, from_browser])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[2], sys.argv[2:])
"""


class SharedPipe:
    """The pipe of one launch, for which Playwright is given ``executable`` as the browser.

    Args:
        chromium: path of the browser.

    Raises:
        OSError: if it cannot be done here (no Unix sockets, no programs among temporary files).
    """

    def __init__(self, chromium: str):
        if not hasattr(socket, "send_fds"):
            raise OSError("no Unix sockets here")
        self._folder = Path(tempfile.mkdtemp(prefix="webagent-"))  # nobody else can look into it
        self._listener = socket.socket(socket.AF_UNIX)
        self._ids = count(_OWN_IDS)
        self._writing = threading.Lock()
        self._own: set[str] = set()
        self._lost: dict[str, str] = {}  # sessions whose page has gone, and how
        self._browser: Session | None = None
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()  # to us; None when there will be no more
        self._to_browser = -1
        self.executable = str(self._folder / "chromium")
        """What Playwright is to start."""
        try:
            if os.statvfs(self._folder).f_flag & getattr(os, "ST_NOEXEC", 0):
                raise OSError(f"programs in {self._folder} cannot be started")
            address = str(self._folder / "pipe")
            self._listener.bind(address)
            self._listener.listen(1)
            command = shlex.join([sys.executable, "-IS", "-c", _LAUNCHER, address, chromium])
            Path(self.executable).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            Path(self.executable).chmod(0o700)
        except OSError:
            self.discard()
            raise
        threading.Thread(target=self._connect, name="webagent-pipe", daemon=True).start()

    def discard(self) -> None:
        """Removes what only the launch needs. A pipe that was opened stays open."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a browser that did not start
        self._listener.close()

    def session(self, page: Page) -> Session:
        """A session of our own with a page of Playwright's."""
        asked = page.context.new_cdp_session(page)
        target = asked.send("Target.getTargetInfo")["targetInfo"]["targetId"]
        asked.detach()
        if self._browser is None:
            self._browser = self._attach(Session(self, ""), "Target.attachToBrowserTarget", {})
        # Attached from a session of our own, the page's events come to us: Playwright would take it for a new page.
        session = self._attach(self._browser, "Target.attachToTarget", {"targetId": target, "flatten": True})
        session.send("Inspector.enable")  # it tells of crashes
        return session

    def _attach(self, parent: Session, method: str, params: dict[str, Any]) -> Session:
        session = Session(self, parent.send(method, params)["sessionId"])
        self._own.add(session.id)
        return session

    def ask(self, session: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Sends one command and waits for what it returns; see ``Session.send``."""
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        try:
            self._write(json.dumps(message).encode() + b"\0")
        except OSError as error:
            raise Error("the browser has gone") from error
        while session not in self._lost:
            answer = self._answers.get()
            if answer is None:
                self._answers.put(None)  # for the next who asks
                raise Error("the browser has gone")
            if answer.get("id") == number:
                if "error" in answer:
                    raise Error(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
            if answer.get("method") == "Inspector.targetCrashed":
                self._lost[answer["sessionId"]] = "crashed"
            elif answer.get("method") == "Target.detachedFromTarget":
                self._lost[answer["params"]["sessionId"]] = "was closed"
        raise Error(f"the page {self._lost[session]}")

    def _connect(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return  # discarded
        _, (commands, answers, self._to_browser, from_browser), _, _ = socket.recv_fds(link, 1, 4)
        link.close()
        for end in (commands, answers, self._to_browser, from_browser):
            os.set_inheritable(end, False)
        try:
            with contextlib.suppress(OSError):
                self._pass_on(commands, answers, from_browser)
        finally:
            with self._writing:  # either side has gone: the other ends when it sees that
                for end in (commands, answers, from_browser, self._to_browser):
                    os.close(end)
                self._to_browser = -1
            self._answers.put(None)

    def _pass_on(self, commands: int, answers: int, from_browser: int) -> None:
        begun = {
            commands: b"",
            from_browser: b"",
        }  # of a message whose end, a zero byte, did not come yet
        poll = select.poll()
        for source in begun:
            poll.register(source, select.POLLIN)
        while True:
            for source, _ in poll.poll():
                if not (read := os.read(source, 1 << 16)):
                    return
                whole, end, rest = (begun[source] + read).rpartition(b"\0")
                begun[source] = rest
                if end and source == commands:
                    self._write(whole + end)
                elif end:
                    for message in whole.split(b"\0"):
                        self._receive(message, answers)

    def _receive(self, message: bytes, answers: int) -> None:
        answer = json.loads(message)
        if answer.get("id", 0) >= _OWN_IDS or answer.get("sessionId") in self._own:
            self._answers.put(answer)
        else:
            _write_all(answers, message + b"\0")

    def _write(self, messages: bytes) -> None:
        with self._writing:
            _write_all(self._to_browser, messages)


class Session:
    """Commands of the DevTools protocol to one page, by the shortest way. For the browser's thread only."""

    def __init__(self, pipe: SharedPipe, id: str):
        self._pipe = pipe
        self.id = id

    def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a command returns.

        Raises:
            playwright.sync_api.Error: if the browser refuses it, or page or browser are gone.
        """
        return self._pipe.ask(self.id, method, params or {})


def _write_all(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]
