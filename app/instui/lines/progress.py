"""The lines about work that takes long, where no block on a terminal shows it: now and then, how far it is.

There is no clock here: snapshots of a moment go in, lines come out.
"""

from instui.monitor.fold import Fold
from instui.monitor.model import Phase, Snapshot, WheelState
from instui.monitor.units import age, count, cut_end, number, size
from instui_engine.errors import printable

from .downloads import NAMED, SLOW_SECONDS, Downloads, so_far

RESOLVING = 1.0  # seconds of resolution after which there is a line
_LINE_CELLS = 60  # of the output of a build
SHORTEST, LONGEST = 5.0, 60.0  # seconds between two lines


def interval(t: float) -> float:
    """The seconds from a line at time `t` to the next: they grow with the session, so that a log stays readable."""
    return _between(t / 5)


def _between(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)


class Progress:
    """The progress of a session. `due` gives its lines when they are due, which is after a silence of `interval`."""

    def __init__(self, fold: Fold, downloads: Downloads) -> None:
        self._fold = fold
        self._downloads = downloads
        self._next = SHORTEST
        self._began = 0.0  # when the resolution or sync began that is going on
        self._doing = ""  # the step of the resolution
        self._measured, self._received = 0.0, 0  # the time and the bytes of the last line about downloads

    def resolution(self, t: float) -> None:
        """The resolution begins."""
        self._began, self._doing, self._next = t, "", t + RESOLVING

    def step(self, doing: str) -> None:
        """The resolution takes another step."""
        self._doing = doing

    def sync(self, t: float) -> None:
        """The session begins to wait for the disk."""
        self._began = t

    def said(self, t: float) -> None:
        """A line said how far the session is, so the next one can wait."""
        self._next = max(self._next, t + interval(t))

    def downloading(self, t: float) -> None:
        """The first download begins."""
        self._measured = t

    def due(self, snapshot: Snapshot) -> list[str]:
        """The lines that are due now."""
        if snapshot.t < self._next or snapshot.session is None or snapshot.finished or snapshot.paused:
            return []
        lasts = snapshot.t - self._began
        if snapshot.resolving or snapshot.syncing:
            self._next = snapshot.t + _between(lasts)  # there is nothing to say but that it takes longer
            return [f"{self._unmeasured(snapshot)}, for {age(lasts)}"]
        self._next = snapshot.t + interval(snapshot.t)
        return self._measured_work(snapshot)

    def _unmeasured(self, snapshot: Snapshot) -> str:
        if snapshot.syncing:
            return f"writing the {printable(snapshot.syncing)} to disk"
        doing = f" ({printable(self._doing)})" if self._doing else ""
        if not snapshot.requirements:  # of a project or a group, which uv alone reads
            return f"resolving{doing}"
        return f"resolving {count(len(snapshot.requirements), 'requirement')}{doing}"

    def _measured_work(self, snapshot: Snapshot) -> list[str]:
        busy = [wheel for key in snapshot.running if (wheel := snapshot.wheel(key))]
        lines: list[str] = []
        for phase in (Phase.FETCH, Phase.BUILD, Phase.UNPACK, Phase.STAGE, Phase.COMMIT):
            at_it = [wheel for wheel in busy if wheel.phase is phase]
            # while something is fetched, only what is slow to unpack is worth a line
            slow = not lines or any(snapshot.t - wheel.since >= SLOW_SECONDS for wheel in at_it)
            if at_it and slow:
                lines.append(f"{self._so_far(phase, snapshot)}; under way: {self._names(at_it)}")
        if not lines and snapshot.is_compiling:
            counted = snapshot.compiling
            lines = [f"compiled {number(counted.done)} of {count(counted.files, 'module')}"]
        if not lines and _is_planning(snapshot):
            lines = [f"planning {count(len(snapshot.wheels), 'wheel')}"]
        return lines

    def _so_far(self, phase: Phase, snapshot: Snapshot) -> str:
        totals, new = snapshot.totals, snapshot.totals.resolved - snapshot.totals.cached
        match phase:
            case Phase.FETCH:
                downloads = self._downloads
                of = f"{number(downloads.finished)} of {count(downloads.wheels, 'wheel')}"
                return f"fetched {of}, {downloads.all_here()}{self._rate(snapshot.t)}"
            case Phase.BUILD:
                sources = [wheel for wheel in snapshot.wheels if wheel.build is not None]
                built = sum(not wheel.is_unbuilt for wheel in sources)
                return f"built {number(built)} of {count(len(sources), 'wheel')}"
            case Phase.UNPACK:
                return f"unpacked {number(totals.unpacked - totals.cached)} of {count(new, 'wheel')}"
            case Phase.STAGE:
                return f"staged {number(totals.staged)} of {count(totals.resolved, 'wheel')}"
            case _:
                installed = f"installed {number(totals.committed)} of {count(totals.resolved, 'wheel')}"
                removed = f"removed {number(totals.removed)} of {count(totals.removing, 'distribution')}"
                parts = [removed] if totals.removing else []
                return ", ".join(parts if snapshot.removes else [installed, *parts])

    def _rate(self, t: float) -> str:
        """How fast bytes came since the last such line."""
        took, came = t - self._measured, self._downloads.received - self._received
        self._measured, self._received = t, self._downloads.received
        if took < 1.0:
            return ""
        return f", {size(came / took)}/s" if came else f", nothing in the last {age(took)}"

    def _names(self, wheels: list[WheelState]) -> str:
        """The wheels with the most left to do, with how far they are, and how many more there are."""
        wheels.sort(key=lambda wheel: wheel.done - wheel.total)
        names = [f"{printable(wheel.label)}{self._detail(wheel)}" for wheel in wheels[:NAMED]]
        more = f" and {len(wheels) - NAMED} more" if len(wheels) > NAMED else ""
        return f"{', '.join(names)}{more}"

    def _detail(self, wheel: WheelState) -> str:
        match wheel.phase:
            case Phase.FETCH:
                return f" ({self._downloads.here(wheel.key)})"
            case Phase.BUILD if wheel.build is not None and wheel.build.line:
                return f" ({cut_end(printable(wheel.build.line), _LINE_CELLS)})"
            case Phase.UNPACK if wheel.total:
                return f" ({so_far(wheel.done, wheel.total)})"
            case Phase.STAGE | Phase.COMMIT if wheel.total:
                unit = "files" if wheel.phase is Phase.STAGE else "renames"
                return f" ({number(wheel.done)} of {number(wheel.total)} {unit})"
            case _:
                return ""


def _is_planning(snapshot: Snapshot) -> bool:
    """Whether all wheels are in the store, and the plan is not there yet."""
    ready = sum(wheel.phase is Phase.READY for wheel in snapshot.wheels)
    return not snapshot.planned and 0 < snapshot.totals.resolved == ready
