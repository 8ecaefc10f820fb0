"""One wheel on its way through the stage, as the journal sees it."""

from instui_engine.errors import ENVIRONMENT, InstuiError, printable, reason, remedy
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import StageFinished, StageProgress, StageStarted
from instui_engine.plan.plan import WheelPlan
from instui_engine.session.context import Context, Throttle
from instui_engine.target.environment import Environment

from .linking import Job
from .stage import entries_of, generate, links_of


class StagedWheel:
    """A wheel that is being staged. `job` has all its links."""

    def __init__(
        self,
        context: Context,
        environment: Environment,
        plan: WheelPlan,
        stage: str,
        twins: dict[str, str] | None = None,
    ) -> None:
        """`twins`: see `generate`."""
        self.plan = plan
        self.job: Job = links_of(environment, plan, stage)
        self.sealed = self.job[3]
        self.files = plan.files
        self._context = context
        self._environment = environment
        self._stage = stage
        self._twins = twins
        self._started = False
        self._throttle = self._new_throttle()

    def _new_throttle(self) -> Throttle:
        return Throttle(lambda done: self._context.emit(StageProgress(self.plan.name, done, self.files)))

    def start(self, worker: int) -> None:
        """Tell the journal that it has begun, once, and who begins."""
        if not self._started:
            self._started = True
            self._context.emit(StageStarted(self.plan.name, self.files, worker))
            self._throttle = self._new_throttle()

    def progress(self, files: int) -> None:
        """Tell the journal that so many more files are there."""
        self._throttle.add(files)

    def finish(self, *, copied: bool = False) -> None:
        """Add what is generated; `copied`: see `StageFinished`.

        Raises Changed if a script in the store is not as it was unpacked, and InstuiError.
        """
        try:
            generate(self._environment, self.plan, self._stage, self._twins)
        except OSError as error:
            raise self.cannot(error) from error
        self._context.emit(StageFinished(self.plan.name, copied))

    def discard(self) -> None:
        """Remove what is there of it, to begin again."""
        for entry in entries_of(self._environment, self.plan, self._stage):
            remove_tree(entry)
        self._throttle = self._new_throttle()

    def cannot(self, error: OSError) -> InstuiError:
        """The error for the user, which is the wheel's failure."""
        problem = f"cannot stage {printable(self.plan.owner)} ({reason(error, self._stage)}); nothing was installed"
        failure = InstuiError(f"{problem}; {remedy(error, ENVIRONMENT)}")
        self._context.wheel_failed(self.plan.name, failure)
        return failure
