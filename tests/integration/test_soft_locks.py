"""The lock of files that stands for all claims where flock cannot be trusted, forced here on a local disk."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.errors import LockTimeoutError
from instui_engine.fs import mounts
from instui_engine.journal.events import (
    CommitStarted,
    LockGranted,
    LockReleased,
    LockWaiting,
    RecoveryStarted,
    SessionStarted,
    Warned,
)
from instui_engine.locks import soft as softclaims
from instui_engine.locks.claims import Claims
from instui_engine.locks.soft import SoftClaims
from instui_engine.target import network as netfs
from support import trees
from support.cli import ok
from support.environments import Session, Venv
from support.wheelsmith import build_wheel

SOFT = {"env": {netfs.BACKEND: "soft"}}
linux = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc")


@pytest.fixture
def wheels(tmp_path: Path) -> list[list[Path]]:
    """For each of four sessions a wheel that collides with the others' and some that do not."""
    return [
        [
            build_wheel(tmp_path, f"s{who}", "1.0", {f"shared/{n}.py": b"%d" % who for n in range(20)}),
            *(build_wheel(tmp_path, f"s{who}-{n}", "1.0", {f"s{who}_{n}/x.py": b""}) for n in range(3)),
        ]
        for who in range(4)
    ]


def turns(session: Session) -> list[tuple[float, float]]:
    """When each wheel of a session held its claims, on the clock that all share."""
    lines = session.lines
    clock = lines.of(SessionStarted)[0].clock
    names = [event.wheel for event in lines.of(LockGranted)]
    return [(clock + lines.times(LockGranted, name)[0], clock + lines.times(LockReleased, name)[0]) for name in names]


def test_sessions_take_turns_at_the_whole_environment(
    wheels: list[list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    sessions = [start_instui(target, "--jobs", 4, "--slow", 0.2, *some, **SOFT) for some in wheels]
    for session in sessions:
        assert session.finish() == (0, "")
        (warning,) = session.lines.of(Warned)
        assert "take turns" in warning.text
    every = [(who, turn) for who, session in enumerate(sessions) for turn in turns(session)]
    assert len(every) == 16
    for (one, mine), (other, theirs) in itertools.combinations(every, 2):
        assert one == other or mine[1] <= theirs[0] or theirs[1] <= mine[0]
    assert len(trees.distributions(target.site)) == 16
    assert [who for who in range(4) if trees.complete(target.site, f"s{who}-1.0")] != []
    assert len({(target.site / f"shared/{n}.py").read_bytes() for n in range(20)}) == 1


@linux
@pytest.mark.parametrize("first", ["soft", "flock"])
def test_a_session_with_soft_locks_and_one_without_exclude_each_other(
    first: str, wheels: list[list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    """One user who sets the variable must not take the other's running session for a dead one."""
    target = venv()
    with_soft, without = SOFT, dict[str, dict[str, str]]()
    holder = start_instui(target, "--slow", 3, wheels[0][0], **(with_soft if first == "soft" else without))
    holder.wait_for(CommitStarted)
    with holder.stopped():  # so that its commit cannot be over before the other one's begins
        waiter = start_instui(target, wheels[1][1], **(without if first == "soft" else with_soft))
        waiter.wait_for(LockWaiting)
    for session in (holder, waiter):
        assert session.finish() == (0, "")
        assert not session.lines.of(RecoveryStarted)
    assert set(trees.distributions(target.site)) == {"s0-1.0", "s1_0-1.0"}


@linux
def test_the_waiter_names_the_holder_and_goes_on_when_it_is_killed(
    wheels: list[list[Path]], venv: Callable[[], Venv], start_instui: Start, run_instui: Run
) -> None:
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels[0][0], **SOFT)
    holder.wait_for(CommitStarted)
    with holder.stopped():
        waiter = start_instui(target, wheels[1][1], **SOFT)
        waiting = waiter.wait_for(LockWaiting)
        assert isinstance(waiting, LockWaiting)
        assert [(one.wheel, one.pid, one.state) for one in waiting.holders] == [("s0", holder.process.pid, "stopped")]
        found = json.loads(ok(run_instui("locks", "--json", "--python", target.top)))
        (row,) = [row for row in found["locks"] if row["path"] == ".instui/environment.lock"]
        assert [one["wheel"] for one in row["holders"]] == ["s0"]
        impatient = start_instui(target, "--lock-timeout", 0.5, wheels[2][1], **SOFT)
        code, errors = impatient.finish()
        assert code == 4
        assert f"pid {holder.process.pid} (" in errors
        holder.process.kill()
    assert waiter.finish() == (0, "")
    assert list(trees.distributions(target.site)) == ["s1_0-1.0"]


def test_an_interrupted_waiter_leaves_nothing_behind(
    wheels: list[list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels[0][0], **SOFT)
    holder.wait_for(CommitStarted)
    with holder.stopped():
        waiter = start_instui(target, wheels[1][0], **SOFT)
        waiter.wait_for(LockWaiting)
        waiter.process.terminate()
        assert waiter.finish()[0] == 143
    assert holder.finish() == (0, "")
    after = start_instui(target, wheels[1][0], **SOFT)
    assert after.finish() == (0, "")


def test_what_another_machine_holds_is_never_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys, pathlib; from instui_engine.locks.soft import SoftClaims;"
        "from instui_engine.locks.claims import Claims;"
        "claims = SoftClaims(pathlib.Path(sys.argv[1]), 1);"
        "claims.acquire(Claims((), ()), lambda *_: None, lambda: False); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(softclaims.socket, "gethostname", lambda: "another")
        with pytest.raises(LockTimeoutError, match=r"waited 0.2 s.* on .*remove"):
            SoftClaims(tmp_path, 0.2).acquire(Claims((), ()), lambda *_: None, lambda: False)
    if Path("/proc/locks").exists():
        here = SoftClaims(tmp_path, 1)
        here.release(here.acquire(Claims((), ()), lambda *_: None, lambda: False))


@linux
def test_network_file_systems_are_known_by_their_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(mounts.MOUNTS).read_text()
    pretended = tmp_path / "mounts"
    monkeypatch.setattr(mounts, "MOUNTS", str(pretended))
    for kind, reason in (
        ("nfs4", "(NFS)"),
        ("smb3", "(SMB)"),
        ("smb2", "(SMB)"),
        ("beegfs", "(BeeGFS)"),
        ("ceph", "(Ceph)"),
        ("fuse.glusterfs", "(GlusterFS)"),
        ("9p", "(9P)"),
        ("fuse.sshfs", "(SSHFS)"),
        ("vboxsf", "(a folder of the host)"),
        ("virtiofs", "(a folder of the host)"),
        ("fuse.rclone", "(rclone)"),
        ("fuse.mergerfs", ""),
        ("fuse", ""),
        ("ocfs2", ""),
        ("ext4", ""),
        ("tmpfs", ""),
    ):
        pretended.write_text(re.sub(" - [^ ]+ ", f" - {kind} ", real))
        assert reason in netfs.soft_reason(tmp_path)
        assert bool(netfs.soft_reason(tmp_path)) == bool(reason)
        with monkeypatch.context() as chosen:
            chosen.setenv(netfs.BACKEND, "flock")
            assert netfs.soft_reason(tmp_path) == ""
    for text in (None, "", f"{real.splitlines()[0].split()[0]}1 0 0:1 / /elsewhere rw - nfs4 server:/ rw\n"):
        monkeypatch.setattr(mounts, "MOUNTS", str(pretended) if text is not None else "/nowhere")
        pretended.write_text(text or "")
        assert netfs.soft_reason(tmp_path) == ""
