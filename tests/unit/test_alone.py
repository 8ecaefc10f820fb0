"""Whether a session is alone: no other session that runs, or is about to, is overlooked."""

import os
import time
from pathlib import Path

import pytest

from instui_engine.commit import alone
from instui_engine.commit.alone import Alone
from instui_engine.fs.flock import open_lock, try_lock


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(alone, "_AGAIN", 0.0)
    own = tmp_path / "own.jsonl"
    own.write_text("{}\n")
    settle(tmp_path)
    return own


def settle(directory: Path, back: int = 5) -> None:
    """Let the directory have been changed for the last time `back` seconds ago."""
    then = time.time_ns() - back * 10**9
    os.utime(directory, ns=(then, then))


def test_who_is_alone_has_one_token_until_a_session_comes(journal: Path) -> None:
    answers = Alone(journal)
    token = answers()
    assert token is not None
    assert answers() == token
    other = journal.with_name("other.jsonl")
    other.write_text("{}\n")
    assert answers() is None  # a moment later another one may come within the same mtime
    settle(journal.parent, 4)
    later = answers()
    assert later not in (None, token)  # it came and went, and may have changed everything


def test_a_session_that_holds_its_life_sign_is_there(journal: Path) -> None:
    other = journal.with_name("other.jsonl")
    descriptor = open_lock(other)
    try:
        os.write(descriptor, b"{}\n")
        assert try_lock(descriptor, shared=False)
        settle(journal.parent)
        answers = Alone(journal)
        assert answers() is None
    finally:
        os.close(descriptor)
    assert answers() is not None


def test_a_session_that_has_made_its_journal_and_not_locked_it_yet_is_there(journal: Path) -> None:
    journal.with_name("other.jsonl").touch()
    settle(journal.parent)
    assert Alone(journal)() is None


def test_where_times_are_whole_seconds_two_of_them_must_have_passed(journal: Path) -> None:
    whole = time.time_ns() // 10**9 * 10**9 - 10**9
    os.utime(journal.parent, ns=(whole, whole))
    answers = Alone(journal)
    assert answers() is None  # another session may still come within this second
    os.utime(journal.parent, ns=(whole - 4 * 10**9,) * 2)
    assert answers() is not None


def test_an_empty_journal_of_long_ago_is_that_of_a_dead_session(journal: Path) -> None:
    other = journal.with_name("other.jsonl")
    other.touch()
    os.utime(other, (time.time() - 100, time.time() - 100))
    settle(journal.parent)
    assert Alone(journal)() is not None


def test_a_journal_that_cannot_be_looked_at_may_be_that_of_a_session(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError

    journal.with_name("other.jsonl").write_text("{}\n")
    settle(journal.parent)
    monkeypatch.setattr(alone, "alive", refused)
    assert Alone(journal)() is None


def test_the_answer_for_a_moment_sees_who_is_there(journal: Path) -> None:
    answers = Alone(journal)
    assert answers.at_present() is not None
    journal.with_name("other.jsonl").touch()
    assert answers.at_present() is None


def test_a_token_is_worth_nothing_once_a_session_has_come(journal: Path) -> None:
    answers = Alone(journal)
    token = answers()
    assert token is not None
    assert answers.is_still(token)
    journal.with_name("other.jsonl").touch()
    assert not answers.is_still(token)


def test_others_are_not_looked_at_all_the_time(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_AGAIN", 1000.0)
    monkeypatch.setattr(time, "monotonic", lambda: 5000.0)
    answers = Alone(journal)
    assert answers() is not None
    settle(journal.parent, 4)  # somebody has come and gone
    assert answers() is None
    monkeypatch.setattr(time, "monotonic", lambda: 6001.0)
    assert answers() is not None


def test_a_session_is_not_its_own_company(journal: Path) -> None:
    descriptor = open_lock(journal)
    try:
        assert try_lock(descriptor, shared=False)
        settle(journal.parent)
        assert Alone(journal)() is not None
    finally:
        os.close(descriptor)
