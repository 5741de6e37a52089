"""A log-in with settings: log in, find the settings, change three of six, save."""

from __future__ import annotations

from random import Random

from tests.sites import words
from tests.sites.base import Deed, Redirect, Session, Site, Variation, links, options, shuffled, text, worded

FIELDS = ("display-name", "language", "time-zone", "theme", "mail", "rows")
ASKED = 3

_FRAMES = (
    (
        "Log in as {user} with the password {password}. Then, in the settings, {clauses} and save.",
        "Sign in (user {user}, password {password}), open the settings, {clauses}, and save the changes.",
        'With user "{user}" and password "{password}", log in; on the settings page {clauses}; then save.',
        "User {user}, password {password}. In settings: {clauses}. Save at the end.",
    ),
    (
        "Use {user} and the password {password} to log in, go to the settings, {clauses}, then save everything.",
        'I am user "{user}" and my password is "{password}". On my settings page please {clauses} and save it.',
        "Please log in with user name {user}, password {password}, visit settings and {clauses}, saving when finished.",
    ),
)
_CLAUSES = {
    "display-name": (
        ("set the display name to {v}", 'change the display name to "{v}"', "display name {v}"),
        ("make {v} the display name", 'the display name must be "{v}"'),
    ),
    "language": (
        ("set the language to {v}", "choose {v} as language", "language {v}"),
        ("switch the language to {v}", 'the language should be "{v}"'),
    ),
    "time-zone": (
        ("set the time zone to {v}", "choose the time zone {v}", 'time zone "{v}"'),
        ("make {v} the time zone", "pick {v} as time zone"),
    ),
    "theme": (
        ("choose the {v} theme", 'set the theme to "{v}"', "theme {v}"),
        ("pick the theme {v}", "make it the {v} theme"),
    ),
    "mail": (
        ("turn on mail about {v}", "tick {v} for mail", 'subscribe to "{v}"'),
        ("switch on {v} mail", 'get mail about "{v}"'),
    ),
    "rows": (
        ("show {v} rows per page", "set rows per page to {v}", "rows per page {v}"),
        ("make it {v} rows per page", 'have "{v}" rows on a page'),
    ),
}
_LABELS = {
    "display-name": "Display name",
    "language": "Language",
    "time-zone": "Time zone",
    "theme": "Theme",
    "mail": "Mail about",
    "rows": "Rows per page",
}
_MENU = ("Home", "Settings", "Billing", "Help", "Log out")


