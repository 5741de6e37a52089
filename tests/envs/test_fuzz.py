"""What reads untrusted text, against texts and pages that nobody would write. benchmarks/fuzz.py does it at length."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.action import SIGNATURES, Action, ActionError
from envs.actuator import Actuator
from envs.browser import shared
from envs.html import parse_html
from envs.miniwob import script
from envs.observation import MAX_ELEMENTS

PIECES = st.sampled_from(
    [*SIGNATURES, "page", "down", "0", "12", "9" * 20, '"a"', '"', "\\", "\n", " ", "{", "}", "\u0661"]
)
TEXTS = st.text() | st.lists(PIECES | st.text(max_size=3), max_size=9).map(" ".join)


@settings(max_examples=300)
@given(TEXTS)
def test_any_text_is_an_action_or_refused(text):
    try:
        action = Action.parse(text)
    except ActionError as error:
        assert len(str(error)) < 1000
    else:
        assert Action.parse(str(action)) == action


def test_long_texts_are_refused_shortly():
    for text in ("click " * 100_000, "x" * 10**6, '"' * 10**6, "{" * 10**6, "click 1 " + "\\" * 10**6):
        with pytest.raises(ActionError) as refused:
            Action.parse(text)
        assert len(str(refused.value)) < 1000
    assert Action.parse(f'type 1 "{"a" * 10**6}"').strings == ("a" * 10**6,)


@settings(max_examples=300)
@given(st.text(alphabet=st.sampled_from('<>/="& ab1-ref;')) | st.text())
def test_any_html_is_read_or_refused(text):
    try:
        list(parse_html(text).walk())
    except ValueError as error:
        assert len(str(error)) < 1000


def test_reading_deep_html_does_not_recurse():
    depth = 50_000
    root = parse_html("<div>" * depth + "deep" + "</div>" * depth)
    assert len(list(root.walk())) == depth and root.text == "deep"


@pytest.fixture(scope="module")
def actuator():
    page = shared().new_page(width=400, height=300, scripts=(script("page.js"),))
    options = {"maxElements": MAX_ELEMENTS, "maxCharacters": 20_000, "deep": True}
    yield Actuator(page, page.context.new_cdp_session(page), f"__webagent.observe({json.dumps(options)})")
    page.context.close()


def check(seen):
    seen.html.encode("utf-8")
    elements = list(parse_html(seen.html).walk())
    assert [-1 if element.ref is None else element.ref for element in elements] == seen.refs
    assert len(seen.boxes) == 4 * len(elements) <= 4 * MAX_ELEMENTS
    return seen


TAGS = st.sampled_from(
    "div p b a button input select option textarea label svg circle table td iframe x-y ul li".split()
)
# As JavaScript writes a string: lone surrogates, controls and marks too.
ODD = st.text(st.characters(exclude_categories=[]) | st.sampled_from("<>&\"'\0\u2028\u202e"), max_size=8)
NAMES = st.sampled_from(["id", "class", "title", "value", "style", "for"])
NODES = st.recursive(
    ODD,
    lambda inner: st.tuples(TAGS, st.dictionaries(NAMES, ODD, max_size=3), st.lists(inner, max_size=4)),
    max_leaves=25,
)
BUILD = """(function build(parent, node) {
  if (typeof node === "string") { parent.append(node); return; }
  const [tag, attributes, children] = node;
  const space = /svg|circle/.test(tag) ? "http://www.w3.org/2000/svg" : parent.namespaceURI;
  const element = document.createElementNS(space, tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  for (const child of children) build(element, child);
  (parent.attachShadow && tag === "p" ? parent.shadowRoot || parent : parent).append(element);
})"""


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(NODES, max_size=6))
def test_any_tree_is_read(actuator, nodes):
    actuator.page.goto("about:blank")
    actuator.evaluate(f"{json.dumps(nodes)}.forEach((node) => {BUILD}(document.body, node))")
    check(actuator.observe())


HOSTILE = {
    "forty thousand nodes": "document.body.innerHTML = '<p>x<b>y</b></p>'.repeat(1e4)",
    "five hundred levels": "let e = document.body; for (let i = 0; i < 500; i++) "
    "e = e.appendChild(document.createElement('div')); e.append('end')",
    "huge attributes": "for (const name of ['id', 'class', 'title', 'alt', 'role', 'style', 'value']) "
    "document.body.appendChild(document.createElement('input')).setAttribute(name, 'x '.repeat(3e5))",
    "huge words": "document.body.innerHTML = '<button>' + 'x'.repeat(2e6) + '</button>'",
    "many options": "document.body.innerHTML = '<select>' + '<option>x</option>'.repeat(3e3) + '</select>'",
    "many covered buttons": "document.body.innerHTML = '<button>x</button>'.repeat(3e3) + "
    "'<div style=\"position: fixed; inset: 0; background: red\">'",
    "shadow trees and slots": "let e = document.body; for (let i = 0; i < 100; i++) { "
    "const d = e.appendChild(document.createElement('div')); d.attachShadow({mode: 'open'}).innerHTML = "
    "'<p>s<slot></slot></p>'; e = d; }",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_read_within_its_budget(name, actuator):
    actuator.page.goto("about:blank")
    actuator.evaluate(f"(() => {{ {HOSTILE[name]} }})()")
    seen = check(actuator.observe())
    assert len(seen.html) < 150_000
