"""``webagent tasks``: the task table."""

from __future__ import annotations

from dataclasses import dataclass

from envs import tasks as task_table
from webagent import protocols
from webagent.output import console


@dataclass(frozen=True)
class TasksConfig:
    """List the MiniWoB++ tasks.

    examples:
      webagent tasks
      webagent tasks --suite webgum56
      webagent tasks --suite all --match email --names
    """

    suite: str = "all"
    """A suite of the task table: thin16, webgum56, browsergym125, pix2act59, split62, split63, or all; or a protocol of
    `webagent bench`."""
    match: str = ""
    """Only tasks whose name contains this."""
    names: bool = False
    """Print the names alone, one a line, for use in a shell."""


def list_tasks(config: TasksConfig) -> None:
    """Prints the table.

    Raises:
        UnknownTask: if there is no such suite.
    """
    suite = protocols.PROTOCOLS[config.suite].suite if config.suite in protocols.PROTOCOLS else config.suite
    found = [task for task in task_table.select(suite) if config.match in task.name]
    if config.names:
        print("\n".join(task.name for task in found))
        return
    from webagent.table import Column, print_table

    title = f"{len(found)} tasks of suite {config.suite}" + (f" matching {config.match!r}" if config.match else "")
    suites = [Column(suite, ["x" if suite in task.suites else "" for task in found]) for suite in task_table.COLUMNS]
    columns = (
        Column("task", [task.name for task in found], words=True),
        Column("category", [task.category for task in found], words=True),
        Column("split", [task.split for task in found], words=True),
        *suites,
        Column("steps", [str(task.max_steps) for task in found]),
        Column("success from", [f"{task.success_threshold:g}" for task in found]),
        Column("ms an action", [str(task.tick_ms) for task in found]),
        Column("note", [task.note for task in found], words=True, breaks=True),
    )
    dispensable = ["note", "ms an action", "split", "category", *(column.name for column in reversed(suites))]
    print_table(console(), title, columns, dispensable)
