"""Policies by name: ``embedded``, a checkpoint folder, ``oracle``, ``random``, ``openai:MODEL``, ``module:name``."""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gymnasium

from data_gen.collect import SCRIPTED
from envs.action import PAGE_VERBS, SIGNATURES
from envs.loop import Episode, Policy, RandomPolicy, Step, run_episode
from policies.images import ImageMode
from webagent.output import UsageError

EMBEDDED = "embedded"
CHAT = "openai:"
"""Begins the names of language models behind an OpenAI-compatible endpoint."""

_CODE = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):([A-Za-z_]\w*)")


class AgentFault(RuntimeError):
    """What decides broke down: no fault of the policy, and no failure of it."""


def run_policy(
    env: gymnasium.Env, policy: Policy, task: str, seed: int, on_step: Callable[[Step], None] = lambda step: None
) -> Episode:
    """``run_episode``; where what decides broke down, that is the episode's fault."""
    steps: list[Step] = []

    def keep(step: Step) -> None:
        steps.append(step)
        on_step(step)

    try:
        return run_episode(env, policy, seed=seed, on_step=keep)
    except AgentFault as fault:
        raw_reward = steps[-1].raw_reward if steps else 0.0
        return Episode(task, seed, steps, truncated=True, raw_reward=raw_reward, fault=str(fault))


@dataclass(frozen=True)
class Agent:
    """A policy, as named on the command line.

    Attributes:
        name: ``embedded``, ``oracle``, ``random``, a checkpoint folder, ``openai:MODEL``, or one's own ``module:name``:
            what makes the policy, called without arguments once in each process.
        image: what the policy sees of the screenshots (``policies.images``); scripted policies read html alone.
        beams: width of the beam search of a learnt policy; 1 is greedy.
        base_url: address of the endpoint of ``openai:MODEL``; the official one where empty.
        max_tokens: length of its answers at most.
    """

    name: str
    image: ImageMode = "real"
    beams: int = 1
    base_url: str = ""
    max_tokens: int = 200

    @property
    def chat(self) -> bool:
        return self.name.startswith(CHAT)

    @property
    def code(self) -> bool:
        """Whether it is one's own, from a module of one's own."""
        return not self.chat and _CODE.fullmatch(self.name) is not None

    @property
    def learnt(self) -> bool:
        """Whether it is a checkpoint of ours."""
        return self.name not in SCRIPTED and not self.chat and not self.code

    @property
    def sees_pages(self) -> bool:
        """Whether ``image`` matters to it."""
        return self.name not in SCRIPTED

    @property
    def folder(self) -> Path | None:
        """The checkpoint's folder, None for the embedded one."""
        return None if self.name == EMBEDDED else Path(self.name)

    @property
    def needs_screenshots(self) -> bool:
        return self.sees_pages and self.image == "real"

    def describe(self) -> str:
        how = {"real": "with the image", "none": "without the image"}.get(self.image, f"{self.image} images")
        return f"{self.name}, {how}" if self.sees_pages else self.name

    def identity(self) -> str:
        """Names what decides, so that what it did is not taken for what another one, or other code, did.

        Raises:
            CheckpointError: if the folder is not a checkpoint.
            UsageError: if code of one's own brings no policy.
        """
        if self.code:
            _own_policy(self.name)
            file = getattr(sys.modules[self.name.partition(":")[0]], "__file__", None)
            return f"{self.name} {hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ''}".strip()
        if self.chat:
            return f"{self.name} {self.base_url}".strip()
        return f"checkpoint {self.checkpoint_sha256()}" if self.learnt else self.name

    def check(self) -> None:
        """Finds out before the work what is wrong with the options.

        Raises:
            UsageError: if an option does not fit, an endpoint needs a key that is not there, or code of one's own
                brings no policy.
        """
        if self.base_url and not self.chat:
            raise UsageError("--base-url is for --policy openai:MODEL")
        if self.image in ("white", "random") and self.sees_pages and not self.learnt:
            raise UsageError(f"--image {self.image} is for checkpoints; {self.name} takes real or none")
        if self.learnt and self.folder is not None and not self.folder.exists():
            raise UsageError(
                f"--policy {self.name}: there is no such folder; expected a checkpoint's, or one of embedded, oracle, "
                "random, openai:MODEL, module:name"
            )
        if self.chat:
            from webagent.chat import Endpoint

            Endpoint.of(self)
        if self.code:
            _own_policy(self.name)

    def policy(self, task: str, seed: int) -> Policy:
        """The policy for one episode. What it does depends on nothing but the agent, the task and the seed.

        Args:
            task: a MiniWoB++ task; empty for the open web, which has verbs of its own.
            seed: of what is chosen at random.

        Raises:
            CheckpointError: if the folder is not a checkpoint.
            NoOracle: if there is no oracle for the task.
        """
        if self.name == "random":
            return RandomPolicy(seed=seed)
        if self.name == "oracle":
            from data_gen import oracles

            return oracles.get(task, seed=seed)
        if self.chat:
            from webagent.chat import ChatPolicy, Endpoint

            return ChatPolicy(Endpoint.of(self), PAGE_VERBS if task else tuple(SIGNATURES), self.image == "real")
        if self.code:
            return _own_policy(self.name)
        return _learnt_policy(self, PAGE_VERBS if task else tuple(SIGNATURES))

    def checkpoint_sha256(self) -> str:
        """Names a learnt policy's checkpoint, whatever its folder is called; empty for a scripted policy.

        Raises:
            CheckpointError: if the folder is not a checkpoint.
        """
        if not self.learnt:
            return ""
        from policies import checkpoint

        return checkpoint.sha256(self.folder)


@lru_cache(maxsize=1)
def _learnt_policy(agent: Agent, verbs: tuple[str, ...]) -> Policy:
    # One load for all episodes of a process. One thread, because sums over several would differ between runs with
    # different numbers of workers.
    import torch

    from policies.policy import LearntPolicy

    torch.set_num_threads(1)
    return LearntPolicy.from_checkpoint(agent.folder, agent.image, agent.beams, verbs=verbs)


@lru_cache(maxsize=1)
def _own_policy(name: str) -> Policy:
    module, _, attribute = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        policy = getattr(importlib.import_module(module), attribute)()
    except Exception as error:  # whatever code of one's own does
        raise UsageError(
            f"--policy {name} brings no policy: {type(error).__name__}: {error}; expected module:name, found from the "
            f"folder that this runs in, of a class or function that can be called without arguments"
        ) from error
    if not isinstance(policy, Policy):
        raise UsageError(f"--policy {name} made a {type(policy).__name__}, which has not reset() and act(observation)")
    return policy
