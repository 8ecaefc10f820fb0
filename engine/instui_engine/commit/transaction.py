"""A transaction: all steps by which one distribution changes the environment, known before the first is taken.

A step knows what is at its path before and after it, so whoever finds the record later can see whether it was taken.
The steps are first written down (`writeahead`), and then taken in order, or undone in reverse order. Either can start
at any point, even after a crash in the middle of the other.

The old version's `.dist-info` is renamed away first, and the new one is renamed in last, so no reader ever sees a
distribution that is listed and torn.
"""

import errno
from collections.abc import Callable, Set
from contextlib import suppress
from typing import Literal

from instui_engine.errors import InstuiError, printable, reason
from instui_engine.fs.dirfd import DirfdTree, Fingerprint
from instui_engine.fs.paths import above, join, name_of, parent_of
from instui_engine.locks.claims import Claims
from instui_engine.session.session import stage_of
from instui_engine.target.bytecode import is_generated, module_of
from instui_engine.target.environment import PRIVATE
from instui_engine.values import NamedTuple

from .backups import is_backup

_RETRIES = 100  # another session may remove a shared parent directory this often while we make it

Action = Literal["retire", "rmdir", "mkdir", "place", "replace"]
State = Literal["before", "after", "else"]


class Step(NamedTuple):
    """One change; all paths are relative to the top.

    "retire" renames what is at `path`, a directory with all that is in it, to `saved`. "rmdir" removes a directory if
    it is empty. "mkdir" makes a directory. "place" renames `staged` to `path`, where nothing is. "replace" renames
    `staged` over the file at `path`, which stays as `saved`. `old` and `new` are the fingerprints of what is at `path`
    before and after. A "retire" without `old` takes whatever it finds, which may be nothing (byte code).
    """

    action: Action
    path: str
    staged: str = ""
    saved: str = ""
    old: Fingerprint | None = None
    new: Fingerprint | None = None


class Transaction(NamedTuple):
    """All changes to one distribution.

    `replaces` is the `.dist-info` that goes and `info` the one that comes, "" for none; the latter lies at
    `staged_info` until then. `saved` is the directory for what is replaced and does not become a backup: the stage, or
    in older records one in it.
    """

    name: str
    version: str
    session: str
    order: int
    claims: Claims
    replaces: str
    info: str
    staged_info: str
    saved: str
    steps: tuple[Step, ...]

    @property
    def owner(self) -> str:
        """The distribution as the journal names an owner."""
        return f"{self.name} {self.version}"


class UndoError(InstuiError):
    """A step failed, and so did the undo. The record stays for the next command to settle."""


def run(
    tree: DirfdTree,
    transaction: Transaction,
    before: Callable[[Step], None],
    back: Callable[[], None] = lambda: None,
    put_back: Callable[[Step], None] | None = None,
) -> None:
    """Take all steps, calling `before` with each. Any exception undoes all of them and is raised again.

    `back` is called before the first step is undone; it notes that decision for recovery after a crash. `put_back` is
    as for `undo`. Raises UndoError if a step could not be undone.
    """
    try:
        for step in transaction.steps:
            before(step)
            take(tree, step)
    except BaseException as error:
        try:
            try:
                back()
                undo(tree, transaction, put_back=put_back)
            except BaseException:  # ctrl+c once more, for example; it may succeed the second time
                back()
                undo(tree, transaction, put_back=put_back)
        except BaseException as failure:
            # the undo stops here: the old version must not be listed before it is whole
            raise UndoError(
                f"{_why(error)}; what was begun could not be undone ({_why(failure)}): "
                f"{printable(transaction.owner)} is not listed as installed, and the next command settles it"
            ) from error
        raise


def _why(error: BaseException) -> str:
    return reason(error) if isinstance(error, OSError) else printable(str(error)) or type(error).__name__


