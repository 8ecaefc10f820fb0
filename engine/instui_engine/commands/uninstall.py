"""Removal of distributions: by RECORD, within the schemes, each in a transaction of its own.

A file that another distribution also lists stays. A file that the removed distribution had overwritten comes back.
"""

from collections.abc import Sequence

from packaging.utils import InvalidName, canonicalize_name

from instui_engine.commit.commit import Commit
from instui_engine.errors import TargetError, UsageError, printable
from instui_engine.journal.events import PlanFinished, Warned
from instui_engine.plan.conflicts import Overlaps
from instui_engine.plan.plan import RemovalPlan
from instui_engine.plan.removal import check_link, plan_removals
from instui_engine.session.context import Context, Options
from instui_engine.session.control import Control
from instui_engine.session.session import Session
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed, scan

from .command import Outcome, Recording, Work, perform


def uninstall(
    names: Sequence[str],
    environment: Environment,
    options: Options | None = None,
    control: Control | None = None,
    recording: Recording | None = None,
) -> Outcome:
    """Remove the distributions of these names, in the order given. Everything else is as in `install`."""

    def make(context: Context, environment: Environment, session: Session) -> Work:
        return _Removal(context, environment, session, names)

    return perform(make, environment, options, control, recording)


class _Removal(Work):
    def __init__(self, context: Context, environment: Environment, session: Session, names: Sequence[str]) -> None:
        super().__init__(context, environment, session)
        self._names = names
        self._commit: Commit | None = None

    @property
    def done(self) -> list[str]:
        return self._commit.installed if self._commit else []

    def run(self) -> None:
        installed = scan(self.environment)
        plans = plan_removals(self.environment, installed, self._wanted(installed))
        self._tell(plans)
        if self.context.options.dry_run or not plans:
            return
        self.session.make_stage()
        for plan in plans:
            (self.session.stage / str(plan.order)).mkdir()
        self.began = True
        self._commit = Commit(self.context, self.environment, self.session, plans, Overlaps((), (), {}), installed)
        self._commit.run()

    def _wanted(self, installed: Installed) -> list[str]:
        """The normalized names of those that are installed and can be removed. Raises TargetError and UsageError."""
        found: list[str] = []
        for word in dict.fromkeys(self._names):
            try:
                name = canonicalize_name(word, validate=True)
            except InvalidName:
                raise UsageError(f"{printable(word)!r} is not the name of a distribution; give names alone") from None
            check_link(self.environment, installed, name)
            if name not in installed:
                self.context.emit(Warned(name, "is not installed"))
                continue
            self._check(installed[name])
            found.append(name)
        return list(dict.fromkeys(found))

    def _check(self, distribution: Distribution) -> None:
        """Refuse a distribution that cannot be removed by its RECORD."""
        info = self.environment.top / distribution.info
        if distribution.is_legacy:
            raise TargetError(
                f"{printable(distribution.owner)} was installed without a RECORD ({printable(distribution.info)}), so "
                "its files are not known; remove it with the tool that installed it",
                path=str(info),
            )
        if not (info / "RECORD").is_file():
            raise TargetError(
                f"{printable(distribution.owner)} has no RECORD ({printable(str(info))}), so its files are not known; "
                f"install it again over what is there, with `instui install --reinstall --no-deps "
                f"{printable(distribution.name)}=={printable(distribution.version)}`, then uninstall it",
                path=str(info),
            )

    def _tell(self, plans: Sequence[RemovalPlan]) -> None:
        for plan in plans:
            self.context.emit(plan.event())
        self.context.emit(PlanFinished(len(plans), sum(plan.old_files for plan in plans), 0, 0))
