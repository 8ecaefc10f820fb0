"""One distribution's change of the environment: steps that are known before the first of them is taken.

`prepare` looks at the environment under the wheel's claims and lists every step; it writes nothing. `run` takes them
in order and can undo those that it has taken. The old version's `.dist-info` is renamed away first, the new one is
renamed in last, so that no reader ever sees a distribution that is listed and torn.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

from .bytecode import Bytecode
from .environment import Environment
from .errors import ClashError, InstuiError, TargetError, printable
from .plan import Unit, WheelPlan

_RETRIES = 100  # a shared parent directory may be removed by somebody else as often as that while we make it


class Step(NamedTuple):
    """One change. `path` is below the top; `staged` is the full path of what is renamed there.

    "retire": a path goes into the stage. "rmdir": a directory goes, if it is empty. "mkdir": a directory is made.
    "place": a staged entry is renamed in. "replace": likewise, where a file stands.
    """

    action: Literal["retire", "rmdir", "mkdir", "place", "replace"]
    path: str
    staged: str = ""


def prepare(environment: Environment, plan: WheelPlan, stage: str) -> tuple[Step, ...]:
    """The steps of `plan`, whose staged entries lie in `<stage>/<order>`. Raises ClashError and TargetError."""
    return tuple(_Preparation(environment, plan, f"{stage}/{plan.order}").steps())


class _Preparation:
    def __init__(self, environment: Environment, plan: WheelPlan, stage: str) -> None:
        self._top = os.fspath(environment.top)
        self._plan = plan
        self._stage = stage
        self._folds = environment.folds
        self._key = environment.key
        self._gone = set(map(self._key, (*plan.stale, *plan.emptied)))
        self._made: set[str] = set()
        self._bytecode = Bytecode(environment)

    def steps(self) -> Iterator[Step]:
        plan = self._plan
        if plan.replaces is not None:
            yield Step("retire", plan.replaces.info)
            self._gone.add(self._key(plan.replaces.info))
        for info in plan.accidents:
            if self._kind(info) is not None:
                yield Step("retire", info)
                self._gone.add(self._key(info))
        for path in plan.stale:
            if os.path.lexists(f"{self._top}/{path}"):
                yield Step("retire", path)
        for path in plan.emptied:
            yield Step("rmdir", path)
        for number, unit in enumerate(plan.units):
            yield from self._unit(unit, f"{self._stage}/{number}")
        yield from self._parents(plan.info)
        if self._key(plan.info) not in self._gone and self._kind(plan.info) is not None:
            raise TargetError(
                f"{printable(plan.info)} appeared while {printable(plan.owner)} was being installed; run again"
            )
        yield Step("place", plan.info, f"{self._stage}/info")

    def _unit(self, unit: Unit, staged: str) -> Iterator[Step]:
        yield from self._parents(unit.path)
        kind = self._kind(unit.path)
        if kind is None:
            self._made.update(map(self._key, _directories(unit)))
            yield Step("place", unit.path, staged)
        elif unit.kind != "tree":
            parent, _, name = unit.path.rpartition("/")
            there = self._present(parent).get(self._key(name), name) if self._folds else name
            yield from self._replace(unit.path, there, staged)
        else:
            self._expect(unit.path, kind, directory=True)
            yield from self._merge(unit, staged)

    def _merge(self, unit: Unit, staged: str) -> Iterator[Step]:
        """Into a directory that is there: whole where nothing stands in the way, else file by file."""
        moved = ""  # the last subdirectory that moves as a whole; all below it moves with it
        for directory, names in unit.directories:
            place = f"{unit.path}/{directory}" if directory else unit.path
            if moved and directory.startswith(f"{moved}/"):
                self._made.add(self._key(place))
                continue
            source = f"{staged}/{directory}" if directory else staged
            kind = self._kind(place)
            if kind is None:
                moved = directory
                self._made.add(self._key(place))
                yield Step("place", place, source)
                continue
            self._expect(place, kind, directory=True)
            present = self._present(place)
            for name in names:
                path = f"{place}/{name}"
                there = present.get(self._key(name))
                if there is not None and self._key(path) not in self._gone:
                    yield from self._replace(path, there, f"{source}/{name}")
                else:
                    yield Step("place", path, f"{source}/{name}")

    def _replace(self, path: str, there: str, staged: str) -> Iterator[Step]:
        """The file at `path`, whose name is spelled `there` on disk, by a staged one."""
        old = f"{path.rpartition('/')[0]}/{there}".lstrip("/")
        self._expect(path, self._kind(old), directory=False)
        # Python compares no more than size and seconds, and would run what it compiled from the old file
        for compiled in self._bytecode.of(old):
            if self._key(compiled) not in self._gone:
                yield Step("retire", compiled)
        if old == path:
            yield Step("replace", path, staged)
        else:  # a rename would keep the old spelling, and Python looks for the new one
            yield Step("retire", old)
            yield Step("place", path, staged)

    def _parents(self, path: str) -> Iterator[Step]:
        missing = []
        parent = path.rpartition("/")[0]
        while parent and self._key(parent) not in self._made:
            kind = self._kind(parent)
            if kind is not None:
                self._expect(parent, kind, directory=True)
                break
            missing.append(parent)
            parent = parent.rpartition("/")[0]
        self._made.update(map(self._key, missing))
        for directory in reversed(missing):
            yield Step("mkdir", directory)

    def _present(self, place: str) -> dict[str, str]:
        """The names in a directory, by their keys."""
        if self._key(place) in self._made:
            return {}
        return {self._key(name): name for name in os.listdir(f"{self._top}/{place}")}

    def _kind(self, path: str) -> int | None:
        """Mode of what will stand at `path` when its turn comes, None for nothing."""
        if self._key(path) in self._gone:
            return None
        if self._key(path) in self._made:
            return stat.S_IFDIR
        try:
            return os.lstat(f"{self._top}/{path}").st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _expect(self, path: str, mode: int | None, directory: bool) -> None:
        """Fail where a file stands in the way of a directory or the reverse, or a link where a directory must be."""
        if directory == (mode is not None and stat.S_ISDIR(mode)):
            return
        there, needed = ("file", "directory") if directory else ("directory", "file")
        if mode is not None and stat.S_ISLNK(mode):
            there = "symbolic link"
        raise ClashError(
            f"{printable(path)} is a {there}, and {printable(self._plan.owner)} needs a {needed} there; "
            "uninstall what it belongs to first"
        )


def _directories(unit: Unit) -> Iterator[str]:
    for directory, _ in unit.directories:
        yield f"{unit.path}/{directory}" if directory else unit.path


class UndoError(InstuiError):
    """A step failed, and so did taking back those before it; what they replaced is kept in the stage."""


class Transaction:
    """Takes the steps of one distribution, and undoes what it took if one of them fails."""

    def __init__(self, environment: Environment, stage: str, order: int) -> None:
        self._top = os.fspath(environment.top)
        self._saved = f"{stage}/{order}/old"
        self._undo: list[tuple[Callable[..., None], tuple[str, ...]]] = []
        self._count = 0  # of saved entries

    def run(self, steps: tuple[Step, ...], before: Callable[[Step], None]) -> None:
        """Take all steps; `before` is called with each. On any exception all is as it was, and it is raised again."""
        try:
            for step in steps:
                before(step)
                self._take(step)
        except BaseException as error:
            lost = self.undo()
            if lost:
                raise UndoError(
                    f"{printable(str(error))}; and {printable(lost[0])} could not be put back"
                    f"{f' (nor {len(lost) - 1} more)' if len(lost) > 1 else ''}: it is kept in {printable(self._saved)}"
                ) from error
            raise

    def undo(self) -> list[str]:
        """Take back every step that was taken, the last first; returns the paths of which that failed."""
        lost = []
        while self._undo:
            action, arguments = self._undo.pop()
            # what somebody else changed meanwhile stays as they left it, and never keeps the rest from going back
            try:
                action(*arguments)
            except FileNotFoundError:
                continue
            except OSError:
                lost.append(arguments[-1])
        return lost

    def _take(self, step: Step) -> None:
        target = f"{self._top}/{step.path}"
        if step.action == "place":
            self._place(step.staged, target)
            self._undo.append((os.rename, (target, step.staged)))
        elif step.action == "replace":
            saved = self._save_name()
            try:
                os.link(target, saved, follow_symlinks=False)
            except OSError:
                _copy_entry(target, saved)
            self._undo.append((os.rename, (saved, target)))
            os.rename(step.staged, target)
        elif step.action == "retire":
            saved = self._save_name()
            with suppress(FileNotFoundError):  # what Python compiled may be gone by itself
                self._retire(target, saved)
        elif step.action == "mkdir":
            try:
                os.mkdir(target)
            except FileExistsError:
                return
            except FileNotFoundError:  # as in `_place`
                os.makedirs(target, exist_ok=True)
            self._undo.append((_rmdir, (target,)))
        else:
            try:
                os.rmdir(target)
            except OSError:
                return  # somebody has put a file there since; the directory is theirs now
            self._undo.append((os.mkdir, (target,)))

    def _place(self, staged: str, target: str) -> None:
        for _ in range(_RETRIES):
            try:
                os.rename(staged, target)
            except FileNotFoundError:
                # a shared parent was emptied and removed by its last owner just now
                os.makedirs(os.path.dirname(target), exist_ok=True)
            else:
                return
        os.rename(staged, target)

    def _retire(self, target: str, saved: str) -> None:
        try:
            os.rename(target, saved)
        except OSError as error:
            # a directory in a lower layer of overlayfs cannot be renamed, its files can
            if error.errno != errno.EXDEV:
                raise
            os.mkdir(saved)
            self._undo.append((_rmdir, (saved,)))
            for name in sorted(os.listdir(target)):
                self._retire(f"{target}/{name}", f"{saved}/{name}")
            os.rmdir(target)
            self._undo.append((os.mkdir, (target,)))
        else:
            self._undo.append((os.rename, (saved, target)))

    def _save_name(self) -> str:
        if not self._count:
            os.mkdir(self._saved)
        self._count += 1
        return f"{self._saved}/{self._count}"


def _copy_entry(source: str, target: str) -> None:
    import shutil

    shutil.copy2(source, target, follow_symlinks=False)


def _rmdir(path: str) -> None:
    with suppress(OSError):
        os.rmdir(path)
