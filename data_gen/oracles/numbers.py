"""Numbers: in order, odd or even, drawn, generated, in small sums."""

from __future__ import annotations

import re

from data_gen.oracles.base import OracleError, Page, click, fill, oracle
from data_gen.oracles.choices import submit
from envs.action import Action

DIGITS = (
    ".##. #..# #..# #..# #..# #..# .##.",
    "..#. .##. ..#. ..#. ..#. ..#. ..#.",
    ".##. #..# #..# ..#. .#.. #... ####",
    ".##. #..# ...# .##. ...# #..# .##.",
    "#... #.#. #.#. #### ..#. ..#. ..#.",
    "#### #... #... ###. ...# #..# .##.",
    ".##. #..# #... ###. #..# #..# .##.",
    "#### #..# ...# ..#. ..#. .#.. .#..",
    ".##. #..# #..# .##. #..# #..# .##.",
    ".##. #..# #..# .### ...# #..# .##.",
)
"""The digits from 0 as number-checkboxes draws them, by rows."""


@oracle("ascending-numbers")
def ascending_numbers(page: Page) -> Action:
    """After the first click, squares hide the other numbers; in the page they stand in ascending order too."""
    return click(page.find("text", text="1") or page.find("rect"))


@oracle("odd-or-even")
def odd_or_even(page: Page) -> Action:
    """From top to bottom, every row that is not yet marked right; then Submit."""
    for row in page.find_all("div", cls="row"):
        number = row.find("div", cls="display-number")
        if number is None:
            raise OracleError("a row has no number")
        button = row.find("button", cls="odd" if int(number.text) % 2 else "even")
        if button is None or "selected" not in button.classes:
            return click(button)
    return click(page.find("button", id="submit"))


@oracle("number-checkboxes")
def number_checkboxes(page: Page) -> Action:
    """Row by row, every box that is not yet as in the picture of the digit; then Submit."""
    (digit,) = page.asked(r'^Draw the number "(\d)"')
    boxes = page.find_all("input", type="checkbox")
    for box, mark in zip(boxes, DIGITS[int(digit)].replace(" ", ""), strict=True):
        if box.has("checked") != (mark == "#"):
            return click(box)
    return submit(page)


@oracle("generate-number")
def generate_number(page: Page) -> Action:
    """Generates anew until the number is as asked."""
    shown = page.find("div", id="display-number")
    if shown is not None and shown.text != "-" and _fits(page, int(shown.text)):
        return click(page.find("button", id="submit"))
    return click(page.find("button", id="generate"))


def _fits(page: Page, number: int) -> bool:
    """Whether the instruction would take the number."""
    odd, even, less, greater = page.asked(
        r"^Generate an? (?:(odd)|(even)|number less than (\d+)|number greater than (\d+))"
    )
    if odd or even:
        return number % 2 == (1 if odd else 0)
    return number < int(less) if less else number > int(greater)


@oracle("simple-arithmetic", "simple-algebra")
def calculate(page: Page) -> Action:
    return answer(page, _missing(page))


def _missing(page: Page) -> int:
    """What the equation on the page lacks: its right side, or the x on its left; an x between numbers means times."""
    problem = page.find("div", id="math-problem")
    written = re.fullmatch(r"(x|\d+) ([-+x]) (x|\d+) =(?: (\d+))?", problem.text if problem else "")
    if written is None:
        raise OracleError("there is no equation that can be read")
    left, sign, right, result = written.groups()
    if result is None:
        a, b = int(left), int(right)
        return {"+": a + b, "-": a - b, "x": a * b}[sign]
    if left == "x":
        return int(result) - int(right) if sign == "+" else int(result) + int(right)
    return int(result) - int(left) if sign == "+" else int(left) - int(result)


@oracle("visual-addition")
def visual_addition(page: Page) -> Action:
    return answer(page, len(page.find_all("span", cls="addition-block")))


def answer(page: Page, number: int) -> Action:
    """The next action towards submitting a number."""
    return fill(page.find("input", id="math-answer"), str(number)) or submit(page)
