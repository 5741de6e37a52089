"""Forms: several fields to fill in, spinners, sliders, and what they are combined to."""

from __future__ import annotations

from data_gen.oracles.base import OracleError, Page, click, fill, oracle
from data_gen.oracles.choices import submit
from envs.action import Action


@oracle("multi-layouts", "multi-orderings")
def search_movie(page: Page) -> Action:
    """Each page names and orders its three fields in its own way: filled in from top to bottom, then sent."""
    genre, director, year = page.asked(r"^Search for (.+) movies directed by (.+) from year (\d+)\.$")
    wanted = {
        "Genre": genre,
        "Movie Genre": genre,
        "Director": director,
        "Director Name": director,
        "Year": year,
        "Released Date": year,
    }
    labels = [element.text.rstrip(":") for element in page.find_all() if not element.find()]
    texts = [wanted[label] for label in labels if label in wanted]
    fields = page.find_all("input")
    if len(texts) != len(fields):
        raise OracleError(f"{len(fields)} fields, but {len(texts)} labels that are known among {labels}")
    for field, text in zip(fields, texts, strict=True):
        if (typing := fill(field, text)) is not None:
            return typing
    return click(page.find("button") or page.find(cls="final") or page.find(cls="ui-submit"))


@oracle("use-spinner")
def use_spinner(page: Page) -> Action:
    """The field takes no keys that write: one click on an arrow for each step."""
    (wanted,) = page.asked(r"^Select (-?\d+) with the spinner")
    field = page.find("input", id="spinner")
    away = int(wanted) - int(field.value if field else 0)
    if away == 0:
        return submit(page)
    return click(page.find("a", cls="ui-spinner-up" if away > 0 else "ui-spinner-down"))
