"""Words to put in the place of values: of the language, names, made up, numbers, dates, codes."""

from __future__ import annotations

import re
import string
from datetime import date, timedelta
from random import Random
from zlib import crc32

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
SECRET = re.compile(r"\{\{secret:\w+\}\}")
"""The placeholder of a secret (``envs.secret``), which stays as it is."""
TOKEN = re.compile(rf"{SECRET.pattern}|\d{{4}}-\d{{2}}-\d{{2}}(?!\w)|[^\W_]+")
"""A word of a text: a placeholder, a date as date fields hold it, or a run of letters and digits."""


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

NAMES = """abigail adrian agnes alan alex alice amy andrea andrew angela anita anthony barbara becky ben bella brian
bruno carol carmen cathy charles chloe chris clara colin connie craig daisy daniel david debbie diana donald doris
edith edward elaine elena ellen emily ernest esther ethan eva evan fiona frank fred gabriel george gina gloria gordon
greg harold harry heather helen henry holly ian ingrid isaac jack jacob jane janet jason jean jeff jenny jerry jill
joan joel john joseph joyce judy julia karen keith kevin kim kyle larry laura lee linda lisa louis lucy luke lydia
marco maria mark martha martin mary matt megan miguel mike molly nancy naomi nick nicole noah oscar pamela patrick
peggy peter philip phoebe rachel ralph ray rebecca richard rita robert roger ronald ruth ryan sally samuel sandra
scott sean sharon simon sonia stella steve susan sylvia ted teresa thomas tim tom tracy vanessa victor vincent wanda
wayne wendy william adams allen anderson barnes bennett brooks butler campbell clark collins cook cox davis
diaz edwards evans flores garcia gonzalez gray griffin hall harris hayes henderson hernandez hill howard hughes
jackson jenkins johnson jones kelly kennedy king kumar lewis long lopez martinez mitchell moore morgan morris murphy
myers nelson nguyen patel perez perry peterson phillips powell price ramirez reyes richardson rivera roberts robinson
rodriguez rogers ross russell sanchez sanders schmidt silva simmons smith stewart sullivan thompson torres
wallace ward watson wilson wright amsterdam auckland baghdad bangkok barcelona beijing belgrade bogota bologna bremen
bucharest budapest calgary canberra caracas cologne copenhagen dakar delhi florence glasgow hamburg houston istanbul
karachi krakow leeds leipzig lisbon liverpool london lyon malmo manchester melbourne miami milan minsk montreal moscow
mumbai munich naples osaka ottawa perth phoenix porto portland santiago seattle seville shanghai singapore stockholm
sydney taipei tbilisi tehran toronto tunis utrecht valencia venice yerevan zagreb""".split()
"""Of people and places: what is typed is often such a name, of one word or of several, known from elsewhere or not."""

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
        return any_word(random)
    if re.fullmatch(r"[a-z]+\d+", word):
        return f"{any_word(random)}{random.randrange(1, 1000)}"
    characters = string.digits + (string.ascii_lowercase if word.islower() else string.ascii_letters)
    return "".join(random.choices(characters, k=max(3, len(word) + random.randint(-2, 2))))


def any_word(random: Random) -> str:
    """A word of the language, a name, or one that is made up."""
    kind = random.random()
    return random.choice(KNOWN) if kind < 0.35 else random.choice(NAMES) if kind < 0.65 else made_up(random)


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
