"""The command line as a user meets it: real processes, exit codes, stderr, and what is or is not written."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from envs.action import Action
from webagent.cli import VERBS
from webagent.run import RunConfig, run

ROOT = Path(__file__).parent.parent.parent


def webagent(*arguments, cwd, stdin="", **environment):
    return subprocess.run(
        [sys.executable, "-m", "webagent", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_help_lists_every_verb(tmp_path):
    done = webagent("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout and verb.summary in done.stdout for name, verb in VERBS.items())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["tasks", "--names"], *([verb, "--help"] for verb in VERBS)], ids=" ".join
)
def test_what_needs_no_model_does_not_wait_for_torch(arguments):
    code = f"""
import sys
from webagent.cli import main
try:
    sys.exit(main({arguments!r}))
finally:
    print([name for name in ("torch", "transformers") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    if arguments[0] in VERBS and "--help" in arguments:
        assert f"usage: webagent {arguments[0]}" in done.stdout


def test_tasks_prints_the_names_of_a_suite(tmp_path):
    done = webagent("tasks", "--suite", "webgum56", "--names", cwd=tmp_path)
    names = done.stdout.split()
    assert (done.returncode, len(names), len(set(names))) == (0, 56, 56)


def test_tasks_prints_a_table(tmp_path):
    done = webagent("tasks", "--match", "email-inbox", cwd=tmp_path)
    assert done.returncode == 0
    assert "email-inbox-forward-nl" in done.stdout and "login-user" not in done.stdout
    suites = [webagent("tasks", "--suite", name, "--names", cwd=tmp_path).stdout for name in ("split63", "split62-63")]
    assert len(suites[0].split()) > 50 and suites[0] == suites[1]  # what the protocol measures


def test_a_closed_pipe_is_no_error(tmp_path):
    command = f"{sys.executable} -m webagent tasks --names | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("ascending-numbers", "")


def test_what_nobody_foresaw_keeps_its_traceback_and_has_an_exit_code_of_its_own():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "webagent", "tasks"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 70
    assert "Traceback" in done.stderr and "No space left" in done.stderr


BAD_INPUT = {
    "no verb known": (["trian"], "unknown verb 'trian'"),
    "unknown task": (["bench", "--tasks", "click-buton", "--policy", "random"], "did you mean click-button"),
    "unknown policy": (["bench", "--policy", "embeded"], "one of embedded, oracle, random, openai:MODEL, module:name"),
    "white images": (
        ["bench", "--policy", "openai:m", "--image", "white", "--base-url", "http://h/v1"],
        "for checkpoints",
    ),
    "unknown suite": (["bench", "--suite", "nonsense", "--policy", "random"], "unknown suite 'nonsense'"),
    "suite of tasks": (["tasks", "--suite", "nonsense"], "unknown suite 'nonsense'"),
    "wrong checkpoint": (["bench", "--tasks", "click-button", "--policy", "."], "is not whole"),
    "no oracle": (["bench", "--tasks", "hover-shape", "--policy", "oracle"], "no oracle for task 'hover-shape'"),
    "no episodes": (["bench", "--policy", "random", "--episodes", "0"], "--episodes must be at least 1"),
    "result is a folder": (["bench", "--policy", "random", "--json", "."], "it is a folder"),
    "report is a file": (["bench", "--policy", "random", "--report", "file/below"], "is a file, not a folder"),
    "run what": (["run"], "give either --url"),
    "run both": (["run", "--url", "https://a.b", "--task", "x", "--task-name", "click-button"], "give either --url"),
    "run without a task": (["run", "--url", "https://example.org"], "--url needs --task"),
    "run unknown task": (["run", "--task-name", "click-buton", "--policy", "random"], "did you mean click-button"),
    "run no file": (["run", "--url", "file:///no.html", "--task", "x", "--policy", "random"], "there is no file at"),
    "run no secret": (
        ["run", "--url", "http://127.0.0.1:9/", "--task", "use {{secret:NO_SUCH}}", "--policy", "random"],
        "the environment variable NO_SUCH is not set",
    ),
    "run no file to give": (
        ["run", "--url", "http://127.0.0.1:9/", "--task", "x", "--policy", "random", "--file", "no.txt"],
        "there is no file no.txt",
    ),
    "run no state": (
        ["run", "--url", "http://127.0.0.1:9/", "--task", "x", "--policy", "random", "--storage-state", "no.json"],
        "there is no file no.json",
    ),
    "run bad state": (
        ["run", "--url", "http://127.0.0.1:9/", "--task", "x", "--policy", "random", "--storage-state", "file"],
        "cannot use the storage state",
    ),
    "run no beams": (["run", "--task-name", "click-test", "--beams", "0"], "--beams must be at least 1, got 0"),
    "run negative beams": (["run", "--task-name", "click-test", "--beams", "-3"], "--beams must be at least 1, got -3"),
    "run negative seed": (["run", "--task-name", "click-test", "--seed", "-1"], "--seed is from 0 to"),
    "run host for MiniWoB++": (["run", "--task-name", "click-test", "--allow", "foo"], "--allow goes with --url"),
    "run endpoint of none": (["run", "--task-name", "click-test", "--base-url", "http://a.b/v1"], "--base-url is for"),
    "run no time": (["run", "--url", "http://a.b", "--task", "x", "--max-seconds", "0"], "must be more than 0"),
    "run file for MiniWoB++": (["run", "--task-name", "click-test", "--file", "file"], "goes with --url"),
    "run no page": (["run", "--url", "example.org", "--task", "x", "--policy", "random"], "cannot open 'example.org'"),
    "record no page": (["record", "--url", "nowhere", "--task", "x", "--out", "out"], "cannot open 'nowhere'"),
    "record no task": (["record", "--url", "http://127.0.0.1:9/", "--task", " ", "--out", "out"], "--task is empty"),
    "record into a file": (["record", "--url", "http://127.0.0.1:9/", "--task", "x", "--out", "file"], "is a file"),
    "record no server": (
        ["record", "--url", "http://127.0.0.1:9/", "--task", "x", "--out", "out", "--headless"],
        "does not load",
    ),
    "teach no dataset": (["teach", "nowhere", "--out", "out"], "there is no folder nowhere"),
    "teach from nowhere": (["teach", "nowhere", "--out", "out", "--from", "none"], "there is no folder nowhere"),
    "no dataset": (["train", "--data", "nowhere", "--out", "out"], "nowhere"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_one_clear_line_and_nothing_is_written(arguments, message, tmp_path):
    (tmp_path / "file").write_text("")
    done = webagent(*arguments, cwd=tmp_path)
    assert message in done.stderr
    assert done.stderr.startswith("webagent: ") and done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (2, "")
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


@pytest.mark.parametrize(
    "arguments",
    [
        "bench --tasks click-button --policy random --workers 1 --report out",
        "run --task-name click-button --policy random",
    ],
    ids=["bench", "run"],
)
def test_without_a_browser_one_line_says_what_to_install(arguments, tmp_path):
    done = webagent(*arguments.split(), cwd=tmp_path, PATH="", PLAYWRIGHT_BROWSERS_PATH=str(tmp_path))
    assert done.returncode == 2
    assert "no Chromium was found" in done.stderr and "install chromium" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_what_is_missing(tmp_path):
    done = webagent("doctor", cwd=tmp_path, WEBAGENT_CHROMIUM="/no/such/browser")
    assert done.returncode == 1
    assert "missing browser" in done.stdout and "WEBAGENT_CHROMIUM" in done.stdout
    assert "ok      python" in done.stdout


def test_doctor_uses_the_browser_that_is_there(tmp_path):
    done = webagent("doctor", cwd=tmp_path)
    for found in ("browser: Chromium ", "screenshot: 160 x 210", "fonts: ", "MiniWoB++: click-button says: "):
        assert f"ok      {found}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_run_solves_a_miniwob_page_and_leaves_a_trace(tmp_path):
    options = "--task-name click-checkboxes --policy oracle --json run.json --report trace".split()
    done = webagent("run", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["schema"], outcome["finished"], outcome["raw_reward"]) == ("webagent-run/1", True, 1.0)
    assert all(step["action"] in done.stdout for step in outcome["steps"])
    assert (tmp_path / "trace" / "index.html").read_text().count("<figure") == len(outcome["steps"]) + 1


def test_run_tells_of_an_oracle_that_gives_up_what_it_did_and_why(tmp_path):
    options = "--task-name click-pie-nodelay --seed 5000005 --policy oracle --json run.json --report trace".split()
    done = webagent("run", *options, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["ended"], len(outcome["steps"])) == ("gave-up", 2)
    assert "does not take clicks" in outcome["outcome"]
    assert (tmp_path / "trace" / "index.html").read_text().count("<figure") == 3


def test_run_on_a_page_that_the_policy_does_not_finish(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<h1>Greeting</h1><input id=name><button>Greet</button>")
    options = "--policy random --max-steps 3 --report trace".split()
    done = webagent("run", "--url", page.as_uri(), "--task", "Greet <Ann>", *options, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "not done after 3 steps" in done.stdout
    trace = (tmp_path / "trace" / "index.html").read_text()
    assert trace.count("<figure") == 4
    assert "Greet &lt;Ann&gt;" in trace and "<Ann>" not in trace
    assert "out of budget" in done.stdout


@pytest.mark.parametrize(
    ("stdin", "asked", "done_steps"), [("n\n", 1, 0), ("", 1, 0), ("y\nn\n", 2, 1), ("y\ny\ny\n", 3, 3)]
)
def test_a_dry_run_does_nothing_that_was_not_allowed(stdin, asked, done_steps, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<h1>Greeting</h1><button onclick=\"document.title = 'clicked'\">Greet</button>")
    options = "--policy random --max-steps 3 --report trace --json run.json --dry-run".split()
    done = webagent("run", "--url", page.as_uri(), "--task", "Greet", *options, cwd=tmp_path, stdin=stdin)
    assert done.returncode == (3 if done_steps == 3 else 1), done.stderr
    assert done.stdout.count("do it? [y/N]") == asked
    assert ("was not wanted" in done.stdout) == (done_steps < 3)
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["ended"], len(outcome["steps"])) == ("out-of-budget" if done_steps == 3 else "gave-up", done_steps)
    assert (tmp_path / "trace" / "index.html").read_text().count("<figure") == done_steps + 1


def test_a_policy_that_is_not_sure_gives_up(tmp_path):
    options = "--task-name bisect-angle --give-up-below 1 --json run.json".split()
    done = webagent("run", *options, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["ended"], outcome["finished"], outcome["steps"]) == ("gave-up", False, [])
    assert "has a probability of" in outcome["outcome"]
    assert "webagent teach" in outcome["outcome"] and "--give-up-below 0" in outcome["outcome"]
    refused = webagent("run", *options, "--policy", "random", cwd=tmp_path)
    assert refused.returncode == 2 and "--give-up-below needs a policy that tells how sure it is" in refused.stderr


def test_a_secret_is_in_nothing_that_a_run_writes(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<form><input id=p type=password autofocus></form><p id=echo></p>"
        "<script>p.oninput = () => { echo.textContent = 'It is hunter22 ' + p.value }</script>"
    )
    options = "--policy random --max-steps 12 --report trace --json run.json".split()
    task = "{{secret:MY_PASSWORD}}"  # a random policy types words of the task
    done = webagent("run", "--url", page.as_uri(), "--task", task, *options, cwd=tmp_path, MY_PASSWORD="hunter22")
    assert done.returncode == 3, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["ended"], outcome["instruction"]) == ("out-of-budget", task)
    assert any(step["action"].startswith("type") and not step["error"] for step in outcome["steps"])
    written = "".join(path.read_text() for path in (tmp_path / "run.json", tmp_path / "trace" / "index.html"))
    assert "hunter22" not in written + done.stdout + done.stderr
    assert "It is {{secret:MY_PASSWORD}} {{secret:MY_PASSWORD}}" in written


def test_the_error_that_ends_a_run_is_written_without_the_secret(tmp_path, monkeypatch):
    class Breaks:
        acts = 0

        def reset(self):
            pass

        def act(self, observation):
            self.acts += 1
            if self.acts == 2:
                raise RuntimeError("cannot go on with hunter22")
            return Action("wait")

    monkeypatch.setenv("MY_PASSWORD", "hunter22")
    monkeypatch.setattr("webagent.run._policy", lambda config, out: Breaks())
    (tmp_path / "page.html").write_text("<input autofocus>")
    url, file = (tmp_path / "page.html").as_uri(), tmp_path / "run.json"
    task = "{{secret:MY_PASSWORD}}"
    with pytest.raises(RuntimeError, match="cannot go on"):
        run(RunConfig(url=url, task=task, policy="random", report=tmp_path / "trace", json=file))
    outcome = json.loads(file.read_text())
    assert outcome["fault"] == f"cannot go on with {task}" and len(outcome["steps"]) == 1
    assert "hunter22" not in file.read_text() + (tmp_path / "trace" / "index.html").read_text()


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"url": "http://a.b", "task": "x"}, 0.05),
        ({"url": "http://a.b", "task": "x", "give_up_below": 0.0}, 0.0),
        ({"url": "http://a.b", "task": "x", "policy": "random"}, 0.0),
        ({"task_name": "click-test"}, 0.0),
    ],
)
def test_a_learnt_policy_gives_up_what_is_unlikely_on_the_open_web_by_default(options, least):
    assert RunConfig(**options).least_likely == least


