"""What others do while a session fetches and builds is in its plan: owners, versions that go, dependents."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.commands import install as commands
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import Pipeline, install
from instui_engine.commands.install_many import install_many
from instui_engine.commands.sync import sync
from instui_engine.journal.events import (
    BuildStarted,
    DistributionRemoved,
    Overwrite,
    PlanConflict,
    PlanFinished,
    PlanWheel,
    Warned,
)
from instui_engine.resolve.request import Request
from instui_engine.session.options import Options
from instui_engine.target.installed import Installed, scan
from support import trees
from support.cli import installed
from support.environments import Lines, Venv
from support.projects import make_tree
from support.wheelsmith import build_wheel

Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def target(venv: Callable[[], Venv]) -> Venv:
    return venv()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Does something when the next session has fetched all, and has planned nothing yet."""

    def let(do: Callable[[], object]) -> None:
        compiled = Pipeline._compiled

        def first(self: Pipeline, ready: object) -> object:
            monkeypatch.setattr(Pipeline, "_compiled", compiled)
            do()
            return compiled(self, ready)  # type: ignore[arg-type]

        monkeypatch.setattr(Pipeline, "_compiled", first)

    return let


def _alpha(place: Path, version: str) -> Path:
    return build_wheel(place, "alpha", version, {f"alpha/{n}.py": version.encode() for n in range(3)})


def _put(target: Venv, *wheels: Path, fail: bool = False) -> tuple[Outcome, Lines]:
    """Install these, with a journal of its own, as the other session's is in `target.lines`."""
    lines: list[str] = []
    request = Request(arguments=tuple(map(str, wheels)), no_deps=True)
    options = Options(cache=target.cache, fsync=False, fail_on_conflict=fail)
    outcome = install(request, target.environment, options, recording=Recording((lines.append,)))
    return outcome, Lines(lines)


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_is_installed_during_a_build_is_replaced_without_a_conflict(
    version: str, target: Venv, tmp_path: Path, start_instui: Start
) -> None:
    """Also if it is the very same version."""
    hold = tmp_path / "hold"
    os.mkfifo(hold)
    tree = make_tree(tmp_path / "slow", "slow", during=f"open({str(hold)!r}).read()")
    session = start_instui(target, "--no-index", "--fail-on-conflict", "-e", tree, _alpha(tmp_path, "2"))
    session.wait_for(BuildStarted)
    target.put(_alpha(tmp_path, version))
    hold.write_text("")
    assert session.finish() == (0, "")
    assert [event.version for event in session.lines.of(DistributionRemoved)] == [version]
    assert [event.replaces for event in session.lines.of(PlanWheel, "alpha")] == [version]  # planned once
    assert session.lines.of(PlanConflict) == session.lines.of(Overwrite) == []
    assert installed(target.site) == {"slow": "1.0", "alpha": "2"}
    assert trees.wrong_rows(target.site, "alpha-2") == []


