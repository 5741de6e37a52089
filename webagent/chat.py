"""A language model as a policy, zero-shot, through any endpoint that speaks OpenAI's chat completions.

It gets the same observation and the same action grammar as every other policy. The key comes from the environment
variable ``OPENAI_API_KEY`` alone and is written nowhere.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from data_gen.dataset import encode_screenshot
from envs.action import SIGNATURES, Action, ActionError
from envs.observation import Observation
from webagent.agents import CHAT, Agent, AgentFault
from webagent.output import UsageError

OFFICIAL = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
TIMEOUT = 120.0
"""Seconds that one answer may take."""
PAUSES = (1.0, 4.0)
"""Seconds before an overloaded or unreachable endpoint is asked again."""
REFUSED = (401, 403, 404)
"""Answers that mean a wrong key, address or model: no other episode would fare better."""
BUSY = (408, 409, 429)
"""Answers after which it is asked again, as after those from 500 on."""
HISTORY = 20
"""Past actions that the prompt shows."""

PROMPT = """You act on a web page to carry out an instruction. You see the page as HTML; what can be acted on has a \
ref. You may also get a picture of it. Decide the one next action.

Answer with that action alone, on one line, in one of these forms:

{verbs}

Texts stand in double quotes; \\" \\\\ and \\n are escapes. `type` replaces the whole value of a field. What is marked \
offscreen can be acted on too. Numbers and words in the forms are examples: use the refs of the page."""

EXAMPLES = {
    "click": "click 12",
    "dblclick": "dblclick 12",
    "hover": "hover 12",
    "type": 'type 7 "Alice"',
    "press": "press Control+C          (a key or chord, to what has the focus)",
    "select": 'select 7 "a" "b"         (sets exactly these options of a select)',
    "drag": "drag 3 9                 (from one element to another)",
    "click_xy": "click_xy 57 113          (pixels of the picture)",
    "drag_xy": "drag_xy 10 20 90 20",
    "scroll": "scroll 5 down            (an element; or: scroll page down)",
    "wait": "wait",
    "goto": 'goto "https://example.org"',
    "back": "back",
    "done": 'done "answer"            (when the task is finished)',
}


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and whether it was cut off."""

    text: str
    cut: bool = False


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked."""

    model: str
    base_url: str
    key: str
    max_tokens: int = 200

    @classmethod
    def of(cls, agent: Agent) -> Endpoint:
        """The endpoint that an agent names.

        Raises:
            UsageError: if the model or its address is missing, or the official endpoint has no key.
        """
        model = agent.name.removeprefix(CHAT)
        url = (agent.base_url or OFFICIAL).rstrip("/")
        key = os.environ.get(KEY, "")
        if not model:
            raise UsageError("--policy openai:MODEL needs the name of a model after the colon")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise UsageError(f"--base-url must be like https://host/v1, got {agent.base_url!r}")
        if url == OFFICIAL and not key:
            raise UsageError(f"{agent.name} needs the key of {OFFICIAL} in {KEY}, or another --base-url")
        return cls(model, url, key, agent.max_tokens)

    def ask(self, messages: Sequence[dict[str, Any]]) -> Answer:
        """The model's answer.

        What some models refuse to be told, how long the answer may be under its old name and that nothing is left to
        chance, they are not told again.

        Raises:
            UsageError: if the endpoint lets nobody in so (wrong key, unknown model), or sends elsewhere.
            AgentFault: if it refuses this request, or does not answer, though asked again.
        """
        told = _TOLD.setdefault(self, {"temperature": 0, "max_tokens": self.max_tokens})
        while True:
            try:
                return self._ask({"model": self.model, "messages": list(messages), **told})
            except _BadRequest as refused:
                if "max_completion_tokens" in str(refused) and "max_tokens" in told:
                    told["max_completion_tokens"] = told.pop("max_tokens")
                elif "temperature" in str(refused) and "temperature" in told:
                    del told["temperature"]
                else:
                    raise AgentFault(str(refused)) from None

    def _ask(self, body: dict[str, Any]) -> Answer:
        request = urllib.request.Request(
            f"{self.base_url}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {}),
        )
        complaint = ""
        for pause in (*PAUSES, None):
            try:
                with _OPENER.open(request, timeout=TIMEOUT) as response:
                    choice = json.load(response)["choices"][0]
                    return Answer(str(choice["message"]["content"] or ""), choice.get("finish_reason") == "length")
            except urllib.error.HTTPError as error:
                complaint = f"{self.base_url} answered {error.code}: {error.read(300).decode('utf-8', 'replace')}"
                if error.code < 400:
                    raise UsageError(
                        f"{self.base_url} redirects to {error.headers['Location']}, which is not followed, since the "
                        "key would go along: give the right --base-url"
                    ) from None
                if error.code in REFUSED:
                    raise UsageError(complaint) from None
                if error.code == 400:
                    raise _BadRequest(complaint) from None
                if error.code < 500 and error.code not in BUSY:
                    raise AgentFault(complaint) from None
            except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
                complaint = f"{self.base_url} gave no answer: {error}"
            if pause is not None:
                time.sleep(pause)
        raise AgentFault(complaint)


