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

from contextlib import suppress
from pathlib import Path

from instui_engine.errors import TargetError, printable, reason
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import RecoveryFinished, RecoveryStarted, Warned
from instui_engine.locks import layout
from instui_engine.locks.backend import claim_locks, without_volumes
from instui_engine.locks.claims import Claims
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.protocol import ClaimLocks
from instui_engine.locks.reported import reported_wait
from instui_engine.session.context import Context
from instui_engine.session.session import alive, dead_stages, journal_path, stage_of, tidy_volumes
from instui_engine.target.environment import Environment

from . import writeahead
from .settlement import Settlement, forget, progress
from .transaction import Transaction, volumes_of
from .whole import kept_beside
from .writeahead import NewerRecordError, Written


class Unsettled(Exception):
    """The granted claims meet those of a dead session's unfinished transaction, which has this record."""

    def __init__(self, written: Written) -> None:
        super().__init__(written.record.name)
        self.written = written


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
            enter_layout(context, environment, files)
            for path in records:
                with lock.shared():
                    try:
                        for written in _read(path):
                            settle(context, environment, files, written)
                    except NewerVersionNeeded as newer:
                        context.emit(Warned(newer.envelope.name, newer.text))
                    except VolumeMissingError as missing:
                        context.emit(Warned(missing.name, str(missing)))
            for path in records:  # some may be left: who had settled the last section was killed, for example
                with suppress(NewerRecordError):
                    if over := writeahead.is_over(path):
                        _close(context, environment, over)
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


def enter_layout(context: Context, environment: Environment, files: ClaimLocks) -> None:
    """`layout.enter`, with events about the wait for sessions of an older version. Raises as that."""
    with reported_wait(context, "older") as announce:
        layout.enter(
            environment.private,
            lambda number: without_volumes(files),
            lambda path, mode, holders: announce(path, holders),
            context.stopping,
        )


def check_settled(environment: Environment, claims: Claims, session: str) -> None:
    """Raise Unsettled if a dead session left a record whose claims meet `claims`, which the caller holds.

    A live session holds the claims of its record until the record is gone. The caller was granted claims that meet
    them, so the session is dead. Raises NewerVersionNeeded if only a newer version can settle the record.
    """
    for path in writeahead.pending(environment.top, but=session):
        try:
            found = writeahead.written_in(path)
        except NewerRecordError as error:
            if writeahead.meet(error.envelope.claims, claims):
                raise NewerVersionNeeded(path, error) from error
            continue
        except ValueError as error:
            if alive(journal_path(environment, writeahead.session_of(path.name))):
                continue
            raise _damaged(path, error) from error
        for written in found:
            if writeahead.meet(written.transaction.claims, claims):
                raise Unsettled(written)


def settle(context: Context, environment: Environment, files: ClaimLocks, written: Written) -> None:
    """Settle one transaction under its claims, unless that is done by then. The caller holds the environment's lock."""
    transaction, path = written.transaction, written.record
    with reported_wait(context, "recovery", transaction.name) as announce:
        held = files.acquire(
            transaction.claims, lambda claim, mode, holders: announce(claim, holders), context.stopping
        )
    try:
        layout.check(environment.private, under_claims=True)
        if not writeahead.is_there(written):
            return  # another session was quicker
        _check_volumes(environment, path, transaction)
        finished: RecoveryFinished | None = None
        try:
            with DirfdTree(environment.top, context.options.fsync, environment.volumes.links) as tree:
                if not written.is_section or _is_in_hand(context, environment, tree, transaction):
                    written, finished = _settle_in_hand(context, environment, tree, written)
            if writeahead.settled(written):
                _close(context, environment, written)
            if volumes_of(transaction):  # before their stages go, without which the record could not be settled
                context.sync("environment", environment.top)
        except OSError as error:
            raise TargetError(
                f"{printable(transaction.owner)}, which a session that was killed had begun, cannot be settled "
                f"({reason(error)}); mend that and run again: nothing is listed that is not whole",
                path=str(path),
            ) from error
        if finished is not None:
            context.emit(finished)
    finally:
        files.release(held)


def _is_in_hand(context: Context, environment: Environment, tree: DirfdTree, transaction: Transaction) -> bool:
    """Whether a section of a group was begun and not finished. One that was not begun is forgotten. Raises OSError."""
    how_far = progress(tree, transaction)
    if how_far == "none":
        forget(tree, transaction)
    elif how_far == "all":  # but for what comes after the last step
        for path in Settlement(context, environment, tree, transaction).give_back():
            context.emit(Warned(transaction.name, kept_beside(path)))
    return how_far == "some"


def _settle_in_hand(
    context: Context, environment: Environment, tree: DirfdTree, written: Written
) -> tuple[Written, RecoveryFinished]:
    """Settle what a session had in hand; return it with its present record, and what came of it."""
    transaction = written.transaction
    about = (transaction.name, transaction.version, transaction.session)
    context.emit(RecoveryStarted(*about))
    written, outcome, left = Settlement(context, environment, tree, transaction).settle(written)
    context.sync("environment", *(environment.top / volume for volume in ("", *volumes_of(transaction))))
    return written, RecoveryFinished(*about, outcome, sorted(set(left)))


def _close(context: Context, environment: Environment, written: Written) -> None:
    """Remove the record of a group of which that is a section, and all are settled."""
    context.sync("environment", environment.top)  # what the dead session had finished, too
    writeahead.close(written)


def _check_volumes(environment: Environment, record: Path, transaction: Transaction) -> None:
    """Raise VolumeMissingError if a volume is not mounted, or another one is: its files are in no state of the record.

    What a session had begun in a volume can be told by its stage there, which stays as long as the record.
    """
    for volume in volumes_of(transaction):
        if not (environment.top / stage_of(volume, transaction.session)).is_dir():
            raise VolumeMissingError(record, transaction, environment.top / volume)


def _read(path: Path) -> list[Written]:
    try:
        return writeahead.written_in(path)
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
