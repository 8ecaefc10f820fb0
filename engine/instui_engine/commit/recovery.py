"""Recovery: settles, by its write-ahead record, what a session had begun when it died in a commit.

The transaction is completed if the stage is whole and nobody else has touched the paths of the remaining steps;
otherwise it is undone. Each step is judged by what is at its path now, and a path is touched only if it is in the state
before or after the step. So recovery may itself be killed and started again. What somebody else has changed is left
alone and reported.

If another installer has installed the distribution since, neither is right. Then the transaction is *withdrawn*: its
files are removed, and files of others that it had replaced come back.

Recovery holds the claims of the record. It runs at the start of every command that writes, and whenever a commit is
granted claims that meet those of a record.
"""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from instui_engine.errors import TargetError, printable, reason
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import join, name_of, parent_of
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import Holder, RecoveryFinished, RecoveryStarted, Warned
from instui_engine.locks import layout
from instui_engine.locks.backend import claim_locks, without_volumes
from instui_engine.locks.claims import Claims, Mode
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.phrases import describe
from instui_engine.locks.protocol import ClaimLocks, OnClaimWait
from instui_engine.plan.removal import is_vital
from instui_engine.session.context import Context
from instui_engine.session.session import alive, dead_stages, journal_path, stage_of, tidy_volumes
from instui_engine.target.bytecode import Bytecode, module_of
from instui_engine.target.environment import Environment
from instui_engine.target.installed import recorded_hashes, scan

from . import writeahead
from .backups import is_backup
from .transaction import Step, Transaction, parents_of, state, take, undo, volumes_of
from .writeahead import NewerRecordError


class Unsettled(Exception):
    """The granted claims meet those of a dead session's unfinished transaction, which has this record."""

    def __init__(self, record: Path) -> None:
        super().__init__(record.name)
        self.record = record


class NewerVersionNeeded(TargetError):
    """An unfinished transaction of a newer version is in the way; this version cannot settle it."""

    def __init__(self, record: Path, error: NewerRecordError) -> None:
        self.envelope = error.envelope
        self.text = (
            f"a session of a newer version of instui was killed while it changed {printable(error.envelope.owner)}; "
            "settle that with the newer version: run `instui doctor --repair` of it"
        )
        super().__init__(self.text)


class VolumeMissingError(TargetError):
    """An unfinished transaction has changed a volume that is not there now, so it cannot be settled."""

    def __init__(self, record: Path, transaction: Transaction, place: Path) -> None:
        self.name = transaction.name
        super().__init__(
            f"a session was killed while it changed {printable(transaction.owner)}, and {printable(str(place))} does "
            f"not have what it had begun there: mount what was there, or remove {printable(str(record))} and reinstall",
            path=str(place),
        )


def recover(context: Context, environment: Environment, session: str) -> bool:
    """Settle the records of all dead sessions and remove their stages; return whether there were records.

    `session` is the id of the session that does so.

    A record of a newer version is left to that version, with a warning. Raises LockTimeoutError, Interrupted, and
    TargetError if a record cannot be settled or the environment has the layout of a newer version.
    """
    layout.check(environment.private)
    records = [
        path
        for path in writeahead.pending(environment.top, but=session)
        if not alive(journal_path(environment, writeahead.session_of(path.name)))
    ]
    if records:
        lock = EnvironmentLock(environment.lock_path, context)
        try:
            files = claim_locks(context, environment)
            layout.enter(
                environment.private, lambda number: without_volumes(files), on_older(context), context.stopping
            )
            for path in records:
                with lock.shared():
                    try:
                        settle(context, environment, files, path)
                    except NewerVersionNeeded as newer:
                        context.emit(Warned(newer.envelope.name, newer.text))
                    except VolumeMissingError as missing:
                        context.emit(Warned(missing.name, str(missing)))
        finally:
            lock.close()
    writeahead.clear(environment.top, lambda identity: alive(journal_path(environment, identity)))
    stages = dead_stages(environment, but=session)  # before the records: a session that dies later may leave one
    unsettled = {writeahead.session_of(path.name) for path in writeahead.pending(environment.top)}
    for stage in stages:
        if stage.name not in unsettled:
            remove_tree(stage)
    tidy_volumes(environment)
    return bool(records)


def on_older(context: Context) -> OnClaimWait:
    """The callback that reports a wait for sessions of an older version, before this layout can be used."""

    def on_wait(path: str, mode: Mode, holders: list[Holder]) -> None:
        text = f"waits for the sessions of an older version of instui, {describe(holders)}, to let this one in"
        context.emit(Warned("", text))

    return on_wait


def check_settled(environment: Environment, claims: Claims, session: str) -> None:
    """Raise Unsettled if a dead session left a record whose claims meet `claims`, which the caller holds.

    A live session holds the claims of its record until the record is gone. The caller was granted claims that meet
    them, so the session is dead. Raises NewerVersionNeeded if only a newer version can settle the record.
    """
    for path in writeahead.pending(environment.top, but=session):
        try:
            transaction = writeahead.read(path)
        except NewerRecordError as error:
            if writeahead.meet(error.envelope.claims, claims):
                raise NewerVersionNeeded(path, error) from error
            continue
        except ValueError as error:
            if alive(journal_path(environment, writeahead.session_of(path.name))):
                continue
            raise _damaged(path, error) from error
        if transaction is not None and writeahead.meet(transaction.claims, claims):
            raise Unsettled(path)


