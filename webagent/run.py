"""``webagent run``: one task on one page, in a real browser, with a trace of every step."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import gymnasium
from rich.console import Console

from data_gen.files import write_whole
from envs import tasks as task_table
from envs.browser import BrowserFault
from envs.loop import Policy, Step
from envs.web import OpenWebEnv, StartPageError
from policies.images import ImageMode
from webagent.agents import Agent, run_policy
from webagent.benchmark import EVALUATION_SEED
from webagent.cautious import AskFirst, GiveUpBelow
from webagent.ending import EXIT_CODES, Ending
from webagent.output import STDOUT, UsageError, check_folder_writable, check_writable, console, write_json

UNSURE = 0.05
"""Below this probability a learnt policy gives up on the open web. Those taught a site had at least 0.78 at every step
of 25 tasks that they had not seen; the embedded one often has less than this on pages unlike MiniWoB++'s."""


def _dated_folder() -> Path:
    return Path("webagent-run", f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}")


@dataclass(frozen=True)
class RunConfig:
    """Do one task on a web page, or on a MiniWoB++ page, and keep a trace of it.

    The embedded policy is for pages like MiniWoB++'s: teach it others (`webagent record`, `webagent teach`), or have a
    language model decide (--policy openai:MODEL).
    The browser may only ask the hosts that are allowed: the page's own, and those given with --allow.
    {{secret:NAME}} in the task stands for the environment variable NAME: it is typed into password fields of the start
    page's own site only, and shown nowhere.
    Exit code 0, and "finished": true in the JSON, means on MiniWoB++ that the page paid its reward, and on the open web
    that the policy said it is done, no more: whether it is, the page does not say.

    exit codes:
      0         the policy finished
      1         it gave up, was told to stop, or, on MiniWoB++, did the wrong thing
      2         an option cannot be used
      3         out of steps or time
      4         the start page did not load, or the browser, or a model's endpoint, broke
      70        webagent itself broke; the traceback says where
      130, 143  interrupted, by Ctrl+C or by SIGTERM

    examples:
      webagent run --url https://example.org --task "Open the link about more information"
      webagent run --url file:///home/me/form.html --task "Type Ann into the name field" --max-steps 3
      webagent run --url https://example.org/login --task "Log in as ann with {{secret:PASSWORD}}" --dry-run
      webagent run --url https://example.org --task "..." --policy openai:MODEL --base-url http://localhost:8000/v1
      webagent run --task-name login-user --seed 7
    """

    url: str = ""
    """The page to start on: http, https or file."""
    task: str = ""
    """What to do there, in plain words."""
    task_name: str = ""
    """A MiniWoB++ task in place of a page; `webagent tasks` lists them."""
    seed: int = EVALUATION_SEED
    """Page seed of the MiniWoB++ task."""
    policy: str = "embedded"
    """embedded (the package's), a checkpoint folder, openai:MODEL, random, oracle (MiniWoB++ only), or your own:
    module:name of what makes an object with reset() and act(observation), as `envs.loop.Policy`."""
    base_url: str = ""
    """Address of the OpenAI-compatible endpoint of openai:MODEL. Its key is read from OPENAI_API_KEY alone."""
    max_tokens: int = 200
    """Tokens of openai:MODEL's answers at most; a model that thinks aloud first needs thousands."""
    image: ImageMode = "real"
    """real shows the policy the screenshots, none leaves them out, white and random put blank pages or noise there."""
    beams: int = 1
    """Width of a learnt policy's beam search; 1 is greedy."""
    max_steps: int | None = None
    """Stop after this many actions. By default 20, and for MiniWoB++ what the task table says."""
    max_seconds: float | None = None
    """Stop after the action that ends later than this. Open web only."""
    give_up_below: float | None = None
    """Give up before an action that a learnt policy holds less likely than this. By default 0.05, for MiniWoB++ 0."""
    dry_run: bool = False
    """Show each action and ask before it is done; anything but y ends the run."""
    file: tuple[Path, ...] = ()
    """Files that may be given to the page's file fields. No other can be."""
    storage_state: Path | None = None
    """Cookies and local storage to start with, a file as Playwright's `storage_state` writes it."""
    save_storage_state: Path | None = None
    """Write them to this file at the end. Keep it like a password: whoever has it is logged in as you are."""
    allow: tuple[str, ...] = ()
    """More hosts that the browser may ask, such as www.example.org or *.example.org."""
    report: Path = field(default_factory=_dated_folder)
    """Write the trace, one static page index.html, into this folder; by default a new one for each run."""
    json: Path | None = None
    """Write the outcome and all actions to this file. - is stdout, and then everything else goes to stderr."""
    headed: bool = False
    """Show the browser's window."""

    @property
    def agent(self) -> Agent:
        return Agent(self.policy, self.image, self.beams, self.base_url, self.max_tokens)

    @property
    def least_likely(self) -> float:
        """The probability below which the policy gives up."""
        if self.give_up_below is not None:
            return self.give_up_below
        return UNSURE if self.url and self.agent.learnt else 0.0

    def check(self) -> None:
        """Finds what is wrong with the options before anything starts.

        Raises:
            UsageError, UnknownTask: if something is.
        """
        if bool(self.url) == bool(self.task_name):
            raise UsageError("give either --url with --task, or --task-name (of MiniWoB++)")
        if self.url and not self.task.strip():
            raise UsageError("--url needs --task: what is to be done there, in plain words")
        if self.url and self.policy == "oracle":
            raise UsageError(
                "oracles know MiniWoB++ tasks only; for --url give --policy embedded or a checkpoint folder"
            )
        if self.task_name and self.task:
            raise UsageError("a MiniWoB++ task brings its own instruction; --task goes with --url")
        if self.task_name:
            for name in ("file", "storage_state", "save_storage_state", "max_seconds", "allow"):
                if getattr(self, name) not in ((), None):
                    raise UsageError(f"--{name.replace('_', '-')} goes with --url, not with a MiniWoB++ task")
        if self.seed not in task_table.PAGE_SEEDS:
            raise UsageError(f"--seed is from 0 to {task_table.PAGE_SEEDS[-1]}, got {self.seed}")
        for name in ("beams", "max_tokens"):
            if (value := getattr(self, name)) < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
        if self.max_steps is not None and self.max_steps < 1:
            raise UsageError(f"--max-steps must be at least 1, got {self.max_steps}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise UsageError(f"--max-seconds must be more than 0, got {self.max_seconds:g}")
        if not 0 <= self.least_likely <= 1:
            raise UsageError(f"--give-up-below is a probability, from 0 to 1, got {self.least_likely:g}")
        if self.least_likely and not self.agent.learnt:
            raise UsageError(
                f"--give-up-below needs a policy that tells how sure it is; --policy {self.policy} does not"
            )
        check_folder_writable(self.report)
        check_writable(self.report / "index.html")
        if self.save_storage_state is not None:
            check_writable(self.save_storage_state)
        if self.task_name:
            task_table.get(self.task_name)
        self.agent.check()


def run(config: RunConfig) -> int:
    """Runs the task, prints every action, writes the trace.

    What was done until then is written too where it is interrupted, or breaks after a step.

    Returns:
        One of ``EXIT_CODES``.

    Raises:
        UsageError: if the configuration cannot be run, or its results could not be written.
        UnknownTask, CheckpointError, NoOracle, OpenWebError, BrowserError: if what it names is not there.
        SystemExit: on SIGTERM.
    """
    if config.json is not None and config.json != STDOUT:
        check_writable(config.json)
        if config.json.is_file():  # whatever comes now, nobody must take an old outcome for that of this run
            config.json.resolve().unlink()
    config.check()
    out = console(stderr=config.json == STDOUT)
    checkpoint = config.agent.checkpoint_sha256()
    policy = _policy(config, out)
    env = _environment(config)
    steps: list[Step] = []
    broken: BaseException | None = None

    def show(step: Step) -> None:
        steps.append(step)
        _show(step, len(steps), out)

    with _ended_by_sigterm(), contextlib.closing(env):
        browser = env.get_wrapper_attr("browser_version")
        start = time.monotonic()
        try:
            episode = run_policy(env, policy, config.task_name, config.seed, show)
            ending = Ending.of(episode, bool(config.url))
        except BaseException as error:  # an interrupt too
            told = isinstance(error, KeyboardInterrupt | SystemExit)
            if not steps and not told and not isinstance(error, StartPageError):
                raise
            broken = None if isinstance(error, StartPageError) else error
            mask = env.secrets.mask if isinstance(env, OpenWebEnv) else str
            ending = Ending.broken_off(config.task_name or "OpenWeb", config.seed, steps, error, mask)
        seconds = time.monotonic() - start
        _tell(f"{ending.outcome}{': ' + ending.answer if ending.answer else ''}", out, ending.finished)
        url, title = steps[-1].url if steps else config.url, ""
        if isinstance(env, OpenWebEnv) and broken is None:  # an interrupted browser may not answer any more
            if config.save_storage_state is not None:
                _save_storage_state(env, config.save_storage_state, out)
            url, title = env.where() if env.tab is not None else (url, title)
        facts = {
            "page": config.url or f"MiniWoB++ {config.task_name}, seed {config.seed}",
            "url": url,
            "title": title,
            "policy": config.agent.describe(),
            "browser": browser,
            "checkpoint": checkpoint and f"sha256 {checkpoint}",
        }
        page = config.report / "index.html"
        ending.write_trace(page, config.task, facts)
        out.print(f"trace: {page} (open it in any browser)", markup=False, soft_wrap=True)
        if config.json is not None:
            facts |= {"task": config.task or config.task_name, "trace": str(page.absolute())}
            write_json(config.json, ending.to_json(facts | {"seconds": round(seconds, 3)}))
    if broken is not None:
        raise broken
    return EXIT_CODES[ending.ended]


def _policy(config: RunConfig, out: Console) -> Policy:
    policy = config.agent.policy(config.task_name, config.seed)
    if config.least_likely > 0:
        policy = GiveUpBelow(policy, config.least_likely)
    if not config.dry_run:
        return policy

    def ask(question: str) -> str:
        out.print(question, end="", markup=False, soft_wrap=True)
        return input()

    return AskFirst(policy, ask)


def _environment(config: RunConfig) -> gymnasium.Env:
    common: dict[str, Any] = {"max_steps": config.max_steps, "headless": not config.headed}
    if config.url:
        return OpenWebEnv(
            config.url,
            config.task,
            allow_hosts=config.allow,
            max_seconds=config.max_seconds,
            files=config.file,
            storage_state=config.storage_state,
            **common,
        )
    return gymnasium.make(f"envs:webagent/{config.task_name}-v1", **common)


def _show(step: Step, number: int, out: Console) -> None:
    likely = "" if step.score is None else f"  p {math.exp(min(0.0, step.score)):.2f}"
    out.print(f"{number:3}  {step.action}{likely}", markup=False, soft_wrap=True)
    for said in step.dialogs:
        out.print(f"     a dialog said: {said}", style="yellow", markup=False, soft_wrap=True)
    if step.error:
        out.print(f"     {step.error}", style="red", markup=False, soft_wrap=True)


def _tell(text: str, out: Console, good: bool) -> None:
    out.print(text, style="green" if good else "red", markup=False, soft_wrap=True)


def _save_storage_state(env: OpenWebEnv, file: Path, out: Console) -> None:
    try:
        write_whole(file, env.stored(), private=True)
        _tell(f"storage state: {file}", out, True)
    except BrowserFault as fault:
        _tell(f"the storage state was not saved: {fault}", out, False)


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Has SIGTERM end what is inside as Ctrl+C does, so that there is time to write and to close."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # others get no signals
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
