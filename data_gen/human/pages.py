"""What the recordings of human demonstrations leave out of a page: facts about the MiniWoB++ pages themselves.

A recording (``core.getDOMInfo`` of MiniWoB++) stores tag, id, classes, text, value, box and colours of each element. It
stores neither which elements listen to the mouse nor any other attribute. Both follow from the page's source, for all
elements of a kind alike; none depends on what the person did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

# Tasks (shell patterns), selector (tag, #id, .class; the classes are those that it has to have at least; :text that it
# has alone), what holds:
#   ref         listens to the mouse: gets a ref and can be clicked
#   area        gets a ref, but is a container: a click on it is a click on nothing
#   scrolls     can be scrolled where its content is longer
#   background  has an inline background colour; background=name where the page writes it as a colour's name
#   implicit    an input that is a text field for want of a type
#   NAME or NAME=VALUE  an attribute
_FACTS = """
*                    .ui-tabs-nav                  area role=tablist
*                    .ui-tabs-tab                  ref role=tab
*                    .ui-tabs-anchor               ref role=presentation
*                    .ui-tabs-panel                area role=tabpanel
*                    .ui-accordion                 area role=tablist
*                    .ui-accordion-header          ref role=tab
*                    .ui-accordion-content         area role=tabpanel
*                    .ui-dialog                    area role=dialog
*                    .ui-draggable-handle          ref
*                    .ui-resizable-handle          ref
*                    .ui-dialog-titlebar-close     ref title=Close
*                    .ui-menu                      area
*                    .ui-menu-item-wrapper         ref
*                    .ui-datepicker                area
*                    .ui-datepicker-prev           ref title=Prev
*                    .ui-datepicker-next           ref title=Next
*                    span:Su                       title=Sunday
*                    span:Mo                       title=Monday
*                    span:Tu                       title=Tuesday
*                    span:We                       title=Wednesday
*                    span:Th                       title=Thursday
*                    span:Fr                       title=Friday
*                    span:Sa                       title=Saturday
*                    .ui-spinner                   area
*                    .ui-spinner-input             implicit role=spinbutton
*                    .ui-spinner-button            ref role=button
*                    .hasDatepicker                readonly
*                    .alink                        ref
click-menu*          .ui-menu                      role=menu
click-menu*          .ui-menu-item-wrapper         role=menuitem
use-autocomplete*    label                         for=tags
use-autocomplete*    #tags                         implicit
use-spinner          label                         for=spinner
book-flight*         #flight-from                  placeholder=From:
book-flight*         #flight-to                    placeholder=To:
click-scroll-list    select                        multiple scrolls
click-color          div.color                     ref background=name
click-shades         span                          ref background
click-shape          #area_svg                     area
click-shape          circle                        ref
click-shape          rect                          ref
click-shape          polygon                       ref
click-shape          text                          ref
count-shape          #area_svg                     area
grid-coordinate      circle                        ref class=plot-point fill=blue stroke=black
click-pie*           text                          ref
click-pie*           path                          ref
click-widget         .widget                       ref
email-inbox*         #main                         scrolls
email-inbox*         #email                        scrolls
email-inbox*         #search                       scrolls
email-inbox*         #open-search                  ref
email-inbox*         #close-search                 ref
email-inbox*         .email-thread                 ref
email-inbox*         .trash                        ref
email-inbox*         .star                         ref
email-inbox*         .email-reply                  ref
email-inbox*         .email-forward                ref
email-inbox*         #close-email                  ref
email-inbox*         #close-reply                  ref
email-inbox*         #close-forward                ref
email-inbox*         #send-reply                   ref
email-inbox*         #send-forward                 ref
multi-*              .final                        ref
navigate-tree        .hitarea                      ref
navigate-tree        .folder                       ref
search-engine        .pagination                   area
social-media*        #area                         scrolls
social-media*        .reply                        ref
social-media*        .retweet                      ref
social-media*        .like                         ref
social-media*        .more                         ref
social-media*        .share                        ref
tic-tac-toe          span                          ref
book-flight*         #area                         scrolls
"""

_SELECTOR = re.compile(r"([a-z0-9]*)(?:#([\w-]+))?((?:\.[\w-]+)*)(?::(\w+))?")
_MARKS = frozenset(("ref", "area", "scrolls", "background", "background=name", "implicit"))


@dataclass(frozen=True)
class Fact:
    """What holds for the elements that a selector fits."""

    tag: str
    id: str
    classes: frozenset[str]
    text: str
    marks: frozenset[str]
    attributes: tuple[tuple[str, str], ...]

    def fits(self, tag: str, id: str, classes: frozenset[str], text: str) -> bool:
        """Whether it holds for an element with that tag, id, text and those classes."""
        alike = self.tag in ("", tag) and self.id in ("", id) and self.text in ("", text)
        return alike and self.classes <= classes


@lru_cache(maxsize=256)
def facts(task: str) -> tuple[Fact, ...]:
    """All facts about the page of a task."""
    rows = [line.split() for line in _FACTS.strip().splitlines()]
    return tuple(_read(row[1], row[2:]) for row in rows if fnmatchcase(task, row[0]))


def _read(selector: str, holds: Sequence[str]) -> Fact:
    match = _SELECTOR.fullmatch(selector)
    assert match is not None, selector
    tag, id, classes, text = match.groups(default="")
    parts = (word.partition("=") for word in holds if word not in _MARKS)
    attributes = tuple((name, value) for name, _, value in parts)
    return Fact(tag, id, frozenset(filter(None, classes.split("."))), text, _MARKS.intersection(holds), attributes)
