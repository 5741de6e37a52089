"""An inbox: find a message, open it, act on it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_gen.oracles.base import OracleError, Page, click, fill, oracle
from envs.action import Action
from envs.html import Element

_NAME = r"[A-Z][\w-]+(?: (?!Email\b)[A-Z][\w-]+)*"
# A name in a sentence; where it begins one, only what follows tells it from any other word.
_MENTION = re.compile(
    rf"(?<=[^.!?] )(?!Email\b|Mark\b|Primary\b){_NAME}"
    rf"|^[A-Z][\w-]+(?='s|, I)|^{_NAME}(?= must be| needs| wants| wrote| is waiting)"
)
_DELETE = re.compile(r"delet|remov|rid of|trash|recycl|throw away|out of my inbox|don't want", re.IGNORECASE)
_STAR = re.compile(r"[Ii]mi?por|\b[Mm]ark(?:ed)?\b|[Ff]lag|star\b|^Star the")
# Wordings in which the page means the two the other way round than they say.
_SWAPPED = re.compile(
    rf"^(?:Find yesterday's emails from|Forward all messages from|Forward {_NAME}'s email from yesterday"
    rf"|Send {_NAME} the message from)\b"
)


@dataclass(frozen=True)
class Request:
    """What is to be done with whose message.

    Attributes:
        action: ``reply``, ``forward``, ``trash`` or ``star``; also the class of the icon to click.
        sender: who sent the message.
        recipient: whom it is forwarded to.
        text: what is replied.
    """

    action: str
    sender: str
    recipient: str = ""
    text: str = ""


@oracle(
    "email-inbox",
    "email-inbox-delete",
    "email-inbox-forward",
    "email-inbox-forward-nl",
    "email-inbox-forward-nl-turk",
    "email-inbox-important",
    "email-inbox-nl-turk",
    "email-inbox-noscroll",
    "email-inbox-reply",
    "email-inbox-star-reply",
)
def email_inbox(page: Page) -> Action:
    """Deletes and stars in the list of messages; opens the message to reply or forward."""
    request = read_request(page.instruction)
    reply, forward, message = (page.find("div", id=name) for name in ("reply", "forward", "email"))
    if reply is not None:
        return _reply(reply, request)
    if forward is not None:
        return _forward(page, forward, request)
    if message is not None:
        rightly = message.find("div", cls="email-sender", text=request.sender) is not None
        icon = request.action if request.action in ("trash", "star") else f"email-{request.action}"
        return click(message.find(cls=icon) if rightly else message.find(id="close-email"))
    return _in_list(page, request)


def read_request(instruction: str) -> Request:
    """Understands some five hundred wordings.

    Raises:
        OracleError: if no name is in it.
    """
    # Two wordings leave out the apostrophe, one a space.
    sentence = re.sub(rf"^(please forward|find) ({_NAME})s (last|email and mark)", r"\1 \2's \3", instruction)
    sentence = re.sub(r"^Answer(?=[A-Z])", "Answer ", sentence)
    quote = re.search(r'"+([^"]+)"', sentence)
    sentence = re.sub(r'".*"', "", sentence)
    names = _MENTION.findall(sentence)
    if not names:
        raise OracleError(f"instruction {instruction!r} names nobody")
    if quote:
        return Request("reply", names[0], text=quote[1].strip())
    if _DELETE.search(sentence):
        return Request("trash", names[0])
    if _STAR.search(sentence):
        return Request("star", names[0])
    if len(names) == 1:
        names = names[0].split(maxsplit=1)  # "Give Ada Eve's email": side by side
    if len(names) == 1:
        raise OracleError(f"instruction {instruction!r} names one person, not two")
    recipient, sender = names[:2]
    towards = re.search(rf"\bto ({_NAME})", sentence)
    if (towards and towards[1] == sender) or re.search(
        r"^(?:Send|Please locate) .*'s email (?:and put|[A-Z])", sentence
    ):
        recipient, sender = sender, recipient
    if _SWAPPED.search(sentence):
        recipient, sender = sender, recipient
    return Request("forward", sender, recipient=recipient)


def _reply(form: Element, request: Request) -> Action:
    if request.action != "reply" or form.find(cls="reply-sender", text=request.sender) is None:
        return click(form.find(id="close-reply"))
    return fill(form.find("textarea"), request.text) or click(form.find(id="send-reply"))


def _forward(page: Page, form: Element, request: Request) -> Action:
    """The form does not show whose message it is, nor whether its text is still whole: the page before it does."""
    message = next((m for seen, _ in reversed(page.past) if (m := seen.find("div", id="email"))), None)
    body = form.find("textarea")
    spoilt = (
        message is not None
        and body is not None
        and (
            message.find("div", cls="email-sender", text=request.sender) is None
            or message.find("div", cls="email-body", text=" ".join(body.value.split())) is None
        )
    )
    if request.action != "forward" or spoilt:
        return click(form.find(id="close-forward"))
    return fill(form.find("input", cls="forward-sender"), request.recipient) or click(form.find(id="send-forward"))


def _in_list(page: Page, request: Request) -> Action:
    """The icon beside the message, or the message itself. Among search results the icons do nothing."""
    icons = request.action in ("trash", "star")
    if not (icons and page.find(id="search-cancel")):
        for name in page.find_all("div", cls="email-sender", text=request.sender):
            thread = name.closest(cls="email-thread")
            return click(thread.find(cls=request.action) if icons and thread else thread)
    return click(page.find(id="search-cancel"))
