import re

import numpy as np
import pytest

from envs import browser
from envs.action import Action
from webagent.benchmark import BenchConfig, bench
from webagent.report.page import fold_html
from webagent.report.trace import Mark, marks_of


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    tasks = ("click-button", "click-checkboxes")
    bench(BenchConfig(tasks=tasks, policy="oracle", episodes=3, pictures=2, workers=1, report=folder))
    opened = browser.shared().new_page(width=390, height=800, scripts=())
    opened.requests = []
    opened.on("request", lambda request: opened.requests.append(request.url))
    opened.goto((folder / "index.html").as_uri())
    yield opened
    opened.context.close()


def test_the_page_stands_alone(page):
    assert [url for url in page.requests if not url.startswith("data:")] == [page.url]


def test_every_picture_is_there_and_has_the_size_of_the_page(page):
    sizes = page.eval_on_selector_all("img", "images => images.map(i => i.naturalWidth + 'x' + i.naturalHeight)")
    assert len(sizes) >= 2 * 2 + 2 * 3
    assert set(sizes) == {"160x210"}


def test_pictures_are_shown_at_a_whole_multiple(page):
    widths = page.eval_on_selector_all("img", "images => images.map(i => i.getBoundingClientRect().width)")
    assert set(widths) == {320}


def test_the_page_fits_a_phone(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_acted_element_is_marked_in_picture_and_html(page):
    steps = page.locator("figure:has(.action)")
    assert steps.count() >= 6
    for index in range(steps.count()):
        step = steps.nth(index)
        ref = re.fullmatch(r"click (\d+)", step.locator(".action").inner_text()).group(1)
        assert step.locator("svg rect").count() == 1
        assert re.search(rf"\bref={ref}\b", step.locator("mark").text_content())


def test_the_table_has_a_row_for_each_task_that_leads_to_its_pictures(page):
    rows = page.locator("tbody tr")
    assert rows.count() == 2
    for index in range(2):
        target = rows.nth(index).locator("a").get_attribute("href")
        assert page.locator(f"[id='{target[1:]}']").count() == 1


@pytest.mark.parametrize(
    "html",
    [
        "",
        "only text",
        '<div id=wrap><label><input ref=0 id="a&lt;b"> x &amp; y</label><button ref=7 id=s>Submit</button></div>',
        "before<p>in<br></p>after<img>",
    ],
)
def test_folding_html_adds_line_breaks_and_indents_and_nothing_else(html):
    lines = fold_html(html, (7,)).replace("<mark>", "").replace("</mark>", "").unescape().split("\n")
    assert "".join(line.lstrip(" ") if index else line for index, line in enumerate(lines)) == html


def test_html_in_a_report_is_text_and_never_markup():
    assert "<script>" not in fold_html("<p>&lt;script&gt;</p><script>alert(1)</script>", (0,))


def test_marks_are_the_boxes_of_refs_and_the_pixels_of_coordinates():
    refs = np.full(8, -1, np.int32)
    refs[2], refs[5] = 4, 9
    boxes = np.zeros((8, 4), np.float32)
    boxes[2], boxes[5] = (1, 2, 30, 10), (50, 60, 5, 5)
    observation = {"refs": refs, "boxes": boxes}
    assert marks_of(Action.parse("drag 4 9"), observation) == (Mark(1, 2, 30, 10), Mark(50, 60, 5, 5))
    assert marks_of(Action.parse("click 3"), observation) == ()
    assert marks_of(Action.parse("drag_xy 1 2 3 4"), observation) == (Mark(1, 2), Mark(3, 4))
    assert marks_of(Action.parse("scroll page down"), observation) == ()
