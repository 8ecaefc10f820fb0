"""Staging by hard links: parts of wheels, shared by a team of processes.

Most of the work is the kernel's, and an install has little else for a second processor to do. So helpers begin with the
first wheels while others are still being planned: nobody else sees what is in the stage.
"""

from collections.abc import Callable, Sequence

from instui_engine.session.context import Context

from .linker import FALLBACK
from .linking import Changed, link_job
from .parts import Part, split
from .queue import BEGUN, DONE
from .team import Team
from .wheel import StagedWheel

_SELF = 1  # the number of this process in the team
_MUCH = 50_000  # microseconds of work
_FLUSHES = (1 / 2, 1 / 8)  # what is left of much work when it is flushed; the last of it is for the sync at the end


def _side_by_side(cut: Sequence[tuple[StagedWheel, Sequence[Part]]], members: int) -> list[tuple[StagedWheel, Part]]:
    """The parts of all wheels in an order in which as many wheels are in hand as there are members.

    Those who make directories in the same directory wait for each other: the system locks it.
    """
    lanes = [0] * members  # the cost of what is in each
    timed = []
    for wheel, parts in cut:
        lane = lanes.index(min(lanes))
        for part in parts:
            timed.append((lanes[lane], lane, wheel, part))
            lanes[lane] += part.cost
    timed.sort(key=lambda found: found[:2])
    return [(wheel, part) for _, _, wheel, part in timed]


class Together:
    """One round of hard links."""

    def __init__(self, context: Context, team: Team) -> None:
        self._context = context
        self._team = team
        self._parts: list[tuple[StagedWheel, Part]] = []
        self._unlinked: dict[StagedWheel, int] = {}  # the number of parts
        self._dropped: frozenset[str] = frozenset()  # the cancelled wheels whose parts are not to be done
        self._to_do = 0  # the cost of what is left
        self._flush: Callable[[], None] = lambda: None
        self._flush_at: list[float] = []

    def add(self, wheels: Sequence[StagedWheel], *, more: bool = True) -> None:
        """Let helpers begin with these wheels. All others come later; without `more` there are none."""
        cut = [(wheel, split(wheel.job)) for wheel in wheels]
        cut.sort(key=lambda pair: sum(part.cost for part in pair[1]), reverse=True)
        parts = _side_by_side(cut, self._team.members)
        self._unlinked.update((wheel, len(parts)) for wheel, parts in cut)
        self._to_do += sum(part.cost for _, part in parts)
        self._parts += parts
        self._team.share([part.job for _, part in parts], more=more)

    def run(self, flush: Callable[[], None]) -> list[StagedWheel]:
        """Stage the wheels; return those that could not be staged like that. Raises InstuiError.

        Of those, a file cannot be linked or is damaged, a helper died over it, or it was cancelled. `flush` is called
        now and then if there is much work.
        """
        team = self._team
        self._flush = flush
        self._flush_at = [self._to_do * rest for rest in _FLUSHES] if self._to_do > _MUCH else []
        try:
            while self._listen() and (number := team.take()) is not None:
                wheel, part = self._parts[number]
                if wheel.plan.name in self._dropped:
                    continue
                wheel.start(_SELF)
                if self._link(wheel, part):
                    self._linked(wheel, part)
            while team.helping and self._listen(wait=True):
                pass
        finally:
            team.close()
        self._context.check()
        return list(self._unlinked)

    def _listen(self, *, wait: bool = False) -> bool:
        """Hear what helpers have done; return whether to go on."""
        for number, what, helper in self._team.news(wait=wait):
            wheel, part = self._parts[number]
            if what == BEGUN:
                wheel.start(helper)
            elif what == DONE:
                self._linked(wheel, part)
        if self._context.control.paused:
            self._team.pause(True)
            self._context.rest()
            self._team.pause(False)
        if len(self._context.control.wheels) > len(self._dropped):
            self._drop()
        return not self._context.stopping()

    def _drop(self) -> None:
        """Let nobody begin another part of a cancelled wheel."""
        now = frozenset(self._context.control.wheels.names)
        for number, (wheel, _) in enumerate(self._parts):
            if wheel.plan.name in now - self._dropped:
                self._team.drop(number)
        self._dropped = now

    @staticmethod
    def _link(wheel: StagedWheel, part: Part) -> bool:
        """Whether that part could be linked. Raises InstuiError if copies cannot help: the disk is full."""
        try:
            link_job(part.job)
        except Changed:
            return False
        except OSError as error:
            if error.errno in FALLBACK:
                return False
            _, trees, files, _ = part.job  # the error has a path that begins at an open directory
            raise wheel.cannot(OSError(error.errno, error.strerror, (trees or files)[0][1])) from error
        return True

    def _linked(self, wheel: StagedWheel, part: Part) -> None:
        wheel.progress(part.files)
        self._unlinked[wheel] -= 1
        if not self._unlinked[wheel]:
            self._finish(wheel)
        self._to_do -= part.cost
        if self._flush_at and self._to_do <= self._flush_at[0]:
            self._flush_at.pop(0)
            self._flush()

    def _finish(self, wheel: StagedWheel) -> None:
        try:
            wheel.finish()
        except Changed:
            return
        del self._unlinked[wheel]
