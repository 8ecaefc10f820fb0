"""Resolution: from what the user asks for to locked wheels, or to the sources of wheels, in one of three ways.

Wheel files without dependencies are taken as they are. From a lock file (PEP 751), the wheels that fit the target are
chosen. Everything else is decided by uv, as `uv pip install` would decide it.

Events: ResolveStarted and ResolveProgress only if uv is asked; RequirementSatisfied for what the user named and is
already installed; ResolveFinished always.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from instui_engine.errors import ResolutionError, UsageError, printable
from instui_engine.fetch.uv_settings import UvSettings, settings_here
from instui_engine.fs.given import absolute
from instui_engine.hashes import sha256_in
from instui_engine.journal.events import Event, RequirementSatisfied, ResolveFinished, ResolveStarted, Warned
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

from .inputs import Arguments, WheelFile, normalized, read_arguments, wheel_requirement
from .origin import origin_of
from .request import Cancelled, Emit, LockedWheel, Meanwhile, Request, Resolution, given_urls
from .requirements import Requirement, Requirements, is_lock_file, is_project, is_uv_lock, named_in, short
from .resolving import Resolving
from .satisfied import is_installed, was_requested
from .uv_config import DECISIVE_FILES, is_decisive, is_reinstalled, not_honoured

if TYPE_CHECKING:
    from pathlib import Path

    from .decision import Decided


def resolve(
    request: Request,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled = lambda: False,
    meanwhile: Meanwhile = Meanwhile(),  # noqa: B008 - it never changes
    cache: "Path | None" = None,
) -> Resolution:
    """The wheels that satisfy `request` in `environment`, without those that are installed already.

    `meanwhile` is done while uv works, if it is asked. What lock files say is remembered below `cache`.

    Raises UsageError, BadWheelError (a named wheel that does not fit), ResolutionError, and Interrupted as soon as
    `cancelled()` is true.
    """
    settings = settings_here()
    if (request.leaving_out or request.locked) and not any(map(is_uv_lock, request.requirement_files)):
        what = "what is left out is a part of a uv.lock" if request.leaving_out else "what may be locked is a uv.lock"
        raise UsageError(f"{what}; name one")
    if lock_file := _lock_file(request):
        return _locked(lock_file, request, settings, environment, installed, emit, cancelled, cache)
    arguments = read_arguments(request.arguments, environment.interpreter, request.building.editables)
    lines = _lines(request, arguments.positions, cancelled)
    if not arguments.positions and not request.requirement_files and not request.resolving.group:
        raise UsageError("nothing to install: name a requirement, a wheel, a directory or a source, or give -r FILE")
    if (request.resolving.extra or request.resolving.all_extras) and not lines.projects:
        raise UsageError("extras are those of a project or a lock file: give -r pyproject.toml, or write NAME[EXTRA]")
    for note in (*lines.notes, *not_honoured(settings, os.environ)):
        emit(Warned("", note))
    if arguments.requirements:
        from .namesakes import namesakes

        for note in namesakes(request.arguments):
            emit(Warned("", note))
    if request.index_url and os.environ.get("UV_DEFAULT_INDEX"):
        emit(Warned("", "UV_DEFAULT_INDEX is set, and prevails over --index-url, as in uv"))
    wanted = lines._replace(requirements=(*_in_order(arguments), *lines.requirements))
    if _is_plain(arguments, lines, request) and not is_decisive(settings, os.environ):
        wheels = [_local(wheel) for wheel in arguments.wheels]
        resolution = _finish(wheels, {}, request, settings, environment, installed, emit)
    elif request.exact and not (wanted.requirements or wanted.projects or request.resolving.group):  # there is nothing
        resolution = _with_extraneous(Resolution((), {}), (), request, environment, installed)
    else:
        decide = partial(_decided, arguments, wanted, request, settings, environment, cache)
        resolution = decide(installed, emit, cancelled, meanwhile)
        if not request.exact:

            def again(now: Installed) -> Resolution:
                return decide(now, _untold, cancelled, Meanwhile())._replace(index_urls=_urls(request, wanted))

            resolution = resolution._replace(again=again)
    return resolution._replace(index_urls=_urls(request, wanted))


def _untold(event: Event) -> None:
    """The second answer is not told: the first one was, and it would be counted twice."""


def _locked(
    lock_file: str,
    request: Request,
    settings: UvSettings,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled,
    cache: "Path | None",
) -> Resolution:
    """What a lock file says."""
    from .lock_file import from_lock_file

    wheels = from_lock_file(lock_file, request, settings, environment.interpreter, cancelled, cache)
    resolution = _finish(wheels, {}, request, settings, environment, installed, emit)
    resolution = _with_builds(resolution, request, Requirements(), settings, environment)
    listed = {wheel.name for wheel in wheels}
    resolution = _with_extraneous(resolution, listed, request, environment, installed)
    return resolution._replace(index_urls=given_urls(request))


def _decided(
    arguments: Arguments,
    wanted: Requirements,
    request: Request,
    settings: UvSettings,
    environment: Environment,
    cache: "Path | None",
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled,
    meanwhile: Meanwhile,
) -> Resolution:
    """What uv decides."""
    from .decision import from_uv  # only who asks uv pays for its import

    sources = (requirement for requirement in wanted.requirements if not requirement.name)
    emit(ResolveStarted([short(requirement) for requirement in (*named_in(wanted).values(), *sources)]))
    try:
        urls = _urls(request, wanted)
        decided = from_uv(
            arguments, wanted, request, settings, environment, installed, emit, cancelled, meanwhile, urls, cache
        )
    except ResolutionError:
        from .damaged import check_local_wheels

        check_local_wheels(arguments.wheels, wanted.requirements)
        raise
    wheels, satisfied = decided.wheels, decided.satisfied
    resolution = _finish(wheels, satisfied, request, settings, environment, installed, emit, decided=True)
    resolution = _with_builds(resolution, request, wanted, settings, environment)
    listed = {*satisfied, *(wheel.name for wheel in wheels)}
    return _with_extraneous(resolution, listed, request, environment, installed, decided)


def _with_builds(
    resolution: Resolution, request: Request, wanted: Requirements, settings: UvSettings, environment: Environment
) -> Resolution:
    """`resolution` with the way in which its sources are built, if it has any."""
    if not any(wheel.source for wheel in resolution.wheels):
        return resolution
    from .build_settings import with_builds

    return with_builds(resolution, request, wanted, settings, environment.executable)


def _with_extraneous(
    resolution: Resolution,
    listed: Collection[str],
    request: Request,
    environment: Environment,
    installed: Installed,
    decided: "Decided | None" = None,
) -> Resolution:
    """The same with what is to go, if only `listed` is to stay. Raises UsageError and TargetError.

    What uv has `decided`, if it was asked, counts.
    """
    if not request.exact and not request.resolving.exact:
        return resolution
    from .exact import check_not_empty, extraneous

    found = extraneous(environment, installed, listed, decided.removed if decided else None)
    if request.exact and not (decided and decided.is_of_something):
        check_not_empty(listed, found, allow_empty=request.allow_empty)
    return resolution._replace(extraneous=found)


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


def _lines(request: Request, position: int, cancelled: Cancelled) -> Requirements:
    overrides, excludes = request.resolving.overrides, request.resolving.excludes
    if not (request.requirement_files or request.constraint_files or overrides or excludes):
        return Requirements()
    from .requirement_files import read_requirement_files

    def read(url: str) -> bytes:
        from .remote import read_url

        return read_url(url, request, cancelled)

    projects = [file for file in request.requirement_files if is_project(file)]
    files = [file for file in request.requirement_files if file not in projects]
    lines = read_requirement_files(files, request.constraint_files, position, cancelled, read)
    return lines._replace(
        projects=tuple(map(absolute, projects)),
        overrides=read_requirement_files((), overrides, 0, cancelled, read, "override").constraints,
        excludes=read_requirement_files((), excludes, 0, cancelled, read, "exclude").constraints,
    )


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
    resolving = request.resolving
    reinstalled = set(map(normalized, resolving.reinstall_package))
    refreshed = set(map(normalized, resolving.refresh_package))
    wanted: list[LockedWheel] = []
    for wheel in wheels:
        again = request.reinstall or wheel.name in reinstalled or is_reinstalled(settings, wheel.name)
        stays = not again and not (decided and not wheel.origin)
        if stays and _is_there(wheel, request, settings, environment, installed, decided):
            met[wheel.name] = installed[wheel.name].version
        elif wheel.source and (again or resolving.refresh or wheel.name in refreshed):
            wanted.append(wheel._replace(source=wheel.source._replace(anew=True)))
        else:
            wanted.append(wheel)
    requested = {wheel.name for wheel in wheels if wheel.requested} | set(satisfied)
    for name, version in met.items():
        if name in requested:
            emit(RequirementSatisfied(name, version))
    emit(ResolveFinished(len(wanted), len(met)))
    if request.keep_requested:
        wanted = [wheel._replace(requested=was_requested(wheel.name, environment, installed)) for wheel in wanted]
    return Resolution(tuple(wanted), met)


def _is_there(
    wheel: LockedWheel,
    request: Request,
    settings: UvSettings,
    environment: Environment,
    installed: Installed,
    decided: bool,
) -> bool:
    """Whether it is installed already. What has become of a tree, uv has seen itself when it has `decided`."""
    if is_installed(wheel, environment, installed):
        return True
    if decided or wheel.source is None:
        return False
    from .build_settings import is_plain
    from .sources import is_unchanged

    return is_plain(request, settings) and is_unchanged(wheel, environment, installed)
