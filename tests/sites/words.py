"""Values for the sites. Of every list one half is for demonstrations, the other for held-out variations."""

from __future__ import annotations

import string
from random import Random

FIRST = """ann bert carla dan emma felix grace hugo iris jonas kate leo mona nils olga paul quinn rosa sam tina
ulf vera walt xenia yann zoe adam beth carl dora eric fay gus hana ivan jade kurt lena max nora otto
pia ralf sara theo uma""".split()
LAST = """archer baker carter dyer ender fisher gardner harper irving jensen keller lawson mason norris olsen
parker quade reed sawyer tanner usher vance weaver young abbot bishop cooper draper eaton foster
glover hunter ingram joyner knight lander miller nolan osborn potter quill ryder slater turner upton
viner walker yates""".split()
CITIES = """Berlin Cairo Denver Dublin Geneva Havana Jakarta Kyoto Lagos Lima Madrid Manila Nairobi Oslo Paris
Prague Quito Rabat Riga Rome Seoul Sofia Tokyo Turin Vienna Warsaw Zurich Athens Boston Brussels
Chicago Dallas Hanoi Helsinki""".split()
LANGUAGES = """German French Spanish Italian Dutch Polish Danish Czech Greek Turkish Finnish Swedish Hindi Korean
Japanese Arabic Hebrew Latvian Croatian Romanian Hungarian Welsh Irish Basque""".split()
THEMES = "Light Dark Sepia Ocean Forest Slate Amber Rose Desert Night Paper Coral Mint Plum Sand Steel".split()
TOPICS = """Newsletter Reminders Offers Reports Invoices Surveys Updates Alerts Digests Webinars Releases
Meetings Mentions Comments Trends Events""".split()
MATERIALS = """copper walnut linen silver bamboo marble leather cotton glass oak velvet brass ceramic woollen
granite cork birch iron silk pewter""".split()
GOODS = """kettle lamp chair blanket mirror basket clock vase teapot pillow bench tray bowl candle desk ladder
mug rug shelf stool kite globe drum whistle""".split()
COLOURS = "red blue green black white yellow orange purple brown grey pink navy olive teal beige violet".split()
STATUSES = "Open Pending Blocked Closed Waiting Solved Escalated Draft Archived Review Paused Merged".split()
TROUBLES = """printer invoice password router backup keyboard licence screen server badge mailbox parking
projector cable laptop scanner phone firewall window heating""".split()
PROBLEMS = """jams missing expired offline corrupt broken refused flickers slow lost full unpaid noisy loose
frozen dirty silent blocked leaking cold""".split()
LEVELS = "Low Normal High Urgent Minor Major Critical Trivial".split()


def half(values: list[str], held_out: bool) -> list[str]:
    """The values for demonstrations, or those held out."""
    return values[held_out::2]


def person(random: Random, held_out: bool) -> str:
    """A name such as Ann Archer."""
    return f"{random.choice(half(FIRST, held_out))} {random.choice(half(LAST, held_out))}".title()


def password(random: Random) -> str:
    """Letters and digits, different for every seed."""
    return "".join(random.choices(string.ascii_letters + string.digits, k=random.randint(6, 9)))
