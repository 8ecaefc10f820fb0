"""How one transaction of a dead session is settled, by what is at its paths now. See `recovery` for when that is done.

Each step is judged by itself, and a path is touched only if it is in the state before or after the step. So this may be
killed and started again.
"""

import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import is_within, join, name_of, parent_of
from instui_engine.plan.removal import is_vital
from instui_engine.session.context import Context
from instui_engine.target.bytecode import Bytecode, module_of
from instui_engine.target.environment import Environment
from instui_engine.target.installed import recorded_hashes, scan

from . import writeahead
from .backups import is_backup
from .transaction import Step, Transaction, parents_of, state, take, undo
from .whole import give_back, whole_steps
from .writeahead import Way, Written

Outcome = Literal["completed", "undone", "withdrawn"]
Progress = Literal["none", "some", "all"]


def progress(tree: DirfdTree, transaction: Transaction) -> Progress:
    """How many of its renames a transaction has made, by what they have moved, whoever has changed the paths since.

    For a section of a group: those that come before the one in hand have made all, those after it none.
    """
    is_removal = not transaction.info  # then there are steps after the last rename that must have been made
    moved = set()
    for step in transaction.steps:
        if step.action in ("place", "replace"):
            moved.add(tree.fingerprint(step.staged) is None)
        elif step.action == "retire":
            if tree.fingerprint(step.saved) is not None:
                moved.add(True)
            elif step.old is not None or (is_removal and tree.fingerprint(step.path) is not None):
                moved.add(False)  # else it has found nothing
        elif is_removal and step.action == "rmdir" and tree.fingerprint(step.path) is not None:
            moved.add(False)
    return "all" if moved == {True} else "none" if moved == {False} else "some"


def forget(tree: DirfdTree, transaction: Transaction) -> None:
    """Undo what a transaction has done that has not made any rename: empty directories, and links to what it replaces.

    Whatever else is at its paths is not its own. Raises OSError.
    """
    undo(tree, transaction, skips=lambda step: step.action not in ("mkdir", "replace"))


def put_back(
    context: Context, environment: Environment, tree: DirfdTree, transaction: Transaction
) -> Callable[[Step], None]:
    """The function with which `transaction.undo` removes a directory into which others may have written since."""
    return Settlement(context, environment, tree, transaction).take_out


class Settlement:
    """The way in which one transaction is settled, found out step by step."""

    def __init__(self, context: Context, environment: Environment, tree: DirfdTree, transaction: Transaction) -> None:
        self._context = context
        self._environment = environment
        self._tree = tree
        self._transaction = transaction
        self._listed: Mapping[str, Sequence[str]] = {}
        self._left: list[str] = []

    def settle(self, written: Written) -> tuple[Written, Outcome, list[str]]:
        """Settle it; return its present record, the outcome, and the paths that others have changed since."""
        way = writeahead.way_of(written.record)
        if way is None and self._is_superseded():
            way = "withdraw"
        elif way is None and not self._can_go_on():
            way = "undo"
        if way is not None:
            written = writeahead.decide(written, way, fsync=self._context.options.fsync)
        return written, *self._go(way)

    def _go(self, way: Way | None) -> tuple[Outcome, list[str]]:
        for directory in parents_of(self._transaction):
            self._tree.make_directories(directory)
        if way == "withdraw":
            self._listed = scan(self._environment).owners()
            self._left += undo(
                self._tree,
                self._transaction,
                restores=self._still_wanted,
                put_back=self.take_out,
                skips=self._is_theirs,
            )
            self._sweep(self._ours())
            for step in self._transaction.steps:
                if step.path == self._transaction.replaces and step.action == "retire":
                    root = parent_of(step.path)
                    self._sweep(recorded_hashes(self._environment, step.saved, root))
            self._left += self.give_back()
            return "withdrawn", self._left
        if way is None:
            for step in self._transaction.steps:
                if state(self._tree, step) == "before":
                    if self._context.slow_motion.factor:
                        self._context.slow_motion.step(lambda: False, weight=8.0)
                    take(self._tree, step)
            self._left += self.give_back()
            return "completed", self._left
        self._left = undo(self._tree, self._transaction, put_back=self.take_out)
        return "undone", self._left

    def give_back(self) -> list[str]:
        """Put back what somebody has put into a directory of the old version before that was renamed away.

        Return what is kept under another name. Raises OSError.
        """
        whole = list(whole_steps(self._environment, self._transaction))
        if not whole:
            return []
        info = next(step for step in self._transaction.steps if step.path == self._transaction.replaces)
        rows = recorded_hashes(self._environment, info.saved, parent_of(info.path))
        listed = {step.path: [path for path in rows if is_within(path, step.path)] for step in whole}
        return give_back(self._environment, self._tree, self._transaction, listed)

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
        is_over = self._is_over()
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
            done = done and (is_over or not self._is_old(step))
            if step.action == "retire" or (done and self._tree.fingerprint(step.path) is not None):
                self._left.append(step.path)  # theirs now
                continue
            self._left.clear()
            return False
        return True

    def _is_over(self) -> bool:
        """Whether its `.dist-info` is in place, so all that is left of it is a record that could not be removed.

        The session has gone on then: a file that it had replaced may be there again, since its wheel came later.
        """
        info = self._transaction.info
        placed = {step.new for step in self._transaction.steps if step.path == info and step.new is not None}
        return self._tree.fingerprint(info) in placed

    def _is_old(self, step: Step) -> bool:
        """Whether the file that a step was to replace is still there, or is back: maybe as a copy, of another inode."""
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

    def take_out(self, step: Step) -> None:
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
