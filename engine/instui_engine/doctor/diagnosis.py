"""Diagnosis of an environment: compares what its distributions list with what is there. Nothing is written.

A file that differs from what its distribution recorded is *clobbered* if it is what another distribution recorded for
that path, and *modified* otherwise. A distribution that lost files to another one is no defect as long as the other one
is whole, since both cannot be. If each has files of the other, neither is whole: that is damage, a *mix*.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from instui_engine.errors import printable
from instui_engine.fs.casefold import folds
from instui_engine.fs.paths import name_of, parent_of
from instui_engine.graph import components
from instui_engine.journal.events import Holder
from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.session import foreign_stages
from instui_engine.target.environment import PRIVATE, Environment
from instui_engine.target.installed import scan
from instui_engine.target.listing import ListedFile, Listing, read
from instui_engine.target.private import unreadable
from instui_engine.values import NamedTuple

from . import leftovers
from .contents import Content, read_all
from .leftovers import DeadSession
from .reinstall_source import source

Kind = Literal[
    "incomplete",
    "modified",
    "mixed",
    "clobbered",
    "duplicate",
    "ghost",
    "leftover",
    "session",
    "outside",  # from here on: worth knowing, but no defect
    "unknown",
    "unowned",
    "busy",
]


class Finding(NamedTuple):
    """One observation about the environment.

    `distribution` is a name and version, or "" if it concerns none. `paths` are relative to the environment's top.
    `text` says what is wrong; `remedy` says what to do or what a repair does, "" for nothing. If `is_defect` is false,
    the finding is only worth knowing. `holders` are the processes that it is about, if it is about any.
    """

    kind: Kind
    distribution: str
    paths: tuple[str, ...]
    text: str
    remedy: str = ""
    is_defect: bool = True
    holders: tuple[Holder, ...] = ()


class Diagnosis(NamedTuple):
    """All findings. `distributions` and `files` are the numbers of those that were examined.

    The rest is for the repair. `reinstalls` are groups of distributions that have to be reinstalled together, each
    group in order of installation. `leftovers` are paths.
    """

    environment: Environment
    distributions: int
    files: int
    findings: tuple[Finding, ...]
    reinstalls: tuple[tuple[Listing, ...], ...]
    ghosts: tuple[Listing, ...]
    leftovers: tuple[str, ...]
    sessions: tuple[DeadSession, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing needs repair."""
        return not any(finding.is_defect for finding in self.findings)


def diagnose(environment: Environment, options: Options | None = None, control: Control | None = None) -> Diagnosis:
    """Check every file that the distributions of `environment` list, by `options.jobs` threads. Raises Interrupted."""
    context = Context(options or Options(), Journal(), control or Control())
    if folds(environment.top, environment.private, writable=False):
        environment = environment.folding()
    return _Diagnosis(context, environment).result()


