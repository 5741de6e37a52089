"""The html of an observation: written by page.js on a real page, read back by envs.html."""

import pytest

from envs.actuator import Actuator
from envs.browser import shared
from envs.html import WORD, format_html, parse_html
from envs.miniwob import script


@pytest.fixture(scope="module")
def page():
    page = shared().new_page(width=400, height=300, scripts=(script("clock.js"), script("page.js")))
    yield page
    page.context.close()


def hands(page) -> Actuator:
    session = page.context.new_cdp_session(page)
    return Actuator(page, session, "(async () => __webagent.observe({maxElements: 100}))()")


def see(page, body: str):
    page.goto("about:blank")
    page.set_content(f"<!DOCTYPE html><body>{body}</body>")
    return hands(page).observe()


def test_boxes_and_refs_have_a_row_for_each_element(page):
    seen = see(page, "<div><p id=a>one <b>two</b></p><button>go</button><input value='x'></div>")
    elements = list(parse_html(seen.html).walk())
    assert [element.tag for element in elements] == ["p", "b", "button", "input"]
    assert len(seen.refs) == len(elements) == len(seen.boxes) // 4
    assert [-1 if element.ref is None else element.ref for element in elements] == seen.refs


def test_what_nobody_could_see_is_left_out(page):
    seen = see(
        page,
        "<p data-answer=42>seen</p><p style='display:none'>no</p><p style='visibility:hidden'>no</p>"
        "<p style='opacity:0'>no</p>"
        "<div style='height:0;overflow:hidden'><p>no</p></div><div style='position:absolute;left:-999px'>no</div>"
        "<script>var secret = 'no'</script><!-- no --><input type=hidden value=no>",
    )
    assert seen.html == "<p>seen</p>"


def test_what_stands_in_an_element_without_a_box_is_read(page):
    seen = see(
        page,
        "<div style='display:contents'><button>go</button> on <b style='display:none'>no</b></div>"
        "<div style='opacity:0'><div style='display:contents'>no<b>no</b></div></div>"
        "<div style='display:contents;visibility:hidden'>no<b style='visibility:visible'>yes</b></div>",
    )
    assert seen.html == "<button ref=0>go</button> on <b>yes</b>"


def test_what_could_be_scrolled_to_is_marked_offscreen(page):
    seen = see(
        page,
        "<div style='height:50px;overflow:auto'><p style='margin:0;height:100px'>near</p><button>far</button></div>",
    )
    root = parse_html(seen.html)
    assert root.find("div").has("scrollable")
    assert root.find("button").has("offscreen") and not root.find("p").has("offscreen")
    assert hands(page).point(root.find("button").ref) is None


def test_live_state_is_written(page):
    seen = see(
        page,
        "<input type=checkbox checked><input type=radio><select><option>a<option selected>b</select>"
        "<textarea disabled></textarea>"
        "<input readonly value='q&quot;&lt;'><div contenteditable>t</div><input id=f autofocus>",
    )
    page.evaluate("document.getElementById('f').focus()")
    seen = Actuator(
        page, page.context.new_cdp_session(page), "(async () => __webagent.observe({maxElements: 100}))()"
    ).observe()
    root = parse_html(seen.html)
    assert root.find(type="checkbox").has("checked") and not root.find(type="radio").has("checked")
    assert [option.has("selected") for option in root.find_all("option")] == [False, True]
    assert root.find("textarea").has("disabled") and root.find("textarea").verbs == ()
    assert root.find("input", value='q"<').has("readonly") and "type" not in root.find("input", value='q"<').verbs
    assert "type" in root.find("div").verbs
    assert root.find(id="f").has("focused")


def test_listeners_make_an_element_active(page):
    seen = see(
        page,
        "<p>plain</p><p onclick=''>attribute</p><p id=l>listener</p>"
        "<script>l.addEventListener('click', () => {})</script>"
        "<p id=g>gone</p><script>f=()=>{};g.addEventListener('click', f);g.removeEventListener('click', f)</script>",
    )
    assert [p.text for p in parse_html(seen.html).find_all("p", ref=True)] == ["attribute", "listener"]


def test_words_that_can_be_edited_have_boxes(page):
    seen = see(
        page,
        "<style>body{margin:0;font:16px monospace}p{margin:0}</style><p>just read</p>"
        "<div contenteditable style='width:100px;height:60px;overflow:auto'>"
        "a<b>&lt;b</b>&nbsp; two\nlong_words<p>below</p>"
        "<p style='margin-top:100px'>out of view</p></div>",
    )
    words = parse_html(seen.html).find_all(WORD)
    assert [word.text for word in words] == ["a", "<b", "two", "long_words", "below"]
    assert parse_html(seen.html).find("div").text == "a<b two long_words below out of view"
    boxes = {word.text: seen.boxes[4 * word.index : 4 * word.index + 4] for word in words}
    (x, y, width, height), (next_x, next_y, _, _) = boxes["a"], boxes["<b"]
    assert x == 0 and abs(next_x - width) < 0.1 and next_y == y and 8 < width < 12 < height < 25
    assert boxes["long_words"][0] == 0 and boxes["below"][1] > boxes["long_words"][1] > boxes["two"][1]
    assert all(seen.refs[word.index] == -1 for word in words)


def test_text_is_valid_and_survives(page):
    seen = see(
        page,
        "<p id=t></p><script>t.textContent = 'a\\ud800b <b> &amp; \"q\" \\u00a0 \\u2028'; t.title = '<\"&>'</script>",
    )
    paragraph = parse_html(seen.html).find("p")
    assert 'a\ufffdb <b> &amp; "q"' in paragraph.text
    assert paragraph.attributes["title"] == '<"&>'
    seen.html.encode("utf-8")


def test_a_ref_stays_with_its_element_and_is_never_reused(page):
    actuator = Actuator(
        page, page.context.new_cdp_session(page), "(async () => __webagent.observe({maxElements: 100}))()"
    )
    see(page, "<button id=a>a</button><button id=b>b</button>")
    before = {e.id: e.ref for e in parse_html(actuator.observe().html).find_all("button")}
    page.evaluate("document.body.prepend(Object.assign(document.createElement('button'), {id: 'c'})); a.remove()")
    after = {e.id: e.ref for e in parse_html(actuator.observe().html).find_all("button")}
    assert after["b"] == before["b"] and after["c"] not in before.values()


def test_points_of_shapes_lie_inside_them(page):
    seen = see(
        page, "<svg width=200 height=200><path id=p d='M0 0 L200 0 L200 10 L10 10 L10 200 L0 200 Z' onclick='' /></svg>"
    )
    x, y = hands(page).point(parse_html(seen.html).find("path").ref)
    assert page.evaluate(f"document.elementFromPoint({x}, {y}).id") == "p"


def test_unreadable_html_is_refused():
    with pytest.raises(ValueError, match="closes"):
        parse_html("<div><p></div></p>")
    with pytest.raises(ValueError, match="expected a tag"):
        parse_html("<div>")


def test_what_is_read_is_written_back_as_it_was():
    html = (
        '<p ref=0 title="a &quot;b&quot; &lt;c&gt; &amp;amp;" class="x y">1 &lt; 2 &amp;lt; "quoted"</p> '
        "<input ref=1 id=n type=text value=a.b:c#d%e/f(g)-h disabled readonly focused offscreen>"
        "<ul><li ref=2 contenteditable></li></ul>"
        '<select ref=3 multiple scrollable="up down"><option selected>ä\U0001f600</option></select><canvas ref=4>'
    )
    assert format_html(parse_html(html)) == html
    assert format_html(parse_html("")) == ""
