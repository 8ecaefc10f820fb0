"""What an install begins before it knows what is to be installed."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from instui_engine import helper
from instui_engine.commands import install as installing
from instui_engine.commands.early import Early
from instui_engine.errors import InstuiError
from instui_engine.journal.writer import Journal
from instui_engine.resolve.request import Request
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.store.store import Store
from support.environments import Venv

MANY = tuple(f"/w/pkg{number}-1.0-py3-none-any.whl" for number in range(64))
NAMES = tuple(f"pkg{number}" for number in range(64))


class Started:
    """A helper process that was started."""

    def __init__(self, program: str) -> None:
        self.program = program.rpartition(".")[2]
        self.answers, self._end = map(os.fdopen, os.pipe())
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True
        self.answers.close()
        self._end.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """The helper processes that were started."""
    found: list[Started] = []

    def start(program: str, inherited: Sequence[int] = ()) -> Started:
        found.append(Started(program))
        return found[-1]

    monkeypatch.setattr(helper, "start", start)
    return found


@pytest.mark.parametrize(
    ("arguments", "jobs", "dry_run", "is_used", "programs"),
    [
        (MANY, 2, False, False, ["unpack_helper"]),
        (MANY, 8, False, False, ["unpack_helper"]),
        (MANY * 4, 4, False, False, ["unpack_helper"] * 3),
        (MANY, 1, False, False, []),
        (MANY[:-1], 2, False, False, []),
        (MANY, 2, True, False, []),
        (MANY, 2, False, True, ["linking"]),
        (MANY, 1, False, True, []),
        (MANY[:-5], 2, False, True, []),
        (MANY, 2, True, True, []),
        (NAMES, 2, False, False, []),
        (NAMES, 2, False, True, []),
    ],
    ids=[
        "many",
        "many workers",
        "very many",
        "one worker",
        "few",
        "dry run",
        "store in use",
        "in use, one worker",
        "in use, few",
        "in use, dry run",
        "names",
        "in use, names",
    ],
)
def test_a_helper_starts_early_for_many_local_wheels(
    arguments: tuple[str, ...],
    jobs: int,
    dry_run: bool,
    is_used: bool,
    programs: list[str],
    started: list[Started],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    options = Options(cache=tmp_path, jobs=jobs, dry_run=dry_run)
    store = Store(options.cache)
    if is_used:
        store.new_directory()
    early = Early(Context(options, Journal(()), Control()), store, Request(arguments))
    early.begin()
    assert [one.program for one in started] == programs
    early.close()
    assert all(one.is_closed for one in started)


@pytest.mark.parametrize(("number", "programs"), [(64, ["linking"]), (20, [])])
def test_a_helper_that_links_starts_while_uv_lists_the_files_of_many_wheels(
    number: int, programs: list[str], started: list[Started], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    store = Store(tmp_path)
    store.new_directory()
    early = Early(Context(Options(cache=tmp_path, jobs=2), Journal(()), Control()), store, Request(NAMES[:number]))
    early.begin()
    assert not started
    early.meanwhile.listing(number)
    assert [one.program for one in started] == programs
    early.close()
    assert all(one.is_closed for one in started)


@pytest.mark.parametrize("failing", ["scan", "resolve"])
def test_what_has_begun_early_ends_with_an_install_that_fails(
    failing: str, started: list[Started], venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        assert not started[0].is_closed
        raise InstuiError("it fails")

    monkeypatch.setattr(installing, failing, fails)
    outcome = installing.install(Request(MANY), venv().environment, Options(cache=tmp_path / "cache", jobs=2))
    assert outcome.error == "it fails"
    assert started[0].is_closed
