"""Commands of our own beside Playwright's, on the one pipe to the browser."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Error

from envs.browser import Browser, BrowserConfig
from envs.pipe import Session, SharedPipe


@pytest.fixture(scope="module")
def browser():
    browser = Browser(BrowserConfig())
    yield browser
    browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(width=160, height=210, scripts=())
    yield page
    page.context.close()


@pytest.fixture
def session(browser, page):
    session = browser.session(page)
    assert isinstance(session, Session)
    return session


def value(session, expression):
    return session.send("Runtime.evaluate", {"expression": expression, "returnByValue": True})["result"]["value"]


def test_both_speak_to_the_same_page(page, session):
    for number in range(20):
        page.evaluate(f"window.number = {number}")
        assert value(session, "window.number += 100") == number + 100
        assert page.evaluate("window.number") == number + 100
    long = "é" * 300_000  # longer than what the pipe takes at once
    assert value(session, f"'{long}'") == long
    assert page.evaluate("text => text", long) == long


def test_pages_are_told_apart(browser, page, session):
    other = browser.new_page(width=160, height=210, scripts=())
    second = browser.session(other)
    value(session, "window.mine = 1")
    assert value(second, "typeof window.mine") == "undefined"
    other.context.close()
    with pytest.raises(Error):
        value(second, "1")
    assert value(session, "window.mine") == 1


def test_a_command_that_the_browser_refuses_is_an_error(session):
    with pytest.raises(Error, match=r"Page\.noSuchThing"):
        session.send("Page.noSuchThing")


def test_a_dialog_does_not_hold_a_command_up(page, session):
    assert value(session, "String(confirm('sure?'))") == "false"


def test_a_page_that_crashes_is_an_error(session):
    with pytest.raises(Error, match="crashed"):
        session.send("Page.crash")


def test_a_page_that_crashed_while_another_was_asked_is_an_error(browser, page, session):
    other = browser.new_page(width=160, height=210, scripts=())
    second = browser.session(other)
    with pytest.raises(Error):
        other.goto("chrome://crash")
    for number in range(50):
        assert value(session, str(number)) == number
        page.wait_for_timeout(1)
    with browser.deadline(5), pytest.raises(Error, match="crashed"):
        value(second, "1")
    assert value(session, "1") == 1
    other.context.close()


def test_a_browser_that_is_gone_is_an_error_for_both():
    browser = Browser(BrowserConfig())
    page = browser.new_page(width=160, height=210, scripts=())
    session = browser.session(page)
    os.kill(browser.pid, 9)
    with pytest.raises(Error):
        value(session, "1")
    with pytest.raises(Error):
        page.evaluate("1")
    browser.restart()
    page = browser.new_page(width=160, height=210, scripts=())
    assert browser.session(page).send("Runtime.evaluate", {"expression": "1"})
    browser.close()


def test_a_launch_leaves_nothing_behind(browser):
    pipe = SharedPipe(browser.executable)
    assert os.access(pipe.executable, os.X_OK)
    pipe.discard()
    assert not Path(pipe.executable).parent.exists()
