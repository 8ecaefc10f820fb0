"""An install of a list: each line its newest matching wheel, without dependencies, all into one environment.

One resolution, then chunks: each is fetched, unpacked, planned, staged and committed before the next one, so that what
is held in memory and in the stage does not grow with the list. It is one session all the same, with one journal. The
place in the list is the plan order, in a chunk and from chunk to chunk. A line fails alone up to the commit of its
chunk: what goes wrong there is the environment's fault and ends the session, as in an install.

Running it again goes on: what is installed in the version that is wanted stays, and `winners` says which of these have
to be installed once more so that the tree is that of one run.
"""

from collections.abc import Sequence
from pathlib import Path

from instui_engine.commit.commit import Commit
from instui_engine.errors import (
    BadWheelError,
    ClashError,
    ConflictError,
    FetchError,
    InstuiError,
    Interrupted,
    LinesError,
    WheelsCancelledError,
    printable,
)
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import (
    RequirementSatisfied,
    ResolveFinished,
    ResolveStarted,
    Warned,
    WheelAdded,
    WheelFailed,
)
from instui_engine.plan import conflicts
from instui_engine.plan.compatibility import check_compatibility
from instui_engine.plan.conflicts import Overlaps
from instui_engine.plan.plan import WheelPlan
from instui_engine.plan.planner import plan_wheels
from instui_engine.redaction import redacted
from instui_engine.resolve.lines import FailedLine, read_list
from instui_engine.resolve.many import resolve_lines
from instui_engine.resolve.request import LockedWheel, Request
from instui_engine.resolve.requirements import short
from instui_engine.resolve.satisfied import is_installed
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.session import Session
from instui_engine.store.acquire import look_up
from instui_engine.store.entry import Entry
from instui_engine.store.examine import examine_file
from instui_engine.target.environment import Environment
from instui_engine.target.file_owners import FileOwners, OwnersByKey
from instui_engine.target.installed import Installed, scan
from instui_engine.target.owners import all_of

from .command import Outcome, Recording, Work, perform
from .install import Pipeline
from .planning import check_permission, tell
from .winners import wrongly_overwritten

CHUNK = 500
_MOST_FETCHES = 20  # downloads that fail, after which it is the network's fault
_LINES_NAMED = 20

Ready = Sequence[tuple[LockedWheel, Entry]]


def install_many(
    list_file: str,
    environment: Environment,
    options: Options | None = None,
    control: Control | None = None,
    recording: Recording | None = None,
    *,
    limit: int = 0,
    request: Request | None = None,
) -> Outcome:
    """Install each line of `list_file` without dependencies, the first `limit` lines if that is not 0.

    `request` says where to look for wheels; it names none itself. The failure is a LinesError if lines failed and all
    others are installed. Everything else is as in `install`.
    """

    def make(context: Context, environment: Environment, session: Session) -> Work:
        return _Many(context, environment, session, list_file, limit, request or Request())

    return perform(make, environment, options, control, recording)


