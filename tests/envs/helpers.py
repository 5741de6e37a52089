"""What several tests of the environments share."""

from __future__ import annotations

import hashlib
from typing import Any

import gymnasium
import numpy as np

from envs.action import Action
from envs.loop import RandomPolicy


def digest(value: Any) -> Any:
    """Something small that is equal only for equal bytes."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(value.tobytes()).hexdigest()[:16], value.shape, str(value.dtype)
    if isinstance(value, dict):
        return {key: digest(item) for key, item in value.items()}
    return value


def record(env: gymnasium.Env, seed: int, steps: int) -> tuple[list[Action], list[Any]]:
    """An episode of random valid actions, and the digest of all that came back."""
    policy = RandomPolicy(seed=seed)
    observation, info = env.reset(seed=seed)
    actions: list[Action] = []
    returned: list[Any] = [(digest(observation), info)]
    for _ in range(steps):
        actions.append(policy.act(observation))
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        returned.append((digest(observation), reward, terminated, truncated, info))
        if terminated or truncated:
            break
    return actions, returned


def replay(env: gymnasium.Env, seed: int, actions: list[Action]) -> list[Any]:
    """The digests of the same actions, done again."""
    observation, info = env.reset(seed=seed)
    returned: list[Any] = [(digest(observation), info)]
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        returned.append((digest(observation), reward, terminated, truncated, info))
    return returned
