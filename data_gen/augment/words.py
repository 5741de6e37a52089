"""Words to put in the place of values: of the language, made up, numbers, dates, codes."""

from __future__ import annotations

import re
import string
from datetime import date, timedelta
from random import Random
from zlib import crc32

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
TOKEN = re.compile(r"\d{4}-\d{2}-\d{2}(?!\w)|[^\W_]+")

"""A word of a text: a date as date fields hold it, or a run of letters and digits."""


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case."""
    return {word.lower() for word in TOKEN.findall(text)}


KNOWN = """able acorn agent album alpha anchor apple april arrow autumn badge baker banjo barrel beacon berry
bird blossom board bottle bridge bright bronze brother bucket butter button cabin camel camera candy
canyon carbon carpet castle cedar center cherry circle citrus clever cloud clover coast cobalt
coffee comet coral corner cotton cousin crystal daily dance delta diamond dinner doctor dolphin
dragon dream eagle early earth echo elder ember engine evening falcon family feather field finger
flame flower forest fossil fresh friend frost garden gentle ginger glacier golden grape gravel green
guitar hammer harbor hazel helmet hidden hollow honey horizon hunter iceberg idea indigo island
ivory jacket jasper jewel jungle juniper kernel kitchen ladder lagoon lantern laser lemon leopard
letter lilac lion little lotus lunar magnet maple market meadow melody metal meteor middle mild
mirror moment monkey morning mountain music narrow nectar nickel north novel number oasis ocean
office olive onyx orange orbit orchid origin oyster palace panda paper parade pebble pepper phoenix
piano pilot planet pocket polar poppy prairie pretty public puzzle quartz quick quiet rabbit radio
rapid raven record ribbon river robin rocket royal ruby saddle saffron salmon sandy scarlet school
season second secret shadow signal silent simple sister sketch smooth snow solar south spice spring
square squirrel station stone storm stream street studio sugar summer sunny sunset swift table
temple thunder tiger timber tomato topaz tower trail train travel tropic tulip tunnel turtle
umbrella unit upper valley vanilla velvet village violin vision vivid voyage wagon water wave west
whale wheat wheel white willow winter wisdom wonder wood yellow young zebra zero""".split()

_ONSETS = "b br c ch cl d dr f fl g gr h j k kr l m n p pl qu r s sh sl st t th tr v w z".split()
_VOWELS = "a e i o u ai ea oo y".split()
_CODAS = ("", "", "", "n", "r", "l", "s", "t", "nd", "rk", "ck", "m")


def is_held_out(word: str) -> bool:
    """Whether a word is kept for checking: a tenth of all, and never drawn for training."""
    return crc32(word.encode()) % 10 == 0


def another(word: str, random: Random, held_out: bool) -> str:
    """A word of the same kind, in lower case unless the word mixes its cases.

    Args:
        word: the one to be replaced.
        random: what to draw from.
        held_out: whether to draw from the words that are kept for checking.
    """
    if DATE.fullmatch(word):
        return (date(2015, 1, 1) + timedelta(random.randrange(7300))).isoformat()
    while True:
        new = _draw(word, random)
        if new != word and (word.isdigit() or is_held_out(new) == held_out):
            return new


def _draw(word: str, random: Random) -> str:
    if word.isdigit():
        length = len(word) if random.random() < 0.8 else random.randint(1, 4)
        return str(random.randrange(10 ** (length - 1), 10**length))
    if word.isalpha() and (word.islower() or word.isupper() or word.istitle()):
        return random.choice(KNOWN) if random.random() < 0.5 else made_up(random)
    if re.fullmatch(r"[a-z]+\d+", word):
        stem = random.choice(KNOWN) if random.random() < 0.5 else made_up(random)
        return f"{stem}{random.randrange(1, 1000)}"
    characters = string.digits + (string.ascii_lowercase if word.islower() else string.ascii_letters)
    return "".join(random.choices(characters, k=max(3, len(word) + random.randint(-2, 2))))


def made_up(random: Random) -> str:
    """A word of one to three syllables that no language has."""
    return "".join(
        random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS) for _ in range(random.randint(1, 3))
    )


def in_style_of(word: str, new: str) -> str:
    """The new word with the capitals of the old one, as far as those are regular."""
    if word.islower():
        return new.lower()
    if len(word) > 1 and word.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if word.istitle() else new