class _Many(Pipeline):
    def __init__(
        self, context: Context, environment: Environment, session: Session, list_file: str, limit: int, request: Request
    ) -> None:
        super().__init__(context, environment, session, request)
        self.context.tells_failures = False  # `_fail` does, with the line that it is about
        self._list = list_file
        self._limit = limit
        self._lines: dict[str, tuple[int, str]] = {}  # name -> number and text of its line
        self._failed: list[FailedLine] = []
        self._fetches = 0  # downloads that have failed
        self._done: list[str] = []
        self._files = FileOwners(environment)  # from chunk to chunk, so that each RECORD is read once
        self._planned = 0  # wheels of earlier chunks
        self._total = 0  # lines

    @property
    def done(self) -> list[str]:
        return list(dict.fromkeys([*self._done, *super().done]))  # without those that were installed again

    def _run(self) -> None:
        with self.context.span("resolve"):
            wheels, there = self._resolve_lines()
        if self.context.options.dry_run:
            with self._using_store(), self.context.span("plan"):
                self._foresee(scan(self.environment), wheels)
        else:
            try:
                self._install(wheels)
                if there and not self.context.options.fail_on_conflict:
                    self._mend([*wheels, *there])
            except Interrupted as error:
                raise self._say_how_far(error) from None
        self._failed += self._cancelled()
        if self._failed:
            raise self._summed_up()

    def _cancelled(self) -> list[FailedLine]:
        """The lines whose wheels were cancelled, and have not failed for another reason."""
        failed = {failure.name for failure in self._failed}
        return [
            FailedLine(
                *self._lines[name], name, WheelsCancelledError(f"{printable(name)} was cancelled", wheels=(name,))
            )
            for name in self.context.control.wheels.names
            if name in self._lines and name not in failed
        ]

    # -- the lines

    def _resolve_lines(self) -> tuple[list[LockedWheel], list[LockedWheel]]:
        """The wheels to install, and those that are there, each by position."""
        context = self.context
        try:
            given = read_list(self._list, self._limit, context.control.cancelled)
            context.emit(ResolveStarted([short(line.requirement) for line in given.lines]))
            cancelled = context.control.cancelled
            found = resolve_lines(given.lines, self._request, self.environment, context.emit, cancelled)
        except Interrupted:
            context.check()
            raise
        self._index_urls = found.index_urls
        self._total = given.total
        by_position = {line.position: line for line in given.lines}
        for wheel in found.wheels:
            line = by_position[wheel.position]
            self._lines[wheel.name] = (line.number, short(line.requirement))
        for failure in sorted((*given.failed, *found.failed), key=lambda failure: failure.number):
            self._fail(failure)
        installed = scan(self.environment)
        there = [wheel for wheel in found.wheels if is_installed(wheel, self.environment, installed)]
        names = {wheel.name for wheel in there}
        wheels = [wheel for wheel in found.wheels if wheel.name not in names]
        for wheel in there:
            context.emit(RequirementSatisfied(wheel.name, wheel.version))
        context.emit(ResolveFinished(len(wheels), len(there)))
        for wheel in wheels:  # all rows are there from the beginning; whether it is in the store is said in its chunk
            context.emit(WheelAdded(wheel.name, wheel.version, wheel.filename, wheel.size, False))
        context.control.wheels.expect(wheel.name for wheel in wheels)
        return wheels, there

    def _fail(self, failure: FailedLine) -> None:
        """Note a line that came to nothing, and tell it. Each has a row of its own; no wheel is shown in it, too."""
        number, name = failure.number, failure.name
        is_taken = name in {other.name for other in self._failed} or self._lines.get(name, (number, ""))[0] != number
        shown, line = (f"{failure.text} (line {number})", "") if is_taken or not name else (name, f"line {number}: ")
        self._failed.append(failure)
        self.context.emit(WheelFailed(shown, f"{line}{redacted(str(failure.error))}"))

    def _fail_wheel(self, wheel: LockedWheel, error: InstuiError) -> None:
        number, text = self._lines[wheel.name]
        self._fail(FailedLine(number, text, wheel.name, error))
        self.context.failure = None  # the session goes on

    def _summed_up(self) -> LinesError:
        failed = sorted(self._failed, key=lambda failure: failure.number)
        numbers = tuple(failure.number for failure in failed)
        has_conflict = any(isinstance(failure.error, ConflictError) for failure in failed)
        file = "stdin" if self._list == "-" else printable(self._list)
        what = "would fail" if self.context.options.dry_run else "failed"
        what += ", and the others are installed" if what == "failed" and len(numbers) < self._total else ""
        shown = ", ".join(map(str, numbers[:_LINES_NAMED])) + (" ..." if len(numbers) > _LINES_NAMED else "")
        named = f"line {shown}" if len(numbers) == 1 else f"lines {shown}; the first one"
        problem = f"{len(numbers)} of {self._total} lines of {file} {what} ({named}: {failed[0].error})"
        return LinesError(problem, numbers=numbers, exit_code=3 if has_conflict else 1)

    def _say_how_far(self, error: Interrupted) -> Interrupted:
        return Interrupted(
            f"interrupted: {len(self.done)} of {len(self._lines)} wheels were installed by this run"
            f"{', each whole' if self.done else ''}; run the same command again to go on",
            self.context.control.exit_code or error.exit_code,
        )

    # -- the chunks

    def _install(self, wheels: Sequence[LockedWheel]) -> None:
        for start in range(0, len(wheels), CHUNK):
            self.context.check()
            self._install_chunk(wheels[start : start + CHUNK])

    def _install_chunk(self, wheels: Sequence[LockedWheel]) -> None:
        """Install `wheels` as far as they do not fail."""
        with self._using_store():
            with self.context.span("acquire"):
                ready = self._ready(wheels)
            ready = self._compiled(ready)
            with self.context.span("plan"):
                installed = self._listed()
                plans, overlaps = self._plan_lines(installed, ready)
            while plans:
                try:
                    files = sum(plan.files for plan in plans)
                    self._stage(plans, self._staging(files))
                    break
                except (BadWheelError, FetchError) as error:  # a damaged entry that could not be made again
                    self._drop(error, wheels)
                    with self.context.span("clean"):
                        self._clear_stage()
                    failed = {failure.name for failure in self._failed}
                    with self.context.span("acquire"):
                        ready = self._ready([wheel for wheel, _ in ready if wheel.name not in failed])
                    ready = self._compiled(ready)
                    with self.context.span("plan"):
                        installed = self._listed()
                        plans, overlaps = self._plan_lines(installed, ready)
        if plans:
            self.began = True
            with self.context.span("commit"):
                self._commit = Commit(
                    self.context, self.environment, self.session, plans, overlaps, installed, self._files
                )
                self._commit.run()
            self._done += self._commit.installed
            self._commit = None
            with self.context.span("clean"):
                self._clear_stage()
            self._planned += len(plans)

    def _listed(self) -> Installed:
        """What is installed now, with the owners of files as far as they are known from earlier chunks."""
        installed = scan(self.environment)
        installed.take_owners(OwnersByKey(self._files, lambda: all_of(installed)))
        return installed

    def _clear_stage(self) -> None:
        """Make room for the orders of the next chunk, which begin at 0 again."""
        for stage in self.session.stages():
            remove_tree(stage)

    def _mend(self, wheels: Sequence[LockedWheel]) -> None:
        """Install those again that lines before them have overwritten."""
        by_name = {wheel.name: wheel for wheel in wheels}
        positions = {wheel.name: wheel.position for wheel in wheels}
        names = wrongly_overwritten(self.environment, scan(self.environment), positions)
        for name in names:
            number = self._lines[name][0]
            self.context.emit(
                Warned(name, f"an earlier line than {number} was installed after it; it is installed again")
            )
        self._install([by_name[name] for name in names])

    # -- one chunk

    def _ready(self, wheels: Sequence[LockedWheel]) -> list[tuple[LockedWheel, Entry]]:
        """`wheels` with their entries of the store, without those that fail."""
        left = list(wheels)
        while left:
            try:
                return self._acquire(left)
            except (BadWheelError, FetchError) as error:
                left.remove(self._drop(error, left))
        return []

    def _drop(self, error: BadWheelError | FetchError, wheels: Sequence[LockedWheel]) -> LockedWheel:
        """Fail the wheel that `error` is about; return it. Raises if none is, or if the network is at fault."""
        self._fetches += isinstance(error, FetchError)
        if self._fetches >= _MOST_FETCHES:
            raise InstuiError(
                f"{self._fetches} downloads have failed, so no more are tried, the last one because {error}; run again"
            ) from error
        wheel = next(
            (wheel for wheel in wheels if error.wheel in (wheel.filename, f"{wheel.name} {wheel.version}")), None
        )
        if wheel is None:
            raise error
        self._fail_wheel(wheel, error)
        return wheel

    def _foresee(self, installed: Installed, wheels: Sequence[LockedWheel]) -> None:
        """Plan as far as that is possible without fetching or unpacking anything."""
        ready: list[tuple[LockedWheel, Entry]] = []
        unknown: list[LockedWheel] = []
        for wheel, entry in zip(wheels, look_up(self._store, wheels), strict=True):
            self.context.emit(WheelAdded(wheel.name, wheel.version, wheel.filename, wheel.size, entry is not None))
            if entry is not None:
                ready.append((wheel, entry))
                continue
            try:
                if wheel.path:
                    examine_file(Path(wheel.path), wheel.filename, self.context.options.allow_record)
                unknown.append(wheel)
            except BadWheelError as error:
                self._fail_wheel(wheel, error)
        self._plan_lines(installed, ready, unknown)

    def _plan_lines(
        self, installed: Installed, ready: Ready, unknown: Sequence[LockedWheel] = ()
    ) -> tuple[tuple[WheelPlan, ...], Overlaps]:
        """The plans of those that do not fail, in the order of the list; emitted with all that is known of them."""
        fitting = [(wheel, entry) for wheel, entry in ready if self._fits(wheel, entry)]
        plans, overlaps = self._agreeing(installed, fitting)
        tell(self.context, installed, plans, overlaps, unknown, before=self._planned)
        check_permission(self.context, self.environment, plans, "run again to go on")
        return plans, overlaps

    def _fits(self, wheel: LockedWheel, entry: Entry) -> bool:
        try:
            warning = check_compatibility(wheel, entry.manifest, self.environment.interpreter)
        except BadWheelError as error:
            self._fail_wheel(wheel, error)
            return False
        if warning:
            self.context.emit(Warned(wheel.name, warning))
        return True

    def _agreeing(self, installed: Installed, ready: Ready) -> tuple[tuple[WheelPlan, ...], Overlaps]:
        """The plans of those wheels that can be installed beside what is there and what comes before them."""
        environment = self.environment
        left = list(ready)
        while True:
            try:
                plans = plan_wheels(environment, installed, left)
            except InstuiError as error:
                left = self._without_unplannable(installed, left, error)
                continue
            try:
                overlaps = conflicts.find(environment, installed, plans)
                if overlaps.conflicts and self.context.options.fail_on_conflict:
                    raise self._first_conflict(plans, overlaps)
                return plans, overlaps
            except (ClashError, ConflictError) as error:
                owners = error.owners if isinstance(error, ClashError) else (error.last,)
                involved = [plan for plan in plans if plan.owner in owners]
                if not involved:
                    raise
                self._fail_wheel(involved[-1].wheel, error)
                left = [pair for pair in left if pair[0] is not involved[-1].wheel]

    def _without_unplannable(
        self, installed: Installed, ready: Ready, error: InstuiError
    ) -> list[tuple[LockedWheel, Entry]]:
        """`ready` without those that cannot even be planned alone. Raises `error` if all can."""
        left: list[tuple[LockedWheel, Entry]] = []
        for pair in ready:
            try:
                plan_wheels(self.environment, installed, [pair])
                left.append(pair)
            except InstuiError as own:
                self._fail_wheel(pair[0], own)
        if len(left) == len(ready):
            raise error
        return left

    @staticmethod
    def _first_conflict(plans: Sequence[WheelPlan], overlaps: Overlaps) -> ConflictError:
        """The conflict of the earliest line that has one."""
        order = {plan.owner: plan.order for plan in plans}
        first = min(overlaps.conflicts, key=lambda conflict: (order[conflict.last], conflict.path))
        return ConflictError(
            f"{printable(first.path)} of {printable(first.first or 'no distribution')} would be replaced by "
            f"{printable(first.last)}; it was not, because of --fail-on-conflict",
            path=first.path,
            first=first.first,
            last=first.last,
        )
