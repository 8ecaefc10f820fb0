"""What the user's arguments mean: wheel files, directories of wheels, requirement specifiers, requirement files.

Nothing is looked up in an index here and no dependency is followed. The path of plain wheel files is lean on purpose:
an install of local wheels starts neither uv nor a parser of requirements.
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
from instui_engine.target.interpreter import Interpreter

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*")
_SEPARATORS = re.compile(r"[-_.]+")
_VCS = re.compile(r"(git|hg|svn|bzr)\+")
_SOURCES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip")
_BUILD = "instui installs wheels; build one with `uv build --wheel` and give that"

_COMMENT = re.compile(r"(^|\s+)#.*$")
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")
_HASH = re.compile(r"\s--hash[=\s]\s*([a-z0-9]+):([0-9A-Fa-f]+)")
# where to look for wheels has no bearing on whether an installed version satisfies a line
_HARMLESS = re.compile(
    r"(-i|-f|--index-url|--extra-index-url|--find-links|--no-index|--trusted-host|--prefer-binary)\b"
)
_FILE = re.compile(r"(-[rc]|--requirements?(?=[=\s])|--constraints?(?=[=\s]))[=\s]*(.*)")
_EDITABLE = re.compile(r"-e|--editable\b")


class WheelFile(NamedTuple):
    """A wheel file that the user named, itself or through its directory. `position`: its place among the arguments."""

    path: str  # absolute
    name: str  # normalized
    version: str
    size: int
    position: int

    @property
    def filename(self) -> str:
        """The last component of its path."""
        return self.path.rpartition("/")[2]


class Specifier(NamedTuple):
    """A requirement in the form of PEP 508. `hashes`: `algorithm:hex` that its file allows, none from an argument."""

    text: str
    name: str  # normalized
    position: int
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line's arguments, in two kinds."""

    wheels: tuple[WheelFile, ...]
    specifiers: tuple[Specifier, ...]
    count: int  # of the positions used


@dataclass(frozen=True, slots=True)
class Lines:
    """What requirement files ask for. `plain`: nothing stands in them that only uv understands."""

    requirements: tuple[Specifier, ...]
    constraints: tuple[Specifier, ...]
    plain: bool


def normalized(name: str) -> str:
    """The name as in the simple index; as packaging's `canonicalize_name`, but without its import."""
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

    As in pip and uv a bare argument is the name of a distribution even where a directory has that name: a directory is
    written with a slash (`wheels/`) or a dot (`.`).

    Raises UsageError for what cannot be installed at all and for one distribution in two versions, BadWheelError for a
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
    """A wheel file and how well it fits: its rank among the target's tags, the best first; -1 for not at all."""

    file: WheelFile
    rank: int
    named: bool  # itself, not through its directory


def _as_path(argument: str) -> str | None:
    """The path that `argument` means, or None for a requirement specifier."""
    if not argument.strip():
        raise UsageError("an empty argument is neither a requirement nor a wheel")
    if argument.endswith((".txt", ".in")) and "@" not in argument:
        raise UsageError(f"{_shown(argument)} looks like a file of requirements; give it as -r {_shown(argument)}")
    if argument.startswith("file://"):
        return unquote(urlsplit(argument).path)
    if "://" in argument or _is_direct(argument):
        return None
    plain = argument.partition(";")[0].rstrip()
    if "/" in plain or plain.startswith((".", "~")) or plain.lower().endswith((".whl", *_SOURCES)):
        return os.path.expanduser(argument)
    return None


def _is_direct(text: str) -> bool:
    """Is it of the form `name @ location`?"""
    return "@" in text.partition("/")[0] and _NAME.match(text) is not None


