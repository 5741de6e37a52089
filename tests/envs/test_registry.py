"""Every registered environment keeps gymnasium's contract and is deterministic to the byte."""

import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401 (registers the ids)
from envs import browser, tasks
from tests.envs.helpers import record, replay

SEED, STEPS = 7, 5


@pytest.fixture(scope="module", params=list(tasks.table()))
def env(request):
    environment = gymnasium.make(f"webagent/{request.param}-v1")
    yield environment
    environment.close()


def test_keeps_the_gymnasium_contract(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)


def test_same_seed_and_actions_give_the_same_bytes(env):
    actions, first = record(env, SEED, STEPS)
    record(env, SEED + 1, 3)  # another episode on the same page leaves nothing behind
    assert replay(env, SEED, actions) == first, "after another episode in the same page"
    browser.shared().restart()
    assert replay(env, SEED, actions) == first, "in a fresh browser"


def test_every_page_of_the_installed_package_is_registered():
    from pathlib import Path

    from envs.miniwob import page_url

    folder = Path(page_url("click-button").removeprefix("file://")).parent
    assert {path.stem for path in folder.glob("*.html")} == set(tasks.table())
    assert len(tasks.table()) == 130
