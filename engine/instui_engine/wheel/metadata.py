"""The metadata of a wheel: file name, WHEEL and METADATA, checked for agreement with each other and with the archive.

Follows "Binary distribution format" and "Core metadata specifications". Headers are parsed here, not with `email`,
whose import takes as long as reading fifty wheels.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NoReturn

from packaging.version import Version

from instui_engine.errors import BadWheelError, printable
from instui_engine.values import NamedTuple

from . import entry_points
from .entry_points import EntryPoint, is_vital_command
from .filename import normalized, parse_wheel_filename

SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
WHEEL_VERSION = (1, 0)
METADATA_VERSION = (2, 5)
LARGEST = {"WHEEL": 1 << 20, "METADATA": 4 << 20, "entry_points.txt": 1 << 20}  # bytes; real ones stay below a quarter

_LINE = re.compile("([^\r\n]*)(\r\n|\r|\n|$)")
_NAME = re.compile("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")  # after normalization
_FORMAT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")
# At the top of an environment or of a `--target` they are ours, uv's, and the interpreter's.
_VITAL_FILES = (".instui", ".lock", "pyvenv.cfg")
_VITAL_DIRECTORIES = ("bin", "include", "lib", "lib64", "scripts", "share")
_FOREIGN = re.compile(r"/(site|dist)-packages/[^/]*\.(dist-info|egg-info|egg-link)(/|$)", re.IGNORECASE)
_OWN_INFO = ("METADATA", "WHEEL", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "entry_points.txt")
_HEADER = re.compile("([!-9;-~]*):(.*)", re.DOTALL)  # RFC 5322, 3.6.8; without a name, which is passed over
_TAG = re.compile(r"[\w.]+-[\w.]+-[\w.]+", re.ASCII)  # of compressed sets, too (platform compatibility tags)
_BLANK = " \t"


class WheelMetadata(NamedTuple):
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
        name, version_text, _ = parse_wheel_filename(filename)
    except ValueError as error:
        raise _Problem(f"not the name of a wheel ({error})") from None
    version = Version(version_text)
    if not _NAME.fullmatch(name):
        _refuse(f"{name} is not the name of a distribution")
    dist_info = _dist_info(paths, name, version)
    for file in ("WHEEL", "METADATA", "RECORD"):
        if f"{dist_info}/{file}" not in paths:
            _refuse(f"it has no {dist_info}/{file}")
    inside = [path for path in paths if path.startswith(f"{dist_info}/")]
    for file in _OWN_INFO:
        if any(path.startswith(f"{dist_info}/{file}/") for path in inside):
            _refuse(f"{dist_info}/{file} is a directory")

    def content(file: str) -> bytes:
        data = read(f"{dist_info}/{file}")
        if len(data) > LARGEST[file]:
            _refuse(f"{file} has {len(data)} bytes, at most {LARGEST[file]} are allowed")
        return data

    wheel = _block(content("WHEEL"), ("wheel-version", "root-is-purelib", "tag"))
    metadata = _block(content("METADATA"), ("metadata-version", "name", "version", "requires-python", "requires-dist"))
    written_name = _one(metadata, "name", "METADATA")
    inner_version = _version(_one(metadata, "version", "METADATA"), "METADATA")
    if normalized(written_name) != name or inner_version != version:
        _refuse(f"METADATA is that of {written_name} {inner_version}")
    data_dir = _data_dir(paths, name, version)
    _check_root(paths)
    _check_data(paths, data_dir)
    commands: tuple[EntryPoint, ...] = ()
    twins: tuple[str, ...] = ()
    if f"{dist_info}/entry_points.txt" in paths:
        try:
            commands, twins = entry_points.one_each(entry_points.launchers(content("entry_points.txt")))
        except ValueError as error:
            _refuse(str(error))
    return WheelMetadata(
        name=name,
        version=str(version),
        # As in pip: if the field is missing, the wheel counts as platform-dependent.
        root_is_purelib=_at_most_one(wheel, "root-is-purelib", "WHEEL").lower() == "true",
        requires_python=_at_most_one(metadata, "requires-python", "METADATA"),
        requires_dist=tuple(_all(metadata, "requires-dist")),
        dist_info=dist_info,
        data_dir=data_dir,
        entry_points=commands,
        warnings=(
            *_format_warnings(wheel, "Wheel-Version", "WHEEL", WHEEL_VERSION),
            *_format_warnings(metadata, "Metadata-Version", "METADATA", METADATA_VERSION),
            *_tag_warnings(wheel),
            *twins,
            *_start_up_warnings(paths, data_dir),
        ),
    )


def headers(text: str) -> Iterator[tuple[str, str]]:
    """The names (in lower case) and values of the header block at the start of `text`, continuation lines joined.

    As in the `email` package, the block ends at the first line that is blank or not a header.
    """
    begun, name, lines = False, "", [""]
    for found in _LINE.finditer(text.removeprefix("\ufeff")):
        line = found[1]
        if begun and line[:1] in (" ", "\t"):
            lines.append(line.strip(_BLANK))
            continue
        if name:
            yield name, " ".join(lines).strip(_BLANK)
        match = _HEADER.fullmatch(line)
        if not match:
            return
        begun, name, lines = True, match[1].lower(), [match[2].strip(_BLANK)]


def _block(data: bytes, wanted: Collection[str]) -> list[tuple[str, str]]:
    """The headers with `wanted` names; a hostile file may have a million others."""
    # "replace": old authors' names are in Latin-1 and do not matter; in a name or version it shows as a mismatch.
    return [header for header in headers(data.decode("utf-8", "replace")) if header[0] in wanted]


def _all(block: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in block if key == name]


def _one(block: Iterable[tuple[str, str]], name: str, file: str) -> str:
    values = _all(block, name)
    if len(values) != 1 or not values[0]:
        _refuse(f"{file} must have one header {name.title()}, it has {len(values)}")
    return values[0]


def _at_most_one(block: Iterable[tuple[str, str]], name: str, file: str) -> str:
    """The value of a header that may be missing (""), or be there again with the same value."""
    values = set(_all(block, name))
    if len(values) > 1:
        _refuse(f"{file} has {len(values)} different headers {name.title()}")
    return next(iter(values), "")


def _version(text: str, file: str) -> Version:
    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or a number with more digits than `int` takes
        _refuse(f"{text[:200]!r} in {file} is not a version (PEP 440)")


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
        return normalized(found_name) == name and Version(found_version) == version
    except ValueError:
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


def _check_root(paths: Collection[str]) -> None:
    """Refuse what would count as installed by itself, or replace vital files where the root is a `--target`."""
    for top in {path.partition("/")[0] for path in paths}:
        if top.lower() in _VITAL_FILES:
            _refuse(f"{top} would replace a vital part of the environment")
        if top.lower().endswith((".egg-info", ".egg-link")):
            _refuse(f"{top} would count as an installed distribution of its own")


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
            or (scheme in ("purelib", "platlib") and top.lower().endswith((".dist-info", ".egg-info", ".egg-link")))
            or (scheme in ("purelib", "platlib", "data") and top.lower() in _VITAL_FILES)
            # As a file: some of them are links to directories (lib64 to lib), which a rename would replace.
            or (scheme == "data" and rest.lower() in _VITAL_DIRECTORIES)
            or (scheme == "data" and top.lower() in ("bin", "scripts") and is_vital_command(below))
            or (scheme == "data" and _FOREIGN.search(f"/{rest}"))
        )
        if vital:
            _refuse(f"{path} would replace a vital part of the environment")


def _format_warnings(block: Iterable[tuple[str, str]], header: str, file: str, known: tuple[int, int]) -> Iterator[str]:
    """A warning for a newer minor version of a file's format; a newer major version is refused, as the specs demand."""
    text = _one(block, header.lower(), file)
    match = _FORMAT.fullmatch(text)
    if not match:
        _refuse(f"{text[:200]!r} in {file} is not a {header}")
    found = int(match[1]), int(match[2] or 0)
    if found[0] > known[0]:
        _refuse(f"{header} {text} is too new, only {known[0]}.x is known")
    if found > known:
        yield f"{header} {text} is newer than the known {known[0]}.{known[1]}"


def _tag_warnings(wheel: Iterable[tuple[str, str]]) -> Iterator[str]:
    """One warning for all Tag lines that are no tags."""
    wrong = [value for value in _all(wheel, "tag") if not _TAG.fullmatch(value)]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        yield f"WHEEL has a Tag that is none, {printable(wrong[0][:100])!r}{more}; the tags of the file name count"


def _start_up_warnings(paths: Iterable[str], data_dir: str) -> Iterator[str]:
    """A warning for each file that Python runs at every start of the environment (see the `site` module)."""
    roots = ("", f"{data_dir}/purelib", f"{data_dir}/platlib") if data_dir else ("",)
    for path in paths:
        if path.endswith((".pth", "sitecustomize.py", "usercustomize.py")):
            root, _, name = path.rpartition("/")
            custom = name in ("sitecustomize.py", "usercustomize.py")
            # also by the long way, from the top of the environment
            by_data = root.lower().endswith(("/site-packages", "/dist-packages")) and root.startswith(
                f"{data_dir}/data/"
            )
            if (root in roots or by_data) and (custom or name.endswith(".pth")):
                yield f"{printable(name)} runs at every start of Python"


def _refuse(problem: str) -> NoReturn:
    raise _Problem(problem)
