"""The byte code of a session's wheels: what is in the store is used, the rest is compiled by the target's Python.

It is made before the plan, outside any lock of the environment, and for the wheels of this session only. So a plan
knows all files, and a failure leaves the environment as it was. A module that is no program for this Python is
installed without byte code, as by pip and uv: Python says what is wrong with it if anybody imports it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from instui_engine.errors import ENVIRONMENT, InstuiError, printable, reason, remedy
from instui_engine.fs.paths import parent_of
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import Warned
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context
from instui_engine.store.acquire import Damage
from instui_engine.store.entry import Entry
from instui_engine.store.store import Store
from instui_engine.target.bytecode import is_generated
from instui_engine.target.interpreter import Interpreter

from .kind import kind_for, patience
from .round import Round
from .trees import discard

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

    def _round(self, ready: Ready, compiled: dict[str, Entry]) -> list[Damage]:
        """Put what can be compiled into `compiled`; return what is damaged. Raises InstuiError."""
        one = Round(self._context, self._store, self._kind, self._interpreter, self._scratch)
        try:
            one.run(ready, self._patience)
        except OSError as error:
            raise InstuiError(
                f"cannot compile byte code ({reason(error)}); nothing was installed; {remedy(error, ENVIRONMENT)}"
            ) from error
        finally:
            self._private += one.private
        private = set(map(str, one.private))
        for name, entry in one.compiled.items():
            # links to what is private would lead nowhere once this session is over
            if self._context.options.link_mode == "symlink" and parent_of(entry.files) in private:
                self._context.emit(Warned(name, "the cache cannot be written to, so there is no byte code"))
            else:
                compiled[name] = entry
        return one.damages
