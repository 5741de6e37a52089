"""What the decoder is to write for an action: its steps (``policies.steps``), and where words are copied from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from envs.action import PAGE, SIGNATURES, Action
from policies.config import ProcessorConfig
from policies.measures import FROM_ZERO, LARGEST, offset_token
from policies.page import Unit
from policies.points import counts_from, nearest
from policies.steps import PIXEL_VERBS, VERBS, Kind, argument_kinds, starts_with_element, verb_bit, verb_bits
from policies.vocabulary import END, KEYS, NEXT, Vocabulary, Word, split_words

ALTERNATIVES = 4
"""Places that may be right for one step; more are left out."""


CASES = {"up": str.upper, "down": str.lower}
"""Names of directions that, before a word that is copied, say that it is written in capitals or in small letters."""


AMOUNT = NEXT
"""In a single string, the sign that it is a whole number, which follows as an offset from 0."""


class TargetError(ValueError):
    """An action that cannot be learnt from this observation: its element is not there, or its string is too long."""


class Step(NamedTuple):
    """One decoder step of a target."""

    kind: Kind
    token: int = -1
    """The token that is right; -1 where a place is."""
    places: Sequence[int] = ()
    """The places that are right, at most ``ALTERNATIVES``."""
    allowed: int = verb_bits(VERBS)
    """At VERB the verbs that the element takes, at REF those it must have one of, at OFFSET where it counts from."""


class Source(NamedTuple):
    """The encoder's input, as far as targets need it."""

    units: Sequence[Unit]
    """Words and markup of the instruction, the history and the page, in this order."""
    places: Sequence[int]
    """The first token of each."""
    parts: Sequence[int]
    """0, 1 or 2 for each unit: of the instruction, the page, the history; copies come rather from the lower."""
    boxes: Mapping[int, np.ndarray]
    """Place of each element that can be seen -> its x, y, width, height."""


def action_steps(action: Action, source: Source, vocabulary: Vocabulary, config: ProcessorConfig) -> list[Step]:
    """The steps of an action.

    Raises:
        TargetError: if the observation has not what the action needs, or more steps are needed than there may be.
    """
    symbols, verb, copy, max_steps = vocabulary.symbols, action.verb, config.copy, config.max_steps
    shown = zip(source.units, source.places, strict=True)
    found = {unit.element.ref: (place, unit.element) for unit, place in shown if unit.opens and unit.element}
    for ref in action.refs:
        if ref not in found or verb not in found[ref][1].verbs:
            raise TargetError(f"{str(action)[:80]!r}: element {ref} is not on the page, or does not take {verb}")
    arguments = list(zip(islice(argument_kinds(verb), len(action.args)), action.args, strict=True))
    if copy and starts_with_element(action):
        place, element = found[action.refs[0]]
        steps = [Step(Kind.START, places=[place]), Step(Kind.VERB, symbols[verb], allowed=verb_bits(element.verbs))]
        arguments = arguments[1:]
    elif copy:
        steps = [Step(Kind.START, symbols[PAGE if verb == "scroll" else verb])]
        arguments = arguments[1:] if verb == "scroll" else arguments
    else:
        steps = [Step(Kind.VERB, symbols[verb])]
    if copy and verb in PIXEL_VERBS:
        steps += _point_steps(action, source, vocabulary)
        arguments = []
    several = any(kind.endswith("*") for kind in SIGNATURES[verb])
    for kind, argument in arguments:
        if kind == "string" and copy and config.amounts and (number := _amount(str(argument), source)) is not None:
            steps.append(Step(Kind.TEXT, symbols[AMOUNT]))
            steps.append(Step(Kind.OFFSET, offset_token(number), allowed=FROM_ZERO))
        elif kind.startswith("string"):
            first, inner, last = (Kind.LABELS, Kind.LABEL, NEXT) if several else (Kind.TEXT, Kind.TEXT, END)
            case = config.case and not several
            written = [*_string_steps(str(argument), source, vocabulary, copy, case), (symbols[last], ())]
            steps += [Step(inner if n else first, token, places) for n, (token, places) in enumerate(written)]
        elif kind.startswith("ref") and copy:
            steps.append(Step(Kind.REF, places=[found[int(argument)][0]], allowed=verb_bit(verb)))
        elif kind == "direction":
            steps.append(Step(Kind.DIRECTION, symbols[str(argument)]))
        elif kind == "keys":
            if argument not in KEYS:
                raise TargetError(f"{str(action)!r}: the policy knows these keys only: {', '.join(KEYS)}")
            steps.append(Step(Kind.KEYS, symbols[argument]))
        else:
            written = (symbols[PAGE],) if argument == PAGE else vocabulary.encode_word(str(argument), False)
            steps += [Step(Kind.NUMBER, token) for token in (*written, symbols[END])]
    if several:
        steps.append(Step(Kind.LABELS, symbols[END]))
    if len(steps) > max_steps:
        raise TargetError(f"{str(action)[:80]!r}: {len(steps)} decoder steps; at most {max_steps}")
    return steps


