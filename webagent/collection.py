"""``webagent collect``: a collection by any agent that has a name on the command line."""

from __future__ import annotations

from pathlib import Path

from data_gen.collect import CollectConfig, Learner, collect
from webagent.agents import Agent


def collect_with(config: CollectConfig) -> Path:
    """Collects what the configuration's policy does; see ``data_gen.collect.collect``.

    Raises:
        CheckpointError: if the policy is neither scripted nor a checkpoint.
    """
    if config.scripted:
        return collect(config)
    agent = Agent(config.policy, image="real" if config.screenshot else "none")
    return collect(config, Learner(agent.policy, agent.identity()))
