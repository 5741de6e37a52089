"""Something to find and click: buttons, links, tabs, dialogs, fields, coloured boxes."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, click, oracle
from envs import tasks
from envs.action import Action
from envs.html import Element

WIDGETS = {
    "radio": ("input", {"type": "radio"}),
    "checkbox": ("input", {"type": "checkbox"}),
    "text": ("input", {"type": "text"}),
    "textarea": ("textarea", {}),
    "button": ("button", {}),
}
"""Tag and attributes of what click-widget names."""


@oracle("click-button", "unicode-test")
def click_button(page: Page) -> Action:
    (label,) = page.asked(r'^Click on the "(.+)" button\.$')
    return click(page.find("button", text=label))


@oracle("click-test")
def click_test(page: Page) -> Action:
    return click(page.find("button"))


@oracle("click-test-2", "click-test-transfer")
def click_test_2(page: Page) -> Action:
    (label,) = page.asked(r"^Click button (\w+)\.$")
    return click(page.find("button", text=label))


@oracle("click-button-sequence")
def click_button_sequence(page: Page) -> Action:
    """The button that was clicked last has the focus."""
    first, second = page.asked(r"^Click button (\w+), then click button (\w+)\.$")
    button = page.find("button", text=first)
    return click(page.find("button", text=second) if button and button.has("focused") else button)


@oracle("button-delay")
def button_delay(page: Page) -> Action:
    """Every action takes one tick; how many have passed since the first click, the past actions say."""
    first, seconds, second = page.asked(r"^Click button (\w+), wait (\d+) seconds, then click button (\w+)\.$")
    start = click(page.find("button", text=first))
    actions = [action for _, action in page.past]
    if start not in actions:
        return start
    ticks = len(actions) - actions.index(start)
    if ticks * tasks.get("button-delay").tick_ms < 1000 * int(seconds):
        return Action("wait")
    return click(page.find("button", text=second))


@oracle("click-widget")
def click_widget(page: Page) -> Action:
    """The first of the kind; clicks on a widget's surroundings count as well."""
    (kind,) = page.asked(r'^Click on a "(\w+)" widget\.$')
    if kind not in WIDGETS:
        raise OracleError(f"unknown kind of widget {kind!r}")
    tag, attributes = WIDGETS[kind]
    return click(page.find(tag, **attributes))


@oracle("focus-text")
def focus_text(page: Page) -> Action:
    return click(page.find("input"))


@oracle("focus-text-2")
def focus_text_2(page: Page) -> Action:
    (position,) = page.asked(r"^Focus into the (\d)\w+ input textbox\.$")
    return click(dict(enumerate(page.find_all("input"), 1)).get(int(position)))


@oracle("click-link")
def click_link(page: Page) -> Action:
    (label,) = page.asked(r'^Click on the link "(.+)"\.$')
    return click(page.find("span", cls="alink", text=label))


@oracle("click-tab")
def click_tab(page: Page) -> Action:
    (label,) = page.asked(r"^Click on (Tab #\d)\.$")
    return click(page.find("a", cls="ui-tabs-anchor", text=label))


@oracle("click-tab-2", "click-tab-2-easy", "click-tab-2-medium", "click-tab-2-hard")
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


@oracle("click-dialog")
def click_dialog(page: Page) -> Action:
    return click(page.find("button", cls="ui-dialog-titlebar-close"))


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
