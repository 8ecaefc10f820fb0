"""The meaning of the user's arguments: wheel files, directories of wheels, sources, requirements.

Nothing is looked up in an index here, and no dependency is followed. An install of local wheels loads neither uv nor a
parser of requirements.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from instui_engine.errors import BadWheelError, UsageError, printable, reason
from instui_engine.fs.given import absolute
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands
from instui_engine.target.interpreter import Interpreter
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import normalized as normalized
from instui_engine.wheel.filename import parse_wheel_filename

from .locations import (
    SOURCES,
    Location,
    expanded,
    file_url,
    is_source_name,
    is_tree,
    path_in,
    split_extras,
    split_fragment,
    split_marker,
)
from .locations import redacted as redacted
from .locations import shortened as shortened
from .requirement_text import (
    direct_requirement,
    editable_requirement,
    is_direct,
    read_requirement,
    source_requirement,
)
from .requirements import Requirement, is_lock_file, is_project, is_uv_lock

if TYPE_CHECKING:
    from packaging.utils import BuildTag

_LONGEST = 300  # characters of an explanation that are worth a line


class WheelFile(NamedTuple):
    """A wheel file that the user named, or whose directory was. `position` is its place among the arguments.

    `extras` stood behind its path in brackets, `demands` are the hashes behind a `#`.
    """

    path: str  # absolute
    name: str  # normalized
    version: str
    size: int
    position: int
    demands: Demands = ()
    extras: tuple[str, ...] = ()

    @property
    def filename(self) -> str:
        """The last component of its path."""
        return name_of(self.path)


class Arguments(NamedTuple):
    """The command line's arguments, sorted into their two kinds."""

    wheels: tuple[WheelFile, ...]
    requirements: tuple[Requirement, ...]
    positions: int  # how many positions they take


def target_name(interpreter: Interpreter) -> str:
    """How messages call the target: `CPython 3.11 on linux x86_64`."""
    markers = interpreter.markers
    return (
        f"{markers['platform_python_implementation']} {markers['python_version']} "
        f"on {markers['sys_platform']} {markers['platform_machine']}"
    )


def read_arguments(arguments: Sequence[str], interpreter: Interpreter, editables: Sequence[str] = ()) -> Arguments:
    """Sort the arguments into wheel files and requirements; `editables` follow them.

    As in pip and uv, a bare argument is the name of a distribution even if a directory has that name: a directory is
    written with a slash (`wheels/`) or a dot (`.`). One with a project in it is a source tree, whatever else is there.
    A path with a marker is a requirement, and so is a source.

    Raises UsageError for what can never be installed and for two versions of one distribution, and BadWheelError for a
    wheel that does not fit the target.
    """
    tags: dict[str, int] = {}
    builds: dict[str, list[_Build]] = {}
    requirements: list[Requirement] = []
    position = 0
    for argument in arguments:
        place = _local(argument)
        if place is None and "\n" in argument:
            raise UsageError(f"{shortened(argument)} has more than one line; give each requirement by itself")
        if place is None:
            requirements.append(read_requirement(argument, ("",), position=position))
            position += 1
            continue
        if (source := _source(place, position)) is not None:
            requirements.append(source)
            position += 1
            continue
        tags = tags or {tag: rank for rank, tag in enumerate(interpreter.tags)}
        for build in _builds(place, position, tags):
            builds.setdefault(build.file.name, []).append(build)
            position += 1
    for argument in editables:
        requirements.append(editable_requirement(argument, ("",), position=position))
        position += 1
    wheels = [_choose(candidates, interpreter) for candidates in builds.values()]
    return Arguments(tuple(wheels), tuple(requirements), position)


def wheel_requirement(wheel: WheelFile) -> Requirement:
    """The wheel as a requirement, whose dependencies can be resolved."""
    location = Location(file_url(wheel.path, printable(wheel.path)), wheel.path, wheel.extras, wheel.demands)
    return direct_requirement(wheel.name, location, position=wheel.position)


class _Build(NamedTuple):
    """A wheel file, and the rank of its tags for the target: 0 is the best, -1 means that it does not fit."""

    file: WheelFile
    rank: int
    named: bool  # the file itself, not its directory
    number: "BuildTag"  # of two builds with the same tags, the higher one is taken


class _Place(NamedTuple):
    """The path of a wheel file or of a directory of wheels, as given, and what stood behind it."""

    path: str
    extras: tuple[str, ...] = ()
    demands: Demands = ()


def _local(argument: str) -> _Place | None:
    """The path that `argument` stands for; None for a requirement."""
    if not argument.strip():
        raise UsageError("an empty argument is neither a requirement nor a wheel")
    if argument.endswith((".txt", ".in")) and "@" not in argument:
        raise UsageError(
            f"{shortened(argument)} looks like a file of requirements; give it as -r {shortened(argument)}"
        )
    _check_no_listing(argument)
    is_url = argument.startswith("file:")
    if is_direct(argument) or ("://" in argument and not is_url):
        return None
    path = os.path.expanduser(argument)
    if "/" in path and os.path.exists(absolute(path)) and (path.endswith(".whl") or os.path.isdir(absolute(path))):
        return _Place(path)  # whatever characters it has
    place, marker = split_marker(argument)
    place, extras = split_extras(place, f"{shortened(argument)}: ")
    plain = expanded(place)
    if not (is_url or "/" in plain or plain.startswith((".", "~")) or _is_archive(plain)):
        return None
    if marker is not None:
        return None
    plain, demands = split_fragment(plain, shortened(argument))
    path = path_in(plain, shortened(argument)) if is_url else os.path.expanduser(plain)
    return _Place(path, extras, demands)


