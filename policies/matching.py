"""Match features: where a word of the page also stands in the instruction or the history, and the reverse.

A small network trained from scratch spends most of its samples learning to compare words. These features say what a
comparison of strings can say; what follows from it stays for the network to learn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from envs.html import Element
from policies.colours import with_names
from policies.page import Unit, like_children
from policies.vocabulary import Word, split_words

SHARED = 8
"""Shared words that are told apart; the ninth has the number of the first again."""
COLUMNS = 4
"""Numbers of a row, from its end, that are compared with those of the other rows."""
PLACE_BITS = 4

FEATURES = (
    "space before",
    "in the instruction part", "in the history part", "in the page part",
    # of words
    "same word, same case", "same word", "word quoted", "neighbouring pair", "in history", "in a field's value",
    "starts with quoted", "ends with quoted",
    # of elements, at their opening tag
    "name is quoted", "name in instruction", "name shares a word", "name starts with quoted", "name ends with quoted",
    "value in instruction", "has a value", "acted on", "acted on last", "row apart", "actable", "text",
    # which word it is, of those that both the instruction and the page hold: the same number on both sides
    *(f"shared word {number}" for number in range(SHARED)),
    # of the numbers that stand at the same place in several like siblings, such as the prices of a list
    "smallest of its like", "largest of its like",
    "id in instruction",  # as it is written, signs and all: (-1,2)
    # of what can be acted on in one of several like rows: whose number, counted from the row's end, is the extreme one
    *(f"{extreme} number {place} of its row" for extreme in ("smallest", "largest") for place in range(COLUMNS)),
    # the place among its siblings, from 1, as a binary number
    *(f"place, bit {bit}" for bit in range(PLACE_BITS)),
    "name is quoted as written",  # capitals, signs and all
    "shape in instruction",  # what a drawn thing is called: a letter, a triangle
    *(f"place after {2**PLACE_BITS - 1}, bit {bit}" for bit in range(PLACE_BITS)),  # where there are more siblings
    "place is the ordinal",  # of an element among its siblings, of a word in its text: the 6th that is asked for
    # of words with a capital, which beside each other are often one name
    "capital", "capital, like the word before", "capital, like the word after",
    # of elements and the numbers in them, beside all numbers of the instruction: less than 45, above $52.30
    "number below those asked for", "number above those asked for",
    # of what showed a number after it was acted on, such as a card that is turned: the extreme ones
    "showed the smallest", "showed the largest",
    # what stands elsewhere as the label of the first field that is empty does: beside it may be what the field wants
    "label of the next field",
    # where the page has as many numbers as the instruction, of each beside the one at its place there
    "number below its counterpart", "number above its counterpart",
    # and of what can be acted on between two such numbers, beside the second: the slider above its value
    "its number below the counterpart", "its number above the counterpart",
)  # fmt: skip
"""In order; a network knows the first so many. The reverse of a word's feature has the same number: the part tells them
apart."""

_F = {name: number for number, name in enumerate(FEATURES)}
_PLACE, _PLACE_AFTER = _F["place, bit 0"], _F[f"place after {2**PLACE_BITS - 1}, bit 0"]
ASKED = _F["in the instruction part"]
"""Which feature marks what the instruction says."""
PAST = _F["in the history part"]
"""What is told of the past: this feature's units, and ``OF_THE_PAST`` of the others."""
OF_THE_PAST = [_F[f] for f in ("in history", "acted on", "acted on last", "showed the smallest", "showed the largest")]
_LONGEST_NAME = 12
_LONGEST_LABEL = 40
FIELDS = ("input", "textarea", "select")
_NUMBER = re.compile(r"(?:(?<![\w)])-)?(?<!\d)(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d|st\b|nd\b|rd\b|th\b)")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_DRAWN = {"rect": ("shape", "rectangle"), "circle": ("shape", "circle"), "ellipse": ("shape", "ellipse")}


class _Opened(NamedTuple):
    """An element where it opens: its row of features, itself, and its name."""

    row: bytearray
    element: Element
    name: str


