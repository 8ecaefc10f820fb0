"""What an install begins before it knows what is to be installed."""

from pathlib import Path

import pytest

from instui_engine import helper
from instui_engine.commands.early import Early
from instui_engine.journal.writer import Journal
from instui_engine.resolve.request import Request
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.store.store import Store

MANY = tuple(f"/w/pkg{number}-1.0-py3-none-any.whl" for number in range(64))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs of the helper processes that were started."""
    programs: list[str] = []
    monkeypatch.setattr(helper, "start", lambda program, inherited=(): programs.append(program))
    return programs


@pytest.mark.parametrize(
    ("arguments", "jobs", "dry_run", "is_used", "number"),
    [
        (MANY, 2, False, False, 1),
        (MANY, 1, False, False, 0),
        (MANY[:-1], 2, False, False, 0),
        (MANY, 2, True, False, 0),
        (MANY, 2, False, True, 0),
        (tuple(f"pkg{number}" for number in range(64)), 2, False, False, 0),
    ],
    ids=["many", "one worker", "few", "dry run", "store in use", "names"],
)
def test_a_helper_starts_early_for_many_local_wheels_and_a_new_store(
    arguments: tuple[str, ...],
    jobs: int,
    dry_run: bool,
    is_used: bool,
    number: int,
    started: list[str],
    tmp_path: Path,
) -> None:
    options = Options(cache=tmp_path, jobs=jobs, dry_run=dry_run)
    store = Store(options.cache)
    if is_used:
        store.new_directory()
    early = Early(Context(options, Journal(()), Control()), store, Request(arguments))
    early.begin()
    early.close()
    assert len(started) == number
