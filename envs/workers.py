"""Work spread over processes: joblib here, with workers that do not outlive who started them, or a Ray cluster."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, Literal, TypeVar, cast

import joblib

T = TypeVar("T")

Backend = Literal["local", "ray"]
"""Where processes run: on this machine, or on a Ray cluster, that of ``RAY_ADDRESS`` or one begun on this machine."""


class BackendError(RuntimeError):
    """The cluster cannot be used. The message says what to do."""


def spread(
    function: Callable[..., T], jobs: Iterable[tuple[Any, ...]], workers: int, backend: Backend = "local"
) -> Iterator[T]:
    """Calls a function with each of many tuples of arguments, in several processes.

    Args:
        function: of a module's top level; it and what it takes and gives are pickled.
        jobs: arguments of each call.
        workers: processes; with 1 it runs in this one, with -1 there is one for each core. On a cluster there are
            always as many besides this one.
        backend: where the processes run.

    Yields:
        The results, in the order in which they are ready.

    Raises:
        BackendError: if the cluster cannot be used.
    """
    if backend == "ray":
        yield from _spread_on_ray(function, jobs, workers)
        return
    if not (jobs := list(jobs)):
        return
    count = min(len(jobs), joblib.cpu_count() if workers == -1 else workers)
    parallel = joblib.Parallel(n_jobs=count, return_as="generator_unordered")
    results = parallel(joblib.delayed(_call)(os.getpid(), function, job) for job in jobs)
    yield from cast(Iterator[T], results)


def _spread_on_ray(function: Callable[..., T], jobs: Iterable[tuple[Any, ...]], workers: int) -> Iterator[T]:
    try:
        from ray.util.multiprocessing import Pool
    except ImportError as error:
        raise BackendError("Ray is not installed: pip install 'webagent[cluster]'") from error
    # joblib's own way to Ray returns nothing before everything is done.
    try:
        pool = Pool(None if workers == -1 else workers)
    except (ConnectionError, ValueError) as error:  # no cluster there, or too small a one
        raise BackendError(f"Ray: {error}") from error
    with pool:
        yield from pool.imap_unordered(partial(_unpack, function), jobs)


def _unpack(function: Callable[..., T], job: tuple[Any, ...]) -> T:
    return function(*job)


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