def _point_steps(action: Action, source: Source, vocabulary: Vocabulary) -> Iterator[Step]:
    start = None
    for pixel in zip(action.args[::2], action.args[1::2], strict=True):
        start = nearest([int(coordinate) for coordinate in pixel], source.boxes, start)
        if start is None:
            raise TargetError(
                f"{str(action)!r}: the page shows no element, with its box, that a pixel could be told from"
            )
        yield Step(Kind.POINT, places=[start.place])
        for axis, offset in enumerate((start.across, start.down)):
            yield Step(Kind.SIDE, vocabulary.symbols[offset.side or END])
            code = counts_from(source.boxes[start.place], axis, offset.side)
            yield Step(Kind.OFFSET, offset_token(offset.pixels), allowed=code)


def _amount(text: str, source: Source) -> int | None:
    """The whole number that a string is, if it stands nowhere in one piece and so has to be worked out."""
    if not re.fullmatch(r"0|-?[1-9]\d{0,3}", text) or abs(int(text)) > LARGEST:
        return None
    words = split_words(text)
    starts = (n for n, unit in enumerate(source.units) if unit.kind == "word" and unit.text == words[0].text)
    return None if any(_run(source.units, start, words, 0) == len(words) for start in starts) else int(text)


def _string_steps(
    text: str, source: Source, vocabulary: Vocabulary, copy: bool, case: bool
) -> list[tuple[int, Sequence[int]]]:
    """Writes a string in as few and long copies as can be, rather from the instruction; generates what nothing has."""
    words, steps = split_words(text), []
    where: dict[str, list[int]] = {}
    if copy:
        for index, unit in enumerate(source.units):
            if unit.kind == "word":
                where.setdefault(unit.text, []).append(index)
    number = 0
    while number < len(words):
        word = words[number]
        runs = []
        for start in where.get(word.text, []):
            spaced = source.units[start].space
            # At a string's start a copied word loses its space; a space that the source lacks is generated before it.
            if spaced and (not word.space if number else word.space):
                continue
            runs.append(
                (-_run(source.units, start, words, number), source.parts[start], word.space and not spaced, start)
            )
        if not runs and copy and case and (found := _in_other_case(source, word, first=not number)):
            mark, places = found
            steps += [(vocabulary.symbols[mark], ()), (-1, places)]
            number += 1
            continue
        if not runs:
            pieces = _pieces(source.units, word) if copy and not number else range(0)
            steps += [(-1, [source.places[index]]) for index in pieces]
            if not pieces:
                steps += [(token, ()) for token in vocabulary.encode_word(*word)]
            number += 1
            continue
        best = min(runs)
        if best[2]:
            steps.append((vocabulary.space_id, ()))
        starts = [run[3] for run in sorted(runs) if run[:3] == best[:3]][:ALTERNATIVES]
        steps += [(-1, [source.places[start + offset] for start in starts]) for offset in range(-best[0])]
        number -= best[0]
    return steps


def _in_other_case(source: Source, word: Word, first: bool) -> tuple[str, list[int]] | None:
    """How a word is one of the source in capitals or in small letters, and the places where that stands."""
    for mark, changed in CASES.items():
        found = [
            (part, place) for unit, place, part in zip(source.units, source.places, source.parts, strict=True)
            if unit.kind == "word" and unit.text != word.text == changed(unit.text)
            and ((first and not word.space) or unit.space == word.space)
        ]  # fmt: skip
        if found:
            return mark, [place for _, place in sorted(found)][:ALTERNATIVES]
    return None


def _run(units: Sequence[Unit], start: int, words: Sequence[Word], number: int) -> int:
    """How many words from ``number`` on stand at ``start`` as they are, the first one's space aside."""
    length = 1
    for unit, word in zip(units[start + 1 :], words[number + 1 :], strict=False):
        if unit.kind != "word" or unit.text != word.text or unit.space != word.space:
            break
        length += 1
    return length


def _pieces(units: Sequence[Unit], word: Word) -> range:
    """The first units that make up a string's first word between them, such as letters that are drawn one by one."""
    for start, unit in enumerate(units):
        if unit.kind != "word" or not word.text.startswith(unit.text):
            continue
        end, text = start + 1, unit.text
        while end < len(units) and len(text) < len(word.text) and units[end].kind == "word" and not units[end].space:
            text += units[end].text
            end += 1
        if text == word.text:
            return range(start, end)
    return range(0)
