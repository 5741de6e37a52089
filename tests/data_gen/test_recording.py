"""Recording what is done in a real browser, with real input."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from data_gen.dataset import DatasetError, DatasetWriter, decode_screenshot, read_dataset
from data_gen.recording import Recorder, RecordError, add_episode, check_dataset
from data_gen.recording.gestures import Event, Gestures
from envs.browser import BrowserError, find_chromium
from envs.observation import MAX_ELEMENTS, NOTHING
from envs.web import OpenWebEnv
from tests.sites import SITES, Served
from tests.sites.person import demonstrate

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    page = tmp_path_factory.mktemp("form") / "page.html"
    page.write_text(
        """<form onsubmit="out.textContent = 'sent'; return false"><input id=name>
        <input id=pass type=password><input id=agree type=checkbox><button id=go>Go</button></form>
        <div id=editor contenteditable>old</div><select id=colour><option>red<option>green<option>blue</select>
        <p id=out></p><a id=next href="second.html">Next</a>
        <p id=bold ondblclick="out.textContent = 'twice'" onclick="0">Bold</p>"""
    )
    (page.parent / "second.html").write_text("<h1>Second</h1><button id=end onclick='0'>End</button>")
    return page.as_uri()


def actions_of(episode):
    return [str(step.action) for step in episode.steps]


def test_each_gesture_becomes_one_action_on_the_page_before_it(form):
    with Recorder(form, "Try everything") as recorder:
        page, keyboard = recorder.page, recorder.page.keyboard
        page.click("#name")
        keyboard.type("Bob")
        keyboard.press("Backspace")
        keyboard.type("rt")
        page.click("#editor")
        keyboard.press("Control+A")
        keyboard.type("new text")
        page.click("#agree")
        keyboard.press("Space")  # unticks it
        page.click("#colour")
        keyboard.press("ArrowDown")
        keyboard.press("ArrowDown")
        keyboard.press("Enter")
        page.dblclick("#bold")
        page.click("#name")
        keyboard.press("Enter")
        recorder.look()
        page.click("#next")
        recorder.look()
        page.click("#end")
        episode = recorder.finish('found "it"')
    refs = {step.action.args[0] for step in episode.steps if step.action.refs}
    name, secret, agree, go, editor, colour, bold, link = 0, 1, 2, 3, 4, 5, 7, 6
    assert actions_of(episode)[:9] == [
        f'type {name} "Bort"',
        f'type {editor} "new text"',
        f"click {agree}",
        f"click {agree}",
        f'select {colour} "blue"',
        f"dblclick {bold}",
        f"click {name}",
        "press Enter",
        f"click {link}",
    ]
    assert not {secret, go} & refs
    assert episode.steps[-2].action.verb == "click" and episode.steps[-2].action.args[0] > bold
    assert str(episode.steps[-1].action) == 'done "found \\"it\\""'
    pages = [step.observation["html"] for step in episode.steps]
    assert "Bort" not in pages[0] and "focused" not in pages[0] and "value=Bort" in pages[1]
    assert "<w>old</w>" in pages[1] and "<w>new</w> <w>text</w>" in pages[2]
    assert [" checked" in page for page in pages[2:5]] == [False, True, False]
    assert "sent" not in pages[7] and "sent" in pages[8] and "Second" in pages[9]
    assert episode.success and episode.seed is None


def test_what_is_recorded_is_what_the_environment_shows_and_does(tmp_path):
    site = SITES["tickets"]
    with Served(site) as served:
        variation = site.variation(3, held_out=False)
        add_episode(tmp_path / "data", demonstrate(served, variation))
        rows = read_dataset(tmp_path / "data", for_training=True).to_pylist()
        url, session = served.open(variation)
        env = OpenWebEnv(url, variation.task)
        observation, _ = env.reset()
        ended = False
        for row in rows:
            assert not ended
            assert row["instruction"] == observation["instruction"] == variation.task
            assert row["html"].replace(" focused", "") == observation["html"].replace(" focused", "")
            assert decode_screenshot(row["screenshot"]).shape == observation["screenshot"].shape
            observation, _, ended, *_ = env.step(row["action"])
            assert observation["last_error"] == ""
        env.close()
        assert ended and site.solved(session)
    assert {row["source"] for row in rows} == {"human"} and all(row["success"] for row in rows)
    assert len(rows) == 9


@pytest.mark.parametrize("name", SITES)
def test_a_site_has_enough_to_act_on_and_holds_values_back(name):
    site = SITES[name]
    known = [site.variation(seed, held_out=False) for seed in range(200)]
    held_out = [site.variation(seed, held_out=True) for seed in range(200)]

    def words(variations):
        return {str(value) for variation in variations for value in variation.values.values()}

    assert not words(known) & words(held_out)
    assert len({variation.task for variation in held_out}) > 190
    assert all(len(site.deeds(variation)) >= 7 for variation in known)


def test_a_secret_is_in_nothing_that_is_recorded(form, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_PASSWORD", "hunter22")
    with Recorder(form, "Log in as ann with {{secret:MY_PASSWORD}}") as recorder:
        recorder.page.click("#pass")
        recorder.page.keyboard.type("hunt")
        recorder.look()
        recorder.page.click("#agree")  # with the secret half typed
        recorder.look()
        recorder.page.click("#pass")
        recorder.page.keyboard.press("End")
        recorder.page.keyboard.type("er22")
        recorder.look()
        recorder.page.click("#go")
        recorder.look()
        episode = recorder.finish("the password is hunter22")
    add_episode(tmp_path / "data", episode)
    assert actions_of(episode)[0] == 'type 1 "{{secret:MY_PASSWORD}}"'
    assert actions_of(episode)[-1] == 'done "the password is {{secret:MY_PASSWORD}}"'
    for row in read_dataset(tmp_path / "data").to_pylist():
        text = " ".join(str(value) for name, value in row.items() if name != "screenshot")
        assert "hunt" not in text and "er22" not in text


@pytest.mark.parametrize("shown", [False, True])
def test_a_password_that_the_task_does_not_name_is_not_recorded(tmp_path, shown):
    page = tmp_path / "page.html"
    page.write_text("<input id=pass type=password><button onclick=\"document.getElementById('pass').type='text'\">Show")
    with Recorder(page.as_uri(), "Log in as ann") as recorder:
        if shown:
            recorder.page.click("button")
        recorder.page.click("#pass")
        recorder.page.keyboard.type("S3cretPass!")
        assert "S3cret" not in recorder.look()["html"]
        recorder.page.click("button")
        with pytest.raises(RecordError, match=r"say \{\{secret:PASSWORD\}\} in the task"):
            recorder.actions  # noqa: B018
        with pytest.raises(RecordError, match="a password was typed, and the task names none") as refused:
            recorder.finish()
    assert "S3cret" not in str(refused.value)


def test_a_password_in_the_words_of_the_task_is_recorded(form):
    with Recorder(form, "Log in as ann with the password hunter22") as recorder:
        recorder.page.click("#pass")
        recorder.page.keyboard.type("hunter22")
        recorder.page.click("#go")
        episode = recorder.finish()
    assert actions_of(episode)[:2] == ['type 1 "hunter22"', "click 3"]
    assert "value=hunter22" in episode.steps[1].observation["html"]


def test_choosing_in_a_list_what_is_chosen_already_is_a_selection(form):
    with Recorder(form, "The colour red, then go") as recorder:
        recorder.page.click("#colour")
        recorder.page.keyboard.press("Enter")
        recorder.page.click("#go")
        recorder.page.click("#colour")
        recorder.page.keyboard.press("ArrowDown")
        recorder.page.keyboard.press("Enter")
        episode = recorder.finish()
    assert actions_of(episode) == ['select 5 "red"', "click 3", 'select 5 "green"', 'done ""']


def test_a_page_cannot_make_gestures_up(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        """<button id=a onclick="0">A</button><button id=b>B</button><script>
        if (window.__webagentRecord) b.textContent = "open";
        for (const type of ["pointerdown", "pointerup", "click"])
          b.dispatchEvent(new PointerEvent(type, {bubbles: true}));
        b.click();</script>"""
    )
    with Recorder(page.as_uri(), "Click A") as recorder:
        recorder.page.click("#a")
        episode = recorder.finish()
    assert actions_of(episode) == ["click 0", 'done ""']
    assert "open" not in episode.steps[0].observation["html"]


def test_a_recording_without_a_deed_is_refused(form):
    with Recorder(form, "Do nothing") as recorder, pytest.raises(RecordError, match="nothing was done"):
        recorder.finish()


def test_recordings_are_added_to_recordings_only(tmp_path):
    with DatasetWriter(tmp_path / "other", {"suite": "thin16"}):
        pass
    with pytest.raises(DatasetError, match="something else than recordings"):
        check_dataset(tmp_path / "other")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="is a file"):
        check_dataset(tmp_path / "file")
    check_dataset(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_recordings_come_one_after_another(form, tmp_path):
    for count in (1, 2):
        with Recorder(form, f"Click {count}") as recorder:
            recorder.page.click("#go")
            assert add_episode(tmp_path, recorder.finish()) == count
            check_dataset(tmp_path)
    table = read_dataset(tmp_path)
    assert table["episode_id"].unique().to_pylist() == ["OpenWeb/recorded-0000", "OpenWeb/recorded-0001"]


def test_a_broken_recording_hides_no_other(form, tmp_path):
    with Recorder(form, "Go") as recorder:
        recorder.page.click("#go")
        episode = recorder.finish()
    for _ in range(4):
        add_episode(tmp_path, episode)
    broken = tmp_path / "OpenWeb" / "part-00001.parquet"
    torn = broken.read_bytes()[:500]
    broken.write_bytes(torn)
    with pytest.raises(DatasetError, match=rf"{broken} is broken .* delete it"):
        check_dataset(tmp_path)
    with pytest.raises(DatasetError, match=f"{broken} is broken"):
        add_episode(tmp_path, episode)
    assert broken.read_bytes() == torn
    with pytest.raises(DatasetError, match="incomplete"):
        read_dataset(tmp_path)
    broken.unlink()
    check_dataset(tmp_path)
    assert add_episode(tmp_path, episode) == 5
    names = read_dataset(tmp_path)["episode_id"].unique().to_pylist()
    assert names == [f"OpenWeb/recorded-{number:04d}" for number in (0, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("stdin", "code", "said"), [("", 1, "cancelled, nothing was written"), ("\n", 2, "nothing was done on the page")]
)
def test_a_recording_that_is_cancelled_leaves_nothing(form, tmp_path, stdin, code, said):
    words = ["record", "--url", form, "--task", "Go", "--out", "data", "--headless"]
    done = subprocess.run(
        [sys.executable, "-m", "webagent", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (code, []), done.stderr
    assert said in done.stdout + done.stderr


def seen(*refs):
    observation = NOTHING.observation("", None)
    observation["refs"][: len(refs)] = refs
    assert len(observation["refs"]) == MAX_ELEMENTS
    return observation


@pytest.fixture
def display(monkeypatch):
    """An X display of its own; skips where there is no server for one, nothing to press its mouse, or no window."""
    missing = [program for program in ("Xvfb", "xdotool") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} cannot be found")
    ours, theirs = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1280x900x24"], pass_fds=[theirs], stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    with os.fdopen(ours) as told:
        monkeypatch.setenv("DISPLAY", f":{told.readline().strip()}")
    try:
        find_chromium(headless=False)
        yield
    except BrowserError as error:
        pytest.skip(str(error))
    finally:
        server.kill()
        server.wait()


def test_a_person_records_in_a_window(display, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<button style='position: fixed; inset: 0' onclick='this.remove()'>Go</button>")
    words = ["record", "--url", page.as_uri(), "--task", "Press go", "--out", str(tmp_path / "data")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "webagent", *words], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as recording:  # fmt: skip
        limit = threading.Timer(120, recording.kill)  # a line that does not come is then the end of the lines
        limit.start()
        try:
            assert recording.stdin and recording.stdout
            assert "press Enter" in recording.stdout.readline()
            found = subprocess.run(
                ["xdotool", "search", "--sync", "--onlyvisible", "--class", "chrom"],
                capture_output=True, text=True, check=True, timeout=60,
            )  # fmt: skip
            window = found.stdout.split()[0]
            subprocess.run(
                ["xdotool", "mousemove", "--window", window, "600", "500", "click", "1"], check=True, timeout=60
            )
            assert recording.stdout.readline().strip() == "click 0"
            recording.stdin.write("\n")
            recording.stdin.flush()
            assert recording.wait(60) == 0
        finally:
            limit.cancel()
            recording.kill()
    assert read_dataset(tmp_path / "data")["action"].to_pylist() == ["click 0", 'done ""']


def test_a_press_that_ends_on_another_element_is_a_drag():
    gestures = Gestures()
    gestures.add(Event("down", 1, "", seen(1, 2), (5, 5)))
    gestures.add(Event("up", 2, "", None, (50, 5)))
    gestures.add(Event("down", 1, "", seen(1, 2), (5, 5)))
    gestures.add(Event("up", 1, "", None, (7, 5)))
    assert [str(action) for _, action in gestures.settle()] == ["drag 1 2", "click 1"]


def test_keys_that_do_something_are_pressed_and_others_are_not():
    gestures = Gestures()
    for key, field in (("Tab", ""), ("Shift", "text"), ("ArrowLeft", "text"), ("Escape", ""), ("ArrowDown", "text")):
        gestures.add(Event("key_down", 1, field, seen(1), key=key))
    assert [str(action) for _, action in gestures.settle()] == ["press Escape", "press ArrowDown"]
