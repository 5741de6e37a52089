import pytest

from envs.html import parse_html
from policies.colours import colour_name, with_names
from policies.page import page_units


@pytest.mark.parametrize(
    ("channels", "name"),
    [((31, 183, 31), "green"), ((189, 189, 229), "blue"), ((241, 152, 152), "red"), ((255, 255, 0), "yellow"),
     ((255, 153, 0), "orange"), ((0, 0, 0), "black"), ((255, 255, 255), "white"), ((128, 128, 128), "gray"),
     ((255, 0, 255), "pink"), ((153, 51, 255), "purple"), ((0, 255, 255), "cyan")],
)  # fmt: skip
def test_names(channels, name):
    assert colour_name(*channels) == name


def test_a_page_tells_the_names_of_its_colours():
    assert with_names("rgb(0, 0, 205) none") == "blue rgb(0, 0, 205) none"
    assert with_names("aqua") == "aqua"
    (unit, *_) = (u for u in page_units(parse_html('<span ref=0 style="color: rgb(31, 183, 31)"></span>'), refs=False)
                  if u.text == "green")  # fmt: skip
    assert unit.part == "label"
