"""``webagent tasks``: the task table."""

from __future__ import annotations

from dataclasses import dataclass

from envs import tasks as task_table
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
    """A suite of the task table: thin16, webgum56, browsergym125, pix2act59, split62, split63 or all."""
    match: str = ""
    """Only tasks whose name contains this."""
    names: bool = False
    """Print the names alone, one a line, for use in a shell."""


def list_tasks(config: TasksConfig) -> None:
    """Prints the table.

    Raises:
        UnknownTask: if there is no such suite.
    """
    found = [task for task in task_table.select(config.suite) if config.match in task.name]
    if config.names:
        print("\n".join(task.name for task in found))
        return
    from rich.table import Table

    suites = task_table.COLUMNS
    title = f"{len(found)} tasks of suite {config.suite}" + (f" matching {config.match!r}" if config.match else "")
    table = Table(title=title, title_justify="left")
    for name in ("task", "category", "split"):
        table.add_column(name, no_wrap=True)
    for suite in suites:
        table.add_column(suite, justify="center")
    for name in ("steps", "success from", "ms an action"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for task in found:
        table.add_row(
            task.name,
            task.category,
            task.split,
            *("x" if suite in task.suites else "" for suite in suites),
            str(task.max_steps),
            f"{task.success_threshold:g}",
            str(task.tick_ms),
            task.note,
        )
    console().print(table)
