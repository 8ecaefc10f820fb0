"""All builds of a session: several at once, each by a worker; the first failure stops them all.

`uv build --wheel` builds, with the indexes, the variables and the settings of the resolution, by the target's Python,
into a private directory of the cache. What was built before from the same source in the same way is taken from there.

Events: FetchStarted and its kin for an archive that has to come; BuildStarted, BuildProgress and BuildFinished for what
is built, and nothing for what is kept.
"""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import BuildError, Interrupted, printable
from instui_engine.fs.cache_directory import user_cache
from instui_engine.fs.memory import memory_file
from instui_engine.fs.paths import is_within
from instui_engine.journal.events import BuildFinished, BuildProgress, BuildStarted, Holder
from instui_engine.redaction import redacted
from instui_engine.resolve.build_settings import build_flags
from instui_engine.resolve.cache_info import tree_info
from instui_engine.resolve.request import LockedWheel, Resolution
from instui_engine.resolve.satisfied import is_version
from instui_engine.resolve.source import Source, shown
from instui_engine.resolve.uv import uv_binary
from instui_engine.session.context import Context
from instui_engine.session.logs import open_log
from instui_engine.session.workers import Crew
from instui_engine.store.known import Known, url_key
from instui_engine.store.local import LocalDigests
from instui_engine.target.interpreter import Interpreter
from instui_engine.wheel.filename import parse_wheel_filename

from .editable import make_project
from .failure import reason_in
from .kept import Kept, KeptWheel, discard, key_of, may_be_kept
from .material import check_out, fetch_archive, read_archive
from .running import Output, run
from .tree_lock import alone_in

if TYPE_CHECKING:
    from instui_engine.fetch.download import Client

_INTERVAL = 0.3  # seconds between two reports of the last line


def build_wheels(
    context: Context,
    resolution: Resolution,
    wheels: Sequence[LockedWheel],
    interpreter: Interpreter,
    journal: Path,
    anew: bool = False,
) -> list[LockedWheel]:
    """`wheels`, of which those with a source are local wheel files now; without what was cancelled meanwhile.

    The logs lie beside `journal`. `anew`: nothing that was built before is used. Raises the first failure: BuildError,
    FetchError, BadWheelError or Interrupted. No build goes on after the call.
    """
    with closing(_Builds(context, resolution, interpreter, journal, anew)) as builds:
        return builds.run(wheels)


