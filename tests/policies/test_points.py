import numpy as np
import pytest

from envs.action import Action
from policies.config import ProcessorConfig
from policies.points import Offset, Point, codes, nearest
from policies.processor import Processor, TargetError
from policies.steps import Kind
from policies.vocabulary import END
from tests.policies.pages import LOGIN, OWN, SHAPES

BOXES = {3: np.array([0, 50, 160, 160.0]), 7: np.array([20, 60, 32.5, 32]), 9: np.array([100, 160, 40, 20.0])}


@pytest.mark.parametrize(("pixel", "point"), [
    ((36, 76), Point(7, Offset("", 0), Offset("", 0))),
    ((20, 65), Point(7, Offset("left", 0), Offset("up", 5))),
    ((52, 90), Point(7, Offset("right", 0), Offset("down", -2))),
    ((120, 200), Point(9, Offset("", 0), Offset("down", 20))),
    ((80, 210), Point(3, Offset("", 0), Offset("down", 0))),
])  # fmt: skip
def test_the_simplest_way_to_tell_a_pixel(pixel, point):
    assert nearest(pixel, BOXES) == point


def test_a_drag_from_the_middle_of_an_element_is_measured_from_its_middle():
    start = nearest((36, 76), BOXES)
    assert nearest((36, 96), BOXES, start) == Point(7, Offset("", 0), Offset("", 20))
    assert nearest((36, 96), BOXES) == Point(7, Offset("", 0), Offset("down", 4))
    corner = nearest((20, 60), BOXES)
    assert nearest((52, 92), BOXES, corner) == Point(7, Offset("right", 0), Offset("down", 0))


def test_without_a_box_there_is_no_way():
    assert nearest((1, 2), {}) is None
    with pytest.raises(TargetError, match="no element, with its box"):
        Processor(ProcessorConfig(), OWN).encode(LOGIN, action=Action("click_xy", (3, 4)))


@pytest.mark.parametrize(("axis", "extent"), [(0, 160), (1, 210)])
def test_every_coordinate_can_be_told_from_three_origins_and_none_beyond(axis, extent):
    told = codes(BOXES[7], axis, extent, OWN)
    assert len(told) == 3 * extent
    assert {*told.values()} == {*range(extent)}
    assert told[()] == (36, 76)[axis]


def test_the_middle_of_an_element_takes_three_steps():
    processor = Processor(ProcessorConfig(), OWN)
    encoded = processor.encode(SHAPES, action=Action("click_xy", (92, 102)))
    assert encoded.kinds.tolist() == [Kind.START, Kind.POINT, Kind.NUMBER, Kind.NUMBER]
    assert encoded.tokens.tolist() == [OWN.symbols["click_xy"], -1, OWN.symbols[END], OWN.symbols[END]]
    place = int(encoded.positions[1, 0])
    assert encoded.boxed[place] and encoded.boxed.sum() == 4
    assert processor.encode(SHAPES).units[processor.encode(SHAPES).places.tolist().index(place)].element.ref == 1
