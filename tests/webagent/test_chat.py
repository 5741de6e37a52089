"""A language model as a policy, against a scripted server that speaks chat completions on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from envs.action import PAGE_VERBS, Action, ActionError
from webagent import chat
from webagent.agents import Agent, AgentFault
from webagent.benchmark import BenchConfig, bench
from webagent.chat import read_action
from webagent.output import UsageError
from webagent.run import RunConfig, run

PAGE = {
    "instruction": "Click on the Yes button.",
    "html": "<button ref=0>No</button><button ref=1>Yes</button>",
    "screenshot": np.zeros((210, 160, 3), np.uint8),
    "last_error": "",
}


class Server:
    """Answers what `script` says: texts, or HTTP status codes; a function gets the request. The last one stays."""

    def __init__(self):
        self.script, self.requests, self.headers, self.location = ["wait"], [], [], ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.headers.append(dict(self.headers))
                self.send_error(404)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append((self.path, body))
                server.headers.append(dict(self.headers))
                answer = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                answer = answer(body) if callable(answer) else answer
                code, answer = answer if isinstance(answer, tuple) else (answer, answer)
                self.send_response(code if isinstance(code, int) else 200)
                if answer == "torn":
                    self.send_header("Content-Length", "1000")
                if server.location:
                    self.send_header("Location", server.location)
                self.end_headers()
                cut = str(answer).endswith("...")
                choice = {"message": {"content": answer}, "finish_reason": "length" if cut else "stop"}
                self.wfile.write(json.dumps({"choices": [choice]}).encode())

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(chat, "PAUSES", (0.0, 0.0))
    monkeypatch.delenv(chat.KEY, raising=False)
    started = Server()
    yield started
    started.close()


def policy(server, image="none"):
    return Agent("openai:small", image, base_url=server.url).policy("click-button", 0)


def test_it_sends_the_instruction_the_page_and_the_grammar(server):
    server.script = ["click 1"]
    assert policy(server).act(PAGE) == Action("click", (1,))
    path, body = server.requests[0]
    assert (path, body["model"], body["temperature"]) == ("/v1/chat/completions", "small", 0)
    system, user = (message["content"] for message in body["messages"])
    assert all(verb in system for verb in PAGE_VERBS) and "goto" not in system
    assert PAGE["instruction"] in user and PAGE["html"] in user


def test_what_a_model_refuses_to_be_told_it_is_told_in_its_way_or_not_at_all(server):
    def reasons(body):
        if "max_tokens" in body:
            return 400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return (400, "'temperature' does not support 0") if "temperature" in body else "click 1"

    server.script = [reasons]
    agent = Agent("openai:small", "none", base_url=server.url, max_tokens=5000).policy("click-button", 0)
    assert [agent.act(PAGE), agent.act(PAGE)] == [Action("click", (1,))] * 2
    assert len(server.requests) == 4 and server.requests[-1][1]["max_completion_tokens"] == 5000
    server.script = [(400, "no such thing")]
    with pytest.raises(AgentFault, match="no such thing"):
        agent.act(PAGE)


def test_an_answer_that_is_cut_before_its_action_is_a_fault_that_says_so(server):
    server.script = ["<think>first I would\nwait\n..."]
    with pytest.raises(AgentFault, match="cut at 200 tokens, before an action: raise --max-tokens"):
        policy(server).act(PAGE)
    server.script = ["click 1\n..."]
    with pytest.raises(ActionError):
        read_action("<think>perhaps\nclick 1", ("click",))
    assert policy(server).act(PAGE) == Action("click", (1,))


def test_it_sees_the_screenshot_where_the_image_is_on(server):
    server.script = ["click 1"]
    policy(server, image="real").act(PAGE)
    text, picture = server.requests[0][1]["messages"][1]["content"]
    assert PAGE["html"] in text["text"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")


def test_it_is_told_what_it_did_and_why_that_was_refused(server):
    server.script = ["click 7", "click 1"]
    agent = policy(server)
    agent.act(PAGE)
    agent.act(PAGE | {"last_error": "ref 7 is not on the page now"})
    said = server.requests[1][1]["messages"][1]["content"]
    assert "click 7" in said and "ref 7 is not on the page now" in said
    agent.reset()
    agent.act(PAGE)
    assert "click 7" not in server.requests[2][1]["messages"][1]["content"]


def test_an_answer_that_is_no_action_is_sent_back_once_and_then_a_step_is_lost(server):
    server.script = ["I would click yes", "click 1", "no", "still no"]
    agent = policy(server)
    assert agent.act(PAGE) == Action("click", (1,))
    assert "That is no action" in server.requests[1][1]["messages"][-1]["content"]
    assert agent.act(PAGE) == Action("wait")


def test_the_key_comes_from_the_environment(server, monkeypatch):
    policy(server).act(PAGE)
    assert "Authorization" not in server.headers[-1]
    monkeypatch.setenv(chat.KEY, "secret-key")
    policy(server).act(PAGE)
    assert server.headers[-1]["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in repr(Agent("openai:small", base_url=server.url))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_since_the_key_would_go_along(server, monkeypatch, code):
    monkeypatch.setenv(chat.KEY, "secret-key")
    other = Server()
    server.script, server.location = [code], other.url
    with pytest.raises(UsageError, match=f"redirects to {other.url}"):
        policy(server).act(PAGE)
    other.close()
    assert other.headers == []


@pytest.mark.parametrize("answer", [429, 500, 503, "torn"])
def test_an_overloaded_endpoint_is_asked_again(server, answer):
    server.script = [answer, answer, "click 1"]
    assert policy(server).act(PAGE) == Action("click", (1,))


def test_an_endpoint_that_stays_away_is_a_fault(server):
    server.script = [503]
    with pytest.raises(AgentFault, match="503"):
        policy(server).act(PAGE)


@pytest.mark.parametrize(("code", "error"), [(401, UsageError), (403, UsageError), (404, UsageError),
                                             (400, AgentFault), (413, AgentFault), (422, AgentFault)])  # fmt: skip
def test_only_a_wrong_key_or_model_ends_the_run(server, code, error):
    server.script = [code]
    with pytest.raises(error, match=str(code)):
        policy(server).act(PAGE)
    assert len(server.requests) == 1


def test_a_run_whose_endpoint_breaks_leaves_what_it_did(server, tmp_path):
    server.script = ["wait", 400]
    file = tmp_path / "run.json"
    named = RunConfig(policy="openai:small", base_url=server.url, task_name="click-button", report=tmp_path, json=file)
    assert run(named) == 4
    outcome = json.loads(file.read_text())
    assert (outcome["ended"], [step["action"] for step in outcome["steps"]]) == ("fault", ["wait"])
    assert "answered 400" in outcome["fault"] and "answered 400" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        ("click 3", "click 3"),
        ("```\nclick 3\n```", "click 3"),
        ('First I look.\nThen:\n`type 4 "Ann"`', 'type 4 "Ann"'),
        ("<think>click 9\nor 8?</think>\n\nclick 3", "click 3"),
        ('{"action": "click", "ref": "3"}', "click 3"),
    ],
)
def test_an_action_is_found_in_an_answer(answer, action):
    assert str(read_action(answer, PAGE_VERBS)) == action


@pytest.mark.parametrize("answer", ["", "click", 'goto "https://example.org"', "import os"])
def test_an_answer_without_a_permitted_action_has_none(answer):
    with pytest.raises(ActionError):
        read_action(answer, PAGE_VERBS)


@pytest.mark.parametrize(
    ("policy", "base_url"), [("openai:", ""), ("openai:small", ""), ("openai:small", "here"), ("random", "http://x/v1")]
)
def test_what_cannot_be_asked_is_refused_before_the_run(monkeypatch, policy, base_url):
    monkeypatch.delenv(chat.KEY, raising=False)
    with pytest.raises(UsageError):
        bench(BenchConfig(policy=policy, base_url=base_url))


def test_a_benchmark_of_a_model_counts_an_endpoint_that_breaks_as_a_fault(server, tmp_path, monkeypatch):
    monkeypatch.setenv(chat.KEY, "secret-key")

    def clever(body):
        said = body["messages"][1]["content"]
        wanted = said.split('"')[1]
        before = said.split(f">{wanted}<")[0]
        return f"click {before.rsplit('ref=', 1)[1].split()[0].strip('>')}"

    server.script = [503, 503, 503, clever]
    config = BenchConfig(
        tasks=("click-button",), policy="openai:small", base_url=server.url, image="none", episodes=2, workers=1,
        out=tmp_path / "run",
    )  # fmt: skip
    result = bench(config)
    assert [(episode.success, bool(episode.retried)) for episode in result.episodes] == [(True, True), (True, False)]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"secret-key" not in stored and server.url.encode() in stored
