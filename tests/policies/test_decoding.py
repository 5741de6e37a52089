import copy

import numpy as np
import pytest
import torch

from envs.action import OPEN_WEB_VERBS, PAGE, PAGE_VERBS, Action
from envs.actuator import field_value
from envs.html import parse_html
from policies.config import ModelConfig, ProcessorConfig
from policies.decoding import decode
from policies.model import WebAgentModel
from policies.policy import LearntPolicy
from policies.processor import Processor
from policies.stepping import DecoderSteps, additive, keys_values, prepare, without_denormals
from tests.policies.pages import DATE, LOGIN, OWN, PAGES, TABS, TINY, actions


def parts(seed: int, **switches) -> tuple[WebAgentModel, Processor]:
    torch.manual_seed(seed)
    config = ModelConfig.size("mini", vocab_size=OWN.size)
    vit = {"patch_size": 64, "embed_dim": 24, "depth": 1, "num_heads": 2}
    values = config.to_dict() | {"t5": config.t5 | TINY, "vit_args": vit} | switches
    model = WebAgentModel(ModelConfig.from_dict(values)).eval()
    return model, Processor(ProcessorConfig(max_steps=40, **switches), OWN)


def check(action: Action, page: dict) -> None:
    """Fails unless the page takes the action."""
    assert Action.parse(str(action)) == action
    elements = {e.ref: e for e in parse_html(page["html"]).walk() if e.ref is not None}
    for ref in action.refs:
        assert action.verb in elements[ref].verbs
    if action.verb == "select":
        element = elements[action.refs[0]]
        assert {*action.strings} <= {option.text for option in element.find_all("option")}
        assert element.has("multiple") or len(action.strings) == 1
    if action.verb == "type" and elements[action.refs[0]].attributes.get("type") == "date":
        field_value("date", action.strings[0])
    if action.verb in ("click_xy", "drag_xy"):
        assert all(value < limit for value, limit in zip(action.args, (160, 210, 160, 210), strict=False))


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("verb", PAGE_VERBS)
def test_every_decoded_action_is_one_that_the_page_takes(copy, verb):
    """Whatever the weights say: fresh networks, forced to one verb at a time."""
    for seed in range(3):
        model, processor = parts(seed, copy=copy, match=copy)
        for parameter in model.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
        examples = [processor.encode(page) for page in PAGES]
        for page, decision in zip(
            PAGES, decode(model, processor, examples, verbs=(verb,), beams=1 + seed), strict=True
        ):
            check(decision.action, page)
            # Where no element takes the verb, or no date was written, waiting is what is left.
            taken = any(verb in e.verbs for e in parse_html(page["html"]).walk()) or verb == "press"
            taken |= verb in ("click_xy", "drag_xy") and ("boxes" in page or not copy)
            if taken and page is not DATE:
                assert decision.action.verb == verb or (verb == "scroll" and decision.action.args[0] == PAGE)


def test_a_number_field_is_given_numbers_only():
    """Whatever the weights say."""
    html = "<p>Take 12 or 7 of them</p><input ref=0 type=number><button ref=1>Go</button>"
    page = {"instruction": "Take 51.5 in grey", "html": html, "last_error": "", "boxes": None}
    for seed in range(4):
        model, processor = parts(seed)
        (decision,) = decode(model, processor, [processor.encode(page)], verbs=("type",), beams=1 + seed)
        assert decision.action.verb == "wait" or not decision.action.strings[0].removeprefix("-").strip("0123456789.")


def test_open_web_verbs_only_where_they_are_allowed():
    model, processor = parts(0)
    examples = [processor.encode(LOGIN)]
    assert decode(model, processor, examples, verbs=OPEN_WEB_VERBS)[0].action.verb in OPEN_WEB_VERBS
    assert decode(model, processor, examples)[0].action.verb not in OPEN_WEB_VERBS


