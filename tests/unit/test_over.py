"""Records that could not be removed: tried again under any claims that meet theirs, and at the end under the whole."""

from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.commit import writeahead
from instui_engine.commit.over import Over
from instui_engine.errors import Interrupted
from instui_engine.locks.claims import Claims
from instui_engine.locks.layout import WHOLE

ONE, TWO, THREE = (Claims((path,), ()) for path in ("lib/one", "lib/two", "lib/three"))


class Locks:
    """All claims, of which others may hold some."""

    def __init__(self, is_free: bool) -> None:
        self._is_free = is_free
        self.taken: list[Claims] = []
        self.released: list[list[int]] = []

    def acquire(self, claims: Claims, on_wait: object, cancelled: Callable[[], bool]) -> list[int]:
        assert cancelled(), "it waits for nobody"
        if not self._is_free:
            raise Interrupted("interrupted while waiting for a lock")
        self.taken.append(claims)
        return [7]

    def release(self, held: list[int]) -> None:
        self.released.append(held)


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Over, Path]:
    """The record of a group of two, which could not be removed."""
    record, over = tmp_path / "session.1-2.json", Over()
    record.touch()

    def fails(_: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as context, pytest.raises(OSError, match="Input/output"):
        context.setattr(writeahead, "remove", fails)
        over.remove(record, [ONE, TWO])
    return over, record


@pytest.mark.parametrize(("held", "goes"), [(ONE, True), (TWO, True), (THREE, False), (None, True)])
def test_it_goes_under_the_claims_of_any_of_its_transactions(
    held: Claims | None, goes: bool, left: tuple[Over, Path]
) -> None:
    over, record = left
    over.try_again(held)
    assert record.exists() != goes


@pytest.mark.parametrize("is_free", [True, False])
def test_at_the_end_it_goes_under_the_whole_or_stays(is_free: bool, left: tuple[Over, Path]) -> None:
    over, record = left
    locks = Locks(is_free)
    over.finish(locks)
    assert record.exists() != is_free
    assert (locks.taken, locks.released) == (([WHOLE], [[7]]) if is_free else ([], []))
    over.finish(locks)
    assert len(locks.taken) == is_free
