"""Resolution: from what the user asks for to locked wheels, or to the sources of wheels, in one of three ways.

Wheel files without dependencies are taken as they are. From a lock file (PEP 751), the wheels that fit the target are
chosen. Everything else is decided by uv, as `uv pip install` would decide it.

Events: ResolveStarted and ResolveProgress only if uv is asked; RequirementSatisfied for what the user named and is
already installed; ResolveFinished always.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from instui_engine.errors import NoSolutionError, ResolutionError, UsageError, printable
from instui_engine.fetch.uv_settings import UvSettings, settings_here
from instui_engine.fs.given import absolute, resolved, working_directory
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands, is_strong, sha256_in
from instui_engine.journal.events import (
    Event,
    RequirementSatisfied,
    ResolveFinished,
    ResolveProgress,
    ResolveStarted,
    Warned,
)
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.target.interpreter import Interpreter

from .inputs import Arguments, WheelFile, normalized, read_arguments, wheel_requirement
from .locations import path_in, redacted, shortened, split_fragment
from .lock_file import load_parser, parsed_filename, select, size_of
from .origin import came_from, origin_of
from .request import LockedWheel, Meanwhile, Request, Resolution
from .requirements import Requirement, Requirements, is_lock_file, is_project, is_uv_lock
from .resolving import Resolving
from .source import Building
from .uv_config import DECISIVE_FILES, forbids_build, is_decisive, is_reinstalled, not_honoured

if TYPE_CHECKING:
    from .uv import Files, Pin

Emit = Callable[[Event], None]
Cancelled = Callable[[], bool]


def resolve(
    request: Request,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled = lambda: False,
    meanwhile: Meanwhile = Meanwhile(),  # noqa: B008 - it never changes
) -> Resolution:
    """The wheels that satisfy `request` in `environment`, without those that are installed already.

    `meanwhile` is done while uv works, if it is asked.

    Raises UsageError, BadWheelError (a named wheel that does not fit), ResolutionError, and Interrupted as soon as
    `cancelled()` is true.
    """
    settings = settings_here()
    lock_file = _lock_file(request)
    if lock_file:
        wheels, trees = _from_lock_file(lock_file, request, settings, environment.interpreter, cancelled)
        finished = _finish(wheels, {}, request, settings, environment, installed, emit)
        for name, tree in trees.items():
            if tree and name not in installed and name not in installed.links:
                how = f"`instui install --no-deps -e {printable(tree)}` does that"
                emit(Warned("", f"{name} is a source tree of the project, and is not installed: {how}"))
        listed = {*trees, *(wheel.name for wheel in wheels)}
        finished = _with_builds(finished, request, Requirements(), settings, environment)
        return _with_extraneous(
            finished._replace(index_urls=given_urls(request)), listed, request, environment, installed
        )
    arguments = read_arguments(request.arguments, environment.interpreter, request.building.editables)
    lines = _lines(request, arguments.positions, cancelled)
    if not arguments.positions and not request.requirement_files and not request.resolving.group:
        raise UsageError("nothing to install: name a requirement, a wheel, a directory or a source, or give -r FILE")
    if (request.resolving.extra or request.resolving.all_extras) and not lines.projects:
        raise UsageError("extras are those of a project or a lock file: give -r pyproject.toml, or write NAME[EXTRA]")
    for note in lines.notes:
        emit(Warned("", note))
    wanted = lines._replace(requirements=(*_in_order(arguments), *lines.requirements))
    urls = _urls(request, wanted)
    for note in not_honoured(settings, os.environ):
        emit(Warned("", note))
    if request.index_url and os.environ.get("UV_DEFAULT_INDEX"):
        emit(Warned("", "UV_DEFAULT_INDEX is set, and prevails over --index-url, as in uv"))
    if _is_plain(arguments, lines, request) and not is_decisive(settings, os.environ):
        wheels = [_local(wheel) for wheel in arguments.wheels]
        return _finish(wheels, {}, request, settings, environment, installed, emit)._replace(index_urls=urls)
    if request.exact and not wanted.requirements and not wanted.projects:  # uv would say no more
        return _with_extraneous(Resolution((), {}), (), request, environment, installed)
    sources = (requirement for requirement in wanted.requirements if not requirement.name)
    emit(ResolveStarted([short(requirement) for requirement in (*_named(wanted).values(), *sources)]))
    try:
        wheels, satisfied, removed = _from_uv(
            arguments, wanted, request, settings, environment, installed, emit, cancelled, meanwhile
        )
    except NoSolutionError as error:
        directory = next((word for word in request.arguments if "/" not in word and os.path.isdir(word)), "")
        if not directory:
            raise
        hint = f"for the wheels in the directory of that name, give ./{printable(directory)}"
        raise NoSolutionError(f"{error}; {hint}") from error
    finished = _finish(wheels, satisfied, request, settings, environment, installed, emit, decided=True)
    listed = {*satisfied, *(wheel.name for wheel in wheels)}
    finished = _with_builds(finished._replace(index_urls=urls), request, wanted, settings, environment)
    return _with_extraneous(finished, listed, request, environment, installed, removed)


def _with_extraneous(
    resolution: Resolution,
    listed: Collection[str],
    request: Request,
    environment: Environment,
    installed: Installed,
    decided: Collection[str] | None = None,
) -> Resolution:
    """The same with what is to go, if only `listed` is to stay. Raises UsageError and TargetError."""
    if not request.exact and not request.resolving.exact:
        return resolution
    from .exact import check_not_empty, extraneous

    found = extraneous(environment, installed, listed, decided)
    if request.exact:
        check_not_empty(listed, found, allow_empty=request.allow_empty)
    return resolution._replace(extraneous=found)


def _with_builds(
    resolution: Resolution, request: Request, wanted: Requirements, settings: UvSettings, environment: Environment
) -> Resolution:
    """`resolution` with the way in which its sources are built, if it has any."""
    sources = [(wheel, wheel.source) for wheel in resolution.wheels if wheel.source]
    if not sources:
        return resolution
    from .build_settings import build_settings, building_of

    building = building_of(request, wanted)
    for wheel, source in sources:
        if refused := _refused(building, settings, wheel.name, source.editable):
            raise ResolutionError(
                f"{printable(wheel.name)} would have to be built from a source, which {refused} forbids"
            )
    return resolution._replace(builds=build_settings(request, wanted, settings, environment.executable))


def _refused(building: Building, settings: UvSettings, name: str, editable: bool) -> str:
    """What forbids to build that distribution; "" if it may be built. As for uv, an editable one always may."""
    if editable:
        return ""
    if building.no_build:
        return "--no-build"
    if name in map(normalized, building.only_binary):
        return f"--only-binary {name}"
    if ":all:" in building.only_binary:
        return "--only-binary :all:"
    return forbids_build(settings, os.environ, name)


def _lines(request: Request, position: int, cancelled: Cancelled) -> Requirements:
    overrides, excludes = request.resolving.overrides, request.resolving.excludes
    if not (request.requirement_files or request.constraint_files or overrides or excludes):
        return Requirements()
    from .requirement_files import read_requirement_files

    def read_url(url: str) -> bytes:
        return _read_url(url, request, cancelled)

    projects = [file for file in request.requirement_files if is_project(file)]
    files = [file for file in request.requirement_files if file not in projects]
    lines = read_requirement_files(files, request.constraint_files, position, cancelled, read_url)
    return lines._replace(
        projects=tuple(map(absolute, projects)),
        overrides=read_requirement_files((), overrides, 0, cancelled, read_url, "override").constraints,
        excludes=read_requirement_files((), excludes, 0, cancelled, read_url, "exclude").constraints,
    )


def _read_url(url: str, request: Request, cancelled: Cancelled) -> bytes:
    """The content of a requirement file or a lock file on a server. Raises FetchError."""
    from instui_engine.fetch.download import Client

    with Client(index_urls=given_urls(request), offline=request.offline) as client:
        return client.read(url, shortened(url), cancelled)


def given_urls(request: Request) -> tuple[str, ...]:
    """The URLs of the command line that may carry credentials."""
    resolving = request.resolving
    urls = (resolving.default_index, *resolving.indexes, request.index_url, *request.extra_index_urls)
    return tuple(url for url in (*urls, *request.find_links) if "://" in url)


def _urls(request: Request, wanted: Requirements) -> tuple[str, ...]:
    """All URLs of the request that may carry credentials, those of the command line first."""
    direct = (requirement.url for requirement in (*wanted.requirements, *wanted.constraints))
    further = (wanted.index_url, *wanted.extra_index_urls, *wanted.find_links, *direct)
    return (*given_urls(request), *(url for url in further if "://" in url))


def _is_plain(arguments: Arguments, lines: Requirements, request: Request) -> bool:
    """Whether the request is about wheel files alone, and uv would have nothing to decide."""
    asks = request.require_hashes or arguments.requirements or request.resolving != Resolving()
    return request.no_deps and not asks and lines == Requirements()


def _in_order(arguments: Arguments) -> list[Requirement]:
    """The arguments as requirements, in the order given."""
    files = map(wheel_requirement, arguments.wheels)
    return sorted((*files, *arguments.requirements), key=lambda requirement: requirement.position)


def _named(wanted: Requirements) -> dict[str, Requirement]:
    """What the user named, by name; of several requirements on one distribution the first."""
    named: dict[str, Requirement] = {}
    for requirement in wanted.requirements:
        if requirement.name:
            named.setdefault(requirement.name, requirement)
    return named


def short(requirement: Requirement) -> str:
    """A requirement for the journal."""
    text = requirement.text
    if requirement.url.startswith("file:"):
        text = name_of(unquote(urlsplit(requirement.url).path).rstrip("/")) or "/"
    text = redacted(text)
    return printable(text if len(text) <= 100 else text[:97] + "...")


def _local(wheel: WheelFile) -> LockedWheel:
    return LockedWheel(
        name=wheel.name,
        version=wheel.version,
        filename=wheel.filename,
        path=wheel.path,
        sha256=sha256_in(wheel.demands),
        demands=wheel.demands,
        size=wheel.size,
        requested=True,
        position=wheel.position,
        origin=origin_of("", wheel.path),
    )


def _finish(
    wheels: Iterable[LockedWheel],
    satisfied: Mapping[str, str],
    request: Request,
    settings: UvSettings,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    decided: bool = False,
) -> Resolution:
    """Leave out what is installed already, unless it is to be reinstalled, and emit the result.

    What uv has `decided` to take from an index stays: it may have the version that is there, for another platform.
    """
    met = dict(satisfied)
    reinstalled = set(map(normalized, request.resolving.reinstall_package))
    wanted: list[LockedWheel] = []
    for wheel in wheels:
        again = request.reinstall or wheel.name in reinstalled or is_reinstalled(settings, wheel.name)
        again = again or (decided and not wheel.origin)
        if not again and is_installed(wheel, environment, installed):
            met[wheel.name] = installed[wheel.name].version
        else:
            wanted.append(wheel)
    requested = {wheel.name for wheel in wheels if wheel.requested} | set(satisfied)
    for name, version in met.items():
        if name in requested:
            emit(RequirementSatisfied(name, version))
    emit(ResolveFinished(len(wanted), len(met)))
    if request.keep_requested:
        wanted = [wheel._replace(requested=_was_requested(wheel.name, environment, installed)) for wheel in wanted]
    return Resolution(tuple(wanted), met)


def is_installed(wheel: LockedWheel, environment: Environment, installed: Installed) -> bool:
    """Whether that wheel is there already: its version, and for one that was named by its place, from that place.

    Of a source it is not known what would be built, so only the place and its content count.
    """
    if wheel.source is not None:
        from .sources import is_built_from

        return is_built_from(wheel, wheel.source, environment, installed)
    distribution = installed.get(wheel.name)
    if distribution is None or not is_version(distribution.version, wheel.version):
        return False
    if not installed.is_whole(wheel.name):
        return False
    return not wheel.origin or came_from(environment, distribution, wheel.url, wheel.path, wheel.demands)


def is_version(installed: str, wanted: str) -> bool:
    """Whether the two are the same version, however they are spelled."""
    if installed == wanted:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(installed) == Version(wanted)
    except InvalidVersion:
        return False


def _was_requested(name: str, environment: Environment, installed: Installed) -> bool:
    distribution = installed.get(name)
    return distribution is None or (environment.top / distribution.info / "REQUESTED").exists()


# --- lock files


def _lock_file(request: Request) -> str:
    """The lock file that the request is about, given by --pylock or, as uv reads it, by -r; "" for none."""
    files = [file for file in request.requirement_files if is_lock_file(file) or (request.exact and is_uv_lock(file))]
    if not request.pylock and not files:
        return ""
    others = len(request.requirement_files) - (0 if request.pylock else 1)
    resolving = request.resolving
    limits = request.constraint_files or resolving.overrides or resolving.excludes
    if request.arguments or request.building.editables or others or limits:
        raise UsageError(
            f"{printable(request.pylock or files[0])} says all that is to be installed; give no requirements, wheels "
            "or constraints with a lock file"
        )
    for name in DECISIVE_FILES:
        if os.environ.get(name):
            raise UsageError(f"{name} is set, but a lock file says all that is to be installed; unset it")
    return request.pylock or files[0]


def _from_lock_file(
    file: str, request: Request, settings: UvSettings, interpreter: Interpreter, cancelled: Cancelled
) -> tuple[list[LockedWheel], Mapping[str, str]]:
    """The wheels, and the source trees that the file has, too: name -> directory."""
    from .streams import read_input

    trees: Mapping[str, str] = {}
    shown = shortened(file)
    try:
        is_remote = file.startswith(("http://", "https://"))
        if request.exact and is_uv_lock(file):
            from .uv_project import exported

            text, directory, trees = exported(file, interpreter.executable, cancelled)
        else:
            data, directory = (_read_url(file, request, cancelled), "") if is_remote else read_input(file, cancelled)
            text = data.decode()
    except OSError as error:
        raise UsageError(f"cannot read the lock file {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not a lock file: it is not UTF-8 text") from error
    wheels = list(select(text, shown, resolved(directory), interpreter, {}, request.resolving))
    if is_remote and any(wheel.path for wheel in wheels):
        raise UsageError(f"{shown} names files of this machine, which a lock file on a server cannot know")
    if request.require_hashes or settings.require_hashes:
        for wheel in wheels:
            _check_strong(wheel, wheel.demands)
    return wheels, trees


def _check_strong(wheel: LockedWheel, demands: Demands) -> None:
    if not any(map(_is_strong, demands)):
        raise ResolutionError(f"--require-hashes: there is no strong hash for {printable(wheel.filename)}")


def _is_strong(demand: Collection[str]) -> bool:
    return all(map(is_strong, demand))


# --- uv


def _from_uv(
    arguments: Arguments,
    wanted: Requirements,
    request: Request,
    settings: UvSettings,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled,
    meanwhile: Meanwhile,
) -> tuple[list[LockedWheel], dict[str, str], tuple[str, ...]]:
    """The wheels that uv would install, the named distributions (name -> version) that it leaves as they are, and the
    names of those that it would remove.
    """
    from .sources import argued_trees, installed_names, is_source, locked_source, name_sources
    from .uv import Uv  # only who asks uv pays for its import

    working_directory()  # uv would fail without one, less clearly
    named = _named(wanted)
    entries = (*wanted.constraints, *wanted.requirements, *wanted.overrides)
    demands = demands_in(entries, environment.interpreter.markers)
    placed = [entry for entry in entries if entry.url and applies(entry, environment.interpreter.markers)]
    direct = {entry.name: entry for entry in placed if entry.name}
    wheels = [direct_wheel(entry, demands) for entry in direct.values() if not entry.is_source]
    moved = {wheel.name for wheel in wheels if not is_installed(wheel, environment, installed)}
    if sources := [entry for entry in placed if entry.is_source]:
        moved |= _moved(sources, demands, environment, installed) | argued_trees(sources, environment, installed)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="instui-resolve-") as scratch:
        directory = os.path.realpath(scratch)  # relative paths in uv's answer start there
        uv = Uv(request, wanted, environment, Path(directory), settings, cancelled)
        emit(ResolveProgress("deciding which versions to install"))

        def while_deciding() -> None:
            load_parser()
            meanwhile.deciding()

        uv.meanwhile(while_deciding)
        uv.watch(lambda doing: emit(ResolveProgress(doing)))
        decision = uv.decide(installed, moved)
        for warning in decision.warnings:
            emit(Warned("", warning))
        versions = [pin for pin in decision.pins if not pin.url]
        if versions:
            emit(ResolveProgress("listing the files and hashes of these versions"))
            uv.meanwhile(lambda: meanwhile.listing(len(versions)))
        files = uv.locate(versions)
    locked = wheels_in(files, directory, environment.interpreter, demands)
    unnamed = [source for source in sources if not source.name]
    found = name_sources(decision.pins, sources) if unnamed else {}
    direct |= found
    named = {**found, **named}
    for name, source in found.items():
        demands[name] = (*demands.get(name, ()), *source.demands)
    for pin in decision.pins:
        if pin.url and is_source(pin.url):
            locked.append(locked_source(pin.name, pin.version, pin.url, direct.get(pin.name), demands))
        elif pin.url:
            # the metadata that asks for a URL may have a hash in it
            url, more = split_fragment(pin.url, printable(redacted(pin.url)))
            wanted_here = direct.get(pin.name) or Requirement("", pin.name, url)
            locked.append(direct_wheel(wanted_here, {**demands, pin.name: (*demands.get(pin.name, ()), *more)}))
    check_decided(locked, decision.pins)
    if request.require_hashes or wanted.require_hashes or settings.require_hashes:
        for wheel in locked:  # as uv has done; but nothing that an index says can take the place of this
            _check_strong(wheel, wheel.demands if wheel.origin else demands.get(wheel.name, ()))
    note_weak(locked, emit)
    files_named = {wheel.name for wheel in arguments.wheels}
    for place, wheel in enumerate(locked):
        entry = named.get(wheel.name)
        has_place = entry is not None and (wheel.name in files_named or request.no_deps)
        position = entry.position if entry and has_place else -1
        locked[place] = wheel._replace(requested=entry is not None, position=position)
    planned = {pin.name for pin in decision.pins} | set(decision.removed)
    left = {name: installed[name].version for name in named if name not in planned and name in installed}
    if unnamed:
        left |= installed_names((source for source in unnamed if source not in found.values()), environment, installed)
    return locked, left, decision.removed


def _moved(
    sources: Sequence[Requirement], demands: Mapping[str, Demands], environment: Environment, installed: Installed
) -> set[str]:
    """The names of archives that have changed since what is installed was built from them.

    uv looks itself what has become of a tree, and of a repository.
    """
    from .sources import likely_name, locked_source

    moved = set()
    for entry in sources:
        name = likely_name(entry)
        if name in installed and not entry.url.startswith("git+"):
            wheel = locked_source(name, "", entry.url, entry, {name: (*demands.get(name, ()), *entry.demands)})
            if wheel.source and wheel.source.kind == "archive" and not is_installed(wheel, environment, installed):
                moved.add(name)
    return moved


def demands_in(requirements: Iterable[Requirement], markers: Mapping[str, str]) -> dict[str, Demands]:
    """Name -> the demands of all requirements on it whose markers hold in the target."""
    found: dict[str, Demands] = {}
    for entry in requirements:
        if entry.demands and applies(entry, markers):
            found[entry.name] = tuple(dict.fromkeys((*found.get(entry.name, ()), *entry.demands)))
    return found


def applies(entry: Requirement, markers: Mapping[str, str]) -> bool:
    """Whether its marker holds in the target."""
    if ";" not in entry.text:
        return True
    from packaging.requirements import Requirement as Parsed

    marker = Parsed(entry.text).marker
    return marker is None or marker.evaluate({**markers, "extra": ""})


def direct_wheel(entry: Requirement, demands: Mapping[str, Demands]) -> LockedWheel:
    """The wheel at the URL of a requirement. Raises ResolutionError for one that has not the name of a wheel."""
    parts = urlsplit(entry.url)
    if "****" in entry.url or parts.scheme not in ("http", "https", "file"):
        raise ResolutionError(
            f"{entry.name}: cannot fetch {printable(redacted(entry.url))}; name its URL as an argument"
        )
    path = path_in(entry.url, printable(entry.name)) if parts.scheme == "file" else ""
    url = "" if path else entry.url
    filename = name_of(unquote(parts.path))
    name, version = parsed_filename(filename)
    if name != entry.name:
        raise ResolutionError(f"{printable(filename)} is named as {printable(entry.name)}")
    wanted = tuple(dict.fromkeys(demands.get(entry.name, ())))
    return LockedWheel(
        name=name,
        version=version,
        filename=filename,
        url=url,
        path=path,
        sha256=sha256_in(wanted),
        demands=wanted,
        size=size_of(path) if path else 0,
        origin=origin_of(url, path),
    )


def wheels_in(
    files: "Files", directory: str, interpreter: Interpreter, demands: Mapping[str, Demands]
) -> list[LockedWheel]:
    """The wheels in uv's answer, whose relative paths start from `directory`."""
    locked = [wheel for text in files.locks for wheel in select(text, "uv's answer", directory, interpreter, demands)]
    return locked + [_unhashed(url, demands) for url in files.unhashed.values()]


