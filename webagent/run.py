"""``webagent run``: one task on one page, in a real browser, with a trace of every step."""

from __future__ import annotations

import json as jsonlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium

from envs import tasks as task_table
from envs.action import Action
from envs.html import parse_html
from envs.loop import Episode, GiveUp, Policy, Step, run_episode
from envs.observation import Observation
from envs.web import OpenWebEnv
from policies.images import ImageMode
from webagent.agents import Agent
from webagent.benchmark import EVALUATION_SEED
from webagent.output import UsageError, check_folder_writable, check_writable, console, write_whole
from webagent.report import trace_episode, trace_page

SCHEMA = "webagent-run/1"
"""Names the layout of the file that ``--json`` writes."""

EXIT_CODES = {"done": 0, "success": 0, "gave-up": 1, "failure": 1, "out-of-budget": 3, "fault": 4}
"""By how a run ended. 2 is what a command that cannot be run returns."""


@dataclass(frozen=True)
class RunConfig:
    """Do one task on a web page, or on a MiniWoB++ page, and keep a trace of it.

    The browser may only ask the hosts that are allowed: the page's own, and those given with --allow.
    {{secret:NAME}} in the task stands for the environment variable NAME: it is typed into password fields of the start
    page's own site only, and shown nowhere.
    The exit code is 0 if the policy finished (open web: it said so; MiniWoB++: success), 1 if it gave up, was told to
    stop or did the wrong thing, 3 if it ran out of steps or time, 4 if the browser broke.

    examples:
      webagent run --url https://example.org --task "Open the link about more information"
      webagent run --url file:///home/me/form.html --task "Type Ann into the name field" --max-steps 3
      webagent run --url https://example.org/login --task "Log in as ann with {{secret:PASSWORD}}" --dry-run
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
    """embedded (the checkpoint that comes with the package), a checkpoint folder, random, or, for MiniWoB++, oracle."""
    image: ImageMode = "real"
    """real shows a learnt policy the screenshots, none leaves them out."""
    beams: int = 1
    """Width of a learnt policy's beam search; 1 is greedy."""
    max_steps: int | None = None
    """Stop after this many actions. By default 20, and for MiniWoB++ what the task table says."""
    max_seconds: float | None = None
    """Stop after the action that ends later than this. Open web only."""
    give_up_below: float = 0.0
    """Give up before an action that the policy holds less likely than this, from 0 to 1. Learnt policies only."""
    dry_run: bool = False
    """Show each action and ask before it is done; anything but y ends the run."""
    file: tuple[Path, ...] = ()
    """Files that may be given to the page's file fields. No other can be."""
    storage_state: Path | None = None
    """Cookies and local storage to start with, a file as Playwright's `storage_state` writes it."""
    allow: tuple[str, ...] = ()
    """More hosts that the browser may ask, such as www.example.org or *.example.org."""
    report: Path = Path("webagent-run")
    """Write the trace, one static page index.html, into this folder."""
    json: Path | None = None
    """Write the outcome and all actions to this file."""
    headed: bool = False
    """Show the browser's window."""

    @property
    def agent(self) -> Agent:
        return Agent(self.policy, self.image, self.beams)


