"""Staging all wheels of a session: by threads of this process, and for many files by a helper process beside them."""

import marshal
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import linking
from .cleanup import remove_tree
from .context import Context, Throttle
from .environment import Environment
from .errors import InstuiError, printable, reason
from .events import StageFinished, StageProgress, StageStarted
from .linking import Job, run_job
from .plan import WheelPlan
from .stage import Linker, generate, links_of
from .workers import run_workers

_MANY = 3000  # files from which on a helper process pays for its start


def stage_wheels(context: Context, environment: Environment, plans: Sequence[WheelPlan], stage: Path) -> None:
    """Make everything that `plans` will rename. Raises InstuiError, with nothing written outside the stage."""
    linker = Linker(context.options.link_mode)
    staging = _Staging(context, environment, os.fspath(stage), linker)
    # the smallest first: workers take from the end, and none begins a large one when the others are done
    queue = sorted(plans, key=lambda plan: plan.entry.manifest.files)
    jobs = min(context.options.jobs, len(plans))
    files = sum(plan.entry.manifest.files for plan in plans)
    works = [lambda: staging.work(queue)] * jobs
    if jobs > 1 and files >= _MANY and linker.is_plain and not context.pace.factor:
        theirs = _half(queue, files)
        works = [lambda: staging.help(theirs), lambda: staging.work(queue)]
    run_workers(context, works)


def _half(queue: list[WheelPlan], files: int) -> list[WheelPlan]:
    """Take about half of the files out of `queue`, every other wheel of it."""
    taken: list[WheelPlan] = []
    count = 0
    for plan in queue[::-2]:
        if count < files // 2:
            taken.append(plan)
            count += plan.entry.manifest.files
    chosen = {plan.order for plan in taken}
    queue[:] = [plan for plan in queue if plan.order not in chosen]
    return taken


class _Staging:
    def __init__(self, context: Context, environment: Environment, stage: str, linker: Linker) -> None:
        self._context = context
        self._environment = environment
        self._stage = stage
        self._linker = linker

    def work(self, queue: list[WheelPlan]) -> None:
        """Stage wheels until `queue` is empty."""
        context = self._context
        while not context.stopping():
            try:
                plan = queue.pop()
            except IndexError:
                return
            context.rest()
            context.emit(StageStarted(plan.name, plan.entry.manifest.files))
            self._link(plan, links_of(plan, self._stage))
            self._finish(plan)

    def help(self, plans: Sequence[WheelPlan]) -> None:
        """Stage `plans` with a helper process; what it cannot do is done here."""
        jobs = [links_of(plan, self._stage) for plan in plans]
        command = [sys.executable, "-I", "-S", str(linking.__file__)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, process_group=0) as helper:
            assert helper.stdin is not None
            assert helper.stdout is not None
            try:
                marshal.dump(jobs, helper.stdin)
                helper.stdin.close()
                for plan, job in zip(plans, jobs, strict=True):
                    self._context.emit(StageStarted(plan.name, plan.entry.manifest.files))
                    if helper.stdout.read(1) != b"1":
                        remove_tree(job[0])
                        self._link(plan, job)
                    self._finish(plan)
                    if self._context.stopping():
                        return
            except BrokenPipeError:
                raise InstuiError("the helper process of the stage died; run again, or give --jobs 1") from None
            finally:
                helper.kill()

    def _link(self, plan: WheelPlan, job: Job) -> None:
        context = self._context
        files = plan.entry.manifest.files

        def throttle() -> Throttle:
            return Throttle(lambda done: context.emit(StageProgress(plan.name, done, files)))

        if self._linker.is_plain and not context.pace.factor:
            try:
                run_job(job, os.link, throttle().add)
            except OSError:
                remove_tree(job[0])  # what cannot be linked is copied, file by file
            else:
                return

        def link(source: str, target: str) -> None:
            self._linker(source, target)
            context.pace.step(context.stopping)

        try:
            run_job(job, link, throttle().add)
        except OSError as error:
            raise self._explain(plan, error) from error

    def _finish(self, plan: WheelPlan) -> None:
        try:
            generate(self._environment, plan, self._stage)
        except OSError as error:
            raise self._explain(plan, error) from error
        self._context.emit(StageFinished(plan.name))

    @staticmethod
    def _explain(plan: WheelPlan, error: OSError) -> InstuiError:
        return InstuiError(f"cannot stage {printable(plan.owner)}: {reason(error)}; nothing was installed")
