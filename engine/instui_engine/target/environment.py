"""Environments: where each scheme of a wheel goes, and the one directory that holds them all.

Every path that the engine plans, locks, journals or renames is relative to `Environment.top`, with `/` and without
symbolic links in its parents, so that each file has only one name.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from instui_engine.errors import TargetError, printable, reason
from instui_engine.fs.cache_directory import default_cache
from instui_engine.fs.casefold import fold
from instui_engine.fs.given import absolute, resolved
from instui_engine.fs.paths import is_within, join, neutral
from instui_engine.values import NamedTuple

from .interpreter import Interpreter, probe
from .private import check_usable
from .search import check_own, find_python
from .volumes import RootFinder, Volumes, enclosing

SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
_CUSTOMARY = ("share", "etc")  # directories of the scheme "data" that a user may have moved elsewhere, as any root
_OWN = frozenset({"bin", "lib", "lib64", "include", *_CUSTOMARY})  # what holds the roots of a virtual environment
PRIVATE = ".instui"  # the engine's own directory below the top


class Environment(NamedTuple):
    """The target of an install. `roots`: scheme -> directory relative to `top` ("" is the top itself)."""

    top: Path
    interpreter: Interpreter
    roots: Mapping[str, str]
    executable: str
    neutral: frozenset[str]  # directories that are or contain a scheme root: never claimed as a subtree
    unlocked: frozenset[str]  # those of them that are neutral for every session here, whatever its flags
    volumes: Volumes
    folds: bool = False  # whether the file system treats `Foo` and `foo` as one name
    is_bare: bool = False  # whether it is a --target or --prefix outside any environment

    @property
    def private(self) -> Path:
        """The engine's own directory: journals, stages, records, backups and locks."""
        return self.top / PRIVATE

    def private_at(self, path: str) -> str:
        """The engine's own directory, relative to the top, from which a rename to `path` is possible."""
        return join(self.volumes.of(path), PRIVATE)

    def key(self, path: str) -> str:
        """The common form of all spellings of a path: the path itself, unless the file system folds names.

        `neutral`, `unlocked`, claims and the owners of files use this form; all other paths keep their spelling.
        """
        return fold(path) if self.folds else path

    def keys(self, paths: Iterable[str]) -> Iterable[str]:
        """The keys of many paths; without a call for each where the file system does not fold names."""
        return map(fold, paths) if self.folds else paths

    def folding(self) -> "Environment":
        """This environment as one on a file system that folds names."""
        neutral, unlocked = (frozenset(map(fold, paths)) for paths in (self.neutral, self.unlocked))
        return self._replace(folds=True, neutral=neutral, unlocked=unlocked)

    @property
    def lock_path(self) -> Path:
        """The lock file that uv locks for this environment."""
        return self.top / ".lock"

    @property
    def site_packages(self) -> tuple[str, ...]:
        """The directories (relative to the top) in which installed distributions are listed, without duplicates."""
        return tuple(dict.fromkeys((self.roots["purelib"], self.roots["platlib"])))


