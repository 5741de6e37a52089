"""Which addresses a browser may ask: those of the start page, and those that the user names. Nobody else adds any."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import idna

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class OpenWebError(ValueError):
    """A page, host, secret or file that cannot be used. The message says why."""


class AllowList:
    """The addresses that a browser may ask: those of the start page's own origin, and of hosts that are named.

    Args:
        url: the start page, http, https or file. A file allows itself and the files beside it, nothing else.
        hosts: more hosts, as ``www.example.org``, ``*.example.org`` or ``localhost:8000``; no port stands for any, and
            a star for the names below a domain.

    Raises:
        OpenWebError: if the start page or a host is none of these.
    """

    def __init__(self, url: str, hosts: Iterable[str] = ()):
        try:
            parts = urlsplit(url)
            named = parts.scheme in ("http", "https") and bool(_address(url)[0])
        except ValueError as error:
            raise OpenWebError(f"cannot open {url!r}: {error}") from error
        self.hosts = tuple(hosts)
        self._named = tuple(map(_named, self.hosts))
        self.origin: tuple[str, int] | None = None
        self.folder: Path | None = None
        if named:
            self.origin = _address(url)
        elif parts.scheme == "file" and _file(url).is_file():
            self.folder = _file(url).resolve().parent
        elif parts.scheme == "file":
            raise OpenWebError(f"there is no file at {url}")
        else:
            raise OpenWebError(
                f"cannot open {url!r}; expected an address such as https://example.org or file:///a/b.html"
            )

    def allows(self, url: str) -> bool:
        """Whether an address may be asked. ``data:``, ``blob:`` and ``about:`` ask nobody."""
        try:
            parts = urlsplit(url)
            if parts.scheme in ("data", "blob", "about"):
                return True
            if parts.scheme == "file":
                return self.folder is not None and not parts.netloc and _file(url).resolve().parent == self.folder
            return parts.scheme in _PORTS and self.allows_host(*_address(url))
        except ValueError:
            return False

    def allows_host(self, host: str, port: int) -> bool:
        """Whether a connection to that port of that host, as the browser names it, may be opened."""
        return (host, port) == self.origin or any(
            only in (port, None) and (host == name or (name.startswith("*.") and host.endswith(name[1:])))
            for name, only in self._named
        )

    def is_start(self, url: str) -> bool:
        """Whether an address is of the start page's own origin, or a file beside it, and not only of a named host."""
        try:
            if self.origin is None:
                return urlsplit(url).scheme == "file" and self.allows(url)
            return urlsplit(url).scheme in ("http", "https") and _address(url) == self.origin
        except ValueError:
            return False

    def __str__(self) -> str:
        own = f"files in {self.folder}" if self.origin is None else f"{self.origin[0]}:{self.origin[1]}"
        return ", ".join([own, *self.hosts])


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return _ascii(parts.hostname or ""), parts.port or _PORTS[parts.scheme]


def _named(host: str) -> tuple[str, int | None]:
    """Name and port that a named host stands for; the name may begin with ``*.``, the port be None."""
    try:
        parts = urlsplit(f"//{host}")
        name = _ascii(parts.hostname or "")
        domain = name.removeprefix("*.")
        if domain and "*" not in domain and not set("@/?#") & set(host):
            return name, parts.port
    except ValueError:
        pass
    raise OpenWebError(
        f"{host!r} is no host; expected for example www.example.org, localhost:8000, or *.example.org, with a star at "
        "the beginning only"
    )


def _ascii(host: str) -> str:
    """A host as the browser names it (UTS 46, not transitional)."""
    if host.isascii():
        return host.lower()
    labels = idna.uts46_remap(host, std3_rules=False).split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def _file(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))
