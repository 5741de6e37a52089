"""The folder of a run: what is finished is stored, and a killed run goes on with what is missing.

    run.json                what the run is; another run is refused
    units/TASK-0000.jsonl   a line an episode, written as the unit ends
    traces/TASK-SEED.json   the steps of an episode, with their pictures as base64 PNG
    results.json            everything, at the end; episodes.parquet the same, a row an episode
    second_judge.json       what the second judge says, where one was asked
    index.html              the page
    timing.jsonl            seconds an episode: the only file that differs between equal runs

All but the last are written whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_gen.dataset import short
from data_gen.files import write_whole
from webagent.episodes import EpisodeResult
from webagent.output import UsageError
from webagent.report import Trace
from webagent.report.trace import trace_from_json, trace_to_json
from webagent.units import Unit, UnitResult

FILES = ("run.json", "results.json", "episodes.parquet", "second_judge.json", "index.html", "timing.jsonl")


class RunFolder:
    """One run's folder.

    Args:
        folder: made where it is missing.
        identity: what decides what the run finds, JSON values; a folder of the same identity is gone on with.
        overwrite: delete the run that is there.

    Raises:
        UsageError: if the folder holds another run, or something else.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], overwrite: bool = False):
        self.folder = folder
        self._units, self._traces = folder / "units", folder / "traces"
        if overwrite and (folder / "run.json").is_file():
            if others := sorted({path.name for path in folder.iterdir()} - {"units", "traces", *FILES}):
                raise UsageError(f"{folder} holds more than a run, such as {others[0]}: choose another --out")
            shutil.rmtree(folder)
        text = json.dumps(identity, indent=1, ensure_ascii=False) + "\n"
        if folder.is_dir() and any(folder.iterdir()):
            self._compare(json.loads(text))
        else:
            write_whole(folder / "run.json", text)

    def _compare(self, identity: dict[str, Any]) -> None:
        try:
            found = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UsageError(f"{self.folder} is not empty and holds no run: choose another --out") from None
        for name in identity | found:
            if (one := found.get(name)) != (other := identity.get(name)):
                raise UsageError(
                    f"{self.folder} holds another run: its {name} is {short(one)}, now it is {short(other)}; "
                    "choose another --out, or --overwrite it"
                )

    def finished(self, unit: Unit) -> list[EpisodeResult] | None:
        """The stored episodes of a unit, None where it has still to be run."""
        try:
            lines = (self._units / f"{unit.name}.jsonl").read_text(encoding="utf-8").splitlines()
            episodes = [EpisodeResult.read(json.loads(line)) for line in lines]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        whole = [episode.seed for episode in episodes] == list(unit.seeds)
        pictured = all((self._traces / f"{unit.task}-{seed}.json").is_file() for seed in unit.shown)
        return episodes if whole and pictured else None

    def put(self, unit: Unit, result: UnitResult) -> None:
        """Stores a finished unit; its episodes last, since they say that it is whole."""
        for trace in result.traces:
            write_whole(self._traces / f"{trace.key}.json", json.dumps(trace_to_json(trace), ensure_ascii=False) + "\n")
        with open(self.folder / "timing.jsonl", "a", encoding="utf-8") as file:
            for episode, seconds in zip(result.episodes, result.seconds, strict=True):
                line = {"task": episode.task, "seed": episode.seed, "seconds": round(seconds, 3)}
                file.write(json.dumps(line) + "\n")
        lines = [json.dumps(asdict(episode), ensure_ascii=False) + "\n" for episode in result.episodes]
        write_whole(self._units / f"{unit.name}.jsonl", "".join(lines))

    def traces(self, keys: Iterable[tuple[str, int]]) -> list[Trace]:
        """The stored traces of those of these episodes that have one."""
        return stored_traces(self.folder, keys)

    def close(self, files: Mapping[str, str | bytes]) -> None:
        """Writes the files that stand at the end."""
        for name, content in files.items():
            write_whole(self.folder / name, content)


def stored_traces(run: Path, keys: Iterable[tuple[str, int]]) -> list[Trace]:
    """The traces that a run's folder holds of these episodes, by task and page seed."""
    files = [run / "traces" / f"{task}-{seed}.json" for task, seed in dict.fromkeys(keys)]
    return [trace_from_json(json.loads(file.read_text(encoding="utf-8"))) for file in files if file.is_file()]
