"""What the commands share in writing: the console, whether a place can be written, the error that a user is shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

from data_gen.files import write_whole

STDOUT = Path("-")
"""What stands for stdout in the place of a file."""


class UsageError(ValueError):
    """Something the user gave cannot be used. The message is one line and says what to do instead."""


def console(stderr: bool = False) -> Console:
    """The console. In a file or a pipe its lines are long, so that no table is cut to 80 columns."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else 200)


def write_json(file: Path, content: str) -> None:
    """Writes results for a program: to a file, or to stdout."""
    if file == STDOUT:
        print(content, end="" if content.endswith("\n") else "\n", flush=True)
    else:
        write_whole(file, content)


def check_writable(path: Path) -> None:
    """Finds out before the work, not after it, that its result cannot be written. Writes nothing.

    Raises:
        UsageError: if ``path`` is a folder, or cannot be made where it is.
    """
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder, a file is expected")
    if not path.exists() or path.is_file():
        check_folder_writable(path.resolve().parent if path.is_symlink() else path.parent)
    elif not os.access(path, os.W_OK):  # a pipe or a device, which is written into
        raise UsageError(f"cannot write {path}: no permission")


def check_folder_writable(folder: Path) -> None:
    """The same for a folder that is made, with its parents, where it is missing.

    Raises:
        UsageError: if it is a file, or cannot be made.
    """
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise UsageError(f"cannot write into {folder}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}: no permission in {existing}")