OLD = '{"finished": true}'


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_what_it_did(number, code, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<button>Greet</button>")
    (tmp_path / "run.json").write_text(OLD)
    options = "--task Greet --policy random --max-steps 10000 --json run.json --report trace".split()
    running = subprocess.Popen(
        [sys.executable, "-m", "webagent", "run", "--url", page.as_uri(), *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    shown = [running.stdout.readline() for _ in range(5)]
    running.send_signal(number)
    assert "interrupted\n" in running.communicate(timeout=120)[0]
    assert running.returncode == code
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["finished"], outcome["ended"]) == (False, "interrupted")
    assert [step["action"] for step in outcome["steps"]][:5] == [line.split(maxsplit=1)[1].strip() for line in shown]
    assert (tmp_path / "trace" / "index.html").read_text().count("<figure") == len(outcome["steps"])


def test_a_run_that_is_interrupted_before_its_first_step_says_so(tmp_path):
    (tmp_path / "page.html").write_text("<button>Greet</button>")
    (tmp_path / "slow.py").write_text(SLOW)
    url, options = (tmp_path / "page.html").as_uri(), "--task Greet --policy slow:Policy --json run.json --report trace"
    running = subprocess.Popen(
        [sys.executable, "-m", "webagent", "run", "--url", url, *options.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "deciding\n"
    running.send_signal(signal.SIGTERM)
    assert "interrupted\n" in running.communicate(timeout=120)[0]
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (running.returncode, outcome["ended"], outcome["steps"]) == (143, "interrupted", [])
    assert (tmp_path / "trace" / "index.html").is_file()


SLOW = """
import time

class Policy:
    def reset(self):
        pass

    def act(self, observation):
        print("deciding", flush=True)
        time.sleep(60)
"""


class Site:
    """Serves a page that sets a cookie and remembers those it gets; /away leads to another host."""

    def __init__(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.cookies.append(self.headers["Cookie"])
                self.send_response(302 if self.path == "/away" else 200)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Type", "text/html")
                self.send_header("Set-Cookie", "session=abc")
                self.end_headers()
                self.wfile.write(b"<p>Hello")

            def log_message(self, format, *args):
                pass

        self.cookies = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site():
    started = Site()
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.mark.parametrize("reason", ["Connection refused", "which is not allowed"])
def test_a_start_page_that_does_not_load_is_no_bad_input_and_no_old_outcome_stays(reason, site, tmp_path):
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        url = away if reason == "Connection refused" else f"{site.url}/away"
        (tmp_path / "run.json").write_text(OLD)
        options = "--task x --policy random --json run.json --report trace".split()
        done = webagent("run", "--url", url, *options, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["finished"], outcome["ended"], outcome["steps"]) == (False, "fault", [])
    assert reason in outcome["fault"] and reason in (tmp_path / "trace" / "index.html").read_text()


def test_bad_input_leaves_no_old_outcome(tmp_path):
    (tmp_path / "run.json").write_text(OLD)
    done = webagent("run", "--task-name", "no-such-task", "--json", "run.json", cwd=tmp_path)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_the_outcome_on_stdout_stands_alone_there(tmp_path):
    options = "--task-name click-button --policy oracle --json - --dry-run".split()
    done = webagent("run", *options, cwd=tmp_path, stdin="y\n" * 9)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finished"]
    assert "do it? [y/N]" in done.stderr and "trace: " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["webagent-run"]


def test_the_outcome_goes_into_a_pipe_and_where_a_link_leads(tmp_path):
    (tmp_path / "link.json").symlink_to("target.json")
    command = f"{shlex.quote(sys.executable)} -m webagent run --task-name click-button --policy oracle --json"
    for where in (">(cat > pipe.json)", "link.json", "link.json"):
        done = subprocess.run(
            ["bash", "-c", f"{command} {where} && wait $!"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
    assert (tmp_path / "link.json").is_symlink()
    for name in ("pipe.json", "target.json"):
        assert json.loads((tmp_path / name).read_text())["finished"]


def test_the_outcome_tells_of_every_step_and_of_the_page_at_the_end(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<title>Shop</title><button>Greet</button><script>alert('Welcome');"
        "onmousedown = onkeydown = () => { location.hash = 'greeted'; confirm('Sure?') }</script>"
    )
    options = "--policy random --max-steps 8 --report trace --json run.json".split()
    done = webagent("run", "--url", page.as_uri(), "--task", "Greet", *options, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["url"], outcome["title"]) == (f"{page.as_uri()}#greeted", "Shop")
    assert outcome["seconds"] > 0 and outcome["trace"] == str(tmp_path / "trace" / "index.html")
    first, *others = outcome["steps"]
    assert first["url"] == page.as_uri() and others[-1]["url"] == outcome["url"]
    assert first["dialogs"][0] == "Welcome" and ["Sure?"] in [step["dialogs"] for step in others]
    assert ["<button> Greet"] in [step["elements"] for step in outcome["steps"]]
    for written in (done.stdout, (tmp_path / "trace" / "index.html").read_text()):
        assert all(f"a dialog said: {said}" in written for said in ("Welcome", "Sure?"))


def test_every_run_keeps_its_trace_unless_a_folder_is_named(tmp_path):
    for options in ([], [], ["--report", "rep/[a] [bold]b"]):
        done = webagent("run", "--task-name", "click-button", "--policy", "oracle", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / re.findall("trace: (.*) \\(open", done.stdout)[0]).is_file()
    assert len(list(tmp_path.glob("webagent-run/*/index.html"))) == 2
    assert (tmp_path / "rep" / "[a] [bold]b" / "index.html").is_file()


def test_cookies_are_saved_at_the_end_and_there_in_the_next_run(site, tmp_path):
    options = ["run", "--url", site.url, *"--task x --policy random --max-steps 1".split()]
    webagent(*options, "--save-storage-state", "me.json", cwd=tmp_path)
    done = webagent(*options, "--storage-state", "me.json", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert (site.cookies[0], site.cookies[-1]) == (None, "session=abc")


def test_a_cookie_without_a_value_is_bad_input(tmp_path):
    (tmp_path / "me.json").write_text('{"cookies": [{"name": "a", "domain": "127.0.0.1", "path": "/"}]}')
    options = "--url http://127.0.0.1:9/ --task x --policy random --storage-state me.json".split()
    done = webagent("run", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "me.json: storageState.cookies[0].value: expected string" in done.stderr
