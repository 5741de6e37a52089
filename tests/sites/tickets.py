"""A ticket tool: filter the table by status, open one ticket's modal, change who, how urgent and until when, save."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random

from tests.sites import words
from tests.sites.base import Deed, Redirect, Session, Site, Variation, links, options, shuffled, text, worded

ROWS = 5

_FRAMES = (
    (
        "Filter the tickets by status {status}. Edit the one about {subject} of {customer}: {clauses}. Save it.",
        'Show the tickets of status "{status}", open the ticket "{subject}" from {customer}, {clauses}, and save.',
        "Status {status}: in the ticket of {customer} about {subject} {clauses}; then save.",
        "Among the {status} tickets edit {subject} ({customer}). In it {clauses}. Then press save.",
    ),
    (
        "Please narrow the list to {status} tickets and update {subject} from {customer}: {clauses}. Do save it.",
        'Look at tickets whose status is "{status}". For "{subject}" of "{customer}", {clauses}, then save.',
        "{customer} has a {status} ticket about {subject}. Open it, {clauses} and save.",
    ),
)
_CLAUSES = {
    "assignee": (
        ("assign it to {v}", 'set the assignee to "{v}"', "assignee {v}"),
        ("make {v} the assignee", "let the assignee be {v}"),
    ),
    "priority": (
        ("set the priority to {v}", "priority {v}", 'give it the priority "{v}"'),
        ("make the priority {v}", "use {v} priority"),
    ),
    "due": (
        ("set the due date to {v}", "due {v}", "make it due on {v}"),
        ("the due date is {v}", "move the due date to {v}"),
    ),
    "note": (
        ('write the note "{v}"', "add the note {v}", "note {v}"),
        ('leave a note "{v}"', "put {v} as note"),
    ),
}
_FIELDS = tuple(_CLAUSES)


class Tickets(Site):
    name = "tickets"

    def variation(self, seed: int, held_out: bool) -> Variation:
        random = Random(f"tickets {held_out} {seed}")
        troubles, problems = words.half(words.TROUBLES, held_out), words.half(words.PROBLEMS, held_out)
        statuses = random.sample(words.half(words.STATUSES, held_out), 3)
        customers = [words.person(random, held_out).split()[1] for _ in range(4)]
        status, trouble, problem = random.choice(statuses), random.choice(troubles), random.choice(problems)
        subject, customer = f"{trouble} {problem}", random.choice(customers)
        # Others share a word of the subject, the customer or the status.
        others = [f"{trouble} {word}" for word in problems if word != problem]
        others += [f"{word} {problem}" for word in troubles if word != trouble]
        rows = [
            (name, random.choice(customers), random.choice([status, *statuses]))
            for name in random.sample(others, ROWS - 1)
        ]
        rows.insert(random.randrange(ROWS), (subject, customer, status))
        people = random.sample(words.half(words.FIRST, held_out), 4)
        levels = random.sample(words.half(words.LEVELS, held_out), 3)
        day = date(2026 + held_out, 1, 1) + timedelta(random.randrange(365))
        note = f"{random.choice(words.half(words.GOODS, held_out))} {random.choice(words.half(words.CITIES, held_out))}"
        asked = {
            "assignee": random.choice(people[1:]).title(),
            "priority": random.choice(levels[1:]),
            "due": day.isoformat(),
            "note": note.lower(),
        }
        clauses = ", ".join(
            worded(random, held_out, _CLAUSES[name], v=asked[name]) for name in shuffled(random, _FIELDS)
        )
        task = worded(
            random, held_out, _FRAMES, status=status, subject=subject, customer=customer.title(), clauses=clauses
        )
        shown = {
            "rows": rows,
            "statuses": statuses,
            "people": [name.title() for name in people],
            "levels": levels,
            "order": shuffled(random, _FIELDS),
        }
        return Variation(
            seed, held_out, task, {"status": status, "subject": subject, "customer": customer} | asked, shown
        )

    def page(self, session: Session, path: str, form: dict[str, str], posted: bool) -> str | Redirect:
        if path == "save" and posted:
            session.state.setdefault("saved", []).append(form)
            return "saved"
        return _page(session.variation)

    def deeds(self, variation: Variation) -> list[Deed]:
        values = variation.values
        number = next(n for n, row in enumerate(variation.shown["rows"]) if row[0] == values["subject"])
        deeds = [
            Deed("choose", "#status", values["status"]),
            Deed("click", "#apply"),
            Deed("click", f"tr[data-row='{number}'] button"),
        ]
        for name in variation.shown["order"]:
            kind = {"assignee": "choose", "due": "date", "note": "type"}.get(name)
            if kind:
                deeds.append(Deed(kind, f"#{name}", values[name]))
            else:
                deeds.append(Deed("click", f"input[value='{values[name]}']"))
        return [*deeds, Deed("click", "#save")]

    def solved(self, session: Session) -> bool:
        values = session.variation.values
        number = next(n for n, row in enumerate(session.variation.shown["rows"]) if row[0] == values["subject"])
        expected = {name: values[name] for name in _FIELDS} | {"filter": values["status"], "row": str(number)}
        return session.state.get("saved") == [expected]


def _page(variation: Variation) -> str:
    shown = variation.shown
    rows = "".join(
        f"<tr data-row={n} data-status='{text(status)}'><td>{text(subject.capitalize())}</td>"
        f"<td>{text(customer.title())}</td><td>{text(status)}</td><td><button>Edit</button></td></tr>"
        for n, (subject, customer, status) in enumerate(shown["rows"])
    )
    radios = "".join(f"<label><input type=radio name=priority value='{v}'> {v}</label> " for v in shown["levels"])
    people = options([*shown["people"]], shown["people"][0])
    fields = {
        "assignee": f"<label for=assignee>Assignee</label> <select id=assignee>{people}</select>",
        "priority": f"Priority: {radios}",
        "due": "<label for=due>Due date</label> <input id=due type=date>",
        "note": "<label for=note>Note</label> <input id=note>",
    }
    body = "".join(f"<p>{fields[name]}</p>" for name in shown["order"])
    menu = links(("Board", "Reports", "People", "Help")).replace("href='", "href='#")
    statuses = options(["All", *shown["statuses"]], "All")
    heads = "".join(f"<th><button>{name}</button>" for name in ("Subject", "Customer", "Status"))
    return (
        f"<nav>{menu}</nav><h1>Tickets</h1><div class=filter><label for=status>Status</label> "
        f"<select id=status>{statuses}</select> <button id=apply>Apply</button></div>"
        f"<table><thead><tr>{heads}<th></tr></thead>"
        f"<tbody>{rows}</tbody></table><p id=notice></p>"
        f"<div id=modal role=dialog style='display: none'><h2></h2>{body}"
        "<button id=save>Save</button> <button id=cancel>Cancel</button></div>"
        f"<script>const PRIORITY = {json.dumps(shown['levels'][0])};{_SCRIPT}</script>"
    )


_SCRIPT = """
const by = (id) => document.getElementById(id);
let filter = "All", row = null;
const show = (open) => {
  by("modal").style.display = open ? "block" : "none";
  for (const other of ["nav", ".filter", "table"]) document.querySelector(other).style.display = open ? "none" : "";
};
by("apply").addEventListener("click", () => {
  filter = by("status").value;
  for (const line of document.querySelectorAll("tbody tr")) {
    line.style.display = filter === "All" || line.dataset.status === filter ? "" : "none";
  }
});
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const rows = [...document.querySelectorAll("tbody tr")], column = button.parentElement.cellIndex;
  const key = (line) => line.cells[column].textContent;
  document.querySelector("tbody").append(...rows.sort((a, b) => key(a).localeCompare(key(b))));
});
for (const button of document.querySelectorAll("tbody button")) button.addEventListener("click", () => {
  row = button.closest("tr");
  document.querySelector("#modal h2").textContent = row.cells[0].textContent;
  document.querySelector(`input[value="${PRIORITY}"]`).checked = true;
  by("notice").textContent = "";
  show(true);
});
by("cancel").addEventListener("click", () => show(false));
by("save").addEventListener("click", async () => {
  const told = {filter, row: row.dataset.row, priority: document.querySelector("[name=priority]:checked").value};
  for (const id of ["assignee", "due", "note"]) told[id] = by(id).value;
  await fetch("save", {method: "POST", body: new URLSearchParams(told)});
  show(false);
  by("notice").textContent = row.cells[0].textContent + " has been saved.";
});
"""
