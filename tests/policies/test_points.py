import numpy as np
import pytest

from envs.action import Action
from policies.config import ProcessorConfig
from policies.measures import LARGEST, NONE, OFFSETS
from policies.points import SIDES, Offset, Point, can_tell, coordinate, nearest, offsets
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
    ((103, 110), Point(3, Offset("left", 103), Offset("up", 60))),
])  # fmt: skip
def test_the_simplest_way_to_tell_a_pixel(pixel, point):
    assert nearest(pixel, BOXES) == point


def test_a_drag_from_the_middle_of_an_element_is_measured_from_its_middle():
    start = nearest((36, 76), BOXES)
    assert nearest((36, 96), BOXES, start) == Point(7, Offset("", 0), Offset("", 20))
    assert nearest((36, 96), BOXES) == Point(7, Offset("", 0), Offset("down", 4))
    corner = nearest((20, 60), BOXES)
    assert nearest((150, 76), BOXES, start) == Point(7, Offset("", 114), Offset("", 0))
    assert nearest((52, 92), BOXES, corner) == Point(7, Offset("right", 0), Offset("down", 0))


def test_without_a_box_there_is_no_way():
    assert nearest((1, 2), {}) is None
    with pytest.raises(TargetError, match="no element, with its box"):
        Processor(ProcessorConfig(), OWN).encode(LOGIN, action=Action("click_xy", (3, 4)))


@pytest.mark.parametrize(("axis", "extent"), [(0, 160), (1, 210)])
def test_every_coordinate_can_be_told_from_three_origins_and_none_beyond(axis, extent):
    for side in ("", *SIDES[axis]):
        told = [coordinate(BOXES[7], axis, side, token) for token in offsets(BOXES[7], axis, side, extent)]
        assert told == [*range(extent)]
    assert coordinate(BOXES[7], axis, "", OFFSETS + LARGEST) == (36, 76)[axis]


@pytest.mark.parametrize(("box", "told"), [
    ([-900, 0, 50, 20], True), ([1000, 0, 50, 20], False), ([0, -1025, 50, 20], False), ([5, 5, 0, 20], False),
])  # fmt: skip
def test_a_box_without_a_size_or_far_away_tells_no_pixel(box, told):
    box = np.array(box, np.float32)
    assert can_tell(box[None]).tolist() == [told]
    assert not told or all(offsets(box, axis, side, 160) for axis in (0, 1) for side in SIDES[axis])


def test_a_pixel_is_an_element_and_for_each_axis_a_side_and_an_offset():
    processor = Processor(ProcessorConfig(), OWN)
    encoded = processor.encode(SHAPES, action=Action("click_xy", (92, 102)))
    assert encoded.kinds.tolist() == [Kind.START, Kind.POINT, Kind.SIDE, Kind.OFFSET, Kind.SIDE, Kind.OFFSET]
    middle = [OWN.symbols[END], OFFSETS + LARGEST]
    assert encoded.tokens.tolist() == [OWN.symbols["click_xy"], -1, *middle, *middle]
    place = int(encoded.positions[1, 0])
    assert encoded.measured[place].tolist() == [92, 102, 20, 20, NONE]
    assert (encoded.measured[:, 2] != NONE).sum() == 4
    assert processor.encode(SHAPES).units[processor.encode(SHAPES).places.tolist().index(place)].element.ref == 1
