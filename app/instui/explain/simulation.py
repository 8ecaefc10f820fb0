"""What if: the measured work of a session is scheduled again, under other conditions.

Three periods are scheduled (`parallel`): a wheel is unpacked by one of N workers when it has been fetched, the largest
first; wheels are staged by N workers; and wheels are committed in plan order, each when its claims are free. All else
(the start, the resolution, the plan, syncs) is as it was. Downloads are as they were, too, as their number does not
follow --jobs. What uv and servers took is no doing of this program, and differs from run to run more than the rest: a
prediction says how much of that it keeps.

A prediction is certain if, by all that the journal knows of the work, the session would have ended within a fifth of
it. The present run is scheduled in the same way: how far that is from what was measured counts as doubt, too. So does
what any two runs differ by. Where that is more than a fifth of what is left, but little of what is saved, the
prediction says by how much it may be wrong.
"""

from instui.monitor.model import Phase
from instui_engine.values import NamedTuple

from .attribution import WAITS, Kind, attribute
from .findings import Case
from .parallel import Range, periods
from .schedule import Team
from .standstill import without

LEAST_NOISE = 0.03  # of the wall clock, and in seconds: two runs of one command differ by that, too
CLOSE = 0.2  # of a prediction: by more than that it may not be wrong
_VARIES = 0.05  # seconds by which two runs of one command differ, however short they are
_OF_SAVED = 0.1  # of what is saved: whoever hears how much that is does not ask for so little
_LONG = 0.1  # of the wall clock: work that follows --jobs, but is not scheduled again
_WARM = (0.45, 0.75)  # of what uv needs processors for with an empty cache of its own, it needs with a full one
_FRESH = 0.3  # of what the system needs to stage files that were made a moment ago, it saves with older ones, at most
_LOCK_FILE = (0.7, 0.85, 1.0)  # of what a lock file takes, which is saved when its wheels are in the cache
_UV_CACHED = "how long uv takes with a full cache is not known"
JOBS = (2, 4, 8)
_NOTHING = Range(0.0, 0.0, 0.0)


class WhatIf(NamedTuple):
    """How long the session would have taken with that change; `uncertain` if that may be wrong, or no difference.

    `keeps`: seconds of it that uv and servers took in this run, which the change does not reach. `unknown`: what is not
    known, in words, where one thing makes it uncertain. `within`: seconds by which it may be wrong though it is not
    uncertain, as that is little of what is saved; 0.0 if it is at most a fifth of what is predicted.
    """

    change: str
    predicted: float
    uncertain: bool
    keeps: float = 0.0
    unknown: str = ""
    within: float = 0.0


