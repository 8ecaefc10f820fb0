"""The metadata of a wheel: file name, WHEEL, METADATA and entry_points.txt, checked for agreement.

Follows "Binary distribution format", "Core metadata specifications" and "Entry points specification". Headers are
parsed here, not with `email`, whose import takes as long as reading fifty wheels.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from instui_engine.errors import BadWheelError, printable

SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
WHEEL_VERSION = (1, 0)

_NEWLINE = re.compile("\r\n|\r|\n")
_HEADER = re.compile("([!-9;-~]+):(.*)", re.DOTALL)  # RFC 5322, 3.6.8
_ENTRY_POINT = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[.*\])?")
_COMMAND = re.compile(r"[^\s./\\:*?\"<>|~-][^/\\:*?\"<>|]{0,199}")
# What an environment cannot do without. Not `activate*`: argcomplete ships activate-global-python-argcomplete.
_TAG = re.compile(r"[\w.]+-[\w.]+-[\w.]+", re.ASCII)  # of compressed sets, too (platform compatibility tags)
_VITAL_COMMAND = re.compile(r"(pythonw?[0-9.]*t?|activate([._].*)?|deactivate([._].*)?)(\.exe)?", re.IGNORECASE)
_SECTIONS = {"console_scripts": "console", "gui_scripts": "gui"}


class EntryPoint(NamedTuple):
    """A launcher to be made. `section` is "console" or "gui"; it calls `attr` of `module`."""

    section: str
    name: str
    module: str
    attr: str


@dataclass(frozen=True)
class WheelMetadata:
    """The metadata of a wheel, consistent in itself.

    `name` and `version` are normalized (PEP 440). `data_dir` is the name of the wheel's `.data` directory, "" if it has
    none. `warnings` are lines for the user. The tags in WHEEL are left out, since they are wrong in some real wheels
    (openturns 1.22, nodejs-bin): as in uv and pip, the file name decides whether a wheel fits an interpreter.
    """

    name: str
    version: str
    root_is_purelib: bool
    requires_python: str
    requires_dist: tuple[str, ...]
    dist_info: str
    data_dir: str
    entry_points: tuple[EntryPoint, ...]
    warnings: tuple[str, ...]


def is_vital_command(name: str) -> bool:
    """Whether no wheel may replace a file of that name in the scripts directory."""
    return _VITAL_COMMAND.fullmatch(name) is not None


def read_wheel_metadata(filename: str, paths: Collection[str], read: Callable[[str], bytes]) -> WheelMetadata:
    """Read and check the metadata of the wheel `filename`, whose archive has `paths`; `read` returns a file's content.

    Raises BadWheelError with a line that begins with the file's name.
    """
    try:
        return _read(filename, paths, read)
    except _Problem as problem:
        raise BadWheelError(f"{printable(filename)}: {printable(str(problem))}", wheel=filename) from None


class _Problem(Exception):
    """A problem in words that are not yet printable."""


def _read(filename: str, paths: Collection[str], read: Callable[[str], bytes]) -> WheelMetadata:
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise _Problem(f"not the name of a wheel ({error})") from None
    dist_info = _dist_info(paths, name, version)
    for file in ("WHEEL", "METADATA", "RECORD"):
        if f"{dist_info}/{file}" not in paths:
            _refuse(f"it has no {dist_info}/{file}")
    wheel = list(headers(_text(read(f"{dist_info}/WHEEL"))))
    metadata = list(headers(_text(read(f"{dist_info}/METADATA"))))
    written_name = _one(metadata, "name", "METADATA")
    inner_version = _version(_one(metadata, "version", "METADATA"), "METADATA")
    if canonicalize_name(written_name) != name or inner_version != version:
        _refuse(f"METADATA is that of {written_name} {inner_version}")
    data_dir = _data_dir(paths, name, version)
    _check_data(paths, data_dir)
    entry_points: tuple[EntryPoint, ...] = ()
    if f"{dist_info}/entry_points.txt" in paths:
        entry_points = tuple(_entry_points(_text(read(f"{dist_info}/entry_points.txt"))))
    return WheelMetadata(
        name=name,
        version=str(version),
        # As in pip: if the field is missing, the wheel counts as platform-dependent.
        root_is_purelib=next(iter(_all(wheel, "root-is-purelib")), "").lower() == "true",
        requires_python=next(iter(_all(metadata, "requires-python")), ""),
        requires_dist=tuple(_all(metadata, "requires-dist")),
        dist_info=dist_info,
        data_dir=data_dir,
        entry_points=entry_points,
        warnings=(*_format_warnings(wheel), *_tag_warnings(wheel), *_start_up_warnings(paths, data_dir)),
    )


def headers(text: str) -> Iterator[tuple[str, str]]:
    """The names (in lower case) and values of the header block at the start of `text`, continuation lines joined.

    As in the `email` package, the block ends at the first line that is blank or not a header.
    """
    name, lines = "", [""]
    for line in _NEWLINE.split(text.removeprefix("\ufeff")):
        if name and line[:1] in (" ", "\t") and line.strip():
            lines.append(line.strip())
            continue
        if name:
            yield name, " ".join(lines).strip()
        match = _HEADER.fullmatch(line)
        if not match:
            return
        name, lines = match[1].lower(), [match[2].strip()]
    yield name, " ".join(lines).strip()


def _text(data: bytes) -> str:
    # "replace": old authors' names are in Latin-1 and do not matter; in a name or version it shows as a mismatch.
    return data.decode("utf-8", "replace")


def _all(block: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in block if key == name]


def _one(block: Iterable[tuple[str, str]], name: str, file: str) -> str:
    values = _all(block, name)
    if len(values) != 1 or not values[0]:
        _refuse(f"{file} must have one header {name.title()}, it has {len(values)}")
    return values[0]


def _version(text: str, file: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        _refuse(f"{text!r} in {file} is not a version (PEP 440)")


def _top_level(paths: Iterable[str], suffix: str) -> list[str]:
    tops = {path.partition("/")[0] for path in paths if suffix in path.lower()}
    return sorted(top for top in tops if top.lower().endswith(suffix))


def _dist_info(paths: Collection[str], name: str, version: Version) -> str:
    found = _top_level(paths, ".dist-info")
    if len(found) != 1:
        _refuse(f"it must have one .dist-info directory, it has {len(found)} ({', '.join(found)[:200]})")
    if not _belongs(found[0].removesuffix(".dist-info"), name, version):
        _refuse(f"{found[0]} is that of another distribution")
    return found[0]


def _belongs(stem: str, name: str, version: Version) -> bool:
    """Whether `stem` (name-version) is another spelling of `name` and `version`."""
    found_name, _, found_version = stem.rpartition("-")
    try:
        return canonicalize_name(found_name) == name and Version(found_version) == version
    except InvalidVersion:
        return False


def _data_dir(paths: Collection[str], name: str, version: Version) -> str:
    # A directory without a hyphen is not a name-version pair, but a package of that name.
    found = [top for top in _top_level(paths, ".data") if "-" in top]
    for top in found:
        if not _belongs(top.removesuffix(".data"), name, version):
            _refuse(f"{top} is that of another distribution")
    if len(found) > 1:
        _refuse(f"it has {len(found)} .data directories")
    return found[0] if found else ""


def _check_data(paths: Iterable[str], data_dir: str) -> None:
    """Refuse files that have no place in `data_dir`, or would replace vital parts of the environment."""
    prefix = f"{data_dir}/"
    for path in paths if data_dir else ():
        if not path.startswith(prefix):
            continue
        scheme, slash, rest = path.removeprefix(prefix).partition("/")
        if scheme not in SCHEMES or not slash:
            _refuse(f"{path} is in no known scheme ({', '.join(SCHEMES)})")
        top, _, below = rest.partition("/")
        vital = (
            (scheme == "scripts" and is_vital_command(top))
            or (scheme in ("purelib", "platlib") and top.lower().endswith((".dist-info", ".egg-info")))
            or (scheme == "data" and rest.lower() == "pyvenv.cfg")
            or (scheme == "data" and top.lower() in ("bin", "scripts") and is_vital_command(below))
            or (scheme == "data" and re.search(r"/(site|dist)-packages/[^/]*\.(dist|egg)-info(/|$)", f"/{rest}", re.I))
        )
        if vital:
            _refuse(f"{path} would replace a vital part of the environment")


def _entry_points(text: str) -> Iterator[EntryPoint]:
    """The entry points that become launchers, without their extras; all others are for plug-ins."""
    section = ""
    seen = set()
    for line in map(str.strip, _NEWLINE.split(text.removeprefix("\ufeff"))):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = _SECTIONS.get(line[1:-1].strip(), "")
        elif section:
            name, equals, value = (part.strip() for part in line.partition("="))
            match = _ENTRY_POINT.fullmatch(value)
            if not equals or not match or not all(map(_is_dotted_name, match.groups())):
                _refuse(f"the entry point {line[:200]!r} is not of the form name = module:attribute")
            if not _COMMAND.fullmatch(name) or not name.isprintable():
                _refuse(f"the entry point {name[:200]!r} is not the name of a command")
            if is_vital_command(name):
                _refuse(f"the entry point {name} would replace a vital part of the environment")
            if name in seen:
                _refuse(f"the entry point {name} is there twice")
            seen.add(name)
            yield EntryPoint(section, name, match[1], match[2])


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _format_warnings(wheel: Iterable[tuple[str, str]]) -> Iterator[str]:
    text = _one(wheel, "wheel-version", "WHEEL")
    match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", text)
    if not match:
        _refuse(f"{text!r} in WHEEL is not a Wheel-Version")
    found = int(match[1]), int(match[2])
    if found[0] > WHEEL_VERSION[0]:
        _refuse(f"Wheel-Version {text} is too new, only 1.x is known")
    if found > WHEEL_VERSION:
        yield f"Wheel-Version {text} is newer than the known 1.0"


def _tag_warnings(wheel: Iterable[tuple[str, str]]) -> Iterator[str]:
    """One warning for all Tag lines that are no tags."""
    wrong = [value for value in _all(wheel, "tag") if not _TAG.fullmatch(value)]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        yield f"WHEEL has a Tag that is none, {printable(wrong[0][:100])!r}{more}; the tags of the file name count"


def _start_up_warnings(paths: Iterable[str], data_dir: str) -> Iterator[str]:
    """A warning for each file that Python runs at every start of the environment (see the `site` module)."""
    roots = ("", f"{data_dir}/purelib/", f"{data_dir}/platlib/") if data_dir else ("",)
    for path in paths:
        if path.endswith((".pth", "sitecustomize.py", "usercustomize.py")):
            root, _, name = path.rpartition("/")
            custom = name in ("sitecustomize.py", "usercustomize.py")
            if (f"{root}/" if root else "") in roots and (custom or name.endswith(".pth")):
                yield f"{printable(name)} runs at every start of Python"


def _refuse(problem: str) -> NoReturn:
    raise _Problem(problem)
