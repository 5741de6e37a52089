"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write_whole(path: Path, content: str | bytes, private: bool = False) -> None:
    """Writes a file, and the folders that it lies in, so that its name never stands for half of it.

    That holds when it is killed half-way, and after a power failure. A link is followed. What is there and no regular
    file, such as a pipe, is written into. Who might read what was there before may read it now; of a new file that is
    ``private``, its owner alone.

    Raises:
        OSError: if it cannot be written; then nothing is left of it.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    if path.is_symlink():
        path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600 if private else None
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600 if mode else 0o666)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:  # an interrupt too
        temporary.unlink(missing_ok=True)
        raise
