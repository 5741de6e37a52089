"""The start pages of a policy's training episodes, as a compact list beside its weights: ``start_pages.bin``.

A start page is the instruction and the html of an episode's first observation. A page seed that was never trained on
can still show a page that was: with this list an evaluation can say how many of its episodes are truly new. The file
is nothing but the sorted, unique names of the pages, 8 bytes each, the first byte first. It decides nothing that the
policy does, so a checkpoint's ``sha256`` leaves it out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np

FILE = "start_pages.bin"
_STORED = np.dtype(">u8")
_REF = re.compile(r"(<[a-z][a-z0-9-]* ref=)\d+")


class StartPagesError(ValueError):
    """A list of start pages that is damaged."""


def start_page(instruction: str, html: str) -> str:
    """Names a start page: the first 8 bytes of the SHA-256 of instruction, a zero byte and html, as 16 hex digits.

    The html's refs are numbered from 0 in their order first, as those of a fresh page are: demonstrations that
    `webagent collect --renumber` gave other numbers show the same page.
    """
    numbers = count()
    html = _REF.sub(lambda tag: f"{tag[1]}{next(numbers)}", html)
    return hashlib.sha256((instruction + "\0" + html).encode()).hexdigest()[:16]


def table_of(pages: Iterable[str]) -> np.ndarray:
    """A table of start pages from their names.

    Returns:
        uint64 [pages], sorted, each once.
    """
    return np.unique(np.array([int(page, 16) for page in pages], np.uint64))


def write(folder: Path, table: np.ndarray) -> None:
    """Writes the list into a checkpoint's folder.

    Args:
        folder: exists.
        table: uint64 [pages], in any order; see ``table_of``.
    """
    (Path(folder) / FILE).write_bytes(np.unique(np.asarray(table, np.uint64)).astype(_STORED).tobytes())


def read(folder: Path) -> np.ndarray | None:
    """Reads a checkpoint's list.

    Returns:
        uint64 [pages], sorted, each once; None where the checkpoint has no list.

    Raises:
        StartPagesError: if it is damaged.
    """
    file = Path(folder) / FILE
    if not file.is_file():
        return None
    content = file.read_bytes()
    if len(content) % _STORED.itemsize:
        raise StartPagesError(f"{file} is cut short: {len(content)} bytes are no whole number of 8-byte names")
    table = np.frombuffer(content, _STORED).astype(np.uint64)
    if (table[1:] <= table[:-1]).any():
        raise StartPagesError(f"{file} is damaged: its names are not sorted")
    return table


def contains(table: np.ndarray, page: str) -> bool:
    """Whether a page, by its name, is in a table of ``read`` or ``table_of``."""
    number = np.uint64(int(page, 16))
    place = int(np.searchsorted(table, number))
    return place < len(table) and bool(table[place] == number)
