"""What opens and closes: collapsible sections, menus, pie menus."""

from __future__ import annotations

from data_gen.oracles.base import OracleError, Page, click, oracle
from data_gen.oracles.choices import submit
from envs.action import Action


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
            return click(item) if label == path[-1] else Action("hover", click(item).args)
    raise OracleError(f"the menu has none of {path}")


@oracle("click-pie", "click-pie-nodelay")
def click_pie(page: Page) -> Action:
    """The button in the middle says whether the pie is closed; the labels are there, tiny, behind it even then."""
    (label,) = page.asked(r'labeled "(.+)"\.$')
    if page.find("text", id="wheelnav-divWheel-spreadertitle", text="+"):
        return click(page.find("path", id="wheelnav-divWheel-spreader"))
    return click(page.find("text", text=label))
