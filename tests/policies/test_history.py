"""What was done before can be hidden from some rows, so that what is learnt looks at the page."""

from __future__ import annotations

import torch

from envs.action import Action
from policies.config import ProcessorConfig
from policies.data import hide_history
from policies.matching import OF_THE_PAST, PAST
from policies.measures import NONE
from policies.processor import Processor
from tests.policies.pages import OWN


def test_some_rows_forget_what_was_done():
    processor = Processor(ProcessorConfig(), OWN)
    page = {"instruction": "Click on 5.", "last_error": "", "html": "<button ref=0>5</button><button ref=1>7</button>"}
    past = [processor.history_item(page, Action("click", (1,))), processor.history_item(page, Action("click", (0,)))]
    copied = [processor.history_item(page | {"html": "<input ref=0>"}, Action("type", (0, "bird")))]
    field = {"instruction": "Again.", "last_error": "", "html": "<input ref=1>"}
    examples = [
        processor.encode(page, past, (), Action("click", (0,))),
        processor.encode(page, (), (), Action("click", (0,))),
        processor.encode(field, copied, (), Action("type", (1, "bird"))),
    ]
    before = processor.collate(examples)
    after = hide_history(before, torch.tensor([True] * 3))
    hidden = before["attention_mask"] & ~after["attention_mask"]
    told = before["features"][..., PAST] > 0
    assert hidden.sum(1).tolist() == [int(told[0].sum()) - 1, 0, 0]  # but that there was something
    assert before["features"][0, :, OF_THE_PAST].any() and not after["features"][0, :, OF_THE_PAST].any()
    assert not (after["words"] & hidden).any() and not (after["measured"] != NONE)[hidden].any()
    for name in ("attention_mask", "words", "measured", "features"):
        assert torch.equal(after[name][1:], before[name][1:])
    assert torch.equal(hide_history(before, torch.zeros(3, dtype=torch.bool))["features"], before["features"])
