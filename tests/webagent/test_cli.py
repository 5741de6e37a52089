"""The command line as a user meets it: real processes, exit codes, stderr, and what is or is not written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from webagent.cli import VERBS

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


@pytest.mark.parametrize("arguments", [["--help"], ["tasks", "--names"], ["bench", "--help"], ["run", "--help"]])
def test_what_needs_no_model_does_not_wait_for_torch(arguments):
    code = f"""
import sys
from webagent.cli import main
try:
    main({arguments!r})
finally:
    print([name for name in ("torch", "transformers") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, tmp_path):
    done = webagent(verb, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"usage: webagent {verb}" in done.stdout


def test_tasks_prints_the_names_of_a_suite(tmp_path):
    done = webagent("tasks", "--suite", "webgum56", "--names", cwd=tmp_path)
    names = done.stdout.split()
    assert (done.returncode, len(names), len(set(names))) == (0, 56, 56)


def test_tasks_prints_a_table(tmp_path):
    done = webagent("tasks", "--match", "email-inbox", cwd=tmp_path)
    assert done.returncode == 0
    assert "email-inbox-forward-nl" in done.stdout and "login-user" not in done.stdout


def test_a_closed_pipe_is_no_error(tmp_path):
    command = f"{sys.executable} -m webagent tasks --names | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("ascending-numbers", "")


BAD_INPUT = {
    "no verb known": (["trian"], "unknown verb 'trian'"),
    "unknown task": (["bench", "--tasks", "click-buton", "--policy", "random"], "did you mean click-button"),
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
    "run no time": (["run", "--url", "http://a.b", "--task", "x", "--max-seconds", "0"], "must be more than 0"),
    "run file for MiniWoB++": (["run", "--task-name", "click-test", "--file", "file"], "go with --url"),
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
    done = webagent("run", "--task-name", "click-checkboxes", "--policy", "oracle", "--json", "run.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    outcome = json.loads((tmp_path / "run.json").read_text())
    assert (outcome["schema"], outcome["finished"], outcome["raw_reward"]) == ("webagent-run/1", True, 1.0)
    assert all(step["action"] in done.stdout for step in outcome["steps"])
    assert (tmp_path / "webagent-run" / "index.html").read_text().count("<figure") == len(outcome["steps"]) + 1


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
