"""A wheel with thousands of claims needs no thousands of open files, and still excludes whom it must."""

import resource
from collections.abc import Callable
from pathlib import Path

from conftest import Start
from instui_engine.journal.events import CommitStarted, LockGranted, LockWaiting, PlanWheel
from instui_engine.locks.claims import MOST
from support import trees
from support.environments import Venv
from support.wheelsmith import build_wheel

FILES = 3000
LIMIT = 256


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


def test_thousands_of_single_files_under_a_small_limit(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    modules = {f"m{n}.py": b"" for n in range(FILES)}
    scripts = {f"scripts/tool{n}": b"#!/bin/sh\n" for n in range(FILES)}
    wheels = [
        build_wheel(tmp_path, "modules", "1.0", modules),
        build_wheel(tmp_path, "tools", "1.0", {"tools.py": b""}, data=scripts),
        *(build_wheel(tmp_path, f"small{n}", "1.0", {f"small{n}/x.py": b""}) for n in range(8)),
    ]
    session = start_instui(target, "--jobs", 8, *wheels, preexec_fn=few_files)
    assert session.finish() == (0, "")
    assert len(session.lines.of(PlanWheel, "modules")[0].exclusive) > FILES
    assert len(trees.distributions(target.site)) == 10
    for name in trees.distributions(target.site):
        assert trees.complete(target.site, name)


def test_many_wheels_with_as_many_claims_as_have_files_of_their_own(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    """The limit does not change what is locked, only how many wheels are committed at once."""
    target = venv()
    wheels = [
        build_wheel(tmp_path, f"w{who}", "1.0", {f"w{who}_{n}.py": b"" for n in range(MOST - 10)}) for who in range(8)
    ]
    session = start_instui(target, "--slow", 0.2, "--jobs", 8, *wheels, preexec_fn=few_files)
    assert session.finish() == (0, "")
    assert len(trees.distributions(target.site)) == 8


def test_it_waits_for_another_session_that_has_one_of_its_files(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    one = build_wheel(tmp_path, "one", "1.0", {"m7.py": b"one", "one/x.py": b""})
    many = build_wheel(tmp_path, "many", "1.0", {f"m{n}.py": b"many" for n in range(FILES)})
    first = start_instui(target, "--slow", 20, one)
    first.wait_for(CommitStarted)
    with first.stopped():
        second = start_instui(target, many, preexec_fn=few_files)
        waiting = second.wait_for(LockWaiting)
        assert isinstance(waiting, LockWaiting)
        assert (waiting.path, waiting.mode) == (".", "X")
        if waiting.holders[0].pid:
            assert [(one.wheel, one.pid) for one in waiting.holders] == [("one", first.process.pid)]
        assert second.lines.of(LockGranted) == []
    assert first.finish() == second.finish() == (0, "")
    assert trees.complete(target.site, "many-1.0")
    assert (target.site / "m7.py").read_bytes() == b"many"


def test_another_session_waits_for_it(tmp_path: Path, venv: Callable[[], Venv], start_instui: Start) -> None:
    target = venv()
    one = build_wheel(tmp_path, "one", "1.0", {"m7.py": b"one", "one/x.py": b""})
    many = build_wheel(tmp_path, "many", "1.0", {f"m{n}.py": b"many" for n in range(FILES)})
    first = start_instui(target, "--slow", 0.5, many)
    first.wait_for(CommitStarted)
    with first.stopped():
        second = start_instui(target, one)
        waiting = second.wait_for(LockWaiting)
        assert isinstance(waiting, LockWaiting)
        assert (waiting.path, waiting.mode) == (".", "IX")
        if waiting.holders[0].pid:
            assert [(one.wheel, one.pid) for one in waiting.holders] == [("many", first.process.pid)]
        first.process.kill()
    assert second.finish() == (0, "")
    assert trees.complete(target.site, "one-1.0")