def run(config: RunConfig) -> int:
    """Runs the task, prints every action, writes the trace.

    Returns:
        One of ``EXIT_CODES``.

    Raises:
        UsageError: if the configuration cannot be run, or its results could not be written.
        UnknownTask, CheckpointError, NoOracle, BrowserError: if what it names is not there.
    """
    out = console()
    _check(config)
    checkpoint = config.agent.checkpoint_sha256()
    policy = config.agent.policy(config.task_name, config.seed)
    env = _environment(config)
    try:
        browser = env.get_wrapper_attr("browser_version")
        number = 0

        def show(step: Step) -> None:
            nonlocal number
            number += 1
            likely = "" if step.score is None else f"  p {math.exp(min(0.0, step.score)):.2f}"
            out.print(f"{number:3}  {step.action}{likely}", markup=False, soft_wrap=True)
            if step.error:
                out.print(f"     {step.error}", style="red", markup=False, soft_wrap=True)

        if config.give_up_below > 0:
            policy = _GiveUpBelow(policy, config.give_up_below)
        if config.dry_run:
            policy = _AskFirst(policy)
        episode = run_episode(env, policy, seed=config.seed, on_step=show)
    finally:
        env.close()
    ended, outcome, answer = _outcome(config, episode)
    finished = EXIT_CODES[ended] == 0
    out.print(f"{outcome}{': ' + answer if answer else ''}", style="green" if finished else "red", markup=False)
    facts = {
        "page": config.url or f"MiniWoB++ {config.task_name}, seed {config.seed}",
        "policy": config.agent.describe(),
        "outcome": outcome,
        "answer": answer,
        "browser": browser,
        "checkpoint": checkpoint and f"sha256 {checkpoint}",
    }
    trace = trace_episode(episode, "" if finished else outcome)
    if finished:
        trace = replace(trace, outcome=outcome)  # the open web pays no reward that would say so
    page = config.report / "index.html"
    title = config.task or trace.instruction or config.task_name
    write_whole(page, trace_page(trace, title, {name: value for name, value in facts.items() if value}))
    out.print(f"trace: {page} (open it in any browser)")
    if config.json is not None:
        content = {
            "schema": SCHEMA,
            "finished": finished,
            **facts,
            "ended": ended,
            "instruction": trace.instruction,
            "raw_reward": episode.raw_reward,
            "fault": episode.fault,
            "steps": [
                {"action": str(step.action), "score": step.score, "reward": step.reward, "error": step.error}
                for step in episode.steps
            ],
        }
        write_whole(config.json, jsonlib.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return EXIT_CODES[ended]


class _Wrapped:
    """A policy within another."""

    def __init__(self, policy: Policy):
        self._policy = policy

    @property
    def last_score(self) -> float | None:
        return getattr(self._policy, "last_score", None)

    def reset(self) -> None:
        self._policy.reset()

    def act(self, observation: Observation) -> Action:
        return self._policy.act(observation)


class _GiveUpBelow(_Wrapped):
    """A policy that would rather do nothing than what it is not sure of."""

    def __init__(self, policy: Policy, least: float):
        super().__init__(policy)
        self._least = least

    def act(self, observation: Observation) -> Action:
        action = super().act(observation)
        likely = 1.0 if self.last_score is None else math.exp(min(0.0, self.last_score))
        if likely < self._least:
            raise GiveUp(f"{describe(action, observation['html'])} has a probability of {likely:.2f} only")
        return action


class _AskFirst(_Wrapped):
    """A policy whose every action a person sees first."""

    def act(self, observation: Observation) -> Action:
        action = super().act(observation)
        try:
            answer = input(f"     {describe(action, observation['html'])}  do it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise GiveUp(f"{action} was not wanted")
        return action


def describe(action: Action, html: str) -> str:
    """An action with, in brackets, the elements that its refs stand for."""
    elements = {element.ref: element for element in parse_html(html).walk() if element.ref in action.refs}
    names = [f"<{e.tag}> {(e.text or e.value or e.attributes.get('placeholder', '') or e.id)[:40]}".strip()
             for e in map(elements.get, action.refs) if e is not None]  # fmt: skip
    return f"{action} ({'; '.join(names)})" if names else str(action)


def _check(config: RunConfig) -> None:
    if bool(config.url) == bool(config.task_name):
        raise UsageError("give either --url with --task, or --task-name (of MiniWoB++)")
    if config.url and not config.task.strip():
        raise UsageError("--url needs --task: what is to be done there, in plain words")
    if config.url and config.policy == "oracle":
        raise UsageError("oracles know MiniWoB++ tasks only; for --url give --policy embedded or a checkpoint folder")
    if config.task_name and config.task:
        raise UsageError("a MiniWoB++ task brings its own instruction; --task goes with --url")
    if config.task_name and (config.file or config.storage_state or config.max_seconds is not None):
        raise UsageError("--file, --storage-state and --max-seconds go with --url, not with a MiniWoB++ task")
    if config.max_seconds is not None and config.max_seconds <= 0:
        raise UsageError(f"--max-seconds must be more than 0, got {config.max_seconds:g}")
    if not 0 <= config.give_up_below <= 1:
        raise UsageError(f"--give-up-below is a probability, from 0 to 1, got {config.give_up_below:g}")
    if config.give_up_below and not config.agent.learnt:
        raise UsageError(f"--give-up-below needs a policy that tells how sure it is; --policy {config.policy} does not")
    if config.max_steps is not None and config.max_steps < 1:
        raise UsageError(f"--max-steps must be at least 1, got {config.max_steps}")
    check_folder_writable(config.report)
    check_writable(config.report / "index.html")
    if config.json is not None:
        check_writable(config.json)
    if config.task_name:
        task_table.get(config.task_name)


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


def _outcome(config: RunConfig, episode: Episode) -> tuple[str, str, str]:
    """How it ended, one of ``EXIT_CODES``; the same in words; and the policy's answer."""
    if episode.fault:
        return "fault", f"the browser broke: {episode.fault}", ""
    if episode.gave_up:
        return "gave-up", f"gave up: {episode.gave_up}", ""
    if config.task_name and episode.success:
        return "success", "success", ""
    if episode.truncated:
        return "out-of-budget", f"out of budget: not done after {len(episode.steps)} steps", ""
    if config.task_name:
        return "failure", "wrong", ""
    return "done", "done", episode.steps[-1].action.strings[0]
