"""Lock files (PEP 751): which of their wheels fit the target. uv's answers have the same form."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from instui_engine.errors import InstuiError, ResolutionError, UsageError, printable
from instui_engine.fs.given import absolute
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands, demands_of, sha256_in
from instui_engine.target.interpreter import Interpreter
from instui_engine.wheel.filename import parse_wheel_filename

from .inputs import one_line, redacted, target_name
from .locations import path_in
from .origin import origin_of
from .request import LockedWheel

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageArchive, PackageWheel

_NAMED = re.compile(r"pylock(\.[^.]+)?\.toml")


def is_lock_file(path: str) -> bool:
    """Whether a file has the name of a lock file: `pylock.toml` or `pylock.NAME.toml`."""
    return _NAMED.fullmatch(name_of(path)) is not None


def is_uv_lock(path: str) -> bool:
    """Whether a file has the name of uv's own lock file."""
    return name_of(path) == "uv.lock" and "://" not in path


def load_parser() -> None:
    """Import what reads lock files, which takes some 20 ms."""
    import tomllib  # noqa: F401

    import packaging.pylock  # noqa: F401


def select(
    text: str, shown: str, directory: str, interpreter: Interpreter, demands: Mapping[str, Demands]
) -> Iterator[LockedWheel]:
    """The wheels of a lock file that fit the target. Relative paths in it start from `directory`.

    `demands` by name are those of requirement files; a wheel that cannot meet them is not chosen. Of several builds of
    one version the highest is taken. Raises UsageError for a file that is not valid, ResolutionError if none fits.
    """
    import tomllib

    from packaging.pylock import PackageArchive, PackageWheel, Pylock, PylockSelectError, PylockValidationError
    from packaging.tags import Tag

    try:
        content = tomllib.loads(text)
        _prepare(content, demands)
        lock = Pylock.from_dict(content)
    except (PylockValidationError, ValueError) as error:  # of TOML, or of a URL that is none
        raise UsageError(f"{shown} is not a valid lock file: {one_line(str(error))}") from error
    tags = [Tag(*tag.split("-", 2)) for tag in interpreter.tags]
    try:
        for package, source in lock.select(environment=interpreter.markers, tags=tags):  # type: ignore[arg-type]
            more = demands.get(package.name, ())
            if isinstance(source, PackageWheel):
                yield _locked(package, source, source.filename, directory, more)
            elif isinstance(source, PackageArchive) and _archive_name(source).endswith(".whl"):
                yield _locked(package, source, _archive_name(source), directory, more)
            else:
                raise _no_wheel(package, interpreter)
    except PylockSelectError as error:
        if "No wheel found" in str(error):
            name = re.search(r"package '([^']*)'", str(error))
            raise ResolutionError(
                f"no wheel of {printable(name[1]) if name else 'a package'} in {shown} fits this environment "
                f"({target_name(interpreter)})"
            ) from error
        raise ResolutionError(f"{shown} does not fit this environment: {one_line(str(error))}") from error
    except ValueError as error:
        raise UsageError(f"{shown} is not a valid lock file: {one_line(str(error))}") from error


def _prepare(content: dict[str, Any], demands: Mapping[str, Demands]) -> None:
    """Leave the wheels that can meet `demands`, the highest build first: of equal tags the first one is selected."""
    packages = content.get("packages")
    for package in packages if isinstance(packages, list) else ():
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            continue  # it is refused as not valid
        wheels = package.get("wheels")
        if isinstance(wheels, list) and all(isinstance(wheel, dict) for wheel in wheels):
            for wheel in wheels:
                _name(wheel)
            wheels.sort(key=_build_tag, reverse=True)
        for demand in demands.get(package["name"], ()):
            for key in ("wheels", "archive"):
                sources = package.get(key)
                if not sources:
                    continue
                entries = sources if key == "wheels" else [sources]
                left = [entry for entry in entries if _can_meet(entry.get("hashes", {}), demand)]
                if not left:
                    version = f"{package['name']} {package.get('version', '')}".strip()
                    raise ResolutionError(f"no wheel of {printable(version)} has a hash that the requirements allow")
                if key == "wheels":
                    package[key] = left


