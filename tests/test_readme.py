"""The commands of the README and of docs/ are ones that the command line and the Makefile know."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
TEXT = "\n".join(PAGES.values())
COMMANDS = sorted(set(re.findall(r"^(?:    |\| `|`)(webagent [a-z][^\n`#|]*)", TEXT, re.MULTILINE)))


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
    assert {"demo", "test"} <= set(re.findall(r"make ([a-z-]+)", TEXT)) <= targets


def test_the_pages_have_commands():
    assert len(COMMANDS) >= 20


@pytest.mark.parametrize("page", ["README.md", "docs/open-web.md", "docs/measured.md"])
def test_every_file_and_heading_that_a_page_leads_to_exists(page):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGES[Path(page).name])
    assert links
    for path, heading in links:
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in {title.lower().replace(" ", "-") for title in headings}


def test_every_program_named_exists():
    folders = "benchmarks|scripts|tests|policies|envs|data_gen|webagent"
    programs = set(re.findall(rf"\b(?:{folders})/[\w/]+\.(?:py|js|sh)\b", TEXT))
    assert len(programs) >= 10
    assert {program for program in programs if not (ROOT / program).exists()} == set()
