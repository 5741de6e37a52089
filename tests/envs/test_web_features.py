"""What pages of the open web are made of: frames, shadow trees, tabs, dialogs, files, editors, and sizes."""

import json
import time

import pytest

from envs.html import parse_html
from envs.web import OpenWebEnv, OpenWebError
from tests.envs.servers import Server

PAGES = {
    "/": "<p>start</p><button>b</button>",
    "/frames": "<h1>outer</h1>"
    "<iframe id=one src=/inner style='margin: 40px; border: 5px solid; height: 120px'></iframe>"
    "<iframe srcdoc='<p>text of a frame</p>'></iframe>",
    "/inner": "<div style='height: 60px'></div><input id=name><select id=kind><option>red<option>blue</select>"
    "<button onclick=\"out.textContent = document.getElementById('name').value + kind.value\">Go</button><p id=out></p>"
    "<div style='height: 900px'></div><button>below</button>",
    "/shadow": "<x-form><b>slotted</b></x-form><script>const root = document.querySelector('x-form')"
    ".attachShadow({mode: 'open'}); root.innerHTML = '<p>in the shadow <slot></slot></p><input id=name>"
    "<button>Go</button>"
    "<p id=out></p>'; root.querySelector('button').onclick = () => { root.getElementById('out').textContent = "
    "root.getElementById('name').value; };</script>",
    "/tabs": "<base target=_blank><a href=/two>link</a><button onclick=\"window.open('/two')\">open</button>"
    '<form action=/two><button>send</button></form><button formtarget=_blank onclick="const w = window.open(); '
    "w.location = '/two'\">later</button>",
    "/two": "<h1>second</h1>",
    "/dialogs": "<button onclick=\"out.textContent = confirm('Sure?') + ' ' + prompt('Name?')\">ask</button>"
    "<p id=out></p>"
    "<a href=/two>away</a><script>onbeforeunload = (e) => e.preventDefault()</script>",
    "/file": '<input type=file id=f onchange="f.files[0].text().then((t) => out.textContent = f.files[0].name + t)">'
    "<p id=out></p>",
    "/fields": "<div id=editor contenteditable>old</div><input type=date id=day><input type=time id=hour>"
    "<input type=range id=level max=9><input type=color id=colour><input type=week id=week value=2020-W01>"
    "<select multiple id=many><option>a<option>b<option>c</select>",
    "/late": "<p id=out>loading</p><script>setTimeout(() => fetch('/words').then((r) => r.text())"
    ".then((t) => { out.textContent = t; }), 100)</script>",
    "/moves": "<button id=keep onclick=\"out.textContent = 'kept'\">Keep</button><p id=out></p>"
    "<script>setTimeout(() => { const b = document.createElement('button'); b.textContent = 'Delete'; "
    "b.style.display = 'block'; b.onclick = () => { out.textContent = 'deleted'; }; document.body.prepend(b); }, 600)"
    "</script>",
    "/slow": "<p id=out>processing</p><script>setTimeout(() => { out.textContent = 'done'; }, 900)</script>",
    "/apart": "<button id=top onclick=\"out.textContent = 'clicked'\">a</button><p id=out></p>"
    "<div style='height: 3000px'></div><button id=bottom>b</button>",
    "/delegated": "<style>.row { cursor: pointer }</style><div id=all><div class=row><b>Alice</b></div>"
    "<div class=row>Bob</div><p>none</p></div><p id=out></p><script>document.addEventListener('click', (e) => "
    "{ const row = e.target.closest('.row'); if (row) out.textContent = row.textContent; })</script>",
    "/words": "here at last",
    "/long": "<h1>top</h1>" + "".join(f"<p>row {i} <button>button {i}</button></p>" for i in range(6_000)),
}


@pytest.fixture(scope="module")
def site():
    server = Server(lambda path: PAGES[path.partition("?")[0]])
    yield server
    server.close()


@pytest.fixture(scope="module")
def note(tmp_path_factory):
    path = tmp_path_factory.mktemp("given") / "note.txt"
    path.write_text("hello")
    return path


@pytest.fixture(scope="module")
def env(site, note):
    env = OpenWebEnv(f"{site.url}/", "look", max_steps=1000, screenshot=False, files=[note])
    env.reset()
    yield env
    env.close()


