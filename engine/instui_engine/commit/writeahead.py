"""The write-ahead record: what a session is about to do, on the disk before its first rename.

    <top>/.instui/records/
        <session>.<order>.json           a record of one transaction
        <session>.<first>-<last>.json    the record of a group: a section for each transaction
        <session>.<order>.undo.json      one that is being undone; or `.withdraw.json`, see `recovery`
        <session>.<order>.done           the mark of a section that is settled

The record exists from before the first rename until after the last. While it exists, its session either holds the
claims that it names or is dead. So a session that is granted one of these claims and finds the record knows that the
other session is dead, and settles the record (`recovery`). Unlike a line of the journal, a record that cannot be
written stops the commit.

The sections of a group are settled one by one, each under its own claims and by whoever holds these. To undo or
withdraw a section, it is set apart: by a link to the group's record under the name of a single one, of which then only
that section counts. When a section is settled, such a link becomes its mark, or one is made. Both are entries of a
directory: they need no space, and a journaling file system keeps their order among the renames. When all sections are
settled, the group's record goes first, and then the marks. So whoever lists the marks before reading the record never
takes a section that is settled for one that is not.

A record names its format: 1 for one transaction, 2 for a group. All earlier formats can be read. Of a later format only
the fields of `Envelope` are read, which are the same in every format. So a record of a newer version blocks only
commits whose claims meet its own.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
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
FORMAT = 2
Way = Literal["undo", "withdraw"]
_WAYS: tuple[Way, ...] = get_args(Way)
_DAMAGE = (KeyError, IndexError, TypeError, AttributeError, RecursionError)


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


class Written(NamedTuple):
    """A transaction on the disk, and the record that has it. `orders`: of all sections, if that is a group's."""

    record: Path
    transaction: Transaction
    orders: tuple[int, ...] = ()

    @property
    def is_section(self) -> bool:
        """Whether it has no record of its own."""
        return _is_group(self.record)

    def beside(self, end: str) -> Path:
        """The file for this transaction alone with that end of its name."""
        return self.record.with_name(f"{self.transaction.session}.{self.transaction.order}{end}")


def write(top: Path, tree: DirfdTree, transactions: Sequence[Transaction], fsync: bool) -> Path:
    """Write one record of all; with `fsync` it is on the disk afterwards. Raises OSError, with nothing changed."""
    for directory in set().union(*map(parents_of, transactions)):
        tree.make_directories(directory)
    first, last = transactions[0], transactions[-1]
    orders = f"{first.order}-{last.order}" if len(transactions) > 1 else f"{first.order}"
    path = top / RECORDS / f"{first.session}.{orders}.json"
    _put(path, _encode(transactions), fsync)
    return path


