"""Staging of all wheels of a session: hard links by a team of processes, everything else by threads of this one."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from instui_engine.errors import CACHE, ENVIRONMENT, InstuiError, printable, reason, remedy
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import StageFinished, StageProgress, StageStarted
from instui_engine.plan.plan import WheelPlan
from instui_engine.session.context import Context, Throttle
from instui_engine.session.workers import run_workers
from instui_engine.store.acquire import Damage
from instui_engine.store.entry import UNSEALED, Entry, unsealed
from instui_engine.target.environment import Environment

from .linker import FALLBACK, Linker, copy_hashed
from .linking import Changed, Job, link_sealed, run_job
from .parts import cost, files_in, split
from .stage import generate, links_of
from .team import BEGUN, DONE, Team

_REBUILDS = 2  # how often damaged entries are rebuilt before giving up


Rebuild = Callable[[Sequence[Damage]], Sequence[Entry]]
"""A function that rebuilds entries of the store."""


def stage_wheels(
    context: Context,
    environment: Environment,
    plans: Sequence[WheelPlan],
    stage: Path,
    rebuild: Rebuild,
    team: Team | None = None,
) -> None:
    """Make everything that `plans` will rename.

    A wheel whose files in the store turn out to be changed or gone is staged again after `rebuild`. Without a `team`,
    this process works alone. Raises InstuiError, with nothing written outside the stage.
    """
    staging = _Staging(context, environment, os.fspath(stage), team or Team())
    staging.run(plans)
    for _ in range(_REBUILDS):
        damaged = staging.take_damaged()
        if not damaged:
            return
        entries = rebuild([Damage(plan.wheel, plan.entry, path) for plan, path in damaged])
        staging.run([plan._replace(entry=entry) for (plan, _), entry in zip(damaged, entries, strict=True)])
    damaged = staging.take_damaged()
    if damaged:  # the file system may be one that does not keep a seal
        staging.run([plan._replace(entry=unsealed(plan.entry)) for plan, _ in damaged])
    for plan, path in staging.take_damaged():
        raise InstuiError(
            f"the cached files of {printable(plan.owner)} change or vanish again and again ({printable(path)}); "
            f"nothing was installed; find out what does that, or {CACHE}"
        )


def _discard(job: Job) -> None:
    """Remove what was staged of one wheel."""
    for base in job[0]:
        remove_tree(base)


class _Wheel:
    """A wheel that is being staged."""

    def __init__(self, context: Context, plan: WheelPlan, job: Job) -> None:
        self.plan = plan
        self.job = job
        self.started = False
        self.left = 0  # parts that are not linked
        self._context = context

    def start(self) -> None:
        """Say that it has begun, once."""
        if self.started:
            return
        self.started = True
        name, files, emit = self.plan.name, self.plan.files, self._context.emit
        emit(StageStarted(name, files))
        self.progress = Throttle(lambda done: emit(StageProgress(name, done, files))).add


class _Staging:
    def __init__(self, context: Context, environment: Environment, stage: str, team: Team) -> None:
        self._context = context
        self._environment = environment
        self._stage = stage
        self._linker = Linker(context.options.link_mode)
        self._team = team
        self._damaged: list[tuple[WheelPlan, str]] = []

    def run(self, plans: Sequence[WheelPlan]) -> None:
        """Stage `plans`, and record those whose files in the store are damaged."""
        context = self._context
        wheels = [_Wheel(context, plan, links_of(self._environment, plan, self._stage)) for plan in plans]
        if self._linker.is_plain and not context.slow_motion.factor:
            wheels = self._link_together(wheels)
        if not wheels:
            return
        # smallest first: workers take from the end, so that none begins a large one when the others are done
        wheels.sort(key=lambda wheel: wheel.plan.files)
        run_workers(context, [lambda: self._work(wheels)] * min(context.options.jobs, len(wheels)))

    def take_damaged(self) -> list[tuple[WheelPlan, str]]:
        """The plans that could not be staged since the last call, each with the damaged file of the store."""
        damaged, self._damaged = self._damaged, []
        return damaged

    def _link_together(self, wheels: Sequence[_Wheel]) -> list[_Wheel]:
        """Stage by hard links what can be staged that way, with the team; return the other wheels.

        Those are wheels without a seal, of which files cannot be linked or are damaged, or with a part that a helper
        did not finish. Raises InstuiError.
        """
        team = self._team
        sealed = [wheel for wheel in wheels if wheel.job[3] != UNSEALED]
        parts: list[Job] = []
        owners: list[_Wheel] = []
        for wheel in sorted(sealed, key=lambda wheel: cost(wheel.job), reverse=True):
            own = split(wheel.job)
            parts += own
            owners += [wheel] * len(own)
            wheel.left = len(own)
        left = set(wheels)

        def linked(number: int) -> None:
            wheel = owners[number]
            wheel.left -= 1
            wheel.progress(files_in(parts[number]))
            if not wheel.left and self._finish(wheel):
                left.remove(wheel)

        def listen(*, wait: bool = False) -> bool:
            """Hear the helpers; return whether to go on."""
            for number, what in team.news(wait=wait):
                if what == BEGUN:
                    owners[number].start()
                elif what == DONE:
                    linked(number)
            self._rest()
            return not self._context.stopping()

        team.share(parts)
        try:
            while listen() and (number := team.take()) is not None:
                owners[number].start()
                if self._link_part(owners[number], parts[number]):
                    linked(number)
            while team.helping and listen(wait=True):
                pass
        finally:
            team.close()
        self._context.check()
        return [wheel for wheel in wheels if wheel in left]

    def _rest(self) -> None:
        if self._context.control.paused:
            self._team.pause(True)
            self._context.rest()
            self._team.pause(False)

    def _link_part(self, wheel: _Wheel, part: Job) -> bool:
        """Whether `part` could be linked; the disk may be full, though: raises InstuiError."""
        try:
            run_job(part, link_sealed(part[3]))
        except Changed:
            return False
        except OSError as error:
            if error.errno not in FALLBACK:
                raise self._explain(wheel, error) from error
            return False
        return True

    def _finish(self, wheel: _Wheel) -> bool:
        """Add what is generated; return whether the scripts in the store are as they were unpacked."""
        try:
            generate(self._environment, wheel.plan, self._stage)
        except Changed:
            return False
        except OSError as error:
            raise self._explain(wheel, error) from error
        self._context.emit(StageFinished(wheel.plan.name))
        return True

    def _work(self, wheels: list[_Wheel]) -> None:
        """Stage wheels file by file until `wheels` is empty."""
        context = self._context
        while not context.stopping():
            try:
                wheel = wheels.pop()
            except IndexError:
                return
            context.rest()
            self._make(wheel)

    def _make(self, wheel: _Wheel) -> None:
        """Stage one wheel, by copies where that is the only way."""
        plan = wheel.plan
        try:
            if wheel.started:
                _discard(wheel.job)
            wheel.start()
            self._link(wheel)
            generate(self._environment, plan, self._stage)
        except Changed as changed:
            _discard(wheel.job)
            self._damaged.append((plan, changed.path))
        except OSError as error:
            raise self._explain(wheel, error) from error
        else:
            self._context.emit(StageFinished(plan.name))

    def _link(self, wheel: _Wheel) -> None:
        context, entry, sealed = self._context, wheel.plan.entry, wheel.job[3]
        rows = entry.manifest.all_files() if sealed == UNSEALED else {}

        def link(source: str, target: str) -> None:
            if sealed == UNSEALED:
                copy_hashed(source, target, rows[source[len(entry.files) + 1 :]])
            else:
                self._linker(source, target, sealed)
            context.slow_motion.step(context.stopping)

        run_job(wheel.job, link, wheel.progress)

    @staticmethod
    def _explain(wheel: _Wheel, error: OSError) -> InstuiError:
        problem = (
            f"cannot stage {printable(wheel.plan.owner)} ({reason(error, wheel.job[0][0])}); nothing was installed"
        )
        return InstuiError(f"{problem}; {remedy(error, ENVIRONMENT)}")