class _Damage:
    """What is wrong with the files of one distribution. `lost`: by the distribution whose files are there now."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.modified: list[str] = []
        self.closed: list[str] = []
        self.lost: dict[str, list[str]] = {}


class _Diagnosis:
    def __init__(self, context: Context, environment: Environment) -> None:
        self._environment = environment
        installed = scan(environment)
        listed: dict[str, list[Listing]] = {}
        self._legacy = []
        for name in installed:
            for distribution in (installed[name], *installed.duplicates(name)):
                if distribution.is_legacy:
                    self._legacy.append(distribution)
                else:
                    listed.setdefault(name, []).append(read(environment, distribution))
        self._ghosts = [one for ones in listed.values() for one in ones if one.is_ghost]
        self._closed = [one for ones in listed.values() for one in ones if one.closed]
        real = {name: [one for one in ones if not (one.is_ghost or one.closed)] for name, ones in listed.items()}
        self._listings = {name: ones for name, ones in real.items() if ones}
        self._wanted: dict[str, list[ListedFile]] = {}
        self._owners: dict[str, list[tuple[Listing, ListedFile]]] = {}
        for one in (one for ones in self._listings.values() for one in ones):
            for row in one.files:
                if "/__pycache__/" not in f"/{row.path}" or not row.path.endswith(".pyc"):
                    key = environment.key(row.path)
                    self._wanted.setdefault(row.path, []).append(row)
                    self._owners.setdefault(key, []).append((one, row))
        self._contents = read_all(context, environment, self._wanted)
        self._damages = {one.distribution.info: self._damage(one) for ones in self._listings.values() for one in ones}
        self._chosen = {name: max(ones, key=self._rank) for name, ones in self._listings.items()}

    def _damage(self, listing: Listing) -> _Damage:
        damage = _Damage()
        for row in sorted(listing.files):
            content = self._contents.get(row.path)
            if content is None or content.fits(row):
                continue
            if content.is_closed or not content.there:
                (damage.closed if content.is_closed else damage.missing).append(row.path)
                continue
            winners = self._winners(listing, row, content)
            for winner in winners[:1]:
                damage.lost.setdefault(winner, []).append(row.path)
            if not winners:
                damage.modified.append(row.path)
        return damage

    def _winners(self, listing: Listing, row: ListedFile, content: Content) -> list[str]:
        """The names of possible owners of the content: those that recorded its hash, then those that recorded none."""
        others = [
            (one.distribution.name, theirs)
            for one, theirs in self._owners[self._environment.key(row.path)]
            if one.distribution.name != listing.distribution.name and content.fits(theirs)
        ]
        return [name for name, theirs in sorted(others, key=lambda other: not other[1].algorithm)]

    def _rank(self, listing: Listing) -> tuple[bool, int]:
        """Of two versions of one distribution, the whole one counts, or else the one that was installed last."""
        damage = self._damages[listing.distribution.info]
        return not (listing.problem or damage.missing or damage.modified), listing.installed_at

    def result(self) -> Diagnosis:
        lost = {name: self._damages[one.distribution.info].lost for name, one in self._chosen.items()}
        winners = {name: list(lost[name]) for name in sorted(lost, reverse=True)}
        self._mixes = [mix for mix in _components(winners) if len(mix) > 1]
        self._mixed = {name: self._by_age(mix) for mix in self._mixes for name in mix}
        groups = self._groups(winners)
        findings = [finding for name in sorted(self._chosen) for finding in self._of(self._chosen[name])]
        stashed = tuple(leftovers.temporary(self._environment, self._directories(), self._wanted))
        closed = unreadable(self._environment.private)
        sessions = () if closed else tuple(leftovers.dead_sessions(self._environment))
        findings += [*self._ghostly(), *self._unknown(), *_left(stashed), *map(_dead, sessions), *map(_closed, closed)]
        findings += [*_foreign(self._environment), *self._unowned(stashed), *_busy(self._environment)]
        return Diagnosis(
            self._environment,
            distributions=len({*self._chosen, *(one.distribution.name for one in (*self._ghosts, *self._closed))})
            + len(self._legacy),
            files=len(self._wanted),
            findings=tuple(findings),
            reinstalls=groups,
            ghosts=tuple(self._ghosts),
            leftovers=stashed,
            sessions=sessions,
        )

    # --- what to reinstall

    def _groups(self, winners: Mapping[str, Sequence[str]]) -> tuple[tuple[Listing, ...], ...]:
        """What to reinstall, in groups that have no file in common.

        A distribution that is reinstalled takes all its paths. So the distributions that had overwritten some of them
        are reinstalled after it: a repair does not change who wins. Of a mix, the one that was installed first stays.
        """
        wanted = {name for name, one in self._chosen.items() if self._needs_reinstall(one)}
        wanted |= {name for mix in self._mixes for name in self._by_age(mix)[1:]}
        queue = list(wanted)
        for name in queue:  # grows while it is walked
            further = [other for other in winners[name] if other not in wanted and not self._are_mixed(name, other)]
            wanted.update(further)
            queue += further
        ordered = [name for mix in reversed(_components(winners)) for name in self._by_age(mix) if name in wanted]
        groups: list[list[str]] = []
        for name in ordered:
            joined = [g for g in groups if any(name in winners[one] or one in winners[name] for one in g)]
            groups = [group for group in groups if group not in joined]
            groups.append([*(one for group in joined for one in group), name])
        return tuple(tuple(self._chosen[one] for one in sorted(group, key=ordered.index)) for group in groups)

    def _needs_reinstall(self, listing: Listing) -> bool:
        damage = self._damages[listing.distribution.info]
        broken = (listing.problem and not listing.is_managed) or damage.missing or damage.modified
        return bool(broken or self._is_twice(listing))

    def _is_twice(self, listing: Listing) -> bool:
        return len(self._listings[listing.distribution.name]) > 1

    def _are_mixed(self, name: str, other: str) -> bool:
        return other in self._mixed.get(name, ())

    def _by_age(self, names: Iterable[str]) -> list[str]:
        """`names` in order of installation."""
        return sorted(names, key=lambda name: (self._chosen[name].installed_at, name))

    # --- what to say

    def _of(self, listing: Listing) -> Iterator[Finding]:
        owner, info = listing.owner, listing.distribution.info
        damage = self._damages[info]
        remedy = _reinstall(listing)
        if self._is_twice(listing):
            others = [one for one in self._listings[listing.distribution.name] if one is not listing]
            versions = ", ".join(printable(one.distribution.version) for one in others)
            paths = tuple(one.distribution.info for one in others)
            yield Finding("duplicate", owner, paths, f"version {versions} is listed beside it", remedy)
        if listing.is_managed:
            yield Finding("unknown", owner, (info,), "its installer keeps no RECORD", is_defect=False)
        elif listing.problem:
            yield Finding("incomplete", owner, (info,), listing.problem, remedy)
        if damage.missing:
            yield Finding("incomplete", owner, tuple(damage.missing), _files(damage.missing, "missing"), remedy)
        if damage.modified:
            yield Finding("modified", owner, tuple(damage.modified), _files(damage.modified, "modified"), remedy)
        for winner, paths_lost in damage.lost.items():
            yield self._clobbered(listing, self._chosen[winner], tuple(paths_lost))
        if damage.closed:
            text = f"no permission to read {_count(damage.closed)}, so nothing is known of them"
            yield Finding("unknown", owner, tuple(damage.closed), text, is_defect=False)
        if listing.outside:
            text = f"lists {_count(listing.outside)} outside of the environment, not looked at"
            yield Finding("outside", owner, listing.outside, text, is_defect=False)

    def _clobbered(self, listing: Listing, winner: Listing, paths: tuple[str, ...]) -> Finding:
        whose = f"{_count(paths)} {'is' if len(paths) == 1 else 'are'} of {printable(winner.owner)}"
        name, other = listing.distribution.name, winner.distribution.name
        if self._are_mixed(name, other):
            every = ", ".join(printable(self._chosen[one].owner) for one in sorted(self._mixed[name]))
            text = f"{whose}; none of {every} is whole"
            return Finding("mixed", listing.owner, paths, text, self._unmix(self._mixed[name][1:]))
        damage = self._damages[winner.distribution.info]
        is_whole = not (winner.problem or damage.missing or damage.modified or damage.lost)
        text = f"{whose}{', which is whole' if is_whole else ''}"
        return Finding("clobbered", listing.owner, paths, text, "uninstall one of the two; both cannot be whole")

    def _unmix(self, names: Sequence[str]) -> str:
        """What to do about a mix; `names` are its members except the one that was installed first."""
        later = [self._chosen[name] for name in names]
        refused = next((refusal for one in later if (refusal := source(one).refusal)), "")
        shown = ", ".join(printable(one.owner) for one in later)
        which = "which was installed last" if len(later) == 1 else "in this order"
        return f"{shown}: {refused}" if refused else f"reinstall {shown}, {which}"

    def _ghostly(self) -> Iterator[Finding]:
        for one in self._ghosts:
            info = one.distribution.info
            text = "nothing but its .dist-info is left, which other tools take for an installed distribution"
            yield Finding("ghost", one.owner, (info,), text, "remove it")

    def _unknown(self) -> Iterator[Finding]:
        for one in self._legacy:
            text = "installed without a RECORD, so its files are not known"
            yield Finding("unknown", one.owner, (one.info,), text, is_defect=False)
        for listing in self._closed:
            text = "no permission to read it, so the files of the distribution are not known"
            yield Finding("unknown", listing.owner, (listing.closed,), text, is_defect=False)

    def _unowned(self, stashed: Iterable[str]) -> Iterator[Finding]:
        """Files in site-packages that nobody lists: left by an install that was killed early, or the user's own."""
        if self._closed:
            return  # any of them may be listed there
        found: list[str] = []
        keys = {self._environment.key(path) for path in (*self._wanted, *stashed)}
        for root in self._environment.site_packages:
            below = f"{root}/" if root else ""
            owned = {
                key[len(below) :].partition("/")[0] for key in keys if key.startswith(self._environment.key(below))
            }
            names = leftovers.names(self._environment, root)
            found += [f"{below}{name}" for name in names if self._environment.key(name) not in owned and _counts(name)]
        if found:
            text = f"{'1 entry' if len(found) == 1 else f'{len(found)} entries'} of site-packages that nobody lists"
            yield Finding("unowned", "", tuple(found), text, is_defect=False)

    def _directories(self) -> set[str]:
        directories = {parent_of(path) for path in self._wanted}
        return directories | {one.distribution.info for ones in self._listings.values() for one in ones}