class Account(Site):
    name = "account"

    def variation(self, seed: int, held_out: bool) -> Variation:
        random = Random(f"account {held_out} {seed}")
        lists = {
            "language": random.sample(words.half(words.LANGUAGES, held_out), 4),
            "time-zone": random.sample(words.half(words.CITIES, held_out), 3),
            "theme": random.sample(words.half(words.THEMES, held_out), 3),
            "mail": random.sample(words.half(words.TOPICS, held_out), 3),
        }
        start = {
            "display-name": words.person(random, held_out),
            "language": lists["language"][0],
            "time-zone": lists["time-zone"][0],
            "theme": lists["theme"][0],
            "mail": lists["mail"][0],
            "rows": str(random.randrange(10 + held_out, 99, 2)),
        }
        wanted = {name: random.choice(items[1:]) for name, items in lists.items()}
        wanted["display-name"] = words.person(random, held_out)
        wanted["rows"] = str(random.randrange(10 + held_out, 99, 2))
        asked = random.sample(FIELDS, ASKED)
        user = random.choice(words.half(words.FIRST, held_out)) + str(random.randrange(10 + held_out, 99, 2))
        values = {"user": user, "password": words.password(random)} | {name: wanted[name] for name in asked}
        clauses = ", ".join(worded(random, held_out, _CLAUSES[name], v=wanted[name]) for name in asked)
        task = worded(random, held_out, _FRAMES, user=user, password=values["password"], clauses=clauses)
        for items in lists.values():
            random.shuffle(items)
        shown = {
            "lists": lists,
            "start": start,
            "order": shuffled(random, FIELDS),
            "menu": shuffled(random, _MENU),
            "login": random.random() < 0.5,
        }
        return Variation(seed, held_out, task, values, shown)

    def page(self, session: Session, path: str, form: dict[str, str], posted: bool) -> str | Redirect:
        state, values = session.state, session.variation.values
        if path == "login" and posted:
            right = (form.get("user"), form.get("password")) == (values["user"], values["password"])
            state["in"], state["failed"] = right, not right
            return Redirect("home" if right else "")
        if not state.get("in"):
            return _login(session)
        if path == "save" and posted:
            state["saved"] = form
            state["saves"] = state.get("saves", 0) + 1
            return Redirect("settings")
        if path == "settings":
            return _settings(session)
        if path == "log-out":
            state["in"] = False
            return Redirect("")
        head = f"<nav>{links(session.variation.shown['menu'])}</nav><h1>{text(path.title() or 'Home')}</h1>"
        return f"{head}<p>Welcome, {text(values['user'])}.</p><a href='messages'>3 new messages</a>"

    def deeds(self, variation: Variation) -> list[Deed]:
        values = variation.values
        deeds = [
            Deed("type", "#user", values["user"]),
            Deed("type", "#password", values["password"]),
            Deed("click", "#log-in"),
            Deed("click", "nav a[href=settings]"),
        ]
        for name in variation.shown["order"]:
            if name in values:
                value = values[name]
                if name in ("language", "time-zone"):
                    deeds.append(Deed("choose", f"#{name}", value))
                elif name == "theme":
                    deeds.append(Deed("click", f"input[value='{value}']"))
                elif name == "mail":
                    deeds.append(Deed("click", f"input[name='mail-{value}']"))
                else:
                    deeds.append(Deed("type", f"#{name}", value))
        return [*deeds, Deed("click", "#save")]

    def solved(self, session: Session) -> bool:
        variation, state = session.variation, session.state
        start = variation.shown["start"]
        expected = start | {name: value for name, value in variation.values.items() if name in FIELDS}
        mails = {f"mail-{topic}": "on" for topic in {start["mail"], expected["mail"]}}
        del expected["mail"]
        return state.get("in") is True and state.get("saves") == 1 and state["saved"] == expected | mails


def _login(session: Session) -> str:
    failed = "<p class=error>User name or password is wrong.</p>" * bool(session.state.get("failed"))
    menu = links(("Forgot password", "New account", "Help", "Terms"))
    remember = "<label><input type=checkbox name=remember> Remember me</label>"
    form = (
        "<label for=user>User name</label> <input id=user name=user><br>"
        "<label for=password>Password</label> <input id=password name=password type=password><br>"
        f"{remember}<br><button id=log-in>Log in</button>"
    )
    if session.variation.shown["login"]:
        return f"<nav>{menu}</nav><h1>Log in</h1>{failed}<form method=post action=login>{form}</form>"
    return f"<h1>Log in</h1>{failed}<form method=post action=login>{form}</form><footer>{menu}</footer>"


def _settings(session: Session) -> str:
    shown = session.variation.shown
    saved = session.state.get("saved")
    now = shown["start"] if saved is None else shown["start"] | saved
    mails = {shown["start"]["mail"]} if saved is None else {name[5:] for name in saved if name.startswith("mail-")}
    rows = []
    for name in shown["order"]:
        label = _LABELS[name]
        if name in ("language", "time-zone"):
            field = f"<select id={name} name={name}>{options(shown['lists'][name], now[name])}</select>"
            rows.append(f"<label for={name}>{label}</label> {field}")
        elif name == "theme":
            radios = "".join(
                f"<label><input type=radio name=theme value='{v}'{' checked' * (v == now['theme'])}> {v}</label> "
                for v in shown["lists"]["theme"]
            )
            rows.append(f"{label}: {radios}")
        elif name == "mail":
            boxes = "".join(
                f"<label><input type=checkbox name='mail-{v}'{' checked' * (v in mails)}> {v}</label> "
                for v in shown["lists"]["mail"]
            )
            rows.append(f"{label}: {boxes}")
        else:
            kind = "number" if name == "rows" else "text"
            field = f"<input id={name} name={name} type={kind} value='{text(now[name])}'>"
            rows.append(f"<label for={name}>{label}</label> {field}")
    body = "".join(f"<p>{row}</p>" for row in rows)
    done = "<p class=notice>Your settings have been saved.</p>" * (saved is not None)
    return (
        f"<nav>{links(shown['menu'])}</nav><h1>Settings</h1>{done}<form method=post action=save>{body}"
        "<button id=save>Save</button> <a href='home'>Cancel</a></form>"
    )
