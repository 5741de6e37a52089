"""Reset and step of ``webagent/click-button-v1`` beside BrowserGym and Farama's miniwob, in one run.

A reset is ``env.reset(seed=...)`` up to its first observation. A step is ``env.step`` of one click at coordinates that
no listener of the page answers, never twice at the same place, up to the next observation. Each observation holds the
page (our HTML with boxes, BrowserGym's DOM snapshot and accessibility tree, Farama's DOM elements) and a screenshot.
Where the page's time comes in, each does what it does by default: ours runs the virtual clock 500 ms on, BrowserGym
sleeps 0.5 s and slows each input by 100 ms, Farama does not wait. The first episode of each, with the start of its
process, is not counted.

Each library has a virtual environment of its own under ``.bench/`` and a process of its own; all get the same browser
binary, the same page seeds, and take turns of some episodes, so that noise of the machine hits all alike. What a
reset costs BrowserGym depends on the build of Chromium, because it starts two browsers: therefore every build that is
found is measured, the full browser and the headless shell.

    make bench-env        or, with options:        python benchmarks/bench_env.py --rounds 20
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import platform
import select
import shutil
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich
import tyro
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
PEERS = {
    "browsergym": ("browsergym-core==0.14.3", "browsergym-miniwob==0.14.3"),
    "farama": ("miniwob==1.1.0",),
}
GOALS = {"browsergym": {"reset": 100, "step": 40}, "farama": {"reset": 4, "step": 3}}
"""How many times the peer's rate ours should be."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell")
ANSWER_SECONDS = 120
"""A library that has not answered by then hangs."""


class BenchmarkError(RuntimeError):
    """Something that the comparison needs is missing; the message says what to install."""


@dataclass(frozen=True)
class Config:
    """Measures reset and step of this repository's environments beside those of two other libraries."""

    rounds: int = 4
    """Turns of each library, on each browser."""
    episodes: int = 5
    """Episodes a turn: alone, the first after the others' turn would be measured, on a browser gone to sleep."""
    steps: int = 5
    """Steps an episode."""
    chromium: tuple[str, ...] = ()
    """Browser binaries to compare on; those found on the PATH where none is given."""
    libraries: tuple[str, ...] = ("webagent", "browsergym", "farama")
    """Which to measure."""
    folder: Path = ROOT / ".bench"
    """Holds the virtual environments and logs."""
    json: Path | None = ROOT / ".bench" / "bench_env.json"
    """Where the figures go."""


class Worker:
    """One library in its own process; see ``env_worker.py``."""

    def __init__(self, name: str, python: Path, chromium: str, pages: str, folder: Path):
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [python, ROOT / "benchmarks" / "env_worker.py", name, chromium, pages],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                cwd=folder,
                start_new_session=True,
                env={**os.environ, "MINIWOB_CHROMEDRIVER": shutil.which("chromedriver") or ""},
            )
        self.versions = self._answer()

    def ask(self, **what: Any) -> dict[str, Any]:
        """Sends one line; see ``env_worker.py`` for what it does with it.

        Raises:
            BenchmarkError: if no answer comes.
        """
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the missing answer tells more
            self.process.stdin.write(json.dumps(what) + "\n")
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it, and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            why = "stopped" if ready else f"did not answer within {ANSWER_SECONDS} s"
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise BenchmarkError(f"{self.name} {why}; the end of {self.log}:\n{tail}")
        return json.loads(line)


def make_environment(name: str, folder: Path) -> Path:
    """Makes the peer's virtual environment where it is not there yet.

    Returns:
        Its Python.

    Raises:
        BenchmarkError: if it cannot be made.
    """
    place, done = folder / name, folder / name / "installed.txt"
    python = place / "bin" / "python"
    wanted = "\n".join(PEERS[name])
    if not done.exists() or done.read_text() != wanted:
        rich.print(f"making {place} with {', '.join(PEERS[name])}", file=sys.stderr)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(place)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[name]],
        ):
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise BenchmarkError(f"{' '.join(command)} failed:\n{(result.stderr or result.stdout)[-2000:]}")
        done.write_text(wanted)
    return python


def install_browser() -> None:
    """Installs Chromium and its driver where one is missing and apt-get may be used.

    Raises:
        BenchmarkError: if one is missing still.
    """
    missing = not shutil.which("chromedriver") or not any(map(shutil.which, BROWSERS))
    if missing and shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        with contextlib.suppress(FileNotFoundError):  # no sudo
            subprocess.run([*sudo, "apt-get", "update", "-qq"], stdout=subprocess.DEVNULL)
            subprocess.run(
                [*sudo, "apt-get", "install", "-y", "-qq", "chromium", "chromium-driver"], stdout=subprocess.DEVNULL
            )
    if not shutil.which("chromedriver"):
        raise BenchmarkError(
            "Farama's miniwob needs chromedriver on the PATH, of the browser's own version "
            "(Debian: apt-get install chromium chromium-driver); without it: "
            "--libraries webagent browsergym"
        )


