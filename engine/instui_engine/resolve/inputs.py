"""The meaning of the user's arguments: wheel files, directories of wheels, requirement specifiers.

Nothing is looked up in an index here, and no dependency is followed. An install of local wheels loads neither uv nor a
parser of requirements.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from instui_engine.errors import BadWheelError, UsageError, printable, reason
from instui_engine.fs.given import absolute
from instui_engine.fs.paths import name_of
from instui_engine.target.interpreter import Interpreter

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*")
_SEPARATORS = re.compile(r"[-_.]+")
_VCS = re.compile(r"(git|hg|svn|bzr)\+")
_SOURCES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip")
BUILD = "instui installs wheels; build one with `uv build --wheel` and give that"
_LONGEST = 300  # characters of an explanation that are worth a line


class WheelFile(NamedTuple):
    """A wheel file that the user named, or whose directory was. `position` is its place among the arguments."""

    path: str  # absolute
    name: str  # normalized
    version: str
    size: int
    position: int

    @property
    def filename(self) -> str:
        """The last component of its path."""
        return name_of(self.path)


class Specifier(NamedTuple):
    """A requirement (PEP 508). `hashes` are those that its file allows, as `algorithm:hex`; none for an argument."""

    text: str
    name: str  # normalized
    position: int
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line's arguments, sorted into their two kinds."""

    wheels: tuple[WheelFile, ...]
    specifiers: tuple[Specifier, ...]
    count: int  # the number of positions that they take


class Copy(NamedTuple):
    """A requirement file as it was read. `name` is that of the copy, `shown` the user's name for the file."""

    name: str
    shown: str
    text: str

    def write(self, directory: Path) -> Path:
        """Put it into `directory`, where all copies lie side by side. Raises OSError."""
        path = directory / self.name
        path.write_bytes(self.text.encode("utf-8", "surrogateescape"))
        return path


@dataclass(frozen=True, slots=True)
class Lines:
    """What requirement files ask for. `plain`: they contain nothing that only uv understands.

    `copies` are those of all files, for uv. `requirement_files` and `constraint_files` are the names of the copies of
    the files that the user named.
    """

    requirements: tuple[Specifier, ...] = ()
    constraints: tuple[Specifier, ...] = ()
    plain: bool = True
    copies: tuple[Copy, ...] = ()
    requirement_files: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()


def normalized(name: str) -> str:
    """The name as the simple index spells it: packaging's `canonicalize_name`, without its import."""
    return _SEPARATORS.sub("-", name).lower()


def target_name(interpreter: Interpreter) -> str:
    """How messages call the target: `CPython 3.11 on linux x86_64`."""
    markers = interpreter.markers
    return (
        f"{markers['platform_python_implementation']} {markers['python_version']} "
        f"on {markers['sys_platform']} {markers['platform_machine']}"
    )


def read_arguments(arguments: Sequence[str], interpreter: Interpreter) -> Arguments:
    """Sort the arguments into wheel files and requirement specifiers.

    As in pip and uv, a bare argument is the name of a distribution even if a directory has that name: a directory is
    written with a slash (`wheels/`) or a dot (`.`).

    Raises UsageError for what can never be installed and for two versions of one distribution, and BadWheelError for a
    wheel that does not fit the target.
    """
    tags: dict[str, int] = {}
    builds: dict[str, list[_Build]] = {}
    specifiers: list[Specifier] = []
    position = 0
    for argument in arguments:
        path = _as_path(argument)
        if path is None:
            specifiers.append(_specifier(argument, position))
            position += 1
            continue
        tags = tags or {tag: rank for rank, tag in enumerate(interpreter.tags)}
        for build in _builds(path, position, tags):
            builds.setdefault(build.file.name, []).append(build)
            position += 1
    wheels = [_choose(candidates, interpreter) for candidates in builds.values()]
    return Arguments(tuple(wheels), tuple(specifiers), position)


class _Build(NamedTuple):
    """A wheel file, and the rank of its tags for the target: 0 is the best, -1 means that it does not fit."""

    file: WheelFile
    rank: int
    named: bool  # the file itself, not its directory


def _as_path(argument: str) -> str | None:
    """The path that `argument` stands for; None for a requirement specifier."""
    if not argument.strip():
        raise UsageError("an empty argument is neither a requirement nor a wheel")
    if argument.endswith((".txt", ".in")) and "@" not in argument:
        raise UsageError(
            f"{shortened(argument)} looks like a file of requirements; give it as -r {shortened(argument)}"
        )
    if argument.startswith("file://"):
        return unquote(_path_in(argument))
    if "://" in argument or is_direct(argument):
        return None
    plain = argument.partition(";")[0].rstrip()
    if "/" in plain or plain.startswith((".", "~")) or plain.lower().endswith((".whl", *_SOURCES)):
        return os.path.expanduser(argument)
    return None