def test_the_owner_of_a_new_file_is_named_before_anything_is_written(
    target: Venv, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    beta = build_wheel(tmp_path, "beta", "1", {"alpha/0.py": b"beta"})
    meanwhile(lambda: target.put(beta))
    outcome, lines = _put(target, _alpha(tmp_path, "1"), fail=True)
    assert outcome.exit_code == 3
    assert "alpha/0.py of beta 1 would be replaced by alpha 1" in outcome.error
    assert [(event.first, event.last) for event in lines.of(PlanConflict)] == [("beta 1", "alpha 1")]
    assert installed(target.site) == {"beta": "1"}


def test_a_new_dependent_is_warned_of(target: Venv, tmp_path: Path, meanwhile: Meanwhile) -> None:
    needs = build_wheel(tmp_path, "needs", "1", {"needs.py": b""}, requires=["alpha<2"])
    target.put(_alpha(tmp_path, "1"))
    meanwhile(lambda: target.put(needs))
    _, lines = _put(target, _alpha(tmp_path, "2"))
    assert any("needs 1 requires alpha<2" in event.text for event in lines.of(Warned))


def test_what_is_removed_is_not_replaced(target: Venv, tmp_path: Path, meanwhile: Meanwhile) -> None:
    target.put(_alpha(tmp_path, "1"))
    meanwhile(lambda: target.remove("alpha"))
    _, lines = _put(target, _alpha(tmp_path, "2"))
    assert [event.replaces for event in lines.of(PlanWheel)] == [""]  # and it is planned once
    assert installed(target.site) == {"alpha": "2"}


@pytest.mark.parametrize("change", ["upgraded", "removed"])
@pytest.mark.parametrize("brings", [True, False])
def test_what_goes_may_be_changed_by_others_first(
    brings: bool, change: str, target: Venv, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    new = build_wheel(tmp_path, "new", "1", {"new.py": b""})
    target.put(_alpha(tmp_path, "1"), *(() if brings else (new,)))
    listed = tmp_path / "listed.txt"
    listed.write_text(f"{new}\n")
    meanwhile(lambda: target.put(_alpha(tmp_path, "2")) if change == "upgraded" else target.remove("alpha"))
    lines: list[str] = []
    outcome = sync(
        Request(requirement_files=(str(listed),), no_index=True),
        target.environment,
        Options(cache=target.cache, fsync=False),
        recording=Recording((lines.append,)),
    )
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert installed(target.site) == {"new": "1"}
    assert trees.unlisted(target.site) == []
    gone = [event.wheel for event in Lines(lines).of(Warned) if "removed by somebody else" in event.text]
    assert gone == (["alpha"] if change == "removed" else [])


def test_the_lines_of_a_list_meet_what_came_meanwhile(target: Venv, tmp_path: Path, meanwhile: Meanwhile) -> None:
    beta = build_wheel(tmp_path, "beta", "1", {"beta.py": b""})
    listed = tmp_path / "listed.txt"
    listed.write_text(f"{_alpha(tmp_path, '2')}\n{beta}\n")
    meanwhile(lambda: target.put(_alpha(tmp_path, "1")))
    lines: list[str] = []
    outcome = install_many(
        str(listed),
        target.environment,
        options=Options(cache=target.cache, fsync=False, fail_on_conflict=True),
        recording=Recording((lines.append,)),
    )
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert [event.replaces for event in Lines(lines).of(PlanWheel)] == ["1", ""]
    assert Lines(lines).of(PlanConflict) == Lines(lines).of(Overwrite) == []


def test_where_nothing_happens_the_environment_is_listed_once(
    target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.put(build_wheel(tmp_path, "beta", "1", {"beta.py": b""}))
    os.utime(target.site, (1e9, 1e9))
    calls = []

    def counted(environment: object) -> Installed:
        calls.append(environment)
        return scan(target.environment)

    monkeypatch.setattr(commands, "scan", counted)
    _, lines = _put(target, _alpha(tmp_path, "1"))
    assert lines.of(PlanFinished)
    assert len(calls) == 1


def test_a_listing_is_current_until_the_directory_changes_and_in_doubt_not_at_all(target: Venv) -> None:
    os.utime(target.site, (1e9, 1e9))
    found = scan(target.environment)
    assert found.is_current()
    (target.site / "new.py").touch()
    assert not found.is_current()
    now = time.time() + 1000  # as if it had been changed just now, however slow this test is
    os.utime(target.site, (now, now))
    assert not scan(target.environment).is_current()  # another change now might leave the mtime as it is


def test_a_listing_within_a_tick_of_a_change_is_in_doubt(target: Venv, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(target.site, (1e9, 1e9))
    for later, is_current in ((10, False), (100, True)):  # milliseconds
        monkeypatch.setattr(time, "time_ns", lambda later=later: 10**18 + later * 10**6)
        assert scan(target.environment).is_current() is is_current
