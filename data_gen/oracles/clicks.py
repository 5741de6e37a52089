"""One thing to find and click: buttons, links, tabs, dialogs, coloured boxes."""

from __future__ import annotations

import re

from data_gen.oracles.base import Page, click, oracle
from envs.action import Action
from envs.html import Element


@oracle("click-button")
def click_button(page: Page) -> Action:
    (label,) = page.asked(r'^Click on the "(.+)" button\.$')
    return click(page.find("button", text=label))


@oracle("click-link")
def click_link(page: Page) -> Action:
    (label,) = page.asked(r'^Click on the link "(.+)"\.$')
    return click(page.find("span", cls="alink", text=label))


@oracle("click-tab-2")
def click_tab_2(page: Page) -> Action:
    """Closed tabs are not on the page, so a link that is there can be clicked; else on to the next tab."""
    (label,) = page.asked(r'click on the link "(.+)"\.$')
    link = page.find("span", cls="alink", text=label)
    return click(link) if link else click(_next_tab(page))


def _next_tab(page: Page) -> Element | None:
    """The tab to the right of the open one; after the last one, the first."""
    tabs = page.find_all("li", cls="ui-tabs-tab")
    opened = next((number for number, tab in enumerate(tabs) if "ui-tabs-active" in tab.classes), -1)
    return tabs[(opened + 1) % len(tabs)].find("a") if tabs else None


@oracle("click-dialog-2")
def click_dialog_2(page: Page) -> Action:
    """The button that the instruction calls "x" is drawn in the title bar and has no such text."""
    (label,) = page.asked(r'labeled "(.+)"\.$')
    if label == "x":
        return click(page.find("button", cls="ui-dialog-titlebar-close"))
    return click(page.find("button", text=label))


@oracle("click-color")
def click_color(page: Page) -> Action:
    (colour,) = page.asked(r"^Click on the (\w+) colored box\.$")
    area = page.find(id="area")
    boxes = {_background(box): box for box in area.find_all("div", cls="color")} if area else {}
    return click(boxes.get(colour))


def _background(element: Element) -> str:
    match = re.search(r"background(?:-color)?: *(\w+)", element.attributes.get("style", ""))
    return match.group(1) if match else ""
