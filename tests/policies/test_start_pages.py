import hashlib

import numpy as np
import pytest

from policies import start_pages
from policies.start_pages import StartPagesError, contains, start_page, table_of


def test_what_is_written_is_read_sorted_and_once(tmp_path):
    pages = [start_page("Click", f"<p>{number}") for number in range(50)]
    start_pages.write(tmp_path, np.concatenate([table_of(pages)[::-1], table_of(pages[:9])]))
    assert (start_pages.read(tmp_path) == table_of(pages)).all()
    assert (tmp_path / start_pages.FILE).stat().st_size == 8 * 50


def test_the_file_is_the_first_bytes_of_the_hashes_in_order(tmp_path):
    digests = sorted(hashlib.sha256(text.encode()).digest()[:8] for text in ("a\0b", "c\0d", "\0"))
    start_pages.write(tmp_path, table_of([start_page("a", "b"), start_page("c", "d"), start_page("", "")]))
    assert (tmp_path / start_pages.FILE).read_bytes() == b"".join(digests)


def test_a_table_contains_its_pages_and_no_others():
    pages = [start_page("Click", str(number)) for number in range(20)]
    table = table_of(pages[:10])
    assert [contains(table, page) for page in pages] == [True] * 10 + [False] * 10
    assert not contains(table_of([]), pages[0])


def test_a_checkpoint_without_a_list_has_none(tmp_path):
    assert start_pages.read(tmp_path) is None


@pytest.mark.parametrize("content", [b"1234567", b"2" * 8 + b"1" * 8, b"1" * 16])
def test_a_damaged_list_is_refused(tmp_path, content):
    (tmp_path / start_pages.FILE).write_bytes(content)
    with pytest.raises(StartPagesError):
        start_pages.read(tmp_path)


def test_a_page_has_one_name_whatever_numbers_its_elements_have():
    fresh = start_page("Click", '<p ref=0>a ref=7</p><input ref=1 value="ref=9">')
    assert start_page("Click", '<p ref=40>a ref=7</p><input ref=12 value="ref=9">') == fresh
    assert start_page("Click", '<p ref=40>a ref=7</p><input ref=12 value="ref=8">') != fresh