def state(tree: DirfdTree, step: Step) -> State:
    """Whether a step is still to be taken ("before"), was taken ("after"), or its path was changed by others
    ("else")."""
    there = tree.fingerprint(step.path)
    match step.action:
        case "mkdir":
            return "before" if there is None else "after" if there.is_directory else "else"
        case "rmdir":
            return "before" if there is not None and there.is_directory else "after"
        case "retire":
            if there is None:
                return "after"
            return "before" if step.old is None or there == step.old else "else"
        case "place":
            if tree.fingerprint(step.staged) is None:
                return "after" if there == step.new else "else"
            return "before" if there is None else "else"
        case "replace":
            if there == step.new:
                return "after"
            # a file in a lower layer of overlayfs gets a new inode when it is linked
            known = there is not None and (there == step.old or there == tree.fingerprint(step.saved))
            return "before" if known and tree.fingerprint(step.staged) is not None else "else"


def is_as_found(tree: DirfdTree, transaction: Transaction) -> bool:
    """Whether what a transaction of which no step was taken will replace is as it was found; nothing else is there."""
    makes_room: set[str] = set()
    goes: set[Fingerprint | None] = set()  # what goes may be found by other spellings, too, where case is folded
    for step in transaction.steps:
        if step.action == "mkdir":
            continue
        there = tree.fingerprint(step.path)
        if step.action == "place":
            is_free = there is None or there in goes
            if not is_free and makes_room.isdisjoint((step.path, *above(step.path))):
                return False
        elif step.action != "rmdir" and step.old is not None and there != step.old:
            return False
        if step.action in ("retire", "rmdir"):
            makes_room.add(step.path)
            goes.add(there)
    return True


def take(tree: DirfdTree, step: Step) -> None:
    """Take a step that was not taken before, or only in part. Raises OSError."""
    if step.action == "place":
        _place(tree, step.staged, step.path)
    elif step.action == "replace":
        _save(tree, step)
        tree.rename(step.staged, step.path)
    elif step.action == "retire":
        if step.old is None:
            with suppress(FileNotFoundError):  # byte code may be gone already
                tree.rename(step.path, step.saved)
        else:
            _move(tree, step.path, step.saved)
    elif step.action == "mkdir":
        with suppress(FileExistsError):
            _with_parents(tree, step.path, lambda: tree.make_directory(step.path))
    else:
        tree.remove_if_empty(step.path)  # if others have put a file there since, the directory is theirs now


def undo(
    tree: DirfdTree,
    transaction: Transaction,
    *,
    restores: Callable[[Step], bool] = lambda step: True,
    put_back: Callable[[Step], None] | None = None,
    skips: Callable[[Step], bool] = lambda step: False,
) -> list[str]:
    """Undo all steps that were taken, last first; return the paths that somebody else has changed since.

    `skips` says which steps stay as they are, and `restores` whether what a step replaced is to come back. `put_back`
    removes a directory that was placed; without it, the directory is renamed to where it came from. Raises OSError at
    the first step that cannot be undone.
    """
    changed = []
    back = frozenset(step.path for step in transaction.steps if step.action == "replace" and is_generated(step.path))
    for step in reversed(transaction.steps):
        if skips(step):
            continue
        there = tree.fingerprint(step.path)
        if step.action == "mkdir":
            if there is not None and there.is_directory:
                tree.remove_if_empty(step.path)
        elif step.action == "rmdir":
            if there is None and restores(step):
                tree.make_directories(step.path)
        elif step.action == "place":
            if tree.fingerprint(step.staged) is not None:
                continue
            _drop_compiled(tree, step.path, back)
            if there is None or there != step.new:
                changed.append(step.path)
            elif step.new.is_directory and put_back is not None:
                put_back(step)
            else:
                tree.rename(step.path, step.staged)
        elif tree.fingerprint(step.saved) is not None:
            changed += _bring_back(tree, step, there, restores(step), back)
    return changed