class _BadRequest(Exception):
    """Something in the request does not suit the model. The message is the endpoint's."""


_TOLD: dict[Endpoint, dict[str, Any]] = {}
"""What an endpoint is told besides the messages."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would send the key on to any host."""

    def redirect_request(self, req, fp, code, msg, headers, newurl) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class ChatPolicy:
    """Decides by asking a language model for one line of the action grammar.

    An answer that is no action is sent back once with what is wrong; then the step is spent on ``wait``.

    Args:
        endpoint: where to ask.
        verbs: what it may do.
        image: whether it sees the screenshot.
    """

    def __init__(self, endpoint: Endpoint, verbs: Sequence[str], image: bool):
        unknown = set(verbs) - SIGNATURES.keys()
        if unknown:
            raise ValueError(f"unknown verbs: {sorted(unknown)}")
        self._endpoint, self._verbs, self._image = endpoint, tuple(verbs), image
        self.reset()

    def reset(self) -> None:
        self._done: list[str] = []
        self._complaint = ""

    def act(self, observation: Observation) -> Action:
        messages = [
            {"role": "system", "content": PROMPT.format(verbs="\n".join(EXAMPLES[verb] for verb in self._verbs))},
            {"role": "user", "content": self._content(observation)},
        ]
        for _ in range(2):
            answer = self._endpoint.ask(messages)
            try:
                action = read_action(answer.text, self._verbs)
            except ActionError as error:
                if answer.cut:
                    raise AgentFault(
                        f"{self._endpoint.model}'s answer was cut at {self._endpoint.max_tokens} tokens, before an "
                        "action: raise --max-tokens"
                    ) from None
                self._complaint = str(error)
                messages += [
                    {"role": "assistant", "content": answer.text},
                    {"role": "user", "content": f"That is no action: {error}. Answer with one line."},
                ]
                continue
            self._complaint = ""
            self._done.append(str(action))
            return action
        self._done.append("wait")
        return Action("wait")

    def _content(self, observation: Observation) -> str | list[dict[str, Any]]:
        error = observation["last_error"] or self._complaint
        parts = [f"Instruction: {observation['instruction']}"]
        if self._done:
            parts.append("Your actions so far:\n" + "\n".join(self._done[-HISTORY:]))
        if error:
            parts.append(f"The last one was refused: {error}")
        parts.append(f"The page now:\n{observation['html']}")
        text = "\n\n".join(parts)
        if not self._image:
            return text
        picture = base64.b64encode(encode_screenshot(observation["screenshot"])).decode("ascii")
        url = {"url": f"data:image/png;base64,{picture}"}
        return [{"type": "text", "text": text}, {"type": "image_url", "image_url": url}]


def read_action(answer: str, verbs: Sequence[str]) -> Action:
    """The action in a model's answer: its last line that is one, code fences and backticks aside.

    Args:
        answer: what the model wrote; what it thought aloud in ``<think>`` is left out.
        verbs: what may be done.

    Raises:
        ActionError: if no line is an action with one of the verbs.
    """
    answer = re.sub(r"<think>.*?(</think>|\Z)", "", answer, flags=re.DOTALL)
    complaint = ActionError("the answer is empty")
    for line in reversed(answer.splitlines()):
        line = line.strip().strip("`").strip()
        if not line:
            continue
        try:
            action = Action.parse(line)
            if action.verb in verbs:
                return action
            complaint = ActionError(f"{action.verb} is not among: {', '.join(verbs)}")
        except ActionError as error:
            complaint = error
    raise complaint
