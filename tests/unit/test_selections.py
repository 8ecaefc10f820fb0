"""Notes of what lock files give: found again for the same text and target alone, never when they are damaged."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from instui_engine.hashes import Demands
from instui_engine.resolve import selections
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.resolving import Resolving
from instui_engine.resolve.selections import DIRECTORY, remembered
from instui_engine.resolve.source import Source
from instui_engine.sha256 import sha256
from instui_engine.store.prune import foresee, prune
from instui_engine.target.interpreter import Interpreter

INTERPRETER = Interpreter("/p", "/", "3.11", True, {}, {"os_name": "posix"}, ("py3-none-any",), False)
DEMANDS = (frozenset({"sha256:" + "0" * 64}), frozenset({"md5:" + "1" * 32, "md5:" + "2" * 32}))
WHEEL = LockedWheel(
    "six", "1", "six-1-py3-none-any.whl", "https://host/six", "", "0" * 64, DEMANDS, 7, origin="https://host/six"
)


class Reader:
    """Reads a lock file, and counts how often."""

    def __init__(self, *wheels: LockedWheel) -> None:
        self.wheels = wheels or (WHEEL,)
        self.times = 0

    def __call__(self) -> Iterator[LockedWheel]:
        self.times += 1
        yield from self.wheels


def ask(
    cache: Path | None,
    read: Reader,
    text: str = "text",
    interpreter: Interpreter = INTERPRETER,
    demands: dict[str, Demands] | None = None,
    resolving: Resolving = Resolving(),  # noqa: B008 - it never changes
) -> list[LockedWheel]:
    return remembered(cache, text, interpreter, demands or {}, resolving, read)


def test_the_same_text_is_read_once(tmp_path: Path) -> None:
    read = Reader(WHEEL, WHEEL._replace(name="other", sha256="", demands=(), size=0, origin=""))
    assert ask(tmp_path, read) == ask(tmp_path, read) == list(read.wheels)
    assert read.times == 1


@pytest.mark.parametrize("url", ["https://user:word@host/six", "https://host/six?token=word"])
def test_no_password_is_noted(url: str, tmp_path: Path) -> None:
    for wheel in (WHEEL._replace(url=url), WHEEL._replace(origin=url)):
        read = Reader(wheel)
        assert ask(tmp_path, read) == ask(tmp_path, read) == [wheel]
        assert read.times == 2
    assert not (tmp_path / DIRECTORY).exists()


def test_whatever_the_answer_depends_on_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Reader()
    ask(tmp_path, read)
    ask(tmp_path, read, text="text ")
    ask(tmp_path, read, interpreter=INTERPRETER._replace(tags=("py3-none-any", "py2-none-any")))
    ask(tmp_path, read, interpreter=INTERPRETER._replace(markers={"os_name": "nt"}))
    ask(tmp_path, read, demands={"six": DEMANDS})
    ask(tmp_path, read, demands={"six": DEMANDS[:1]})
    for resolving in (Resolving(extra=("a",)), Resolving(all_extras=True), Resolving(group=("a",))):
        ask(tmp_path, read, resolving=resolving)
    monkeypatch.setattr("packaging.__version__", "0")
    ask(tmp_path, read)
    monkeypatch.setattr(selections, "__version__", "0")
    ask(tmp_path, read)
    assert read.times == 11


@pytest.mark.parametrize(
    "wheel", [WHEEL._replace(url="", path="/here/six-1-py3-none-any.whl"), WHEEL._replace(source=Source("archive"))]
)
def test_what_is_said_of_files_and_sources_is_not_noted(tmp_path: Path, wheel: LockedWheel) -> None:
    read = Reader(WHEEL, wheel)
    assert ask(tmp_path, read) == ask(tmp_path, read) == [WHEEL, wheel]
    assert read.times == 2


def test_what_is_wrong_is_not_noted(tmp_path: Path) -> None:
    def fails() -> Iterator[LockedWheel]:
        yield WHEEL
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        remembered(tmp_path, "text", INTERPRETER, {}, Resolving(), fails)
    read = Reader()
    ask(tmp_path, read)
    assert read.times == 1


def _sealed(rows: object) -> bytes:
    data = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    return sha256(data).hexdigest().encode() + b"\n" + data


ROW = ["six", "1", "six-1-py3-none-any.whl", "https://host/six", [], 7, ""]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        _sealed([ROW]).replace(b"six-1", b"six-2"),
        _sealed([ROW])[:-1],
        _sealed({"six": 1}),
        _sealed(7),
        _sealed([ROW[:-1]]),
        _sealed([[*ROW[:5], "7", ""]]),
        _sealed([[*ROW[:5], True, ""]]),
        _sealed([[None, *ROW[1:]]]),
        _sealed([[*ROW[:4], [[7]], 7, ""]]),
        _sealed([[*ROW[:4], [[[]]], 7, ""]]),
        _sealed(b"[" * 100_000),
        b"\xff" * 100,
    ],
)
def test_a_note_that_is_damaged_or_no_note_is_read_again_and_replaced(tmp_path: Path, content: bytes) -> None:
    read = Reader()
    ask(tmp_path, read)
    (note,) = (tmp_path / DIRECTORY).iterdir()
    note.write_bytes(content)
    assert ask(tmp_path, read) == ask(tmp_path, read) == [WHEEL]
    assert read.times == 2


def test_a_fifo_in_place_of_a_note_keeps_nobody_waiting(tmp_path: Path) -> None:
    read = Reader()
    ask(tmp_path, read)
    (note,) = (tmp_path / DIRECTORY).iterdir()
    note.unlink()
    os.mkfifo(note)
    assert ask(tmp_path, read) == [WHEEL]


@pytest.mark.parametrize("obstacle", ["file", "none"])
def test_without_a_place_for_notes_all_is_read(tmp_path: Path, obstacle: str) -> None:
    read = Reader()
    cache = None
    if obstacle == "file":
        cache = tmp_path / "cache"
        cache.write_text("")
    assert ask(cache, read) == ask(cache, read) == [WHEEL]
    assert read.times == 2


def test_the_newest_notes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selections, "_MOST", 3)
    read = Reader()
    for number in range(5):
        ask(tmp_path, read, text=str(number))
        for age, note in enumerate(sorted((tmp_path / DIRECTORY).iterdir(), key=lambda note: note.stat().st_mtime_ns)):
            os.utime(note, ns=(age, age))
    assert len(list((tmp_path / DIRECTORY).iterdir())) == 3
    for number in (4, 3, 2):
        ask(tmp_path, read, text=str(number))
    assert read.times == 5


def test_a_prune_removes_the_notes(tmp_path: Path) -> None:
    read = Reader()
    ask(tmp_path, read)
    assert [row.what for row in foresee(tmp_path)[0]] == [DIRECTORY]
    prune(tmp_path, 10, lambda: False, lambda *_: None)
    assert not (tmp_path / DIRECTORY).exists()
    ask(tmp_path, read)
    assert read.times == 2
