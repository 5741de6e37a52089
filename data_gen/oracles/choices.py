"""Choosing among what is there and submitting: checkboxes, radio buttons, drop-down lists."""

from __future__ import annotations

from data_gen.oracles.base import Page, choose, click, oracle
from envs.action import Action


def submit(page: Page) -> Action:
    """A click on the form's button."""
    return click(page.find("button", cls="secondary-action"))


@oracle("click-checkboxes")
def click_checkboxes(page: Page) -> Action:
    """From top to bottom, every box that is not yet as asked; then Submit."""
    (asked,) = page.asked(r"^Select (.+) and click Submit\.$")
    wanted = [] if asked == "nothing" else asked.split(", ")
    for label in page.find_all("label"):
        box = label.find("input")
        if box is not None and box.has("checked") != (label.text in wanted):
            return click(box)
    return submit(page)


@oracle("click-option")
def click_option(page: Page) -> Action:
    (wanted,) = page.asked(r"^Select (.+) and click Submit\.$")
    label = page.find("label", text=wanted)
    option = label and label.find("input")
    return submit(page) if option and option.has("checked") else click(option)


@oracle("choose-list")
def choose_list(page: Page) -> Action:
    (wanted,) = page.asked(r"^Select (.+) from the list and click Submit\.$")
    return choose(page.find("select"), wanted) or submit(page)
