"""The manifest of an unpacked wheel in the store, so that nothing is walked, parsed or hashed again.

It is computed once, when the wheel is unpacked, in the form that plan and stage need. The files of each scheme are
grouped into the subtrees that will be claimed and renamed as a whole (the shallowest directory that directly receives a
file), and the RECORD rows are already rendered. It is stored with `marshal`, which loads 25,000 names in about 10 ms; a
checksum in front catches truncation and edits.
"""

import marshal
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from instui_engine.fs.paths import directories_of
from instui_engine.values import NamedTuple

from .entry_points import EntryPoint
from .launchers import body
from .record import Row, render, rows_of

if TYPE_CHECKING:
    from .metadata import WheelMetadata

FORMAT = 4  # part of the store's path: another format means another store
# Written for each environment; never taken from the wheel, which might forge them.
_OWN_INFO = frozenset(
    {
        *("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED"),
        *("direct_url.json", "uv_cache.json", "uv_build.json"),
    }
)

Directories = tuple[tuple[str, tuple[str, ...]], ...]
"""(directory relative to the subtree, "" for itself; names of the files in it), parents before children."""


class Tree(NamedTuple):
    """The files of one scheme. `base` is their place in the unpacked wheel: "" or `name.data/scheme`."""

    scheme: str
    base: str
    singles: tuple[str, ...]  # files directly in the scheme's root
    subtrees: tuple[tuple[str, Directories], ...]  # directory relative to the scheme's root -> what it holds


class Manifest(NamedTuple):
    """One unpacked wheel.

    `record` has the rendered rows of all files of the root scheme and of `.dist-info`. `sealed` is the mtime in
    nanoseconds that every unpacked file was given; a file with another mtime was changed since. `unsynced` is the boot
    of the system in which the entry was made without being synced, "" for one that was synced (see `store`). `flaws`
    says what is wrong with the wheel's RECORD: only who permits that may use the entry. "" for nothing.
    """

    name: str  # normalized
    version: str
    dist_info: str
    root: str  # "purelib" or "platlib"
    requires_python: str
    requires_dist: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    trees: tuple[Tree, ...]  # the root scheme first, without `.dist-info`
    info: Directories  # the wheel's own files in `.dist-info`
    record: str
    data_rows: tuple[tuple[str, str, str, int | None], ...]  # scheme, path in it, "algorithm=digest", size
    shebangs: tuple[str, ...]  # scripts that begin with `#!python`
    files: int
    size: int
    warnings: tuple[str, ...]
    flaws: str
    sealed: int
    unsynced: str

    def data_files(self) -> dict[str, Row]:
        """Path in the unpacked wheel -> RECORD row, for the files outside the root scheme."""
        bases = {tree.scheme: tree.base for tree in self.trees[1:]}
        return {
            f"{bases[scheme]}/{path}": Row(digest.partition("=")[0], digest.partition("=")[2], size)
            for scheme, path, digest, size in self.data_rows
        }

    def all_files(self) -> dict[str, Row]:
        """Path in the unpacked wheel -> RECORD row, for all files that are installed as they are."""
        return {**dict(rows_of(self.record)), **self.data_files()}