def step(env, action):
    observation, *_, info = env.step(action)
    assert observation["last_error"] == "", observation["last_error"]
    return parse_html(observation["html"]), info


def goto(env, site, path):
    return step(env, f'goto "{site.url}{path}"')[0]


def test_frames_are_read_and_acted_in(env, site):
    root = goto(env, site, "/frames")
    assert root.find("h1").text == "outer" and "text of a frame" in root.text
    frame = root.find("iframe", id="one")
    assert frame.attributes["scrollable"] == "down" and root.find("button", text="below").has("offscreen")
    step(env, f'type {root.find(id="name").ref} "Ann "')
    step(env, f'select {root.find(id="kind").ref} "blue"')
    root, _ = step(env, f"click {root.find('button', text='Go').ref}")
    assert root.find(id="out").text == "Ann blue"
    root, _ = step(env, f"scroll {frame.ref} down")
    assert root.find("iframe", id="one").attributes["scrollable"] == "up down"
    root, _ = step(env, f"click {root.find('button', text='below').ref}")
    assert not root.find("button", text="below").has("offscreen")


def test_shadow_trees_are_read_and_acted_in(env, site):
    root = goto(env, site, "/shadow")
    assert "in the shadow slotted" in root.text
    root, _ = step(env, f'type {root.find(id="name").ref} "Ann"')
    assert root.find(id="name").has("focused") and root.find(id="name").value == "Ann"
    root, _ = step(env, f"click {root.find('button').ref}")
    assert root.find(id="out").text == "Ann"


@pytest.mark.parametrize("name", ["link", "open", "send", "later"])
def test_new_tabs_open_in_this_one(name, env, site):
    root = goto(env, site, "/tabs")
    root, _ = step(env, f"click {next(e.ref for e in root.walk() if e.ref is not None and e.text == name)}")
    assert root.find("h1").text == "second"
    root, _ = step(env, "back")
    assert root.find("a").text == "link"


def test_dialogs_are_answered_and_told(env, site):
    root = goto(env, site, "/dialogs")
    root, info = step(env, f"click {root.find('button').ref}")
    assert info["dialogs"] == ("Sure?", "Name?") and root.find(id="out").text == "true null"
    root, info = step(env, f"click {root.find('a').ref}")
    assert root.find("h1").text == "second" and "dialogs" not in info


def test_file_fields_take_files_of_the_user_only(env, site, note):
    root = goto(env, site, "/file")
    field = root.find(id="f").ref
    root, _ = step(env, f'type {field} "note.txt"')
    assert root.find(id="out").text == "note.txthello"
    for name in (str(note), "../note.txt", "/etc/passwd", ""):
        observation, *_ = env.step(f'type {field} "{name}"')
        assert "is none of the files that were given for this task; there are: note.txt" in observation["last_error"]
    observation, *_ = env.step(f"click {field}")
    assert "note.txthello" in observation["html"]


def test_fields_that_are_not_typed_key_by_key(env, site):
    root = goto(env, site, "/fields")
    for name, text, value in [
        ("day", "03/15/2016", "2016-03-15"),
        ("hour", "2:30 PM", "14:30"),
        ("level", "7", "7"),
        ("colour", "#ff0000", "#ff0000"),
    ]:
        root, _ = step(env, f'type {root.find(id=name).ref} "{text}"')
        assert root.find(id=name).value == value
    root, _ = step(env, f'type {root.find(id="editor").ref} "new"')
    assert root.find(id="editor").text == "new"
    root, _ = step(env, f'select {root.find(id="many").ref} "a" "c"')
    assert [option.text for option in root.find_all("option", selected="")] == ["a", "c"]


def test_a_value_that_a_field_does_not_take_changes_nothing(env, site):
    root = goto(env, site, "/fields")
    env.tab.page.evaluate("heard = 0; for (const type of ['input', 'change']) addEventListener(type, () => heard++)")
    for name, text in [("level", "500"), ("colour", "notacolor"), ("week", "2020"), ("day", "soon")]:
        before = env.look()["html"]
        observation, *_ = env.step(f'type {root.find(id=name).ref} "{text}"')
        assert text in observation["last_error"] and "expected for example" in observation["last_error"]
        assert observation["html"] == before
    assert env.tab.page.evaluate("heard") == 0
    root, _ = step(env, f'type {root.find(id="week").ref} "2021-W07"')
    assert root.find(id="week").value == "2021-W07" and env.tab.page.evaluate("heard") == 2


