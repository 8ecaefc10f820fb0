"""Holders: who holds a lock, by wheel, session, process and state, and all locks of an environment.

The system names the processes (`proc_locks`), and the journals of the running sessions say what these hold
(`live_sessions`). If the system does not name a process, because it has no /proc/locks or the process is in another
container, the journals still do. Nothing here writes or waits.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from instui_engine.journal.events import Holder
from instui_engine.target.environment import PRIVATE
from instui_engine.target.network import SOFT_LOCK

from .claims import Mode
from .live_sessions import ENVIRONMENT, LiveSession, LockState, live_sessions
from .names import file_name, path_of
from .proc_locks import LockLine, Locks, command_of, read_locks, state_of
from .table import COMPATIBLE

_NAMED = 5  # the most holders named to one waiter


class Claimant(NamedTuple):
    """A holder of a lock, or a waiter for it. `since` is Unix time; 0.0 if unknown."""

    holder: Holder
    mode: Mode
    since: float = 0.0


class LockRow(NamedTuple):
    """A lock that is held or waited for now. `path` is written as in the journal."""

    path: str
    holders: tuple[Claimant, ...]
    waiters: tuple[Claimant, ...]


def holders_of(path: Path | str, mode: Mode | None = None) -> list[Holder]:
    """The processes, sessions or not, that hold the lock file at `path` now (in `mode`); [] if this is unknown."""
    lines = [line for line in read_locks().at(path) if mode in (None, line.mode)]
    return [_process(pid) for pid in _pids(lines, waits=False)]


def blockers(private: Path, lock_file: Path | str, path: str, mode: Mode, session: str = "") -> list[Holder]:
    """The holders that keep a waiter from `path` in `mode`; never empty, as an unknown holder is one that says why.

    `private` is the environment's `.instui`. `lock_file` is the file waited for, which stands for `path`. `session` is
    the id of the waiter's own session, if any; whatever that session waits for blocks nobody.
    """
    locks = read_locks()
    sessions = live_sessions(private, locks, session)
    pids = _pids((line for line in locks.at(lock_file) if not COMPATIBLE[mode, line.mode]), waits=False)
    found = [claimant.holder for pid in pids for claimant in _of_process(pid, path, mode, sessions)]
    if not found:  # a process in another container, or one that stands in the gate
        found = [_of_session(one, state) for one in sessions for state in _in_the_way(one, path, mode, session)]
    return found[:_NAMED] or [Holder(state=_reason(locks))]


def next_in_line(path: Path | str) -> list[Holder]:
    """The processes that are blocked on the exclusive lock of that file, and so are next."""
    lines = [line for line in read_locks().at(path) if line.mode == "X"]
    return [_process(pid)._replace(state="whose turn is next") for pid in _pids(lines, waits=True)]


def rows(top: Path) -> list[LockRow]:
    """Every lock of the environment at `top` that is held or waited for now, by path."""
    private = top / PRIVATE
    locks = read_locks()
    sessions = live_sessions(private, locks)
    found = [_row(path, locks.at(file), sessions) for path, file in _lock_files(top, sessions)]
    found += _soft_rows(private)
    return sorted(row for row in found if row.holders or row.waiters)


def _soft_rows(private: Path) -> list[LockRow]:
    """The file-based lock that stands for all claims on a network file system (`soft`)."""
    if not os.path.exists(private / SOFT_LOCK):
        return []
    from .soft import present_holders

    return [LockRow(f"{PRIVATE}/{SOFT_LOCK}", tuple(Claimant(one, "X") for one in present_holders(private)), ())]


def _lock_files(top: Path, sessions: Sequence[LiveSession]) -> Iterator[tuple[str, Path]]:
    """Every path that may be locked, and its lock file."""
    yield ENVIRONMENT, top / ".lock"
    directory = top / PRIVATE / "locks"
    named = {path for session in sessions for state in session.states for path in _paths(state)} - {ENVIRONMENT}
    hashed = {file_name(path): path for path in named}
    try:
        files = os.listdir(directory)
    except OSError:
        files = []
    for file in files:
        yield hashed.get(file) or path_of(file), directory / file
    for file in hashed.keys() - files:
        yield hashed[file], directory / file


def _paths(state: LockState) -> Iterator[str]:
    yield from state.held
    if state.wants:
        yield state.wants[0]


def _row(path: str, lines: Sequence[LockLine], sessions: Sequence[LiveSession]) -> LockRow:
    holders, waiters = [], []
    for pid in _pids(lines, waits=False):
        held = _of_process(pid, path, None, sessions)
        mode = next(line.mode for line in lines if line.pid == pid and not line.waits)
        holders += [claimant._replace(mode=mode) if not claimant.holder.wheel else claimant for claimant in held]
    seen = {(claimant.holder.session, claimant.holder.wheel) for claimant in holders}
    # the system is authoritative; journals add processes in other containers, and waiters at a gate
    for session in sessions:
        for state in session.states:
            if state.wants and state.wants[0] == path:
                waiters.append(Claimant(_of_session(session, state), state.wants[1], state.since))
            elif path in state.held and not session.pid and (session.session, state.wheel) not in seen:
                holders.append(Claimant(_of_session(session, state), state.held[path], state.since))
    named = {claimant.holder.pid for claimant in waiters}
    waiters += [
        Claimant(_process(line.pid, sessions), line.mode) for line in lines if line.waits and line.pid not in named
    ]
    return LockRow(path, tuple(holders), tuple(waiters))


def _pids(lines: Iterable[LockLine], waits: bool) -> list[int]:
    return list(dict.fromkeys(line.pid for line in lines if line.waits == waits))


def _of_process(pid: int, path: str, mode: Mode | None, sessions: Sequence[LiveSession]) -> list[Claimant]:
    """The wheels of that process that hold `path` in a mode that excludes `mode` (None: any mode), else the process."""
    found = [
        Claimant(_of_session(session, state), held, state.since)
        for session in sessions
        if session.pid == pid
        for state, held in session.holding(path)
        if mode is None or not COMPATIBLE[mode, held]
    ]
    return found or [Claimant(_process(pid, sessions), "IX")]


def _in_the_way(session: LiveSession, path: str, mode: Mode, own: str) -> list[LockState]:
    """The states that exclude `mode`, or stand in the gate before it, according to the session's own journal."""
    held = [state for state, how in session.holding(path) if not COMPATIBLE[mode, how]]
    if held or session.session == own:
        return held
    return [state for state in session.states if state.wants and state.wants[0] == path]


def _of_session(session: LiveSession, state: LockState) -> Holder:
    if not session.pid:
        return Holder(state.wheel, session.session, 0, session.command, "in another container or on another machine")
    return _process(session.pid)._replace(wheel=state.wheel, session=session.session)


def _process(pid: int, sessions: Sequence[LiveSession] = ()) -> Holder:
    """A process as a holder, with its session if it is one."""
    own = [session.session for session in sessions if session.pid == pid]
    return Holder("", own[0] if len(own) == 1 else "", pid, command_of(pid), state_of(pid))


def _reason(locks: Locks) -> str:
    """Why no holder is named."""
    if not locks.known:
        return "not known: this system does not say who holds a lock"
    return "not known: in another container, on another machine, or gone by now"
