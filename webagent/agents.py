"""Policies by the name that a user gives them: ``embedded``, a checkpoint folder, ``oracle`` or ``random``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from data_gen.collect import SCRIPTED
from envs.action import PAGE_VERBS, SIGNATURES
from envs.loop import Policy, RandomPolicy

EMBEDDED = "embedded"

Image = Literal["real", "none"]


@dataclass(frozen=True)
class Agent:
    """A policy, as named on the command line.

    Attributes:
        name: ``embedded``, ``oracle``, ``random`` or a checkpoint folder.
        image: ``real`` shows the policy the screenshots, ``none`` leaves them out; scripted policies read html alone.
        beams: width of the beam search of a learnt policy; 1 is greedy.
    """

    name: str
    image: Image = "real"
    beams: int = 1

    @property
    def learnt(self) -> bool:
        return self.name not in SCRIPTED

    @property
    def folder(self) -> Path | None:
        """The checkpoint's folder, None for the embedded one."""
        return None if self.name == EMBEDDED else Path(self.name)

    @property
    def needs_screenshots(self) -> bool:
        return self.learnt and self.image == "real"

    def describe(self) -> str:
        return f"{self.name}, {'without' if self.image == 'none' else 'with'} the image" if self.learnt else self.name

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

    from policies import checkpoint
    from policies.policy import LearntPolicy

    torch.set_num_threads(1)
    model, processor, _ = checkpoint.load(agent.folder)
    return LearntPolicy(model, processor, image=agent.image, beams=agent.beams, verbs=verbs)
