"""The picture alone tells the element: what the ViT learns from that, and what it leaves as it is."""

import numpy as np
import pytest
import torch

from envs.action import Action
from policies.config import ModelConfig, ProcessorConfig
from policies.initialise import with_additions
from policies.model import WebAgentModel
from policies.processor import Processor
from tests.policies.pages import OWN, TINY

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


def example(processor, random, pictures=1):
    """A page with a button a colour; which is the right one is to be seen on the last of the pictures alone."""
    names = random.permutation(list(COLOURS)).tolist()
    html = "".join(f"<button ref={ref}>{name}</button>" for ref, name in enumerate(names))
    page = {"instruction": "Click on its colour", "html": f"<div>{html}</div>", "last_error": ""}
    shown = random.permutation(list(COLOURS)).tolist()[:pictures]
    frames = [np.full((210, 160, 3), COLOURS[name], np.uint8) for name in shown]
    return processor.encode(page, (), frames, Action("click", (names.index(shown[-1]) if shown else 0,)))


def model(**changes):
    torch.manual_seed(0)
    config = ModelConfig.size("mini", vocab_size=OWN.size)
    return WebAgentModel(ModelConfig.from_dict(config.to_dict() | {"t5": config.t5 | TINY, "sight": True} | changes))


@pytest.mark.parametrize("tokens", ["local", "temporal", "both"])
def test_it_is_learnt_which_element_the_present_picture_means(tokens):
    processor, random = Processor(ProcessorConfig(), OWN), np.random.default_rng(0)
    taught = model(image_tokens=tokens)
    optimizer = torch.optim.AdamW(taught.parameter_groups(1e-3), betas=(0.9, 0.98))
    for _ in range(60):
        loss = taught(processor.collate([example(processor, random, 1 + n % 2) for n in range(16)])).sight.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    lost = taught(processor.collate([example(processor, random, 1 + n % 2) for n in range(30)])).sight
    assert lost.exp().mean() < 1.2  # a third of chance's 3


def test_its_error_goes_to_the_vit_alone():
    processor, random = Processor(ProcessorConfig(), OWN), np.random.default_rng(0)
    taught = model()
    taught(processor.collate([example(processor, random) for _ in range(4)])).sight.sum().backward()
    learn = {name for name, weight in taught.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {name.split(".")[0] for name in learn} == {"vit", "image_in", "frame_embedding", "sight"}


def test_without_a_picture_or_an_element_nothing_is_lost():
    processor, random = Processor(ProcessorConfig(), OWN), np.random.default_rng(0)
    shown, unseen = example(processor, random), example(processor, random, pictures=0)
    page = {"instruction": "Press", "html": "<div><button ref=0>red</button></div>", "last_error": ""}
    frame = np.zeros((210, 160, 3), np.uint8)
    pressed = processor.encode(page, (), [frame], Action("press", ("Enter",)))
    taught = model()
    assert (taught(processor.collate([shown, unseen, pressed])).sight > 0).tolist() == [True, False, False]
    assert not taught(processor.collate([unseen])).sight.any()


def test_an_earlier_model_begins_it_or_leaves_it_out():
    processor, random = Processor(ProcessorConfig(), OWN), np.random.default_rng(0)
    batch = processor.collate([example(processor, random) for _ in range(4)])
    older = model(sight=False)
    taught = with_additions(older, sight=True)
    assert older(batch).sight is None and taught(batch).sight is not None
    left = with_additions(taught)
    assert left(batch).sight is None
    torch.testing.assert_close(left(batch).per_sample_loss, older(batch).per_sample_loss)