def _unhashed(url: str, demands: Mapping[str, Demands]) -> LockedWheel:
    """A wheel of an index that gives no hash for it."""
    filename = name_of(unquote(urlsplit(url).path))
    name, version = parsed_filename(filename)
    wanted = demands.get(name, ())
    return LockedWheel(name=name, version=version, filename=filename, url=url, sha256=sha256_in(wanted), demands=wanted)


def check_decided(locked: Sequence[LockedWheel], pins: Sequence["Pin"]) -> None:
    """Compare the files that uv named with the versions on which it decided. Raises ResolutionError."""
    decided = {pin.name: pin.version for pin in pins}
    found = {wheel.name: wheel.version for wheel in locked}
    for name, version in decided.items():
        if name not in found:
            raise ResolutionError(f"uv decided on {name} {version} and then named no file of it; run the command again")
        if version and found[name] and not is_version(found[name], version):
            raise ResolutionError(f"uv decided on {name} {version} and then named a file of {found[name]}; run again")
    for name in found.keys() - decided.keys():
        raise ResolutionError(f"uv named a file of {name}, which it had not decided to install; run the command again")


def note_weak(locked: Sequence[LockedWheel], emit: Emit) -> None:
    """Say once which wheels of an index cannot be verified."""
    names = [
        wheel.name for wheel in locked if wheel.url and not wheel.origin and not any(map(_is_strong, wheel.demands))
    ]
    if names:
        shown = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        emit(
            Warned("", f"the index gives no strong hash for {shown}: nothing proves that the files are the right ones")
        )
