"""Which words of demonstrations are values, and the same demonstration with other values.

A word is a value where it stands in the instruction and in what is done (typed, chosen, the name or the row of what is
clicked), and not in every demonstration alike. What stands on the page in its place, such as the other options and
rows, is replaced with it: a policy must not find a value by its being the only word it does not know. A secret's
placeholder is a value that is not replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING

from data_gen.augment.rows import like_siblings
from data_gen.augment.words import SECRET, TOKEN, another, in_style_of, words_of
from envs.action import Action
from envs.html import Element

if TYPE_CHECKING:
    from data_gen.augment.variants import Demonstration

WORDED = ("id", "for", "value", "placeholder", "title", "alt", "aria-label")
"""Attributes whose words are replaced too."""


def find_values(demonstrations: Sequence[Demonstration]) -> tuple[set[str], set[str]]:
    """The words that are values, and all that are to be replaced, in lower case."""
    said = [words_of(demonstration.instruction) for demonstration in demonstrations]
    done = [_deeds(demonstration) for demonstration in demonstrations]
    fixed: set[str] = set()
    if len(demonstrations) > 1:
        fixed = set.intersection(*said) | set.intersection(*done)
    values = {word for words, deeds in zip(said, done, strict=True) for word in words & deeds} - fixed
    beside = {word for demonstration in demonstrations for word in _beside(demonstration, values)}
    secrets = {word for word in set().union(*said) if SECRET.fullmatch(word)}
    return values | secrets, (values | (beside - fixed - set().union(*said))) - secrets


def _deeds(demonstration: Demonstration) -> set[str]:
    words: set[str] = set()
    for step in demonstration.steps:
        for string in step.action.strings:
            words |= words_of(string)
        for ref in step.action.refs:
            element = step.elements[ref]
            if step.action.verb not in ("type", "select"):
                words |= words_of(" ".join([element.text, element.value, element.attributes.get("title", "")]))
                words |= _around(element)
    return words


def _around(element: Element) -> set[str]:
    """Words of the label, or of the row, that something is in."""
    while element.parent is not None:
        if element.tag in ("label", "li", "tr"):
            return words_of(element.text)
        element = element.parent
    return set()


def _beside(demonstration: Demonstration, values: set[str]) -> Iterable[str]:
    """Words that stand where values could: in the other options, labels and rows."""
    for step in demonstration.steps:
        for element in step.page.walk():
            own = " ".join(child for child in element.children if isinstance(child, str))
            if not words_of(own) & values:
                continue
            holder: Element | None = element
            while holder is not None and holder.parent is not None:
                group = like_siblings(holder)
                if len(group) > 1:
                    texts = [words_of(member.text) for member in group]
                    yield from set.union(*texts) - set.intersection(*texts)
                    if holder.tag not in ("td", "th", "span"):
                        break
                holder = holder.parent


def draw(words: Iterable[str], taken: set[str], random: Random, held_out: bool) -> dict[str, str]:
    """Another word for each; no two the same, and none that is taken."""
    chosen: dict[str, str] = {}
    taken = set(taken)
    for word in sorted(words):
        for _ in range(50):
            new = another(word, random, held_out)
            if new.lower() not in taken:
                break
        else:
            continue  # of short numbers there may be no other left
        chosen[word.lower()] = new
        taken.add(new.lower())
    return chosen


def replaced(text: str, new: dict[str, str]) -> str:
    """The text with its words replaced, each in the capitals that it had."""
    return TOKEN.sub(lambda found: _one(found.group(), new), text)


def replace_in_page(root: Element, new: dict[str, str]) -> None:
    """The same in all texts and worded attributes of a page."""
    for element in (root, *root.walk()):
        element.children = [replaced(child, new) if isinstance(child, str) else child for child in element.children]
        for name in WORDED:
            if element.attributes.get(name):
                element.attributes[name] = replaced(element.attributes[name], new)


def replace_in_action(action: Action, new: dict[str, str]) -> Action:
    """The same in an action's strings."""
    first = len(action.args) - len(action.strings)
    return Action(action.verb, (*action.args[:first], *(replaced(string, new) for string in action.strings)))


def _one(word: str, new: dict[str, str]) -> str:
    found = new.get(word.lower())
    return word if found is None else in_style_of(word, found)
