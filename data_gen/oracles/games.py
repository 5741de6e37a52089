"""Games against the page: guesses, noughts and crosses."""

from __future__ import annotations

import re
from functools import cache

from data_gen.oracles.base import Page, click, fill, oracle
from envs.action import Action

LAST_NUMBER = 9
"""The number to guess is between 0 and this."""


@oracle("guess-number")
def guess_number(page: Page) -> Action:
    """Halves what is left."""
    submit = page.find("button", id="subbtn")
    return fill(page.find("input", id="tt"), str(_next_guess(page))) or click(submit)


def _next_guess(page: Page) -> int:
    """The middle of the numbers between the last guess and the next that was guessed before, on the side that is told.

    The page tells the side of the last guess only; the earlier ones follow from the guesses, as each was the middle
    then. A guess of another kind may have closed the wrong side: where nothing is left between, the next gap it is.
    """
    guessed, typed = set(), ""
    for seen, action in page.past:
        if action.verb == "type":
            typed = action.args[1]
        elif action.verb == "click" and (button := seen.find("button", id="subbtn")) and action.args[0] == button.ref:
            guessed.add(str(typed))
    feedback = page.find(id="feedback")
    told = re.search(r"(higher|lower) than (-?\d+)", feedback.text if feedback else "")
    side, last = (told[1], int(told[2])) if told else ("higher", -1)
    numbers = range(LAST_NUMBER + 1) if side == "higher" else range(LAST_NUMBER, -1, -1)
    gap: list[int] = []
    for number in numbers:
        beyond = number > last if side == "higher" else number < last
        if beyond and str(number) not in guessed:
            gap.append(number)
        elif gap:
            break
    return sorted(gap)[(len(gap) - 1) // 2] if gap else 0


LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
RANDOM_MOVES = 0.55
"""Share of the opponent's moves that are drawn from all free squares. In the others it wins if it can, else prevents
that we do, else draws too; its very first move is always drawn."""


@oracle(
    "tic-tac-toe",
    limit="the best play wins 84.9 % against this opponent: it begins half of the games and often sees what to do",
)
def tic_tac_toe(page: Page) -> Action:
    """The move with the best chance to win against that opponent, the first of equals; a draw is a loss here."""
    squares = [page.find("span", id=f"ttt-{index}") for index in range(9)]
    marks = ["".join(square.classes) if square else "" for square in squares]
    board = tuple({"mark-x": 1, "mark-o": -1}.get(mark, 0) for mark in marks)
    return click(squares[max(_free(board), key=lambda square: round(_chance_after(board, square), 9))])


Board = tuple[int, ...]
"""Nine squares: 1 ours, -1 the opponent's, 0 free."""


def _free(board: Board) -> list[int]:
    return [square for square in range(9) if not board[square]]


def _put(board: Board, square: int, mark: int) -> Board:
    return (*board[:square], mark, *board[square + 1 :])


def _has_won(board: Board, mark: int) -> bool:
    return any(all(board[square] == mark for square in line) for line in LINES)


def _completing(board: Board, mark: int) -> list[int]:
    """Where that player would win at once."""
    return [square for square in _free(board) if _has_won(_put(board, square, mark), mark)]


@cache
def _chance(board: Board) -> float:
    """The chance to win when it is our move."""
    return max((_chance_after(board, square) for square in _free(board)), default=0.0)


@cache
def _chance_after(board: Board, square: int) -> float:
    """The chance to win after our move."""
    board = _put(board, square, 1)
    free = _free(board)
    if _has_won(board, 1) or not free:
        return float(_has_won(board, 1))
    deliberate = _completing(board, -1) or _completing(board, 1) or free
    chance = 0.0
    for answer in free:
        share = RANDOM_MOVES / len(free) + (1 - RANDOM_MOVES) / len(deliberate) * (answer in deliberate)
        after = _put(board, answer, -1)
        chance += 0.0 if _has_won(after, -1) else share * _chance(after)
    return chance