def _path_in(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError as error:  # a host in brackets that is not an address
        raise UsageError(f"{shortened(url)} is not a URL: {printable(str(error))}") from error


def requirement_name(text: str) -> str:
    """The normalized name that the requirement `text` begins with; "" for none."""
    found = _NAME.match(text)
    return normalized(found[1]) if found else ""


def is_direct(text: str) -> bool:
    """Whether it has the form `name @ location`."""
    return "@" in text.partition("/")[0] and _NAME.match(text) is not None


def _builds(path: str, position: int, tags: dict[str, int]) -> Iterator[_Build]:
    """The wheel at `path`, or those directly in it, sorted by name."""
    place = absolute(path)
    try:
        status = os.stat(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise UsageError(f"{printable(path)} does not exist") from error
        raise UsageError(f"cannot read {reason(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        _check_kind(path, status)
        yield _build(place, status.st_size, position, tags, named=True)
        return
    try:
        with os.scandir(place) as found:
            files = sorted((e.name, e.stat().st_size) for e in found if e.name.endswith(".whl") and e.is_file())
    except OSError as error:
        raise UsageError(f"cannot read {reason(error)}") from error
    if not files:
        if any(os.path.exists(f"{place}/{name}") for name in ("pyproject.toml", "setup.py")):
            raise UsageError(f"{printable(path)} is a source tree: {BUILD}")
        raise UsageError(f"there are no wheels in the directory {printable(path)}")
    for offset, (name, size) in enumerate(files):
        yield _build(f"{place}/{name}", size, position + offset, tags, named=False)


def _check_kind(path: str, status: os.stat_result) -> None:
    if path.lower().endswith(_SOURCES):
        raise UsageError(f"{printable(path)} is a source archive: {BUILD}")
    if not path.endswith(".whl"):
        raise UsageError(f"{printable(path)} is neither a wheel (*.whl) nor a directory of wheels")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{printable(path)} is not a regular file")


def _build(path: str, size: int, position: int, tags: dict[str, int], named: bool) -> _Build:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    filename = name_of(path)
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise BadWheelError(
            f"{printable(filename)} is not the file name of a wheel (name-version-python-abi-platform.whl)",
            wheel=filename,
        ) from error
    return _Build(WheelFile(path, name, str(version), size, position), _rank(filename, tags), named)


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
    named = {build.file.path: build for build in builds if build.named}
    if len(named) > 1:
        paths = " and ".join(printable(path) for path in list(named)[:2])
        raise UsageError(f"{printable(first.name)} is given twice: {paths}")
    candidates = list(named.values()) or builds
    fitting = [build for build in candidates if build.rank >= 0]
    if not fitting:
        filename = candidates[0].file.filename
        problem = f"{printable(filename)} does not fit this environment ({target_name(interpreter)})"
        raise BadWheelError(problem, wheel=filename)
    return min(fitting, key=lambda build: build.rank).file._replace(position=first.position)


def _specifier(argument: str, position: int) -> Specifier:
    """The requirement in `argument`, checked; a bare URL of a wheel gets the name put in front."""
    refuse_source(argument)
    text = argument
    if "://" in argument and not is_direct(argument):
        name = wheel_name(argument)
        if not name:
            raise UsageError(f"{shortened(argument)} is not the URL of a wheel: {BUILD}")
        text = f"{name} @ {argument}"
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{shortened(argument)} is not a requirement: {printable(why)}") from error
    return Specifier(text, normalized(requirement.name), position)


def refuse_source(text: str, where: str = "") -> None:
    """Raise UsageError for anything that would have to be built: version control, source archives or directories."""
    url = text.partition("@")[2].strip() if is_direct(text) else text
    url = url.partition(" ;" if "://" in url else ";")[0].rstrip()
    location = _path_in(url) if "://" in url else url
    if _VCS.match(url):
        raise UsageError(f"{where}{shortened(text)} is a version control URL: {BUILD}")
    if location.lower().endswith(_SOURCES):
        raise UsageError(f"{where}{shortened(text)} is a source archive: {BUILD}")
    if location.startswith((".", "/")) and not location.endswith(".whl"):
        raise UsageError(f"{where}{shortened(text)} is a directory or no wheel: {BUILD}")


def wheel_name(location: str) -> str:
    """The normalized name of the wheel that a path or URL ends in; "" if it does not end in a wheel."""
    filename = name_of(unquote(_path_in(location)))
    name, dash, rest = filename.partition("-")
    return normalized(name) if dash and rest.endswith(".whl") else ""


def shortened(text: str) -> str:
    """`text` for a message: printable, without passwords, not too long."""
    return printable(redacted(text if len(text) <= 200 else text[:197] + "..."))


def redacted(text: str) -> str:
    """`text` without the user names and passwords of its URLs."""
    return re.sub(r"(://)[^/\s]*@", r"\1", text)


def one_line(text: str, longest: int = _LONGEST) -> str:
    """`text` for a message: one printable line without credentials, shortened."""
    line = printable(redacted(" ".join(text.split())))
    return line if len(line) <= longest else line[: longest - 3] + "..."
