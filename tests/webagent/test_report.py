import re

import numpy as np
import pytest

from envs import browser
from envs.action import Action
from webagent.benchmark import BenchConfig, bench
from webagent.compare import CompareConfig, compare
from webagent.report.page import fold_html
from webagent.report.trace import Mark, marks_of


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    tasks = ("click-button", "click-checkboxes")
    bench(BenchConfig(tasks=tasks, policy="oracle", episodes=3, pictures=2, workers=1, report=folder))
    opened = open_page(folder / "index.html")
    opened.evaluate("document.querySelectorAll('details.episode').forEach(episode => episode.open = true)")
    yield opened
    opened.context.close()


def open_page(file):
    page = browser.shared().new_page(width=390, height=800, scripts=())
    page.requests, page.complaints = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(file.as_uri())
    return page


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
    rows = page.locator("tr.task")
    assert rows.count() == 2
    for index in range(2):
        target = rows.nth(index).locator("a").get_attribute("href")
        assert page.locator(f"[id='{target[1:]}']").count() == 1


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on the same pages: one that solves them, and one that mostly does not."""
    folder = tmp_path_factory.mktemp("runs")
    for policy in ("oracle", "random"):
        tasks = ("click-button", "click-checkboxes", "enter-text")
        bench(BenchConfig(tasks=tasks, policy=policy, episodes=3, failures=True, workers=1, out=folder / policy))
    return folder


@pytest.fixture
def live(runs):
    opened = open_page(runs / "random" / "index.html")
    yield opened
    assert opened.complaints == []
    opened.context.close()


def texts(page, selector):
    return [element.inner_text() for element in page.locator(selector).all() if element.is_visible()]


def test_the_filter_leaves_the_rows_and_episodes_that_have_the_words(live):
    live.fill("#filter", "click check")
    assert [text.split()[0] for text in texts(live, "tr.task")] == ["click-checkboxes"]
    assert {text.split()[0] for text in texts(live, "details.episode > summary b")} == {"click-checkboxes"}
    assert {text.split()[0] for text in texts(live, ".failed tbody tr")} == {"click-checkboxes"}
    assert live.inner_text("#count") == "1 of 3 tasks"
    live.fill("#filter", "")
    assert len(texts(live, "tr.task")) == 3


def test_episodes_are_filtered_by_outcome(live):
    live.select_option("#outcome", "failure")
    assert set(texts(live, "details.episode .badge")) == {"failure"}


def test_a_click_on_a_heading_sorts_by_its_numbers_and_the_next_turns_that_round(live):
    def steps():
        return live.eval_on_selector_all("tr.task", "rows => rows.map(row => Number(row.cells[5].textContent))")

    heading = live.locator("th button", has_text="steps")
    heading.click()
    assert steps() == sorted(steps(), reverse=True)
    heading.click()
    assert steps() == sorted(steps())


def test_an_episode_opens_by_its_link_and_shows_its_steps(live):
    link = live.locator(".failed a").last
    episode = live.locator(f"[id='{link.get_attribute('href')[1:]}']")
    episode.evaluate("episode => episode.open = false")
    link.click()
    episode.locator("figure").first.wait_for(state="visible")
    assert episode.locator(".action").count() >= 1
    episode.locator("summary", has_text="html").first.click()
    assert "<" in episode.locator("pre").first.inner_text()


def test_published_figures_of_other_tasks_are_said_not_to_compare(live):
    assert "none of those below compares" in " ".join(texts(live, ".warning"))
    live.locator(".more > summary").click()
    rows = texts(live, ".more tbody tr")
    assert len(rows) > 50 and all("other tasks" in row for row in rows)


def test_the_comparison_leads_to_the_episodes_that_only_one_run_solved(runs, tmp_path):
    comparison = compare(CompareConfig(runs / "oracle", runs / "random", report=tmp_path))
    page = open_page(tmp_path / "index.html")
    shown = page.locator("details.episode")
    assert shown.count() == comparison.only_first + comparison.only_second > 0
    assert shown.first.locator("h4").count() == 2
    assert shown.first.locator("img").first.is_visible()
    page.select_option("#outcome", "second")
    assert len(texts(page, "details.episode > summary")) == comparison.only_second
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.complaints == []
    page.context.close()


def test_a_printed_page_has_its_episodes_open(live, tmp_path):
    live.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert live.locator("details.episode:not([open])").count() == 0


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