def discover(
    cache: Path | None = None,
    *,
    python: str = "",
    target: str = "",
    prefix: str = "",
    break_system_packages: bool = False,
    writable: bool = True,
    system: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> Environment:
    """The environment at `python` (an environment or an interpreter), else the active one, else the nearest `.venv`.

    `target` and `prefix` choose other directories for the same interpreter, as in uv; with them, the one that a shell
    would start will do if there is no environment. `system` passes over environments, and takes the first Python on
    PATH that is in none. The facts about an interpreter are noted in `cache` (default: this system's place for caches).
    If they are not there yet, `meanwhile` is done until the interpreter has told them.
    Raises TargetError if there is no environment, if the system manages the interpreter, or, with `writable`, if its
    directories are not writable; UsageError for text that cannot be a path.
    """
    _check_encoding()
    found = find_python(python, anywhere=bool(target or prefix), system=system)
    interpreter = probe(found.python, cache or default_cache(), meanwhile)
    if not (target or prefix):
        check_own(found, interpreter)
    if interpreter.externally_managed and not (break_system_packages or target or prefix):
        from .managed import refusal

        raise refusal(interpreter.prefix, interpreter.paths["stdlib"])
    version = ".".join(interpreter.version.split(".")[:2])
    if target:
        base, place = _place(target)
        paths = dict.fromkeys(("purelib", "platlib", "data"), place)
        paths |= {"scripts": f"{place}/bin", "headers": f"{place}/include"}
    elif prefix:
        base, place = _place(prefix)
        purelib, platlib = (f"{place}/{path}" for path in interpreter.libraries)
        headers = f"{place}/include/{'site/' if interpreter.is_venv else ''}python{version}"
        paths = {"purelib": purelib, "platlib": platlib, "scripts": f"{place}/bin", "data": place, "headers": headers}
    else:
        base = interpreter.prefix
        paths = {key: interpreter.paths[key] for key in ("purelib", "platlib", "scripts", "data")}
        # as in pip and uv: in some versions, a venv's own include directory is a link to the base interpreter's
        paths["headers"] = (
            f"{base}/include/site/python{version}" if interpreter.is_venv else interpreter.paths["include"]
        )
    real_base = os.path.realpath(base)
    find_root = RootFinder(real_base)
    real = {scheme: _named(paths[scheme], base, real_base, find_root) for scheme in SCHEMES}
    for name in _CUSTOMARY if real["data"] == real_base else ():
        find_root.look_at(name)
    top = enclosing(os.path.commonpath([*real.values(), real_base]))
    if interpreter.is_venv and not (target or prefix):
        _check_inside(real_base, real)
    volumes = find_root.volumes(top)
    roots = {scheme: "" if path == top else os.path.relpath(path, top) for scheme, path in real.items()}
    if writable:
        _check_writable([top, *map(volumes.place, roots.values())])
        check_usable(Path(top) / PRIVATE)
    common = common_roots(top, version)
    return Environment(
        top=Path(top),
        interpreter=interpreter,
        roots=MappingProxyType(roots),
        executable=interpreter.executable,
        neutral=neutral([*roots.values(), *common, *volumes]),
        unlocked=neutral(common),
        volumes=volumes,
        is_bare=bool(target or prefix) and not common,
    )


def _named(path: str, base: str, real_base: str, find_root: RootFinder) -> str:
    """The path by which the environment at `base` knows a scheme root, without links except those that lead out."""
    if not is_within(path, base):
        real = os.path.realpath(path)
        if not is_within(real, real_base):
            return real
        path, base = real, real_base
    return f"{real_base.rstrip('/')}/{find_root(path[len(base) :].strip('/'))}".rstrip("/") or "/"


def _check_encoding() -> None:
    """Raise TargetError if this Python would write other names than wheels have: those are in UTF-8."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        raise TargetError(
            f"this Python encodes file names in {encoding}, which cannot write all names of wheels; start it with "
            "PYTHONUTF8=1, or in a UTF-8 locale"
        )


def common_roots(top: str, version: str) -> list[str]:
    """The scheme roots of every session in the virtual environment at `top`; [] if that is none.

    `version` is the interpreter's; of that only two numbers count.
    """
    if not os.path.isfile(f"{top}/pyvenv.cfg"):
        return []
    python = f"python{'.'.join(version.split('.')[:2])}"
    return ["bin", f"lib/{python}/site-packages", f"include/site/{python}"]


def _check_inside(prefix: str, roots: Mapping[str, str]) -> None:
    for path in roots.values():
        if not is_within(path, prefix):
            raise TargetError(
                f"a symbolic link leads from the environment {printable(prefix)} to {printable(path)}, out of it; it "
                "is not followed: name that directory with --target",
                path=path,
            )


def _check_writable(directories: Iterable[str]) -> None:
    for path in directories:
        place = path
        while not _exists(place):
            place = os.path.dirname(place)
        if not os.path.isdir(place):
            problem = f"{printable(place)} is not a directory, so nothing can be installed into it"
            raise TargetError(problem, path=place)
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            raise TargetError(f"{printable(place)} is on a read-only file system; nothing was written", path=place)
        if not os.access(place, os.W_OK | os.X_OK):
            problem = f"no permission to write to {printable(place)}; choose another environment with --python"
            raise TargetError(problem, path=place)


def _place(directory: str) -> tuple[str, str]:
    """The directory that the user named, which need not exist yet but can be made, after one at or above it.

    Both are the same, without links; but where a link of the user's leads out of an environment, the first is that
    environment and the second is below it, as its sessions know the directory by that name.
    """
    place = _makeable(resolved(directory))
    named = absolute(directory)
    around = enclosing(named)
    is_of_it = named[len(around) :].partition("/")[2].partition("/")[0] in _OWN  # not any link that lies there
    if not is_of_it or os.path.realpath(named) != place or os.path.isfile(f"{enclosing(place)}/pyvenv.cfg"):
        return place, place
    base = os.path.realpath(around)
    return base, f"{base}{named[len(around) :]}"


def _makeable(place: str) -> str:
    above = place
    missing = []
    while not _exists(above):
        above, _, name = above.rpartition("/")
        missing.append(name)
    for name in missing:  # below a missing directory, the system does not check whether a name is too long
        _exists(f"{above}/{name}")
    return place


def _exists(path: str) -> bool:
    """Whether anything at `path` is visible. Raises TargetError if nothing can ever be there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    except OSError as error:
        raise TargetError(f"nothing can be installed into {reason(error)}", path=path) from error
    return True
