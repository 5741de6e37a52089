"""Folders in folders."""

from __future__ import annotations

from data_gen.oracles.base import OracleError, Page, click, oracle
from envs.action import Action
from envs.html import Element


@oracle("navigate-tree")
def navigate_tree(page: Page) -> Action:
    """What is inside a closed folder is not on the page: from top to bottom, opens the first that is still closed."""
    (name,) = page.asked(r'named "(.+)"\.$')
    found = page.find("span", text=name)
    if found is not None:
        return click(_target(found))
    closed = page.find("li", cls="expandable")
    if closed is None:
        raise OracleError(f"every folder is open and none holds {name!r}")
    return click(closed.find("span", cls="folder"))


def _target(name: Element) -> Element:
    """A folder's name takes the click itself; a file's leaves it to its list item.

    The middle of an open folder's list item would be one of its files.
    """
    return name if name.ref is not None or name.parent is None else name.parent
