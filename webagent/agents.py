"""Policies by name: ``embedded``, a checkpoint folder, ``oracle``, ``random``, ``openai:MODEL``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data_gen.collect import SCRIPTED
from envs.action import PAGE_VERBS, SIGNATURES
from envs.loop import Policy, RandomPolicy
from policies.images import ImageMode
from webagent.output import UsageError

EMBEDDED = "embedded"
CHAT = "openai:"
"""Begins the names of language models behind an OpenAI-compatible endpoint."""


class AgentFault(RuntimeError):
    """What decides broke down: no fault of the policy, and no failure of it."""


@dataclass(frozen=True)
class Agent:
    """A policy, as named on the command line.

    Attributes:
        name: ``embedded``, ``oracle``, ``random``, a checkpoint folder, or ``openai:MODEL``.
        image: what the policy sees of the screenshots (``policies.images``); scripted policies read html alone.
        beams: width of the beam search of a learnt policy; 1 is greedy.
        base_url: address of the endpoint of ``openai:MODEL``; the official one where empty.
    """

    name: str
    image: ImageMode = "real"
    beams: int = 1
    base_url: str = ""

    @property
    def chat(self) -> bool:
        return self.name.startswith(CHAT)

    @property
    def learnt(self) -> bool:
        """Whether it is a checkpoint of ours."""
        return self.name not in SCRIPTED and not self.chat

    @property
    def sees_pages(self) -> bool:
        """Whether ``image`` matters to it."""
        return self.learnt or self.chat

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

    def check(self) -> None:
        """Finds out before the work what is wrong with the options.

        Raises:
            UsageError: if an option does not fit, or an endpoint needs a key that is not there.
        """
        if self.base_url and not self.chat:
            raise UsageError("--base-url is for --policy openai:MODEL")
        if self.chat:
            from webagent.chat import Endpoint

            Endpoint.of(self)

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
