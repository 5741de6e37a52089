"""Words that are alike: what the degree says, and that it is learnt from choices."""

from dataclasses import replace

import numpy as np
import torch

from envs.action import Action
from policies.config import ModelConfig, ProcessorConfig
from policies.initialise import with_additions
from policies.matching import FEATURES
from policies.model import WebAgentModel
from policies.processor import Processor
from tests.policies.pages import OWN, TINY

GROUPS = [["big", "huge"], ["sad", "gloomy"], ["car", "vehicle"], ["quick", "fast"], ["cold", "icy"], ["end", "stop"]]


def example(processor, random):
    groups = random.permutation(len(GROUPS))[:4]
    asked, shown = zip(*(random.permutation(GROUPS[g]) for g in groups), strict=True)
    right = int(random.integers(4))
    html = "".join(f"<button ref={ref}>{word}</button>" for ref, word in enumerate(shown))
    page = {"instruction": f"Click on what means {asked[right]}", "html": f"<div>{html}</div>", "last_error": ""}
    return processor.encode(page, action=Action("click", (right,)))


def model(processor, **changes):
    torch.manual_seed(0)
    config = ModelConfig.size("mini", vocab_size=processor.vocab_size)
    values = config.to_dict() | {"t5": config.t5 | TINY, "vit": "", "vit_args": {}} | changes
    return WebAgentModel(ModelConfig.from_dict(values))


def test_synonyms_are_learnt_from_what_was_clicked():
    processor, random = Processor(ProcessorConfig(), OWN), np.random.default_rng(0)
    taught = model(processor)
    taught.alike.begin(("synonyms", example(processor, random)) for _ in range(300))
    optimizer = torch.optim.AdamW(taught.parameter_groups(3e-3), betas=(0.9, 0.98))
    for _ in range(60):
        loss = taught(processor.collate([example(processor, random) for _ in range(16)])).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    batch = processor.collate([example(processor, random) for _ in range(100)])
    assert taught(batch).correct.float().mean() > 0.9


def test_demonstrations_say_at_the_start_which_words_are_alike():
    processor, random = Processor(ProcessorConfig(), OWN), np.random.default_rng(0)
    begun = model(processor).alike
    begun.begin(("synonyms", example(processor, random)) for _ in range(300))
    first = [[OWN.encode_word(word, False)[0] for word in group] for group in GROUPS]
    apart = [pair for pair in first if len({*pair}) == 2 and sum({*pair} & {*other} != set() for other in first) == 1]
    assert len(apart) >= 3  # words that begin with the same piece cannot be told apart
    products = begun.meaning.weight @ begun.meaning.weight.T
    for one, other in apart:
        others = [token for pair in apart for token in pair if token not in (one, other)]
        assert products[one, other] > 2 > 2 * products[one, others].abs().max()


def test_equal_words_other_parts_and_markup_have_no_degree():
    processor = Processor(ProcessorConfig(), OWN)
    page = {"instruction": "Click big", "html": "<div><button ref=0>big</button><b>huge</b></div>", "last_error": ""}
    batch = processor.collate([processor.encode(page, action=Action("click", (0,)))])
    degree = model(processor).alike.degree(batch["input_ids"], batch["features"], batch["words"], batch["asked"])[0]
    words = [
        OWN.decode([token]) if on else ""
        for token, on in zip(batch["input_ids"][0].tolist(), batch["words"][0], strict=True)
    ]
    begins = {OWN.decode(OWN.encode_word(word, False)[:1]) for word in ("Click", "huge")}
    assert {word for word, value in zip(words, degree.tolist(), strict=True) if value > 0} == begins


def test_an_older_model_goes_on_with_room_for_it():
    processor = Processor(ProcessorConfig(), OWN)
    older = model(processor, alike=0)
    wider = with_additions(older)
    assert wider.config.alike and not older.config.alike
    batch = processor.collate([example(processor, np.random.default_rng(1)) for _ in range(4)])
    assert (wider(batch).per_sample_loss - older(batch).per_sample_loss).abs().max() < 0.5
    assert with_additions(wider) is wider


def test_features_that_an_older_model_did_not_know_begin_as_long_as_the_others():
    older = model(Processor(ProcessorConfig(), OWN), features=len(FEATURES) - 2)
    known, weights = older.feature_embedding.weight, with_additions(older).feature_embedding.weight
    assert torch.equal(weights[:, :-2], known)
    assert (weights[:, -2:].norm(dim=0) / known.norm(dim=0).mean() - 1).abs().max() < 0.5


def test_a_model_of_which_the_vision_alone_is_trained_gets_nothing_else_that_is_fresh():
    older = model(
        Processor(ProcessorConfig(), OWN), features=len(FEATURES) - 2, alike=0, measures=False, calculator=False
    )
    seeing = with_additions(older, sight=True, trained="vision")
    assert seeing.config == replace(older.config, sight=True)
    assert all(torch.equal(weight, seeing.get_parameter(name)) for name, weight in older.named_parameters())
