"""Bare directories: a `--target` or `--prefix` that is no environment, where a session leaves nothing of its own.

    <state>/targets/<hash of the top>/<id>.jsonl    the journal, in the user's state directory: it stays
    <top>/.instui/sessions/<id>.jsonl               the same lines while the session lives, and its lock

The lock of the second file is the sign of life, so that all who can write to the directory see it, whoever and in
whichever container they are. When a session ends and nothing is kept there, no other session lives and nobody waits,
`.instui` goes, and `.lock` with it if it was made for a session.

Deleting a lock file that somebody has open could give two holders. So a session makes its sign of life under a shared
lock on the directory `.instui` itself, before it opens any other file in it, and whoever removes `.instui` holds that
lock exclusively while it looks for signs of life and removes everything. Who was granted the lock of a directory that
is gone by then makes a new one. By the same rule, the last session to leave an environment removes its lock files. Of
several that leave at once, each gives up its sign of life under that lock, so the last of them sees no other.

Sessions of layout 1 do not know this lock. They stop where a layout is written down, and elsewhere their lock files
stay.

uv opens `.lock` without any of this, and never looks whether the file that it has locked is still there. So `.lock` is
removed only under a lease that the kernel grants if no other process, in whatever container, has the file open. What
remains is a process that opens it between two adjacent system calls, the lease and the removal: it then locks a file
that is gone, and is not excluded from a third one that begins while it works. Where there are no leases, that process
may have opened the file earlier, but not have asked for the lock yet.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from instui_engine.errors import TargetError, printable
from instui_engine.fs.files import read_regular
from instui_engine.fs.flock import is_at, try_lock
from instui_engine.target.environment import Environment
from instui_engine.target.network import soft_reason

from .logs import forget_logs

_OURS = "lock-made-here"  # there if `.lock` was made for a session
_LAYOUT = "layout"  # and `layout.<pid>`, which a session that was killed may leave; see `locks.layout`
_PAUSE, _PATIENCE = 0.002, 30.0  # seconds; a removal takes milliseconds
_LEAVING = 1.0  # the most seconds for which a session that leaves waits for others


def journals(environment: Environment) -> Path | None:
    """The directory for the journals of a bare directory, made if missing; None if there can be none."""
    from hashlib import sha256

    from platformdirs import user_state_path

    try:
        state = user_state_path("instui")
    except RuntimeError:
        return None  # an unknown user without HOME
    if not state.is_absolute():
        return None  # no home
    directory = state / "targets" / sha256(os.fsencode(environment.top)).hexdigest()[:20]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return directory if os.access(directory, os.W_OK | os.X_OK) else None


def forget(journal: Path) -> None:
    """Remove a journal with its logs from the user's state directory, and that directory if nothing else is in it."""
    forget_logs(journal)
    with suppress(OSError):
        journal.unlink()
        for directory in journal.parents[:5]:  # <home>/.local/state/instui/targets/<hash>
            directory.rmdir()


@contextmanager
def entering(environment: Environment) -> Iterator[Callable[[], bool]]:
    """Hold `.instui`, which is made if missing, such that nobody removes what the block makes in it.

    Yields a function that says whether it is still the same directory, as an empty one may be removed without the lock.
    If the block fails, nothing stays that was made here. Raises OSError, and TargetError if another process does not
    finish its removal.
    """
    private, ours = environment.private, environment.private / _OURS
    descriptor = _enter(private)
    is_new = False
    try:
        if environment.is_bare and not environment.lock_path.exists():
            is_new = not ours.exists()
            ours.touch()
        yield lambda: is_at(descriptor, private)
    except BaseException:
        with suppress(OSError):
            if is_new and os.listdir(private) == [_OURS]:
                ours.unlink()
            private.rmdir()
        raise
    finally:
        os.close(descriptor)


def _enter(private: Path) -> int:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        private.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(private, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if _locked(descriptor) and is_at(descriptor, private):
            return descriptor
        os.close(descriptor)
        time.sleep(_PAUSE)
    problem = f"another process has been removing {printable(str(private))} for {_PATIENCE:g} s; is it stopped?"
    raise TargetError(problem, path=str(private))


def _locked(descriptor: int) -> bool:
    try:
        return try_lock(descriptor, shared=True)
    except OSError:
        return True  # without locks nobody removes it


def leave(environment: Environment, own: str, sign_of_life: int, alive: Callable[[Path], bool]) -> None:
    """Give up `sign_of_life`, and remove what nobody needs if no other session lives. `own` is the id of our session.

    That is the lock files of an environment, and in a bare directory all of `.instui` and `.lock`. If something is kept
    there (a backup, the record and the stage of a session that was killed), only that stays.
    """
    private = environment.private
    if soft_reason(environment.top):
        return  # who is at work on another machine is not known
    with suppress(OSError):
        descriptor = os.open(private, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not _is_alone(descriptor):
                return
            fcntl.flock(sign_of_life, fcntl.LOCK_UN)
            sessions = (
                path for path in (private / "sessions").glob("*") if path.suffix == ".jsonl" and path.stem != own
            )
            if any(map(alive, sessions)):
                return
            if environment.is_bare:
                _clear(environment, own)
            else:
                _remove_locks(private)
        finally:
            os.close(descriptor)


def _is_alone(descriptor: int) -> bool:
    """Take the lock on `.instui` exclusively, after those who are just entering or leaving; they take milliseconds."""
    end = time.monotonic() + _LEAVING
    while not try_lock(descriptor, shared=False):
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True


def _clear(environment: Environment, own: str) -> None:
    """Remove what only sessions need, as there is none, and then what is empty."""
    private = environment.private
    others = [path for path in (private / "sessions").glob("*.jsonl") if path.stem != own]
    if others and (directory := journals(environment)) is not None:
        _keep_old(others, directory)
    _empty(private / "sessions")
    _remove_locks(private)
    for path in private.glob("*"):
        with suppress(OSError):
            path.rmdir()
    kept = {path.name for path in private.glob("*")}
    if all(name == _OURS or name.partition(".")[0] == _LAYOUT for name in kept):
        if _OURS in kept:  # before `.instui` is gone: whoever enters then has to note that it makes `.lock` anew
            _remove_unused(environment.lock_path)
        for name in kept:
            (private / name).unlink()
        private.rmdir()


def _keep_old(journals: Iterable[Path], kept: Path) -> None:
    """Take along the journals of ours that an earlier version kept in the directory itself."""
    for path in journals:
        if path.lstat().st_uid == os.geteuid() and not os.path.lexists(kept / path.name):
            with suppress(OSError):
                (kept / path.name).write_bytes(read_regular(path, follow=False))


def _remove_locks(private: Path) -> None:
    if os.path.lexists(private / _LAYOUT):
        _empty(private / "locks")


def _empty(directory: Path) -> None:
    for path in directory.glob("*"):
        path.unlink()


def _remove_unused(path: Path) -> None:
    """Remove the lock file that uv uses as well, unless another process has it open."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if try_lock(descriptor, shared=False) and _is_open_only_here(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)


def _is_open_only_here(descriptor: int) -> bool:
    """Whether nobody else has the file open, as far as the system says; so it stays until the descriptor is closed."""
    if sys.platform != "linux":
        return True
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # whoever opens it now sends a signal that is ignored
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except (BlockingIOError, PermissionError):  # the latter: another user's file, and only its owner gets a lease
        return False
    except OSError:
        return True  # no leases here
    return True
