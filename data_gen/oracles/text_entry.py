"""Text to type into fields: names, dates, logins, fields that suggest."""

from __future__ import annotations

from data_gen.oracles.base import Page, click, fill, oracle, write
from data_gen.oracles.choices import submit
from envs.action import Action


@oracle("enter-text", "enter-text-dynamic")
def enter_text(page: Page) -> Action:
    (text,) = page.asked(r'^Enter "(.+)" into the text field and press Submit\.$')
    return fill(page.find("input", id="tt"), text) or submit(page)


@oracle("enter-text-2")
def enter_text_2(page: Page) -> Action:
    text, case = page.asked(r'^Type "(.+)" in all (upper|lower) case letters')
    return fill(page.find("input", id="tt"), text.upper() if case == "upper" else text.lower()) or submit(page)


@oracle("text-transform")
def text_transform(page: Page) -> Action:
    """The letters, each slanted in its own way, stand in the html one by one."""
    drawn = page.find(id="captcha")
    return fill(page.find("input", id="tt"), drawn.text if drawn else "") or submit(page)


@oracle("enter-date")
def enter_date(page: Page) -> Action:
    """Typed as the instruction writes it; the field's value is the ISO form of it."""
    month, day, year = page.asked(r"^Enter (\d+)/(\d+)/(\d+) as the date")
    return fill(page.find("input", id="tt"), f"{month}/{day}/{year}", shown=f"{year}-{month}-{day}") or submit(page)


@oracle("enter-time")
def enter_time(page: Page) -> Action:
    """Typed as the instruction writes it; the field's value counts the hours to 24."""
    hour, minute, half = page.asked(r"^Enter (\d+):(\d+) ([AP]M) as the time")
    shown = f"{int(hour) % 12 + 12 * (half == 'PM'):02}:{minute}"
    return fill(page.find("input", id="tt"), f"{hour}:{minute} {half}", shown) or submit(page)


@oracle("enter-password")
def enter_password(page: Page) -> Action:
    (password,) = page.asked(r'^Enter the password "(.+)" into both text fields')
    return (
        fill(page.find("input", id="password"), password)
        or fill(page.find("input", id="verify"), password)
        or submit(page)
    )


@oracle("login-user", "login-user-popup")
def login_user(page: Page) -> Action:
    """A message that has put itself before the form, if there is one, offers to leave: Cancel stays."""
    message = page.find(id="popup")
    if message is not None:
        return click(message.find("button", id="popup-cancel"))
    name, password = page.asked(r'username "(.+)" and the password "(.+)" into the text fields')
    return (
        fill(page.find("input", id="username"), name)
        or fill(page.find("input", id="password"), password)
        or submit(page)
    )


@oracle("use-autocomplete", "use-autocomplete-nodelay")
def use_autocomplete(page: Page) -> Action:
    """The beginning brings up suggestions; the first that fits goes into the field; then Submit."""
    start, end = page.asked(r'starts with "(.+?)"(?: and ends with "(.+)")?\.$')

    def fits(text: str) -> bool:
        return text.startswith(start) and text.endswith(end or "")

    field = page.find("input", id="tags")
    for suggestion in page.find_all("li", cls="ui-menu-item"):
        if fits(suggestion.text):
            return click(suggestion)
    return submit(page) if field and fits(field.value) else write(field, start)
