"""A network that learns another one's distributions: what that loses, what it brings, and where labels stay."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.action import Action
from policies.config import ModelConfig, ProcessorConfig
from policies.model import WebAgentModel
from policies.processor import Processor
from policies.teacher import Teacher, divergence
from tests.policies.pages import OWN, TINY

PAGE = {
    "instruction": 'Type "ok" or click on "b"',
    "html": "<div><button ref=0>b</button><input ref=1></div>",
    "boxes": np.array([[0, 0, 90, 90], [2, 2, 20, 20], [30, 10, 40, 10]], np.float32),
    "last_error": "",
}
ACTIONS = [Action("click", (0,)), Action("type", (1, "ok")), Action("click_xy", (30, 12)), Action("press", ("Enter",))]


def network(seed: int, **changes) -> WebAgentModel:
    torch.manual_seed(seed)
    shape = ModelConfig.size("mini", vocab_size=OWN.size)
    return WebAgentModel(ModelConfig.from_dict(shape.to_dict() | {"t5": shape.t5 | TINY} | changes))


def blocks(processor: Processor, taught=True) -> list[dict[str, torch.Tensor]]:
    """Two, of different lengths and with different numbers of steps."""
    pages = [PAGE, PAGE | {"instruction": PAGE["instruction"] + " and no more" * 5}]
    made = []
    for page in pages:
        block = processor.collate([processor.encode(page, (), [None], action) for action in ACTIONS])
        made.append(block | {"taught": torch.full((len(ACTIONS),), taught)})
    return made


@pytest.mark.parametrize("copy", [True, False])
def test_nothing_is_lost_against_oneself_and_something_against_another(copy):
    processor = Processor(replace(ProcessorConfig(), copy=copy, match=copy, amounts=copy), OWN)
    one, other = (network(seed, copy=copy, match=copy) for seed in (0, 1))
    given = blocks(processor)
    own, same, theirs = (model(*given, spread=True).spread for model in (one, one, other))
    for likely in (*own.choices, own.offsets):
        assert torch.allclose(likely.exp().sum(-1), torch.ones(len(likely)), atol=1e-4)
    assert torch.equal(divergence(same, own, 8), torch.zeros(8))
    assert (divergence(theirs, own, 8) > 0.01).all()


def test_the_distribution_asked_for_is_the_one_of_the_loss():
    given, model = blocks(Processor(ProcessorConfig(), OWN)), network(0)
    plain, asked = model(*given), model(*given, spread=True)
    assert plain.spread is None
    assert torch.equal(plain.per_sample_loss, asked.per_sample_loss)
    # "Enter" is said in one step after the verb, both of them from the vocabulary: the loss is theirs.
    pressed = 3
    steps = (asked.spread.row == pressed).nonzero()[:, 0].tolist()
    tokens = given[0]["tokens"][pressed][given[0]["kinds"][pressed] >= 0]
    likely = sum(asked.spread.choices[0][step, token] for step, token in zip(steps, tokens.tolist(), strict=True))
    assert torch.allclose(-likely, asked.per_sample_loss[pressed], atol=1e-4)


def test_the_labels_stay_where_the_teacher_is_not_asked_or_not_believed():
    processor = Processor(ProcessorConfig(), OWN)
    knows, student = network(1), network(0)
    optimizer = torch.optim.AdamW(knows.parameter_groups(3e-3), betas=(0.9, 0.98))
    first = [blocks(processor)[0]]
    one = {name: tensor[:1] if len(tensor) == len(ACTIONS) else tensor for name, tensor in first[0].items()}
    for _ in range(40):  # of the four actions it learns the first
        optimizer.zero_grad()
        knows(one).loss.backward()
        optimizer.step()
    likely = knows(*first).per_sample_loss.neg().exp()
    assert likely[0] > 0.8 > 0.2 > likely[1:].max()

    output = student(*first, spread=True)
    lost = Teacher(knows).lost(output, first)
    assert torch.equal(lost[1:], output.per_sample_loss[1:])
    assert torch.equal(lost[0], divergence(knows(*first, spread=True).spread, output.spread, 4)[0])
    always = Teacher(knows, believed=0).lost(output, first)
    assert torch.allclose(always, divergence(knows(*first, spread=True).spread, output.spread, 4))
    unasked = blocks(processor, taught=False)[:1]
    assert torch.equal(Teacher(knows).lost(output, unasked), output.per_sample_loss)
    assert not any(weight.requires_grad for weight in knows.parameters())
