"""``webagent record``: a person does a task in a browser, and what they do becomes a demonstration."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_gen.recording import Recorder, RecordError, add_episode, check_dataset
from webagent.output import UsageError, console

POLL_MILLISECONDS = 50
"""How long the browser is listened to before the terminal is looked at again."""


@dataclass(frozen=True)
class RecordConfig:
    """Record what you do on a web page, in a browser that opens for it, as a demonstration of the task.

    Do the task there, then come back and press Enter; words typed before it are the answer of `done`. Ctrl+C or closing
    the browser cancels, and nothing is written. The same --out takes one demonstration after another. Scrolling and
    moving the mouse are not recorded: a policy scrolls to what it acts on by itself.
    {{secret:NAME}} in the task stands for the environment variable NAME: type its value into the password field, and
    the placeholder is stored. A password that the task does not name is not recorded: typing it cancels.

    examples:
      webagent record --url https://example.org/shop --task "Buy 2 red mugs" --out data/shop
      webagent record --url https://example.org --task "Log in as ann with {{secret:PASSWORD}}" --out data/login
    """

    url: str
    """The page to start on: http, https or file."""
    task: str
    """What you are going to do, in the words that you would give a policy."""
    out: Path
    """Folder of the dataset. Where it holds recordings, this one is added."""
    allow: tuple[str, ...] = ()
    """More hosts that the browser may ask, such as www.example.org or *.example.org."""
    storage_state: Path | None = None
    """Cookies and local storage to start with, a file as Playwright's `storage_state` writes it."""
    headless: bool = False
    """Do not show the browser's window; for trying out."""


def record(config: RecordConfig) -> int:
    """Records one demonstration.

    Returns:
        0 if it is in the dataset, 1 if it was cancelled.

    Raises:
        UsageError, RecordError, OpenWebError, BrowserError, DatasetError: if what is given cannot be used.
    """
    out = console()
    if not config.task.strip():
        raise UsageError("--task is empty: say what you are going to do, in plain words")
    check_dataset(config.out)
    with Recorder(
        config.url,
        config.task,
        allow_hosts=config.allow,
        storage_state=config.storage_state,
        headless=config.headless,
    ) as recorder:
        out.print("do the task in the browser; then press Enter here (Ctrl+C cancels)")
        answer: list[str] = []
        reader = threading.Thread(target=lambda: answer.append(sys.stdin.readline()), daemon=True)
        reader.start()
        try:
            for action in _watch(recorder, reader):
                out.print(f"     {action}", markup=False, soft_wrap=True)
        except RecordError as error:
            out.print(f"cancelled, nothing was written: {error}", style="red", markup=False)
            return 1
        if not answer or not answer[0]:  # the terminal was closed
            out.print("cancelled, nothing was written", style="red")
            return 1
        episode = recorder.finish(answer[0].strip())
    count = add_episode(config.out, episode)
    for number, step in enumerate(episode.steps, 1):
        out.print(f"{number:3}  {step.action}", markup=False, soft_wrap=True)
    out.print(f"{config.out} holds {count} recordings; teach a policy with: webagent teach {config.out} --out RUN")
    return 0


def _watch(recorder: Recorder, reader: threading.Thread) -> Iterator[str]:
    """What has been done, until the reader has ended. Takes a picture after everything that comes in."""
    shown, heard = 0, recorder.heard
    while reader.is_alive():
        recorder.listen(POLL_MILLISECONDS)
        if recorder.heard != heard:
            heard = recorder.heard
            recorder.look()
        actions = recorder.actions
        for action in actions[shown:]:
            yield str(action)
        shown = max(shown, len(actions))