def match_features(instruction: Sequence[Unit], history: Sequence[Unit], page: Sequence[Unit],
                   acted: Sequence[int], shown: Mapping[int, str] | None = None) -> np.ndarray:  # fmt: skip
    """Features of each unit.

    Args:
        instruction: its words.
        history: past actions, as words.
        page: the page's words and markup.
        acted: refs that past actions named, oldest first.
        shown: for refs that past actions named, what their elements were called after it.

    Returns:
        uint8, units of all three parts in this order x ``len(FEATURES)``; 0 or 1.
    """
    parts = {"in the instruction part": instruction, "in the history part": history, "in the page part": page}
    features: list[bytearray] = []  # their items are set in a third of the time that those of an array take
    for name, units in parts.items():
        for unit in units:
            features.append(row := bytearray(len(FEATURES)))
            row[0], row[_F[name]] = unit.space, 1
    task, past = features[: len(instruction)], features[len(instruction) : len(instruction) + len(history)]
    here = features[len(instruction) + len(history) :]

    texts = [unit for unit in page if unit.part in ("text", "value", "label")]
    values = {unit.key for unit in page if unit.part == "value"} - {""}
    quoted = _quoted(instruction)
    spans = [keys for keys in (_keys(words) for words in quoted) if keys]
    written = {_written(words).strip() for words in quoted} - {""}
    quoted_keys = {key for span in spans for key in span}
    _same(task, instruction, texts, set(), values, _pairs(page))
    _same(past, history, instruction, quoted_keys, values, _pairs(instruction))
    _same(here, page, instruction, quoted_keys, set(), _pairs(instruction))
    past_keys = {unit.key for unit in history} - {""}
    for rows, units in ((task, instruction), (here, page)):
        for row, unit in zip(rows, units, strict=True):
            row[_F["in history"]] = unit.key in past_keys
    inside = {id(unit) for words in quoted for unit in words}
    for row, unit in zip(task, instruction, strict=True):
        row[_F["word quoted"]] = id(unit) in inside
    for row, unit in zip(here, page, strict=True):
        if unit.part == "text" and unit.kind == "word":
            row[_F["text"]] = 1
            if unit.key and spans:
                row[_F["starts with quoted"]], row[_F["ends with quoted"]] = _affixes(unit.key, spans)
    numbers = _numbers(instruction, texts)
    for row, unit in zip(features, (*instruction, *history, *page), strict=True):
        if unit.key in numbers:
            row[numbers[unit.key]] = 1
    opened = [_Opened(row, unit.element, element_name(unit.element))
              for row, unit in zip(here, page, strict=True) if unit.opens and unit.element is not None]  # fmt: skip
    groups, figures = _groups([element for _, element, _ in opened]), cache(_figures)
    _elements(opened, _keys(instruction), spans, acted, numbers, groups)
    for row, _, name in opened if written else ():
        row[_F["name is quoted as written"]] = " ".join(name.split()) in written
    _shapes(opened, {*_keys(instruction)})
    _ids(opened, _written(instruction))
    _extremes(here, page, groups, figures)
    asked = _amounts(_written(instruction))
    _compared(here, page, asked, figures)
    _counterparts(here, page, asked, figures)
    _showed(opened, {ref: amounts[0] for ref, text in (shown or {}).items() if (amounts := _amounts(text))})
    _next_label(here, page)
    ordinals = {int(found[1]) for key in _keys(instruction) if (found := _ORDINAL.fullmatch(key))}
    _places(opened, ordinals)
    _word_places(here, page, ordinals)
    for rows, units in ((task, instruction), (past, history), (here, page)):
        _capitals(rows, units)
    return np.frombuffer(b"".join(features), np.uint8).reshape(-1, len(FEATURES))


def _numbers(instruction: Sequence[Unit], texts: Sequence[Unit]) -> dict[str, int]:
    """For each word that stands in both, the feature of its number; words that the page has often come last."""
    counts = Counter(unit.key for unit in texts)
    shared = [key for key in dict.fromkeys(_keys(instruction)) if counts[key]]
    ranked = sorted(shared, key=lambda key: counts[key] > 2)
    return {key: _F["shared word 0"] + number % SHARED for number, key in enumerate(ranked)}


def _same(rows: list[bytearray], units: Sequence[Unit], others: Iterable[Unit], quoted: set[str], values: set[str],
          pairs: set[tuple[str, str]]) -> None:  # fmt: skip
    others = list(others)
    exact, keys = {unit.text for unit in others}, {unit.key for unit in others}
    words = [(number, unit) for number, unit in enumerate(units) if unit.key]
    for number, unit in words:
        row = rows[number]
        row[_F["same word, same case"]] = unit.text in exact
        row[_F["same word"]] = unit.key in keys
        row[_F["word quoted"]] = unit.key in quoted
        row[_F["in a field's value"]] = unit.key in values
    for (one, first), (two, second) in pairwise(words):
        if (first.key, second.key) in pairs:
            rows[one][_F["neighbouring pair"]] = rows[two][_F["neighbouring pair"]] = 1


