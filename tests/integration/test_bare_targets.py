"""A --target or --prefix that is no environment: it holds nothing but the distributions' files when all is over."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from conftest import Run, Start
from instui_engine.errors import TargetError
from instui_engine.fs.flock import LocksMissingError
from instui_engine.journal.events import CommitStarted, SessionStarted, Warned
from instui_engine.session import bare
from instui_engine.session.session import Session, alive, new_id
from instui_engine.target.environment import Environment, discover
from support import trees
from support.cli import installed, ok
from support.environments import Venv, read_journal
from support.wheelsmith import build_wheel


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}/m.py": b"", f"shared/{n}.py": b""}) for n in range(3)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def install(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path, state: Path) -> Callable[..., str]:
    """Installs into a directory that is no environment; what it printed."""
    python = venv().top

    def run(*arguments: object, where: str = "--target", env: dict[str, str] | None = None) -> str:
        place = ("--python", python, where, tmp_path / "bare")
        variables = {"XDG_STATE_HOME": str(state), **(env or {})}
        return ok(run_instui("install", "--no-deps", "--ui", "plain", *place, *arguments, env=variables))

    return run


def own(top: Path) -> list[str]:
    """What lies in the directory and belongs to no distribution."""
    return sorted(name for name in os.listdir(top) if name.startswith("."))


@pytest.mark.parametrize("where", ["--target", "--prefix"])
def test_three_installs_leave_nothing_but_the_distributions(
    where: str, install: Callable[..., str], wheels: list[Path], tmp_path: Path, state: Path, run_instui: Run
) -> None:
    for wheel in wheels:
        install(wheel, where=where)
    assert own(tmp_path / "bare") == []
    journals = sorted(state.rglob("*.jsonl"))
    assert len(journals) == 3
    assert [read_journal(one).of(SessionStarted)[0].top for one in journals] == [str(tmp_path / "bare")] * 3
    assert len(list((tmp_path / "bare").rglob("*.dist-info"))) == 3


@pytest.mark.parametrize("where", ["--target", "--prefix"])
def test_a_refused_wheel_leaves_nothing(
    where: str, venv: Callable[[], Venv], wheels: list[Path], tmp_path: Path, state: Path, run_instui: Run
) -> None:
    damaged = tmp_path / "bad-1.0-py3-none-any.whl"
    damaged.write_bytes(b"no zip")
    place = ("--python", venv().top, where, tmp_path / "bare")
    done = run_instui("install", "--no-deps", "--ui", "plain", *place, damaged, env={"XDG_STATE_HOME": str(state)})
    assert done.returncode == 1
    assert list(tmp_path.glob("bare/*")) == []


def test_a_lock_file_that_was_there_before_stays(
    install: Callable[..., str], wheels: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / ".lock").touch()
    install(wheels[0])
    assert own(tmp_path / "bare") == [".lock"]


def test_a_lock_file_that_somebody_has_open_stays(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    lock.touch()
    with lock.open() as other:
        bare._remove_unused(lock)
        assert lock.exists()
        assert other.fileno() > 0
    bare._remove_unused(lock)
    assert not lock.exists()


def test_backups_stay_and_with_them_what_is_needed_to_use_them(
    install: Callable[..., str], tmp_path: Path, run_instui: Run, state: Path, venv: Callable[[], Venv]
) -> None:
    one, two = (build_wheel(tmp_path, name, "1.0", {"same.py": name.encode()}) for name in ("one", "two"))
    install(one)
    install(two)
    if not any((tmp_path / "bare" / ".instui" / "kept").iterdir()):
        pytest.skip("the store has what was overwritten")
    place = ("--python", venv().top, "--target", tmp_path / "bare")
    ok(run_instui("uninstall", "--ui", "plain", *place, "two", env={"XDG_STATE_HOME": str(state)}))
    assert (tmp_path / "bare" / "same.py").read_bytes() == b"one"
    assert own(tmp_path / "bare") == []


def test_without_a_state_directory_there_is_one_warning_and_no_journal(
    install: Callable[..., str], wheels: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    output = install(wheels[0], env={"XDG_STATE_HOME": str(tmp_path / "file" / "below")})
    assert output.count("journal of this session is not kept") == 1
    assert own(tmp_path / "bare") == []


def test_what_a_killed_session_left_stays_until_it_is_settled(
    install: Callable[..., str], wheels: list[Path], tmp_path: Path, start_instui: Start, venv: Callable[[], Venv],
    state: Path, run_instui: Run,
) -> None:  # fmt: skip
    target = venv()
    place = ("--target", tmp_path / "bare")
    killed = start_instui(target, "--slow", 20, *place, *wheels, env={"XDG_STATE_HOME": str(state / "other")})
    killed.wait_for(CommitStarted)
    shown = ok(run_instui("locks", "--python", target.top, *place))
    assert "no lock is held" not in shown
    killed.process.kill()
    killed.process.wait()
    assert os.listdir(tmp_path / "bare" / ".instui" / "records")
    (journal,) = (state / "other").rglob("*.jsonl")
    assert read_journal(journal).of(CommitStarted)
    output = install(wheels[2])  # by somebody who does not see that journal
    assert "recovered: what a killed session had begun" in output
    assert own(tmp_path / "bare") == []
    assert set(installed(tmp_path / "bare")) >= {"w2"}
    for name in trees.distributions(tmp_path / "bare"):
        assert trees.complete(tmp_path / "bare", name)


def test_sessions_at_once_kills_and_uv_leave_whole_distributions_and_nothing_else(
    tmp_path: Path, start_instui: Start, venv: Callable[[], Venv], state: Path, clean_environ: dict[str, str],
    install: Callable[..., str], rounds: Callable[[int, int], range],
) -> None:  # fmt: skip
    target = venv()
    top = tmp_path / "bare"
    top.mkdir()
    env = {"XDG_STATE_HOME": str(state)}
    for turn in rounds(2, 10):
        some = [build_wheel(tmp_path, f"t{turn}-{n}", "1.0", {f"t{turn}_{n}/m.py": b"", "shared/x.py": b"%d" % n})
                for n in range(5)]  # fmt: skip
        sessions = [start_instui(target, "--target", top, "--slow", 0.2, wheel, env=env) for wheel in some[:4]]
        command = [find_uv_bin(), "pip", "install", "--no-deps", "--python", target.top, "--target", top, some[4]]
        with subprocess.Popen(command, env=clean_environ, stderr=subprocess.DEVNULL) as uv:
            sessions[3].wait_for(SessionStarted)
            sessions[3].process.kill()
            assert [session.finish() for session in sessions[:3]] == [(0, "")] * 3
        assert uv.returncode == 0
    install(build_wheel(tmp_path, "last", "1.0", {"last.py": b""}))
    assert [name for name in own(top) if name != ".lock"] in ([], [".instui"])
    if ".instui" in own(top):  # what one of them has overwritten is kept
        assert any((top / ".instui" / "kept").iterdir())
        assert set(os.listdir(top / ".instui")) <= {"kept", "layout", "lock-made-here"}
    names = {name.partition("-")[0] for name in trees.distributions(top)}
    assert names >= {f"t{turn}_{n}" for turn in rounds(2, 10) for n in (0, 1, 2, 4)} | {"last"}
    for journal in state.rglob("*.jsonl"):
        assert not [one for one in read_journal(journal).of(Warned) if "not kept" in one.text]


@pytest.mark.parametrize("where", ["--target", "--prefix"])
@pytest.mark.parametrize("words", [["uninstall", "w0"], ["install", "--no-index", "nothing-of-that-name"]])
def test_where_nothing_happened_no_directory_is_left(
    where: str, words: list[str], venv: Callable[[], Venv], run_instui: Run, tmp_path: Path, state: Path
) -> None:
    (tmp_path / "there").mkdir()
    for place in (tmp_path / "a/b/c", tmp_path / "there"):
        existed = place.exists()
        flags = ("--ui", "plain", "--python", venv().top, where, place)
        done = run_instui(*words, *flags, env={"XDG_STATE_HOME": str(state)})
        assert done.returncode == (0 if words[0] == "uninstall" else 1)
        assert place.exists() == existed
        assert not (tmp_path / "a").exists()


@pytest.fixture
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return discover(tmp_path / "cache", python=sys.executable, target=str(tmp_path / "bare"))


def opened(environment: Environment) -> Session:
    """A session that has made what every commit makes."""
    session = Session(environment, new_id())
    session.open()
    (environment.private / "locks").mkdir(exist_ok=True)
    for path in (environment.private / "layout", environment.private / "locks" / "%top", environment.lock_path):
        path.touch()
    return session


def test_the_journals_that_an_earlier_version_kept_there_are_taken_along(
    bare_environment: Environment, tmp_path: Path
) -> None:
    session = opened(bare_environment)
    session.journal.with_name("20200101-000000-1-abcd.jsonl").write_text("old")
    session.close(nothing_happened=False)
    assert os.listdir(bare_environment.top) == []
    kept = {path.name: path.read_text() for path in (tmp_path / "state").rglob("*.jsonl")}
    assert kept == {"20200101-000000-1-abcd.jsonl": "old", session.journal.name: ""}


def test_of_sessions_that_leave_at_once_the_last_removes_everything(bare_environment: Environment) -> None:
    sessions = [opened(bare_environment) for _ in range(3)]
    for session in sessions:
        session.close(nothing_happened=False)  # their processes have not ended yet
    assert os.listdir(bare_environment.top) == []


def test_who_leaves_waits_for_those_who_are_just_entering_or_leaving(bare_environment: Environment) -> None:
    session = opened(bare_environment)
    other = os.open(bare_environment.private, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    closing = threading.Thread(target=session.close, args=(False,))
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    os.close(other)
    closing.join()
    assert os.listdir(bare_environment.top) == []


def test_a_number_of_the_layout_that_was_only_begun_keeps_nothing(bare_environment: Environment) -> None:
    session = opened(bare_environment)
    (bare_environment.private / "layout.4711").touch()
    session.close(nothing_happened=False)
    assert os.listdir(bare_environment.top) == []


def test_the_lock_files_of_layout_1_stay_as_its_sessions_may_have_them_open(bare_environment: Environment) -> None:
    session = opened(bare_environment)
    (bare_environment.private / "layout").unlink()
    session.close(nothing_happened=False)
    assert os.listdir(bare_environment.private / "locks") == ["%top"]


def test_a_sign_of_life_that_was_removed_before_its_lock_is_given_again(
    bare_environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_sign = Session._give_sign
    removed = []

    def late(session: Session, descriptor: int) -> None:
        if not removed:
            session.journal.unlink()
            removed.append(session.journal)
        give_sign(session, descriptor)

    monkeypatch.setattr(Session, "_give_sign", late)
    session = opened(bare_environment)
    assert removed
    assert alive(session.journal)


def test_a_session_that_cannot_begin_leaves_nothing(
    bare_environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(descriptor: int, *, shared: bool) -> bool:
        raise LocksMissingError(errno.ENOSYS, "no locks")

    monkeypatch.setattr("instui_engine.session.session.try_lock", missing)
    with pytest.raises(TargetError, match="has no file locks"):
        Session(bare_environment, new_id()).open()
    assert os.listdir(bare_environment.top) == []
