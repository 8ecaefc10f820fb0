"""Why a session took as long as it did: findings, whose seconds add up to the wall clock, and what would change it."""

from collections.abc import Sequence

from instui.monitor.model import Snapshot
from instui.monitor.units import count, seconds
from instui_engine.values import NamedTuple

from . import resolving, slowness, waits, work
from .attribution import WAITS, attribute
from .findings import MICRO, Case, Finding, Rule, find, listed, micro
from .simulation import LEAST_NOISE, Simulation, WhatIf

RULES: tuple[Rule, ...] = (
    waits.environment_lock,
    waits.claims,
    waits.other_processes,
    waits.pauses,
    waits.standstills,
    slowness.unpacked_again,
    slowness.copies,
    slowness.slow_disk,
    slowness.crowded,
    slowness.one_worker,
    slowness.giant_wheel,
    waits.turns,
    work.start,
    work.opening,
    resolving.resolving,
    work.fetching,
    work.building,
    work.unpacking,
    work.acquiring,
    work.compiling,
    work.planning,
    work.staging,
    work.committing,
    work.syncing,
    work.cleaning,
    waits.claims_aside,
)
"""In the order in which they are asked: reasons before work, which takes what is left of its kind."""

_NO_WAIT = 0.01  # of the wall clock: waits that are not worth a word
_SLOWER = 2.0  # times the usual time of a finding that are worth a remark
_SLOWER_SECONDS = 0.5
_KEPT = 0.1  # of the wall clock: what uv and servers took, so much of which is worth a word


class StageTime(NamedTuple):
    """A part of the session: from when, and for how long. "start" is the time before the first one."""

    name: str
    start: float
    seconds: float


class Explanation(NamedTuple):
    """Why a session took `wall` seconds, of which `work` were no waits; `unexplained` are those that nobody knows."""

    session: str
    wall: float
    work: float
    unexplained: float
    stages: tuple[StageTime, ...]
    findings: tuple[Finding, ...]
    what_if: tuple[WhatIf, ...]


def explain(snapshot: Snapshot, earlier: Sequence[Explanation] = (), *, simulate: bool = True) -> Explanation:
    """Why the session took so long, or takes so long so far. `earlier` sessions say what is usual.

    Without `simulate`, and before the session is over, nothing is predicted.
    """
    case = Case(snapshot, attribute(snapshot))
    attribution = case.attribution
    wall = micro(attribution.end) - micro(attribution.begin)
    findings = [_compared(finding, earlier) for finding in find(case, RULES)]
    unexplained = wall - sum(micro(finding.seconds) for finding in findings)
    rest = sum(
        micro(piece.end) - micro(piece.begin)
        for piece in attribution.pieces
        if piece.kind in WAITS or piece.kind in ("pause", "halt")
    )
    return Explanation(
        snapshot.session.session if snapshot.session else "",
        wall / MICRO,
        (wall - rest - unexplained) / MICRO,
        unexplained / MICRO,
        tuple(_stages(case)),
        tuple(findings),
        tuple(Simulation(case).predictions()) if simulate and case.over else (),
    )


def _stages(case: Case) -> list[StageTime]:
    begin, spans = case.attribution.begin, case.snapshot.spans
    first = min((span.begin for span in spans), default=case.attribution.end)
    stages = [StageTime("start", round(begin, 6), round(first - begin, 6))]
    for span in spans:
        end = case.snapshot.t if span.end is None else span.end
        stages.append(StageTime(span.name, round(span.begin, 6), round(end - span.begin, 6)))
    return stages


def _compared(finding: Finding, earlier: Sequence[Explanation]) -> Finding:
    """The finding with a remark if it took much longer than it usually does."""
    times = sorted(seconds_of(one, finding.kind) for one in earlier)
    usual = times[len(times) // 2] if times else 0.0
    if not usual or finding.seconds < _SLOWER * usual or finding.seconds - usual < _SLOWER_SECONDS:
        return finding
    times_usual = finding.seconds / usual
    factor = f"{times_usual:.0f}" if times_usual >= 3 else f"{times_usual:.1f}"
    return finding._replace(text=f"{finding.text}; {factor} x its usual time ({seconds(usual)})")


def seconds_of(explanation: Explanation, kind: str) -> float:
    """The seconds of all findings of a kind."""
    return sum(finding.seconds for finding in explanation.findings if finding.kind == kind)


def headline(explanation: Explanation, over: bool = True) -> str:
    """How long it took from the command on, and how much of it was work, downloads included."""
    wall, waited = explanation.wall, explanation.wall - explanation.work - explanation.unexplained
    took = f"why {seconds(wall)}" if over else f"still running, {seconds(wall)} so far"
    if waited < _NO_WAIT * wall:
        return f"{took}, without a wait for other processes"
    return f"{took}, of which {seconds(explanation.work)} was work"


def predicted(what_if: WhatIf, wall: float) -> str:
    """A prediction in words."""
    differs = _differs(what_if, wall)
    if what_if.uncertain:  # nobody asks for a guess that it would have taken longer
        guess = differs and what_if.predicted < wall
        return f"cannot tell; perhaps {seconds(what_if.predicted)}" if guess else "cannot tell"
    if not differs:
        return "no change"
    return f"{'about ' if what_if.within else ''}{seconds(what_if.predicted)}"


def _differs(what_if: WhatIf, wall: float) -> bool:
    return abs(what_if.predicted - wall) > max(LEAST_NOISE, LEAST_NOISE * wall)


def kept(what_if: Sequence[WhatIf], wall: float) -> str:
    """What predictions that are certain keep of uv and servers, in words; "" if little.

    The others are named: those that keep nothing, and those of which nothing is certain.
    """
    certain = [one for one in what_if if not one.uncertain]
    most = max((one.keeps for one in certain), default=0.0)
    # what is no change is this run again, and needs no such word
    if most < _KEPT * wall or not any(one.keeps and _differs(one, wall) for one in certain):
        return ""
    without = listed([one.change for one in what_if if one.uncertain or not one.keeps])
    return f"{seconds(most)} of uv and servers as in this run{f', except for {without}' if without else ''}"


def compared(explanation: Explanation, earlier: Sequence[Explanation]) -> str:
    """The wall clock of earlier sessions beside that of this one; "" if there are none."""
    if not earlier:
        return ""
    times = sorted(one.wall for one in earlier)
    usual = times[len(times) // 2]
    return f"{count(len(times), 'earlier session')} of this kind here took {seconds(usual)} as a rule"


def as_json(explanation: Explanation) -> dict[str, object]:
    """The object that `instui explain --json` prints."""
    return {
        "session": explanation.session,
        "wall": explanation.wall,
        "work": explanation.work,
        "unexplained": explanation.unexplained,
        "stages": [stage._asdict() for stage in explanation.stages],
        "findings": [_plain(finding) for finding in explanation.findings],
        "what_if": [
            {
                "change": one.change,
                "predicted": round(one.predicted, 6),
                "uncertain": one.uncertain,
                "keeps": round(one.keeps, 6),
                "within": round(one.within, 6),
            }
            for one in explanation.what_if
        ],
    }


def _plain(finding: Finding) -> dict[str, object]:
    holder = finding.holder
    return {
        "kind": finding.kind,
        "seconds": finding.seconds,
        "share": finding.share,
        "critical": finding.critical,
        "text": finding.text,
        "remedy": finding.remedy,
        "holder": None
        if holder is None
        else {name: getattr(holder, name) for name in ("pid", "command", "state", "wheel", "session", "began")},
        "wheels": list(finding.wheels),
    }