def settle(context: Context, environment: Environment, files: ClaimLocks, path: Path) -> None:
    """Settle one record under its claims, unless it is gone by then. The caller holds the environment's lock."""
    transaction = _read(path)
    if transaction is None:
        return

    name = transaction.name

    def on_wait(claim: str, mode: Mode, holders: list[Holder]) -> None:
        from instui_engine.locks.phrases import describe

        context.emit(Warned(name, f"recovery waits for {printable(claim)} ({mode}), held by {describe(holders)}"))

    held = files.acquire(transaction.claims, on_wait, context.stopping)
    try:
        layout.check(environment.private, under_claims=True)
        transaction = _read(path)
        if transaction is None:
            return  # another session was quicker
        _check_volumes(environment, path, transaction)
        context.emit(RecoveryStarted(transaction.name, transaction.version, transaction.session))
        try:
            with DirfdTree(environment.top, context.options.fsync, environment.volumes.links) as tree:
                path, outcome, left = _Recovery(context, environment, tree, transaction).settle(path)
            context.sync("environment", *(environment.top / volume for volume in ("", *volumes_of(transaction))))
            writeahead.remove(path)
            if volumes_of(transaction):  # before their stages go, without which the record could not be settled
                context.sync("environment", environment.top)
        except OSError as error:
            raise TargetError(
                f"{printable(transaction.owner)}, which a session that was killed had begun, cannot be settled "
                f"({reason(error)}); mend that and run again: nothing is listed that is not whole",
                path=str(path),
            ) from error
        context.emit(
            RecoveryFinished(transaction.name, transaction.version, transaction.session, outcome, sorted(set(left)))
        )
    finally:
        files.release(held)


def _check_volumes(environment: Environment, record: Path, transaction: Transaction) -> None:
    """Raise VolumeMissingError if a volume is not mounted, or another one is: its files are in no state of the record.

    What a session had begun in a volume can be told by its stage there, which stays as long as the record.
    """
    for volume in volumes_of(transaction):
        if not (environment.top / stage_of(volume, transaction.session)).is_dir():
            raise VolumeMissingError(record, transaction, environment.top / volume)


def _read(path: Path) -> Transaction | None:
    try:
        return writeahead.read(path)
    except NewerRecordError as error:
        raise NewerVersionNeeded(path, error) from error
    except ValueError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: ValueError) -> TargetError:
    return TargetError(
        f"the record {printable(str(path))} of a session that was killed cannot be read ({printable(str(error))}); "
        "`instui doctor` shows what is not whole; remove the record and reinstall that",
        path=str(path),
    )


def put_back(
    context: Context, environment: Environment, tree: DirfdTree, transaction: Transaction
) -> Callable[[Step], None]:
    """The function with which `transaction.undo` removes a directory into which others may have written since."""
    return _Recovery(context, environment, tree, transaction)._take_out


