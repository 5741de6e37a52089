"""Lists of posts, each with buttons and a menu of its own."""

from __future__ import annotations

from data_gen.oracles.base import OracleError, Page, click, oracle
from envs.action import Action

BUTTONS = {"Reply": "reply", "Retweet": "retweet", "Like": "like"}
"""What is a button by itself, and its class; everything else is in the menu behind the "more" button."""


@oracle("social-media")
def social_media(page: Page) -> Action:
    """On the user's first post: the button; or the menu, then its line."""
    user, wanted = page.asked(r'^For the user (@.+), click on the "(.+)" button\.$')
    posts = (name.closest(cls="media") for name in page.find_all("span", cls="username", text=user))
    post = next(posts, None)
    if post is None:
        raise OracleError(f"{user} has no post")
    if wanted in BUTTONS:
        return click(post.find("span", cls=BUTTONS[wanted]))
    # Two of the menu's lines have the user's name behind the label: "Mute @ada".
    lines = [line for line in post.find_all("li") if line.text in (wanted, f"{wanted} {user}")]
    return click(lines[0] if lines else post.find("span", cls="more"))


@oracle("social-media-all", "social-media-some")
def social_media_many(page: Page) -> Action:
    """From top to bottom, every button that is not yet as asked; then Submit. Where some will do, the first ones."""
    label, number, user = page.asked(
        r'^Click the "(\w+)" button on (?:all|(\d+)) posts? by (@.+) and then click Submit'
    )
    kind = label.lower()
    fitting = [
        button
        for post in page.find_all("div", cls="media")
        if post.find("span", cls="username", text=user)
        for button in post.find_all("span", cls=kind)
    ]
    wanted = fitting if number is None else fitting[: int(number)]
    for controls in page.find_all("div", cls="controls"):
        for button in controls.find_all("span"):
            if ("active" in button.classes) != (button in wanted):
                return click(button)
    return click(page.find("button", text="Submit"))
