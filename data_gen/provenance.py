"""The record of how a dataset or a result came about: versions, commit, changed files."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = "webagent gymnasium miniwob numpy playwright pyarrow timm torch transformers".split()
"""Those that data and results depend on."""
LAYERS = ("envs", "data_gen", "policies", "webagent")
"""The packages that are ours."""


def provenance() -> dict[str, Any]:
    """The program that is running.

    Returns:
        ``versions``, and of the four packages' checkout ``commit`` and ``dirty``, the files that differ from it;
        outside a checkout an empty text and no files.
    """
    root = Path(__file__).resolve().parent.parent
    commit, dirty = "", []
    # A folder of installed packages may lie inside somebody's checkout of something else.
    if _git(root, "ls-files", "--error-unmatch", "data_gen/__init__.py"):
        commit = _git(root, "rev-parse", "HEAD").strip()
        status = _git(root, "status", "--porcelain", "--no-renames", "--", *LAYERS)
        dirty = sorted(line[3:].strip('"') for line in status.splitlines())
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # webagent itself may run from its checkout
    return {"versions": versions, "commit": commit, "dirty": dirty}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
