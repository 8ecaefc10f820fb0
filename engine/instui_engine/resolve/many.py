"""Resolution of a list: each line its newest matching wheel, without dependencies, whatever is installed.

uv is asked for all lines at once. Without dependencies no line has to do with another project's, so what uv fails at is
found by asking for parts of the list: its error names the line, which then fails alone, and where it names none the
part is halved until one line is left. Lines that name one project have one wheel, at the first one's place; of those
that contradict each other the later ones fail.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from instui_engine.errors import (
    InstuiError,
    Interrupted,
    NoSolutionError,
    ResolutionError,
    UnreachableIndexError,
    printable,
)
from instui_engine.fetch.uv_settings import UvSettings, settings_here
from instui_engine.fs.given import working_directory
from instui_engine.journal.events import ResolveProgress, Warned
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import normalized

from .decision import applies, check_decided, demands_in, direct_wheel, wheels_in
from .lines import FailedLine, Line
from .locations import redacted
from .request import Cancelled, Emit, LockedWheel, Request, given_urls
from .requirements import Requirement, Requirements, short
from .source import Building
from .strength import note_weak
from .uv_config import not_honoured

_FEW = 64  # lines that are asked for again as one when one of them has failed; of more, each half
_PINS = 500  # wheels whose files are listed at a time: uv lists all files of each version
_DOWN = 10  # lines in a row, and none before them, for which the index fails: then it is not the lines' fault
_CULPRIT = re.compile(r"\byou require ([A-Za-z0-9._-]*[A-Za-z0-9])|\bno wheel of ([A-Za-z0-9._-]*[A-Za-z0-9])")


class ManyResolution(NamedTuple):
    """The wheels of a list, by position, and the lines without one. `index_urls`: see `Resolution`."""

    wheels: tuple[LockedWheel, ...]
    failed: tuple[FailedLine, ...]
    index_urls: tuple[str, ...]


class _Project(NamedTuple):
    """The lines that name one project."""

    name: str
    lines: tuple[Line, ...]

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        return tuple(line.requirement for line in self.lines)


def resolve_lines(
    lines: Sequence[Line], request: Request, environment: Environment, emit: Emit, cancelled: Cancelled
) -> ManyResolution:
    """The wheels for `lines`. Raises ResolutionError if the index cannot be asked at all, and Interrupted."""
    settings = settings_here()
    for note in not_honoured(settings, os.environ):
        emit(Warned("", note))
    applying = [line for line in lines if applies(line.requirement, environment.interpreter.markers)]
    projects: dict[str, list[Line]] = {}
    for line in applying:
        projects.setdefault(line.requirement.name, []).append(line)
    working_directory()  # uv would fail without one, less clearly
    with TemporaryDirectory(prefix="instui-resolve-") as scratch:
        asking = _Asking(request, environment, settings, Path(os.path.realpath(scratch)), emit, cancelled)
        asking.resolve([_Project(name, tuple(members)) for name, members in projects.items()])
    position = {name: members[0].position for name, members in asking.kept.items()}
    wheels = [wheel._replace(requested=True, position=position[wheel.name]) for wheel in asking.wheels]
    note_weak(wheels, emit)
    direct = [line.requirement.url for line in applying if "://" in line.requirement.url]
    return ManyResolution(
        tuple(sorted(wheels, key=lambda wheel: wheel.position)),
        tuple(asking.failed),
        (*given_urls(request), *direct),
    )


class _Asking:
    """The questions to uv, and what came of them."""

    def __init__(
        self,
        request: Request,
        environment: Environment,
        settings: UvSettings,
        scratch: Path,
        emit: Emit,
        cancelled: Cancelled,
    ) -> None:
        self._request = request._replace(no_deps=True, building=Building(no_build=True))
        self._environment = environment
        self._settings = settings
        self._scratch = scratch
        self._emit = emit
        self._cancelled = cancelled
        self._questions = 0
        self._faults = 0  # failed lines that are no lack of a wheel
        self.wheels: list[LockedWheel] = []
        self.kept: dict[str, tuple[Line, ...]] = {}  # name -> the lines that its wheel is for
        self.failed: list[FailedLine] = []

    def resolve(self, projects: Iterable[_Project]) -> None:
        """Find the wheels of all projects."""
        asked: list[_Project] = []
        for project in projects:
            alike = self._alike(project)
            if alike.lines[0].requirement.url:
                self._take_direct(alike)
            else:
                asked.append(alike)
        if asked:
            self._emit(ResolveProgress("deciding which versions to install"))
            self._divide(asked)

    def _alike(self, project: _Project) -> _Project:
        """The lines that ask for it as the first one does: in an index, or at the same place. The others fail."""
        first = project.lines[0]
        for line in project.lines:
            if line.requirement.url != first.requirement.url:
                place = redacted(first.requirement.url) or "an index"
                other = ResolutionError(f"{project.name} was asked for by line {first.number}, from {printable(place)}")
                self._fail(line, other)
        return _Project(
            project.name, tuple(line for line in project.lines if line.requirement.url == first.requirement.url)
        )

    def _take_direct(self, project: _Project) -> None:
        """Take the wheel at a path or URL; uv has nothing to decide."""
        demands = demands_in(project.requirements, self._environment.interpreter.markers)
        try:
            self.wheels.append(direct_wheel(project.requirements[0], demands))
        except InstuiError as error:
            for line in project.lines:
                self._fail(line, error)
        else:
            self.kept[project.name] = project.lines

    def _ask(self, projects: Sequence[_Project]) -> None:
        """Let uv decide on `projects`, and list their files. Raises ResolutionError."""
        from .uv import Uv  # only who asks uv pays for its import

        self._questions += 1
        scratch = self._scratch / str(self._questions)
        scratch.mkdir()
        requirements = tuple(entry for project in projects for entry in project.requirements)
        wanted = Requirements(requirements=requirements)
        uv = Uv(self._request, wanted, self._environment, scratch, self._settings, self._cancelled)
        uv.watch(lambda doing: self._emit(ResolveProgress(doing)))
        decision = uv.decide(Installed(self._environment, {}), (), hidden=True)
        demands = demands_in(requirements, self._environment.interpreter.markers)
        found: list[LockedWheel] = []
        for start in range(0, len(decision.pins), _PINS):
            pins = decision.pins[start : start + _PINS]
            self._emit(ResolveProgress("listing the files and hashes of these versions"))
            some = wheels_in(uv.locate(pins), str(scratch), self._environment.interpreter, demands)
            check_decided(some, pins)
            found += some
        for warning in decision.warnings:
            self._emit(Warned("", warning))
        self.wheels += found
        self.kept |= {project.name: project.lines for project in projects}

    def _divide(self, projects: Sequence[_Project]) -> None:
        """Ask for `projects`, and where that fails for parts of them, until each has succeeded or failed alone."""
        left = [projects]
        while left:
            part = left.pop()
            try:
                self._ask(part)
            except (UnreachableIndexError, Interrupted):
                raise
            except InstuiError as error:
                culprit = part[0] if len(part) == 1 else _named_in(error, part)
                if culprit is not None:
                    self._settle(culprit, error)
                    part = [project for project in part if project is not culprit]
                middle = len(part) // 2 if culprit is None or len(part) > _FEW else 0
                left += [half for half in (part[middle:], part[:middle]) if half]

    def _settle(self, project: _Project, error: InstuiError) -> None:
        """Note the failure of `project`. Of several lines, those stay that agree with the ones before them."""
        if not isinstance(error, NoSolutionError):
            self._faults += 1
            if self._faults >= _DOWN and not self.kept:
                raise error
        if len(project.lines) == 1:
            self._fail(project.lines[0], error)
            return
        before, agreed = list(self.wheels), tuple[Line, ...]()
        for line in project.lines:
            try:
                self._ask([_Project(project.name, (*agreed, line))])
            except (UnreachableIndexError, Interrupted):
                raise
            except InstuiError as contradiction:
                self._fail(line, contradiction)
            else:
                agreed = (*agreed, line)
                self.wheels = [*before, *self.wheels[-1:]]

    def _fail(self, line: Line, error: InstuiError) -> None:
        self.failed.append(FailedLine(line.number, short(line.requirement), line.requirement.name, error))


def _named_in(error: InstuiError, projects: Sequence[_Project]) -> _Project | None:
    """The only one of `projects` that uv's error is about; None if it is not clear."""
    if not isinstance(error, ResolutionError):
        return None
    named = {normalized(one or other) for one, other in _CULPRIT.findall(str(error))}
    found = [project for project in projects if project.name in named]
    return found[0] if len(found) == 1 else None
