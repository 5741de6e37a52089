"""The MiniWoB++ environment: actions, errors, the success rule, time, faults, vectorisation."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401 (registers the ids)
from envs import browser, tasks
from envs.action import ActionError
from envs.actuator import field_value
from envs.browser import BrowserFault
from envs.html import parse_html
from envs.loop import RandomPolicy, run_episode
from envs.miniwob import MiniWoBEnv
from tests.envs.helpers import digest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def env(request):
    environment = gymnasium.make(f"webagent/{request.param}-v1")
    yield environment
    environment.close()


def ref_of(observation, tag=None, **conditions):
    return parse_html(observation["html"]).find(tag, ref=True, **conditions).ref


@pytest.mark.parametrize("env", ["click-button"], indirect=True)
def test_success_pays_one_and_failure_nothing(env):
    for right in (True, False):
        observation, info = env.reset(seed=20)
        wanted = observation["instruction"].split('"')[1]
        buttons = [b for b in parse_html(observation["html"]).find_all("button") if (b.text == wanted) == right]
        _, reward, terminated, truncated, info = env.step(f"click {buttons[0].ref}")
        assert terminated and not truncated
        assert (reward, info["raw_reward"] == 1.0) == ((1.0, True) if right else (0.0, False))


@pytest.mark.parametrize("env", ["enter-date"], indirect=True)
def test_a_date_is_typed_as_the_field_shows_it(env):
    observation, _ = env.reset(seed=20)
    observation, *_ = env.step(f'type {ref_of(observation, "input")} "{observation["instruction"].split()[1]}"')
    assert observation["last_error"] == ""
    _, reward, terminated, *_ = env.step(f"click {ref_of(observation, 'button')}")
    assert terminated and reward == 1.0


def test_field_values_are_read_as_shown_or_as_stored():
    assert field_value("date", "03/15/2016") == field_value("date", "2016-03-15") == "2016-03-15"
    assert field_value("time", "2:30\u202fPM") == field_value("time", "14:30") == "14:30"
    with pytest.raises(ActionError, match="03/15/2016"):
        field_value("date", "soon")


@pytest.mark.parametrize("env", ["login-user"], indirect=True)
def test_typing_replaces_the_whole_value(env):
    observation, _ = env.reset(seed=3)
    field = ref_of(observation, "input", id="username")
    for text in ("first", 'sec"ond\\ é', ""):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        observation, *_ = env.step(f'type {field} "{escaped}"')
        element = parse_html(observation["html"]).find("input", id="username")
        assert element.value == text and element.has("focused")


@pytest.mark.parametrize("env", ["choose-list"], indirect=True)
def test_refused_actions_change_nothing_and_say_why(env):
    observation, _ = env.reset(seed=5)
    before = observation["html"]
    button, options = ref_of(observation, "button"), ref_of(observation, "select")
    for action, reason in [
        ("jump", "unknown verb"),
        ("click 99", "not on the page"),
        (f'type {button} "x"', "takes no text"),
        (f'select {options} "Nowhere"', "no option 'Nowhere'"),
        (f'select {button} "x"', "needs a <select>"),
        ("press Nokey", "unknown key"),
        ("click_xy 5000 5", "outside the viewport"),
        ("back", "open web only"),
    ]:
        observation, reward, terminated, truncated, _ = env.step(action)
        assert reason in observation["last_error"], action
        assert observation["html"] == before and (reward, terminated, truncated) == (0.0, False, False)
    observation, *_ = env.step("wait")
    assert observation["last_error"] == ""


@pytest.mark.parametrize("env", ["social-media-all"], indirect=True)
def test_an_offscreen_element_is_scrolled_to_before_the_click(env):
    for seed in range(10):
        observation, _ = env.reset(seed=seed)
        far = [e for e in parse_html(observation["html"]).walk() if e.has("offscreen") and "like" in e.classes]
        if far:
            break
    observation, *_ = env.step(f"hover {far[-1].ref}")
    assert observation["last_error"] == ""
    assert not next(e for e in parse_html(observation["html"]).walk() if e.ref == far[-1].ref).has("offscreen")


def test_the_step_limit_truncates_and_step_wants_a_reset_first():
    env = MiniWoBEnv("click-button", max_steps=2)
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step("wait")
    env.reset(seed=1)
    assert env.step("wait")[2:4] == (False, False)
    assert env.step("wait")[2:4] == (False, True)
    env.close()


def test_without_a_seed_pages_come_from_the_training_range():
    env = MiniWoBEnv("click-test", screenshot=False)
    env.reset(seed=1)
    seeds = [env.reset()[1]["seed"] for _ in range(5)]
    assert len(set(seeds)) == 5 and all(10_000_000 <= seed < 1_000_000_000 for seed in seeds)
    env.close()


def test_the_answer_is_not_in_what_is_seen():
    env = MiniWoBEnv("click-color", screenshot=False)
    observation, _ = env.reset(seed=5)
    assert "data-color" not in observation["html"]
    env.close()


@pytest.mark.parametrize("env", ["enter-text"], indirect=True)
def test_a_killed_browser_is_a_fault_and_the_next_reset_works(env):
    env.reset(seed=1)
    os.kill(browser.shared().pid, signal.SIGKILL)
    _, reward, terminated, truncated, info = env.step("wait")
    assert truncated and not terminated and reward == 0.0 and info["fault"]
    observation, info = env.reset(seed=1)
    assert "fault" not in info and observation["html"]
    assert run_episode(env, RandomPolicy(), seed=2).fault == ""


@pytest.mark.parametrize("env", ["enter-text"], indirect=True)
def test_a_chord_with_an_unknown_key_leaves_none_held_down(env):
    observation, _ = env.reset(seed=1)
    field = ref_of(observation, "input")
    for keys in ("Control+Foo", "Shift+Control+Foo", "Foo+Shift+a"):
        observation, *_ = env.step(f"press {keys}")
        assert "unknown key" in observation["last_error"]
        observation, *_ = env.step(f'type {field} "hello"')
        assert parse_html(observation["html"]).find("input").attributes["value"] == "hello", keys


def test_a_fault_of_a_reset_is_told_by_a_step_too(monkeypatch):
    def dies(*_, **__):
        raise BrowserFault("gone")

    vector = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("webagent/click-test-v1")])
    with monkeypatch.context() as broken:
        broken.setattr(MiniWoBEnv, "_begin", dies)
        assert vector.reset(seed=1)[1]["fault"][0] == "reset: gone"
    *_, terminated, truncated, info = vector.step(["wait"])
    assert (terminated[0], truncated[0], info["fault"][0]) == (False, True, "reset: gone")
    assert "fault" not in vector.step(["wait"])[4]  # which began the next episode
    vector.close()


@pytest.mark.parametrize("env", ["click-test"], indirect=True)
def test_an_endless_script_ends_in_a_fault(env, monkeypatch):
    env.reset(seed=1)
    env.unwrapped._actuator.evaluate("setTimeout(() => { for (;;); }, 1) && 1")
    monkeypatch.setattr(browser, "DEADLINE", 1.0)
    _, reward, _, truncated, info = env.step("wait")
    assert truncated and reward == 0.0 and "no answer within" in info["fault"]
    monkeypatch.undo()  # a browser that starts may take longer
    assert env.reset(seed=1)[0]["html"]


def test_an_unknown_task_names_the_nearest_ones():
    with pytest.raises(tasks.UnknownTask, match="click-button"):
        MiniWoBEnv("click-buton")


def test_no_browser_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("WEBAGENT_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(browser.BrowserError, match="WEBAGENT_CHROMIUM"):
        browser.find_chromium()
    assert "apt-get install chromium" in found(tmp_path, PATH="")


def test_a_window_is_not_asked_of_a_headless_shell(monkeypatch, tmp_path):
    shell = program(tmp_path / "chromium-headless-shell")
    assert found(tmp_path, PATH=str(tmp_path)) == str(shell)
    assert "shows a window" in found(tmp_path, headless=False, PATH=str(tmp_path), DISPLAY=":1")
    monkeypatch.setenv("DISPLAY", ":1")
    monkeypatch.setenv("WEBAGENT_CHROMIUM", str(shell))
    with pytest.raises(browser.BrowserError, match="headless shell"):
        browser.find_chromium(headless=False)
    for name in browser.DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(browser.BrowserError, match="no display"):
        browser.find_chromium(headless=False)


def test_of_playwrights_browsers_the_one_it_was_made_for_is_used(tmp_path):
    whole = Path(browser._driver().playwright.chromium.executable_path)
    folder, build = tmp_path / "downloads", next(p.name for p in whole.parents if p.name.startswith("chromium-"))
    system = program(tmp_path / "chromium")
    path = {"PATH": str(tmp_path), "DISPLAY": ":1"}
    program(folder / "chromium_headless_shell-1000" / "linux" / "headless_shell")
    program(folder / "chromium-1000" / "linux" / "chrome")
    for headless in (True, False):
        assert found(folder, headless, **path) == str(system), "an old download was taken"
    own = program(folder / build / whole.parent.name / whole.name)
    assert found(folder, True, **path) == found(folder, False, **path) == str(own)
    shell = program(folder / build.replace("-", "_headless_shell-") / "linux" / "headless_shell")
    assert (found(folder, True, **path), found(folder, False, **path)) == (str(shell), str(own))


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def found(downloads, headless=True, **environment):
    """What a process of its own finds, since Playwright reads the environment once; or why it finds nothing."""
    code = f"from envs.browser import find_chromium; print(find_chromium({headless}))"
    kept = {name: value for name, value in os.environ.items() if name != "WEBAGENT_CHROMIUM"}
    kept |= {"PLAYWRIGHT_BROWSERS_PATH": str(downloads)} | environment
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=kept, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip()


@pytest.mark.parametrize("kind", [gymnasium.vector.SyncVectorEnv, gymnasium.vector.AsyncVectorEnv])
def test_vectorised(kind):
    spawn = {"context": "spawn", "shared_memory": False} if kind is gymnasium.vector.AsyncVectorEnv else {}
    vector = kind([lambda: gymnasium.make("envs:webagent/click-button-v1") for _ in range(2)], **spawn)
    observations, _ = vector.reset(seed=[3, 4])
    assert observations["screenshot"].shape == (2, 210, 160, 3)
    observations, rewards, *_ = vector.step(["wait", "click 0"])
    assert rewards.shape == (2,) and observations["html"][0] != observations["html"][1]
    vector.close()


def test_a_pickled_spec_makes_the_same_environment():
    spec = pickle.loads(pickle.dumps(gymnasium.spec("webagent/click-link-v1")))
    one, two = gymnasium.make(spec), gymnasium.make("webagent/click-link-v1")
    assert digest(one.reset(seed=9)[0]) == digest(two.reset(seed=9)[0])
    one.close(), two.close()


def test_stable_baselines_takes_a_wrapper():
    from stable_baselines3.common.env_checker import check_env

    class Buttons(gymnasium.ActionWrapper, gymnasium.ObservationWrapper):
        """Pixels in, the n-th ref clicked."""

        def __init__(self, env):
            super().__init__(env)
            self.action_space = gymnasium.spaces.Discrete(6)
            self.observation_space = env.observation_space["screenshot"]

        def action(self, action):
            return f"click {int(action)}"

        def observation(self, observation):
            return observation["screenshot"]

        def reset(self, *, seed=None, options=None):
            observation, info = self.env.reset(seed=seed, options=options)
            return self.observation(observation), info

        def step(self, action):
            observation, *rest = self.env.step(self.action(action))
            return self.observation(observation), *rest

    env = Buttons(gymnasium.make("webagent/click-button-v1"))
    check_env(env)
    assert isinstance(env.reset(seed=1)[0], np.ndarray)
    env.close()


def test_browsers_of_two_kinds_live_in_one_process():
    frames = []
    for limit in (False, True):
        env = gymnasium.make("webagent/click-button-v1", frame_limit=limit)
        observation, _ = env.reset(seed=3)
        frames.append(observation["screenshot"])
        env.close()
    np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize("env", ["click-test"], indirect=True)
def test_seeds_that_a_page_cannot_tell_apart_are_refused(env):
    env.reset(seed=2**53 - 1)
    with pytest.raises(ValueError, match=r"page seeds are from 0 to 9,007,199,254,740,991, got 9,007,199,254,740,992"):
        env.reset(seed=2**53)


NOTEBOOK = """
import asyncio, gymnasium, envs
from envs.browser import BrowserError
from envs.loop import RandomPolicy, run_episode

