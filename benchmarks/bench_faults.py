"""What a fault does to an episode, here and in BrowserGym and Farama's miniwob, side by side.

Each library plays click-button as its documentation says. In an episode of a process of its own, something befalls
the page, or the browser is killed; the episode takes two steps more, and another one is begun. A fault is survived
where the steps come back, by an observation or by an exception, and the next reset gives a whole observation. What has
not come back after two minutes hangs.

    python benchmarks/bench_faults.py
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich
import tyro
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bench_env import (  # noqa: E402
    BROWSERS,
    PEERS,
    BenchmarkError,
    Worker,
    install_browser,
    make_environment,
    miniwob_pages,
)
from tests.envs.faults import SCRIPTS  # noqa: E402

HARMS = {
    **{name: SCRIPTS[name] for name in (
        "endless script", "endless promises", "out of memory", "busy timers", "changes without end", "endless alerts",
        "page closes itself", "windows without end", "history loop", "written over", "body removed",
        "everything removed", "huge page", "deep page", "JSON and Math redefined", "arrays redefined",
        "objects redefined", "maps redefined", "strings redefined", "getters that never end", "document redefined",
        "promises redefined", "boxes lie",
    )},
    "renderer killed": "kill renderer",
    "browser killed": "kill browser",
}  # fmt: skip
"""Name -> what ``env_worker.harmed`` does."""


@dataclass(frozen=True)
class Config:
    """Injects faults into this repository's environments and those of two other libraries."""

    faults: tuple[str, ...] = tuple(HARMS)
    """Which."""
    libraries: tuple[str, ...] = ("webagent", "browsergym", "farama")
    """Into which."""
    folder: Path = ROOT / ".bench"
    """Holds the virtual environments and logs."""
    json: Path | None = ROOT / ".bench" / "bench_faults.json"
    """Where the results go."""


def main(config: Config) -> None:
    """Prints the table."""
    config.folder.mkdir(parents=True, exist_ok=True)
    pythons = {n: make_environment(n, config.folder) if n in PEERS else Path(sys.executable) for n in config.libraries}
    if "farama" in pythons:
        install_browser()
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise BenchmarkError("no browser on the PATH (Debian: apt-get install chromium)")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for fault in track(config.faults, "injecting", transient=True):
        for name, python in pythons.items():
            found.setdefault(fault, {})[name] = inject(name, python, chromium, config.folder, HARMS[fault])
        if config.json is not None:
            config.json.write_text(json.dumps(found, indent=1))
    shown = Table("fault", *pythons, title="how the steps end, seconds; the next reset")
    for fault, results in found.items():
        shown.add_row(fault, *(_cell(results[name]) for name in pythons))
    survived = (f"{sum(r[n]['reset'] == 'whole' for r in found.values())} of {len(found)}" for n in pythons)
    shown.add_row("survived", *survived)
    rich.print(shown)


def inject(name: str, python: Path, chromium: str, folder: Path, harm: str) -> dict[str, Any]:
    """One fault, in a process of its own; see ``env_worker.harmed`` for what is returned."""
    try:
        worker = Worker(name, python, chromium, miniwob_pages(), folder)
        try:
            return worker.ask(harm=harm)
        finally:
            worker.kill()
    except BenchmarkError as error:
        return {"step": "hangs" if "did not answer" in str(error) else "process ends", "seconds": None, "reset": ""}


def _cell(result: dict[str, Any]) -> str:
    seconds = "" if result["seconds"] is None else f", {result['seconds']:.1f} s"
    return f"{result['step']}{seconds}" + (f"; {result['reset']}" if result["reset"] else "")


if __name__ == "__main__":
    try:
        main(tyro.cli(Config, description=__doc__))
    except BenchmarkError as error:
        sys.exit(f"bench-faults: {error}")
