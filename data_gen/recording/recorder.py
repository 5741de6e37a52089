"""A browser in which somebody does a task while what they do is recorded as an episode.

Pages are read as ``envs.web.OpenWebEnv`` reads them, so a policy that runs there later sees what is stored here. The
html and boxes of a step are the page's at the very moment before the gesture; its picture is the last one that was
taken when the page was still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Error, Page

from data_gen.recording.gestures import Gestures, read_event
from envs.action import Action
from envs.browser import BrowserFault
from envs.html import format_html, parse_html
from envs.loop import Episode, Step
from envs.observation import Observation
from envs.web import OpenWebEnv


class RecordError(ValueError):
    """A recording that cannot go on, or holds nothing. The message says why."""


class Recorder:
    """Opens a page and records what is done on it with real input, by a person or through ``page``.

    In scripts, call ``look`` after each gesture: it waits until the page is still and takes its picture.

    Args:
        url: where it starts.
        task: the instruction. A secret stands in it as ``{{secret:NAME}}``, and in the recording too: whatever is typed
            into a password field is then stored as the placeholder. Without one, only a password in the task's own
            words can be typed.
        allow_hosts: hosts that may be asked besides the start page's.
        storage_state: file with cookies and local storage to start with.
        headless: False shows the browser's window.

    Attributes:
        page: Playwright's, to give input to.

    Raises:
        OpenWebError: if the start page, a secret or a file cannot be used, or the page does not load.
        envs.browser.BrowserError: if no browser could be found or started.
    """

    def __init__(
        self,
        url: str,
        task: str,
        *,
        allow_hosts: Iterable[str] = (),
        storage_state: Path | None = None,
        headless: bool = True,
    ):
        self._env = OpenWebEnv(
            url, task, allow_hosts=allow_hosts, storage_state=storage_state, headless=headless, listener=self._hear
        )
        secrets = self._env.secrets
        self._secrets = {f"{{{{secret:{name}}}}}": secrets.value(name) for name in secrets.names}
        self._gestures = Gestures()
        self._error = ""
        self._heard = 0
        self._passwords: set[int] = set()
        try:
            observation, info = self._env.reset()
            if fault := info.get("fault"):
                raise RecordError(f"the browser broke: {fault}")
            assert self._env.tab is not None
            self.page: Page = self._env.tab.page
            self._picture: np.ndarray = observation["screenshot"]
        except BaseException:
            self._env.close()
            raise

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def heard(self) -> int:
        """How many events have come in."""
        return self._heard

    @property
    def actions(self) -> list[Action]:
        """What has been done, the gesture under way left out.

        Raises:
            RecordError: if a password was typed that is not to be stored.
        """
        return [self._masked(action) for _, action in self._gestures.steps]

    def listen(self, milliseconds: int) -> None:
        """Lets the browser go on for a while, so that what is done in it comes in.

        Raises:
            RecordError: if the browser or its window is gone.
        """
        try:
            self.page.wait_for_timeout(milliseconds)
        except Error as error:
            raise RecordError("the browser was closed") from error

    def look(self) -> Observation:
        """Waits until the page is still, and takes its picture.

        Raises:
            RecordError: if the browser or its window is gone.
        """
        try:
            observation = self._env.look()
        except BrowserFault as fault:
            raise RecordError(f"the browser is gone: {fault}") from fault
        self._picture = observation["screenshot"]
        return self._without_passwords(observation)

    def finish(self, answer: str = "") -> Episode:
        """Ends the recording with ``done "answer"``.

        Returns:
            A successful episode: whoever recorded it says so.

        Raises:
            RecordError: if nothing was done, a password was typed that is not to be stored, or the browser is gone.
        """
        last = self.look()
        steps = [(before, self._masked(action)) for before, action in self._gestures.settle()]
        if self._error:
            raise RecordError(self._error)
        if not steps:
            raise RecordError("nothing was done on the page, so there is nothing to record")
        steps.append((last, Action("done", (self._env.secrets.mask(answer),))))
        episode = Episode("OpenWeb", None, [Step(before, action, 0.0, 0.0, "") for before, action in steps], last)
        episode.terminated = episode.success = True
        return episode

    def close(self) -> None:
        """Closes the page."""
        self._env.close()

    def _hear(self, message: dict[str, Any]) -> None:
        self._heard += 1
        try:
            before = None
            if (reported := message["seen"]) is not None and self._env.tab is not None:
                seen = self._env.tab.take(reported)
                before = self._without_passwords(self._env.observation_of(seen, self._picture))
            self._gestures.add(read_event(message, before))
        except ValueError as error:
            self._error = f"the page cannot be recorded: {error}"

    def _masked(self, action: Action) -> Action:
        if not action.strings:
            return action
        strings = map(self._env.secrets.mask, action.strings)
        if action.refs and action.refs[0] in self._passwords:
            strings = [self._storable(string) for string in strings]
            if None in strings:
                raise RecordError(
                    "a password was typed, and the task names none: put it into an environment variable, such as "
                    "PASSWORD, and say {{secret:PASSWORD}} in the task; the recording then holds that in its place"
                )
        return replace(action, args=(*action.args[: len(action.args) - len(action.strings)], *strings))

    def _without_passwords(self, observation: Observation) -> Observation:
        """No password field shows what is not to be stored, half typed or mistyped as it may be."""
        if "type=password" not in observation["html"] and not self._passwords:
            return observation
        root = parse_html(observation["html"])
        for field in root.find_all("input", ref=True):
            assert field.ref is not None
            if field.attributes.get("type") == "password":
                self._passwords.add(field.ref)
            if field.ref in self._passwords and field.value:  # also once a button has made it readable
                if storable := self._storable(field.value):
                    field.attributes["value"] = storable
                else:
                    del field.attributes["value"]
        return {**observation, "html": format_html(root)}

    def _storable(self, typed: str) -> str | None:
        """What stands for the content of a password field; None where nothing may."""
        if not self._secrets:
            return typed if typed in self._env.task else None
        if not typed or typed in self._secrets:
            return typed
        return max(
            self._secrets, key=lambda placeholder: SequenceMatcher(None, typed, self._secrets[placeholder]).ratio()
        )
