"""Staging of all wheels of a session: by threads of this process and, for many files, a helper process."""

import marshal
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
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

from . import linking
from .linker import FALLBACK, Linker, copy_hashed
from .linking import Changed, Job, link_sealed, run_job
from .stage import generate, links_of

_MANY = 3000  # the number of files from which a helper process pays off
_REBUILDS = 2  # how often damaged entries are rebuilt before giving up


Rebuild = Callable[[Sequence[Damage]], Sequence[Entry]]
"""A function that rebuilds entries of the store."""


def stage_wheels(
    context: Context,
    environment: Environment,
    plans: Sequence[WheelPlan],
    stage: Path,
    rebuild: Rebuild,
    sign_of_life: int = -1,
) -> None:
    """Make everything that `plans` will rename.

    A wheel whose files in the store turn out to be changed or gone is staged again after `rebuild`. `sign_of_life` is
    the descriptor whose lock shows others that the session is alive. The helper process inherits it, so the session
    counts as alive as long as anything writes into its stage. Raises InstuiError, with nothing written outside the
    stage.
    """
    staging = _Staging(context, environment, os.fspath(stage), Linker(context.options.link_mode), sign_of_life)
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


def _half(queue: list[WheelPlan], files: int) -> list[WheelPlan]:
    """Take every other wheel, about half of the files, out of `queue`."""
    taken: list[WheelPlan] = []
    count = 0
    for plan in queue[::-2]:
        if count < files // 2:
            taken.append(plan)
            count += plan.files
    chosen = {plan.order for plan in taken}
    queue[:] = [plan for plan in queue if plan.order not in chosen]
    return taken


def _discard(job: Job) -> None:
    """Remove what was staged of one wheel."""
    for base in job[0]:
        remove_tree(base)


class _Staging:
    def __init__(
        self, context: Context, environment: Environment, stage: str, linker: Linker, sign_of_life: int
    ) -> None:
        self._context = context
        self._environment = environment
        self._stage = stage
        self._linker = linker
        self._sign_of_life = sign_of_life
        self._damaged: list[tuple[WheelPlan, str]] = []

    def run(self, plans: Sequence[WheelPlan]) -> None:
        """Stage `plans` in parallel, and record those whose files in the store are damaged."""
        context = self._context
        # smallest first: workers take from the end, so that none begins a large one when the others are done
        queue = sorted(plans, key=lambda plan: plan.files)
        jobs = min(context.options.jobs, len(plans))
        files = sum(plan.files for plan in plans)
        works = [lambda: self.work(queue)] * jobs
        if jobs > 1 and files >= _MANY and self._linker.is_plain and not context.slow_motion.factor:
            theirs = _half(queue, files)
            works = [lambda: self.help(theirs), lambda: self.work(queue)]
        run_workers(context, works)

    def take_damaged(self) -> list[tuple[WheelPlan, str]]:
        """The plans that could not be staged since the last call, each with the damaged file of the store."""
        damaged, self._damaged = self._damaged, []
        return damaged

    def work(self, queue: list[WheelPlan]) -> None:
        """Stage wheels until `queue` is empty."""
        context = self._context
        while not context.stopping():
            try:
                plan = queue.pop()
            except IndexError:
                return
            context.rest()
            context.emit(StageStarted(plan.name, plan.files))
            self._make(plan, links_of(self._environment, plan, self._stage))

    def help(self, plans: Sequence[WheelPlan]) -> None:
        """Stage `plans` with a helper process; whatever it fails at is done here."""
        jobs = [links_of(self._environment, plan, self._stage) for plan in plans]
        answers = self._helper(jobs)
        try:
            for plan, job in zip(plans, jobs, strict=True):
                self._context.emit(StageStarted(plan.name, plan.files))
                self._make(plan, job, linked=next(answers, False))
                if self._context.stopping():
                    return
        finally:
            answers.close()

    def _helper(self, jobs: list[Job]) -> Generator[bool, None, None]:
        """Start the helper process on `jobs`; yield, for each, whether it was done. A dead helper yields nothing."""
        command = [
            sys.executable,
            "-I",
            "-S",
            "-X",
            "utf8",
            str(linking.__file__),
        ]  # names as here, whatever the locale
        pipe = subprocess.PIPE
        kept = (self._sign_of_life,) if self._sign_of_life >= 0 else ()
        try:
            helper = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, process_group=0, pass_fds=kept
            )
        except OSError:
            return  # no more processes or descriptors are available: it is done here, more slowly
        with helper:
            assert helper.stdin is not None
            assert helper.stdout is not None
            try:
                with suppress(BrokenPipeError), helper.stdin:
                    marshal.dump(jobs, helper.stdin)
                while answer := helper.stdout.read(1):
                    yield answer == b"1"
            finally:
                helper.kill()

    def _make(self, plan: WheelPlan, job: Job, linked: bool | None = None) -> None:
        """Stage one wheel. `linked` is whether the helper has linked its files, None if it was not asked."""
        try:
            if linked is False:
                _discard(job)
            if not linked:
                self._link(plan, job)
            generate(self._environment, plan, self._stage)
        except Changed as changed:
            _discard(job)
            self._damaged.append((plan, changed.path))
        except OSError as error:
            raise self._explain(plan, error, job[0][0]) from error
        else:
            self._context.emit(StageFinished(plan.name))

    def _link(self, plan: WheelPlan, job: Job) -> None:
        context = self._context
        files = plan.files
        sealed = job[3]

        def throttle() -> Throttle:
            return Throttle(lambda done: context.emit(StageProgress(plan.name, done, files)))

        if sealed != UNSEALED and self._linker.is_plain and not context.slow_motion.factor:
            try:
                run_job(job, link_sealed(sealed), throttle().add)
            except OSError as error:
                if error.errno not in FALLBACK:
                    raise
                _discard(job)  # what cannot be linked is copied, file by file
            else:
                return

        rows = plan.entry.manifest.all_files() if sealed == UNSEALED else {}

        def link(source: str, target: str) -> None:
            if sealed == UNSEALED:
                copy_hashed(source, target, rows[source[len(plan.entry.files) + 1 :]])
            else:
                self._linker(source, target, sealed)
            context.slow_motion.step(context.stopping)

        run_job(job, link, throttle().add)

    @staticmethod
    def _explain(plan: WheelPlan, error: OSError, stage: str) -> InstuiError:
        problem = f"cannot stage {printable(plan.owner)} ({reason(error, stage)}); nothing was installed"
        return InstuiError(f"{problem}; {remedy(error, ENVIRONMENT)}")
