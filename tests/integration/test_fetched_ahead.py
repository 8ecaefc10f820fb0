"""Wheels that are fetched while uv decides: none comes twice, only right ones count, and nothing is left of them."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.journal.events import FetchFinished, FetchRetried, FetchStarted
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.store.ahead import Ahead
from support.cli import installed
from support.environments import Lines, Venv
from support.indexes import add_wheel, requests_of
from support.locking import holding
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel

ALPHA = "/files/alpha-1.0-py3-none-any.whl"
NEWER = "/files/alpha-2.0-py3-none-any.whl"
BETA = "/simple/beta/"


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


class Session:
    """An install from `web` into a new environment, with a cache of its own; `lines` is its journal."""

    def __init__(self, target: Venv, web: WebServer) -> None:
        self.target, self.web = target, web
        self.lines: list[str] = []
        self.listeners: list[Callable[[str], None]] = []

    def run(self, *arguments: str, dry_run: bool = False) -> Outcome:
        request = Request(arguments=arguments, index_url=self.web.url("/simple"))
        options = Options(cache=self.target.cache, fsync=False, dry_run=dry_run)
        recording = Recording((self.lines.append, *self.listeners))
        self.control = Control()
        return install(request, self.target.environment, options, self.control, recording)

    @property
    def left(self) -> list[Path]:
        """Files of what was fetched ahead, whole or not."""
        return list((self.target.cache / "downloads").glob("ahead-*"))


@pytest.fixture
def session(
    venv: Callable[[], Venv], web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.setenv("UV_OFFLINE", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield Session(Venv(venv().top, tmp_path / "cache"), web)
    assert [thread.name for thread in threading.enumerate() if thread.name == "ahead"] == []


def add(
    web: WebServer, place: Path, name: str, version: str, *requires: str, hashes: dict[str, str] | None = None
) -> Page:
    """A wheel in the index; its page."""
    add_wheel(
        web, build_wheel(place, name, version, {f"{name}.py": version.encode()}, requires=requires), hashes=hashes
    )
    return web.pages[f"/files/{name}-{version}-py3-none-any.whl"]


def test_a_wheel_is_fetched_before_uv_has_decided(session: Session, web: WebServer, tmp_path: Path) -> None:
    add(web, tmp_path, "alpha", "1.0", "beta")
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA  # else uv is told nothing of beta, and fails
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert installed(session.target.site) == {"alpha": "1.0", "beta": "1.0"}
    assert requests_of(web, ALPHA) == 1
    journal = Lines(session.lines)
    assert [event.wheel for event in journal.of(FetchFinished, "alpha")] == ["alpha"]
    begun = journal.of(FetchStarted, "alpha")
    assert [(event.done, event.size) for event in begun] == [(begun[0].ahead, len(web.pages[ALPHA].body))]
    assert session.left == []


def test_a_version_that_uv_rejects_is_dropped(session: Session, web: WebServer, tmp_path: Path) -> None:
    add(web, tmp_path, "alpha", "1.0")
    add(web, tmp_path, "alpha", "2.0").hold_after = 10  # it would never end
    add(web, tmp_path, "beta", "1.0", "alpha<2")
    web.pages[BETA].after = NEWER
    outcome = session.run("alpha", "beta")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert installed(session.target.site) == {"alpha": "1.0", "beta": "1.0"}
    assert any(seen.path == NEWER for seen in web.seen)
    assert requests_of(web, ALPHA) == 1
    assert session.left == []


def test_what_is_not_what_the_index_demands_is_refused(session: Session, web: WebServer, tmp_path: Path) -> None:
    body = add(web, tmp_path, "alpha", "1.0", "beta", hashes={"sha256": "0" * 64}).body
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    outcome = session.run("alpha")
    assert outcome.exit_code == 1
    assert "it is not the file that is demanded (sha256 000000000000 was expected" in outcome.error
    assert requests_of(web, ALPHA) == 2  # once more in the usual way, which says what is wrong
    (retried,) = Lines(session.lines).of(FetchRetried, "alpha")
    assert "what was fetched ahead is not the file that is demanded" in retried.reason
    assert installed(session.target.site) == {}
    assert session.left == []
    assert not list(session.target.cache.glob(f"store-*/??/{hashlib.sha256(body).hexdigest()}"))


def test_a_hash_of_another_kind_is_asked_for_again(session: Session, web: WebServer, tmp_path: Path) -> None:
    """What came ahead was only hashed by sha256; the demand decides, not that something has come."""
    body = build_wheel(tmp_path, "alpha", "1.0", {"alpha.py": b"1.0"}, requires=["beta"]).read_bytes()
    add(web, tmp_path, "alpha", "1.0", "beta", hashes={"sha512": hashlib.sha512(body).hexdigest()})
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert requests_of(web, ALPHA) == 2
    assert Lines(session.lines).of(FetchRetried, "alpha") == []  # it was not wrong
    assert session.left == []


def test_what_could_not_be_fetched_ahead_is_fetched(session: Session, web: WebServer, tmp_path: Path) -> None:
    add(web, tmp_path, "alpha", "1.0", "beta").answers = [(403, {})]
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert [seen.status for seen in web.seen if seen.path == ALPHA] == [403, 200]


def test_a_server_that_fails_is_asked_once_more_than_without_it(
    session: Session, web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instui_engine.fetch.download._BACKOFF_SECONDS", 0.0)
    add(web, tmp_path, "alpha", "1.0", "beta").answers = [(503, {})] * 20
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    outcome = session.run("alpha")
    assert outcome.exit_code == 1
    assert "503" in outcome.error
    assert sum(seen.path == ALPHA for seen in web.seen) == 1 + (1 + 4)
    assert session.left == []


def test_what_has_come_ahead_before_the_connection_broke_is_continued(
    session: Session, web: WebServer, tmp_path: Path
) -> None:
    page = add(web, tmp_path, "alpha", "1.0", "beta")
    page.cuts = [100]
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    asked = [(seen.status, seen.headers.get("range"), seen.sent) for seen in web.seen if seen.path == ALPHA]
    assert asked == [(200, None, 100), (206, "bytes=100-", len(page.body) - 100)]
    assert session.left == []


def test_what_another_process_fetches_is_no_longer_fetched_ahead(
    session: Session, web: WebServer, tmp_path: Path
) -> None:
    page = add(web, tmp_path, "alpha", "1.0", "beta")
    page.hold_after = 10
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    lock = session.target.cache / "locks" / f"{hashlib.sha256(page.body).hexdigest()}.lock"
    lock.parent.mkdir(parents=True)
    left: list[list[Path]] = []

    def on_line(line: str) -> None:
        if '"wait.started"' in line and not left:
            for thread in threading.enumerate():
                if thread.name == "ahead":
                    thread.join(20)
            left.append(session.left)
            page.hold_after = None
            other.kill()

    session.listeners.append(on_line)
    with holding(lock) as other:
        outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert left == [[]]
    assert [seen.status for seen in web.seen if seen.path == ALPHA] == [200, 200]


@pytest.mark.parametrize(("age", "goes"), [(25 * 3600, True), (23 * 3600, False)])
def test_what_a_killed_session_has_fetched_ahead_goes(
    age: float, goes: bool, session: Session, web: WebServer, tmp_path: Path
) -> None:
    """What can be resumed stays."""
    add(web, tmp_path, "alpha", "1.0")
    place = session.target.cache / "downloads"
    place.mkdir(parents=True)
    for name in ("ahead-0.part", f"{'0' * 64}.part"):
        (place / name).touch()
        os.utime(place / name, (time.time() - age,) * 2)
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert [path.name for path in place.iterdir() if path.name.startswith("ahead-")] == ["ahead-0.part"] * (not goes)
    assert (place / f"{'0' * 64}.part").exists()
    (place / "ahead-0.part").unlink(missing_ok=True)


def test_one_that_is_on_its_way_is_waited_for(session: Session, web: WebServer, tmp_path: Path) -> None:
    """And the journal says how it goes."""
    add(web, tmp_path, "alpha", "1.0", "beta").rate = 1000
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert requests_of(web, ALPHA) == 1
    assert session.left == []


def test_no_solution_leaves_nothing(session: Session, web: WebServer, tmp_path: Path) -> None:
    add(web, tmp_path, "alpha", "1.0", "beta").hold_after = 10
    web.add(BETA, Page(b"", answers=[(404, {})], after=ALPHA))
    outcome = session.run("alpha")
    assert outcome.exit_code == 1
    assert "beta" in outcome.error
    assert any(seen.path == ALPHA for seen in web.seen)
    assert session.left == []


def test_a_session_that_is_cancelled_waits_for_none(session: Session, web: WebServer, tmp_path: Path) -> None:
    add(web, tmp_path, "alpha", "1.0", "beta").hold_after = 10
    add(web, tmp_path, "beta", "1.0")
    web.pages[BETA].after = ALPHA
    session.listeners.append(lambda line: session.control.cancel(130) if '"fetch.started"' in line else None)
    outcome = session.run("alpha")
    assert outcome.exit_code == 130
    assert not web.gave_up.is_set()
    assert session.left == []


@pytest.mark.parametrize("state", ["new", "used", "dry run"])
def test_it_is_for_a_cache_that_was_never_used(
    state: str, session: Session, web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one may have the wheel, or the first part of it; and a dry run fetches nothing."""
    add(web, tmp_path, "alpha", "1.0")
    looks: list[str] = []
    monkeypatch.setattr(Ahead, "look", lambda self, url: looks.append(url))
    if state == "used":
        (session.target.cache / "downloads").mkdir(parents=True)
    outcome = session.run("alpha", dry_run=state == "dry run")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert set(looks) == ({web.url(ALPHA)} if state == "new" else set())
    assert requests_of(web, ALPHA) == (0 if state == "dry run" else 1)


def test_a_paused_session_begins_nothing(session: Session, web: WebServer, tmp_path: Path) -> None:
    add(web, tmp_path, "alpha", "1.0", "beta")
    add(web, tmp_path, "beta", "1.0")
    fetched: list[int] = []

    def on_line(line: str) -> None:
        if '"resolve.started"' in line:
            session.control.paused = True
        if '"resolve.finished"' in line:
            fetched.append(requests_of(web, ALPHA))
            session.control.paused = False

    session.listeners.append(on_line)
    outcome = session.run("alpha")
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert fetched == [0]