def _can_meet(hashes: Mapping[str, str], demand: frozenset[str]) -> bool:
    """Whether a file with these hashes meets the demand, or might: it has no hash of that algorithm."""
    wanted = [value.partition(":") for value in demand]
    return any(hashes.get(algorithm, digest).lower() == digest for algorithm, _, digest in wanted)


def _name(wheel: dict[str, Any]) -> None:
    """Give a wheel its file name where its URL has that percent-encoded: packaging 26.1 does not decode it."""
    from urllib.parse import unquote, urlsplit

    url = wheel.get("url")
    if "name" not in wheel and isinstance(url, str) and "%" in url:
        wheel["name"] = name_of(unquote(urlsplit(url).path))


def _build_tag(wheel: dict[str, Any]) -> tuple[int, str]:
    """The build tag of a wheel's file name, for comparison; no tag is the lowest (binary distribution format)."""
    from urllib.parse import urlsplit

    location = wheel.get("name") or urlsplit(str(wheel.get("url") or "")).path or wheel.get("path")
    parts = name_of(str(location or "")).removesuffix(".whl").split("-")
    found = re.fullmatch(r"(\d+)(.*)", parts[2]) if len(parts) == 6 else None
    return (int(found[1]), found[2]) if found else (-1, "")


def _no_wheel(package: "Package", interpreter: Interpreter) -> InstuiError:
    name = printable(f"{package.name} {package.version or ''}".strip())
    if package.wheels or package.sdist is not None:
        return ResolutionError(
            f"no wheel of {name} fits this environment ({target_name(interpreter)}), there is only its source; "
            "instui installs wheels: build one with `uv build --wheel`"
        )
    return UsageError(
        f"{name} is locked to a source tree or archive; instui installs wheels: build one with `uv build --wheel`"
    )


def _archive_name(archive: "PackageArchive") -> str:
    from urllib.parse import unquote, urlsplit

    return name_of(unquote(urlsplit(archive.url or "").path or (archive.path or "")))


def _locked(
    package: "Package", source: "PackageWheel | PackageArchive", filename: str, directory: str, more: Demands
) -> LockedWheel:
    from urllib.parse import urlsplit

    from packaging.version import Version

    name, version = parsed_filename(filename, "the lock file names a wheel with the invalid name")
    try:
        demands = (*demands_of(source.hashes), *more)
    except ValueError as error:
        raise ResolutionError(f"{printable(filename)} is locked with a hash that is none: {error}") from error
    if name != package.name or (package.version is not None and Version(version) != package.version):
        raise ResolutionError(f"{printable(filename)} is locked as {package.name} {package.version or ''}".strip())
    url, path = source.url or "", source.path or ""
    scheme = urlsplit(url).scheme
    if not path and scheme == "file":
        path = path_in(url.partition("#")[0], printable(filename))
    elif not path and scheme not in ("http", "https"):
        raise ResolutionError(
            f"{printable(filename)}: cannot fetch {printable(redacted(url))}: only http, https and file"
        )
    path = absolute(os.path.join(directory, path)) if path else ""
    url = "" if path else url
    size = size_of(path) if path else 0
    if size and source.size and size != source.size:
        raise ResolutionError(f"{printable(filename)} has {size} bytes, but is locked with {source.size}")
    is_archive = not hasattr(source, "filename")
    return LockedWheel(
        name=name,
        version=version,
        filename=filename,
        url=url,
        path=path,
        sha256=sha256_in(demands),
        demands=demands,
        size=source.size or size,
        origin=origin_of(url, path) if is_archive else "",
    )


def parsed_filename(filename: str, problem: str = "this is not the file name of a wheel:") -> tuple[str, str]:
    """Normalized name and version in a wheel's file name. Raises ResolutionError, beginning with `problem`."""
    try:
        name, version, _ = parse_wheel_filename(filename)
    except ValueError as error:
        raise ResolutionError(f"{problem} {printable(filename)}") from error
    return name, version


def size_of(path: str) -> int:
    """The size of a file in bytes; 0 if it cannot be seen: opening it will report what is wrong."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