class Simulation:
    """The session of one case, ready to be scheduled again."""

    def __init__(self, case: Case) -> None:
        self._halted = case.attribution.seconds("halt")
        if case.snapshot.halts:
            awake = without(case.snapshot, case.attribution)
            case = Case(awake, attribute(awake))
        self._case = case
        self.wall = case.attribution.wall
        self._periods = list(periods(case)) if case.over else []
        self._present = [period.team(max(case.jobs, 1)) for period in self._periods]
        self._scheduled: dict[tuple[int, Team], Range] = {}  # by the place of a period
        now = self._all(case.jobs)
        self._now = sum(one.likely for one in now)
        self.noise = sum(abs(one.likely - period.seconds) for one, period in zip(now, self._periods, strict=True))
        self._least = max(LEAST_NOISE, LEAST_NOISE * self.wall)

    def _all(self, jobs: int) -> list[Range]:
        """The seconds of all periods with `jobs`."""
        found = []
        for place, period in enumerate(self._periods):
            key = place, period.team(max(jobs, 1))
            if key not in self._scheduled:
                self._scheduled[key] = period.again(self._present[place], key[1])
            found.append(self._scheduled[key])
        return found

    def predictions(self) -> list[WhatIf]:
        """All changes that mean something for this session.

        None where it did not end well: nobody knows how long the rest would have taken.
        """
        case, finished = self._case, self._case.snapshot.finished
        if not case.snapshot.wheels or finished is None or finished.exit:
            return []
        found = [self._jobs(jobs) for jobs in JOBS if case.jobs and jobs != case.jobs]
        return [*found, self._cached(), self._alone()]

    def _what_if(
        self, change: str, saving: float, spread: float = 0.0, uncertain: bool = False, keeps: float = 0.0
    ) -> WhatIf:
        """What is left if so much is saved, or by `spread` more or less."""
        predicted = max(self.wall - saving, 0.0)
        is_noise = 0 < abs(saving) <= self.noise and self.noise > self._least
        may_be_wrong, within = spread > max(CLOSE * predicted, LEAST_NOISE), 0.0
        if abs(saving) > self._least:  # else it is no change
            doubt = spread + _VARIES
            may_be_wrong |= doubt > max(CLOSE * predicted, _OF_SAVED * saving)
            within = doubt if doubt > CLOSE * predicted else 0.0
        uncertain |= is_noise or may_be_wrong
        return WhatIf(change, predicted + self._halted, uncertain, keeps, within=0.0 if uncertain else within)

    def _kept(self, *servers: Kind) -> float:
        """The seconds of uv, where it asked an index, and of these kinds of work of servers."""
        asked: tuple[Kind, ...] = ("resolve",) if self._case.snapshot.doings else ()
        return float(self._case.attribution.seconds(*asked, *servers))

    def _jobs(self, jobs: int) -> WhatIf:
        found = self._all(jobs)
        spread = sum(one.spread for one in found)
        if spread:  # else the workers change nothing, however long it takes the next time
            spread += self.noise + self._others()
        return self._what_if(
            f"jobs {jobs}",
            self._now - sum(one.likely for one in found),
            spread,
            self._more_follows_jobs(),
            self._kept("fetch"),
        )

    def _more_follows_jobs(self) -> bool:
        """Whether much of the work follows --jobs in a way that nobody knows: builds and byte code."""
        builds = sum(span.phase is Phase.BUILD for wheel in self._case.snapshot.wheels for span in wheel.spans)
        taken = self._case.attribution.seconds("compile", *(("build",) if builds > 1 else ()))
        return taken > max(_LONG * self.wall, self._least)

    def _cached(self) -> WhatIf:
        """Nothing is fetched or unpacked, so nothing of it is synced, and after the last look-up all is here.

        What comes after the last wheel comes without it, too: it takes some 20 ms to get ready for the plan.
        """
        case = self._case
        spans = [span for wheel in case.snapshot.wheels for span in wheel.spans]
        made = [span.end for span in spans if span.phase in (Phase.FETCH, Phase.UNPACK)]
        until = max(made, default=0.0)
        looked_up = max((wheel.spans[0].begin for wheel in case.snapshot.wheels if wheel.spans), default=self.wall)
        saving = case.attribution.seconds("fetch", "unpack", "compile")
        for piece in case.attribution.pieces:
            if piece.kind == "sync" and piece.what == "store":
                saving += piece.seconds
            elif made and piece.kind == "acquire":  # files are read and hashed, helpers started, wheels handed on
                saving += max(min(piece.end, until) - max(piece.begin, looked_up), 0.0)
        fetched = any(span.phase is Phase.FETCH for span in spans)
        also = [self._resolution() if fetched else _NOTHING, self._staged_again() if made else _NOTHING]
        saving += sum(one.likely for one in also)
        keeps = 0.0 if fetched else self._kept()  # else it is in the range what uv takes
        spread = sum(one.spread for one in also)
        if saving or spread:  # else everything was
            spread += self._others("acquire")
        found = self._what_if("everything cached", saving, spread, keeps=keeps)
        of_uv = also[0].spread > spread / 2 and bool(case.snapshot.doings)
        return found._replace(unknown=_UV_CACHED) if found.uncertain and of_uv else found

    def _staged_again(self) -> Range:
        """What links to files save that were not made a moment ago: for these the system has more to do."""
        found = 0.0
        for span in self._case.snapshot.spans:
            if span.name == "stage":
                took, system = (span.end or span.begin) - span.begin, span.system if span.system >= 0 else span.cpu
                found += min(system, took * system / span.cpu if span.cpu > 0 else took)
        return Range(0.0, 0.0, found * _FRESH)  # as a rule nothing: measured

    def _resolution(self) -> Range:
        """What is saved where uv has in its own cache what it asked for, and we what a lock file says."""
        snapshot = self._case.snapshot
        took = self._case.attribution.seconds("resolve")
        if not snapshot.doings:  # it was not asked
            return Range(*(took * share for share in _LOCK_FILE))
        cpu = sum(span.cpu for span in snapshot.spans if span.name == "resolve")
        least, most = (max(took - share * cpu, 0.0) for share in reversed(_WARM)) if cpu else (0.0, took)
        return Range(least, (least + most) / 2, most)

    def _alone(self) -> WhatIf:
        """No other process holds a lock. What it fetched or unpacked for this session would have to be done here."""
        attribution = self._case.attribution
        saving = attribution.seconds("environment", "claim")
        others = [piece for piece in attribution.pieces if piece.kind == "wait"]
        saving += sum(piece.seconds for piece in others)
        unknown = any(piece.what == "wheel" for piece in others)
        spread = self._others() if saving else 0.0
        return self._what_if("no lock held by others", saving, spread, unknown, self._kept("fetch"))

    def _others(self, without: str = "") -> float:
        """The seconds of what is done again, without that part, for which other programs may have had the processors.

        Nobody knows whether they will have them again.
        """
        found = 0.0
        for span in self._case.snapshot.spans:
            took = (span.end or span.begin) - span.begin
            if span.idle >= 0 and span.name != without:
                worked = sum(
                    piece.seconds
                    for piece in self._case.attribution.pieces
                    if piece.kind not in WAITS and span.begin <= piece.begin and piece.end <= span.begin + took
                )
                others = self._case.cpus * took - span.cpu - span.idle
                found += max(min(worked - span.cpu, others), 0.0)
        return found
