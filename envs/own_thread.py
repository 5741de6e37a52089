"""An environment in a thread of its own, for notebooks and whatever else runs an event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import gymnasium


class OwnThread(gymnasium.Wrapper):
    """Does all that an environment does in one thread, which all that are wrapped so share, as they share a browser.

    Playwright's synchronous API works in no thread in which an event loop runs, and leaves one running behind it.

        env = OwnThread(gymnasium.make("webagent/click-button-v1"))

    Args:
        env: not used before.
    """

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return _there(lambda: self.env.reset(seed=seed, options=options))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        return _there(lambda: self.env.step(action))

    def render(self) -> Any:
        return _there(self.env.render)

    def close(self) -> None:
        _there(self.env.close)

    def get_wrapper_attr(self, name: str) -> Any:
        return _there(lambda: self.env.get_wrapper_attr(name))


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "webagent-browser")


def _there(work: Callable[[], Any]) -> Any:
    return _thread().submit(work).result()
