"""Every registered environment keeps gymnasium's contract and is deterministic to the byte."""

import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401 (registers the ids)
from envs import browser, tasks
from tests.envs.helpers import record, replay

SEED, STEPS = 7, 5
NAMES = list(tasks.table())


@pytest.fixture(scope="module")
def recorded():
    """By task, the actions of an episode and what came back: from a browser that has been on many pages already."""
    return {}


def recording(recorded, name):
    if name not in recorded:
        env = gymnasium.make(f"webagent/{name}-v1")
        recorded[name] = record(env, SEED, STEPS)
        record(env, SEED + 1, 3)  # another episode on the same page leaves nothing behind
        assert replay(env, SEED, recorded[name][0]) == recorded[name][1]
        env.close()
    return recorded[name]


@pytest.mark.parametrize("name", NAMES)
def test_keeps_the_gymnasium_contract(name):
    env = gymnasium.make(f"webagent/{name}-v1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_and_actions_give_the_same_bytes_after_another_episode(recorded, name):
    recording(recorded, name)


@pytest.fixture(scope="module")
def another_browser(recorded):
    """Another browser, once all recordings that are wanted of the old one are there."""
    browser.shared().restart()
    return set(recorded)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_and_actions_give_the_same_bytes_in_another_browser(recorded, another_browser, name):
    actions, first = recording(recorded, name)
    if name not in another_browser:  # this test alone
        browser.shared().restart()
    env = gymnasium.make(f"webagent/{name}-v1")
    assert replay(env, SEED, actions) == first
    env.close()


def test_every_page_of_the_installed_package_is_registered():
    from pathlib import Path

    from envs.miniwob import page_url

    folder = Path(page_url("click-button").removeprefix("file://")).parent
    assert {path.stem for path in folder.glob("*.html")} == set(tasks.table())
    assert len(tasks.table()) == 130
