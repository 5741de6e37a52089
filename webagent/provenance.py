"""The record of how a result came about: versions, commit, changed files, browser build."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from webagent import __version__

PACKAGES = ("gymnasium", "miniwob", "numpy", "playwright", "timm", "torch", "transformers")
"""Those that results depend on."""
LAYERS = ("envs", "data_gen", "policies", "webagent")


def provenance(browser: str) -> dict[str, Any]:
    """The program that is running.

    Args:
        browser: name and build of the browser.

    Returns:
        ``versions``, ``browser``, and of the four packages' checkout ``commit`` and ``dirty``, the files that differ
        from it; outside a checkout an empty text and no files.
    """
    root = Path(__file__).resolve().parent.parent
    commit, dirty = "", []
    # A folder of installed packages may lie inside somebody's checkout of something else.
    if _git(root, "ls-files", "--error-unmatch", "webagent/provenance.py"):
        commit = _git(root, "rev-parse", "HEAD").strip()
        status = _git(root, "status", "--porcelain", "--no-renames", "--", *LAYERS)
        dirty = sorted(line[3:].strip('"') for line in status.splitlines())
    versions = {"webagent": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        versions[name] = metadata.version(name)
    return {"versions": versions, "browser": browser, "commit": commit, "dirty": dirty}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
