"""The allow-list against pages that try every way out: none may reach the other host, by TCP or UDP."""

import time
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Error

from envs.web import OpenWebEnv
from tests.envs.servers import Listener, Server
from tests.envs.ways_out import BARRED, HTML

WAYS = HTML | BARRED


@pytest.fixture(scope="module")
def other():
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def own(other):
    def answer(path):
        there = f"http://{other.host}/"
        if path == "/redirect":
            return 302, {"Location": there}, ""
        if path == "/redirect307":
            return 307, {"Location": there}, ""
        if path == "/twice":
            return 301, {"Location": "/redirect"}, ""
        if path == "/linked":
            return 200, {"Link": f"<{there}>; rel=preconnect, <{there}a.js>; rel=preload; as=script"}, "linked"
        if path == "/reporting":
            policy = f"img-src 'none'; report-uri {there}"
            return 200, {"Content-Security-Policy": policy}, '<img src="/none">'
        if path == "/fetcher.js":
            return 200, {"Content-Type": "text/javascript"}, "fetch('/redirect', {mode: 'no-cors'})"
        page = WAYS.get(unquote(path[1:]), "<p>start</p>")
        return page.replace("OTHER", other.host).replace("PORT", str(other.port))

    server = Server(answer)
    yield server
    server.close()


def opened(own, **options):
    env = OpenWebEnv(f"{own.url}/", "look", screenshot=False, max_steps=10_000, **options)
    env.reset()
    return env


@pytest.fixture(scope="module")
def guarded(own):
    env = opened(own)
    yield env
    env.close()


@pytest.fixture(scope="module")
def unguarded(own, other):
    env = opened(own, allow_hosts=[f"{host}:{other.port}" for host in ("127.0.0.1", "localhost")])
    yield env
    env.close()


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_out(way, guarded, own, other):
    *_, info = guarded.step(f'goto "{own.url}/{quote(way)}"')
    assert "fault" not in info
    assert f"/{quote(way)}" in own.asked
    assert other.reached == []


def test_nothing_came_later_either(guarded, other):
    guarded.step(f'goto "{guarded.url}"')
    guarded.step("wait")
    assert other.reached == []


def go(page, url):
    for _ in range(5):
        try:
            page.goto(url, wait_until="commit")
            return
        except Error:  # what the page before it went for comes in between
            page.wait_for_timeout(50)


def test_the_listener_hears_each_way_where_the_host_is_allowed(unguarded, own, other):
    deaf = []
    page = unguarded.tab.page
    for way in HTML:
        go(page, own.url)
        before = len(other.reached)
        go(page, f"{own.url}/{quote(way)}")
        end = time.monotonic() + 5
        while len(other.reached) == before and time.monotonic() < end:
            page.wait_for_timeout(10)
        if len(other.reached) == before:
            deaf.append(way)
    other.reached.clear()
    assert deaf == []


def test_nothing_is_permitted_or_kept(guarded, own):
    guarded.reset()
    page = guarded.tab.page
    for name in ("geolocation", "notifications", "camera", "microphone", "clipboard-read", "midi"):
        asked = f"navigator.permissions.query({{name: {name!r}}}).then((p) => p.state, () => 'denied')"
        assert page.evaluate(asked) != "granted", name
    page.evaluate("document.cookie = 'a=b'; localStorage.a = 'b'")
    guarded.reset()
    page = guarded.tab.page
    assert page.evaluate("[document.cookie, localStorage.length]") == ["", 0]
    assert page.context.service_workers == [] and page.context.background_pages == []


def test_a_web_page_gets_no_file(guarded, own, tmp_path):
    (tmp_path / "private.html").write_text("private")
    address = (tmp_path / "private.html").as_uri()
    guarded.reset()
    for code in (
        f"location = '{address}'",
        f"document.body.innerHTML = '<iframe src={address}>'",
        f"open('{address}')",
    ):
        guarded.tab.page.evaluate(code)
        observation, *_ = guarded.step("wait")
        assert "private" not in observation["html"]
    observation, *_ = guarded.step(f'goto "{address}"')
    assert "is not allowed" in observation["last_error"]
