"""An inbox: find a message, open it, act on it."""

from __future__ import annotations

from data_gen.oracles.base import Page, click, fill, oracle
from envs.action import Action

_NAME = r"([A-Z][\w-]+(?: [A-Z][\w-]+)*)"
_SENDER = rf"\b(?:by|from) {_NAME}|{_NAME} sent|^{_NAME} wants his or her|^Get {_NAME} email"
_RECIPIENT = rf"\bto {_NAME}|^(?:Send|Give|Forward) {_NAME} the|^{_NAME} (?:wants the|is waiting)"


@oracle("email-inbox-forward-nl")
def email_inbox_forward_nl(page: Page) -> Action:
    """The instruction says in some thirty ways whose message goes to whom: open, Forward, address, send."""
    (sender,) = filter(None, page.asked(_SENDER))
    (recipient,) = filter(None, page.asked(_RECIPIENT))
    return forward(page, sender, recipient)


def forward(page: Page, sender: str, recipient: str) -> Action:
    """The next action towards forwarding a message."""
    form = page.find("div", id="forward")
    if form is not None:
        return fill(form.find("input", cls="forward-sender"), recipient) or click(form.find(id="send-forward"))
    if page.find("div", id="reply") is not None:
        return click(page.find(id="close-reply"))
    message = page.find("div", id="email")
    if message is None:
        return open_message(page, sender)
    if message.find("div", cls="email-sender", text=sender) is None:
        return click(message.find(id="close-email"))
    return click(message.find(cls="email-forward"))


def open_message(page: Page, sender: str) -> Action:
    """A click on the sender's message in the list; a search that does not show it is left."""
    for name in page.find_all("div", cls="email-sender", text=sender):
        return click(name.closest(cls="email-thread"))
    return click(page.find(id="search-cancel"))