def _pairs(units: Iterable[Unit]) -> set[tuple[str, str]]:
    keys = [unit.key for unit in units if unit.key]
    return set(pairwise(keys))


def _keys(words: Iterable[Unit | Word]) -> tuple[str, ...]:
    return tuple(word.key for word in words if word.key)


def _quoted(instruction: Sequence[Unit]) -> list[list[Unit]]:
    """The words between each pair of double quotes."""
    found: list[list[Unit]] = []
    marks = [number for number, unit in enumerate(instruction) if unit.text == '"']
    for begin, end in zip(marks[::2], marks[1::2], strict=False):
        found.append(list(instruction[begin + 1 : end]))
    return found


def _affixes(word: str, spans: list[tuple[str, ...]]) -> tuple[bool, bool]:
    single = [span[0] for span in spans if len(span) == 1]
    return any(word.startswith(s) for s in single), any(word.endswith(s) for s in single)


def _contains(whole: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1)) if part else False


def element_name(element: Element) -> str:
    """What a person would call it: its text, its title, or what it shows; of a field, what labels it."""
    if element.tag in FIELDS:
        if element.parent is not None and element.parent.tag == "label":
            return element.parent.text
        kind = element.attributes.get("type")
        if kind in ("button", "submit", "reset"):
            return element.value
        named = element.attributes.get("placeholder", "") or element.attributes.get("aria-label", "")
        return named or ("" if kind in ("checkbox", "radio") else _text_before(element))
    attributes = element.attributes
    colour = with_names((attributes.get("style", "") or attributes.get("fill", "")).rpartition(":")[2].strip())
    return f"{colour} {element.text or attributes.get('title', '') or attributes.get('aria-label', '')}".strip()


def _text_before(field: Element) -> str:
    """The text that stands right before a field, if no other field is between, and it is short enough for a label."""
    node = field
    while node.parent is not None:
        siblings = node.parent.children
        place = next(number for number, sibling in enumerate(siblings) if sibling is node)
        for sibling in reversed(siblings[:place]):
            if isinstance(sibling, str):
                text = sibling.strip()
            elif any(element.tag in FIELDS for element in (sibling, *sibling.walk())):
                return ""
            else:
                text = sibling.text
            if text:
                return text if len(text) <= _LONGEST_LABEL else ""
        node = node.parent
    return ""


def _elements(opened: Sequence[_Opened], instruction: tuple[str, ...], spans: list[tuple[str, ...]],
              acted: Sequence[int], numbers: dict[str, int], groups: Iterable[list[Element]]) -> None:  # fmt: skip
    asked = set(instruction)
    differing = _rows_differ(groups, asked)
    for row, element, called in opened:
        name = _keys(split_words(called[:400]))
        if name and len(name) <= _LONGEST_NAME:
            row[_F["name is quoted"]] = name in spans
            row[_F["name in instruction"]] = _contains(instruction, name)
            row[_F["name shares a word"]] = not asked.isdisjoint(name)
            if spans:
                whole = "".join(name)
                row[_F["name starts with quoted"]], row[_F["name ends with quoted"]] = _affixes(whole, spans)
        if element.value:
            row[_F["has a value"]] = 1
            row[_F["value in instruction"]] = _contains(instruction, _keys(split_words(element.value)))
        row[_F["acted on"]] = element.ref in acted
        row[_F["acted on last"]] = element.ref is not None and element.ref in acted[-1:]
        held: dict[str, bool] = {}
        for holder in _chain(element) if differing else ():
            held |= differing.get(id(holder), {})
        row[_F["row apart"]] = any(held.values())
        for key in (*held, *name[:_LONGEST_NAME]):
            if key in numbers:
                row[numbers[key]] = 1
        row[_F["actable"]] = bool(element.verbs)


def _written(words: Iterable[Unit]) -> str:
    return "".join(" " * word.space + word.text for word in words)


def _shapes(opened: Sequence[_Opened], instruction: set[str]) -> None:
    for row, element, _ in opened:
        row[_F["shape in instruction"]] = any(
            name in instruction or f"{name}s" in instruction for name in _shape_names(element)
        )


