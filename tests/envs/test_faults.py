"""Everything in the table of faults, in a real browser: survived, never a hang, and the next episode works."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from playwright.sync_api import Error

from envs import browser
from envs.miniwob import MiniWoBEnv
from envs.web import OpenWebEnv
from tests.envs.faults import PAGES, SCRIPTS
from tests.envs.servers import Server

ROOT = Path(__file__).parent.parent.parent
SOME = (
    "endless script", "out of memory", "timers without end", "endless alerts", "page closes itself", "written over",
    "huge page", "deep page", "JSON and Math redefined", "arrays redefined", "objects redefined", "html mangled",
    "boxes lie", "everything removed", "getters that never end",
)  # fmt: skip


@pytest.fixture(scope="module")
def site():
    def answer(path):
        name = path[1:].partition("?")[0].replace("-", " ")
        if name == "redirects without end":
            return 302, {"Location": path}, ""
        if name == "an answer that never comes":
            time.sleep(60)
        if name == "an answer that breaks off":
            return 200, {"Content-Length": "99999"}, "<p>half"
        if name == "no page":
            return 200, {"Content-Type": "application/octet-stream"}, b"\0" * 1000
        return PAGES.get(name) or "<p>start</p><button>b</button>"

    server = Server(answer)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch):
    monkeypatch.setattr(browser, "DEADLINE", 2.5)
    monkeypatch.setattr(browser, "GRACE", 1.0)


@pytest.fixture(scope="module")
def web(site):
    env = OpenWebEnv(f"{site.url}/", "look", max_steps=100, viewport=(320, 240))
    yield env
    env.close()


@pytest.fixture(scope="module")
def miniwob():
    env = MiniWoBEnv("click-test", max_steps=100)
    yield env
    env.close()


def survives(env, *actions):
    """Each action ends in a fault or goes on; whichever, the next episode is as good as new."""
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        assert isinstance(observation["html"], str)
        if "fault" in info:
            assert truncated and not terminated and info["fault"] and reward == 0.0
            break
        if terminated or truncated:
            break
    is_as_good_as_new(env)


def is_as_good_as_new(env):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browser, "DEADLINE", 30.0)
        observation, info = env.reset(seed=1)
        assert "fault" not in info
        assert "<button" in observation["html"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_open_web_survives(name, web):
    is_as_good_as_new(web)
    run(web.tab.hands, SCRIPTS[name])
    survives(web, "wait", "click 0")


@pytest.mark.parametrize("name", SOME)
def test_miniwob_survives(name, miniwob):
    is_as_good_as_new(miniwob)
    run(miniwob._actuator, SCRIPTS[name])
    survives(miniwob, "wait", "click 0", "wait")


def run(actuator, code):
    """Lets the page run it a moment later, as a script of its own would."""
    actuator.evaluate(f"setTimeout(() => {{ {code} }}, 1) && 0")


@pytest.mark.parametrize("name", PAGES)
def test_the_open_web_survives_a_page_of(name, web, site, monkeypatch):
    monkeypatch.setattr("envs.tab.LOAD_SECONDS", 1.0)
    is_as_good_as_new(web)
    survives(web, f'goto "{site.url}/{name.replace(" ", "-")}"', "wait")


def crash_renderer(env):
    page = page_of(env)
    with contextlib.suppress(Error):
        page.goto("chrome://crash", timeout=2000)


def kill_browser(env):
    os.kill(browser.shared(env._config).pid, signal.SIGKILL)


def stop_browser(env):
    os.kill(browser.shared(env._config).pid, signal.SIGSTOP)


def kill_driver(env):
    os.kill(browser.shared(env._config)._driver_pid, signal.SIGKILL)


def stop_driver(env):
    os.kill(browser.shared(env._config)._driver_pid, signal.SIGSTOP)


def lose_reader(env):
    """What Ctrl-C does to Playwright where it falls between two callbacks: its reader is never called again."""
    loop = browser.shared(env._config)._browser._impl_obj._loop
    reader = next(task for task in asyncio.all_tasks(loop) if "PipeTransport.run" in str(task.get_coro()))
    if reader._fut_waiter is None:
        loop._ready.clear()
    else:
        for callback, _ in reader._fut_waiter._callbacks:
            reader._fut_waiter.remove_done_callback(callback)


def close_context(env):
    page_of(env).context.close()


def page_of(env):
    return env.tab.page if isinstance(env, OpenWebEnv) else env._actuator.page


@pytest.mark.parametrize("kind", ["web", "miniwob"])
@pytest.mark.parametrize(
    "harm", [crash_renderer, kill_browser, stop_browser, kill_driver, stop_driver, lose_reader, close_context]
)
def test_what_dies_below_ends_the_episode_in_a_fault(harm, kind, request):
    env = request.getfixturevalue(kind)
    is_as_good_as_new(env)
    harm(env)
    *_, truncated, info = env.step("wait")
    assert truncated == bool(info.get("fault"))
    if not truncated:  # a step of MiniWoB++ does not pass through the driver: its death shows with a new page
        assert kind == "miniwob" and harm in (kill_driver, stop_driver, lose_reader)
        env.close()
    is_as_good_as_new(env)


@pytest.mark.parametrize("harm", [kill_browser, kill_driver])
def test_a_reset_survives_what_died_between_episodes(harm, web):
    is_as_good_as_new(web)
    harm(web)
    is_as_good_as_new(web)


ENDINGS = {
    "end": "",
    "exception": "raise RuntimeError('on purpose')",
    "exit": "import sys; sys.exit(3)",
    "hard exit": "import os; os._exit(3)",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "terminate": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "lost reader": "from envs import browser; browser.GRACE = 0.5; from tests.envs.test_faults import lose_reader; "
    "lose_reader(env)",
    "kill in a hang": "import os, signal, threading; threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGKILL))"
    ".start(); env._actuator.evaluate('(() => { for (;;); })()')",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_process_outlives_its_parent(ending):
    code = textwrap.dedent(
        f"""
        from envs.miniwob import MiniWoBEnv
        from envs.browser import shared
        env = MiniWoBEnv("click-test", screenshot=False)
        env.reset(seed=1)
        print(shared().pid, shared()._driver_pid, flush=True)
        {ENDINGS[ending]}
        """
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    end = time.monotonic() + 60
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