def _check_no_listing(argument: str) -> None:
    """Raise UsageError for a file that says what a project needs, or a lock file, if it is there.

    Its name is that of a distribution, too, which a stranger may have put into an index.
    """
    is_listing = is_project(argument) or is_lock_file(argument) or is_uv_lock(argument)
    if is_listing and os.path.isfile(absolute(os.path.expanduser(argument))):
        shown = shortened(argument)
        if is_uv_lock(argument):
            raise UsageError(f"{shown} is the lock file of a project; `instui sync {shown}` installs what it lists")
        raise UsageError(f"{shown} looks like a file of requirements; give it as -r {shown}")


def _is_archive(path: str) -> bool:
    return path.partition("#")[0].lower().endswith((".whl", *SOURCES))


def _source(given: _Place, position: int) -> Requirement | None:
    """The requirement of what lies at a path, if that is a source."""
    path = absolute(given.path)
    is_directory = os.path.isdir(path)
    if not (is_tree(path) if is_directory else is_source_name(path) and os.path.isfile(path)):
        return None
    if is_directory and given.demands:
        raise UsageError(f"{printable(given.path)} is a source tree, which has no hash")
    location = Location(file_url(path, printable(path)), path, given.extras, given.demands, is_source=True)
    return source_requirement("", location, position=position)


def _builds(given: _Place, position: int, tags: dict[str, int]) -> Iterator[_Build]:
    """The wheel at a path, or those directly in it, sorted by name."""
    path = given.path
    place = absolute(path)
    try:
        status = os.stat(place)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            gone = f", a symbolic link to {printable(os.path.realpath(place))}," if os.path.islink(place) else ""
            raise UsageError(f"{printable(path)}{gone} does not exist") from error
        raise UsageError(f"cannot read {reason(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        _check_kind(path, status)
        build = _build(place, status.st_size, position, tags, named=True)
        yield build._replace(file=build.file._replace(extras=given.extras, demands=given.demands))
        return
    if given.extras or given.demands:
        raise UsageError(f"{printable(path)} is a directory; extras and hashes belong to a wheel")
    try:
        with os.scandir(place) as found:
            files = sorted((e.name, e.stat().st_size) for e in found if e.name.endswith(".whl") and e.is_file())
    except OSError as error:
        raise UsageError(f"cannot read {reason(error)}") from error
    if not files:
        raise UsageError(
            f"there are no wheels in the directory {printable(path)}, and no project (pyproject.toml or setup.py)"
        )
    for offset, (name, size) in enumerate(files):
        yield _build(f"{place}/{name}", size, position + offset, tags, named=False)


def _check_kind(path: str, status: os.stat_result) -> None:
    if not path.endswith(".whl"):
        raise UsageError(f"{printable(path)} is neither a wheel (*.whl), a source archive nor a directory")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{printable(path)} is not a regular file")


def _build(path: str, size: int, position: int, tags: dict[str, int], named: bool) -> _Build:
    filename = name_of(path)
    try:
        name, version, number = parse_wheel_filename(filename)
    except ValueError as error:
        raise BadWheelError(
            f"{printable(filename)} is not the file name of a wheel (name-version-python-abi-platform.whl)",
            wheel=filename,
        ) from error
    return _Build(WheelFile(path, name, version, size, position), _rank(filename, tags), named, number)


def _rank(filename: str, tags: dict[str, int]) -> int:
    """The rank of the best of its tags. They are built here as text, since packaging's Tag objects cost more."""
    pythons, abis, platforms = (part.split(".") for part in filename.lower().removesuffix(".whl").split("-")[-3:])
    ranks = [
        tags[tag]
        for python in pythons
        for abi in abis
        for platform in platforms
        if (tag := f"{python}-{abi}-{platform}") in tags
    ]
    return min(ranks, default=-1)


def _choose(builds: list[_Build], interpreter: Interpreter) -> WheelFile:
    """The one of a distribution's builds to install. It takes the position of the first of them."""
    first = builds[0].file
    for build in builds:
        if build.file.version != first.version:
            both = f"{printable(first.path)} and {printable(build.file.path)}"
            raise UsageError(f"{printable(first.name)} is given in two versions: {both}")
    named: dict[str, _Build] = {}
    for build in builds:
        if build.named:
            named[build.file.path] = _merged(named.get(build.file.path), build)
    if len(named) > 1:
        paths = " and ".join(printable(path) for path in list(named)[:2])
        raise UsageError(f"{printable(first.name)} is given twice: {paths}")
    candidates = list(named.values()) or builds
    fitting = [build for build in candidates if build.rank >= 0]
    if not fitting:
        filename = candidates[0].file.filename
        problem = f"{printable(filename)} does not fit this environment ({target_name(interpreter)})"
        raise BadWheelError(problem, wheel=filename)
    best = min(build.rank for build in fitting)
    chosen = max((build for build in fitting if build.rank == best), key=lambda build: build.number)
    return chosen.file._replace(position=first.position)


def _merged(one: _Build | None, other: _Build) -> _Build:
    """A file that is given twice: with the extras and the hashes of both."""
    if one is None:
        return other
    extras = tuple(dict.fromkeys((*one.file.extras, *other.file.extras)))
    demands = tuple(dict.fromkeys((*one.file.demands, *other.file.demands)))
    return other._replace(file=other.file._replace(extras=extras, demands=demands))


def one_line(text: str, longest: int = _LONGEST) -> str:
    """`text` for a message: one printable line without credentials, shortened."""
    line = printable(redacted(" ".join(text.split())))
    return line if len(line) <= longest else line[: longest - 3] + "..."