def _bring_back(tree: DirfdTree, step: Step, there: Fingerprint | None, wanted: bool, back: Set[str]) -> list[str]:
    """Undo a "replace" or "retire" whose old file was saved. `back`: see `_drop_compiled`."""
    saved = tree.fingerprint(step.saved)
    if step.action == "retire":
        if not wanted:
            return []
        if there is not None and not (there.is_directory and saved is not None and saved.is_directory):
            return [step.path] if step.old is not None else []
        if there is not None:
            return _merge_back(tree, step.saved, step.path)
        if step.path.count("/"):
            tree.make_directories(parent_of(step.path))
        _move(tree, step.saved, step.path)
        return []
    if there == step.new and there != saved:
        if wanted:
            if is_backup(step.staged) and tree.fingerprint(step.staged) is None:
                tree.link(step.path, step.staged)  # there is no other link to it
            tree.rename(step.saved, step.path)
        else:
            tree.rename(step.path, step.staged)
        _drop_compiled(tree, step.path, back)
        return []
    if there == saved or there == step.old:  # it was saved, but not yet replaced
        tree.remove(step.saved)
        return []
    return [step.path]


def _merge_back(tree: DirfdTree, saved: str, path: str) -> list[str]:
    """Bring what is in the directory `saved` back to the directory `path`; return what is there already."""
    changed = []
    for name in sorted(tree.names(saved)):
        source, target = f"{saved}/{name}", f"{path}/{name}"
        there, mine = tree.fingerprint(target), tree.fingerprint(source)
        if there is None:
            _move(tree, source, target)
        elif mine is not None and mine.is_directory and there.is_directory:
            changed += _merge_back(tree, source, target)
        else:
            changed.append(target)
    tree.remove_if_empty(saved)
    return changed


def _drop_compiled(tree: DirfdTree, path: str, back: Set[str]) -> None:
    """Remove the byte code of a file that was at `path` until the undo, but not that which is `back` already."""
    if not path.endswith(".py"):
        return
    cache, module = join(parent_of(path), "__pycache__"), name_of(path).removesuffix(".py")
    for compiled in tree.names(cache):
        if module_of(compiled) == module and f"{cache}/{compiled}" not in back:
            tree.remove(f"{cache}/{compiled}")


def _place(tree: DirfdTree, staged: str, path: str) -> None:
    _with_parents(tree, path, lambda: tree.rename(staged, path))


def _with_parents(tree: DirfdTree, path: str, change: Callable[[], None]) -> None:
    """Make the change; try again if another session has just removed a shared parent directory."""
    parent = parent_of(path)
    for _ in range(_RETRIES):
        try:
            change()
        except FileNotFoundError:
            tree.forget(parent.partition("/")[0])
            with suppress(FileNotFoundError):
                tree.make_directories(parent)
        else:
            return
    change()


def _save(tree: DirfdTree, step: Step) -> None:
    try:
        # another session may just have removed the empty directory of backups in a volume
        _with_parents(tree, step.saved, lambda: tree.link(step.path, step.saved))
    except FileExistsError:
        if tree.fingerprint(step.saved) != tree.fingerprint(step.path):  # an incomplete copy
            tree.remove(step.saved)
            tree.link(step.path, step.saved)


def _move(tree: DirfdTree, path: str, target: str) -> None:
    """Rename `path`. A directory in a lower layer of overlayfs cannot be renamed, so its files are moved one by one."""
    merging = False
    try:
        tree.rename(path, target)
    except OSError as error:
        merging = error.errno in (errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST)
        there = tree.fingerprint(path)
        if not merging or there is None or not there.is_directory:
            raise
    if merging:
        with suppress(FileExistsError):
            tree.make_directory(target)
        for name in sorted(tree.names(path)):
            _move(tree, f"{path}/{name}", f"{target}/{name}")
        tree.remove_directory(path)


def parents_of(transaction: Transaction) -> set[str]:
    """The directories of the saved files, and the stages, which must exist before the first step."""
    stages = {stage_of(volume, transaction.session) for volume in volumes_of(transaction)}
    return {*stages, *(parent_of(step.saved) for step in transaction.steps if step.saved)}


def volumes_of(transaction: Transaction) -> frozenset[str]:
    """The volumes, besides that of the top, in which something is staged or saved: all in which something changes."""
    found = set()
    for path in {path for step in transaction.steps for path in (step.staged, step.saved) if path}:
        volume, private, _ = path.partition(f"/{PRIVATE}/")
        if private and not path.startswith(f"{PRIVATE}/"):
            found.add(volume)
    return frozenset(found)
