"""A person on a site: real input, key by key, watched by the recorder."""

from __future__ import annotations

from playwright.sync_api import Page

from data_gen.recording import Recorder
from envs.loop import Episode
from tests.sites.base import Deed, Served, Variation


def demonstrate(served: Served, variation: Variation) -> Episode:
    """Does a variation's task in a browser.

    Returns:
        The recording.

    Raises:
        AssertionError: if the site does not take it for success.
    """
    url, session = served.open(variation)
    with Recorder(url, variation.task) as recorder:
        for deed in served.site.deeds(variation):
            perform(recorder.page, deed)
            recorder.look()
        episode = recorder.finish()
    assert served.site.solved(session), (variation.task, session.state, recorder.actions)
    return episode


def perform(page: Page, deed: Deed) -> None:
    """Mouse and keys, as the browser gets them from a person."""
    field = page.locator(deed.where)
    if deed.kind == "click":
        field.click()
    elif deed.kind == "enter":
        field.press("Enter")
    elif deed.kind == "type":
        field.click(click_count=3)  # which marks what is there
        page.keyboard.type(deed.what)
    elif deed.kind == "date":
        year, month, day = deed.what.split("-")
        field.click(position={"x": 12, "y": 8})
        page.keyboard.type(month + day + year)
    elif deed.kind == "choose":
        labels = [label.strip() for label in field.locator("option").all_text_contents()]
        place, now = labels.index(deed.what), int(field.evaluate("list => list.selectedIndex"))
        field.click()
        for _ in range(abs(place - now)):
            page.keyboard.press("ArrowDown" if place > now else "ArrowUp")
        page.keyboard.press("Enter")