@pytest.mark.parametrize("copy", [True, False])
def test_what_was_learnt_is_decoded_with_its_probability(copy):
    model, processor = parts(0, copy=copy, match=copy)
    kept = [*{page["instruction"]: (page, action) for page, action in actions()}.values()]
    kept[0] = LOGIN, Action("type", (3, "nWu2"))
    kept[1] = PAGES[1], Action("select", (1, "a", "b c"))
    batch = processor.collate([processor.encode(page, action=action) for page, action in kept])
    optimizer = torch.optim.AdamW(model.parameter_groups(4e-3), betas=(0.9, 0.98))
    for _ in range(150):
        loss = model(batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    examples = [processor.encode(page) for page, _ in kept]
    for beams in (1, 3):
        together = decode(model, processor, examples, beams=beams)
        assert [d.action for d in together] == [action for _, action in kept]
        assert all(-0.5 < d.score <= 0 for d in together)
        for example, decision in zip(examples, together, strict=True):  # a batch changes nothing
            alone = decode(model, processor, [example], beams=beams)[0]
            assert alone.action == decision.action
            assert alone.score == pytest.approx(decision.score, abs=1e-4)
    if copy:
        # Under teacher forcing the same masks hold, but for what only a page's options or a number's range rule out.
        losses = model(batch).per_sample_loss.tolist()
        for loss, decision in zip(losses, decode(model, processor, examples), strict=True):
            assert decision.score >= -loss - 1e-4


@torch.no_grad()
def test_steps_equal_the_whole_decoder_also_where_hypotheses_change_places():
    model, _ = parts(0)
    hidden, mask = torch.randn(3, 7, 32), torch.rand(3, 7) > 0.3
    mask[:, 0] = True
    steps = DecoderSteps(model.t5, keys_values(model.t5, hidden), additive(mask))
    examples, inputs = torch.arange(3), torch.zeros(3, 0, 32)
    for before in (None, torch.tensor([2, 0, 0, 1]), None, torch.tensor([3, 1])):
        if before is not None:
            examples, inputs = examples[before], inputs[before]
        inputs = torch.cat([inputs, torch.randn(len(inputs), 1, 32)], 1)
        whole = model.t5.decoder(
            inputs_embeds=inputs, encoder_hidden_states=hidden[examples], encoder_attention_mask=mask[examples]
        ).last_hidden_state
        torch.testing.assert_close(steps(inputs[:, -1:], before), whole[:, -1:], atol=1e-5, rtol=1e-5)


def test_what_is_nearly_zero_counts_as_zero_for_as_long_as_that_is_asked_for():
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot")
    number = torch.tensor(1e-39)
    seen = [bool(number * 1)]
    with without_denormals():
        seen.append(bool(number * 1))
        with without_denormals():
            seen.append(bool(number * 1))
        seen.append(bool(number * 1))
    assert [*seen, bool(number * 1)] == [True, False, False, False, True]


def test_more_beams_find_no_worse():
    model, processor = parts(3)
    examples = [processor.encode(page) for page in PAGES]
    greedy, wide = decode(model, processor, examples), decode(model, processor, examples, beams=40)
    assert sum(d.score for d in wide) >= sum(d.score for d in greedy)


@pytest.mark.parametrize("beams", [1, 3])
def test_what_is_ruled_out_is_not_decided(beams):
    model, processor = parts(3)
    examples = [processor.encode(page) for page in PAGES]
    likeliest = decode(model, processor, examples, beams=beams)
    for page, example, first in zip(PAGES, examples, likeliest, strict=True):
        ruled_out = {first.action}
        for _ in range(3):
            (other,) = decode(model, processor, [example], beams=4, but=ruled_out)
            assert other.action not in ruled_out
            check(other.action, page)
            ruled_out.add(other.action)


def test_an_empty_page_still_gets_an_action():
    model, processor = parts(0)
    check(decode(model, processor, [processor.encode({"instruction": "", "html": "", "last_error": ""})])[0].action,
          {"html": ""})  # fmt: skip


def test_policy_does_not_repeat_what_changed_nothing():
    policy = LearntPolicy.from_checkpoint()
    seen = {**LOGIN, "screenshot": np.full((210, 160, 3), 255, np.uint8)}
    tried = [policy.act(seen) for _ in range(4)]
    assert len({*tried}) == 4
    for action in tried:
        check(action, LOGIN)


def test_policy_repeats_what_changed_something_and_what_may_not_show():
    click, wait = Action("click", (0,)), Action("wait")
    policy = LearntPolicy(*parts(0), image="none", verbs=("click",))

    def act(html: str) -> Action:
        return policy.act({"instruction": "Go", "html": html, "last_error": "", "screenshot": None})

    assert [act(f"<button ref=0>{said}</button>") for said in ("Go", "Go", "Go on")] == [click, wait, click]
    policy = LearntPolicy(*parts(0), image="none", verbs=("wait",))
    assert [act("") for _ in range(3)] == [wait] * 3


def test_policy_is_the_same_after_reset_and_sees_what_its_mode_says():
    model, processor = parts(0)
    observation = TABS | {"screenshot": np.full((210, 160, 3), 90, np.uint8)}
    scores = {}
    for mode in ("real", "none", "white", "random"):
        policy = LearntPolicy(model, processor, image=mode)
        assert policy.last_score is None
        first = [(policy.act(observation), policy.last_score) for _ in range(3)]
        policy.reset()
        assert [(policy.act(observation), policy.last_score) for _ in range(3)] == first
        scores[mode] = first[0][1]
    assert len(set(scores.values())) == 4
    with pytest.raises(ValueError, match="expected real, none, white or random"):
        LearntPolicy(model, processor, image="colour")  # type: ignore[arg-type]


def test_merged_weights_decide_the_same_and_bfloat16_changes_no_more_than_rounding_does():
    model, processor = parts(0)
    examples = [processor.encode(page) for page in PAGES]
    plain = decode(model, processor, examples)
    merged = copy.deepcopy(model)
    prepare(merged.t5, bf16=False)
    for one, other in zip(decode(merged, processor, examples), plain, strict=True):
        assert one.action == other.action and one.score == pytest.approx(other.score, abs=1e-4)
    prepare(model.t5, bf16=True)
    halved = decode(model, processor, examples)
    assert {p.dtype for p in model.t5.encoder.parameters()} == {torch.float32, torch.bfloat16}
    assert [d.score for d in halved] == pytest.approx([d.score for d in plain], abs=0.05)
    assert [d.score for d in halved] != [d.score for d in plain]


def test_the_embedded_policy_decides_in_either_precision():
    observation = {**LOGIN, "screenshot": np.full((210, 160, 3), 255, np.uint8)}
    actions = [LearntPolicy.from_checkpoint(bf16=bf16).act(observation) for bf16 in (True, False)]
    assert actions[0] == actions[1]
    check(actions[0], LOGIN)
