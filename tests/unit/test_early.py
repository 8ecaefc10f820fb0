"""What an install begins before it knows what is to be installed."""

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


class Started:
    """A helper process that was started."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """The helper processes that were started."""
    found: list[Started] = []

    def start(program: str, inherited: Sequence[int] = ()) -> Started:
        found.append(Started())
        return found[-1]

    monkeypatch.setattr(helper, "start", start)
    return found


@pytest.mark.parametrize(
    ("arguments", "jobs", "dry_run", "is_used", "number"),
    [
        (MANY, 2, False, False, 1),
        (MANY, 8, False, False, 1),
        (MANY * 4, 4, False, False, 3),
        (MANY, 1, False, False, 0),
        (MANY[:-1], 2, False, False, 0),
        (MANY, 2, True, False, 0),
        (MANY, 2, False, True, 0),
        (tuple(f"pkg{number}" for number in range(64)), 2, False, False, 0),
    ],
    ids=["many", "many workers", "very many", "one worker", "few", "dry run", "store in use", "names"],
)
def test_a_helper_starts_early_for_many_local_wheels_and_a_new_store(
    arguments: tuple[str, ...],
    jobs: int,
    dry_run: bool,
    is_used: bool,
    number: int,
    started: list[Started],
    tmp_path: Path,
) -> None:
    options = Options(cache=tmp_path, jobs=jobs, dry_run=dry_run)
    store = Store(options.cache)
    if is_used:
        store.new_directory()
    early = Early(Context(options, Journal(()), Control()), store, Request(arguments))
    early.begin()
    assert len(started) == number
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
