"""Real local servers for the open-web tests: one that serves pages, one that only remembers who connected."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes | str]


class Server:
    """Serves what ``answer`` gives for a path: status, headers, body. ``asked`` holds the paths, oldest first."""

    def __init__(self, answer: Callable[[str], Answer | str]):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                server.bodies.append(self.rfile.read(length))
                server.asked.append(self.path)
                answered = answer(self.path)
                status, headers, body = (200, {}, answered) if isinstance(answered, str) else answered
                body = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format, *args):
                pass

        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class Listener:
    """Accepts TCP connections and UDP packets on one port, answers nothing, and counts them in ``reached``."""

    def __init__(self):
        self.reached: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        for target in (self._accept, self._receive):
            threading.Thread(target=target, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            self.reached.append("tcp")
            connection.close()

    def _receive(self) -> None:
        while True:
            try:
                packet = self._udp.recv(2048)
            except OSError:
                return
            if not packet:
                return
            self.reached.append("udp")

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._tcp.close()
        self._udp.close()