def test_a_page_is_read_when_it_is_still(env, site):
    assert goto(env, site, "/late").find(id="out").text == "here at last"


def test_of_a_long_page_what_is_around_the_viewport_is_read(env, site):
    root = goto(env, site, "/long")
    assert root.find("h1") and "button 0" in root.text and "button 5999" not in root.text
    assert len(env.render()) and len(env._observation["html"]) < 40_000
    env.tab.page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    root, _ = step(env, "wait")
    assert "button 0 " not in root.text and "button 3000" in root.text
    shown = [e for e in root.find_all("button") if not e.has("offscreen")]
    step(env, f"click {shown[0].ref}")
    root, _ = step(env, "press End")
    assert "button 5999" in root.text


def test_a_stored_state_is_started_with(site, tmp_path):
    cookie = {"name": "who", "value": "ann", "domain": "127.0.0.1", "path": "/", "expires": -1, "httpOnly": False}
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"cookies": [cookie | {"secure": False, "sameSite": "Lax"}], "origins": []}))
    env = OpenWebEnv(f"{site.url}/", "look", screenshot=False, storage_state=state)
    try:
        env.reset()
        assert env.tab.page.evaluate("document.cookie") == "who=ann"
    finally:
        env.close()


def test_the_time_limit_truncates(site):
    env = OpenWebEnv(f"{site.url}/", "look", screenshot=False, max_seconds=0.001)
    try:
        env.reset()
        *_, terminated, truncated, info = env.step("wait")
        assert (terminated, truncated) == (False, True) and "fault" not in info
    finally:
        env.close()


def test_a_state_that_cannot_be_used_is_its_own_environments_fault(env, site, tmp_path):
    goto(env, site, "/two")
    (tmp_path / "state.json").write_text('{"cookies": 3}')
    other = OpenWebEnv(f"{site.url}/", "look", screenshot=False, storage_state=tmp_path / "state.json")
    with pytest.raises(OpenWebError, match="cannot use the storage state"):
        other.reset()
    assert step(env, "wait")[0].text == "second"


def test_a_page_that_has_moved_meanwhile_is_clicked_where_things_are_now(env, site):
    root = goto(env, site, "/moves")
    time.sleep(1)
    root, _ = step(env, f"click {root.find(id='keep').ref}")
    assert root.find(id="out").text == "kept"


def test_a_wait_is_long_enough_for_a_page_that_takes_its_time(env, site):
    goto(env, site, "/slow")
    assert step(env, "wait")[0].find(id="out").text == "done"


def test_a_drag_between_what_is_never_in_view_together_is_refused(env, site):
    root = goto(env, site, "/apart")
    observation, *_ = env.step(f"drag {root.find(id='top').ref} {root.find(id='bottom').ref}")
    assert "cannot be in view together" in observation["last_error"]
    assert "clicked" not in observation["html"]


def test_what_a_pages_root_listens_for_is_clicked_where_the_pointer_says(env, site):
    root = goto(env, site, "/delegated")
    rows = [e for e in root.find_all("div") if e.text in ("Alice", "Bob")]
    assert [e.ref is not None for e in rows] == [True, True] and root.find("b").ref is None
    root, _ = step(env, f"click {rows[1].ref}")
    assert root.find(id="out").text == "Bob"


def test_a_long_text_is_typed_whole_and_with_its_spaces(env, site):
    field = goto(env, site, "/inner").find(id="name").ref
    text = "a  b " * 1200 + "end"
    root, _ = step(env, f'type {field} "{text}"')
    assert root.find(id="name").attributes["value"] == text


@pytest.mark.parametrize("option", [{"files": ["/no/such/file"]}, {"storage_state": "/no/such/file"}])
def test_a_file_that_is_not_there_is_said_at_once(option):
    with pytest.raises(OpenWebError, match="there is no file /no/such/file"):
        OpenWebEnv("http://127.0.0.1:9/", "look", **option)
