"""The one way from the browser to the network: a SOCKS5 proxy in this process that knows the allow-list.

Filtering inside the browser (routes of Playwright, ``Fetch`` of the protocol) sees the requests of documents, and
misses others: those of workers, redirects, preconnects, sockets, the browser's own. So the browser is given no other
way out than this proxy, for every scheme, loopback included, and with no name resolution of its own
(``browser.ARGUMENTS``): names arrive here unresolved. SOCKS and not HTTP, because then all there is to judge is the
host and port of a connection, before a byte of it is sent; what goes through it, TLS too, is not read. The page cannot
reach these settings. UDP (WebRTC, QUIC) does not pass a SOCKS proxy of Chromium's, and is switched off beside.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from typing import cast

CONNECT_SECONDS = 15.0
"""How long a connection to an allowed host may take to open."""

_NO_AUTHENTICATION, _CONNECT = 0, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_GRANTED, _FAILED, _NOT_ALLOWED, _NO_SUCH_COMMAND = 0, 1, 2, 7


class Gate:
    """A proxy on a port of 127.0.0.1, until ``close``.

    Args:
        allows: whether a host and port may be connected to. Called in threads of the gate.

    Attributes:
        failures: by host and port, why an allowed connection could not be opened.
    """

    def __init__(self, allows: Callable[[str, int], bool]):
        self.allows = allows
        self.failures: dict[tuple[str, int], str] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.gate = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="webagent-gate", daemon=True).start()

    @property
    def url(self) -> str:
        """What the browser is given as its proxy."""
        return f"socks5://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Ends all connections, and takes no more."""
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def connect(self, host: str, port: int) -> socket.socket | int:
        """A connection to an allowed host, or the reply that says why there is none."""
        if not self.allows(host, port):
            return _NOT_ALLOWED
        try:
            upstream = socket.create_connection((host, port), CONNECT_SECONDS)
        except (OSError, UnicodeError) as error:  # a name may be too long to be looked up
            self.failures[host, port] = getattr(error, "strerror", None) or str(error)
            return _FAILED
        self.failures.pop((host, port), None)
        upstream.settimeout(None)
        return upstream

    @contextlib.contextmanager
    def holding(self, *connections: socket.socket):
        """Keeps connections known to ``close`` while they are in use."""
        with self._lock:
            self._open.update(connections)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(connections)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    gate: Gate

    def handle_error(self, request, client_address) -> None:
        pass  # a connection that breaks off is the browser's to notice


class _Connection(socketserver.StreamRequestHandler):
    """One SOCKS5 connection (RFC 1928): greeting, request, and then bytes both ways."""

    rbufsize = 0  # what follows the request belongs to the tunnel

    def handle(self) -> None:
        browser, gate = self.connection, cast(_Server, self.server).gate
        browser.settimeout(CONNECT_SECONDS)
        version, methods = self._take(2)
        if version != 5 or _NO_AUTHENTICATION not in self._take(methods):
            return
        browser.sendall(bytes([5, _NO_AUTHENTICATION]))
        _, command, _, kind = self._take(4)
        host = self._host(kind)
        (port,) = struct.unpack("!H", self._take(2))
        upstream = gate.connect(host, port) if command == _CONNECT else _NO_SUCH_COMMAND
        reply = upstream if isinstance(upstream, int) else _GRANTED
        browser.sendall(bytes([5, reply, 0, _IPV4, 0, 0, 0, 0, 0, 0]))
        if isinstance(upstream, int):
            return
        browser.settimeout(None)
        with upstream, gate.holding(browser, upstream):
            answers = threading.Thread(target=_pump, args=(upstream, browser), daemon=True)
            answers.start()
            _pump(browser, upstream)
            answers.join()

    def _host(self, kind: int) -> str:
        if kind == _NAME:
            return self._take(self._take(1)[0]).decode("ascii", "replace")
        family, size = (socket.AF_INET, 4) if kind == _IPV4 else (socket.AF_INET6, 16)
        return socket.inet_ntop(family, self._take(size))

    def _take(self, count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            part = self.connection.recv(count - len(taken))
            if not part:
                raise ConnectionError("the browser hung up")
            taken += part
        return taken


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            end.shutdown(how)