def _builds(path: str, position: int, tags: dict[str, int]) -> Iterator[_Build]:
    """The wheel at `path`, or those directly in it, sorted by name."""
    try:
        status = os.stat(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise UsageError(f"{printable(path)} does not exist") from error
        raise UsageError(f"cannot read {reason(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        _check_kind(path, status)
        yield _build(os.path.abspath(path), status.st_size, position, tags, named=True)
        return
    directory = os.path.abspath(path)
    try:
        files = sorted(
            (e.name, e.stat().st_size) for e in os.scandir(directory) if e.name.endswith(".whl") and e.is_file()
        )
    except OSError as error:
        raise UsageError(f"cannot read {reason(error)}") from error
    if not files:
        if any(os.path.exists(f"{directory}/{name}") for name in ("pyproject.toml", "setup.py")):
            raise UsageError(f"{printable(path)} is a source tree: {_BUILD}")
        raise UsageError(f"there are no wheels in the directory {printable(path)}")
    for offset, (name, size) in enumerate(files):
        yield _build(f"{directory}/{name}", size, position + offset, tags, named=False)


def _check_kind(path: str, status: os.stat_result) -> None:
    if path.lower().endswith(_SOURCES):
        raise UsageError(f"{printable(path)} is a source archive: {_BUILD}")
    if not path.endswith(".whl"):
        raise UsageError(f"{printable(path)} is neither a wheel (*.whl) nor a directory of wheels")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{printable(path)} is not a regular file")


def _build(path: str, size: int, position: int, tags: dict[str, int], named: bool) -> _Build:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    filename = path.rpartition("/")[2]
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise BadWheelError(
            f"{printable(filename)} is not the file name of a wheel (name-version-python-abi-platform.whl)",
            wheel=filename,
        ) from error
    return _Build(WheelFile(path, name, str(version), size, position), _rank(filename, tags), named)


def _rank(filename: str, tags: dict[str, int]) -> int:
    """The rank of the best of its tags. They are spelled out here: packaging's set of Tag objects costs more."""
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
    """Of the builds of one distribution the one to install, in the place where the first of them was given."""
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
    """The requirement in `argument`, checked; a bare URL of a wheel gets the name in front of it."""
    _refuse_source(argument)
    text = argument
    if "://" in argument and not _is_direct(argument):
        name = _wheel_name(argument)
        if not name:
            raise UsageError(f"{_shown(argument)} is not the URL of a wheel: {_BUILD}")
        text = f"{name} @ {argument}"
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{_shown(argument)} is not a requirement: {printable(why)}") from error
    return Specifier(text, normalized(requirement.name), position)


def _refuse_source(text: str, where: str = "") -> None:
    """UsageError for what would have to be built: version control, source archives, source directories."""
    url = text.partition("@")[2].strip() if _is_direct(text) else text
    url = url.partition(" ;" if "://" in url else ";")[0].rstrip()
    location = urlsplit(url).path if "://" in url else url
    if _VCS.match(url):
        raise UsageError(f"{where}{_shown(text)} is a version control URL: {_BUILD}")
    if location.lower().endswith(_SOURCES):
        raise UsageError(f"{where}{_shown(text)} is a source archive: {_BUILD}")
    if location.startswith((".", "/")) and not location.endswith(".whl"):
        raise UsageError(f"{where}{_shown(text)} is a directory or no wheel: {_BUILD}")


def _wheel_name(location: str) -> str:
    """The normalized name of the wheel that a path or URL ends in; "" if it is none."""
    filename = unquote(urlsplit(location).path).rpartition("/")[2]
    name, dash, rest = filename.partition("-")
    return normalized(name) if dash and rest.endswith(".whl") else ""


def _shown(text: str) -> str:
    return printable(redacted(text if len(text) <= 200 else text[:197] + "..."))


def redacted(text: str) -> str:
    """`text` without the user names and passwords of its URLs."""
    return re.sub(r"(://)[^/\s]*@", r"\1", text)


def read_requirement_files(files: Sequence[str], constraint_files: Sequence[str] = (), position: int = 0) -> Lines:
    """The lines of requirement files (pip's format), nested files included, counted from `position` on.

    What only uv understands is skipped and makes the answer not `plain`; uv gets the files themselves anyway. Raises
    UsageError for a missing file and for lines that name a source tree.
    """
    reader = _Reader(position)
    for file in files:
        reader.read(file, file, reader.requirements)
    for file in constraint_files:
        reader.read(file, file, reader.constraints)
    return Lines(tuple(reader.requirements), tuple(reader.constraints), reader.plain)


class _Reader:
    """Reads requirement files, each once."""

    def __init__(self, position: int) -> None:
        self.requirements: list[Specifier] = []
        self.constraints: list[Specifier] = []
        self.plain = True
        self._position = position
        self._seen: set[tuple[str, bool]] = set()

    def read(self, file: str, shown: str, into: list[Specifier]) -> None:
        key = (os.path.realpath(file), into is self.constraints)
        if key in self._seen:
            return
        self._seen.add(key)
        for line in _logical_lines(file, shown):
            if line.startswith("-"):
                self._option(line, file, into)
            else:
                self._requirement(line, file, into)

    def _option(self, line: str, file: str, into: list[Specifier]) -> None:
        nested = _FILE.match(line)
        if nested:
            path = nested[2].strip().strip("'\"")
            named = f"{path} (named in {file})"
            constraining = nested[1].startswith(("-c", "--c"))
            self.read(os.path.join(os.path.dirname(file), path), named, self.constraints if constraining else into)
        elif _EDITABLE.match(line):
            raise UsageError(f"{printable(file)}: {_shown(line)} is an editable source tree: {_BUILD}")
        elif not _HARMLESS.match(line):
            self.plain = False

    def _requirement(self, line: str, file: str, into: list[Specifier]) -> None:
        text, *options = re.split(r"\s+(?=--[a-z])", line)
        found = [(algorithm, digest.lower()) for algorithm, digest in _HASH.findall(line)]
        hashes = frozenset(f"{algorithm}:{digest}" for algorithm, digest in found)
        if len(options) != len(found) or "${" in text or "/" in text.partition(";")[0]:
            self.plain = False
        _refuse_source(text, f"{printable(file)}: ")
        named = _NAME.match(text)
        is_location = not _is_direct(text) and ("/" in text.partition(";")[0] or text.endswith(".whl"))
        name = _wheel_name(text) if is_location else normalized(named[1]) if named else ""
        if name:
            position = self._position if into is self.requirements else -1
            self._position += position >= 0
            into.append(Specifier(text, name, position, hashes))
        else:
            self.plain = False


def _logical_lines(file: str, shown: str) -> Iterator[str]:
    """The lines with continuations joined and comments gone, empty ones left out."""
    if "://" in file or file == "-" or file.endswith((".toml", "setup.py", "setup.cfg")):
        hint = "; a lock file is given with --pylock" if "pylock" in file else ""
        raise UsageError(f"{_shown(shown)} is not supported as a requirement file, only a local text file is{hint}")
    try:
        text = Path(file).read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError as error:
        raise UsageError(f"requirement file {printable(shown)} does not exist") from error
    except OSError as error:
        raise UsageError(f"cannot read requirement file {printable(shown)}: {error.strerror}") from error
    for line in _CONTINUED.sub(" ", text).splitlines():
        stripped = _COMMENT.sub("", line).strip()
        if stripped:
            yield stripped
