"""The wheel holds all that the packages need, and works where the repository is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("envs", "data_gen", "policies", "webagent")
NOT_SOURCE = shutil.ignore_patterns("__pycache__", ".*")


def run(command: list[str], cwd: Path, **environment: str) -> str:
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: in the repository, setuptools would take stale files from ``build/``."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=NOT_SOURCE)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)], source)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is installed in; its dependencies are those of the running interpreter."""
    target = tmp_path_factory.mktemp("installed")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(target)]
    run([sys.executable, "-m", "pip", *install, str(wheel)], wheel.parent)
    return target


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        str(path)
        for package in PACKAGES
        for path in (found.relative_to(ROOT) for found in (ROOT / package).rglob("*") if found.is_file())
        if not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    }
    assert held == expected


def test_the_packages_come_from_where_the_wheel_was_installed(installed: Path, tmp_path: Path) -> None:
    program = f"import json, {', '.join(PACKAGES)}; print(json.dumps([m.__file__ for m in ({', '.join(PACKAGES)})]))"
    files = json.loads(run([sys.executable, "-c", program], tmp_path, PYTHONPATH=str(installed)))
    assert [Path(file) for file in files] == [installed / package / "__init__.py" for package in PACKAGES]


@pytest.mark.parametrize("policy", ["oracle", "embedded"])
def test_the_installed_command_runs_the_benchmark(policy: str, installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(installed / "bin" / "webagent"), "bench", "--tasks", "click-button"]
    options = ["--episodes", "2", "--policy", policy, "--json", "results.json"]
    run([*command, *options], tmp_path, PYTHONPATH=str(installed))
    assert "click-button" in (tmp_path / "results.json").read_text()
