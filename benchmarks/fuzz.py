"""Fuzzing of what reads untrusted text: the action parser, and the HTML pass on hostile pages.

    python benchmarks/fuzz.py                       # a million action strings, sixty pages
    python benchmarks/fuzz.py --actions 10000 --pages 0

Everything is seeded. An action string must either parse, and then write itself back to the same action, or be refused
with an ``ActionError``. A hostile page must be read by ``page.js`` and read back by ``envs.html`` with one row of boxes
and refs for each element. Prints the slowest of each and the growth in memory; the exit code is 1 if anything broke.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from random import Random

import tyro

from envs.action import SIGNATURES, Action, ActionError
from envs.actuator import Actuator
from envs.browser import Browser, BrowserConfig, BrowserFault
from envs.html import parse_html
from envs.miniwob import script
from envs.observation import MAX_ELEMENTS, Seen

PAGE_SECONDS = 20.0
"""How long a hostile page may take."""


@dataclass(frozen=True)
class Config:
    """Fuzz the action parser and the HTML pass."""

    actions: int = 1_000_000
    """Action strings."""
    pages: int = 60
    """Hostile pages."""
    seed: int = 0
    """Of both."""


PIECES = [*SIGNATURES, *"page up down left right Enter Control+A 0 1 12 007 999999999 9999999999 -1 1.5 1e9".split()]
PIECES += [
    '"',
    '""',
    '"a"',
    '"a b"',
    "\\",
    '\\"',
    "\\n",
    "\n",
    "\t",
    "\0",
    " ",
    "  ",
    "{",
    "}",
    "[",
    ":",
    ",",
    "'",
    "\u2028",
]
PIECES += [
    '"action"',
    '"ref"',
    '"text"',
    '{"action": "click", "ref": "1"}',
    '{"action": "type", "ref": 1, "text": "x"}',
]
PIECES += [
    "\ud800",
    "\udfff",
    "\x7f",
    "\u202e",
    "\u0660\u0661",
    "\uff11\uff12",
    "é",
    "e\u0301",
    "\U0001f600",
    "NaN",
    "null",
    "[" * 50,
]


def action_text(random: Random) -> str:
    """A line that is nearly an action, or nothing like one."""
    if random.random() < 0.3:
        verb = random.choice([*SIGNATURES])
        words = [verb, *(random.choice(PIECES) for _ in range(random.randint(0, 4)))]
        return " ".join(words)
    pieces = random.choices(PIECES, k=random.randint(0, 9))
    if random.random() < 0.1:
        pieces += [chr(random.randrange(0x110000)) for _ in range(random.randint(1, 30))]
    if random.random() < 0.0005:
        pieces = [random.choice(PIECES) * 100_000, *pieces]
    return random.choice(["", " "]).join(pieces)


def check_action(text: str) -> bool:
    """Whether it parses.

    Raises:
        Exception: if the parser breaks its promise; any but ``ActionError`` is a bug.
    """
    try:
        action = Action.parse(text)
    except ActionError as error:
        if len(str(error)) > 2000:
            raise AssertionError(f"an error of {len(str(error))} characters") from error
        return False
    if Action.parse(str(action)) != action:
        raise AssertionError(f"{action!r} does not survive being written")
    return True


TAGS = "div p span b ul li table tr td button input select option textarea a label svg circle iframe x-y canvas".split()
ODD = [
    "\ud800",
    "\udc00",
    "\0",
    "\x0b",
    "\u2028",
    "\ufeff",
    "\u202e",
    "a" * 5000,
    "&amp;",
    "<",
    ">",
    '"',
    "'",
    " ",
    "é\u0301" * 50,
]


def hostile_page(random: Random) -> str:
    """JavaScript that builds a page."""
    text = lambda: json.dumps("".join(random.choices(ODD, k=random.randint(1, 6))))  # noqa: E731
    recipes = [
        f"let e = document.body; for (let i = 0; i < {random.choice([100, 300, 1000, 50000])}; i++) "
        f"e = e.appendChild(document.createElement('{random.choice(TAGS[:8])}')); e.append('end')",
        f"document.body.innerHTML = '<{random.choice(TAGS)} onclick=1>x'.repeat({random.choice([1000, 30000])})",
        f"const p = document.createElement('p'); p.innerHTML = '<b>x</b>'"
        f".repeat({random.choice([10**3, 10**4, 10**6])}); document.body.append(p)",
        f"for (const n of ['id', 'class', 'title', 'alt', 'role', 'style', 'd']) "
        f"document.body.appendChild(document.createElement('button'))"
        f".setAttribute(n, 'x'.repeat({10 ** random.randint(3, 7)}))",
        f"document.body.append({text()}.repeat({random.choice([1, 1000, 100000])}))",
    ]
    build = [random.choice(recipes)]
    for _ in range(random.randint(0, 30)):
        tag = random.choice(TAGS)
        build.append(
            f"{{ const e = document.body.appendChild(document.createElement('{tag}')); e.title = {text()}; "
            f"e.className = {text()}; e.id = {text()}; e.append({text()}); try {{ e.value = {text()} }} catch {{}} }}"
        )
    random.shuffle(build)
    return "; ".join(build)


def check_page(actuator: Actuator, build: str) -> Seen:
    """Builds the page and reads it.

    Raises:
        Exception: if what is read is not of the form that observations have.
    """
    actuator.page.goto("about:blank")
    actuator.evaluate(f"(() => {{ {build} }})()")
    seen = actuator.observe()
    seen.html.encode("utf-8")
    elements = list(parse_html(seen.html).walk())
    if [-1 if e.ref is None else e.ref for e in elements] != seen.refs or len(seen.boxes) != 4 * len(elements):
        raise AssertionError("refs, boxes and html do not fit together")
    return seen


def main(config: Config) -> int:
    random, broken, slowest, parsed = Random(config.seed), 0, 0.0, 0
    memory = _megabytes()
    for number in range(config.actions):
        text = action_text(random)
        start = time.perf_counter()
        try:
            parsed += check_action(text)
        except Exception as error:
            broken += 1
            print(f"action {number}: {type(error).__name__} {str(error)[:200]} on {text[:80]!r}")
        slowest = max(slowest, time.perf_counter() - start)
    print(f"{config.actions} action strings, {parsed} of them actions, {broken} broke the parser; the slowest took "
          f"{1000 * slowest:.0f} ms; memory grew by {_megabytes() - memory:.0f} MB")  # fmt: skip
    ill, ended, slowest, longest = 0, 0, 0.0, 0
    if config.pages:
        browser = Browser(BrowserConfig())
        options = json.dumps({"maxElements": MAX_ELEMENTS, "deep": True})
        for number in range(config.pages):
            build = hostile_page(random)
            page = browser.new_page(width=800, height=600, scripts=(script("page.js"),))
            start = time.perf_counter()
            try:
                with browser.deadline(PAGE_SECONDS):
                    seen = check_page(
                        Actuator(page, page.context.new_cdp_session(page), f"__webagent.observe({options})"), build
                    )
                    longest = max(longest, len(seen.html))
                    page.context.close()
                slowest = max(slowest, time.perf_counter() - start)
            except Exception as error:
                if isinstance(error, BrowserFault) and "no answer within" in str(error):
                    ended += 1  # the browser itself cannot lay such a page out: the deadline is for that
                    continue
                ill += 1
                print(f"page {number}: {type(error).__name__} {str(error)[:200]} on {build[:120]!r}")
        browser.close()
        print(f"{config.pages} hostile pages: {ill} broke the reader, {ended} were ended by the deadline of "
              f"{PAGE_SECONDS:g} s; the slowest other took {slowest:.1f} s to build, lay out and read; the longest "
              f"html had {longest} characters; memory grew by {_megabytes() - memory:.0f} MB")  # fmt: skip
    return int(broken + ill > 0)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
