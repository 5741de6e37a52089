"""Observation, history and action to numbers.

The input of the encoder is the instruction, then past actions and the last error, then the page (``policies.page``).
What an action looks like to the decoder is described in ``policies.steps``.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate, chain, compress, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from envs.action import DIRECTIONS, PAGE, Action
from envs.html import Element, parse_html
from policies.config import ProcessorConfig
from policies.matching import ASKED, element_name, match_features
from policies.measures import NONE, measure
from policies.page import Unit, page_units, prune
from policies.points import SIDES, can_tell
from policies.steps import FREE_VERBS, VERBS, Kind, verb_bits
from policies.targets import ALTERNATIVES, AMOUNT, CASES, Source, Step, TargetError, action_steps
from policies.vocabulary import DOCUMENT, END, ERROR, HISTORY, KEYS, NEXT, PAD, Vocabulary, split_words

__all__ = ["Example", "HistoryItem", "Processor", "TargetError", "fit_frame", "history_item", "outcome"]

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "processor_config.json"
_DESCRIBED = 6


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One past action: small, and made from the observation before it."""

    verb: str
    refs: tuple[int, ...] = ()
    description: str = ""
    """The element at that time, in a few words."""
    strings: tuple[str, ...] = ()
    """What was typed, selected or pressed."""
    became: str = ""
    """What the element was called after it, where that is another name, as of a card that is turned."""


def history_item(observation: Mapping[str, Any], action: Action) -> HistoryItem:
    """What the policy remembers of an action.

    Args:
        observation: what it was decided on; its ``html`` is all that is used.
        action: the decision.
    """
    element = None
    if action.refs:
        element = _element(observation["html"], action.refs[0])
    description = ""
    if element is not None:
        name = " ".join(element_name(element).split()[:_DESCRIBED])
        description = f"{element.tag} {name or ' '.join([element.id, *element.classes][:3])}".replace("-", " ")
    fixed = tuple(str(a) for a in action.args if not isinstance(a, str) or a not in action.strings)
    return HistoryItem(action.verb, action.refs, description, action.strings or fixed[len(action.refs) :])


def outcome(item: HistoryItem, observation: Mapping[str, Any]) -> HistoryItem:
    """A past action with what came of it.

    Args:
        item: as ``history_item`` gave it.
        observation: what was seen after the action; its ``html`` is all that is used.
    """
    if not item.refs or f"ref={item.refs[0]}" not in observation["html"]:
        return item
    element = _element(observation["html"], item.refs[0])
    name = " ".join(element_name(element).split()[:_DESCRIBED]).replace("-", " ") if element is not None else ""
    return item if not name or item.description.endswith(name) else replace(item, became=name)


@dataclass(frozen=True, slots=True)
class Example:
    """One encoded step, picklable; ``L`` text tokens, ``T`` decoder steps (none without an action).

    Attributes:
        input_ids: int32 [L].
        features: uint8 [L, len(FEATURES)].
        words: bool [L], where a word begins that can be copied.
        following: int16 [L], where the next word begins; 0 where there is none.
        verbs: int32 [L], at the place of each element that can be acted on, the bits of its verbs; else 0.
        units: the words and markup themselves, for decoding; None in training, where they only cost memory.
        places: for each unit, its first token.
        measured: int16 [L, columns], boxes of elements that a pixel can be told from, values of numbers.
        boxes: at each of those places the element's x, y, width, height; for decoding, None in training.
        frames: the last screenshots, oldest first, uint8 H x W x 3, or None.
        kinds: int8 [T], ``Kind`` of each decoder step.
        tokens: int32 [T], the token that is right, or -1.
        positions: int16 [T, ALTERNATIVES], the places that are right, -1 beyond; the next step sees the first.
        allowed: int32 [T], at VERB the verbs that the element takes, at START and REF those it must have one of, at
            OFFSET where it counts from.
    """

    input_ids: np.ndarray
    features: np.ndarray
    words: np.ndarray
    following: np.ndarray
    verbs: np.ndarray
    units: tuple[Unit, ...] | None
    places: np.ndarray | None
    measured: np.ndarray
    boxes: dict[int, np.ndarray] | None
    frames: Sequence[np.ndarray | None]
    kinds: np.ndarray
    tokens: np.ndarray
    positions: np.ndarray
    allowed: np.ndarray

    def __len__(self) -> int:
        return len(self.input_ids)


