"""Work spread over processes: joblib, with workers that do not outlive who started them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar, cast

import joblib

T = TypeVar("T")


def spread(function: Callable[..., T], jobs: Iterable[tuple[Any, ...]], workers: int) -> Iterator[T]:
    """Calls a function with each of many tuples of arguments, in processes of joblib's current backend.

    Args:
        function: of a module's top level; it and what it takes and gives are pickled.
        jobs: arguments of each call.
        workers: processes; with 1 it runs in this one, with -1 there is one for each core.

    Yields:
        The results, in the order in which they are ready.
    """
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    results = parallel(joblib.delayed(_call)(os.getpid(), function, job) for job in jobs)
    return cast(Iterator[T], results)


def _call(starter: int, function: Callable[..., T], job: tuple[Any, ...]) -> T:
    if os.getppid() == starter:  # a process of this machine; a cluster looks after its own
        _end_with(starter)
    return function(*job)


@cache
def _end_with(parent: int) -> None:
    """Ends this process, and with it its browser, as soon as its parent is gone, even if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="webagent-parent", daemon=True).start()