def build(
    metadata: "WheelMetadata",
    rows: Mapping[str, Row],
    sizes: Mapping[str, int],
    shebangs: Iterable[str],
    sealed: int = 0,
    unsynced: str = "",
    flaws: str = "",
) -> Manifest:
    """The manifest of a wheel. `sizes` (path in the archive -> bytes) was unpacked, and verified with `rows`."""
    info: list[str] = []
    schemes: dict[str, list[str]] = {}
    data_rows = []
    rendered: list[tuple[str, Row]] = []
    root = "purelib" if metadata.root_is_purelib else "platlib"
    info_prefix = f"{metadata.dist_info}/"
    data_prefix = f"{metadata.data_dir}/"
    for path in sorted(sizes):
        size = sizes[path]
        row = rows.get(path) or Row("", "", size)
        if row.size != size:
            row = row._replace(size=size)
        if path.startswith(info_prefix):
            relative = path[len(info_prefix) :]
            if relative in _OWN_INFO:
                continue
            info.append(relative)
            rendered.append((path, row))
        elif path.startswith(data_prefix):
            scheme, _, relative = path[len(data_prefix) :].partition("/")
            schemes.setdefault(scheme, []).append(relative)
            data_rows.append((scheme, relative, f"{row.algorithm}={row.digest}", size))
        else:
            schemes.setdefault("", []).append(path)
            rendered.append((path, row))
    trees = [_tree(root, "", schemes.pop("", []))]
    trees += [_tree(scheme, f"{metadata.data_dir}/{scheme}", files) for scheme, files in sorted(schemes.items())]
    return Manifest(
        name=metadata.name,
        version=metadata.version,
        dist_info=metadata.dist_info,
        root=root,
        requires_python=metadata.requires_python,
        requires_dist=metadata.requires_dist,
        entry_points=tuple(point._replace(body=body(point)) for point in metadata.entry_points),
        trees=tuple(trees),
        info=directories(info),
        record=render(rendered),
        data_rows=tuple(data_rows),
        shebangs=tuple(shebangs),
        files=len(sizes),
        size=sum(sizes.values()),
        warnings=metadata.warnings,
        flaws=flaws,
        sealed=sealed,
        unsynced=unsynced,
    )


def _tree(scheme: str, base: str, files: Iterable[str]) -> Tree:
    singles, subtrees = split(files)
    return Tree(scheme, base, singles, subtrees)


def split(files: Iterable[str]) -> tuple[tuple[str, ...], tuple[tuple[str, Directories], ...]]:
    """The files directly in the root, and the shallowest directories that directly receive a file, with content."""
    singles = []
    by_directory: dict[str, list[str]] = {}
    for path in files:
        directory, _, name = path.rpartition("/")
        if directory:
            by_directory.setdefault(directory, []).append(name)
        else:
            singles.append(name)
    subtrees: list[tuple[str, list[str]]] = []
    # "/" sorts lowest, so that a directory is followed by everything below it
    for directory in sorted(by_directory, key=lambda path: path.replace("/", "\0")):
        if not subtrees or not directory.startswith(subtrees[-1][0] + "/"):
            subtrees.append((directory, []))
        top, paths = subtrees[-1]
        below = directory[len(top) + 1 :]
        paths += [f"{below}/{name}" if below else name for name in by_directory[directory]]
    return tuple(sorted(singles)), tuple((top, directories(paths)) for top, paths in subtrees)


def directories(files: Iterable[str]) -> Directories:
    """`files` grouped by directory, including intermediate directories without files of their own."""
    paths = sorted(files)
    found: dict[str, list[str]] = {directory: [] for directory in ("", *directories_of(paths))}
    for path in paths:
        directory, _, name = path.rpartition("/")
        found[directory].append(name)
    return tuple((path, tuple(found[path])) for path in sorted(found, key=lambda path: path.replace("/", "\0")))


def dump(manifest: Manifest) -> bytes:
    """The manifest as bytes, for `load`."""
    plain = manifest._replace(
        entry_points=tuple(map(tuple, manifest.entry_points)),  # type: ignore[arg-type]
        trees=tuple(map(tuple, manifest.trees)),  # type: ignore[arg-type]
    )
    payload = marshal.dumps(tuple(plain), 4)
    return zlib.crc32(payload).to_bytes(4, "big") + payload


def load(data: bytes) -> Manifest:
    """The manifest that `dump` wrote. Raises ValueError if the bytes are damaged."""
    payload = memoryview(data)[4:]
    if len(data) < 5 or zlib.crc32(payload) != int.from_bytes(data[:4], "big"):
        raise ValueError("damaged manifest")
    manifest = Manifest(*marshal.loads(payload))  # noqa: S302 - our own file, with the right checksum
    return manifest._replace(
        entry_points=tuple(EntryPoint(*point) for point in manifest.entry_points),
        trees=tuple(Tree(*tree) for tree in manifest.trees),
    )
