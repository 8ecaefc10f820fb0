"""Claims where flock cannot be trusted (network file systems): one file-based lock for the whole environment.

filelock's `StrictSoftFileLock` at `.instui/environment.lock` relies on the atomic creation of links, which network file
systems guarantee between machines. A session holds it while it commits, and its wheels share it; other sessions poll
until they have it. It never expires: what a killed process left is removed only by a process on the same machine, which
can see that the owner is dead. If the owner is on another machine a person has to decide, and the error says so.

Where flock exists it is taken on the whole environment as well: sessions on this machine that use the usual lock files,
because only one of the two was told to use soft locks, are excluded so.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import SoftFileLockProtocolError as ProtocolError
from filelock import StrictSoftFileClaim, StrictSoftFileLock, Timeout

from instui_engine.errors import InstuiError, printable, reason
from instui_engine.fs.paths import TOP
from instui_engine.journal.events import Holder
from instui_engine.target.network import BACKEND, SOFT_LOCK

from .claims import Claims
from .coarse import CoarseLock
from .layout import WHOLE
from .live_sessions import live_sessions
from .proc_locks import command_of, life_of, read_locks
from .protocol import ClaimLocks, OnClaimWait
from .wait import LockWait

_POLL = 0.05  # seconds between attempts
_REST = 0.3  # seconds for which it is left to others, as they poll
_INITIAL_NAMESPACE = 0xEFFFFFFC  # inode of the pid namespace of the machine itself


class SoftClaims:
    """The whole environment as one claim, which the wheels of one process share. Thread-safe."""

    def __init__(self, private: Path, timeout: float, files: ClaimLocks | None = None) -> None:
        """`private` is the environment's `.instui`. `timeout` is in seconds.

        `files` are the usual locks, None where the file system has none.
        """
        private.mkdir(parents=True, exist_ok=True)
        self._private = private
        self._timeout = timeout
        self._files = files
        self._held: list[int] = []
        self._lock = StrictSoftFileLock(private / SOFT_LOCK, thread_local=False, mode=0o666)
        self._together = CoarseLock(_REST)

    def acquire(self, claims: Claims, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> list[int]:
        """Hold the whole environment, whatever the claims; see `ClaimLocks`."""
        self._together.enter(lambda: self._take(on_wait, cancelled))
        return []

    def release(self, held: list[int]) -> None:
        """Release a wheel's share; the last one releases the environment."""
        self._together.leave(self._let_go)

    def _let_go(self) -> None:
        if self._files is not None:
            self._files.release(self._held)
        self._lock.release()

    def _take(self, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> None:
        wait = LockWait(
            "the environment",
            self._private / SOFT_LOCK,
            self._timeout,
            holders=lambda: present_holders(self._private) or [Holder(state="not known: gone by now")],
            on_wait=lambda holders: on_wait(TOP, "X", list(holders)),
            cancelled=cancelled,
            advice=f"if that process is gone, remove {printable(str(self._private / SOFT_LOCK))}*",
        )
        wait.poll(self._try, _POLL)
        if self._files is not None:
            try:
                self._held = self._files.acquire(WHOLE, on_wait, cancelled)
            except BaseException:
                self._lock.release()
                raise

    def _try(self) -> bool:
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            self._break_dead()
            return False
        except ProtocolError as error:
            raise InstuiError(f"the lock of the environment is damaged: {printable(str(error))}") from error
        except OSError as error:
            raise InstuiError(
                f"cannot lock the environment by files ({reason(error)}); with {BACKEND}=flock the locks of this "
                "machine are used"
            ) from error
        return True

    def _break_dead(self) -> None:
        with suppress(ProtocolError):
            for claim in self._lock.claims:
                if _is_here(claim) and _is_dead(claim.pid):
                    with suppress(FileNotFoundError):
                        self._lock.force_break(claim.name)


def present_holders(private: Path) -> list[Holder]:
    """Who holds that environment, or is about to, as far as the journals can be read.

    These are the wheels that a session commits, or else the session itself.
    """
    lock = StrictSoftFileLock(private / SOFT_LOCK)
    found: dict[tuple[str, int], list[Holder]] = {}
    try:
        claims = lock.claims
    except ProtocolError:
        claims = ()
    sessions = live_sessions(private, read_locks())
    # the holder, else those who asked before us; our own claim blocks nobody
    held = [claim for claim in claims if claim.state == "held"] or [claim for claim in claims if not _is_own(claim)]
    for claim in held:
        if (claim.hostname, claim.pid) in found:
            continue
        here = _is_here(claim)
        session = next((one for one in sessions if f"-{claim.pid}-" in one.session), None)
        command = command_of(claim.pid) if here else session.command if session else ""
        state, began = life_of(claim.pid) if here else (f"on {printable(claim.hostname)}", 0.0)
        holder = Holder("", session.session if session else "", claim.pid, command, state, began)
        wheels = [state.wheel for state in session.states if state.wheel and not state.wants] if session else []
        found[claim.hostname, claim.pid] = [holder._replace(wheel=wheel) for wheel in wheels[:5]] or [holder]
    return [holder for group in found.values() for holder in group]


def _is_here(claim: StrictSoftFileClaim) -> bool:
    """Whether the owner, as filelock noted it, is a process of this machine, this boot and this pid namespace."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
        boot = int(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", ""), 16)
    except (OSError, ValueError):
        return False  # only Linux has pid namespaces to compare
    name = socket.gethostname()
    name = name if namespace == _INITIAL_NAMESPACE else f"{name}?pidns-{namespace:x}"
    return claim.hostname == name and claim.start is not None and claim.start >> 64 == boot


def _is_own(claim: StrictSoftFileClaim) -> bool:
    return claim.pid == os.getpid() and _is_here(claim)


def _is_dead(pid: int) -> bool:
    """Whether the process is certainly gone. A later process with the same pid counts as the same one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] == ["Z"]