class Processor:
    """Turns observations and actions into numbers.

    Attributes:
        config: how.
        vocabulary: its words and tokens.
    """

    def __init__(self, config: ProcessorConfig, vocabulary: Vocabulary):
        self.config = config
        self.vocabulary = vocabulary

    @property
    def vocab_size(self) -> int:
        return self.vocabulary.size

    @classmethod
    def build(cls, config: ProcessorConfig, corpus: Iterable[str]) -> Processor:
        """Takes the vocabulary that the configuration names, or trains one.

        Args:
            config: what to build.
            corpus: instructions, htmls and actions; equal texts in equal order give equal processors.
        """
        if config.tokenizer:
            return cls(config, Vocabulary.from_pretrained(config.tokenizer))
        return cls(config, Vocabulary.train(corpus, config.vocab_size))

    def save(self, folder: Path | str) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.vocabulary.save(folder / TOKENIZER_FILE)
        (folder / CONFIG_FILE).write_text(json.dumps(self.config.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> Processor:
        """Reads what ``save`` wrote.

        Raises:
            ValueError: if the files are not a processor of this version.
            OSError: if they cannot be read.
        """
        folder = Path(folder)
        try:
            values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            config = ProcessorConfig.from_dict(values)
        except (json.JSONDecodeError, TypeError) as error:
            raise ValueError(f"{folder / CONFIG_FILE}: not a processor's configuration: {error}") from error
        return cls(config, Vocabulary.load(folder / TOKENIZER_FILE))

    history_item, outcome = staticmethod(history_item), staticmethod(outcome)

    def encode(self, observation: Mapping[str, Any], history: Sequence[HistoryItem] = (),
               frames: Sequence[np.ndarray | None] = (), action: Action | None = None) -> Example:  # fmt: skip
        """Encodes one step.

        Args:
            observation: instruction, html, last_error and, where there are, boxes; a dataset's row is one.
            history: this episode's earlier actions, oldest first.
            frames: the last screenshots, oldest first, uint8 H x W x 3; None where there is none.
            action: what is to be learnt; without one the example is for deciding.

        Raises:
            TargetError: if the action cannot be learnt from this.
            ValueError: if the html is not of the form that observations have.
        """
        limit = self.config.max_tokens
        instruction, before = self._within(_text_units(observation["instruction"])[: limit // 2], limit // 2)
        past = self._history_units(history, observation.get("last_error", ""))[-limit // 4 :]
        latest, told = self._within(past[::-1], 3 * limit // 4 - sum(map(len, before)))  # the rest is the page's
        past, before = latest[::-1], [*before, *told[::-1]]
        boxes = observation.get("boxes")
        page = page_units(_parsed(observation["html"]), refs=not self.config.copy, boxes=boxes)
        page.insert(0, Unit(DOCUMENT, "symbol"))
        within = [self._ids(unit) for unit in page]
        kept = prune(page, [*map(len, within)], limit - sum(map(len, before)))
        page = [page[number] for number in kept]
        units, ids = [*instruction, *past, *page], [*before, *(within[number] for number in kept)]

        acted = [ref for item in history for ref in item.refs]
        shown = {item.refs[0]: item.became for item in history if item.became}
        features = match_features(instruction, past, page, acted, shown)
        lengths = [*map(len, ids)]
        *places, length = accumulate(lengths, initial=0)
        words, following, verbs = np.zeros(length, bool), np.zeros(length, np.int16), np.zeros(length, np.int32)
        is_word = [unit.kind == "word" for unit in units]
        words[[*compress(places, is_word)]] = True
        pairs = [pair for pair, both in zip(pairwise(places), pairwise(is_word), strict=False) if all(both)]
        following[[place for place, _ in pairs]] = [after for _, after in pairs]
        tells = can_tell(np.asarray(boxes).reshape(-1, 4)) if boxes is not None else ()
        seen: dict[int, np.ndarray] = {}
        for place, unit in zip(places, units, strict=True):
            if unit.opens and unit.element is not None:
                verbs[place] = verb_bits(unit.element.verbs)
                if boxes is not None and unit.element.index < len(tells) and tells[unit.element.index]:
                    seen[place] = boxes[unit.element.index]
        steps: list[Step] = []
        if action is not None:
            parts = np.repeat([0, 2, 1], [len(instruction), len(past), len(page)]).tolist()
            source = Source(units, places, parts, seen)
            steps = action_steps(action, source, self.vocabulary, self.config)
        targets = np.full((len(steps), ALTERNATIVES), -1, np.int16)
        for row, step in zip(targets, steps, strict=True):
            row[: len(step.places)] = step.places
        return Example(
            input_ids=np.fromiter(chain.from_iterable(ids), np.int32, length),
            features=np.repeat(features, lengths, axis=0),
            words=words,
            following=following,
            verbs=verbs,
            units=tuple(units) if action is None else None,
            places=np.array(places, np.int32) if action is None else None,
            measured=measure(units, places, seen, length),
            boxes=seen if action is None else None,
            frames=list(frames),
            kinds=np.array([step.kind for step in steps], np.int8),
            tokens=np.array([step.token for step in steps], np.int32),
            positions=targets,
            allowed=np.array([step.allowed for step in steps], np.int32),
        )

    def collate(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Pads examples to one batch.

        Args:
            examples: what ``encode`` gave.

        Returns:
            For B examples of at most L tokens and T steps: the arrays of ``Example``, padded; ``attention_mask`` bool
            [B, L]; ``asked`` int64 [B, W], where the words of the instruction are, -1 where one has fewer than W;
            ``vocabulary_masks`` bool [kinds, vocabulary]; ``verb_ids`` int64 [verbs]; and where there are images,
            ``frames`` uint8 [N, H, W, 3] and ``frame_index`` int64 [N], the place example * frames + frame.
        """
        length = max(map(len, examples))
        steps = max(len(example.kinds) for example in examples)
        asked = [np.flatnonzero(example.words & (example.features[:, ASKED] != 0)) for example in examples]
        batch = {
            "input_ids": _pad([e.input_ids for e in examples], length, self.vocabulary.symbols[PAD], np.int64),
            "attention_mask": _pad([np.ones(len(e), bool) for e in examples], length, 0, bool),
            "features": _pad([e.features for e in examples], length, 0, np.uint8),
            "words": _pad([e.words for e in examples], length, 0, bool),
            "following": _pad([e.following for e in examples], length, 0, np.int64),
            "verbs": _pad([e.verbs for e in examples], length, 0, np.int64),
            "measured": _pad([e.measured for e in examples], length, NONE, np.int16),
            "asked": _pad(asked, max(1, *map(len, asked)), -1, np.int64),
            "vocabulary_masks": torch.from_numpy(self.vocabulary_masks),
            "verb_ids": self._verb_ids,
        }
        if steps:
            batch |= {
                "kinds": _pad([e.kinds for e in examples], steps, -1, np.int64),
                "tokens": _pad([e.tokens for e in examples], steps, -1, np.int64),
                "positions": _pad([e.positions for e in examples], steps, -1, np.int64),
                "allowed": _pad([e.allowed for e in examples], steps, 0, np.int64),
            }
        shown = [
            (number * self.config.frames + self.config.frames - len(frames) + index, frame)
            for number, frames in enumerate(e.frames[-self.config.frames :] for e in examples)
            for index, frame in enumerate(frames)
            if frame is not None
        ]  # fmt: skip
        if shown:
            batch["frame_index"] = torch.from_numpy(np.array([index for index, _ in shown]))
            frames = [fit_frame(frame, self.config.height, self.config.width) for _, frame in shown]
            batch["frames"] = torch.from_numpy(np.stack(frames))
        return batch

    @cached_property
    def _verb_ids(self) -> torch.Tensor:
        return torch.tensor([self.vocabulary.symbols[verb] for verb in VERBS])

    @cached_property
    def vocabulary_masks(self) -> np.ndarray:
        """Which tokens each kind of step may take, bool [len(Kind), vocabulary]."""
        symbols, text = self.vocabulary.symbols, self.vocabulary.text_ids
        masks = np.zeros((len(Kind), self.vocab_size), bool)
        masks[Kind.START, [symbols[v] for v in (*FREE_VERBS, PAGE)]] = True
        masks[Kind.VERB, [symbols[verb] for verb in VERBS]] = True
        masks[Kind.DIRECTION, [symbols[d] for d in DIRECTIONS]] = True
        masks[Kind.KEYS, [symbols[key] for key in KEYS]] = True
        masks[[Kind.NUMBER, Kind.TEXT, Kind.LABEL, Kind.LABELS]] = text
        masks[[Kind.NUMBER, Kind.TEXT, Kind.LABELS], symbols[END]] = True
        masks[Kind.SIDE, [symbols[side] for side in (*SIDES[0], *SIDES[1], END)]] = True
        masks[[Kind.LABEL, Kind.LABELS], symbols[NEXT]] = True
        if self.config.copy and self.config.case:
            masks[Kind.TEXT, [symbols[mark] for mark in CASES]] = True
        if self.config.copy and self.config.amounts:
            masks[Kind.TEXT, symbols[AMOUNT]] = True
        return masks

    @cached_property
    def numeric(self) -> np.ndarray:
        """Tokens that a number can be written with, bool [vocabulary]; its end and ``AMOUNT`` are two."""
        written = [self.vocabulary.decode([token]).strip() for token in range(self.vocab_size)]
        mask = np.array([bool(text) and not text.strip("0123456789") for text in written])
        symbols = self.vocabulary.symbols
        mask[[symbols[END], symbols[AMOUNT], *self.vocabulary.encode_word(".", False)]] = True
        return mask

    def _ids(self, unit: Unit) -> tuple[int, ...]:
        if unit.kind == "word":
            # A vocabulary trained here has the same tokens with and without a space before; a feature tells.
            return self.vocabulary.encode_word(
                unit.text, unit.space and not (self.vocabulary.own and self.config.match)
            )
        if unit.kind == "symbol":
            return (self.vocabulary.symbols[unit.text],)
        return self.vocabulary.encode_markup(unit.text)

    def _within(self, units: list[Unit], budget: int) -> tuple[list[Unit], list[tuple[int, ...]]]:
        """The first units, as many as have no more tokens than that together, and the tokens of each."""
        ids = [self._ids(unit) for unit in units]
        number = bisect_right([*accumulate(map(len, ids))], budget)
        return units[:number], ids[:number]

    def _history_units(self, history: Sequence[HistoryItem], error: str) -> list[Unit]:
        units: list[Unit] = []
        for item in history[-self.config.max_history :]:
            units.append(Unit(item.verb, "symbol"))
            units += _text_units(item.description[:80])
            for text in item.strings:
                units += [Unit("=", "markup"), *_text_units(text[:80])]
            if item.became and self.config.outcomes:
                units += [Unit(">", "markup"), *_text_units(item.became[:80])]
        if units:
            # How many there were, as a word: it can be compared with a number of the instruction.
            units[:0] = [Unit(HISTORY, "symbol"), Unit(str(len(history)))]
        if error:
            units += [Unit(ERROR, "symbol"), *_text_units(error)[:16]]
        return units


def fit_frame(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """A screenshot of any size as one of this size: made smaller where it is larger, white where it ends.

    Args:
        frame: uint8 H x W x 3.
        height, width: in pixels.
    """
    if frame.shape[:2] == (height, width):
        return frame
    scale = min(1.0, height / frame.shape[0], width / frame.shape[1])
    if scale < 1.0:
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        frame = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
    fitted = np.full((height, width, 3), 255, np.uint8)
    fitted[: frame.shape[0], : frame.shape[1]] = frame
    return fitted


@lru_cache(maxsize=2)
def _parsed(html: str) -> Element:
    """A page, which is read by what came of the action before, by the decision and by what is remembered of it."""
    return parse_html(html)


def _element(html: str, ref: int) -> Element | None:
    return next((element for element in _parsed(html).walk() if element.ref == ref), None)


def _text_units(text: str) -> list[Unit]:
    return [Unit(word.text, space=word.space) for word in split_words(text)]


def _pad(arrays: Sequence[np.ndarray], length: int, value: int, dtype: Any) -> torch.Tensor:
    if len(arrays) == 1 and len(arrays[0]) == length:
        return torch.from_numpy(arrays[0].astype(dtype)[None])
    padded = np.full((len(arrays), length, *arrays[0].shape[1:]), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(padded)
