"""Words to token ids and back, without losing a character.

Text is cut into words: runs of letters and digits, or single other characters, each with or without a space before
it. A word is encoded by itself, so a word has the same tokens wherever it stands. Two kinds of vocabulary:

- one trained here: byte-pair merges inside words, bytes for characters outside its alphabet, the space as a token;
- a T5's (Raffel et al. 2020, sentencepiece): its space-prefixed pieces. It lacks ``<``, ``{``, the newline and many
  other characters; they are written with its sentinel tokens ``<extra_id_...>``, the rarer ones as two half bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from envs.action import DIRECTIONS, PAGE, SIGNATURES

SPACE = "\u2581"
"""How a space is written inside a piece of a vocabulary."""

KEYS = ("Enter", "Tab", "Shift+Tab", "Escape", "Backspace", "Delete", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight",
        "Home", "End", "PageUp", "PageDown", "Control+A", "Control+C", "Control+V", "Control+X")  # fmt: skip
"""What the policy can press."""

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
NEXT, HISTORY, ERROR, DOCUMENT = "next", "history", "error", "document"
SYMBOLS = (*SIGNATURES, PAGE, *DIRECTIONS, *KEYS, NEXT, HISTORY, ERROR, DOCUMENT)
"""What is one token each whatever the vocabulary: verbs and their fixed arguments, and the parts of the input."""

_TAGS = "div span button input label a li ul select option p text rect circle polygon svg td tr table textarea h2 h3"
MARKUP = ("</>", *(f"<{tag}" for tag in _TAGS.split()))
"""Pieces of markup that are one token of a vocabulary trained here."""

_WORD = re.compile(r"( ?)([^\W_]{1,32}|[\W_])", re.DOTALL)
_ESCAPED = "<\\^`{}~\n"
"""Characters that the T5 vocabulary lacks and pages use much: a sentinel each."""
_CACHED = 100_000
_MONTH_NAMES = "January February March April May June July August September October November December".split()
_MONTHS = {form: str(number) for number, name in enumerate(_MONTH_NAMES, 1) for form in (name, name[:3])}


@lru_cache(_CACHED)
def word_key(text: str) -> str:
    """What a word is compared by: ``Word.key``."""
    if not text[0].isalnum():
        return ""
    if text.isdecimal():
        return text.lstrip("0") or "0"
    if text in _MONTHS:
        return _MONTHS[text]
    text = text.lower()
    return text[:-1] if len(text) > 1 and text[-1] == "s" and text[-2] != "s" else text


class Word(NamedTuple):
    """A run of letters and digits, or one other character."""

    text: str
    space: bool
    """Whether a space stands before it."""

    @property
    def key(self) -> str:
        """What words are compared by, equal for ``Dogs`` and ``dog``, ``02`` and ``2``, ``March`` and ``3``; empty for
        punctuation."""
        return word_key(self.text)


def split_words(text: str) -> list[Word]:
    """Cuts text into words; put together, each with its space, they are the text again."""
    return [Word(word, bool(space)) for space, word in _WORD.findall(text)]


class Vocabulary:
    """Token ids of words and symbols.

    Attributes:
        size: number of token ids, unused ones included.
        symbols: token id of each of ``SYMBOLS``, and of ``PAD``, ``END``.
        names: the other way round.
        space_id: the token of a space by itself.
        own: whether it was trained here; then the space is a token of its own and never part of a piece.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        ids = tokenizer.get_vocab(with_added_tokens=True)
        self.own = f"[{NEXT}]" in ids
        if self.own:
            self.symbols = {name: ids[f"[{name}]"] for name in SYMBOLS}
            self._bytes = [[ids[f"<0x{byte:02X}>"]] for byte in range(256)]
            self._escapes: dict[str, list[int]] = {}
            markers = [f"<0x{byte:02X}>" for byte in range(256)]
            self._markup: dict[str, tuple[int, ...]] = {markup: (ids[markup],) for markup in MARKUP}
        else:
            sentinels = [ids[f"<extra_id_{n}>"] for n in range(100) if f"<extra_id_{n}>" in ids]
            needed = len(SYMBOLS) + len(_ESCAPED) + 16
            if len(sentinels) < needed or SPACE not in ids:
                raise ValueError(
                    f"not a T5 vocabulary: it has {len(sentinels)} sentinel tokens of the {needed} needed, "
                    f"and {'a' if SPACE in ids else 'no'} token for the space"
                )
            self.symbols = dict(zip(SYMBOLS, sentinels, strict=False))
            self._escapes = {c: [i] for c, i in zip(_ESCAPED, sentinels[len(SYMBOLS) :], strict=False)}
            halves = sentinels[len(SYMBOLS) + len(_ESCAPED) : needed]
            self._bytes = [[halves[byte >> 4], halves[byte & 15]] for byte in range(256)]
            markers = []
            self._markup = {}
        self.symbols |= {PAD: ids[PAD], END: ids[END]}
        self.names = {token: name for name, token in self.symbols.items()}
        self.size = max(ids.values()) + 1
        special = {*self.symbols.values(), ids.get(UNKNOWN, -1), *(i[0] for i in self._markup.values())}
        special |= {ids[name] for name in ids if name.startswith("<extra_id_")} | {ids[name] for name in markers}
        self._pieces = {i: piece.replace(SPACE, " ").encode() for piece, i in ids.items() if i not in special}
        self._characters = {piece for piece in ids if len(piece) == 1 and piece != SPACE}
        self.space_id = ids[SPACE]
        self._cache: dict[tuple[str, bool], tuple[int, ...]] = {}

    @classmethod
    def train(cls, corpus: Iterable[str], size: int) -> Vocabulary:
        """Byte-pair encoding inside words (Sennrich et al. 2016). Equal corpora give equal vocabularies."""
        alphabet = [SPACE, *map(chr, range(33, 127))]
        special = [
            PAD,
            END,
            UNKNOWN,
            *(f"[{name}]" for name in SYMBOLS),
            *MARKUP,
            *(f"<0x{b:02X}>" for b in range(256)),
        ]
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=3,
            special_tokens=special,
            show_progress=False,
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
        )
        lines = (" ".join(w.text for w in split_words(text) if SPACE not in w.text) for text in corpus)
        tokenizer.train_from_iterator(lines, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, file: Path) -> Vocabulary:
        """Reads ``tokenizer.json``, its own or a T5's.

        Raises:
            ValueError: if it is neither.
        """
        try:
            return cls(Tokenizer.from_str(Path(file).read_text(encoding="utf-8")))
        except (KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{file}: not a vocabulary that this version reads: {error}") from error
        except OSError:
            raise
        except Exception as error:  # the tokenizers library raises plain Exception
            raise ValueError(f"{file}: not a tokenizer: {error}") from error

    @classmethod
    def from_pretrained(cls, name: str) -> Vocabulary:
        """A T5's, by its folder or its name."""
        from transformers import AutoTokenizer

        return cls(AutoTokenizer.from_pretrained(name).backend_tokenizer)

    def spells(self, other: Vocabulary) -> list[list[int]]:
        """The tokens of this one that stand for each token of the other; empty for a token that stands for nothing.

        What both have under one name, such as symbols and markup, stands for itself.
        """
        ids = self._tokenizer.get_vocab(with_added_tokens=True)
        spelt: list[list[int]] = [[] for _ in range(other.size)]
        for piece, token in other._tokenizer.get_vocab(with_added_tokens=True).items():
            if piece in ids:
                spelt[token] = [ids[piece]]
            elif token in other._pieces:
                text = piece.removeprefix(SPACE)
                spelt[token] = list(self._encode(text, not self.own and text != piece))
        return spelt

    def to_str(self) -> str:
        """The text of the file that ``save`` writes."""
        return self._tokenizer.to_str(pretty=True)

    def save(self, file: Path) -> None:
        Path(file).write_text(self.to_str(), encoding="utf-8")

    def encode_word(self, word: str, space: bool) -> tuple[int, ...]:
        """Token ids of one word, with the space before it where ``space``."""
        found = self._cache.get((word, space))
        if found is None:
            found = tuple(self._encode(word, space))
            if len(self._cache) < _CACHED:
                self._cache[word, space] = found
        return found

    def encode_markup(self, text: str) -> tuple[int, ...]:
        """Token ids of a piece of markup such as ``<input``."""
        if text not in self._markup:
            self._markup[text] = tuple(i for word in split_words(text) for i in self.encode_word(*word))
        return self._markup[text]

    def decode(self, ids: Iterable[int]) -> str:
        """The text that tokens stand for; what is not UTF-8 becomes the replacement character."""
        text, half = bytearray(), None
        for i in ids:
            if i in self._pieces:
                text += self._pieces[i]
            elif i in self._escape_of:
                text += self._escape_of[i]
            elif i in self._half_of:
                half, text = (
                    (self._half_of[i], text) if half is None else (None, text + bytes([half << 4 | self._half_of[i]]))
                )
        return text.decode(errors="replace")

    @cached_property
    def text_ids(self) -> np.ndarray:
        """Which tokens a string can be written with, bool [size]."""
        mask = np.zeros(self.size, bool)
        mask[[*self._pieces, *self._escape_of, *self._half_of]] = True
        return mask

    @cached_property
    def _escape_of(self) -> dict[int, bytes]:
        found = {ids[0]: character.encode() for character, ids in self._escapes.items()}
        return found | {ids[0]: bytes([byte]) for byte, ids in enumerate(self._bytes) if len(ids) == 1}

    @cached_property
    def _half_of(self) -> dict[int, int]:
        return {ids[1]: byte for byte, ids in enumerate(self._bytes[:16]) if len(ids) == 2}

    def _encode(self, word: str, space: bool) -> Sequence[int]:
        ids: list[int] = []
        prefix = SPACE if space else ""
        if prefix and (self.own or word[:1] not in self._characters):
            ids.append(self.space_id)
            prefix = ""
        for known in self._runs(word):
            if known[0] in self._characters:
                ids += [token.id for token in self._tokenizer.model.tokenize(prefix + known)]
            else:
                ids += self._escapes.get(known) or [i for byte in known.encode() for i in self._bytes[byte]]
            prefix = ""
        return ids

    def _runs(self, word: str) -> list[str]:
        """Cuts a word into runs of characters of the alphabet and single others."""
        runs: list[str] = []
        for character in word:
            if runs and character in self._characters and runs[-1][-1] in self._characters:
                runs[-1] += character
            else:
                runs.append(character)
        return runs
