"""Lock files (PEP 751): which of their wheels fit the target. uv's answers have the same form."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instui_engine.errors import ResolutionError, UsageError, printable
from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.fs.given import absolute, resolved
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands, demands_of, sha256_in
from instui_engine.target.interpreter import Interpreter
from instui_engine.wheel.filename import parse_wheel_filename

from .inputs import normalized, one_line, redacted, target_name
from .locations import file_url, is_source_name, is_tree, path_in, shortened
from .origin import origin_of
from .request import Cancelled, LockedWheel, Request
from .requirements import is_uv_lock
from .resolving import Resolving
from .selections import remembered
from .source import Source
from .strength import check_strong

if TYPE_CHECKING:
    from packaging.pylock import (
        Package,
        PackageArchive,
        PackageDirectory,
        PackageSdist,
        PackageVcs,
        PackageWheel,
        Pylock,
    )

_REPOSITORY = re.compile(r"git\+(https?|ssh|file|git)://[^\s\\]+@([0-9a-f]{40}|[0-9a-f]{64})")


def from_lock_file(
    file: str,
    request: Request,
    settings: UvSettings,
    interpreter: Interpreter,
    cancelled: Cancelled,
    cache: Path | None = None,
) -> list[LockedWheel]:
    """The wheels of a lock file, or their sources. What was read before is remembered below `cache`."""
    from .streams import read_input

    resolving = request.resolving
    shown = shortened(file)
    try:
        is_remote = file.startswith(("http://", "https://"))
        if request.exact and is_uv_lock(file):
            from .uv_project import exported

            text, directory = exported(file, interpreter.executable, request, cancelled)
            resolving = Resolving()  # uv has answered for those parts alone
        elif is_remote:
            from .remote import read_url

            text, directory = read_url(file, request, cancelled).decode(), ""
        else:
            data, directory = read_input(file, cancelled)
            text = data.decode()
    except OSError as error:
        raise UsageError(f"cannot read the lock file {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not a lock file: it is not UTF-8 text") from error
    read = partial(select, text, shown, resolved(directory), interpreter, {}, resolving)
    wheels = remembered(cache, text, interpreter, {}, resolving, read)
    if is_remote and any(wheel.path for wheel in wheels):
        raise UsageError(f"{shown} names files of this machine, which a lock file on a server cannot know")
    if request.require_hashes or settings.require_hashes:
        for wheel in wheels:
            check_strong(wheel, wheel.demands)
    return wheels


def load_parser() -> None:
    """Import what reads lock files, which takes some 20 ms."""
    import tomllib  # noqa: F401

    import packaging.pylock  # noqa: F401


def select(
    text: str,
    shown: str,
    directory: str,
    interpreter: Interpreter,
    demands: Mapping[str, Demands],
    resolving: Resolving = Resolving(),  # noqa: B008 - it never changes
    names: Collection[str] | None = None,
) -> Iterator[LockedWheel]:
    """The wheels of a lock file that fit the target, or their sources. Relative paths in it start from `directory`.

    `names`: those that are meant; None for all of them.

    `demands` by name are those of requirement files; a wheel that cannot meet them is not chosen. Of several builds of
    one version the highest is taken. Of `resolving` only the extras and groups count. Raises UsageError for a file that
    is not valid, ResolutionError if none fits.
    """
    import tomllib

    from packaging.pylock import (
        PackageArchive,
        PackageSdist,
        PackageWheel,
        Pylock,
        PylockSelectError,
        PylockValidationError,
    )
    from packaging.tags import Tag

    try:
        content = tomllib.loads(text)
        if names is not None:
            content["packages"] = [package for package in content["packages"] if package["name"] in names]
        _prepare(content, demands)
        lock = Pylock.from_dict(content)
    except (PylockValidationError, ValueError) as error:  # of TOML, or of a URL that is none
        raise UsageError(f"{shown} is not a valid lock file: {one_line(str(error))}") from error
    tags = [Tag(*tag.split("-", 2)) for tag in interpreter.tags]
    try:
        markers: Any = interpreter.markers
        for package, source in lock.select(environment=markers, tags=tags, **_chosen_parts(lock, resolving, shown)):
            more = demands.get(package.name, ())
            if isinstance(source, PackageWheel):
                yield _locked(package, source, source.filename, directory, more)
            elif isinstance(source, PackageArchive) and _archive_name(source).endswith(".whl"):
                yield _locked(package, source, _archive_name(source), directory, more)
            elif isinstance(source, PackageArchive | PackageSdist):
                yield _sdist(package, source, directory, more)
            else:
                yield _project(package, source, directory)
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


def _chosen_parts(lock: "Pylock", resolving: Resolving, shown: str) -> dict[str, Any]:
    """The extras and groups that are asked for, as `Pylock.select` takes them. Raises UsageError for unknown ones."""
    extras = [str(name) for name in lock.extras or ()] if resolving.all_extras else list(resolving.extra)
    for kind, asked, known in (
        ("extra", extras, lock.extras),
        ("dependency group", resolving.group, lock.dependency_groups),
    ):
        for name in asked:
            if normalized(name) not in map(normalized, known or ()):
                raise UsageError(f"{shown} has no {kind} {printable(repr(name))}")
    chosen: dict[str, Any] = {"extras": [normalized(name) for name in extras]} if extras else {}
    if resolving.group:
        default = lock.default_groups or ()
        chosen["dependency_groups"] = [*default, *map(normalized, resolving.group)]
    return chosen


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
                if not left and key == "wheels" and _may_be_built(package, demand):
                    del package[key]
                    continue
                if not left:
                    version = f"{package['name']} {package.get('version', '')}".strip()
                    raise ResolutionError(f"no wheel of {printable(version)} has a hash that the requirements allow")
                if key == "wheels":
                    package[key] = left


def _may_be_built(package: Mapping[str, Any], demand: frozenset[str]) -> bool:
    """Whether the source of a package can meet a demand that none of its wheels meets."""
    sdist = package.get("sdist")
    return isinstance(sdist, dict) and _can_meet(sdist.get("hashes", {}), demand)


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


def _archive_name(archive: "PackageArchive | PackageSdist") -> str:
    from urllib.parse import unquote, urlsplit

    return name_of(unquote(urlsplit(archive.url or "").path or (archive.path or "")))


def _locked(
    package: "Package", source: "PackageWheel | PackageArchive", filename: str, directory: str, more: Demands
) -> LockedWheel:
    from packaging.version import Version

    name, version = parsed_filename(filename, "the lock file names a wheel with the invalid name")
    file = _file(source, filename, directory, more)
    if name != package.name or (package.version is not None and Version(version) != package.version):
        raise ResolutionError(f"{printable(filename)} is locked as {package.name} {package.version or ''}".strip())
    is_archive = not hasattr(source, "filename")
    return file._replace(name=name, version=version, origin=origin_of(file.url, file.path) if is_archive else "")


def _sdist(package: "Package", source: "PackageSdist | PackageArchive", directory: str, more: Demands) -> LockedWheel:
    """What has to be built, as no wheel fits the target."""
    from .sources import below

    is_direct = not hasattr(source, "filename")
    filename = _archive_name(source) if is_direct else source.filename  # type: ignore[union-attr]
    if not is_source_name(filename):
        raise ResolutionError(f"{printable(package.name)}: {printable(filename)} is neither a wheel nor an archive")
    file = _file(source, filename, directory, more)
    subdirectory = below(getattr(source, "subdirectory", None) or "", package.name)
    return file._replace(
        name=package.name,
        version=str(package.version or ""),
        origin=origin_of(file.url, file.path) if is_direct else "",
        source=Source("archive", file.url, file.path, subdirectory=subdirectory, is_direct=is_direct),
    )


def _project(package: "Package", project: "PackageVcs | PackageDirectory", directory: str) -> LockedWheel:
    """A source tree, or a commit of a repository. Raises UsageError for what is none."""
    from packaging.pylock import PackageVcs

    from .sources import below, locked_source

    name, subdirectory = printable(package.name), below(project.subdirectory or "", package.name)
    place = absolute(os.path.join(directory, project.path)) if project.path else ""
    url = file_url(place, name) if place else ""
    revision, editable = "", None
    if isinstance(project, PackageVcs):
        url, revision = f"git+{project.url or url}@{project.commit_id}", project.requested_revision or ""
        if project.type != "git" or not _REPOSITORY.fullmatch(url):
            raise UsageError(f"{name} is not locked to a commit of a git repository: {printable(redacted(url))}")
    else:
        editable = project.editable
        if not is_tree(os.path.join(place, subdirectory)):
            raise UsageError(f"{name} is locked to {printable(place)}, where no source tree is")
    fragment = f"#subdirectory={subdirectory}" if subdirectory else ""
    wheel = locked_source(package.name, str(package.version or ""), f"{url}{fragment}", None, {})
    assert wheel.source is not None
    return wheel._replace(source=wheel.source._replace(editable=editable, revision=revision))


def _file(
    source: "PackageWheel | PackageArchive | PackageSdist", filename: str, directory: str, more: Demands
) -> LockedWheel:
    """Where a file is, and its hashes. Raises ResolutionError for one that cannot be had, or is another one."""
    from urllib.parse import urlsplit

    try:
        demands = (*demands_of(source.hashes), *more)
    except ValueError as error:
        raise ResolutionError(f"{printable(filename)} is locked with a hash that is none: {error}") from error
    url, path = source.url or "", source.path or ""
    scheme = urlsplit(url).scheme
    if not path and scheme == "file":
        path = path_in(url.partition("#")[0], printable(filename))
    elif not path and scheme not in ("http", "https"):
        raise ResolutionError(
            f"{printable(filename)}: cannot fetch {printable(redacted(url))}: only http, https and file"
        )
    path = absolute(os.path.join(directory, path)) if path else ""
    size = size_of(path) if path else 0
    if size and source.size and size != source.size:
        raise ResolutionError(f"{printable(filename)} has {size} bytes, but is locked with {source.size}")
    return LockedWheel(
        name="",
        version="",
        filename=filename,
        url="" if path else url,
        path=path,
        sha256=sha256_in(demands),
        demands=demands,
        size=source.size or size,
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
