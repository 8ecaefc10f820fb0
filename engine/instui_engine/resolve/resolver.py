"""Resolution: from the user's arguments to locked wheels, in one of three ways.

Wheel files without dependencies are taken as they are. From a lock file (PEP 751), the wheels that fit the target are
chosen. Everything else is left to uv, in the user's directory and with the user's own configuration of indexes; its
answer is such a lock file. uv is not asked if the installed distributions satisfy the whole request.

Events: ResolveStarted only if uv is asked; RequirementSatisfied for what the user named and is already installed;
ResolveFinished always.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from instui_engine.errors import InstuiError, ResolutionError, UsageError, printable
from instui_engine.fs.given import absolute, resolved
from instui_engine.fs.paths import name_of
from instui_engine.journal.events import Event, RequirementSatisfied, ResolveFinished, ResolveStarted
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.target.interpreter import Interpreter

from .inputs import Arguments, Lines, Specifier, WheelFile, one_line, read_arguments, redacted, target_name
from .request import LockedWheel, Request, Resolution
from .satisfied import all_satisfied, is_version

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageArchive, PackageWheel

Emit = Callable[[Event], None]
Cancelled = Callable[[], bool]


def resolve(
    request: Request,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled = lambda: False,
) -> Resolution:
    """The wheels that satisfy `request` in `environment`, without those that are installed in the same version.

    Raises UsageError, BadWheelError (a named wheel that does not fit), ResolutionError, and Interrupted as soon as
    `cancelled()` is true.
    """
    if request.pylock:
        wheels = _from_lock_file(request, environment.interpreter, cancelled)
        return _finish(wheels, request, environment, installed, emit)
    arguments = read_arguments(request.arguments, environment.interpreter)
    lines = _lines(request, arguments.count, cancelled)
    if not arguments.count and not request.requirement_files:
        raise UsageError("nothing to install: name a requirement, a wheel or a directory of wheels, or give -r FILE")
    if request.require_hashes:
        _check_hashed(arguments, lines)
    if arguments.specifiers or lines.requirements or not lines.plain or not request.no_deps:
        met = _already_met(arguments, lines, request, environment, installed)
        if met is not None:
            _emit_outcome(met, {wish.name for wish in _wishes(arguments, lines)}, 0, emit)
            return Resolution((), met)
        wheels = _from_uv(arguments, lines, request, environment, installed, emit, cancelled)
    else:
        wheels = [_local(wheel) for wheel in arguments.wheels]
    return _finish(wheels, request, environment, installed, emit)


def _lines(request: Request, position: int, cancelled: Cancelled) -> Lines:
    if not request.requirement_files and not request.constraint_files:
        return Lines()
    from .requirement_files import read_requirement_files

    return read_requirement_files(request.requirement_files, request.constraint_files, position, cancelled)


def _wishes(arguments: Arguments, lines: Lines | None = None) -> list[WheelFile | Specifier]:
    """What the user named, in the order given."""
    wishes: list[WheelFile | Specifier] = [*arguments.wheels, *arguments.specifiers]
    wishes.sort(key=lambda wish: wish.position)
    return [*wishes, *lines.requirements] if lines else wishes


def _local(wheel: WheelFile) -> LockedWheel:
    return LockedWheel(
        name=wheel.name,
        version=wheel.version,
        filename=wheel.filename,
        path=wheel.path,
        size=wheel.size,
        requested=True,
        position=wheel.position,
        direct_url=_direct_url(path=wheel.path),
    )


def _direct_url(*, path: str = "", url: str = "", sha256: str = "") -> str:
    """The content of direct_url.json (PEP 610) for a wheel that the user named by path or URL."""
    import json

    info = {"hash": f"sha256={sha256}", "hashes": {"sha256": sha256}} if sha256 else {}
    return json.dumps({"archive_info": info, "url": redacted(url) or Path(path).as_uri()}, sort_keys=True)


def _finish(
    wheels: Sequence[LockedWheel], request: Request, environment: Environment, installed: Installed, emit: Emit
) -> Resolution:
    """Leave out what is installed in the same version, unless it is to be reinstalled, and emit the result."""
    satisfied: dict[str, str] = {}
    wanted: list[LockedWheel] = []
    for wheel in wheels:
        distribution = None if request.reinstall else installed.get(wheel.name)
        if distribution and is_version(distribution.version, wheel.version) and installed.is_whole(wheel.name):
            satisfied[wheel.name] = distribution.version
        else:
            wanted.append(wheel)
    _emit_outcome(satisfied, {wheel.name for wheel in wheels if wheel.requested}, len(wanted), emit)
    if request.keep_requested:
        wanted = [replace(wheel, requested=_was_requested(wheel.name, environment, installed)) for wheel in wanted]
    return Resolution(tuple(wanted), satisfied)


def _was_requested(name: str, environment: Environment, installed: Installed) -> bool:
    distribution = installed.get(name)
    return distribution is None or (environment.top / distribution.info / "REQUESTED").exists()


def _emit_outcome(satisfied: Mapping[str, str], requested: Collection[str], wheels: int, emit: Emit) -> None:
    for name, version in satisfied.items():
        if name in requested:
            emit(RequirementSatisfied(name, version))
    emit(ResolveFinished(wheels, len(satisfied)))


def _check_hashed(arguments: Arguments, lines: Lines) -> None:
    """Enforce --require-hashes: every requirement comes from a file and has a hash."""
    for wish in _wishes(arguments)[:1]:
        raise UsageError(
            f"--require-hashes: {printable(wish.name)} has no hash; write it into a file and give that by -r"
        )
    for line in lines.requirements:
        if not line.hashes:
            raise UsageError(f"--require-hashes: no hash is given for {printable(redacted(line.text))}")


def _already_met(
    arguments: Arguments, lines: Lines, request: Request, environment: Environment, installed: Installed
) -> dict[str, str] | None:
    """What is installed, if it is all that was requested; else None."""
    if request.reinstall or request.upgrade or request.upgrade_packages or not lines.plain:
        return None
    wishes = [f"{wheel.name}=={wheel.version}" for wheel in arguments.wheels]
    wishes += [entry.text for entry in (*arguments.specifiers, *lines.requirements)]
    limits = [entry.text for entry in lines.constraints]
    return all_satisfied(wishes, installed, environment, not request.no_deps, limits)


# --- lock files


def _from_lock_file(request: Request, interpreter: Interpreter, cancelled: Cancelled) -> list[LockedWheel]:
    if request.arguments or request.requirement_files or request.constraint_files:
        raise UsageError(
            "--pylock says all that is to be installed; give no requirements, wheels or constraints with it"
        )
    from .streams import read_input

    shown = printable(request.pylock)
    try:
        data, directory = read_input(request.pylock, cancelled)
        text = data.decode()
    except OSError as error:
        raise UsageError(f"cannot read the lock file {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not a lock file: it is not UTF-8 text") from error
    return list(_select(text, shown, resolved(directory), interpreter, {}))


def _select(
    text: str,
    shown: str,
    directory: str,
    interpreter: Interpreter,
    hashes: Mapping[str, Collection[str]],
) -> Iterator[LockedWheel]:
    """The wheels of a pylock.toml that fit the target. A name in `hashes` is satisfied only by one of its hashes."""
    import tomllib

    from packaging.pylock import PackageArchive, PackageWheel, Pylock, PylockSelectError, PylockValidationError
    from packaging.tags import Tag

    try:
        content = tomllib.loads(text)
        _keep_allowed(content, hashes)
        lock = Pylock.from_dict(content)
    except (tomllib.TOMLDecodeError, PylockValidationError) as error:
        raise UsageError(f"{shown} is not a valid lock file: {one_line(str(error))}") from error
    tags = [Tag(*tag.split("-", 2)) for tag in interpreter.tags]
    try:
        for package, source in lock.select(environment=interpreter.markers, tags=tags):  # type: ignore[arg-type]
            if isinstance(source, PackageWheel):
                yield _locked(package, source, source.filename, directory)
            elif isinstance(source, PackageArchive) and _archive_name(source).endswith(".whl"):
                yield _locked(package, source, _archive_name(source), directory)
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


def _keep_allowed(content: dict[str, Any], hashes: Mapping[str, Collection[str]]) -> None:
    """Remove the wheels that the hashes of a requirement file exclude. Raises ResolutionError where none is left."""
    for package in content.get("packages", ()) if hashes else ():
        allowed = hashes.get(package["name"])
        if allowed is None:
            continue
        for key in ("wheels", "archive"):
            sources = package.get(key)
            if not sources:
                continue
            entries = sources if key == "wheels" else [sources]
            left = [entry for entry in entries if f"sha256:{entry['hashes'].get('sha256', '')}" in allowed]
            if not left:
                version = f"{package['name']} {package.get('version', '')}".strip()
                raise ResolutionError(f"no wheel of {printable(version)} has a hash that the requirement file allows")
            if key == "wheels":
                package[key] = left


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


def _locked(package: "Package", source: "PackageWheel | PackageArchive", filename: str, directory: str) -> LockedWheel:
    from urllib.parse import unquote, urlsplit

    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise ResolutionError(f"the lock file names a wheel with the invalid name {printable(filename)}") from error
    sha256 = source.hashes.get("sha256", "").lower()
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ResolutionError(f"{printable(filename)} is locked without a sha256 hash, so it cannot be verified")
    if name != package.name or (package.version is not None and version != package.version):
        raise ResolutionError(f"{printable(filename)} is locked as {package.name} {package.version or ''}".strip())
    url, path = source.url or "", source.path or ""
    scheme = urlsplit(url).scheme
    if not path and scheme == "file":
        path = unquote(urlsplit(url).path)
    elif not path and scheme not in ("http", "https"):
        raise ResolutionError(
            f"{printable(filename)}: cannot fetch {printable(redacted(url))}: only http, https and file"
        )
    path = absolute(os.path.join(directory, path)) if path else ""
    url = "" if path else url
    is_archive = not hasattr(source, "filename")
    return LockedWheel(
        name=name,
        version=str(version),
        filename=filename,
        url=url,
        path=path,
        sha256=sha256,
        size=source.size or (_size(path) if path else 0),
        direct_url=_direct_url(path=path, url=url, sha256=sha256) if is_archive else "",
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # opening it will report what is wrong


# --- uv


def _from_uv(
    arguments: Arguments,
    lines: Lines,
    request: Request,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled,
) -> list[LockedWheel]:
    """The wheels that uv locks, each with whether the user named it and at which position."""
    named: dict[str, WheelFile | Specifier] = {}
    for wish in _wishes(arguments, lines):
        named.setdefault(wish.name, wish)
    hashes = _allowed_hashes(lines)
    emit(ResolveStarted([_short(wish) for wish in named.values()]))
    from .uv import Question, ask  # only who asks uv pays for its import

    question = Question(tuple(_asked(arguments)), lines, request, environment, installed)
    with TemporaryDirectory(prefix="instui-resolve-") as scratch:
        directory = os.path.realpath(scratch)
        text = ask(question, Path(directory), cancelled)
        locked = list(_select(text, "uv's answer", directory, environment.interpreter, hashes))
    wheels = []
    files = {wheel.name: wheel for wheel in arguments.wheels}
    for wheel in locked:
        if request.require_hashes and wheel.name not in hashes:
            raise ResolutionError(f"--require-hashes: no hash is given for {wheel.name}, which is needed too")
        wanted = files.get(wheel.name) or named.get(wheel.name)
        has_place = wheel.name in files or request.no_deps
        position = wanted.position if wanted and has_place else -1
        wheels.append(replace(wheel, requested=wanted is not None, position=position))
    return wheels


def _asked(arguments: Arguments) -> Iterator[str]:
    for wheel in arguments.wheels:
        yield f"{wheel.name} @ {Path(wheel.path).as_uri()}"
    for specifier in arguments.specifiers:
        yield specifier.text


def _short(wish: WheelFile | Specifier) -> str:
    text = wish.filename if isinstance(wish, WheelFile) else redacted(wish.text)
    return printable(text if len(text) <= 100 else text[:97] + "...")


def _allowed_hashes(lines: Lines) -> dict[str, set[str]]:
    """Name -> the hashes that requirement files allow. uv checks them when it installs, not when it compiles."""
    allowed: dict[str, set[str]] = {}
    for line in (*lines.requirements, *lines.constraints):
        if line.hashes:
            if not any(entry.startswith("sha256:") for entry in line.hashes):
                raise UsageError(f"{line.name}: only sha256 hashes can be compared; add one to the requirement file")
            allowed.setdefault(line.name, set()).update(line.hashes)
    return allowed
