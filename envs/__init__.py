"""The world: browser, page observation, actions, gymnasium environments and the one loop.

Importing this package registers ``webagent/<task>-v1`` for every MiniWoB++ page, and ``webagent/OpenWeb-v1``. Where an
event loop runs, as in a notebook, an environment is wrapped in ``OwnThread``.
"""

import gymnasium

from envs import tasks
from envs.own_thread import OwnThread

__all__ = ["OwnThread"]


def _register() -> None:
    for name in tasks.table():
        gymnasium.register(
            id=f"webagent/{name}-v1",
            entry_point="envs.miniwob:MiniWoBEnv",
            kwargs={"task": name},
            disable_env_checker=True,  # it runs the first reset and step twice; the tests run it instead
            order_enforce=False,  # the environment itself says when reset is missing
        )
    gymnasium.register(
        id="webagent/OpenWeb-v1", entry_point="envs.web:OpenWebEnv", disable_env_checker=True, order_enforce=False
    )


_register()
