"""Removal of distributions: by RECORD, within the schemes, each in a transaction of its own.

A file that another distribution also lists stays. A file that the removed distribution had overwritten comes back.
"""

import re
from collections.abc import Iterator, Sequence

from instui_engine.commit.commit import Commit
from instui_engine.commit.recovery import Unsettled, check_settled, settle
from instui_engine.errors import TargetError, UsageError, printable
from instui_engine.fs.given import absolute
from instui_engine.journal.events import PlanFinished, Warned
from instui_engine.locks.backend import claim_locks
from instui_engine.locks.claims import derive
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.reported import reported_wait
from instui_engine.plan.conflicts import Overlaps
from instui_engine.plan.permissions import missing_permission
from instui_engine.plan.plan import RemovalPlan, volumes_of
from instui_engine.plan.removable import check_link, check_record
from instui_engine.plan.removal import plan_removals
from instui_engine.redaction import redacted
from instui_engine.resolve.locations import shortened
from instui_engine.resolve.origin import origin_of
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.session import Session
from instui_engine.target import listing
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed, find, scan
from instui_engine.wheel.filename import NAME, normalized

from .command import Outcome, Recording, Work, perform


def uninstall(
    names: Sequence[str],
    environment: Environment,
    options: Options | None = None,
    control: Control | None = None,
    recording: Recording | None = None,
    *,
    requirement_files: Sequence[str] = (),
) -> Outcome:
    """Remove the distributions of these names, in the order given, then those that requirement files name.

    As in uv, a name may be a whole requirement, of which only the name counts: not its version, its marker or its URL.
    A path or URL without a name stands for what was installed from there. Everything else is as in `install`.
    """

    def make(context: Context, environment: Environment, session: Session) -> Work:
        return _Removal(context, environment, session, names, requirement_files)

    return perform(make, environment, options, control, recording)


