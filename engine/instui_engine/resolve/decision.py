"""What uv decides, and the files of that: everything that is not said by wheel files or a lock file alone."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from instui_engine.errors import ResolutionError, printable
from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.fs.given import working_directory
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands, sha256_in
from instui_engine.journal.events import ResolveProgress, Warned
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.target.interpreter import Interpreter
from instui_engine.values import NamedTuple

from .at_once import ask, is_decided_at_once
from .inputs import Arguments
from .locations import path_in, redacted, split_fragment
from .lock_file import load_parser, parsed_filename, select, size_of
from .origin import origin_of
from .request import Cancelled, Emit, LockedWheel, Meanwhile, Request
from .requirements import Requirement, Requirements, named_in
from .resolving import Resolving
from .satisfied import is_installed, is_version
from .selections import remembered
from .sources import argued_trees, installed_names, is_source, likely_name, locked_source, name_sources
from .strength import check_strong, note_weak
from .tracing import Told, may_have_sources, trace
from .uv import Files, Uv
from .uv_plan import Decision, Pin


class Decided(NamedTuple):
    """What uv would install, and the named distributions (name -> version) that it leaves as they are.

    `removed` are the names of those that it would remove. `is_of_something`: not everything is to go.
    """

    wheels: list[LockedWheel]
    satisfied: dict[str, str]
    removed: tuple[str, ...]
    is_of_something: bool


def from_uv(
    arguments: Arguments,
    wanted: Requirements,
    request: Request,
    settings: UvSettings,
    environment: Environment,
    installed: Installed,
    emit: Emit,
    cancelled: Cancelled,
    meanwhile: Meanwhile,
    urls: Sequence[str],
    cache: Path | None,
) -> Decided:
    """What uv decides. `urls` are those of the request that may carry credentials.

    What uv has named before is remembered below `cache`.

    Raises ResolutionError, UsageError or Interrupted.
    """
    working_directory()  # uv would fail without one, less clearly
    named = named_in(wanted)
    entries = (*wanted.constraints, *wanted.requirements, *wanted.overrides)
    demands = demands_in(entries, environment.interpreter.markers)
    placed = [entry for entry in entries if entry.url and applies(entry, environment.interpreter.markers)]
    direct = {entry.name: entry for entry in placed if entry.name}
    wheels = [direct_wheel(entry, demands) for entry in direct.values() if not entry.is_source]
    moved = {wheel.name for wheel in wheels if not is_installed(wheel, environment, installed)}
    if sources := [entry for entry in placed if entry.is_source]:
        moved |= _moved(sources, demands, environment, installed) | argued_trees(sources, environment, installed)
    emit(ResolveProgress("deciding which versions to install"))
    told: Mapping[str, Told] = {}
    answer: tuple[Decision, list[LockedWheel]] | None = None
    if is_decided_at_once(wanted, request, settings, installed):
        said = ask(wanted, request, settings, environment, cancelled, lambda: meanwhile.deciding(urls))
        answer = _at_once(said, environment.interpreter, emit, cache) if said else None
    if answer is None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="instui-resolve-") as scratch:
            directory = os.path.realpath(scratch)  # relative paths in uv's answer start there
            uv = Uv(request, wanted, environment, Path(directory), settings, cancelled)

            def while_deciding() -> None:
                meanwhile.deciding(urls)
                load_parser()

            uv.meanwhile(while_deciding)
            uv.watch(lambda doing: emit(ResolveProgress(doing)), meanwhile.seen)
            decision = uv.decide(installed, moved)
            for warning in decision.warnings:
                emit(Warned("", warning))
            versions = [pin for pin in decision.pins if not pin.url]
            if versions:
                emit(ResolveProgress("listing the files and hashes of these versions"))
                uv.meanwhile(lambda: meanwhile.listing(len(versions)))
            if may_have_sources(decision.pins, wanted, request.resolving.group):
                files, told = trace(uv, decision.pins, environment, installed, request.offline)
            else:
                files = uv.locate(versions)
        answer = decision, wheels_in(files, directory, environment.interpreter, demands, cache)
    decision, locked = answer
    unnamed = [source for source in sources if not source.name]
    found = name_sources(decision.pins, sources) if unnamed else {}
    direct |= found
    named = {**{name: source for name, source in found.items() if source.position >= 0}, **named}
    for name, source in found.items():
        demands[name] = (*demands.get(name, ()), *source.demands)
    for pin in decision.pins:
        if pin.url and is_source(pin.url):
            wheel = locked_source(pin.name, pin.version, pin.url, direct.get(pin.name), demands)
            locked.append(_as_told(wheel, told.get(pin.name)))
        elif pin.url:
            # the metadata that asks for a URL may have a hash in it
            url, more = split_fragment(pin.url, printable(redacted(pin.url)))
            wanted_here = direct.get(pin.name) or Requirement("", pin.name, url)
            locked.append(direct_wheel(wanted_here, {**demands, pin.name: (*demands.get(pin.name, ()), *more)}))
    check_decided(locked, decision.pins)
    if request.require_hashes or wanted.require_hashes or settings.require_hashes:
        for wheel in locked:  # as uv has done; but nothing that an index says can take the place of this
            check_strong(wheel, wheel.demands if wheel.origin else demands.get(wheel.name, ()))
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
        asked = (source for source in unnamed if source.position >= 0 and source not in found.values())
        left |= installed_names(asked, environment, installed)
    return Decided(locked, left, decision.removed, decision.is_of_something)


def _at_once(
    answer: tuple[str, Sequence[str]], interpreter: Interpreter, emit: Emit, cache: Path | None
) -> tuple[Decision, list[LockedWheel]] | None:
    """What the answer to one question says; None if it takes two, for what has to be built."""
    text, warnings = answer
    locked = wheels_in(Files((text,), {}), os.getcwd(), interpreter, {}, cache)
    if any(wheel.origin or wheel.source for wheel in locked):
        return None
    for warning in warnings:
        emit(Warned("", warning))
    return Decision(tuple(Pin(wheel.name, wheel.version, "") for wheel in locked), tuple(warnings)), locked


def _as_told(wheel: LockedWheel, told: Told | None) -> LockedWheel:
    """The wheel of a source with what the whole request says of it; a branch that the user has named stays."""
    source = wheel.source
    if source is None or told is None:
        return wheel
    source = source._replace(editable=told.editable, revision=source.revision or told.revision)
    return wheel._replace(source=source)


def _moved(
    sources: Sequence[Requirement], demands: Mapping[str, Demands], environment: Environment, installed: Installed
) -> set[str]:
    """The names of archives that have changed since what is installed was built from them.

    uv looks itself what has become of a tree, and of a repository.
    """
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
    from packaging.markers import Marker
    from packaging.requirements import Requirement as Parsed

    # what has no name is a URL, in which a blank is written otherwise
    marker = Parsed(entry.text).marker if entry.name else Marker(entry.text.partition(" ; ")[2])
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
    files: Files, directory: str, interpreter: Interpreter, demands: Mapping[str, Demands], cache: Path | None = None
) -> list[LockedWheel]:
    """The wheels in uv's answer, whose relative paths start from `directory`; remembered below `cache`."""
    locked: list[LockedWheel] = []
    for text in files.locks:
        read = partial(select, text, "uv's answer", directory, interpreter, demands)
        locked += remembered(cache, text, interpreter, demands, Resolving(), read)
    if files.names:
        locked += select(files.traced, "uv's answer", directory, interpreter, demands, names=files.names)
    return locked + [_unhashed(url, demands) for url in files.unhashed.values()]


def _unhashed(url: str, demands: Mapping[str, Demands]) -> LockedWheel:
    """A wheel of an index that gives no hash for it."""
    filename = name_of(unquote(urlsplit(url).path))
    name, version = parsed_filename(filename)
    wanted = demands.get(name, ())
    return LockedWheel(name=name, version=version, filename=filename, url=url, sha256=sha256_in(wanted), demands=wanted)


def check_decided(locked: Sequence[LockedWheel], pins: Sequence[Pin]) -> None:
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