def _put(path: Path, data: bytes, fsync: bool) -> None:
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, data)
            if fsync:
                sync_file(descriptor)
        finally:
            os.close(descriptor)
        os.rename(new, path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def decide(written: Written, way: Way, *, is_last: bool = False, fsync: bool = False) -> Written:
    """Decide for good that the transaction is undone or withdrawn, not completed. Raises OSError.

    Returns it with its new record, whose name binds whoever finds it later to the same decision. `is_last`: the other
    sections of its group are finished or were never begun, so their record goes.
    """
    decided = written.beside(f".{way}.json")
    if written.record == decided:
        return written
    if written.is_section and not is_last:
        try:
            os.link(written.record, decided)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            _put(decided, _encode([written.transaction]), fsync)
    else:
        written.record.rename(decided)
    return written._replace(record=decided)


def way_of(record: Path) -> Way | None:
    """The decision about a record; None if there is none yet."""
    return next((way for way in _WAYS if record.name.endswith(f".{way}.json")), None)


def settled(written: Written) -> bool:
    """Note that a transaction of a dead session is settled; return whether it was the last one of a group. OSError.

    A record of its own goes, unless the group's is still there: then it becomes a mark.
    """
    names, mark = _names(written.record.parent), written.beside(".done")
    if written.is_section:
        try:
            os.link(written.record, mark)
        except FileExistsError:
            pass
        except OSError:
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
    elif any(_is_group(Path(name)) and session_of(name) == written.transaction.session for name in names):
        written.record.rename(mark)
    else:
        remove(written.record)
        return False
    marks = {f"{written.transaction.session}.{order}.done" for order in written.orders}
    return bool(marks) and marks <= {*_names(written.record.parent)}


def is_over(record: Path) -> Written | None:
    """A section of a group's record if all of them are settled. Raises ValueError and OSError."""
    names = _names(record.parent)  # before the record is read
    found = read(record) if _is_group(record) else []
    return found[0] if found and all(one.beside(".done").name in names for one in found) else None


def close(written: Written) -> None:
    """Remove the record of a group whose sections are all settled, and then their marks. Raises OSError."""
    first, last = written.orders[0], written.orders[-1]
    remove(written.beside("").with_name(f"{written.transaction.session}.{first}-{last}.json"))
    for order in written.orders:
        remove(written.record.with_name(f"{written.transaction.session}.{order}.done"))


def remove(record: Path) -> None:
    """Remove the record of transactions that are over. Raises OSError."""
    record.unlink(missing_ok=True)


def pending(top: Path, but: str = "") -> list[Path]:
    """The paths of all records in the environment, except those of session `but`."""
    names = _names(top / RECORDS)
    return [top / RECORDS / name for name in sorted(names) if name.endswith(".json") and session_of(name) != but]


def clear(top: Path, alive: Callable[[str], bool]) -> None:
    """Remove what dead sessions left beside records: one that was not finished, and marks without a group's record."""
    names = _names(top / RECORDS)
    groups = {session_of(name) for name in names if _is_group(Path(name))}
    for name in names:
        is_orphan = name.endswith(".done") and session_of(name) not in groups
        if (name.endswith(".new") or is_orphan) and not alive(session_of(name)):
            with suppress(OSError):
                (top / RECORDS / name).unlink(missing_ok=True)


def session_of(name: str) -> str:
    """The id of the session whose record has that file name."""
    return name.partition(".")[0]


def written_in(record: Path) -> list[Written]:
    """All that is to be settled by a record; [] if it is gone, or all of its sections are settled or set apart.

    Raises NewerRecordError for a later format, and ValueError for a record that cannot be understood at all.
    """
    names = _names(record.parent)  # before the record is read
    return [written for written in read(record) if not _is_apart(written, names)]


def is_there(written: Written) -> bool:
    """Whether it is still to be settled by this record. That stays so as long as its claims are held."""
    names = _names(written.record.parent)  # before the look at the record
    return not _is_apart(written, names) and os.path.lexists(written.record)


def read(record: Path) -> list[Written]:
    """The transactions of a record; [] if it is gone. Raises as `written_in`."""
    try:
        text = read_regular(record)
    except FileNotFoundError:
        return []
    try:
        fields = json.loads(text)
        number = fields["format"]
        if number > FORMAT:
            claims = Claims(*(tuple(paths) for paths in fields["claims"]))
            raise NewerRecordError(number, Envelope(fields["name"], fields["version"], claims))
        found = [_transaction(section) for section in (fields["sections"] if number > 1 else [fields])]
        orders = tuple(transaction.order for transaction in found) if number > 1 else ()
        _, named, *_ = record.name.split(".")
        chosen = [one for one in found if _is_group(record) or str(one.order) == named]
        if _is_group(record) and named != f"{orders[0]}-{orders[-1]}":
            chosen = []
        if not chosen or {one.session for one in chosen} != {session_of(record.name)}:
            raise ValueError("its name is not that of its session")
        for transaction in chosen:
            _check(transaction)
    except (*_DAMAGE, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("it is damaged") from error
    return [Written(record, transaction, orders) for transaction in chosen]


def _transaction(fields: dict[str, object]) -> Transaction:
    claims, steps = fields["claims"], fields["steps"]
    made = {name: fields[name] for name in Transaction._fields}
    made["claims"] = Claims(*(tuple(paths) for paths in claims))  # type: ignore[attr-defined]
    made["steps"] = tuple(_step(step) for step in steps)  # type: ignore[attr-defined]
    return Transaction(**made)  # type: ignore[arg-type]


def _check(transaction: Transaction) -> None:
    """Raise ValueError for a transaction that this program would never have written."""
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


def _is_group(record: Path) -> bool:
    return record.suffix == ".json" and "-" in record.name.split(".")[1]


def _is_apart(written: Written, names: Collection[str]) -> bool:
    """Whether a section is settled, or is to be settled by a record of its own."""
    ends = (".done", *(f".{way}.json" for way in _WAYS))
    return written.is_section and any(written.beside(end).name in names for end in ends)


def _names(records: Path) -> list[str]:
    try:
        return os.listdir(records)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _encode(transactions: Sequence[Transaction]) -> bytes:
    sections = [one._asdict() for one in transactions]
    if len(sections) == 1:
        fields = {"format": 1, **sections[0]}
    else:
        exclusive = sorted({path for one in transactions for path in one.claims.exclusive})
        first, more = transactions[0], len(transactions) - 1
        envelope = Envelope(first.name, f"{first.version} and {more} more", Claims(tuple(exclusive), ()))
        fields = {"format": FORMAT, **envelope._asdict(), "sections": sections}
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _step(fields: list[object]) -> Step:
    action, path, staged, saved, old, new = fields
    return Step(action, path, staged, saved, _fingerprint(old), _fingerprint(new))  # type: ignore[arg-type]


def _fingerprint(fields: object) -> Fingerprint | None:
    return Fingerprint(*fields) if isinstance(fields, list) else None