def _components(winners: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The groups of distributions that have overwritten files of each other; those that lost nothing come first."""
    names = list(winners)
    number = {name: place for place, name in enumerate(names)}
    found = components([[number[name] for name in winners[other]] for other in names])
    return [[names[place] for place in members] for members in found]


def _reinstall(listing: Listing) -> str:
    return source(listing).refusal or "reinstall it"


def _files(paths: Sequence[str], what: str) -> str:
    return f"{_count(paths)} {'is' if len(paths) == 1 else 'are'} {what}"


def _count(paths: Sequence[str]) -> str:
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _left(paths: Iterable[str]) -> Iterator[Finding]:
    for installer, found in groupby(sorted(paths, key=_whose), key=_whose):
        text = f"left by {installer}, which was stopped in the middle"
        yield Finding("leftover", "", tuple(found), text, "remove it")


def _counts(name: str) -> bool:
    """Whether a name in site-packages is worth reporting: not if Python, virtualenv or old installers put it there."""
    return not name.startswith((".", "__pycache__", "_virtualenv.")) and not name.endswith(
        (".dist-info", ".egg-info", ".egg-link", ".egg", "easy-install.pth")
    )


def _foreign(environment: Environment) -> Iterator[Finding]:
    """The stages in volumes that another environment, or another container, may still need."""
    paths = tuple(foreign_stages(environment))
    if paths:
        text = "the stage of a session of another environment that has the same volume; remove it if there is none"
        yield Finding("unknown", "", paths, text, is_defect=False)


def _busy(environment: Environment) -> Iterator[Finding]:
    from instui_engine.locks.holders import holders_of
    from instui_engine.locks.phrases import describe

    holders = holders_of(environment.lock_path)
    if holders:
        named = [one._replace(state="") if one.state == "asleep" else one for one in holders]  # who works sleeps, too
        text = f"at work here: {describe(named)}; what is in hand may look damaged until it is done"
        yield Finding("busy", "", (), text, is_defect=False, holders=tuple(holders))


def _whose(path: str) -> str:
    return "uv" if name_of(path).startswith(".tmp") else "pip"


def _closed(place: Path) -> Finding:
    path = f"{PRIVATE}/{place.name}" if place.name != PRIVATE else PRIVATE
    return Finding("unknown", "", (path,), "no permission to read it: dead sessions are not known", is_defect=False)


def _dead(session: DeadSession) -> Finding:
    name = printable(session.identity)
    if session.unsettled:
        what = ", ".join(map(printable, session.in_hand))
        text = f"session {name} was killed" + (f" with {what} in hand" if what else " in the middle of a change")
        return Finding("session", "", session.paths, text, "would be completed or undone by --repair")
    return Finding("leftover", "", session.paths, f"left by session {name}, which was killed", "remove it")