class _Removal(Work):
    def __init__(
        self,
        context: Context,
        environment: Environment,
        session: Session,
        words: Sequence[str],
        requirement_files: Sequence[str],
    ) -> None:
        super().__init__(context, environment, session)
        self._words = words
        self._files = requirement_files
        self._commit: Commit | None = None

    @property
    def done(self) -> list[str]:
        return self._commit.installed if self._commit else []

    def run(self) -> None:
        if not self._words and not self._files:
            raise UsageError("nothing to uninstall: name a distribution, or give -r FILE")
        with self.context.span("resolve"):
            installed = scan(self.environment)
            names = list(dict.fromkeys(self._named(installed)))
            while self._is_there_after_all([name for name in names if name not in installed]):
                installed = scan(self.environment)
        with self.context.span("plan"):
            plans = plan_removals(self.environment, installed, self._removable(installed, names))
            self._tell(plans)
            self.context.control.wheels.expect(plan.name for plan in plans)
            place, problem = missing_permission(self.environment, plans)
        if problem and not self.context.options.dry_run:
            raise TargetError(f"{problem}; nothing was changed", path=place)
        if problem:
            self.context.emit(Warned("", f"{problem}; without that, nothing is removed"))
        if self.context.options.dry_run or not plans:
            return
        with self.context.span("stage"):
            self.session.with_room(lambda: self._make_stage(plans))  # a full disk is why people remove things
            stages = self.session.stages()
            if len(stages) > 1:  # recovery tells a volume by its stage, which must not reach the disk after the record
                self.context.sync("stage", *stages)
        self.began = True
        with self.context.span("commit"):
            self._commit = Commit(self.context, self.environment, self.session, plans, Overlaps((), (), {}), installed)
            self._commit.run()

    def _named(self, installed: Installed) -> Iterator[str]:
        """The normalized names of what the user named, installed or not. Raises UsageError."""
        for word in self._words:
            place = _place(word)
            if place:
                yield from self._from(place, word, installed)
            else:
                yield _name(word)
        if self._files:
            from instui_engine.resolve.requirement_files import read_requirement_files

            cancelled = self.context.control.cancelled
            found = read_requirement_files(self._files, cancelled=cancelled, read_url=self._read)
            for requirement in found.requirements:
                if not requirement.name:
                    place = printable(redacted(requirement.url))
                    raise UsageError(f"{requirement.where}: {place} has no name to uninstall by; write NAME @ URL")
                yield requirement.name

    def _read(self, url: str) -> bytes:
        """The content of a requirement file on a server."""
        from instui_engine.fetch.download import Client

        with Client(index_urls=(), offline=False) as client:
            return client.read(url, shortened(url), self.context.control.cancelled)

    def _from(self, place: str, word: str, installed: Installed) -> Iterator[str]:
        """The names of what was installed from `place`, the URL for which `word` stands."""
        recorded = origin_of(place, "")  # without the password
        found = [
            distribution.name
            for distribution in installed.values()
            if listing.read(self.environment, distribution).origin.get("url") == recorded
        ]
        if not found:
            shown = place if redacted(word) == word else redacted(word)
            self.context.emit(Warned("", f"nothing is installed from {printable(shown)}"))
        yield from found

    def _is_there_after_all(self, names: Sequence[str]) -> bool:
        """Whether one of `names` is installed once nobody is just changing it.

        The old `.dist-info` of a distribution that is upgraded or reinstalled is away for a moment. That is under the
        environment's lock and the claim on its name, so these are taken to look.
        """
        environment, context = self.environment, self.context
        if not names or context.options.dry_run or not (environment.private / "locks").is_dir():
            return False  # without that directory, nothing was ever committed here
        lock = EnvironmentLock(environment.lock_path, context)
        try:
            with lock.shared():
                return bool([name for name in names if self._is_there(name)])
        finally:
            lock.close()

    def _is_there(self, name: str) -> bool:
        environment, context = self.environment, self.context

        files = claim_locks(context, environment)
        claims = derive([], name)
        while True:
            with reported_wait(context, "name", name) as announce:
                held = files.acquire(claims, lambda path, mode, holders: announce(path, holders), context.stopping)
            try:
                check_settled(environment, claims, self.session.identity)
                return find(environment, name) is not None
            except Unsettled as inherited:
                unsettled = inherited.written
            finally:
                files.release(held)
            settle(context, environment, files, unsettled)

    def _removable(self, installed: Installed, names: Sequence[str]) -> list[str]:
        """Those of `names` that are installed. Raises TargetError for one that cannot be removed."""
        found: list[str] = []
        for name in names:
            check_link(self.environment, installed, name)
            if name not in installed:
                self.context.emit(Warned("", f"{name} is not installed"))
                continue
            check_record(self.environment, installed[name])
            found.append(name)
        return found

    def _make_stage(self, plans: Sequence[RemovalPlan]) -> None:
        self.session.make_stage(volumes_of(self.environment.volumes, plans))

    def _tell(self, plans: Sequence[RemovalPlan]) -> None:
        for plan in plans:
            for text in plan.warnings:
                self.context.emit(Warned(plan.name, text))
            self.context.emit(plan.event())
        self.context.emit(PlanFinished(len(plans), sum(plan.old_files for plan in plans), 0, 0))


def _place(word: str) -> str:
    """The URL that a path or URL without a name stands for; "" for a requirement."""
    if "@" in word.partition("/")[0]:
        return ""
    if "://" in word:
        return origin_of(word, "")  # as it is recorded: without the password that it may carry
    if "/" in word.partition(";")[0] or word in (".", "..") or word.lower().endswith(".whl"):
        return origin_of("", absolute(word))
    return ""


def _name(word: str) -> str:
    """The normalized name in a requirement. Raises UsageError."""
    if re.fullmatch(NAME, word):  # as in most commands
        return normalized(word)
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return normalized(Requirement(word).name)
    except InvalidRequirement:
        raise UsageError(f"{printable(word)!r} is not the name of a distribution, nor a requirement") from None
