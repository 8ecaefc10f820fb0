"""The byte code of a session's wheels: what is in the store is used, the rest is compiled by the target's Python.

It is made before the plan, outside any lock of the environment, and for the wheels of this session only. So a plan
knows all files, and a failure leaves the environment as it was. A module that is no program for this Python is
installed without byte code, as by pip and uv: Python says what is wrong with it if anybody imports it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from instui_engine.errors import ENVIRONMENT, InstuiError, printable, reason, remedy
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import CompileFailed, CompileFinished, CompileProgress, CompileStarted, Warned
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context, Throttle
from instui_engine.store.acquire import Damage
from instui_engine.store.entry import UNSEALED, Entry
from instui_engine.store.store import Store
from instui_engine.target.bytecode import is_generated
from instui_engine.target.interpreter import Interpreter

from .kind import kind_for, patience
from .task import Task
from .trees import DamagedError, NewTree, discard, find, publish

_EACH = 4  # files from which on another process pays off: it takes as long to start as to compile some
_REBUILDS = 3  # how often damaged entries are rebuilt before giving up

Ready = Sequence[tuple[LockedWheel, Entry]]
Rebuild = Callable[[Sequence[Damage]], Sequence[Entry | None]]
"""A function that rebuilds entries of the store; None for a wheel that is cancelled meanwhile."""


class Compilation:
    """Makes entries with byte code of entries of the store, for one session."""

    def __init__(
        self, context: Context, store: Store, interpreter: Interpreter, scratch: Callable[[], Path], rebuild: Rebuild
    ) -> None:
        """`scratch` makes a directory for what cannot be in the store, and goes with the session. Raises UsageError."""
        self._context = context
        self._store = store
        self._interpreter = interpreter
        self._scratch = scratch
        self._rebuild_plain = rebuild
        self._kind = kind_for(interpreter)
        self._patience = patience()
        self._private: list[Path] = []

    def run(self, ready: Ready) -> list[tuple[LockedWheel, Entry]]:
        """`ready`, without wheels that are cancelled meanwhile, with their byte code.

        Raises InstuiError. Entries with damaged files are rebuilt.
        """
        if not self._kind.tag:
            executable = printable(self._interpreter.executable)
            self._context.emit(Warned("", f"{executable} has no files of byte code, so none are compiled"))
            return list(ready)
        left = list(ready)
        compiled: dict[str, Entry] = {}  # by the names of wheels
        for _ in range(_REBUILDS):
            damages = self._round([pair for pair in left if pair[0].name not in compiled], compiled)
            if not damages:
                break
            rebuilt = self._rebuild_plain(damages)
            new = {damage.wheel.name: entry for damage, entry in zip(damages, rebuilt, strict=True)}
            left = [(wheel, found) for wheel, entry in left if (found := new.get(wheel.name, entry)) is not None]
        cancelled = self._context.control.wheels
        return [(wheel, compiled.get(wheel.name, entry)) for wheel, entry in left if wheel.name not in cancelled]

    def rebuild(self, damages: Sequence[Damage]) -> list[Entry | None]:
        """Entries with byte code for those that turned out to be damaged while they were linked. Raises InstuiError.

        Where only byte code is damaged, that alone is made again.
        """
        plain: list[Entry | None] = []
        broken: list[tuple[int, Damage]] = []
        for place, (wheel, entry, path) in enumerate(damages):
            inside = path[len(entry.files) + 1 :]
            discard(entry)
            known = self._store.load(entry.sha256)
            whole = known is not None and (
                is_generated(inside) or self._store.is_whole(known, f"{known.files}/{inside}")
            )
            plain.append(known if whole else None)
            if not whole:
                old = known or entry
                broken.append((place, Damage(wheel, old, f"{old.files}/{inside}")))
        for (place, _), entry_again in zip(broken, self._rebuild_plain([one for _, one in broken]), strict=True):
            plain[place] = entry_again
        ready = [(one.wheel, entry) for one, entry in zip(damages, plain, strict=True) if entry is not None]
        made = {wheel.name: entry for wheel, entry in self.run(ready)}
        for damage in damages:
            again = made.get(damage.wheel.name)
            if again is not None and again.manifest.trees != damage.entry.manifest.trees:
                owner = printable(f"{damage.wheel.name} {damage.wheel.version}")
                raise InstuiError(f"{owner} has other byte code now than when it was planned; run again")
        return [made.get(damage.wheel.name) for damage in damages]

    def close(self) -> None:
        """Remove what is private to the session."""
        for directory in self._private:
            remove_tree(directory)

    # -- one round

    def _round(self, ready: Ready, compiled: dict[str, Entry]) -> list[Damage]:
        """Put what can be compiled into `compiled`; return what is damaged."""
        begun: list[tuple[LockedWheel, NewTree]] = []
        damages: list[Damage] = []
        cached = 0
        finished = False
        try:
            for wheel, entry in ready:
                if (found := find(self._store, entry, self._kind)) is not None:
                    compiled[wheel.name] = found
                    cached += found.manifest.files - entry.manifest.files
                    continue
                try:
                    begun.append((wheel, self._begin(entry)))
                except DamagedError as error:
                    damages.append(Damage(wheel, entry, error.path))
            self._compile(begun, cached)
            self._take(begun, compiled)
            finished = True
        except OSError as error:
            raise InstuiError(
                f"cannot compile byte code ({reason(error)}); nothing was installed; {remedy(error, ENVIRONMENT)}"
            ) from error
        finally:
            for _, tree in () if finished else begun:
                remove_tree(tree.directory)
        return damages

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

    def _compile(self, begun: Sequence[tuple[LockedWheel, NewTree]], cached: int) -> None:
        context = self._context
        files = sum(len(tree.sources) + len(tree.refused_at_once) for _, tree in begun)
        number = max(1, min(context.workers, os.cpu_count() or 1, files // _EACH)) if files else 0
        failed = 0
        context.emit(CompileStarted(files, len(begun), cached, number))

        def progress(done: int) -> None:
            context.emit(CompileProgress(done, files, failed))

        throttle = Throttle(progress)
        trees = {wheel.name: tree for wheel, tree in begun}

        def done(task: Task, what: str, why: str) -> None:
            nonlocal failed
            if what == "failed":
                raise InstuiError(
                    f"cannot write the byte code of {printable(task.name)} ({printable(why)}); nothing was installed; "
                    "free some space, or give --no-compile-bytecode"
                )
            if what == "refused":
                failed += 1
                trees[task.wheel].refuse(task.name)
                context.emit(CompileFailed(task.wheel, task.name, why))
            throttle.add(1)

        def rest() -> None:
            context.rest()
            context.check()

        for wheel, tree in begun:
            for source in tree.refused_at_once:
                failed += 1
                context.emit(CompileFailed(wheel.name, source.path, "there is no room for the name of its byte code"))
        if number:
            from .workers import Workers

            workers = Workers(self._interpreter.executable, number, self._patience)
            try:
                workers.run(self._tasks(begun), done, rest)
            finally:
                workers.close()
        context.emit(CompileFinished(files, failed, cached))

    def _tasks(self, begun: Sequence[tuple[LockedWheel, NewTree]]) -> Iterator[Task]:
        for wheel, tree in begun:
            sealed = tree.entry.manifest.sealed
            # without a seal, nobody knows which mtime a copy of the source will have
            mode = "CHECKED_HASH" if sealed == UNSEALED and self._kind.mode == "TIMESTAMP" else self._kind.mode
            for source, target in tree.sources:
                if self._context.gives_up(wheel.name):
                    break
                yield Task(wheel.name, f"{tree.files}/{source}", f"{tree.files}/{target}", source, sealed, mode)

    def _take(self, begun: Sequence[tuple[LockedWheel, NewTree]], compiled: dict[str, Entry]) -> None:
        """Finish what is compiled, and make it visible in the store."""
        whole: list[tuple[LockedWheel, NewTree]] = []
        for wheel, tree in begun:
            if wheel.name in self._context.control.wheels:
                remove_tree(tree.directory)
            else:
                whole.append((wheel, tree))
        made = [(tree, tree.finish(self._store.unsynced)) for _, tree in whole]
        published = publish(self._store, made)
        for (wheel, tree), entry in zip(whole, published, strict=True):
            if entry.files == tree.files:
                self._private.append(tree.directory)
                if self._context.options.link_mode == "symlink":  # it would lead nowhere once this session is over
                    self._context.emit(Warned(wheel.name, "the cache cannot be written to, so there is no byte code"))
                    continue
            compiled[wheel.name] = entry
