"""Repair: settles dead sessions, removes ghosts, reinstalls damaged distributions and removes leftovers.

While something is removed, this process holds the environment's lock exclusively: no session commits, and uv waits.
(pip takes no lock.) Whatever is removed is checked once more and renamed away first, so no reader sees half of it. A
reinstall is an ordinary install, from the store if the store has the wheel.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from instui_engine.commands.command import Outcome, Recording, Work, perform
from instui_engine.commands.install import install
from instui_engine.errors import (
    BadWheelError,
    InstuiError,
    Interrupted,
    LockTimeoutError,
    UnreachableIndexError,
    printable,
    reason,
)
from instui_engine.fs.flock import LocksMissingError, is_at, open_and_try, take_exclusive
from instui_engine.fs.paths import name_of, parent_of
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.codec import decode
from instui_engine.journal.events import EnvironmentWaiting, LockWaiting, RecoveryFinished, WaitStarted
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.session import alive, journal_path, new_id, stage_of, tidy_volumes
from instui_engine.target.listing import Listing, read
from instui_engine.target.network import BACKEND, soft_reason
from instui_engine.values import NamedTuple

from .diagnosis import Diagnosis, diagnose
from .leftovers import DeadSession, dead_sessions
from .reinstall_source import source


class RepairResult(NamedTuple):
    """One thing that was mended, or could not be if `ok` is false. `subject` is a distribution or a path."""

    subject: str
    text: str
    ok: bool


OnWait = Callable[[str], None]
"""Called once for each lock that is waited for, with what it is and who holds it."""


def repair(
    diagnosis: Diagnosis,
    request: Request | None = None,
    options: Options | None = None,
    control: Control | None = None,
    on_result: Callable[[RepairResult], None] = lambda result: None,
    command: Sequence[str] = (),
    on_wait: OnWait = lambda text: None,
) -> None:
    """Mend what can be mended. `on_result` is called for each thing; diagnose again to see what is left.

    Of `request`, only the places where wheels may be found are used. `command` is the command line that the journals of
    the installs give. `on_wait` is called for each lock that is not free.

    Raises Interrupted, LockTimeoutError and TargetError; each distribution is then whole or as it was.
    """
    request, options, control = request or Request(), options or Options(), control or Control()
    _Repair(diagnosis, request, options, control, on_result, tuple(command), on_wait).run()


class _Settlement(Work):
    """The work of a session that only settles what dead sessions had begun, as every session does at its start."""

    @property
    def done(self) -> list[str]:
        return []

    def run(self) -> None:
        return


class _Repair:
    def __init__(
        self,
        diagnosis: Diagnosis,
        request: Request,
        options: Options,
        control: Control,
        on_result: Callable[[RepairResult], None],
        command: tuple[str, ...],
        on_wait: OnWait,
    ) -> None:
        self._diagnosis = diagnosis
        self._environment = diagnosis.environment
        self._request = request
        self._options = options
        self._control = control
        self._on_result = on_result
        self._recording = Recording((self._listen,), command)
        self._on_wait = on_wait
        self._why = ""  # the last request could not be met
        self._unreachable = False
        self._settled: dict[str, list[str]] = {}  # session -> what became of what it had in hand

    def run(self) -> None:
        unsettled = [session for session in self._diagnosis.sessions if session.unsettled]
        if unsettled:
            self._settle(unsettled)
            # settling them may have mended other findings, too
            self._diagnosis = diagnose(self._environment, self._options, self._control)
        if self._diagnosis.ghosts:
            with self._alone():
                self._remove([one.distribution.info for one in self._diagnosis.ghosts], self._is_ghost)
        self._reinstall()
        abandoned = [session for session in self._diagnosis.sessions if not session.unsettled]
        if self._diagnosis.leftovers or abandoned:
            with self._alone():
                self._remove(self._diagnosis.leftovers, lambda path: True)
                self._remove([path for session in abandoned for path in session.paths], self._is_abandoned)

    # --- dead sessions

    def _settle(self, sessions: Sequence[DeadSession]) -> None:
        # within a session, as others must see that somebody is at work here
        outcome = perform(_Settlement, self._environment, self._options, self._control, self._recording)
        if isinstance(outcome.failure, Interrupted | LockTimeoutError):
            raise outcome.failure
        error = printable(outcome.error)
        for session in sessions:
            # a settled session has nothing left in hand
            gone = session.identity not in {one.identity for one in dead_sessions(self._environment) if one.unsettled}
            became = ", ".join(self._settled.get(session.identity, ()))
            text = f"is settled{became and f': {became}'}"
            if error or not gone:
                text = f"is not settled: {error or 'its record is still there'}"
            self._on_result(RepairResult(f"session {session.identity}", text, gone and not error))

    # --- what is removed

    def _remove(self, paths: Iterable[str], still: Callable[[str], bool]) -> None:
        """Remove those of `paths` for which `still` holds: they are still what they were taken for."""
        environment = self._environment
        identity = new_id()
        for path in paths:
            bin_ = environment.top / stage_of(environment.volumes.of(path), identity)
            place = environment.top / path
            if not os.path.lexists(place) or not still(path):
                continue
            if not environment.volumes.is_real(parent_of(path)):  # the target of a link is not ours to remove
                self._on_result(RepairResult(path, "is not removed: a symbolic link leads there", False))
                continue
            try:
                bin_.mkdir(parents=True, exist_ok=True)
                away = bin_ / "removed"
                try:
                    place.rename(away)
                except OSError:  # on another file system, or in a lower layer of an overlay
                    away = place
                _remove_entry(away)
                ok = not os.path.lexists(place)
                self._on_result(RepairResult(path, "is removed" if ok else "could not be removed", ok))
            except OSError as error:
                self._on_result(RepairResult(path, f"could not be removed: {reason(error)}", False))
            with suppress(OSError):
                bin_.rmdir()
        for directory in (environment.private / "stage", environment.private):
            with suppress(OSError):
                directory.rmdir()
        tidy_volumes(environment)

    def _is_ghost(self, path: str) -> bool:
        ghost = next(one for one in self._diagnosis.ghosts if one.distribution.info == path)
        return read(self._environment, ghost.distribution).is_ghost

    def _is_abandoned(self, path: str) -> bool:
        return not alive(journal_path(self._environment, name_of(path)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the environment's lock exclusively. Raises LockTimeoutError, Interrupted and TargetError."""
        path = self._environment.lock_path
        try:
            while True:
                descriptor, free = open_and_try(path, shared=False)
                if not free:
                    self._wait(descriptor, path)
                if is_at(descriptor, path):
                    break
                os.close(descriptor)  # a session has removed it from a bare directory
        except LocksMissingError as error:
            if not soft_reason(self._environment.top):
                raise InstuiError(
                    f"cannot lock the environment: {reason(error)}; {BACKEND}=soft repairs it without that lock"
                ) from error
            yield  # the sessions take turns by files, and uv is not kept out by anything
            return
        except OSError as error:
            raise InstuiError(f"cannot lock the environment ({reason(error)})") from error
        try:
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int, path: Path) -> None:
        from instui_engine.locks.holders import holders_of
        from instui_engine.locks.phrases import describe
        from instui_engine.locks.wait import LockWait

        wait = LockWait(
            f"the environment's lock {printable(str(path))}",
            path,
            self._options.lock_timeout,
            holders=lambda: holders_of(path),
            on_wait=lambda holders: self._on_wait(f"the environment's lock, held by {describe(holders)}"),
            cancelled=self._control.cancelled,
        )
        try:
            wait.take(descriptor, take_exclusive)
        except Interrupted:
            self._control.check()  # it carries the exit code
            raise

    # --- what is installed again

    def _reinstall(self) -> None:
        """Reinstall all groups at once, offline if that is enough, else from the index; if that fails, one by one."""
        groups = [arguments for group in self._diagnosis.reinstalls if (arguments := self._arguments(group))]
        if not groups:
            return
        everything = _Arguments(
            tuple(argument for arguments in groups for argument in arguments.arguments),
            tuple(one for arguments in groups for one in arguments.listings),
        )
        chosen = self._possible(everything)
        alone = len(groups) == 1
        if (alone or chosen is not None) and self._install(everything, chosen, alone):
            return
        for arguments in groups:
            self._install(arguments, self._possible(arguments))

    def _arguments(self, group: Sequence[Listing]) -> "_Arguments | None":
        """What to ask for; None, with a result, if part of the group cannot be obtained again."""
        local = self._request.no_index and bool(self._request.find_links)
        arguments = []
        for listing in group:
            answer = source(listing, local)
            if not answer.argument:
                for one in group:
                    why = answer.refusal if one is listing else f"needs {listing.owner} too: {answer.refusal}"
                    self._on_result(RepairResult(one.owner, f"is not reinstalled: {why}", False))
                return None
            arguments.append(answer.argument)
        return _Arguments(tuple(arguments), tuple(group))

    def _possible(self, arguments: "_Arguments") -> Request | None:
        """The request that obtains `arguments`, offline if a dry run shows that to be enough; None if there is none."""
        asked = self._request._replace(
            arguments=arguments.arguments,
            requirement_files=(),
            constraint_files=(),
            pylock="",
            no_deps=True,
            reinstall=True,
            keep_requested=True,
        )
        trial = self._options.for_a_trial()
        for offline in (True,) if asked.offline or self._unreachable else (True, False):
            request = asked._replace(offline=offline)
            outcome = install(request, self._environment, trial, self._control, self._recording)
            self._check(outcome)
            if not outcome.error:
                return request
            self._why = outcome.error
            self._unreachable = isinstance(outcome.failure, UnreachableIndexError)  # that takes long: once is enough
        return None

    def _install(self, arguments: "_Arguments", request: Request | None, alone: bool = True) -> bool:
        """Install; False, with no result reported, if one bad wheel stopped it and it is not `alone`."""
        if request is None:
            for listing in arguments.listings:
                self._on_result(RepairResult(listing.owner, f"could not be reinstalled: {self._why}", False))
            return True
        outcome = install(request, self._environment, self._options, self._control, self._recording)
        final = outcome.failure is None or isinstance(outcome.failure, LockTimeoutError) or self._control.cancelled()
        if not final and request.offline and not self._request.offline:
            # planned from the store, but its files turned out to be changed too (hard links): they are fetched again
            request = request._replace(offline=False)
            outcome = install(request, self._environment, self._options, self._control, self._recording)
        if not alone and isinstance(outcome.failure, BadWheelError) and not outcome.installed:
            return False
        for listing in arguments.listings:
            ok = listing.distribution.name in outcome.installed
            text = "is reinstalled" if ok else f"could not be reinstalled: {outcome.error}"
            self._on_result(RepairResult(listing.owner, text, ok))
        self._check(outcome)
        return True

    def _listen(self, line: str) -> None:
        """Report the waits in the journal of a repairing session, except those of its own wheels for each other."""
        if "wait" not in line and "recovery.finished" not in line:
            return
        from instui_engine.locks.phrases import describe, waited_for

        decoded = decode(line)
        match decoded and decoded[1]:
            case RecoveryFinished(wheel=wheel, version=version, session=session, outcome=outcome):
                self._settled.setdefault(session, []).append(f"{printable(wheel)} {printable(version)} is {outcome}")
            case EnvironmentWaiting(holders=holders):
                self._on_wait(f"the environment's lock, held by {describe(holders)}")
            case LockWaiting(path=path, mode=mode, holders=holders) if any(one.pid != os.getpid() for one in holders):
                self._on_wait(f"{printable(path)} ({mode}), held by {describe(holders)}")
            case WaitStarted() as wait:
                self._on_wait(waited_for(wait))
            case _:
                pass

    def _check(self, outcome: Outcome) -> None:
        if self._control.cancelled():
            raise Interrupted(outcome.error or "interrupted", outcome.exit_code or self._control.exit_code)
        if isinstance(outcome.failure, LockTimeoutError):
            raise outcome.failure


class _Arguments(NamedTuple):
    """A group that is reinstalled together: the arguments for `install`, and the distributions."""

    arguments: tuple[str, ...]
    listings: tuple[Listing, ...]


def _remove_entry(path: Path) -> None:
    if path.is_symlink():
        path.unlink()  # its target is not ours
    else:
        remove_tree(path)