def _shape_names(element: Element) -> tuple[str, ...]:
    """What a person would call something that is drawn."""
    if element.tag == "text":
        text = element.text.strip()
        return ("letter",) if text.isalpha() else ("digit", "number") if text.isdigit() else ()
    if element.tag == "polygon":
        triangle = len(re.split(r"[\s,]+", element.attributes.get("points", "").strip())) == 2 * 3
        return ("shape", "triangle") if triangle else ("shape",)
    return _DRAWN.get(element.tag, ())


def _ids(opened: Sequence[_Opened], instruction: str) -> None:
    for row, element, _ in opened:
        if len(name := element.id) > 1 and name in instruction:
            row[_F["id in instruction"]] = bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", instruction))


def _chain(element: Element | None) -> Iterable[Element]:
    while element is not None:
        yield element
        element = element.parent


def _extremes(rows: list[bytearray], page: Sequence[Unit], groups: Iterable[list[Element]],
              figures_of: Callable[[Element], tuple[float, ...]]) -> None:  # fmt: skip
    like: dict[int, int] = {}
    in_row: dict[int, set[int]] = {}
    for group in groups:
        places: dict[tuple[str, str, int], list[tuple[tuple[float, ...], Element, Element, int]]] = {}
        for child in group:
            seen: Counter[tuple[str, str]] = Counter()
            numbers = [(element, found) for element in (child, *child.walk()) if (found := figures_of(element))]
            for place, (element, figures) in enumerate(numbers, start=1 - len(numbers)):
                kind = (element.tag, " ".join(element.classes[:1]))
                places.setdefault((*kind, seen[kind]), []).append((figures, element, child, -place))
                seen[kind] += 1
        for found in places.values():
            least, most = min(entry[0] for entry in found), max(entry[0] for entry in found)
            for extreme, wanted in (("smallest", least), ("largest", most)) if least != most else ():
                for value, element, child, place in found:
                    if value != wanted:
                        continue
                    like[id(element)] = _F[f"{extreme} of its like"]
                    for part in (child, *child.walk()) if place < COLUMNS else ():
                        if part.verbs:
                            in_row.setdefault(id(part), set()).add(_F[f"{extreme} number {place} of its row"])
    for row, unit in zip(rows, page, strict=True):
        if unit.opens or unit.part == "text":
            if (mark := like.get(id(unit.element))) is not None:
                row[mark] = 1
            for mark in in_row.get(id(unit.element), ()):
                row[mark] = 1


def _figures(element: Element) -> tuple[float, ...]:
    return _amounts("".join(part for part in element.children if isinstance(part, str)))


def _amounts(text: str) -> tuple[float, ...]:
    return tuple(float(number.replace(",", "")) for number in _NUMBER.findall(text))


def _compared(rows: list[bytearray], page: Sequence[Unit], asked: tuple[float, ...],
              figures_of: Callable[[Element], tuple[float, ...]]) -> None:  # fmt: skip
    for row, unit in zip(rows, page, strict=True) if asked else ():
        element = unit.element if unit.opens or unit.part in ("text", "value") else None
        figures = (figures_of(element) or _amounts(element.value)) if element is not None else ()
        if figures:
            row[_F["number below those asked for"]] = max(figures) < min(asked)
            row[_F["number above those asked for"]] = min(figures) > max(asked)


def _counterparts(rows: list[bytearray], page: Sequence[Unit], asked: tuple[float, ...],
                  figures_of: Callable[[Element], tuple[float, ...]]) -> None:  # fmt: skip
    shown = {id(u.element): figures for u in page if u.opens and u.element and (figures := figures_of(u.element))}
    if len(shown) != len(asked) or any(len(figures) > 1 for figures in shown.values()):
        return
    wanted = iter(asked)
    marks: dict[int, int] = {}
    controls: list[int] = []
    for unit in page:
        if not unit.opens or unit.element is None:
            continue
        key = id(unit.element)
        if key not in shown:
            controls += [key] if unit.element.verbs else []
            continue
        (figure,), other = shown[key], next(wanted)
        if figure != other:
            which = "below" if figure < other else "above"
            marks[key] = _F[f"number {which} its counterpart"]
            marks |= dict.fromkeys(controls, _F[f"its number {which} the counterpart"])
        controls = []
    for row, unit in zip(rows, page, strict=True):
        if (unit.opens or unit.part == "text") and id(unit.element) in marks:
            row[marks[id(unit.element)]] = 1


