"""A journal inside a page: it comes out as it went in, of a damaged page as far as it goes."""

import zlib
from base64 import b64encode

import pytest

from instui.monitor import embedded
from instui.monitor.embedded import TYPE, embed, is_page, lines_in

JOURNAL = b"".join(b'{"t":%d,"event":"caption","text":"</script><script>x"}\n' % number for number in range(5000))


def page_with(element: str) -> bytes:
    return f"<!DOCTYPE html><html><body>{element}</body></html>".encode()


@pytest.mark.parametrize("journal", [JOURNAL, b"", b"no newline", b"\xff\x00 not text\n\n{}", JOURNAL[:-7]])
def test_what_goes_in_comes_out(journal: bytes) -> None:
    assert b"".join(lines_in(page_with(embed(journal)))) == journal


def test_no_more_is_unpacked_than_a_journal_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_MOST", 3 << 20)
    page = embedded.embed((b"x" * 99 + b"\n") * 100_000).encode()
    assert (3 << 20) // 100 <= sum(1 for _ in embedded.lines_in(page)) < (4 << 20) // 100 + 1


def test_lines_are_whole() -> None:
    assert list(lines_in(page_with(embed(JOURNAL)))) == JOURNAL.splitlines(keepends=True)


def test_nothing_in_a_journal_ends_the_element_and_the_same_journal_gives_the_same_element() -> None:
    element = embed(JOURNAL)
    assert element == embed(JOURNAL)
    assert element.count("<") == 2
    assert element.endswith("</script>")


def test_of_a_page_that_was_cut_off_the_lines_before_the_cut_come_out() -> None:
    whole = page_with(embed(JOURNAL))
    for cut in (len(whole) // 2, len(whole) - 40, len(whole) - 41, len(whole) - 42):
        found = b"".join(lines_in(whole[:cut]))
        assert found
        assert JOURNAL.startswith(found)


def test_of_a_damaged_page_what_is_before_the_damage_comes_out() -> None:
    page = page_with(embed(JOURNAL))
    place = page.index(b"</script>") - 200
    found = b"".join(lines_in(page[:place] + b"AAAAAAAA" + page[place + 8 :]))
    assert JOURNAL.startswith(found[:100])


def test_a_line_that_would_fill_the_memory_is_left_out() -> None:
    compressor = zlib.compressobj(9, wbits=31)
    data = compressor.compress(b"{}\n") + compressor.compress(b"x" * (1 << 26)) + compressor.flush()
    element = f'<script type="{TYPE}">{b64encode(data).decode()}</script>'
    assert list(lines_in(page_with(element))) == [b"{}\n"]


def test_a_page_is_told_from_a_journal() -> None:
    assert is_page(b"\xef\xbb\xbf\n<!DOCTYPE html>")
    assert is_page(b"<!doctype html>")
    assert not is_page(b'{"t":0}')
    assert not is_page(b"")


def test_a_page_without_a_journal_is_refused() -> None:
    with pytest.raises(ValueError, match="without a journal"):
        lines_in(b"<!DOCTYPE html><p>hello")
