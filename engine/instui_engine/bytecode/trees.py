"""Compiled trees: an entry of the store once more, with byte code beside its modules.

    <entry>/bytecode/<kind>/manifest    that of the entry, with the byte code as files of the wheel
    <entry>/bytecode/<kind>/files/...   hard links to the files of the entry, and the byte code

So plan, stage and commit need not know of it: it is a wheel with more files. It is made in `new/`, like an entry, and
appears by one rename; with its entry it is discarded, rebuilt and pruned. Its files have the seal of the entry. That is
also what makes the byte code valid: it names the mtime of its source, which is the seal, and environments have hard
links to that source, or copies that get its mtime (`linker`).

A tree that cannot be put there, as in a cache that this user may only read, is private: it lies in the session's stage
or in `new/`, and goes with the session.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import CACHE as ANOTHER
from instui_engine.errors import InstuiError, reason, remedy
from instui_engine.fs.durability import boot
from instui_engine.fs.files import set_times
from instui_engine.fs.paths import directories_of, join, name_of, parent_of
from instui_engine.fs.rmtree import remove_tree
from instui_engine.store.entry import UNSEALED, Entry, is_sealed
from instui_engine.store.store import Store, hide
from instui_engine.target.bytecode import CACHE
from instui_engine.values import NamedTuple
from instui_engine.wheel.manifest import Manifest, Tree, dump, load, split
from instui_engine.wheel.record import Row, render

from .kind import Kind

_IMPORTED = ("purelib", "platlib")  # the schemes from which Python imports
_LONGEST = 255  # bytes of a name


class DamagedError(Exception):
    """A file of an entry, at `path`, is gone or no longer as it was unpacked."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Source(NamedTuple):
    """A module, and where its byte code goes: paths in the unpacked wheel."""

    path: str
    compiled: str


def sources_of(manifest: Manifest, kind: Kind) -> list[Source]:
    """The modules of a wheel that Python can import from where they are installed."""
    found = []
    for tree in manifest.trees:
        if tree.scheme in _IMPORTED:
            found += [join(tree.base, path) for path in _files_of(tree) if path.endswith(".py")]
    return [Source(path, _compiled(path, kind)) for path in found]


def _files_of(tree: Tree) -> Iterator[str]:
    """The files of one scheme, by their paths in it."""
    yield from tree.singles
    for top, directories in tree.subtrees:
        for directory, names in directories:
            place = join(top, directory)
            yield from (join(place, name) for name in names)


def _compiled(path: str, kind: Kind) -> str:
    return join(join(parent_of(path), CACHE), f"{name_of(path).removesuffix('.py')}.{kind.tag}.pyc")


def find(entry: Entry, kind: Kind) -> Entry | None:
    """The compiled tree of that kind in the store; None if there is none."""
    return _loaded(_place(entry, kind), entry.sha256)


def _loaded(place: str, sha256: str) -> Entry | None:
    """The compiled tree at `place`; None if there is none. An unsynced one of another boot counts as missing."""
    try:
        manifest = load(Path(place, "manifest").read_bytes())
    except (OSError, ValueError, TypeError, EOFError):
        return None
    is_of_now = not manifest.unsynced or manifest.unsynced == boot()
    return Entry(sha256, f"{place}/files", manifest, True) if is_of_now else None


def _place(entry: Entry, kind: Kind) -> str:
    return f"{parent_of(entry.files)}/bytecode/{kind.name}"


class NewTree:
    """A tree that is being compiled in `directory`, which is empty. `sources` are to be compiled into `files`.

    `is_private`: it is not in the store, and will not be.
    """

    def __init__(self, entry: Entry, kind: Kind, directory: Path, is_private: bool) -> None:
        """Raises OSError, and DamagedError."""
        self.entry = entry
        self.directory = directory
        self.is_private = is_private
        self.files = f"{directory}/files"
        self.place = _place(entry, kind)
        self._refused: set[str] = set()
        rows = entry.manifest.all_files()
        found = sources_of(entry.manifest, kind)
        self.sources = [one for one in found if _is_possible(one, rows)]
        self.impossible = [one for one in found if not _is_possible(one, rows)]
        self.left = len(self.sources)  # of them that are not compiled yet
        _make_directories(self.files, (*rows, *(one.compiled for one in self.sources)))
        sealed = entry.manifest.sealed
        for path in rows:
            _link(f"{entry.files}/{path}", f"{self.files}/{path}", sealed)

    def refuse(self, source: str) -> None:
        """The module at that path is no program, so it has no byte code."""
        self._refused.add(source)

    def finish(self, unsynced: str) -> Entry:
        """The entry, all of whose byte code is there; `unsynced`: see `Manifest`. Raises OSError."""
        made = [one.compiled for one in self.sources if one.path not in self._refused]
        sizes = sum(os.lstat(f"{self.files}/{path}").st_size for path in made)
        manifest = with_bytecode(self.entry.manifest, made, sizes)._replace(unsynced=unsynced)
        (self.directory / "manifest").write_bytes(dump(manifest))
        return Entry(self.entry.sha256, self.files, manifest, True)


