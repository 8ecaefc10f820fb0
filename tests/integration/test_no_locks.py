"""File systems without file locks are named in one line, with what helps; soft locks work there completely."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.journal.events import CommitStarted, LockWaiting, Warned
from instui_engine.session import life
from instui_engine.target import network
from support import trees
from support.cli import error_line, installed, ok
from support.environments import Venv, read_journal
from support.lockless import lockless
from support.wheelsmith import build_wheel

ERRORS = [errno.ENOSYS, errno.EOPNOTSUPP, 524, errno.ENOLCK, errno.EINVAL]
SOFT = {network.BACKEND: "soft"}


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}/m.py": b"", "shared/x.py": b"%d" % n}) for n in range(3)]


@pytest.mark.parametrize("number", ERRORS)
def test_an_environment_without_locks_is_refused_in_one_line_that_says_what_helps(
    number: int, venv: Callable[[], Venv], wheels: list[Path], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    env = lockless(tmp_path, target.top, number)
    done = run_instui("install", "--no-deps", "--ui", "plain", "--python", target.top, wheels[0], env=env)
    message = error_line(done, 1)
    assert "has no file locks" in message
    assert f"{network.BACKEND}=soft" in message
    assert installed(target.site) == {}
    assert not (target.top / ".instui").exists()


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_another_error_of_a_lock_is_one_line(
    number: int, venv: Callable[[], Venv], wheels: list[Path], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    env = lockless(tmp_path, target.top, number)
    done = run_instui("install", "--no-deps", "--ui", "plain", "--python", target.top, wheels[0], env=env)
    assert os.strerror(number) in error_line(done, 1)


@pytest.mark.parametrize("number", [errno.ENOSYS, 524])
def test_with_soft_locks_sessions_take_turns_there_and_a_killed_one_is_settled(
    number: int, venv: Callable[[], Venv], wheels: list[Path], start_instui: Start, run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    env = {**lockless(tmp_path, target.top, number), **SOFT}
    first = start_instui(target, "--slow", 20, wheels[0], env=env)
    first.wait_for(CommitStarted)
    with first.stopped():
        second = start_instui(target, wheels[1], env=env)
        waiting = second.wait_for(LockWaiting)
        assert isinstance(waiting, LockWaiting)
        assert waiting.holders[0].pid == first.process.pid
        rows = json.loads(ok(run_instui("locks", "--json", "--python", target.top, env=env)))["locks"]
        assert [row["path"] for row in rows] == [".instui/environment.lock"]
        first.process.kill()
    assert second.finish() == (0, "")
    warnings = [one.text for one in second.lines.of(Warned) if "no file locks" in one.text]
    assert len(warnings) == 1
    assert "uv and others are not kept out" in warnings[0]
    ok(run_instui("install", "--no-deps", "--ui", "plain", "--python", target.top, wheels[2], env=env))
    assert {"w1", "w2"} <= set(installed(target.site))
    assert trees.complete(target.site, "w2-1.0")
    assert os.listdir(target.top / ".instui" / "records") == []
    ok(run_instui("uninstall", "--ui", "plain", "--python", target.top, "w1", env=env))
    shown = run_instui("doctor", "--python", target.top, env=env)
    assert "Traceback" not in shown.stderr
    repaired = run_instui("doctor", "--repair", "--python", target.top, env=env)
    assert "cannot lock" not in repaired.stdout + repaired.stderr
    assert repaired.stderr.count("\n") <= 1


def test_a_cache_without_locks_is_refused_in_one_line_and_works_with_soft_locks(
    venv: Callable[[], Venv], wheels: list[Path], run_instui: Run, tmp_path: Path
) -> None:
    target, cache = venv(), tmp_path / "its own cache"
    env = lockless(tmp_path, cache, errno.ENOSYS)
    arguments = ("install", "--no-deps", "--ui", "plain", "--python", target.top, "--cache-dir", cache, *wheels[:2])
    message = error_line(run_instui(*arguments, env=env), 1)
    assert "has no file locks" in message
    assert "INSTUI_CACHE_DIR" in message
    assert f"{network.BACKEND}=soft" in message
    ok(run_instui(*arguments, env={**env, **SOFT}))
    assert set(installed(target.site)) == {"w0", "w1"}
    ok(run_instui(*arguments, wheels[2], env={**env, **SOFT}))  # nothing is left locked
    assert set(installed(target.site)) == {"w0", "w1", "w2"}


def test_a_sign_of_life_is_judged_only_where_that_is_certain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "20260101-000000-1-abcd.jsonl"
    assert not life.lives(journal)
    life.note(journal)
    assert life.lives(journal)
    sign = journal.with_suffix(".alive")
    lines = sign.read_text().split("\n")
    for place, text, expected in ((0, "another", True), (1, "an earlier boot", False), (2, "1", True), (4, "1", False)):
        sign.write_text("\n".join([*lines[:place], text, *lines[place + 1 :]]))
        assert life.lives(journal) == expected
    monkeypatch.setattr(life, "_here", lambda: (" container", "this boot", "1"))
    sign.write_text("\n".join((" container", "an earlier boot, or another machine", "1", *lines[3:])))
    assert life.lives(journal)
    sign.write_text("damaged")
    assert life.lives(journal)


def test_the_journal_is_as_anywhere(
    venv: Callable[[], Venv], wheels: list[Path], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    env = {**lockless(tmp_path, target.top, errno.ENOSYS), **SOFT}
    ok(run_instui("install", "--no-deps", "--ui", "plain", "--python", target.top, wheels[0], env=env))
    (journal,) = target.journals()
    assert read_journal(journal).of(CommitStarted)
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]
