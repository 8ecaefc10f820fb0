"""Holders: who holds a lock, by wheel, session, process and state, and all locks of an environment.

The system names the processes (`proc_locks`), and the journals of the running sessions say what these hold
(`live_sessions`). If the system does not name a process, because it has no /proc/locks or the process is in another
container, the journals still do. Nothing here writes or waits.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.fs.files import open_regular
from instui_engine.fs.flock import try_lock
from instui_engine.fs.paths import TOP
from instui_engine.journal.holder import Holder
from instui_engine.target.environment import PRIVATE
from instui_engine.target.network import SOFT_LOCK
from instui_engine.values import NamedTuple

from .claims import COMPATIBLE, Mode
from .live_sessions import LiveSession, live_sessions
from .names import ENVIRONMENT, TOP_FILE, TURNSTILE, lock_name
from .proc_locks import LockLine, Locks, command_of, life_of, read_locks

if TYPE_CHECKING:
    from .reading import LockState

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


class Contest(NamedTuple):
    """What a waiter for a lock file waits for: one of the paths that it wants there, and those who are in the way."""

    path: str
    mode: Mode
    holders: list[Holder]


def holders_of(path: Path | str, mode: Mode | None = None) -> list[Holder]:
    """The processes, sessions or not, that hold the lock file at `path` now (in `mode`).

    If the system names none but somebody does hold it, that is one without a name.
    """
    locks = read_locks()
    lines = [line for line in locks.at(path) if mode in (None, line.mode)]
    found = [_process(pid) for pid in _pids(lines, waits=False)]
    if found or locks.at(path):
        return found
    held = tried(path)
    return [Holder(state=_reason(locks))] if held and mode in (None, held) else []


def blockers(private: Path, lock_file: Path | str, path: str, mode: Mode, session: str = "") -> list[Holder]:
    """The holders that keep a waiter from `path` in `mode`; see `contest`."""
    return contest(private, lock_file, [(path, mode)], session).holders


def contest(private: Path, lock_file: Path | str, wants: Sequence[tuple[str, Mode]], session: str = "") -> Contest:
    """Who keeps a waiter from the lock file that stands for all of `wants`, and from which path.

    There is always a holder, as an unknown one is one that says why. `private` is the environment's `.instui`.
    `session` is the id of the waiter's own session, if any; whatever that session waits for blocks nobody.
    """
    locks = read_locks()
    sessions = live_sessions(private, locks, session)
    strongest: Mode = "X" if any(mode == "X" for _, mode in wants) else "IX"
    pids = _pids((line for line in locks.at(lock_file) if not COMPATIBLE[strongest, line.mode]), waits=False)
    for path, mode in wants:
        found = [_of_session(one, state) for one in sessions if one.pid in pids for state in _holding(one, path, mode)]
        if found:
            return Contest(path, mode, found[:_NAMED])
    path, mode = wants[0]
    named = [holder for pid in pids for holder in _beside(pid, path, strongest, sessions) or [_process(pid, sessions)]]
    if named:
        return Contest(path, mode, named[:_NAMED])
    # a process in another container, or one that stands in the gate
    for path, mode in wants:
        found = [_of_session(one, state) for one in sessions for state in _in_the_way(one, path, mode, session)]
        if found:
            return Contest(path, mode, found[:_NAMED])
    path, mode = wants[0]
    named = _beside(0, path, strongest, sessions)[:_NAMED]
    return Contest(path, mode, named or [Holder(state=_reason(locks))])


def tried(path: Path | str) -> Mode | None:
    """The mode in which somebody holds the lock file at `path`, found by trying the lock; None if it is free.

    This also finds holders that the system does not name, such as those in another container. The lock is let go at
    once, and nothing is made. None as well if it cannot be tried.
    """
    try:
        descriptor = open_regular(path, follow=False)
    except OSError:
        return None
    try:
        if not try_lock(descriptor, shared=True):
            return "X"
        return None if try_lock(descriptor, shared=False) else "IX"
    except OSError:
        return None
    finally:
        os.close(descriptor)


def next_in_line(path: Path | str) -> list[Holder]:
    """The processes that are blocked on the exclusive lock of that file, and so are next."""
    lines = [line for line in read_locks().at(path) if line.mode == "X"]
    return [_process(pid)._replace(state="whose turn is next") for pid in _pids(lines, waits=True)]


def rows(top: Path) -> list[LockRow]:
    """Every lock of the environment at `top` that is held or waited for now, by path."""
    private = top / PRIVATE
    directory = private / "locks"
    locks = read_locks()
    sessions = live_sessions(private, locks)
    found = [_row(ENVIRONMENT, top / ENVIRONMENT, locks, sessions)]
    named = {path for session in sessions for state in session.states for path in _paths(state)} - {ENVIRONMENT, TOP}
    for path in named:
        found.append(_shared_row(path, locks.at(directory / lock_name(path)), sessions))
    explained = {lock_name(path) for path in named}
    with suppress(OSError):
        for file in os.listdir(directory):
            if file in explained:
                found.append(_unexplained_row(file, locks.at(directory / file), sessions))
            else:
                path = {TOP_FILE: TOP, TURNSTILE: TURNSTILE}.get(file, f"{PRIVATE}/locks/{file}")
                found.append(_row(path, directory / file, locks, sessions))
    found += _soft_rows(private)
    return sorted(row for row in found if row.holders or row.waiters)


def _soft_rows(private: Path) -> list[LockRow]:
    """The file-based lock that stands for all claims on a network file system (`soft`)."""
    if not os.path.exists(private / SOFT_LOCK):
        return []
    from .soft import present_holders

    return [LockRow(f"{PRIVATE}/{SOFT_LOCK}", tuple(Claimant(one, "X") for one in present_holders(private)), ())]


def _paths(state: "LockState") -> Iterator[str]:
    yield from state.held
    if state.wants:
        yield state.wants[0]


def _row(path: str, file: Path, locks: Locks, sessions: Sequence[LiveSession]) -> LockRow:
    """The row of a lock file that stands for one path only, or whose paths nobody names."""
    lines = locks.at(file)
    holders, waiters = [], []
    for pid in _pids(lines, waits=False):
        mode = next(line.mode for line in lines if line.pid == pid and not line.waits)
        holders += [claimant._replace(mode=mode) for claimant in _of_process(pid, path, sessions)]
    seen = {(claimant.holder.session, claimant.holder.wheel) for claimant in holders}
    # the system is authoritative; journals add processes in other containers, and waiters at a gate
    for session in sessions:
        for state in session.states:
            if state.wants and state.wants[0] == path:
                waiters.append(Claimant(_of_session(session, state), state.wants[1], state.since))
            elif path in state.held and not session.pid and (session.session, state.wheel) not in seen:
                holders.append(Claimant(_of_session(session, state), state.held[path], state.since))
    if not holders and (found := tried(file)):
        holders.append(Claimant(Holder(state=_reason(locks)), found))
    named = {claimant.holder.pid for claimant in waiters}
    waiters += [
        Claimant(_process(line.pid, sessions), line.mode) for line in lines if line.waits and line.pid not in named
    ]
    return LockRow(path, tuple(holders), tuple(waiters))


def _shared_row(path: str, lines: Sequence[LockLine], sessions: Sequence[LiveSession]) -> LockRow:
    """The row of a path that may share its lock file: only what journals say of just this path."""
    pids = {line.pid for line in lines if not line.waits}
    holders, waiters = [], []
    for session in sessions:
        for state in session.states:
            if state.wants and state.wants[0] == path:
                waiters.append(Claimant(_of_session(session, state), state.wants[1], state.since))
            elif path in state.held and (not session.pid or session.pid in pids):
                holders.append(Claimant(_of_session(session, state), state.held[path], state.since))
    return LockRow(path, tuple(holders), tuple(waiters))


def _unexplained_row(file: str, lines: Sequence[LockLine], sessions: Sequence[LiveSession]) -> LockRow:
    """The row of a lock file itself: those at it of whom no journal says for which path."""
    known = {
        session.pid
        for session in sessions
        for state in session.states
        for path in _paths(state)
        if lock_name(path) == file
    }
    strangers = {line.pid: line for line in lines if line.pid not in known}.values()
    at = [(Claimant(_process(line.pid, sessions), line.mode), line.waits) for line in strangers]
    return LockRow(
        f"{PRIVATE}/locks/{file}", *(tuple(one for one, waits in at if waits == side) for side in (False, True))
    )


def _pids(lines: Iterable[LockLine], waits: bool) -> list[int]:
    return list(dict.fromkeys(line.pid for line in lines if line.waits == waits))


def _of_process(pid: int, path: str, sessions: Sequence[LiveSession]) -> list[Claimant]:
    """The wheels of that process that hold `path`, else the process."""
    found = [
        Claimant(_of_session(session, state), held, state.since)
        for session in sessions
        if session.pid == pid
        for state, held in session.holding(path)
    ]
    return found or [Claimant(_process(pid, sessions), "IX")]


def _holding(session: LiveSession, path: str, mode: Mode) -> "list[LockState]":
    """The states that hold `path` in a mode that excludes `mode`."""
    return [state for state, held in session.holding(path) if not COMPATIBLE[mode, held]]


def _beside(pid: int, path: str, mode: Mode, sessions: Sequence[LiveSession]) -> list[Holder]:
    """The wheels of that process that hold another path which has the same lock file as `path`, by chance."""
    found = []
    for session in (one for one in sessions if one.pid == pid):
        for state, other, held in session.beside(path):
            if not COMPATIBLE[mode, held]:
                holder = _of_session(session, state)
                chance = f"whose claim on {other} shares a lock file with this one by chance"
                found.append(holder._replace(state=f"{holder.state}, {chance}" if holder.state else chance))
    return found


def _in_the_way(session: LiveSession, path: str, mode: Mode, own: str) -> "list[LockState]":
    """The states that exclude `mode`, or stand in the gate before it, according to the session's own journal."""
    held = _holding(session, path, mode)
    if held or session.session == own:
        return held
    return [state for state in session.states if state.wants and state.wants[0] == path]


def _of_session(session: LiveSession, state: "LockState") -> Holder:
    if not session.pid:
        place = "in another container or on another machine"
        return Holder(state.wheel, session.session, 0, session.command, place, session.began)
    return session_process(session, state.wheel)


def session_process(session: LiveSession, wheel: str) -> Holder:
    """The process of a session, which commits `wheel`, or is at some other part of its work if that is ""."""
    life = life_of(session.pid)
    state = life.state if life.state in ("stopped", "traced") else "" if wheel else session.doing
    return Holder(wheel, session.session, session.pid, command_of(session.pid), state, life.began)


def _process(pid: int, sessions: Sequence[LiveSession] = ()) -> Holder:
    """A process as a holder, with its session if it is one."""
    own = [session for session in sessions if session.pid == pid]
    if len(own) == 1:
        return session_process(own[0], "")
    return Holder("", "", pid, command_of(pid), *life_of(pid))


def _reason(locks: Locks) -> str:
    """Why no holder is named."""
    if not locks.known:
        return "not known: this system does not say who holds a lock"
    return "not known: in another container, on another machine, or gone by now"
