"""An install from beginning to end, as a pipeline: resolve, build, acquire (fetch, unpack), plan, stage, commit.

Nothing is written into the environment's scheme directories before everything is known, checked and staged.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import (
    BuildError,
    Interrupted,
    ResolutionError,
    printable,
)
from instui_engine.journal.events import (
    Holder,
    Warned,
    WheelAdded,
)
from instui_engine.locks.reported import reported_wait
from instui_engine.redaction import redacted
from instui_engine.resolve.request import LockedWheel, Request, Resolution
from instui_engine.resolve.resolver import resolve
from instui_engine.resolve.resolving import Resolving
from instui_engine.resolve.source import shown
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.logs import keep_log
from instui_engine.session.options import Options
from instui_engine.session.session import Session
from instui_engine.stage.team import number_of_helpers
from instui_engine.store.store import Store
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed, scan
from instui_engine.wheel.permission import FLAG, unused

from .command import Outcome, Recording, Work, perform
from .early import Early

if TYPE_CHECKING:
    from instui_engine.bytecode.compile import Compilation
    from instui_engine.commit.commit import Commit
    from instui_engine.plan.plan import Plan
    from instui_engine.stage.staging import Staging
    from instui_engine.store.acquire import Damage
    from instui_engine.store.entry import Entry

    from .planning import Unpacked

_ROUNDS = 3  # how often uv is asked, at most, because others have installed something meanwhile


def install(
    request: Request,
    environment: Environment,
    options: Options | None = None,
    control: Control | None = None,
    recording: Recording | None = None,
) -> Outcome:
    """Install what `request` asks for into `environment`; return when all is done or undone.

    Never raises an InstuiError; the outcome carries it. `control` can pause and stop the session from another thread or
    a signal handler. `recording` says who receives the journal.
    """

    def make(context: Context, environment: Environment, session: Session) -> Work:
        return Pipeline(context, environment, session, request)

    return perform(make, environment, options, control, recording)


class Pipeline(Work):
    """The steps of an install."""

    def __init__(self, context: Context, environment: Environment, session: Session, request: Request) -> None:
        super().__init__(context, _target(environment, request.resolving), session)
        self._request = request
        sync = (lambda path: context.sync("store", path)) if context.options.fsync else None
        self._store = Store(context.options.cache, sync)
        self._index_urls: tuple[str, ...] = ()  # they may carry credentials, so they stay in memory
        self._extraneous: tuple[str, ...] = ()  # names of what is to be removed, before anything is installed
        self._resolution = Resolution((), {})
        self._early = Early(context, self._store, request, session.sign_of_life)
        self._wanted = 0  # distributions to install, and to remove, once that is decided
        self._commit: Commit | None = None
        self._compilation: Compilation | None = None

    @property
    def done(self) -> list[str]:
        """Names of the distributions that were committed."""
        return self._commit.installed if self._commit else []

    def run(self) -> None:
        """Install all, or nothing before the first commit."""
        with closing(self._early):
            try:
                self._run()
            except Interrupted as error:
                if self._commit is None and self._wanted:  # a commit says how far it came
                    raise self._none_done(error) from None
                raise
            finally:
                if self._compilation is not None:
                    self._compilation.close()

    def _none_done(self, error: Interrupted) -> Interrupted:
        to_remove = len(self._extraneous)
        done_to = " or ".join(["removed"] * (to_remove > 0) + ["installed"] * (self._wanted > to_remove))
        return Interrupted(
            f"interrupted: 0 of {self._wanted} distributions are {done_to}; run the same command again to go on",
            self.context.control.exit_code or error.exit_code,
        )

    def _run(self) -> None:
        with self.context.span("resolve"):
            self._early.begin()
            installed = scan(self.environment)
            wheels = self._resolve(installed)
        if not wheels and not self._extraneous:
            return
        self.context.control.wheels.expect((*self._extraneous, *(wheel.name for wheel in wheels)))
        with self._using_store() if wheels else nullcontext():
            if self.context.options.dry_run:
                with self.context.span("plan"):
                    self._foresee(self._latest(installed), wheels)
                return
            self._wanted = len(self._extraneous) + len(wheels)
            installed, ready = self._decided_again(installed, self._made(wheels))
            if not ready and not self._extraneous:
                return  # all of them were cancelled, or others have installed what satisfies
            with self.context.span("plan"):
                from .planning import plan

                installed = self._latest(installed)
                if not ready and not self._extraneous:
                    return
                staging = self._staging(sum(entry.manifest.files for _, entry in ready))
                begin = staging.begin if self._begins_early(staging) else lambda plan: None
                plans, overlaps = plan(self.context, self.environment, installed, self._extraneous, ready, begin=begin)
            self._stage(plans, staging)
        self.began = True
        with self.context.span("commit"):
            from instui_engine.commit.commit import Commit

            commit = self._commit = Commit(self.context, self.environment, self.session, plans, overlaps, installed)
            commit.run()

    def _made(self, wheels: Sequence[LockedWheel]) -> "list[Unpacked]":
        """`wheels`, built, fetched and unpacked, without those that are cancelled meanwhile."""
        if any(wheel.source for wheel in wheels):
            with self.context.span("build"):
                wheels = self._build(wheels)
        with self.context.span("acquire") if wheels else nullcontext():
            ready = self._acquire(wheels) if wheels else []
            # what comes before the plan is loaded within a part, so that the journal says where the time went
            import instui_engine.commands.revision
            import instui_engine.plan.newcomers  # noqa: F401
        return self._compiled(ready)

    def _decided_again(self, installed: Installed, ready: "list[Unpacked]") -> "tuple[Installed, list[Unpacked]]":
        """What is installed now, and what of `ready` is still to be, with what is needed instead of the rest.

        Others may have installed other versions since `installed` was listed. Had this session begun after that, it
        would have left them alone if they satisfy. So uv is asked again: the result is to be that of one session after
        the other. It is done a few times at most, as others may come each time.
        """
        from instui_engine.plan.newcomers import newcomers, replaced

        from .revision import revised, told

        emit, again, going = self.context.emit, self._resolution.again, set[str]()
        cancelled = self.context.control.wheels
        for _ in range(_ROUNDS):
            latest = self._latest(installed)
            found = newcomers(installed, latest, (wheel for wheel, _ in ready))
            installed = latest
            going.update(found)
            if again is None or not any(wheel.name in found and not wheel.origin for wheel, _ in ready):
                break
            with self.context.span("resolve"):
                self._resolution = self._asked(partial(again, latest))
            self._extraneous = self._resolution.extraneous
            revision = revised(ready, self._resolution.wheels, cancelled)
            for event in told(revision, {name: latest[name] for name in going if name in latest}):
                emit(event)
            cancelled.forget(wheel.name for wheel in revision.dropped)
            cancelled.expect(wheel.name for wheel in revision.missing)
            ready = [*revision.kept, *self._made(revision.missing)]
        for wheel, _ in ready:
            if wheel.name in going and wheel.name in installed:
                emit(Warned(wheel.name, replaced(installed[wheel.name], wheel.version)))
        return installed, ready

    def _latest(self, installed: Installed) -> Installed:
        """What is installed now, of which `installed` was found before the resolution.

        Fetching and building can take minutes. What others have done meanwhile has to be in the plan: whose file a
        wheel replaces, which version goes, and who depends on it.
        """
        if installed.is_current():
            return installed
        installed = scan(self.environment)
        gone = [name for name in self._extraneous if name not in installed and name not in installed.links]
        for name in gone:
            self.context.emit(Warned(name, "was removed by somebody else just now"))
        self._extraneous = tuple(name for name in self._extraneous if name not in gone)
        return installed

    def _resolve(self, installed: Installed) -> Sequence[LockedWheel]:
        context = self.context
        ask = partial(resolve, self._request, self.environment, installed, context.emit, context.control.cancelled)
        resolution = self._asked(lambda: ask(self._early.meanwhile, context.options.cache))
        self._index_urls = resolution.index_urls
        self._extraneous = resolution.extraneous
        self._resolution = resolution
        versions = resolution.satisfied | {wheel.name: wheel.version for wheel in resolution.wheels}
        for permission in unused(context.options.allow_record, versions):
            context.emit(Warned("", f"{FLAG} {printable(permission)} is for no wheel of this run"))
        return resolution.wheels

    def _asked(self, ask: Callable[[], Resolution]) -> Resolution:
        try:
            return ask()
        except Interrupted:
            self.context.check()
            raise
        except ResolutionError as error:
            if not error.output or self.context.options.dry_run:
                raise
            raise self._with_log(error) from error

    def _with_log(self, error: ResolutionError) -> ResolutionError:
        """The same error, with a log of what was printed: a build that has failed leaves one, also here."""
        path = keep_log(self.session.kept, "resolution", redacted(error.output))
        if not path:
            return error
        self.session.keep()  # for the log
        return ResolutionError(f"{error}; its output is in {printable(path)}", output=error.output, log=path)

    @contextmanager
    def _using_store(self) -> Iterator[None]:
        """Keep `cache prune` out while this session reads the store and links from it."""
        from instui_engine.store.gc_lock import lock_file, using

        options, control = self.context.options, self.context.control

        def on_wait(holders: Sequence[Holder]) -> None:
            announce(str(lock_file(options.cache)), holders)

        try:
            with ExitStack() as held:
                with reported_wait(self.context, "cache") as announce:
                    held.enter_context(using(options.cache, options.lock_timeout, control.cancelled, on_wait))
                yield
        except Interrupted:
            self.context.check()
            raise

    def _build(self, wheels: Sequence[LockedWheel]) -> Sequence[LockedWheel]:
        """`wheels`, of which those with a source are built now, without those that are cancelled meanwhile."""
        from instui_engine.build.build import build_wheels

        for wheel in wheels:  # all rows are there from the beginning
            self.context.emit(_unknown(wheel))
        try:
            return build_wheels(
                self.context,
                self._resolution,
                wheels,
                self.environment.interpreter,
                self.session.kept,
                self._request.reinstall,
            )
        except BuildError:
            self.session.keep()  # for the logs, whose paths are in the error
            raise

    def _acquire(self, wheels: Sequence[LockedWheel]) -> "list[Unpacked]":
        """`wheels`, without those that are cancelled meanwhile, with their entries of the store."""
        from instui_engine.store.acquire import acquire

        offline, early = self._request.offline, self._early
        ahead = early.take_ahead()
        with closing(ahead) if ahead else nullcontext():
            entries = acquire(self.context, self._store, wheels, self._index_urls, offline, early.helpers, ahead)
        cancelled = self.context.control.wheels
        return [
            (wheel, entry)
            for wheel, entry in zip(wheels, entries, strict=True)
            if entry is not None and wheel.name not in cancelled
        ]

    def _foresee(self, installed: Installed, wheels: Sequence[LockedWheel]) -> None:
        """Plan as far as that is possible without fetching or unpacking anything."""
        from instui_engine.store.acquire import look_up

        from .planning import plan

        ready: list[Unpacked] = []
        unknown: list[LockedWheel] = []
        for wheel, entry in zip(wheels, look_up(self._store, wheels), strict=True):
            self.context.emit(_unknown(wheel)._replace(cached=entry is not None))
            with self.context.failing(wheel.name):
                self._check(wheel, entry)
            if entry is None:
                unknown.append(wheel)
            else:
                ready.append((wheel, entry))
        plan(self.context, self.environment, installed, self._extraneous, ready, unknown)

    def _check(self, wheel: LockedWheel, entry: "Entry | None") -> None:
        """Raise what acquiring the wheel would raise, as far as that can be known without doing so."""
        if entry is not None:
            from instui_engine.store.acquire import check_contents

            check_contents(wheel, entry, self.context.options.allow_record)
        elif wheel.path and wheel.source is None:
            from instui_engine.store.examine import examine_file

            examine_file(Path(wheel.path), wheel.filename, self.context.options.allow_record)
        elif self._request.offline and wheel.source is None:
            from instui_engine.fetch.download import offline_error

            raise offline_error(wheel.filename)

    def _compiled(self, ready: "list[Unpacked]") -> "list[Unpacked]":
        """`ready`, with byte code if that is wanted, without wheels that are cancelled meanwhile."""
        if not self.context.options.compile_bytecode or not ready:
            return ready
        with self.context.span("compile"):
            from instui_engine.bytecode.compile import Compilation

            if self._compilation is None:
                python, store = self.environment.interpreter, self._store
                self._compilation = Compilation(self.context, store, python, self._scratch, self._rebuild_plain)
            return self._compilation.run(ready)

    def _scratch(self) -> Path:
        self.session.make_stage()
        place = self.session.stage / "bytecode"
        place.mkdir(exist_ok=True)
        return place

    def _rebuild(self, damages: "Sequence[Damage]") -> "list[Entry | None]":
        if self._compilation is not None:
            return self._compilation.rebuild(damages)
        return self._rebuild_plain(damages)

    def _rebuild_plain(self, damages: "Sequence[Damage]") -> "list[Entry | None]":
        from instui_engine.store.acquire import rebuild

        return rebuild(self.context, self._store, damages, self._index_urls, self._request.offline)

    def _staging(self, files: int) -> "Staging":
        """The stage for wheels with that number of files."""
        from instui_engine.stage.staging import Staging

        linkers = self._early.linkers
        linkers.start(number_of_helpers(self.context, files))
        return Staging(self.context, self.environment, self.session.stage, linkers)

    def _begins_early(self, staging: "Staging") -> bool:
        """Make the stage for helpers that begin while wheels are still planned, if there are any.

        The stages of volumes are known only when all is planned.
        """
        if not staging.begins_early or self.environment.volumes:
            return False
        try:
            self.session.make_stage()
        except OSError:  # it is tried again, when the plan has said what is wrong with the environment
            return False
        return True

    def _stage(self, plans: "Sequence[Plan]", staging: "Staging") -> None:
        context, session = self.context, self.session
        with context.span("stage"):
            from instui_engine.plan.plan import WheelPlan, volumes_of

            wheels = [plan for plan in plans if isinstance(plan, WheelPlan)]
            make = partial(session.make_stage, volumes_of(self.environment.volumes, plans))
            if not wheels:
                session.with_room(make)  # a full disk is why people remove things
                if len(session.stages()) > 1:  # recovery tells a volume by its stage, which comes before the record
                    context.sync("stage", *session.stages())
                return
            make()
            if context.options.link_mode == "symlink":
                with suppress(OSError):  # nobody prunes a cache that cannot be written to
                    for plan in wheels:
                        self._store.note_symlinks(plan.entry)
            with context.flushing(*session.stages()) as begin_flush:
                staging.run(wheels, self._rebuild, begin_flush)
            context.sync("stage", *session.stages())


def _unknown(wheel: LockedWheel) -> WheelAdded:
    """A wheel of which it is not known yet whether the store has it."""
    source = shown(wheel.source) if wheel.source else ""
    return WheelAdded(wheel.name, wheel.version, wheel.filename, wheel.size, False, source=source)


def _target(environment: Environment, resolving: Resolving) -> Environment:
    """The environment, with the tags and markers of another Python or platform if the request is for that."""
    if not resolving.python_version and not resolving.python_platform:
        return environment
    from instui_engine.target.platforms import retargeted

    return retargeted(environment, resolving.python_version, resolving.python_platform)