class _Recovery:
    def __init__(self, context: Context, environment: Environment, tree: DirfdTree, transaction: Transaction) -> None:
        self._context = context
        self._environment = environment
        self._tree = tree
        self._transaction = transaction
        self._listed: Mapping[str, list[str]] = {}
        self._left: list[str] = []

    def settle(self, record: Path) -> tuple[Path, str, list[str]]:
        """Settle it; return the record's present path, the outcome, and the paths that others have changed since."""
        way = writeahead.way_of(record)
        if way is None and self._is_superseded():
            way = "withdraw"
        elif way is None and not self._can_go_on():
            way = "undo"
        if way is not None:
            record = writeahead.decide(record, way)
        return record, *self._go(way)

    def _go(self, way: writeahead.Way | None) -> tuple[str, list[str]]:
        for directory in parents_of(self._transaction):
            self._tree.make_directories(directory)
        if way == "withdraw":
            self._listed = scan(self._environment).owners()
            self._left += undo(
                self._tree,
                self._transaction,
                restores=self._still_wanted,
                put_back=self._take_out,
                skips=self._is_theirs,
            )
            self._sweep(self._ours())
            for step in self._transaction.steps:
                if step.path == self._transaction.replaces and step.action == "retire":
                    root = parent_of(step.path)
                    self._sweep(recorded_hashes(self._environment, step.saved, root))
            return "withdrawn", self._left
        if way is None:
            for step in self._transaction.steps:
                if state(self._tree, step) == "before":
                    if self._context.slow_motion.factor:
                        self._context.slow_motion.step(lambda: False, weight=8.0)
                    take(self._tree, step)
            return "completed", self._left
        self._left = undo(self._tree, self._transaction, put_back=self._take_out)
        return "undone", self._left

    def _is_superseded(self) -> bool:
        """Whether another installer has installed it since: a `.dist-info` is listed that no step of ours knows."""
        transaction, installed = self._transaction, scan(self._environment)
        known = {
            (step.path, fingerprint.inode)
            for step in transaction.steps
            for fingerprint in (step.old, step.new)
            if fingerprint
        }
        present = installed.get(transaction.name)
        if present is None:
            return False
        return any(
            (distribution.info, distribution.fingerprint[0]) not in known
            for distribution in (present, *installed.duplicates(transaction.name))
        )

    def _can_go_on(self) -> bool:
        """Whether all remaining steps can be taken as planned."""
        makes_room = set()  # paths where something is still to be retired before something else is placed there
        placed = {step.path: step.new for step in self._transaction.steps if step.action == "place"}
        for step in self._transaction.steps:
            found = state(self._tree, step)
            if step.action == "retire" and found == "before":
                makes_room.add(step.path)
            elif step.path in makes_room and step.action == "place" and self._tree.fingerprint(step.staged) is not None:
                continue
            if found != "else" or (
                step.action == "retire" and placed.get(step.path) == self._tree.fingerprint(step.path)
            ):
                continue
            done = step.action in ("place", "replace") and self._tree.fingerprint(step.staged) is None
            done = done and not self._is_old(step)
            if step.action == "retire" or (done and self._tree.fingerprint(step.path) is not None):
                self._left.append(step.path)  # theirs now
                continue
            self._left.clear()
            return False
        return True

    def _is_old(self, step: Step) -> bool:
        """Whether the file that a step was to replace is still there, or is back."""
        there = self._tree.fingerprint(step.path)
        return there is not None and step.old is not None and there[1:] == step.old[1:]

    # -- if another installer has installed the distribution since

    def _still_wanted(self, step: Step) -> bool:
        """Whether a replaced file is to come back: if it has another owner, but not if it is of the old version."""
        return is_backup(step.saved) and not is_backup(step.path)

    def _sweep(self, rows: Mapping[str, str]) -> None:
        """Remove the files of a version that is no longer listed, unless others own or have changed them."""
        directories = set()
        bytecode = Bytecode(self._environment)
        for path, recorded in rows.items():
            if self._environment.key(path) in self._listed or is_vital(self._environment, path):
                continue
            if recorded and recorded == self._digest(path):
                for compiled in bytecode.of(path):
                    self._tree.remove(compiled)
                    directories.add(parent_of(compiled))
                self._tree.remove(path)
                directories.add(parent_of(path))
        for directory in sorted(directories, key=lambda path: -path.count("/")):
            while self._environment.key(directory) not in self._environment.neutral:
                if not self._tree.remove_if_empty(directory):
                    break
                directory = parent_of(directory)

    def _is_theirs(self, step: Step) -> bool:
        """Whether a distribution lists a file that a step placed; if so, it stays."""
        directory = step.new is not None and step.new.is_directory
        brought = step.action in ("place", "replace") and not directory
        return brought and self._environment.key(step.path) in self._listed and not self._still_wanted(step)

    def _take_out(self, step: Step) -> None:
        """Remove a directory that a step placed, except for what others have put into it since."""
        ours = self._ours()
        files = self._files(step.path)
        own = [path for path in files if _is_ours(path, ours) and self._environment.key(path) not in self._listed]
        if own == files:
            self._tree.rename(step.path, step.staged)
            return
        for path in own:
            if path in ours and ours[path] and ours[path] != self._digest(path):
                self._left.append(path)
            else:
                self._tree.remove(path)
        for directory in self._directories(step.path):
            self._tree.remove_if_empty(directory)

    def _ours(self) -> Mapping[str, str]:
        """The files of the new version, by its RECORD, which lies in the stage until the last step."""
        transaction = self._transaction
        root = parent_of(transaction.info)
        staged = recorded_hashes(self._environment, transaction.staged_info, root)
        return staged or recorded_hashes(self._environment, transaction.info)

    def _digest(self, path: str) -> str:
        digest = self._tree.digest(path, "sha256")
        return f"sha256={digest}" if digest else ""

    def _files(self, top: str) -> list[str]:
        return [path for path, is_directory in self._walk(top) if not is_directory]

    def _directories(self, top: str) -> list[str]:
        """All directories, deepest first."""
        found = [path for path, is_directory in self._walk(top) if is_directory]
        return [*sorted(found, key=lambda path: -path.count("/")), top]

    def _walk(self, top: str) -> list[tuple[str, bool]]:
        found = []
        stack = [top]
        while stack:
            directory = stack.pop()
            for name in self._tree.names(directory):
                path = f"{directory}/{name}"
                status = self._tree.status(path)
                if status is None:
                    continue
                is_directory = stat.S_ISDIR(status.st_mode)
                found.append((path, is_directory))
                if is_directory:
                    stack.append(path)
        return found


def _is_ours(path: str, ours: Mapping[str, str]) -> bool:
    """Whether RECORD lists the file or, for byte code, its module."""
    if path in ours:
        return True
    directory = parent_of(path)
    module = join(parent_of(directory), f"{module_of(name_of(path))}.py")
    return name_of(directory) == "__pycache__" and module in ours
