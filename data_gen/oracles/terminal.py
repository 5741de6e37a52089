"""A command line."""

from __future__ import annotations

from itertools import pairwise

from data_gen.oracles.base import OracleError, Page, click, oracle, write
from envs.action import Action


@oracle(
    "terminal",
    limit="the page takes the first letters of an extension for it wherever they stand: shark.sh cannot be removed",
)
def terminal(page: Page) -> Action:
    """``ls``, then ``rm`` with the first file that fits; each is typed and sent."""
    files = _listing(page)
    command = "ls" if files is None else f"rm {_file(page, files)}"
    field = page.find("input", id="terminal-target")
    if field is None or not field.has("focused"):
        return click(page.find(id="terminal"))
    line = page.find(id="active-input")
    if line is None:
        return write(field, command)  # which the page takes out of the field again, key by key
    return Action("press", ("Enter" if line.text == command else "Backspace",))


def _listing(page: Page) -> list[str] | None:
    """The files that the last ``ls`` has shown, or None where none has been sent."""
    contents = page.find(id="terminal-contents")
    lines = [line for line in contents.children if not isinstance(line, str)] if contents else []
    for line, answer in reversed(list(pairwise(lines))):
        if line.find("span", cls="command", text="ls") and answer.find(cls="output"):
            return answer.text.split()
    return None


def _file(page: Page, files: list[str]) -> str:
    if "no file extension" in page.instruction:
        fitting = [file for file in files if "." not in file]
    else:
        (extension,) = page.asked(r"the extension (\.\S+)$")
        # The page looks for the first place of "sh" and wants nothing behind it: it does not take bash.sh for a .sh.
        fitting = [file for file in files if file.endswith(extension)]
        fitting.sort(key=lambda file: file.index(extension[1:]) + len(extension) - 1 != len(file))
    if not fitting:
        raise OracleError(f"none of the files {files} is as asked")
    return fitting[0]
