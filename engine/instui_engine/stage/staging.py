"""Staging of all wheels of a session: hard links by a team of processes, everything else by threads of this one."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from instui_engine.errors import CACHE, InstuiError, printable
from instui_engine.plan.plan import WheelPlan
from instui_engine.session.context import Context
from instui_engine.session.workers import Crew
from instui_engine.store.acquire import Damage
from instui_engine.store.entry import UNSEALED, Entry, unsealed
from instui_engine.target.bytecode import is_generated
from instui_engine.target.environment import Environment

from .linker import Linker, copy_hashed, copy_unsealed
from .linking import Changed, run_job
from .team import Team
from .together import Together
from .wheel import StagedWheel

_REBUILDS = 2  # how often damaged entries are rebuilt before giving up
_ENOUGH = 500  # files with which helpers begin, some milliseconds of work


Rebuild = Callable[[Sequence[Damage]], Sequence[Entry | None]]
"""A function that rebuilds entries of the store; None for a wheel that is cancelled meanwhile."""


class _CancelledError(Exception):
    """The wheel in hand was cancelled: nothing more of it is needed."""


def _resize(crew: Crew, number: int) -> str:
    return crew.fill() or f"{crew.wanted} stage at a time, as soon as the others are done with what they have in hand"


class Staging:
    """Staging of all wheels of a session: everything that their plans will rename."""

    def __init__(self, context: Context, environment: Environment, stage: Path, team: Team) -> None:
        """`stage` is the session's. A `team` without helpers is this process alone."""
        self._context = context
        self._environment = environment
        self._stage = os.fspath(stage)
        self._linker = Linker(context.options.link_mode)
        self._team = team
        self._twins: dict[str, str] = {}
        self._together = Together(context, team)
        self._begun: set[int] = set()  # plan orders of the wheels with which helpers may begin before all are planned
        self._waiting: list[StagedWheel] = []  # those of them that helpers have not been given yet
        self._damaged: list[tuple[WheelPlan, str]] = []

    @property
    def begins_early(self) -> bool:
        """Whether helpers can begin before all wheels are planned."""
        return self._team.helping and self._links

    def begin(self, plan: WheelPlan) -> None:
        """Let helpers begin with a wheel, unless the session is paused. The stage exists, and `run` gets that plan."""
        wheel = self._new(plan)
        if wheel.sealed == UNSEALED:
            return
        self._begun.add(plan.order)
        self._waiting.append(wheel)
        is_held = self._context.control.paused or self._context.stopping()
        if not is_held and sum(wheel.files for wheel in self._waiting) >= _ENOUGH:
            self._together.add(self._waiting)
            self._waiting = []

    def run(self, plans: Sequence[WheelPlan], rebuild: Rebuild, flush: Callable[[], None] = lambda: None) -> None:
        """Make everything that `plans` will rename.

        A wheel whose files in the store turn out to be changed or gone is staged again after `rebuild`. `flush` is
        called now and then if there is much work. Raises InstuiError, with nothing written outside the stage.
        """
        self._run(plans, flush)
        for _ in range(_REBUILDS):
            damaged = self._take_damaged()
            if not damaged:
                return
            entries = rebuild([Damage(plan.wheel, plan.entry, path) for plan, path in damaged])
            rebuilt = zip(damaged, entries, strict=True)
            self._run([plan._replace(entry=entry) for (plan, _), entry in rebuilt if entry is not None], flush)
        damaged = self._take_damaged()
        if damaged:  # the file system may be one that does not keep a seal
            self._run([plan._replace(entry=unsealed(plan.entry)) for plan, _ in damaged], flush)
        for plan, path in self._take_damaged():
            with self._context.failing(plan.name):
                raise InstuiError(
                    f"the cached files of {printable(plan.owner)} change or vanish again and again "
                    f"({printable(path)}); nothing was installed; find out what does that, or {CACHE}"
                )

    def _new(self, plan: WheelPlan) -> StagedWheel:
        twins = self._twins if self._linker.is_plain else None
        return StagedWheel(self._context, self._environment, plan, self._stage, twins)

    @property
    def _links(self) -> bool:
        """Whether all is done by hard links, as far as that is known."""
        return self._linker.is_plain and not self._context.slow_motion.factor

    def _run(self, plans: Sequence[WheelPlan], flush: Callable[[], None]) -> None:
        """Stage `plans`, and record those whose files in the store are damaged."""
        context = self._context
        wheels = [self._new(plan) for plan in plans if plan.order not in self._begun]
        if self._links or self._begun:
            sealed = [wheel for wheel in wheels if wheel.sealed != UNSEALED]
            self._together.add([*self._waiting, *sealed], more=False)
            failed = self._together.run(flush)
            self._together, self._begun, self._waiting = Together(context, self._team), set(), []
            for wheel in failed:
                wheel.discard()
            wheels = failed + [wheel for wheel in wheels if wheel.sealed == UNSEALED]
        # smallest first: workers take from the end, so that none begins a large one when the others are done
        wheels.sort(key=lambda wheel: wheel.files)
        if wheels:
            crew = Crew(context, lambda worker: self._work(wheels, worker, crew), len(wheels))
            context.control.resize = partial(_resize, crew)
            try:
                crew.run()
            finally:
                context.control.resize = None

    def _take_damaged(self) -> list[tuple[WheelPlan, str]]:
        """The plans that could not be staged since the last call, each with the damaged file of the store."""
        damaged, self._damaged = self._damaged, []
        return damaged

    def _work(self, wheels: list[StagedWheel], worker: int, crew: Crew) -> None:
        """Stage wheels file by file until `wheels` is empty."""
        context = self._context
        while not context.stopping() and not crew.is_dismissed(worker):
            try:
                wheel = wheels.pop()
            except IndexError:
                return
            context.rest()
            if not context.gives_up(wheel.plan.name):
                self._make(wheel, worker)

    def _make(self, wheel: StagedWheel, worker: int) -> None:
        """Stage one wheel, by copies where that is the only way."""
        try:
            wheel.start(worker)
            self._link(wheel)
            wheel.finish(copied=self._linker.copies or wheel.sealed == UNSEALED)
        except _CancelledError:
            wheel.discard()
        except Changed as changed:
            wheel.discard()
            self._damaged.append((wheel.plan, changed.path))
        except OSError as error:
            raise wheel.cannot(error) from error

    def _link(self, wheel: StagedWheel) -> None:
        context, entry, sealed, name = self._context, wheel.plan.entry, wheel.sealed, wheel.plan.name
        rows = entry.manifest.all_files() if sealed == UNSEALED else {}

        def link(source: str, target: str) -> None:
            if sealed == UNSEALED:
                path = source[len(entry.files) + 1 :]
                if entry.compiled and is_generated(path):
                    copy_unsealed(source, target)  # nobody has its hash; Python checks that it is that of its source
                else:
                    copy_hashed(source, target, rows[path])
            else:
                self._linker(source, target, sealed)
            context.slow_motion.step(lambda: context.gives_up(name))
            if name in context.control.wheels:
                raise _CancelledError

        run_job(wheel.job, link, wheel.progress)
