"""How long the embedded policy takes to decide on pages of real size: 100 kB to 5 MB of HTML, on the CPU.

    python benchmarks/bench_open_web.py

Pages of four kinds (a shop's table, a feed, a form, a long text) are generated, served on the loopback and opened. At
the top, in the middle and at the end of each, the three parts of a decision are timed: reading the page (``page.js``,
in the browser), the processor, and the network with its decoding. Loading the page, and waiting for it to be still,
belong to the page and are not counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import numpy as np
import torch
import tyro

from envs.action import SIGNATURES
from envs.web import OpenWebEnv
from policies.policy import LearntPolicy

WORDS = (
    "order price total blue small garden letter street market window paper river summer morning copper north".split()
)
TASK = 'Click on the "Order 7" button'


@dataclass(frozen=True)
class Config:
    """Time decisions on big pages."""

    sizes: tuple[int, ...] = (100_000, 500_000, 1_000_000, 5_000_000)
    """Bytes of HTML."""
    repeats: int = 3
    """Decisions at each place of each page."""


def _text(random: Random, count: int) -> str:
    return " ".join(random.choices(WORDS, k=count))


def _row(random: Random, number: int) -> str:
    cells = "".join(f"<td class='cell c{i}'><span>{_text(random, 2)}</span></td>" for i in range(6))
    return (
        f"<tr id=row-{number} data-key={random.random()}>{cells}<td>{random.randint(1, 999)}.00"
        f"<td><a href='/item/{number}'>Details</a><button onclick='void 0'>Order {number}</button></tr>"
    )


def _post(random: Random, number: int) -> str:
    return (
        f"<div class='post wrap'><div class=inner><div><h3><a href='/p/{number}'>{_text(random, 6)}</a></h3>"
        f"<div class=body><p>{_text(random, 40)}</p></div><div class='bar tools'><button>Like</button>"
        f"<button>Share</button><a href='#'>Reply</a><button>Order {number}</button></div></div></div></div>"
    )


def _field(random: Random, number: int) -> str:
    options = "".join(f"<option value={i}>{_text(random, 2)}</option>" for i in range(20))
    return (
        f"<div class=field><label for=f{number}>{_text(random, 2)}</label>"
        f"<input id=f{number} value='{_text(random, 1)}'>"
        f"<select name=s{number}>{options}</select><label><input type=checkbox> {_text(random, 1)}</label></div>"
    )


def _paragraph(random: Random, number: int) -> str:
    return f"<p>{_text(random, 80)} <a href='#{number}'>{_text(random, 2)}</a> {_text(random, 80)}</p>"


KINDS: dict[str, tuple[str, Callable[[Random, int], str], str]] = {
    "table": ("<table><tbody>", _row, "</table>"),
    "feed": ("<main>", _post, "</main>"),
    "form": ("<form>", _field, "</form>"),
    "text": ("<article>", _paragraph, "</article>"),
}


def page(kind: str, size: int) -> str:
    """A page of about ``size`` bytes; the same for the same arguments."""
    before, part, after = KINDS[kind]
    random, parts, length = Random(f"{kind} {size}"), [], 0
    while length < size:
        parts.append(part(random, len(parts)))
        length += len(parts[-1])
    head = "<nav>" + "".join(f"<a href='/{word}'>{word}</a> " for word in WORDS) + "</nav><input type=search>"
    return f"<!DOCTYPE html><title>{kind}</title>{head}{before}{''.join(parts)}{after}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, _, size = self.path[1:].partition("-")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((page(kind, int(size)) if kind in KINDS else "<p>start").encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(config: Config) -> None:
    torch.set_num_threads(1)  # as `webagent run` does
    policy = LearntPolicy.from_checkpoint(verbs=tuple(SIGNATURES))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    env = OpenWebEnv(f"{url}/", TASK, max_steps=10**9)
    env.reset()
    print(f"{env.browser_version}; times in ms: p50 / p95 over the places of a page")
    print(f"{'page':>10} {'size':>9} {'html seen':>9} {'read':>13} {'processor':>13} {'network':>13} {'decision':>13}")
    every: list[float] = []
    for size in config.sizes:
        for kind in KINDS:
            observation, *_, info = env.step(f'goto "{url}/{kind}-{size}"')
            if "fault" in info or observation["last_error"]:
                raise SystemExit(f"{kind}-{size}: {info.get('fault') or observation['last_error']}")
            rows: list[tuple[float, ...]] = []
            seen = 0
            for place in (0.0, 0.5, 1.0):
                assert env.tab is not None
                env.tab.hands.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {place})")
                for _ in range(config.repeats):
                    observation, *_ = env.step("wait")
                    seen = max(seen, len(observation["html"]))
                    policy.reset()
                    rows.append(_decide(env, policy, observation))
            times = np.array(rows)
            every += times.sum(axis=1).tolist()
            columns = [*times.T, times.sum(axis=1)]
            cells = " ".join(f"{np.median(c):6.0f}/{np.percentile(c, 95):6.0f}" for c in columns)
            print(f"{kind:>10} {size:9} {seen:9} {cells}", flush=True)
    print(f"all {len(every)} decisions: p50 {np.median(every):.0f}, p95 {np.percentile(every, 95):.0f}, "
          f"longest {max(every):.0f}")  # fmt: skip
    env.close()
    server.shutdown()


def _decide(env: OpenWebEnv, policy: LearntPolicy, observation: dict) -> tuple[float, float, float]:
    """Milliseconds for reading the page, for the processor, and for the network."""
    assert env.tab is not None
    start = time.perf_counter()
    env.tab.read(wait=False)
    read = time.perf_counter()
    policy.processor.encode(observation, (), [observation["screenshot"]])
    processed = time.perf_counter()
    policy.act(observation)
    acted = time.perf_counter()
    processor = processed - read
    return 1000 * (read - start), 1000 * processor, 1000 * max(0.0, acted - processed - processor)


if __name__ == "__main__":
    main(tyro.cli(Config))
