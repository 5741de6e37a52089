"""The action grammar: what is formatted parses back to the same, what does not fit is refused with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.action import DIRECTIONS, PAGE_VERBS, SIGNATURES, Action, ActionError, ActionSpace

numbers = st.integers(0, 10**9 - 1)
argument = {
    "ref": numbers,
    "pixel": numbers,
    "ref or page": numbers | st.just("page"),
    "direction": st.sampled_from(DIRECTIONS),
    "string": st.text(),
    "keys": st.sampled_from(["Enter", "Control+C", "a", "+", "Shift+ArrowLeft", "\\", "é"]),
}


@st.composite
def actions(draw):
    verb = draw(st.sampled_from(list(SIGNATURES)))
    args = []
    for kind in SIGNATURES[verb]:
        if kind == "string*":
            args += draw(st.lists(st.text(), max_size=3))
        else:
            args.append(draw(argument[kind]))
    return Action(verb, tuple(args))


@given(actions())
def test_what_is_formatted_parses_back(action):
    line = str(action)
    assert "\n" not in line
    assert Action.parse(line) == action


@given(st.text())
def test_any_text_parses_or_is_refused_with_a_reason(text):
    try:
        action = Action.parse(text)
    except ActionError as error:
        assert str(error)
    else:
        assert Action.parse(str(action)) == action


@given(
    st.builds(Action, st.just("click"), st.tuples(numbers))
    | st.builds(Action, st.just("type"), st.tuples(numbers, st.text()))
)
def test_the_published_form_can_be_written_and_read(action):
    assert Action.parse(action.to_json()) == action


def test_the_published_form_has_click_and_type_only():
    assert Action.parse('{"action": "click", "ref": "12"}') == Action("click", (12,))
    with pytest.raises(ActionError, match="click and type only"):
        Action("wait").to_json()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty action"),
        ("jump 3", "unknown verb 'jump'"),
        ("click", "expected: click ref"),
        ("click x", "expected: click ref"),
        ("click 1 2", "expected: click ref"),
        ("click -1", "expected: click ref"),
        ("type 3 Alice", "double quotes"),
        ('type 3 "Alice', "cannot read"),
        ('click "3"', "no quoted text"),
        ("scroll 3 sideways", "expected: scroll"),
        ("drag 1", "expected: drag ref ref"),
        ('{"action": "click"}', "cannot read JSON"),
        ("click 9999999999", "expected: click ref"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(text, reason):
    with pytest.raises(ActionError, match=reason.replace("(", r"\(")):
        Action.parse(text)


def test_the_action_space_holds_its_samples_and_equals_its_copy():
    space = ActionSpace(seed=3)
    for _ in range(200):
        assert space.contains(space.sample())
    assert {Action.parse(space.sample()).verb for _ in range(400)} == set(PAGE_VERBS)
    assert not space.contains("back") and not space.contains("jump 3")
    assert ActionSpace() == ActionSpace() != ActionSpace(max_ref=5)
