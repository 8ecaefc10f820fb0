"""Which wheels are fetched ahead, and when that ends."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from instui_engine.fetch.download import Client, Download, FetchCancelled, Fetched, Progress
from instui_engine.store import ahead as module
from instui_engine.store.ahead import CONNECTIONS, Ahead


class Downloads(Client):
    """Downloads that end when they are let go, or cancelled."""

    def __init__(self) -> None:
        super().__init__(offline=True)
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.refuses = False
        self.go = threading.Event()
        self.changed = threading.Condition()

    def fetch(
        self, download: Download, partial: Path, progress: Progress, cancelled: Callable[[], bool]
    ) -> Fetched | None:
        """See Client."""
        partial.write_bytes(b"wheel")
        self._note(self.begun, download.name)
        if self.refuses:
            progress.retried(1, "the server answered 429", 30.0)
        while not self.go.wait(0.01):
            if cancelled():
                self._note(self.ended, download.name)
                raise FetchCancelled
        return Fetched("0" * 64, frozenset(), "")

    def _note(self, names: list[str], name: str) -> None:
        with self.changed:
            names.append(name)
            self.changed.notify_all()

    def until(self, names: list[str], number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(names) == number, 20), names


@pytest.fixture
def downloads() -> Downloads:
    return Downloads()


@pytest.fixture
def ahead(downloads: Downloads, tmp_path: Path) -> Iterator[Ahead]:
    made = Ahead(downloads, lambda name: tmp_path / name)
    yield made
    made.close()
    assert list(tmp_path.iterdir()) == []
    assert [thread for thread in threading.enumerate() if thread.name == "ahead"] == []


def url(name: str, version: str = "1") -> str:
    return f"https://files.example/{name}-{version}-py3-none-any.whl"


def test_the_second_version_of_a_project_ends_the_first_and_is_not_begun(ahead: Ahead, downloads: Downloads) -> None:
    ahead.look(url("alpha", "2"))
    ahead.look(url("alpha", "2"))
    downloads.until(downloads.begun, 1)
    ahead.look(url("Alpha", "1"))
    downloads.until(downloads.ended, 1)
    ahead.look(url("beta"))
    downloads.until(downloads.begun, 2)
    assert [name.partition("-")[0] for name in downloads.begun] == ["alpha", "beta"]


def test_only_what_is_wanted_and_has_begun_is_taken(ahead: Ahead, downloads: Downloads) -> None:
    names = [f"p{number}" for number in range(CONNECTIONS + 2)]
    for name in names:
        ahead.look(url(name))
    downloads.until(downloads.begun, CONNECTIONS)
    wanted = {url(name) for name in names[1:]}
    assert set(ahead.take(wanted)) == {url(name) for name in names[1:CONNECTIONS]}
    downloads.until(downloads.ended, 1)
    assert downloads.ended == ["p0-1-py3-none-any.whl"]
    ahead.look(url("late"))
    assert len(downloads.begun) == CONNECTIONS


def test_what_is_complete_stays_when_uv_looks_at_another_version(ahead: Ahead, downloads: Downloads) -> None:
    """It looks at several when it has to search; mostly the newest one is right all the same."""
    downloads.go.set()
    ahead.look(url("alpha", "2"))
    downloads.until(downloads.begun, 1)
    guess = ahead._guesses["alpha"]
    assert guess._over.wait(20)
    ahead.look(url("alpha", "1"))
    assert list(ahead.take({url("alpha", "2")})) == [url("alpha", "2")]


class Told:
    """What is told of a download."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def started(self, done: int, size: int) -> None:
        self.lines.append(("started", done, size))

    def progress(self, done: int, size: int) -> None: ...

    def stalled(self, host: str, seconds: float, connecting: bool) -> None: ...

    def retried(self, attempt: int, reason: str, wait: float = 0.0) -> None:
        self.lines.append(("retried", attempt, reason, wait))


def test_a_server_that_was_asked_too_often_is_asked_again_when_it_wants_to(
    ahead: Ahead, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, told = [1000.0], Told()
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(module, "time", clock)
    downloads.refuses = True
    ahead.look(url("alpha"))
    downloads.until(downloads.ended, 1)
    (guess,) = ahead.take({url("alpha")}).values()
    assert guess._over.wait(20)
    now[0] += 10  # uv decides
    assert guess.finish(told, 9, lambda: False) is None
    assert now[0] == pytest.approx(1030)
    assert told.lines == [("started", 0, 9), ("retried", 1, "the server answered 429", 20.0)]
    assert guess.finish(told, 9, lambda: False) is None and len(told.lines) == 2  # then at once
    guess.drop()


def test_who_waits_for_another_attempt_can_be_cancelled(ahead: Ahead, downloads: Downloads) -> None:
    downloads.refuses = True
    ahead.look(url("alpha"))
    downloads.until(downloads.ended, 1)
    (guess,) = ahead.take({url("alpha")}).values()
    assert guess._over.wait(20)
    with pytest.raises(FetchCancelled):
        guess.finish(Told(), 9, lambda: True)
