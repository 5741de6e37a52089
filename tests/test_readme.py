"""The README's commands are ones that the command line and the Makefile know."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^(?:    |\| `|`)(webagent [a-z][^\n`#|]*)", README, re.MULTILINE)))


@cache
def help_of(*verb: str) -> str:
    run = subprocess.run([sys.executable, "-m", "webagent", *verb, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_named_exists(command):
    _, verb, *words = shlex.split(command)
    names = (verb, words[0]) if verb == "data" else (verb,)
    options = {word for word in words if word.startswith("--")}
    assert {option for option in options if not re.search(rf"{option}\b", help_of(*names))} == set()


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_the_readme_has_commands():
    assert len(COMMANDS) >= 5
