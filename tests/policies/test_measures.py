"""Quantities: what is measured of the input, and that near offsets are alike."""

import numpy as np
import pytest
import torch

from policies.measures import COLUMNS, FROM_ZERO, LARGEST, NONE, Measures, OffsetHead, measure, origin_code, waves
from policies.page import Unit
from policies.processor import _text_units


def values(text: str) -> list[int]:
    units = _text_units(text)
    column = measure(units, range(len(units)), {}, len(units))[:, COLUMNS.index("value")]
    return [int(value) for value in column if value != NONE]


@pytest.mark.parametrize(("text", "expected"), [
    ("Select -88 with the slider", [-88]), ("[12,-20,8]", [12, -20, 8]), ("2016-03-15", [2016 - 992, 3, 15]),
    ("5 - 3", [5, 3]), ("x is -7.", [-7]), ("no number", []), ("99999999999", [LARGEST]),
])  # fmt: skip
def test_a_number_is_measured_with_its_sign(text, expected):
    assert values(text) == expected


def test_a_box_is_measured_by_its_middle_and_size():
    units = [Unit("<a", "markup", opens=True), Unit("word")]
    measured = measure(units, [0, 1], {0: np.array([10, 20, 31, 40.0])}, 3)
    assert measured.tolist() == [[26, 40, 31, 40, NONE], [NONE] * 5, [NONE] * 5]


def test_fresh_measures_change_nothing_and_trained_ones_only_what_is_measured():
    measures, inputs = Measures(8), torch.randn(3, 8)
    measured = torch.tensor([[NONE] * 5, [5, 6, 7, 8, NONE], [NONE] * 4 + [9]], dtype=torch.int16)
    assert torch.equal(measures(inputs, measured), inputs)
    torch.nn.init.normal_(measures.project.weight)
    changed = (measures(inputs, measured) != inputs).any(1)
    assert changed.tolist() == [False, True, True]


def test_every_offset_has_waves_of_its_own_and_near_ones_are_alike():
    table = waves()
    middle = table[LARGEST]
    distance = (table[LARGEST : LARGEST + 4] - middle).norm(dim=1)
    assert (distance.diff() > 0).all()
    assert torch.cdist(table, table).fill_diagonal_(1).min() > 0.1


def test_an_offset_head_learns_to_calculate():
    """From numbers of the page: their sum where the decoder says one thing, else their difference or product."""
    torch.manual_seed(0)
    head, marks = OffsetHead(32), torch.randn(5, 32)
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)

    def draw(count: int, largest: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits for pages of two numbers and one that has nothing to do with it, and what is right on them."""
        measured = torch.full((count, 3, len(COLUMNS)), NONE, dtype=torch.int16)
        measured[:, :, 4] = torch.randint(1, largest, (count, 3)).short()
        one, other, _ = measured[:, :, 4].long().unbind(1)
        kind = torch.arange(count) % 3
        right = torch.stack([one + other, one - other, one * other])[kind, torch.arange(count)]
        codes = torch.full((count,), origin_code(0, 0))
        return head(marks[kind], marks[2:].expand(count, -1, -1), measured, codes), right + LARGEST

    for step in range(200):
        logits, wanted = draw(64, 31)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / 200)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits, wanted = draw(300, 33)
    right = logits.argmax(-1) == wanted
    assert right.float().mean() > 0.99, [right[kind::3].float().mean() for kind in range(3)]


def test_a_calculator_does_not_count_on_numbers_that_are_not_there():
    head = OffsetHead(32)
    head.calculator.choose[-1].bias.data[-1] = 9.0  # sure of itself
    states, codes = torch.randn(2, 32), torch.tensor([FROM_ZERO, FROM_ZERO])
    measured = torch.full((2, 5, len(COLUMNS)), NONE, dtype=torch.int16)
    measured[0, 1, 4], measured[0, 3, 4] = 900, 7
    results = head(states, torch.randn(2, 5, 32), measured, codes)
    likely = results.softmax(-1)
    assert likely[0, [LARGEST + n for n in (14, 907, 893, -893, 0, LARGEST, 49)]].sum() > 0.99
    assert likely[1].max() < 0.5  # an empty page: as without a calculator


def test_an_offset_head_learns_the_middle_between_two_elements():
    torch.manual_seed(0)
    head, marks = OffsetHead(32), torch.randn(3, 32)
    optimizer = torch.optim.Adam(head.parameters(), 3e-3)

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits for pages of two elements and one that has nothing to do with it, and what is right on them."""
        measured = torch.full((count, 4, len(COLUMNS)), NONE, dtype=torch.int16)
        measured[:, :3, :4] = torch.randint(0, 200, (count, 3, 4)).short()
        text = torch.cat([marks[[0, 0, 1]], torch.zeros(1, 32)]).expand(count, -1, -1)
        axis = torch.arange(count) % 2
        middle = measured[:, :2, :2].float().mean(1).gather(1, axis[:, None])[:, 0]
        codes = torch.tensor([origin_code(10, int(a)) for a in axis])
        return head(marks[2].expand(count, -1), text, measured, codes), (middle.round().long() - 10 + LARGEST)

    for _ in range(300):
        logits, wanted = draw(64)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits, wanted = draw(200)
    assert ((logits.argmax(-1) - wanted).abs() <= 8).float().mean() > 0.9