def _showed(opened: Sequence[_Opened], shown: Mapping[int, float]) -> None:
    if len(shown) < 2:
        return
    for row, element, _ in opened:
        if (ref := element.ref) is not None and ref in shown:
            row[_F["showed the smallest"]] = shown[ref] == min(shown.values())
            row[_F["showed the largest"]] = shown[ref] == max(shown.values())


def _next_label(rows: list[bytearray], page: Sequence[Unit]) -> None:
    fields = (unit.element for unit in page if unit.opens and unit.element and unit.element.tag in FIELDS)
    empty = next((field for field in fields if field.verbs and not field.value), None)
    label = _keys(split_words(element_name(empty)[:400])) if empty is not None else ()
    if not 0 < len(label) <= _LONGEST_NAME:
        return
    named: dict[int, bool] = {}
    for row, unit in zip(rows, page, strict=True):
        if unit.part == "text" and unit.element is not None and unit.kind == "word":
            key = id(unit.element)
            if key not in named:
                named[key] = _keys(split_words(unit.element.text[:400])) == label
            row[_F["label of the next field"]] = named[key]


def _places(opened: Sequence[_Opened], ordinals: set[int]) -> None:
    """Of what alone stands in a wrapper, the wrapper's place counts."""
    places_in = cache(_element_places)
    for row, holder, _ in opened:
        while holder.parent is not None and len(places_in(holder.parent)) == 1:
            holder = holder.parent
        if holder.parent is not None:
            place = places_in(holder.parent)[id(holder)]
            row[_F["place is the ordinal"]] = place in ordinals
            most = 2**PLACE_BITS - 1
            low, high = min(place, most), min(max(0, place - most), most)
            for bit in range(PLACE_BITS):
                row[_PLACE + bit] = low >> bit & 1
                row[_PLACE_AFTER + bit] = high >> bit & 1


def _element_places(parent: Element) -> dict[int, int]:
    """id of each element of a parent -> its place among them, from 1."""
    return {id(child): n for n, child in enumerate((c for c in parent.children if not isinstance(c, str)), start=1)}


def _word_places(rows: list[bytearray], page: Sequence[Unit], ordinals: set[int]) -> None:
    """Signs do not count."""
    if not ordinals:
        return
    counts: Counter[int] = Counter()
    for row, unit in zip(rows, page, strict=True):
        if unit.key and unit.part == "text":
            counts[id(unit.element)] += 1
            row[_F["place is the ordinal"]] = counts[id(unit.element)] in ordinals


def _capitals(rows: list[bytearray], units: Sequence[Unit]) -> None:
    capital = [False, *(unit.kind == "word" and unit.text[:1].isupper() for unit in units), False]
    for row, before, this, after in zip(rows, capital, capital[1:], capital[2:], strict=False):
        if this:
            row[_F["capital"]] = 1
            row[_F["capital, like the word before"]], row[_F["capital, like the word after"]] = before, after


def _groups(shown: Sequence[Element]) -> list[list[Element]]:
    """The like siblings among the elements shown and those around them."""
    parents: dict[int, Element] = {}
    for holder in shown:
        for element in _chain(holder.parent):
            if id(element) in parents:
                break  # and so are those around it
            parents[id(element)] = element
    return [group for parent in parents.values() for group in like_children(parent)]


def _rows_differ(groups: Iterable[list[Element]], instruction: set[str]) -> dict[int, dict[str, bool]]:
    """Those of several like siblings that hold a word of the instruction which not all of the others hold.

    Returns:
        id of the element -> such words, and whether at most a third of the siblings hold the word.
    """
    found: dict[int, dict[str, bool]] = {}
    asked = cache(lambda text: instruction.intersection(_keys(split_words(text))))
    for group in groups:
        texts = [
            [part for e in (child, *child.walk()) for part in e.children if isinstance(part, str)] for child in group
        ]
        holds = [set[str]().union(*map(asked, parts)) for parts in texts]
        counts = Counter(key for keys in holds for key in keys)
        rare = {key: count <= max(1, len(group) // 3) for key, count in counts.items() if count < len(group)}
        for child, keys in zip(group, holds, strict=True):
            if words := {key: rare[key] for key in keys if key in rare}:
                found[id(child)] = words
    return found