class _Builds:
    def __init__(
        self, context: Context, resolution: Resolution, interpreter: Interpreter, journal: Path, anew: bool
    ) -> None:
        self._context = context
        self._settings = resolution.builds
        self._index_urls = resolution.index_urls
        self._interpreter = interpreter
        self._journal = journal
        self._anew = anew
        cache = context.options.cache
        self._kept, self._known, self._local = Kept(cache, context.options.fsync), Known(cache), LocalDigests(cache)
        self._uv = uv_binary()  # once, and before there are threads: sysconfig, which it asks, is made for one
        self._client: Client | None = None
        self._left: list[LockedWheel] = []
        self._built: dict[str, LockedWheel] = {}

    def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            self._client.close()

    def run(self, wheels: Sequence[LockedWheel]) -> list[LockedWheel]:
        """Build what has to be built."""
        context = self._context
        self._left = [wheel for wheel in reversed(wheels) if wheel.source]
        if any(wheel.url and wheel.source and wheel.source.kind == "archive" for wheel in self._left):
            from instui_engine.fetch.download import Client

            self._client = Client(index_urls=self._index_urls, offline=self._settings.offline)
        crew = Crew(context, lambda worker: self._work(worker, crew), len(self._left))
        context.control.resize = partial(_resize, crew)
        try:
            crew.run()
        finally:
            context.control.resize = None
        found = (self._built.get(wheel.name) if wheel.source else wheel for wheel in wheels)
        return [wheel for wheel in found if wheel is not None]

    def _work(self, worker: int, crew: Crew) -> None:
        context = self._context
        while not context.stopping() and not crew.is_dismissed(worker):
            try:
                wheel = self._left.pop()
            except IndexError:
                return
            context.rest()
            if context.gives_up(wheel.name):
                continue
            try:
                with context.failing(wheel.name):
                    self._built[wheel.name] = self._one(wheel, worker)
            except Interrupted:
                context.check()
                if wheel.name not in context.control.wheels:
                    raise

    def _one(self, wheel: LockedWheel, worker: int) -> LockedWheel:
        """The wheel file for one source, as it was kept or is built now."""
        assert wheel.source is not None
        directory = self._kept.new_directory()
        try:
            wheel, source = self._material(wheel, wheel.source, directory, worker)
            key = key_of(wheel, source, self._settings, self._interpreter)
            found = self._kept.find(key) if self._may_be_kept(wheel, source) else None
            return _finished(wheel, source, found or self._build(wheel, source, directory, key, worker))
        finally:
            discard(directory)

    def _material(self, wheel: LockedWheel, source: Source, directory: Path, worker: int) -> tuple[LockedWheel, Source]:
        """The wheel and its source, whose archive is here and has its sha256, or whose tree has its info."""
        if source.kind == "tree" and self._settings.is_plain:
            return wheel, source._replace(info=tree_info(source))
        if source.kind != "archive":
            return wheel, source
        if wheel.path:
            with suppress(OSError):
                if (digest := self._local.noted(wheel.path)) and self._known.meets(wheel.demands, digest):
                    return wheel, source._replace(sha256=digest)
            return wheel, source._replace(sha256=read_archive(wheel, self._local))
        known = url_key(wheel.url, wheel.demands)
        digest = wheel.sha256
        if not digest and self._settings.offline and (note := self._known.url(known)) is not None:
            digest = note.sha256
        if digest and self._may_be_kept(wheel, source):
            source = source._replace(sha256=digest)
            if self._kept.find(key_of(wheel, source, self._settings, self._interpreter)) is not None:
                return wheel, source  # it need not come again
        assert self._client is not None
        path, digest = fetch_archive(self._context, wheel, self._client, directory, worker)
        self._known.note_url(known, digest, "")
        return wheel, source._replace(path=path, sha256=digest)

    def _may_be_kept(self, wheel: LockedWheel, source: Source) -> bool:
        return not self._anew and may_be_kept(wheel, source, self._settings)

    def _build(self, wheel: LockedWheel, source: Source, directory: Path, key: str, worker: int) -> KeptWheel:
        context, name = self._context, wheel.name
        context.rest()
        log, path = open_log(self._journal, name)
        context.emit(BuildStarted(name, shown(wheel.source or source), path, bool(source.editable), worker))
        output = Output(log, lambda line: context.emit(BuildProgress(name, line)), _INTERVAL)
        try:
            built = directory / "built"
            built.mkdir()
            with self._alone(wheel, source):
                place = self._place(wheel, source, directory, output)
                code = self._run(wheel, place, built, output)
            found = sorted(built.glob("*.whl"))
            if code or len(found) != 1:
                said = reason_in(output.lines) if code else f"it made {len(found)} wheels instead of one"
                where = f"; its output is in {printable(path)}" if path else ""
                raise BuildError(f"{printable(name)} could not be built: {said}{where}", wheel=name, log=path)
        except (BuildError, Interrupted):
            raise
        except OSError as error:
            raise BuildError(f"{printable(name)} could not be built: {error}", wheel=name, log=path) from error
        finally:
            if log >= 0:
                os.close(log)
        filename, size = found[0].name, found[0].stat().st_size
        kept = self._kept.keep(key, found[0])
        context.emit(BuildFinished(name, filename, size))
        return kept

    def _alone(self, wheel: LockedWheel, source: Source) -> AbstractContextManager[None]:
        if source.kind != "tree":
            return nullcontext()
        context, place = self._context, printable(source.path)

        def waiting(holders: Sequence[Holder]) -> None:
            from instui_engine.locks.phrases import describe

            context.emit(BuildProgress(wheel.name, f"waits for the build in {place} of {describe(holders)}"))

        return alone_in(source.path, context.options.lock_timeout, partial(context.gives_up, wheel.name), waiting)

    def _place(self, wheel: LockedWheel, source: Source, directory: Path, output: Output) -> str:
        """What `uv build` is given: a directory or an archive."""
        place = source.path or wheel.path
        if source.kind == "git":
            cancelled = partial(self._context.gives_up, wheel.name)
            if self._settings.offline and not source.url.startswith("file:"):
                raise BuildError(
                    f"{printable(wheel.name)}: commit {source.commit[:12]} of {printable(redacted(source.url))} was "
                    "not built before; run once without --offline and UV_OFFLINE",
                    wheel=wheel.name,
                )
            place = check_out(wheel, source, directory, self._settings.variables, output, cancelled)
        if source.kind == "archive" and source.subdirectory:
            from .unpacked import unpack_sdist

            place = unpack_sdist(wheel, place, directory)
        if source.subdirectory:
            top, place = place, os.path.normpath(os.path.join(place, source.subdirectory))
            if source.kind != "tree" and not is_within(os.path.realpath(place), os.path.realpath(top)):
                problem = f"{printable(wheel.name)}: {printable(source.subdirectory)} leads out of its source"
                raise BuildError(problem, wheel=wheel.name)
        if not source.editable:
            return place
        project = directory / "editable"
        project.mkdir()
        make_project(place, project, wheel.name, (self._uv,), self._variables(directory))
        return os.fspath(project)

    def _variables(self, directory: Path) -> dict[str, str]:
        variables = dict(self._settings.variables)
        if not (variables.get("UV_CACHE_DIR") or user_cache("uv")):
            variables["UV_CACHE_DIR"] = os.fspath(directory / "cache")
        return variables

    def _run(self, wheel: LockedWheel, place: str, built: Path, output: Output) -> int:
        settings = self._settings
        variables = {"PYTHONUNBUFFERED": "1", **self._variables(built.parent)}  # its output comes while it works
        variables |= settings.own_variables.get(wheel.name, {})
        command = [self._uv, "build", "--wheel", "--no-create-gitignore", "--color=never", "--no-progress"]
        command += [f"--python={settings.python}", f"--out-dir={built}"]
        command += ["--offline"] if settings.offline else []
        command += ["--no-index"] if settings.no_index else []
        command += ["--refresh"] if self._anew and not settings.offline else []  # uv takes only one of them
        command += [*settings.flags, *build_flags(settings.building, wheel.name)]
        with memory_file(settings.config) as config:
            command += [f"--config-file=/dev/fd/{config}"] if settings.config else []
            cancelled = partial(self._context.gives_up, wheel.name)
            return run([*command, "--", place], variables, output, cancelled, (config,))


def _resize(crew: Crew, number: int) -> str:
    return crew.fill() or f"{crew.wanted} build at a time, as soon as the others are done with what they have in hand"


def _finished(wheel: LockedWheel, source: Source, built: KeptWheel) -> LockedWheel:
    """The wheel as a local file. Raises BuildError if it is not what was asked for."""
    filename = os.path.basename(built.path)
    try:
        name, version, _ = parse_wheel_filename(filename)
    except ValueError:
        name = version = ""
    if name != wheel.name:
        raise BuildError(
            f"{printable(wheel.name)} could not be built: the build made {printable(filename)}", wheel=wheel.name
        )
    if source.kind == "archive" and wheel.version and not is_version(version, wheel.version):
        raise BuildError(
            f"{printable(wheel.name)} {printable(wheel.version)} could not be built: the build made "
            f"{printable(filename)}",
            wheel=wheel.name,
        )
    return wheel._replace(
        version=version,
        filename=filename,
        url="",
        path=built.path,
        sha256=built.sha256,
        demands=(),
        size=os.stat(built.path).st_size,
        source=source,
    )
