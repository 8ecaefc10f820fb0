"""The write-ahead record: what a session is about to do to one distribution, on the disk before its first rename.

    <top>/.instui/records/<session>.<order>.json <top>/.instui/records/<session>.<order>.undo.json being undone; or
    `.withdraw.json`, see `recovery`

The record exists from before the first rename until after the last. While it exists, its session either holds the
claims that it names or is dead. So a session that is granted one of these claims and finds the record knows that the
other session is dead, and settles the record (`recovery`). Unlike a line of the journal, a record that cannot be
written stops the commit.

A record names its format. All earlier formats can be read. Of a later format only the fields of `Envelope` are read,
which are the same in every format. So a record of a newer version blocks only commits whose claims meet its own.
"""

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from instui_engine.fs.dirfd import DirfdTree, Fingerprint
from instui_engine.fs.durability import sync_file
from instui_engine.fs.files import read_regular, write_all
from instui_engine.fs.paths import above
from instui_engine.locks.claims import Claims
from instui_engine.target.environment import PRIVATE
from instui_engine.values import NamedTuple

from .transaction import Action, Step, Transaction, parents_of

RECORDS = f"{PRIVATE}/records"
FORMAT = 1
Way = Literal["undo", "withdraw"]


class Envelope(NamedTuple):
    """The part of a record that is the same in every format: which distribution is changed, and under which claims."""

    name: str
    version: str
    claims: Claims

    @property
    def owner(self) -> str:
        """The distribution as the journal names an owner."""
        return f"{self.name} {self.version}"


class NewerRecordError(ValueError):
    """A record was written by a newer version of this program; only that version can settle it."""

    def __init__(self, format: int, envelope: Envelope) -> None:
        super().__init__(f"written by a newer version of instui (format {format}, this one knows {FORMAT})")
        self.envelope = envelope


def write(top: Path, tree: DirfdTree, transaction: Transaction, fsync: bool) -> Path:
    """Write the record; with `fsync` it is on the disk afterwards. Raises OSError, with nothing changed."""
    for directory in parents_of(transaction):
        tree.make_directories(directory)
    path = top / _name(transaction)
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, _encode(transaction))
            if fsync:
                sync_file(descriptor)
        finally:
            os.close(descriptor)
        os.rename(new, path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
    return path


def decide(record: Path, way: Way) -> Path:
    """Decide for good that the transaction is undone or withdrawn, not completed. Raises OSError.

    Returns the record under its new name, which binds whoever finds it later to the same decision.
    """
    if way_of(record) == way:
        return record
    decided = record.with_name(f"{record.name.removesuffix('.json')}.{way}.json")
    record.rename(decided)
    return decided


def way_of(record: Path) -> Way | None:
    """The decision about a record; None if there is none yet."""
    ways: tuple[Way, ...] = get_args(Way)
    return next((way for way in ways if record.name.endswith(f".{way}.json")), None)


def remove(record: Path) -> None:
    """Remove the record of a transaction that is over. Raises OSError."""
    record.unlink(missing_ok=True)


def pending(top: Path, but: str = "") -> list[Path]:
    """The paths of all records in the environment, except those of session `but`."""
    try:
        names = os.listdir(top / RECORDS)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [top / RECORDS / name for name in sorted(names) if name.endswith(".json") and session_of(name) != but]


def clear(top: Path, alive: Callable[[str], bool]) -> None:
    """Remove records that dead sessions had not finished writing. Those transactions had not begun."""
    with suppress(OSError):
        for name in os.listdir(top / RECORDS):
            if name.endswith(".new") and not alive(session_of(name)):
                (top / RECORDS / name).unlink(missing_ok=True)


def session_of(name: str) -> str:
    """The id of the session whose record has that file name."""
    return name.partition(".")[0]


def read(path: Path) -> Transaction | None:
    """The transaction of a record; None if the record is gone.

    Raises NewerRecordError for a later format, and ValueError for a record that cannot be understood at all.
    """
    try:
        text = read_regular(path)
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(text)
        number = fields.pop("format")
        fields["claims"] = Claims(*(tuple(paths) for paths in fields["claims"]))
        if number > FORMAT:
            raise NewerRecordError(number, Envelope(*(fields[name] for name in Envelope._fields)))
        fields["steps"] = tuple(_step(step) for step in fields["steps"])
        transaction = Transaction(**fields)
        _check(transaction, path)
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("it is damaged") from error
    return transaction


def _check(transaction: Transaction, record: Path) -> None:
    """Raise ValueError for a record that this program would never have written."""
    if not record.name.startswith(f"{transaction.session}.{transaction.order}."):
        raise ValueError("its name is not that of its session")
    paths = [transaction.replaces, transaction.info, transaction.staged_info, transaction.saved]
    for step in transaction.steps:
        if step.action not in get_args(Action) or not step.path:
            raise ValueError(f"an unknown step: {step.action}")
        paths += [step.path, step.staged, step.saved]
    for path in filter(None, [*paths, *transaction.claims.exclusive]):
        if path.startswith("/") or not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise ValueError(f"a path that leaves the environment: {path}")


def meet(one: Claims, other: Claims) -> bool:
    """Whether two claim sets exclude each other: one of them claims a path at or above a path of the other."""
    mine, theirs = one.exclusive, other.exclusive
    return _cover(mine, theirs) or _cover(theirs, mine)


def _cover(exclusive: Iterable[str], others: Iterable[str]) -> bool:
    paths = set(exclusive)
    return any(path in paths or not paths.isdisjoint(above(path)) for path in others)


def _name(transaction: Transaction) -> str:
    return f"{RECORDS}/{transaction.session}.{transaction.order}.json"


def _encode(transaction: Transaction) -> bytes:
    return json.dumps({"format": FORMAT, **transaction._asdict()}, separators=(",", ":")).encode("ascii")


def _step(fields: list[object]) -> Step:
    action, path, staged, saved, old, new = fields
    return Step(action, path, staged, saved, _fingerprint(old), _fingerprint(new))  # type: ignore[arg-type]


def _fingerprint(fields: object) -> Fingerprint | None:
    return Fingerprint(*fields) if isinstance(fields, list) else None