def measure(config: Config, pythons: dict[str, Path], chromium: str, pages: str) -> dict[str, Any]:
    """Runs all libraries in turns on one browser.

    Returns:
        For each library its ``versions`` and the ``reset`` and ``step`` times in seconds, in the order taken.
    """
    with contextlib.ExitStack() as stack:
        workers = []
        for name, python in pythons.items():
            workers.append(Worker(name, python, chromium, pages, config.folder))
            stack.callback(workers[-1].close)
        figures = {w.name: {"versions": w.versions, "reset": [], "step": []} for w in workers}
        for first_seed in range(0, config.rounds * config.episodes, config.episodes):
            for worker in workers:
                for seed in range(first_seed, first_seed + config.episodes):
                    times = worker.ask(seed=seed, steps=config.steps)
                    figures[worker.name]["reset"].append(times["reset"])
                    figures[worker.name]["step"] += times["step"]
    return figures


def miniwob_pages() -> str:
    """Address of the folder of MiniWoB++'s pages, which all libraries are given."""
    spec = importlib.util.find_spec("miniwob")
    assert spec is not None and spec.origin is not None, "miniwob is a dependency of this package"
    return (Path(spec.origin).parent / "html" / "miniwob").as_uri() + "/"


def summarise(figures: dict[str, Any]) -> dict[str, Any]:
    """Medians, 90th percentiles (seconds) and, beside each peer, our rate divided by its rate (of medians)."""
    summary: dict[str, Any] = {}
    for name, times in figures.items():
        summary[name] = {"versions": times["versions"]}
        for what in ("reset", "step"):
            median = statistics.median(times[what])
            p90 = statistics.quantiles(times[what], n=10, method="inclusive")[-1] if len(times[what]) > 1 else median
            summary[name][what] = {"median": median, "p90": p90, "count": len(times[what])}
            if name in GOALS and "webagent" in figures:
                summary[name][what]["ratio"] = median / statistics.median(figures["webagent"][what])
                summary[name][what]["goal"] = GOALS[name][what]
    return summary


def table(browser: str, summary: dict[str, Any]) -> Table:
    shown = Table("", "reset", "ours is", "step", "ours is", title=f"{browser}\nmedian (90th percentile), in ms")
    for name, row in summary.items():
        cells = [name]
        for what in ("reset", "step"):
            times = row[what]
            cells.append(f"{times['median'] * 1000:.1f} ({times['p90'] * 1000:.1f})")
            cells.append(f"{times['ratio']:.1f} x faster (goal {times['goal']})" if "ratio" in times else "")
        shown.add_row(*cells)
    return shown


def main(config: Config) -> None:
    unknown = sorted(set(config.libraries) - {"webagent", *PEERS})
    if unknown or min(config.rounds, config.episodes, config.steps) < 1:
        raise BenchmarkError(
            f"expected libraries among webagent, {', '.join(PEERS)} (unknown: {unknown or 'none'}) and "
            "at least one round, episode and step"
        )
    config.folder.mkdir(parents=True, exist_ok=True)
    pythons = {n: make_environment(n, config.folder) if n in PEERS else Path(sys.executable) for n in config.libraries}
    if "farama" in pythons:
        install_browser()
    browsers = config.chromium or tuple(filter(None, map(shutil.which, BROWSERS)))
    browsers = tuple({os.path.realpath(browser): browser for browser in browsers}.values())
    if not browsers:
        raise BenchmarkError("no browser on the PATH; name one with --chromium (Debian: apt-get install chromium)")

    rich.print(
        f"click-button, {config.rounds} turns of {config.episodes} episodes of {config.steps} steps each, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    results = []
    for browser in browsers:
        version = subprocess.run([browser, "--version"], capture_output=True, text=True).stdout.strip()
        figures = measure(config, pythons, browser, miniwob_pages())
        results.append({"browser": browser, "version": version, "summary": summarise(figures), "seconds": figures})
        rich.print(table(f"{browser}: {version}", results[-1]["summary"]))
    if config.json is not None:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        settings = dataclasses.asdict(dataclasses.replace(config, folder=config.folder, json=None))
        config.json.write_text(json.dumps({**machine, "config": settings, "results": results}, indent=1, default=str))
        rich.print(f"figures: {config.json}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Config))
    except BenchmarkError as error:
        sys.exit(f"bench-env: {error}")
