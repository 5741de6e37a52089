"""What the commands share in writing: the console, files that appear whole, and the error that a user is shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console


class UsageError(ValueError):
    """Something the user gave cannot be used. The message is one line and says what to do instead."""


def console() -> Console:
    """The console on stdout. In a file or a pipe its lines are long, so that no table is cut to 80 columns."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def check_writable(path: Path) -> None:
    """Finds out before the work, not after it, that its result cannot be written. Writes nothing.

    Raises:
        UsageError: if ``path`` is a folder, or cannot be made where it is.
    """
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder, a file is expected")
    check_folder_writable(path.parent)


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


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file that is either there whole or not at all, also when killed half-way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    temporary.replace(path)