def make():
    return gymnasium.make("webagent/click-test-v1")

async def cell():
    try:
        make().reset(seed=1)
    except BrowserError as error:
        assert "envs.OwnThread(env)" in str(error), error
    first, second = envs.OwnThread(make()), envs.OwnThread(make())
    played = [run_episode(env, RandomPolicy(seed=1), seed=7) for env in (first, second)]
    assert first.get_wrapper_attr("browser_version").startswith("Chromium")
    first.close()
    return [str(step.action) for step in played[0].steps] == [str(step.action) for step in played[1].steps]

for _ in range(2):  # a loop can run afterwards too
    print(asyncio.run(cell()))
"""


def test_the_browser_of_a_thread_that_has_ended_is_closed():
    pids = []

    def play():
        env = MiniWoBEnv("click-test")
        env.reset(seed=1)
        env.close()
        pids.append(browser.shared(env._config).pid)

    for _ in range(2):
        thread = threading.Thread(target=play)
        thread.start()
        thread.join()
    deadline = time.monotonic() + 10
    while runs(pids[0]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [runs(pid) for pid in pids] == [False, True]
    code = "import gymnasium, envs; envs.OwnThread(gymnasium.make('webagent/click-test-v1')).reset(seed=1)"
    left = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (left.returncode, left.stderr) == (0, "")


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_where_an_event_loop_runs_a_thread_of_its_own_does_it():
    run = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.returncode) == ("True\nTrue\n", 0), run.stderr
