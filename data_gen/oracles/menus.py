"""What opens and closes: collapsible sections, menus, pie menus."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, click, oracle
from data_gen.oracles.choices import submit
from envs.action import Action
from envs.html import Element


@oracle("click-collapsible", "click-collapsible-nodelay")
def click_collapsible(page: Page) -> Action:
    header = page.find("h3", cls="ui-accordion-header")
    return submit(page) if header and "ui-accordion-header-active" in header.classes else click(header)


@oracle("click-collapsible-2", "click-collapsible-2-nodelay")
def click_collapsible_2(page: Page) -> Action:
    """Closed sections are not on the page, so a link that is there can be clicked; else on to the next section."""
    (label,) = page.asked(r'click on the link "(.+)"\.$')
    link = page.find("span", cls="alink", text=label)
    if link:
        return click(link)
    headers = page.find_all("h3", cls="ui-accordion-header")
    opened = next((n for n, header in enumerate(headers) if "ui-accordion-header-active" in header.classes), -1)
    return click(headers[(opened + 1) % len(headers)] if headers else None)


@oracle("click-menu")
def click_menu(page: Page) -> Action:
    (path,) = page.asked(r"^Select (.+)$")
    return follow(page, path.split(">"))


def follow(page: Page, path: list[str]) -> Action:
    """The next action towards a menu's item, given by the labels of what leads there and its own.

    A submenu opens under the pointer: a click on its heading would choose the heading.
    """
    for label in reversed(path):
        item = page.find(cls="ui-menu-item-wrapper", text=label)
        if item:
            return click(item) if label == path[-1] else hover(item)
    raise OracleError(f"the menu has none of {path}")


def hover(element: Element | None) -> Action:
    """The pointer over an element that has to be there."""
    return Action("hover", click(element).args)


@oracle("click-menu-2")
def click_menu_2(page: Page) -> Action:
    """The item is asked for by its label, or by an icon that the instruction shows; it may be in the submenu."""
    menu = page.find("ul", id="menu")
    if menu is None:
        return click(page.find("button", id="open-menu"))
    labelled = re.search(r'labeled "(.+)"\.$', page.instruction)
    items = menu.find_all("div", cls="ui-menu-item-wrapper")
    for item in items:
        if item.text == labelled.group(1) if labelled else _icon(item) == _icon(page.root):
            return click(item)
    return hover(next((item for item in items if item.find("span", cls="ui-menu-icon")), None))


def _icon(element: Element) -> str:
    """The classes of the first icon in it."""
    icon = element.find("span", cls="ui-icon")
    return icon.attributes["class"] if icon else ""


@oracle("click-pie")
@oracle(
    "click-pie-nodelay", limit="the first item, asked for in some 18 % of pages, takes no click once the pie is open"
)
def click_pie(page: Page) -> Action:
    """The button in the middle says whether the pie is closed; the labels are there, tiny, behind it even then.

    While the pointer is over the first item, the page takes it out and puts it back all the time, except for as long
    as the pie unfolds: an item that a click did nothing to is tried again on a pie that was just unfolded.

    Raises:
        OracleError: if that did nothing either, as happens where the pie unfolds at once.
    """
    (label,) = page.asked(r'labeled "(.+)"\.$')
    button = page.find("path", id="wheelnav-divWheel-spreader")
    if page.find("text", id="wheelnav-divWheel-spreadertitle", text="+"):
        return click(button)
    item = click(page.find("text", text=label))
    done = [action for _, action in page.past]
    if done[-2:] == [click(button), item]:
        raise OracleError(f"the item {label!r} does not take clicks")
    return click(button) if done[-1:] == [item] else item
