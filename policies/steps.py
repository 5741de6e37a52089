"""Actions as the decoder writes them: a short run of steps, each of which takes one token or points at one place.

With copying, the element comes first and then what to do with it, so the verb is chosen knowing the element:

    place of the element, verb, arguments          click, type, select, ... on an element
    verb, arguments                                press, wait, click_xy, ...
    page, direction                                scroll page

A pixel is told from an element (``policies.points``). A string is words pointed at and tokens, then END; the strings of
``select`` end in NEXT each, the last END closes them. A string that is a whole number and stands nowhere, such as a
sum, is AMOUNT (``policies.targets``), then the number itself, as an offset from 0.
Without copying an action is its verb, then its arguments as text, each closed by END: the plain published decoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

from envs.action import PAGE, SIGNATURES, Action

VERBS = tuple(SIGNATURES)
REF_VERBS = tuple(verb for verb, kinds in SIGNATURES.items() if kinds and kinds[0].startswith("ref"))
"""Verbs whose first argument is an element (or, to scroll, the page)."""
FREE_VERBS = tuple(verb for verb in VERBS if verb not in REF_VERBS)
PIXEL_VERBS = tuple(verb for verb in FREE_VERBS if "pixel" in SIGNATURES[verb])

NEVER = -1e9
"""Logit of what is not allowed. Finite, so that a row with nothing allowed has no NaN in its gradient."""


class Kind(IntEnum):
    """What a step decides. The order is that of the rows of the vocabulary masks."""

    START = 0
    """With copying: an element, a verb that takes none, or the page (to scroll it)."""
    VERB = 1
    REF = 2
    """With copying: a second element."""
    DIRECTION = 3
    KEYS = 4
    NUMBER = 5
    """Without copying: a token of a number that is written out, or its END."""
    TEXT = 6
    """A word or token of a string, a mark that the word after it is copied in another case or that the string is a
    number, or its END."""
    LABEL = 7
    """A word or token of a string of several, or its NEXT."""
    LABELS = 8
    """The same at a string's beginning, where END closes them all."""
    POINT = 9
    """With copying: an element that a pixel is told from."""
    SIDE = 10
    """Which of its sides across, or down; END for its middle."""
    OFFSET = 11
    """How many pixels from there; of an amount, how much."""


_BITS = {verb: 1 << number for number, verb in enumerate(VERBS)}


def verb_bit(verb: str) -> int:
    return _BITS[verb]


def verb_bits(verbs: Iterable[str]) -> int:
    return sum(_BITS[verb] for verb in set(verbs))


def argument_kinds(verb: str) -> Iterator[str]:
    """Kinds of the verb's arguments; the last one goes on for ever where there may be several of it."""
    for kind in SIGNATURES[verb]:
        if kind.endswith("*"):
            while True:
                yield kind
        yield kind


def starts_with_element(action: Action) -> bool:
    return action.verb in REF_VERBS and action.args[0] != PAGE
