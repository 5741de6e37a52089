"""How good a policy is during its training: on held-out steps, and in the browser on validation seeds."""

from __future__ import annotations

from typing import cast

import gymnasium
import numpy as np
import torch
from accelerate import Accelerator

import envs  # noqa: F401  registers the environments
from data_gen.dataset import VALIDATION_SEEDS
from envs.loop import run_episode
from envs.tasks import table
from policies.data import Samples
from policies.images import ImageMode
from policies.model import WebAgentModel
from policies.policy import LearntPolicy
from policies.processor import Processor


def held_out_rows(data: Samples, rows: np.ndarray, episodes: int) -> np.ndarray:
    """Those of ``rows`` that belong to the first ``episodes`` held-out episodes of each task."""
    kept = []
    for task in np.unique(data.tasks[rows]):
        mine = rows[data.tasks[rows] == task]
        starts = np.unique(data.starts[mine])[:episodes]
        kept.append(mine[np.isin(data.starts[mine], starts)])
    return np.concatenate(kept) if kept else rows


@torch.no_grad()
def held_out_accuracy(
    model: WebAgentModel,
    data: Samples,
    rows: np.ndarray,
    groups: list[list[np.ndarray]],
    accelerator: Accelerator,
    bf16: bool,
    image: ImageMode,
) -> dict[str, dict[str, float]]:
    """How often the policy's most likely action is the expert's, given the expert's steps before it.

    Args:
        model: the network.
        data: where the rows are.
        rows: those that count.
        groups: this process's share of them, as passes of blocks.
        accelerator: brings the processes' shares together.
        bf16: multiply in bfloat16.
        image: what the network sees of the screenshots.

    Returns:
        task -> ``steps``, the share of right actions, and ``episodes``, the share of episodes with every action right.
        The latter is the nearer to success in the browser, above all for long episodes.
    """
    model.eval()
    right = torch.zeros(len(rows), device=accelerator.device)
    place = {row: index for index, row in enumerate(rows.tolist())}
    for group in groups:
        blocks = [data.collate(block, pictures=image != "none") for block in group]
        blocks = [{name: tensor.to(accelerator.device) for name, tensor in block.items()} for block in blocks]
        with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=bf16):
            right[[place[row] for row in np.concatenate(group).tolist()]] = model(*blocks).correct.float()
    correct = cast(torch.Tensor, accelerator.reduce(right)).cpu().numpy() > 0.5
    results = {}
    for task in np.unique(data.tasks[rows]):
        mine = data.tasks[rows] == task
        episodes = [correct[data.starts[rows] == start].all() for start in np.unique(data.starts[rows][mine])]
        results[str(task)] = {"steps": float(correct[mine].mean()), "episodes": float(np.mean(episodes))}
    return results


def browser_success(model: WebAgentModel, processor: Processor, tasks: list[str], episodes: int,
                    image: ImageMode = "real") -> dict[str, dict[str, float]]:  # fmt: skip
    """Plays the first validation seeds of each task that is a MiniWoB++ page in the browser.

    Returns:
        task -> ``success``, the share of episodes solved by the strict rule; those that the browser broke do not count.
    """
    policy = LearntPolicy(model.eval(), processor, image=image)
    results = {}
    for task in filter(table().__contains__, tasks):  # made-up and recorded ones have no page here
        env = gymnasium.make(f"webagent/{task}-v1", screenshot=image == "real")
        played = [run_episode(env, policy, seed=seed) for seed in VALIDATION_SEEDS[:episodes]]
        env.close()
        results[task] = {"success": float(np.mean([episode.success for episode in played if not episode.fault] or [0]))}
    return results
