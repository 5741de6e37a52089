"""A site: pages from a seed, a task in words, what a person would do, and a strict rule of success."""

from __future__ import annotations

import html
import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Deed(NamedTuple):
    """One thing that a person does.

    Attributes:
        kind: ``click``, ``type``, ``choose`` (in a list), ``date`` or ``enter``.
        where: CSS selector.
        what: text, label, or date as YYYY-MM-DD.
    """

    kind: str
    where: str
    what: str = ""


@dataclass(frozen=True)
class Variation:
    """One task on one page.

    Attributes:
        seed: decides everything.
        held_out: whether values and wordings are those that no demonstration has.
        task: the instruction.
        values: what it asks for.
        shown: what the pages hold besides.
    """

    seed: int
    held_out: bool
    task: str
    values: dict[str, Any]
    shown: dict[str, Any]


@dataclass
class Session:
    """One visit: the variation, and what the server has been told in it."""

    variation: Variation
    state: dict[str, Any] = field(default_factory=dict)


class Redirect(NamedTuple):
    """In place of a page: where to go."""

    path: str


class Site(ABC):
    """A site of one kind of task."""

    name: str

    @abstractmethod
    def variation(self, seed: int, held_out: bool) -> Variation:
        """The task of a seed. Values and wordings of held-out ones have none in common with the others."""

    @abstractmethod
    def page(self, session: Session, path: str, form: dict[str, str], posted: bool) -> str | Redirect:
        """What the server answers: the inside of ``<body>``, or where to go."""

    @abstractmethod
    def deeds(self, variation: Variation) -> list[Deed]:
        """What a person does who knows the site, from top to bottom of each page."""

    @abstractmethod
    def solved(self, session: Session) -> bool:
        """Whether the server was told exactly what was asked, and nothing else."""


class Served:
    """A site on the loopback.

    Attributes:
        site: what is served.
    """

    def __init__(self, site: Site):
        self.site = site
        self._sessions: dict[str, Session] = {}
        self._numbers = itertools.count()
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(urlsplit(self.path).query, False)

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(), True)

            def _answer(self, query: str, posted: bool) -> None:
                key, _, path = urlsplit(self.path).path[1:].partition("/")
                session = served._sessions.get(key)
                form = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
                answer = served.site.page(session, path, form, posted) if session else "<p>Nothing here"
                body = b""
                self.send_response(303 if isinstance(answer, Redirect) else 200)
                if isinstance(answer, Redirect):
                    self.send_header("Location", f"/{key}/{answer.path}")
                else:
                    body = f"<!DOCTYPE html><html lang=en><body>{answer}".encode()
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def open(self, variation: Variation) -> tuple[str, Session]:
        """Begins a visit; returns its address and what the server knows of it."""
        key = f"v{next(self._numbers)}"
        self._sessions[key] = session = Session(variation)
        return f"http://127.0.0.1:{self._http.server_port}/{key}/", session

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def text(value: object) -> str:
    """As text or attribute value of HTML."""
    return html.escape(str(value))


def options(labels: Sequence[str], selected: str) -> str:
    return "".join(f"<option{' selected' * (label == selected)}>{text(label)}</option>" for label in labels)


def links(labels: Sequence[str]) -> str:
    """A menu whose addresses are its labels' last words."""
    return "".join(f"<a href='{label.lower().replace(' ', '-')}'>{label}</a> " for label in labels)


def shuffled(random: Random, items: Sequence[Any]) -> list[Any]:
    return random.sample(list(items), len(items))


def worded(random: Random, held_out: bool, wordings: tuple[tuple[str, ...], tuple[str, ...]], **values: str) -> str:
    """One of the wordings, those of demonstrations first, with the values in it."""
    return random.choice(wordings[held_out]).format(**values)