def _is_possible(source: Source, files: Iterable[str]) -> bool:
    """Whether there can be a file for the byte code."""
    return len(os.fsencode(name_of(source.compiled))) <= _LONGEST and parent_of(source.compiled) not in files


def _make_directories(top: str, files: Iterable[str]) -> None:
    os.mkdir(top)
    for directory in sorted(directories_of(files)):
        os.mkdir(f"{top}/{directory}")


def _link(source: str, target: str, sealed: int) -> None:
    """Make `target` from a file of an entry with that seal: a link, or a copy with the same mtime."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise DamagedError(source) from None
    except OSError:  # the file system of a private tree is another one, or there are too many links
        from shutil import copyfile

        copyfile(source, target, follow_symlinks=False)
        os.chmod(target, os.stat(source).st_mode & 0o777)
        status = os.stat(source)
        set_times(target, status.st_mtime_ns, status.st_mtime_ns)
    if sealed != UNSEALED and not is_sealed(os.lstat(target), sealed):
        raise DamagedError(source)


def with_bytecode(manifest: Manifest, compiled: Sequence[str], size: int) -> Manifest:
    """`manifest` with byte code at the paths `compiled`, which has `size` bytes in all, as files of the wheel.

    Their rows in RECORD have neither hash nor size, as those of pip: Python may write byte code anew at any time.
    """
    trees, rows = [], list(manifest.data_rows)
    own: list[tuple[str, Row]] = []
    left = set(compiled)
    # the data of a wheel lies beside its own files, which have no base: so that comes last
    for tree in sorted(manifest.trees, key=lambda tree: not tree.base):
        below = sorted(path for path in left if path.startswith(f"{tree.base}/")) if tree.base else sorted(left)
        left.difference_update(below)
        inside = [path[len(tree.base) + 1 :] if tree.base else path for path in below]
        trees.append(tree if not below else Tree(tree.scheme, tree.base, *split([*_files_of(tree), *inside])))
        if tree.base:
            rows += [(tree.scheme, path, "", None) for path in inside]
        else:
            own += [(path, Row("", "", None)) for path in inside]
    order = [tree.base for tree in manifest.trees]
    return manifest._replace(
        trees=tuple(sorted(trees, key=lambda tree: order.index(tree.base))),
        record=manifest.record + render(own),
        data_rows=tuple(rows),
        files=manifest.files + len(compiled),
        size=manifest.size + size,
    )


def publish(store: Store, made: Sequence[tuple[NewTree, Entry]]) -> list[Entry]:
    """Make trees visible, after one sync for all; return the entries. One that cannot be made visible stays private.

    Raises InstuiError if the disk fails.
    """
    if not all(tree.is_private for tree, _ in made):
        store.sync()
    found = []
    for tree, entry in made:
        if tree.is_private:
            found.append(entry)
            continue
        final = Path(tree.place)
        with suppress(OSError):
            final.parent.mkdir(exist_ok=True)
            try:
                tree.directory.rename(final)
            except OSError:  # another session was faster, or killed long ago
                if (other := _loaded(tree.place, entry.sha256)) is None:
                    remove_tree(hide(final))
                    tree.directory.rename(final)
                else:
                    remove_tree(tree.directory)
                    entry = other
            entry = entry._replace(files=f"{final}/files")
        found.append(entry)
    return found


def discard(entry: Entry) -> None:
    """Remove a compiled tree that is damaged. Raises InstuiError."""
    try:
        remove_tree(hide(Path(entry.files).parent))
    except FileNotFoundError:
        return  # another session has done so
    except OSError as error:
        raise InstuiError(f"cannot repair the cache ({reason(error)}); {remedy(error, ANOTHER)}") from error
