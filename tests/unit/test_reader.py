"""Sources of journal lines: in-process, a growing file, a finished file."""

from pathlib import Path

import pytest

from instui.monitor.reader import CHUNK, Feed, Tail, decoded, read
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Caption, SessionFinished

LAST = encode(2.0, SessionFinished(0, "", 1, 2.0))


def caption(text: str) -> str:
    return encode(1.0, Caption(text))


def test_a_feed_gives_every_line_in_order_and_then_ends() -> None:
    feed = Feed()
    feed.put("a")
    feed.put("b")
    assert feed.poll() == ["a", "b"]
    assert not feed.ended
    feed.put("c")
    feed.finish()
    assert not feed.ended
    assert feed.poll(60) == ["c"]  # a feed whose session is over does not wait
    assert feed.ended


def end(tail: Tail) -> None:
    """Let it close its file."""
    tail.close()
    tail.poll()
    assert tail.ended


def test_a_tail_waits_for_a_journal_that_does_not_exist_yet(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    tail = Tail(path)
    assert tail.poll() == []
    path.write_text(caption("a") + "\n")
    assert tail.poll() == [caption("a")]
    assert not tail.ended
    end(tail)


def test_a_tail_gives_a_line_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    tail = Tail(path)
    with path.open("w") as journal:
        for piece, expected in ((caption("a")[:9], []), (caption("a")[9:], []), ("\nx", [caption("a")]), ("\n", ["x"])):
            journal.write(piece)
            journal.flush()
            assert tail.poll() == expected
    end(tail)


def test_a_tail_survives_a_character_cut_in_two(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    tail, lines = Tail(path), list[str]()
    with path.open("wb") as journal:
        for piece in ("ü".encode()[:1], "ü".encode()[1:] + b"\n"):
            journal.write(piece)
            journal.flush()
            lines += tail.poll()
    assert lines == ["ü"]
    end(tail)


def test_a_tail_ends_with_the_session(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(f"{caption('session.finished')}\n")
    tail = Tail(path, dead=lambda: False)
    assert len(tail.poll()) == 1
    assert not tail.ended
    with path.open("a") as journal:
        journal.write(f"{LAST}\n")
    assert tail.poll() == [LAST]
    assert tail.ended
    assert tail.poll() == []


def test_a_tail_sees_the_end_though_it_came_in_two_pieces(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    tail = Tail(path)
    half = LAST.index("finished") + 3
    path.write_text(LAST[:half])
    tail.poll()
    path.write_text(f"{LAST}\n")
    assert tail.poll() == [LAST]
    assert tail.ended


def test_a_tail_ends_when_the_session_is_dead_and_keeps_what_it_wrote_last(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(f"{caption('a')}\n")

    def dies_while_asked() -> bool:
        path.write_text(f"{caption('a')}\n{caption('b')}\n{caption('cut off')[:10]}")
        return True

    tail = Tail(path, dead=dies_while_asked)
    assert tail.poll() == [caption("a")]
    assert tail.poll() == [caption("b")]
    assert tail.ended


def test_a_tail_whose_session_is_over_reads_to_the_end_of_a_long_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    line = caption("x" * 1000)
    count = 3 * CHUNK // len(line)
    path.write_text(f"{line}\n" * count)
    tail = Tail(path)
    tail.finish()
    lines = []
    while not tail.ended:
        batch = tail.poll(60)
        assert len(batch) <= 2 * CHUNK // len(line)
        lines += batch
    assert lines == [line] * count


def test_a_finished_journal_is_read_without_its_damaged_lines(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    damaged = (
        b'\xff\n{"t":1,"event":"new.kind"}\n{"t":1,"event":"lock.waiting","wheel":"a","holders":3}\n' + b"[" * 200000
    )
    path.write_bytes(caption("a").encode() + b"\n" + damaged + b"\n" + LAST.encode() + b"\n" + LAST[:8].encode())
    assert [event for _, event in read(path)] == [Caption("a"), SessionFinished(0, "", 1, 2.0)]


def test_decoded_keeps_times() -> None:
    assert list(decoded([caption("a"), LAST])) == [(1.0, Caption("a")), (2.0, SessionFinished(0, "", 1, 2.0))]


def test_a_tail_that_is_given_up_gives_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(f"{caption('a')}\n")
    with Tail(path) as tail:
        assert tail.poll() == [caption("a")]
    assert tail.ended
    assert tail.poll() == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count descriptors")
def test_a_tail_holds_no_descriptor_after_its_end_nor_when_it_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(f"{caption('a')}\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    given_up = Tail(path)
    given_up.poll()
    given_up.close()
    path.write_text(f"{LAST}\n")
    tail = Tail(path)
    tail.poll()
    assert tail.ended
    assert len(list(Path("/proc/self/fd").iterdir())) == before
