"""The open-web environment on real local servers and files."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from envs import browser
from envs.html import parse_html
from envs.loop import RandomPolicy, run_episode
from envs.web import AllowList, OpenWebEnv, OpenWebError

PAGE = """<title>Shop</title><h1>Shop</h1>
<a href="/next" target="_blank">Next</a> <a href="{other}/evil">Away</a> <a href="/redirect">Detour</a>
<input id="name"><button onclick="out.textContent = 'Hello ' + document.getElementById('name').value">Greet</button>
<p id="out"></p><img src="{other}/pixel.png"><img src="/redirect"><iframe src="{other}/frame"></iframe>
<script>
  fetch("{other}/fetch", {{mode: "no-cors"}}).catch(() => 0);
  fetch("/redirect", {{mode: "no-cors"}}).catch(() => 0);
  new WebSocket("{other}/socket".replace("http", "ws"));
</script>"""


class Site:
    """A server that remembers what it was asked for, and redirects /redirect to another."""

    def __init__(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                if self.path == "/redirect":
                    self.send_response(302)
                    self.send_header("Location", f"{site.other}/redirected")
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                body = "<h1>Second</h1><button>Buy</button>" if self.path == "/next" else PAGE.format(other=site.other)
                self.wfile.write(body.encode())

            def log_message(self, format, *args):
                pass

        self.asked = []
        self.other = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sites():
    own, other = Site(), Site()
    own.other = other.url
    yield own, other
    own.close()
    other.close()


@pytest.fixture
def env(sites):
    env = OpenWebEnv(f"{sites[0].url}/", "greet Ann", screenshot=False, max_steps=30)
    yield env
    env.close()


def ref_of(observation, text):
    return next(e.ref for e in parse_html(observation["html"]).walk() if e.ref is not None and e.text == text)


def test_actions_do_on_a_page_what_they_say(env):
    observation, info = env.reset()
    assert observation["instruction"] == "greet Ann"
    assert observation in env.observation_space
    assert info["raw_reward"] == 0.0
    field = next(ref for ref in observation["refs"] if ref >= 0 and f"ref={ref} id=name" in observation["html"])
    env.step(f'type {field} "Ann"')
    observation, reward, terminated, truncated, _ = env.step(f"click {ref_of(observation, 'Greet')}")
    assert "Hello Ann" in observation["html"]
    assert (reward, terminated, truncated, observation["last_error"]) == (0.0, False, False, "")


def test_links_into_a_new_tab_stay_in_this_one_and_back_goes_back(env):
    observation, _ = env.reset()
    observation, *_ = env.step(f"click {ref_of(observation, 'Next')}")
    assert "Second" in observation["html"]
    observation, *_ = env.step("back")
    assert "Shop" in observation["html"]
    observation, *_ = env.step("back")
    assert "Shop" in observation["html"] and observation["last_error"] == "there is no page to go back to"


def test_goto_and_done(env, sites):
    env.reset()
    observation, *_ = env.step(f'goto "{sites[0].url}/next"')
    assert "Second" in observation["html"]
    _, reward, terminated, truncated, info = env.step('done "all bought"')
    assert (reward, terminated, truncated, info["answer"]) == (0.0, True, False, "all bought")


def test_no_request_of_any_kind_reaches_a_host_that_is_not_allowed(env, sites):
    observation, _ = env.reset()
    for text in ("Away", "Detour"):
        observation, *_ = env.step(f"click {ref_of(observation, text)}")
        assert "Shop" in observation["html"]
        assert "is not allowed; allowed are: 127.0.0.1:" in observation["last_error"]
    for path in ("/redirect", ""):
        observation, *_ = env.step(f'goto "{sites[1].url if not path else sites[0].url}{path}"')
        assert "is not allowed" in observation["last_error"]
    assert "/redirect" in sites[0].asked
    assert sites[1].asked == []


def test_a_host_that_is_named_may_be_asked(sites):
    own, other = sites
    env = OpenWebEnv(f"{own.url}/", "look", allow_hosts=["127.0.0.1"], screenshot=False)
    try:
        env.reset()
        assert {"/pixel.png", "/frame", "/fetch", "/redirected"} <= set(other.asked)
    finally:
        env.close()


def test_a_file_may_ask_for_the_files_beside_it_only(tmp_path):
    (tmp_path / "secret.html").write_text("secret")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    (folder / "style.css").write_text("h1 { background: red }")
    (folder / "a.html").write_text('<link rel=stylesheet href=style.css><h1>A</h1><a href="b.html">B</a>')
    (folder / "b.html").write_text("<p>beside</p>")
    env = OpenWebEnv((folder / "a.html").as_uri(), "look")
    try:
        observation, _ = env.reset()
        assert (observation["screenshot"] == (255, 0, 0)).all(axis=2).any(), "the style sheet beside it was not loaded"
        observation, *_ = env.step(f"click {ref_of(observation, 'B')}")
        assert "beside" in observation["html"]
        here = folder.as_uri()
        for path in ("/../secret.html", "/link.html", "/", "/../../../../../../../../etc/hostname"):
            observation, *_ = env.step(f'goto "{here}{path}"')
            assert "beside" in observation["html"] and "is not allowed" in observation["last_error"]
    finally:
        env.close()


def test_the_step_limit_truncates_and_the_loop_runs_it(sites):
    env = OpenWebEnv(f"{sites[0].url}/next", "look", screenshot=False, max_steps=3)
    try:
        episode = run_episode(env, RandomPolicy(seed=1))
    finally:
        env.close()
    assert (len(episode.steps), episode.truncated, episode.terminated, episode.success) == (3, True, False, False)


@pytest.mark.parametrize("url", ["", "example.org", "ftp://example.org", "javascript:alert(1)", "file:///no/such/file"])
def test_a_start_that_is_no_page_is_refused_at_once(url):
    with pytest.raises(OpenWebError):
        OpenWebEnv(url, "look")


def test_a_start_that_does_not_load_is_said(sites):
    sites[1].close()
    env = OpenWebEnv(f"{sites[1].url}/", "look", screenshot=False)
    with pytest.raises(OpenWebError, match="does not load: Connection refused"):
        env.reset()
    env.close()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/a?b#c", True),
        ("https://EXAMPLE.org:443/", True),
        ("wss://example.org/socket", True),
        ("data:text/html,x", True),
        ("https://cdn.example.net/x.js", True),
        ("https://a.b.example.net/", True),
        ("http://localhost:8000/", True),
        ("http://localhost:8001/", False),
        ("http://example.org/", False),
        ("https://example.org:8443/", False),
        ("https://example.org@evil.com/", False),
        ("https://example.org.evil.com/", False),
        ("https://example.net/", False),
        ("https://notexample.net/", False),
        ("file:///etc/passwd", False),
        ("ftp://example.org/", False),
        ("chrome://settings", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_allow_list(url, allowed):
    assert AllowList("https://example.org/start", ["*.example.net", "localhost:8000"]).allows(url) is allowed


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("bücher.example", "https://xn--bcher-kva.example/"),
        ("BÜCHER.example:8000", "https://bücher.example:8000/"),
        ("*.bücher.example", "https://www.xn--bcher-kva.example/"),
        ("straße.de", "https://xn--strae-oqa.de/"),
        ("☃.net", "https://xn--n3h.net/"),
        ("[::1]:8000", "http://[::1]:8000/"),
    ],
)
def test_a_named_host_is_the_one_that_the_browser_opens(host, url):
    assert AllowList("https://example.org/", [host]).allows(url)
    assert not AllowList("https://example.org/", [host]).allows("https://strasse.de/")


def test_the_start_page_is_the_one_that_the_browser_opens():
    page = browser.shared().new_page(width=100, height=100, scripts=())
    for host in ("straße.de", "bücher.example", "☃.net", "EXAMPLE.org"):
        origin = AllowList(f"https://{host}/").origin
        assert origin is not None and origin[0] == page.evaluate(f"new URL('https://{host}/').hostname")
    page.context.close()


@pytest.mark.parametrize(
    "host", ["", "*", "*.", "192.168.1.*", "www.*", "*example.org", "*.*.org", "a/b", "me@a.org", "a:b", "exa\ufffd.de"]
)
def test_a_host_that_could_admit_others_is_refused_at_once(host):
    with pytest.raises(OpenWebError, match="is no host; expected for example"):
        AllowList("https://example.org/", [host])


def test_a_picture_of_a_page_that_is_being_left_is_of_the_next(tmp_path):
    # Chromium leaves such a request unanswered, four times in ten on this page.
    page = tmp_path / "page.html"
    page.write_text("<form><input autofocus></form>")  # Enter sends it to the page itself
    env = OpenWebEnv(page.as_uri(), "go round", max_steps=20)
    env.reset()
    for _ in range(12):
        observation, *_, info = env.step("press Enter")
        assert "fault" not in info and not observation["last_error"]
        assert observation["screenshot"].any()
    env.close()


def test_selected_characters_of_a_password_can_be_dragged_at(tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "DEADLINE", 8.0)
    page = tmp_path / "page.html"
    page.write_text("<input type=password value=abcdefghijklmnop><p>out of the field</p>")
    env = OpenWebEnv(page.as_uri(), "look around")
    env.reset()
    select, take_hold = "drag_xy 100 18 12 18", "drag_xy 40 18 30 60"
    for action in (select, take_hold):
        *_, info = env.step(action)
        assert "fault" not in info
    env.close()
