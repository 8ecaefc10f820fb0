"""One round of compiling: the modules of several wheels, by all workers, into trees that the store then has."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import InstuiError, printable
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import CompileFailed, CompileFinished, CompileProgress, CompileStarted
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context, Throttle
from instui_engine.store.acquire import Damage
from instui_engine.store.entry import UNSEALED, Entry
from instui_engine.store.store import Store
from instui_engine.target.interpreter import Interpreter

from .kind import Kind
from .task import Task
from .trees import DamagedError, NewTree, find, publish, sources_of

_EACH = 4  # files from which on another process pays off: it takes as long to start as to compile some


class Round:
    """Makes trees. `compiled` are entries with byte code by the names of their wheels, `damages` what cannot be used.

    `private` are directories of trees that are not in the store.
    """

    def __init__(
        self, context: Context, store: Store, kind: Kind, interpreter: Interpreter, scratch: Callable[[], Path]
    ) -> None:
        """`scratch`: see `Compilation`."""
        self.compiled: dict[str, Entry] = {}
        self.damages: list[Damage] = []
        self.private: list[Path] = []
        self._context = context
        self._store = store
        self._kind = kind
        self._interpreter = interpreter
        self._scratch = scratch
        self._begun: dict[str, NewTree] = {}
        self._failed = 0

    def run(self, ready: Sequence[tuple[LockedWheel, Entry]], patience: float | None) -> None:
        """Take what is in the store, and compile the rest. Raises InstuiError and OSError; what is done by then stays.

        `patience`: for how many seconds a file may be compiled, None for ever.
        """
        missing = []
        cached = 0
        for wheel, entry in ready:
            if (found := find(entry, self._kind)) is None:
                missing.append((wheel, entry))
            else:
                self.compiled[wheel.name] = found
                cached += found.manifest.files - entry.manifest.files
        try:
            self._compile(missing, cached, patience)
        except BaseException:
            with suppress(InstuiError, OSError):
                self._take()
            raise
        else:
            self._take()
        finally:
            for tree in self._begun.values():
                remove_tree(tree.directory)

    def _compile(self, missing: Sequence[tuple[LockedWheel, Entry]], cached: int, patience: float | None) -> None:
        context = self._context
        files = sum(len(sources_of(entry.manifest, self._kind)) for _, entry in missing)
        number = max(1, min(context.workers, os.cpu_count() or 1, files // _EACH)) if files else 0
        context.emit(CompileStarted(files, len(missing), cached, number))
        throttle = Throttle(lambda done: context.emit(CompileProgress(done, files, self._failed)))

        def done(task: Task, what: str, why: str) -> None:
            self._answered(task, what, why)
            throttle.add(1)

        def rest() -> None:
            context.rest()
            context.check()

        if number:
            from .workers import Workers

            workers = Workers(self._interpreter.executable, number, patience)
            try:
                workers.run(self._tasks(missing), done, rest)
            finally:
                workers.close()
        else:
            list(self._tasks(missing))
        context.emit(CompileFinished(files, self._failed, cached))

    def _answered(self, task: Task, what: str, why: str) -> None:
        if what == "failed":
            raise InstuiError(
                f"cannot write the byte code of {printable(task.name)} ({printable(why)}); nothing was installed; "
                "free some space, or give --no-compile-bytecode"
            )
        tree = self._begun[task.wheel]
        tree.left -= 1
        if what == "refused":
            tree.refuse(task.name)
            self._fail(task.wheel, task.name, why)

    def _fail(self, wheel: str, path: str, why: str) -> None:
        self._failed += 1
        self._context.emit(CompileFailed(wheel, path, why))

    def _tasks(self, missing: Sequence[tuple[LockedWheel, Entry]]) -> Iterator[Task]:
        """All tasks. A tree is begun when it is its turn, while the workers are busy with those before it."""
        for wheel, entry in missing:
            if self._context.gives_up(wheel.name):
                continue
            try:
                tree = self._begun[wheel.name] = self._begin(entry)
            except DamagedError as error:
                self.damages.append(Damage(wheel, entry, error.path))
                continue
            for source in tree.impossible:
                self._fail(wheel.name, source.path, "there is no room for the name of its byte code")
            sealed = entry.manifest.sealed
            # without a seal, nobody knows which mtime a copy of the source will have
            mode = "CHECKED_HASH" if sealed == UNSEALED and self._kind.mode == "TIMESTAMP" else self._kind.mode
            for path, target in tree.sources:
                if self._context.gives_up(wheel.name):
                    break
                yield Task(wheel.name, f"{tree.files}/{path}", f"{tree.files}/{target}", path, sealed, mode)

    def _begin(self, entry: Entry) -> NewTree:
        """Raises OSError and DamagedError."""
        is_private = False
        try:
            directory = self._store.new_directory()
        except InstuiError:  # the cache may only be read
            from tempfile import mkdtemp

            directory = Path(mkdtemp(dir=self._scratch()))
            is_private = True
        try:
            return NewTree(entry, self._kind, directory, is_private)
        except BaseException:
            remove_tree(directory)
            raise

    def _take(self) -> None:
        """Make visible in the store what is complete."""
        cancelled = self._context.control.wheels
        whole = {name: tree for name, tree in self._begun.items() if not tree.left and name not in cancelled}
        made = [(tree, tree.finish(self._store.unsynced)) for tree in whole.values()]
        for name, entry in zip(whole, publish(self._store, made), strict=True):
            tree = self._begun.pop(name)
            self.compiled[name] = entry
            if entry.files == tree.files:
                self.private.append(tree.directory)
