"""Made-up pages and what is done on them, without a browser: endless, cheap, and of words that no task has.

MiniWoB++ has little of what most pages are made of: forms with labels of all kinds, of which an instruction names some
in its own words; rows that are told apart by two cells; a search and what it brings up; a menu that leads to where the
form is. An episode here goes through one to five such pages. A policy that has learnt from many of them is taught a
real site more quickly (``webagent teach``); the share of other data decides what it keeps of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from data_gen.augment import forms, rows
from data_gen.augment.slots import Slot
from data_gen.augment.wording import Wording, reworded, say
from data_gen.augment.words import any_word
from data_gen.dataset import TRAINING_SEEDS, DatasetError, DatasetWriter
from data_gen.provenance import provenance
from data_gen.shards import Row
from envs.action import Action
from envs.html import Element, format_html, parse_html

TASK = "synthetic"
SHARD = 500
"""Episodes of a shard."""

_FIELDS = {
    "name": "person", "full name": "person", "display name": "person", "contact": "person", "customer": "person",
    "recipient": "person", "user": "login", "user name": "login", "login": "login", "account": "login",
    "password": "code", "code": "code", "voucher": "code", "order number": "code", "city": "word", "street": "words",
    "country": "word", "company": "words", "title": "words", "subject": "words", "note": "words", "comment": "words",
    "product": "words", "message": "words", "search": "words", "nickname": "word", "tag": "word", "team": "word",
    "quantity": "number", "age": "number", "rows per page": "number", "guests": "number", "amount": "number",
    "postcode": "number", "phone": "number", "date": "date", "due date": "date", "from": "date", "until": "date",
    "birthday": "date", "e-mail": "mail", "mail": "mail",
}  # fmt: skip
_CHOICES = (
    "language", "time zone", "theme", "country", "colour", "size", "priority", "status", "assignee", "delivery", "type",
    "category", "region", "role", "plan", "payment", "department", "format", "model", "class", "topic", "mail about",
)  # fmt: skip
_SUBMITS = ("Save", "Submit", "Send", "OK", "Continue", "Apply", "Log in", "Place order", "Add to cart", "Search",
            "Sign in", "Update", "Create", "Next", "Confirm", "Book", "Check out")  # fmt: skip
_MENU = ("Home", "Settings", "Help", "Cart", "Account", "Reports", "Sale", "New", "Billing", "Messages", "Orders",
         "Profile", "Tickets", "People", "About", "Search", "Products", "Board", "Log out", "Terms")  # fmt: skip
_SIGNS = (".", ",", "!", "?", ":", "...", " >")
_ROW_BUTTONS = ("Edit", "Open", "Delete", "Details", "Reply", "Buy", "Remove", "Show", "Share", "Like")
_DONE = ("Thank you", "Saved", "Your changes have been saved.", "Done", "The order has been placed.", "Welcome back")
_PRESS = ("press {v}", "click {v}", "click on the {v} button", "then {v}", "and {v} it", "{v} at the end", "hit {v}")
_OPEN = ("open {v}", "go to {v}", "visit {v}", "in {v}", "on the {v} page", "click the link {v}", "look under {v}")
_ROW = ("{b} {a}", "{b} the one about {a}", "in the row {a} press {b}", "for {a}, {b}", "{b} {a} in the list",
        "find {a} and press {b}", "among them {b} {a}")  # fmt: skip
_FIND = ("search for {v}", "find {v}", "look up {v}", "buy {v}", "get the {v}", "order the {v}", "show me {v}",
         "open {v}", "{v}", "look for the {v} and open it", "I want the {v}")  # fmt: skip
_SEARCHES = ("Search", "Go", "Find", "Look up", "OK")
_OPENERS = ("", "", "get", "have", "take", "I need", "use", "send", "put", "please", "order", "choose", "it is")
_BETWEEN = (" ", " ", ", ", " and ", " of ", " of the ", " in ", " from ", " with ", " for ", " to ", " by ", " as ",
            " at ")  # fmt: skip


@dataclass
class _Stage:
    """One page and what is done on it: fields are filled in, and the last action leads on."""

    page: Element
    actions: list[Action] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class _Episode:
    """An episode that is being made up: its words, its marks, its stages."""

    def __init__(self, random: Random):
        self.random = random
        self.marks: dict[str, Slot] = {}
        self.labels: set[str] = set()
        self._taken: set[str] = set()
        self._refs = 0

    def word(self) -> str:
        """A word that this episode does not have yet."""
        while True:
            word = any_word(self.random)
            if word not in self._taken:
                self._taken.add(word)
                return word

    def value(self, style: str) -> str:
        """Something to be typed or chosen."""
        random = self.random
        if style == "person":
            return f"{self.word()} {self.word()}".title()
        if style == "words":
            text = " ".join(self.word() for _ in range(random.randint(1, 3)))
            return text.capitalize() if random.random() < 0.3 else text
        if style == "login":
            return f"{self.word()}{random.randrange(1, 1000)}"
        if style == "code":
            letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
            return "".join(random.choices(letters, k=random.randint(5, 10)))
        if style == "number":
            return str(random.randrange(10 ** random.randint(1, 4)))
        if style == "date":
            return (date(2015, 1, 1) + timedelta(random.randrange(7300))).isoformat()
        if style == "mail":
            return f"{self.word()}@{self.word()}.com"
        return self.word().capitalize() if random.random() < 0.6 else self.word()

    def mark(self, value: str, label: str, kind: str) -> str:
        """The private character that stands for a value in what is said."""
        mark = chr(0xE000 + len(self.marks))
        self.marks[mark] = Slot(0, value, label.lower(), kind)
        return mark

    def node(self, tag: str, *children: Element | str, ref: bool = False, **attributes: str) -> Element:
        """An element; ``for_`` stands for ``for``."""
        own = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        if ref:
            own = {"ref": str(self.new_ref())} | own
        element = Element(tag, own, list(children))
        for child in children:
            if isinstance(child, Element):
                child.parent = element
        return element

    def new_ref(self) -> int:
        self._refs += 1
        return self._refs - 1

    def menu(self, *more: str, tag: str = "a") -> Element:
        names = list(dict.fromkeys([*more, *self.random.sample(_MENU, self.random.randint(2, 6))]))
        self.random.shuffle(names)
        return self.node("nav", *(self.node(tag, name, ref=True) for name in names))

    def shown(self, text: str) -> str:
        """A value as it stands in an instruction: in quotes now and then."""
        return f'"{text}"' if self.random.random() < 0.3 else text


def _form(episode: _Episode) -> list[_Stage]:
    """Some fields, of which some are filled in, from top to bottom; then a button."""
    random = episode.random
    blocks: list[list[Element | str]] = []
    actions: list[Action] = []
    said: list[str] = []
    count = random.choice((1, 2, 2, 3, 3, 4, 5, 6, 7))
    asked = set(random.sample(range(count), random.randint(1, min(count, 4))))
    labels = random.sample([label for label in _FIELDS if label not in episode.labels], count)
    choices = iter(random.sample([label for label in _CHOICES if label not in episode.labels], count))
    for number in range(count):
        kind = random.choices(("type", "select", "radio", "checkbox"), (5, 2, 2, 1))[0]
        label = labels[number] if kind == "type" else next(choices)
        style = _FIELDS[label] if kind == "type" else random.choice(("word", "word", "words", "number"))
        if random.random() < 0.2:
            label, style = episode.word(), random.choice([*_FIELDS.values()])
        episode.labels.add(label)
        make = {"type": _typed, "select": _selected}.get(kind, _ticked)
        block, action, value = make(episode, label, style, kind)
        blocks.append(block)
        if number in asked:
            actions.append(action)
            mark = episode.mark(value, _shortened(label, random), action.verb)
            said.append(say(mark, episode.marks[mark], random))
    random.shuffle(said)
    if len(said) > 1 and random.random() < 0.35:
        said = [_in_one(episode, [mark for clause in said for mark in clause if mark in episode.marks])]
    submit = episode.word().capitalize() if random.random() < 0.15 else random.choice(_SUBMITS)
    button = episode.node(
        "button", submit, ref=True, **({"id": submit.lower().split()[0]} if random.random() < 0.5 else {})
    )
    others = [episode.node("a", "Cancel", ref=True)] * (random.random() < 0.3)
    parts: list[Element | str] = [part for block in blocks for part in block]
    if random.random() < 0.8:
        mark = episode.mark(submit if random.random() < 0.5 else submit.lower(), "", "click")
        said.append(random.choice(_PRESS).format(v=mark))
    top = [episode.menu()] if random.random() < 0.5 else []
    head = [episode.node("h1", episode.word().capitalize())] if random.random() < 0.6 else []
    page = episode.node("body", *top, *head, *parts, button, *others)
    return [_Stage(page, [*actions, Action("click", (_ref(button),))], said)]


def _in_one(episode: _Episode, marks: list[str]) -> str:
    """Several values in one clause: what fits which field is told by its name, by its looks, or by what is left."""
    random = episode.random
    text = random.choice(_OPENERS)
    for mark in marks:
        shown, label = episode.shown(mark), episode.marks[mark].label
        named = random.random() < 0.6 and label
        text += random.choice(_BETWEEN) if text else ""
        text += random.choice((f"{shown} {label}", f"{label} {shown}")) if named else shown
    return text


def _shortened(label: str, random: Random) -> str:
    """A name as people say it: of several words one may be missing."""
    words = label.split()
    if len(words) > 1 and random.random() < 0.3:
        words.pop(random.randrange(len(words)))
    return " ".join(words)


def _typed(episode: _Episode, label: str, style: str, kind: str) -> tuple[list[Element | str], Action, str]:
    random, value = episode.random, episode.value(style)
    own: dict[str, str] = {}
    if style in ("number", "date") and random.random() < 0.7:
        own["type"] = style
    if "password" in label:
        own["type"] = "password"
    if random.random() < 0.25:
        own["value"] = episode.value(style)
    written = label.capitalize() if random.random() < 0.8 else label
    slug = label.replace(" ", "-") if random.random() < 0.8 else episode.word()
    tag = "textarea" if style == "words" and random.random() < 0.15 else "input"
    block: list[Element | str]
    how = random.random()
    if how < 0.6:
        named = episode.node("label", written, ref=True, for_=slug)
        entry = episode.node(tag, ref=True, id=slug, **own)
        block = [named, " ", entry]
    elif how < 0.75:
        entry = episode.node(tag, ref=True, **own)
        block = [episode.node("label", f"{written} ", entry, ref=True)]
    else:
        entry = episode.node(tag, ref=True, **own)
        entry.attributes["placeholder" if how < 0.9 else "aria-label"] = written
        block = [entry]
    return block, Action("type", (_ref(entry), value)), value


def _selected(episode: _Episode, label: str, style: str, kind: str) -> tuple[list[Element | str], Action, str]:
    random = episode.random
    labels = list(dict.fromkeys(episode.value(style) for _ in range(random.randint(3, 6))))
    now = random.randrange(len(labels))
    options = [episode.node("option", text) for text in labels]
    options[now].attributes["selected"] = ""
    written, slug = label.capitalize(), label.replace(" ", "-")
    entry = episode.node("select", *options, ref=True, id=slug)
    named = episode.node("label", written, ref=True, for_=slug)
    value = random.choice([text for n, text in enumerate(labels) if n != now] or labels)
    return [named, " ", entry], Action("select", (_ref(entry), value)), value


def _ticked(episode: _Episode, label: str, style: str, kind: str) -> tuple[list[Element | str], Action, str]:
    random = episode.random
    labels = list(dict.fromkeys(episode.value(style) for _ in range(random.randint(2, 5))))
    now = random.randrange(len(labels)) if kind == "radio" or random.random() < 0.5 else -1
    boxes, parts = [], []
    for number, text in enumerate(labels):
        own = {"value": text} if random.random() < 0.5 else {}
        box = episode.node("input", ref=True, type=kind, **own, **({"checked": ""} if number == now else {}))
        boxes.append(box)
        parts += [episode.node("label", box, f" {text}", ref=True), " "]
    free = [number for number in range(len(labels)) if number != now] or [0]
    chosen = random.choice(free)
    holder = episode.node("p", f"{label.capitalize()}: ", *parts[:-1])
    return [holder], Action("click", (_ref(boxes[chosen]),)), labels[chosen]


def _link(episode: _Episode) -> list[_Stage]:
    """A page with a menu and links, or with buttons, one of which is clicked; another may be nearly its like."""
    random = episode.random
    tag, phrases = ("a", _OPEN) if random.random() < 0.7 else ("button", _PRESS)
    wanted = random.choice(_MENU) if random.random() < 0.7 else episode.value("words").capitalize()
    nearly = [wanted, _nearly(wanted, random)] if random.random() < 0.35 else []
    if nearly:
        random.shuffle(nearly)
        wanted = nearly[0]
    menu = episode.menu(wanted, *nearly, tag=tag)
    texts = [episode.node("p", " ".join(episode.word() for _ in range(random.randint(2, 8)))) for _ in range(2)]
    extra = [episode.node(tag, episode.value("words"), ref=True) for _ in range(random.randint(0, 2))]
    link = next(link for link in menu.children if isinstance(link, Element) and link.text == wanted)
    mark = episode.mark(wanted if nearly or random.random() < 0.5 else wanted.lower(), "", "click")
    said = f'"{mark}"' if nearly else episode.shown(mark)
    page = episode.node("body", menu, episode.node("h1", episode.word().capitalize()), *texts, *extra)
    return [_Stage(page, [Action("click", (_ref(link),))], [random.choice(phrases).format(v=said)])]


def _nearly(text: str, random: Random) -> str:
    """The same but for a sign at its end, or for capitals."""
    cased = random.choice([other for other in (text.lower(), text.upper(), text.capitalize()) if other != text])
    return random.choice((text + random.choice(_SIGNS), cased))


def _search(episode: _Episode) -> list[_Stage]:
    """A search, and what it brings up: one link is followed, and others share a word with it."""
    random = episode.random
    words = [episode.word() for _ in range(random.randint(1, 3))]
    wanted = " ".join(words)
    alike = [" ".join([*words[:n], episode.word(), *words[n + 1 :]]) for n in range(len(words)) for _ in range(2)]
    others = [episode.value("words").lower() for _ in range(random.randint(2, 4))]
    entry = episode.node("input", ref=True, **{random.choice(("placeholder", "aria-label")): random.choice(_SEARCHES)})
    submit = episode.node("button", random.choice(_SEARCHES), ref=True)
    bar = [episode.menu(), episode.node("form", entry, submit)]
    random.shuffle(bar)
    offers = [episode.node("li", episode.node("a", text.capitalize(), ref=True)) for text in others]
    first = episode.node("body", *bar, episode.node("h1", episode.word().capitalize()), episode.node("ul", *offers))
    found = [wanted, *random.sample(alike, min(len(alike), random.randint(1, 4)))]
    random.shuffle(found)
    links = [episode.node("a", text.capitalize() if random.random() < 0.9 else text, ref=True) for text in found]
    priced = random.random() < 0.5
    prices = [[" ", episode.node("span", f"${random.randrange(100, 9000) / 100:.2f}")] * priced for _ in links]
    items = [episode.node("li", link, *price) for link, price in zip(links, prices, strict=True)]
    second = episode.node("body", *bar, episode.node("h1", "Results"), episode.node("ul", *items))
    mark = episode.mark(wanted, "", "type")
    typing = Action("type", (_ref(entry), wanted))
    return [
        _Stage(first, [typing, Action("click", (_ref(submit),))], [random.choice(_FIND).format(v=episode.shown(mark))]),
        _Stage(second, [Action("click", (_ref(links[found.index(wanted)]),))]),
    ]


def _rows(episode: _Episode) -> list[_Stage]:
    """A table, in one row of which a button is pressed: two of its cells tell it from the others, or one."""
    random = episode.random
    count, columns = random.randint(3, 7), random.randint(2, 3)
    first = [episode.value(random.choice(("words", "person"))) for _ in range(count)]
    pools = [[episode.value("word") for _ in range(random.randint(2, 4))] for _ in range(columns - 1)]
    cells = [[text, *(random.choice(pool) for pool in pools)] for text in first]
    if random.random() < 0.5:  # the first cell alone does not tell it either
        cells[1][0] = cells[0][0]
        cells[1][1] = next((text for text in pools[0] if text != cells[0][1]), cells[1][1])
    random.shuffle(cells)
    place = random.randrange(count)
    buttons = random.sample(_ROW_BUTTONS, random.randint(1, 2))
    verb = random.randrange(len(buttons))
    lines, refs = [], []
    for line in cells:
        own = [episode.node("button", name, ref=True) for name in buttons]
        refs.append(_ref(own[verb]))
        lines.append(episode.node("tr", *(episode.node("td", text) for text in line), episode.node("td", *own)))
    alike = [line for line in cells if line[0] == cells[place][0]]
    told = cells[place][: 2 if len(alike) > 1 or random.random() < 0.5 else 1]
    marks = [episode.mark(text, str(number), "row") for number, text in enumerate(told)]
    joined = random.choice((" of ", " from ", ", ", " by ", " with ")).join(map(episode.shown, marks))
    if len(told) == 2 and random.random() < 0.3:
        joined = f"{episode.shown(marks[1])}'s {episode.shown(marks[0])}"
    button = episode.mark(buttons[verb] if random.random() < 0.5 else buttons[verb].lower(), "", "click")
    said = random.choice(_ROW).format(a=joined, b=button)
    top = [episode.menu()] if random.random() < 0.5 else []
    return [
        _Stage(episode.node("body", *top, episode.node("table", *lines)), [Action("click", (refs[place],))], [said])
    ]


def _ref(element: Element) -> int:
    assert element.ref is not None
    return element.ref


_FLOWS: tuple[tuple[Callable[[_Episode], list[_Stage]], ...], ...] = (
    (_form,), (_form,), (_link,), (_rows,), (_search,), (_link, _form), (_rows, _form), (_search, _form),
    (_form, _link, _form), (_form, _rows), (_search, _form, _form), (_form, _rows, _form),
)  # fmt: skip


def episode(seed: int) -> list[Row]:
    """The rows of one episode; equal seeds give equal ones."""
    random = Random(f"{TASK} {seed}")
    made = _Episode(random)
    stages = [stage for make in random.choice(_FLOWS) for stage in make(made)]
    clauses = [said for stage in stages for said in stage.said]
    text = "".join(clause + random.choice((", ", ". ", "; ", " and ", ", then ")) for clause in clauses).rstrip(",;. ")
    text = text.removesuffix(" and").removesuffix(", then")
    wording = Wording(text[:1].upper() + text[1:], made.marks)
    if random.random() < 0.5:
        wording = reworded(wording, set(), False, random)
    instruction = wording.filled({})
    numbers = rows.Numbers(random.randint(1, 2), random.randrange(60))
    steps: list[tuple[str, Action]] = []
    page = stages[0].page
    for stage in [*stages, None]:
        stage = stage or _Stage(_last(made, page), [Action("done", ("",))])
        page = parse_html(format_html(stage.page))
        for action in stage.actions:
            steps.append((format_html(page), action))
            forms.fill_in(page, action)
    found = []
    for number, (html, action) in enumerate(steps):
        page = parse_html(html)
        numbers.renumber(page)
        refs = tuple(map(numbers.of, action.refs))
        action = Action(action.verb, (*refs, *action.args[len(refs) :]))
        found.append(_row(seed, number, instruction, page, action))
    return found


def _last(episode: _Episode, page: Element) -> Element:
    """What is seen when all is done: another page, or the one it was done on, with a notice."""
    random = episode.random
    notice = episode.node("p", random.choice(_DONE))
    if random.random() < 0.5:
        return episode.node("body", episode.menu(), notice)
    loaded = random.random() < 0.6
    for element in page.walk():
        element.attributes.pop("focused", None)
        if loaded and element.ref is not None:
            element.attributes["ref"] = str(episode.new_ref())
    place = random.choice((0, len(page.children), random.randrange(len(page.children) + 1)))
    page.children.insert(place, notice)
    return page


def _row(seed: int, number: int, instruction: str, page: Element, action: Action) -> Row:
    elements = list(page.walk())
    row: dict[str, Any] = {
        "episode_id": f"{TASK}/{seed}",
        "step": number,
        "task": TASK,
        "seed": seed,
        "instruction": instruction,
        "html": format_html(page),
        "boxes": np.zeros(4 * len(elements), np.float32),
        "refs": np.array([-1 if element.ref is None else element.ref for element in elements], np.int32),
        "screenshot": None,
        "last_error": "",
        "action": str(action),
        "label": None,
        "raw_reward": 0.0,
        "success": True,
        "source": TASK,
    }
    return row


@dataclass(frozen=True)
class SynthesizeConfig:
    """Make up pages and what is done on them, to train on beside other data: no browser, some thousand steps a second.

    examples:
      webagent synthesize --episodes 15000 --out data/synthetic
      webagent train --data data/tasks data/synthetic --out runs/first
    """

    out: Path
    """Folder of the dataset. What is there already of the same one is kept."""
    episodes: int = 15_000
    """How many."""
    first_seed: int = TRAINING_SEEDS.start
    """Seed of the first; the others follow on it. Equal seeds give equal episodes."""
    overwrite: bool = False
    """Delete the dataset that is in the folder, whatever it holds."""


def synthesize(config: SynthesizeConfig, console: Console | None = None) -> Path:
    """Writes a dataset of made-up episodes.

    Returns:
        Its folder.

    Raises:
        DatasetError: if the folder holds something else, or a number makes no sense.
    """
    last = config.first_seed + config.episodes - 1
    if config.episodes < 1:
        raise DatasetError(f"episodes must be at least 1, got {config.episodes}")
    if config.first_seed not in TRAINING_SEEDS or last not in TRAINING_SEEDS:
        raise DatasetError(
            f"seeds {config.first_seed:,} to {last:,} leave the training range, {TRAINING_SEEDS.start:,} to "
            f"{TRAINING_SEEDS.stop - 1:,}; choose another first_seed"
        )
    content = {"made up": TASK, "episodes": config.episodes, "first_seed": config.first_seed}
    with DatasetWriter(config.out, content, config.overwrite) as writer:
        writer.add_provenance(provenance())
        starts = range(0, config.episodes, SHARD)
        for start in track(starts, "making pages up", console=console, disable=len(starts) < 3):
            if writer.find(TASK, start // SHARD) is None:
                seeds = range(start, min(config.episodes, start + SHARD))
                made = [row for seed in seeds for row in episode(config.first_seed + seed)]
                writer.write(TASK, made, start // SHARD)
    (console or Console()).print(f"{config.episodes:,} episodes: {config.out}", soft_wrap=True)
    return config.out
