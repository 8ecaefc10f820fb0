"""Sessions made of events, for tests of what is explained of them."""

from collections.abc import Sequence

from instui.explain.attribution import attribute
from instui.explain.explanation import Explanation, explain
from instui.explain.findings import MICRO, Finding
from instui.monitor.model import Snapshot
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support import made_up
from support.made_up import span

START = events.SessionStarted(
    2, "s", 42, 1000.0, 100.0, "0.1", ["instui", "install"], "/v/.venv", "py", {"purelib": "lib"}, 2, "", 0.25, 2
)
FLOCK = Holder("", "", 31817, "/usr/bin/flock -x .lock", "asleep", 998.75)


def snapshot_of(*timed: tuple[float, Event], start: events.SessionStarted = START, at: float = 0.0) -> Snapshot:
    return made_up.snapshot_of(start, *timed, at=at)


def ended(t: float) -> tuple[float, Event]:
    return t, events.SessionFinished(0, "", 0, t)


def unpack(wheel: str, begin: float, end: float, worker: int = 1) -> list[tuple[float, Event]]:
    return [
        (begin, events.UnpackStarted(wheel, 10, 1000, worker)),
        (end, events.UnpackFinished(wheel, 10, 1000)),
    ]


def added(*wheels: str, size: int = 1_000_000, cached: bool = False) -> list[tuple[float, Event]]:
    return [(0.0, events.WheelAdded(wheel, "1.0", f"{wheel}.whl", size, cached)) for wheel in wheels]


def in_order(*parts: list[tuple[float, Event]]) -> list[tuple[float, Event]]:
    return sorted((one for part in parts for one in part), key=lambda one: one[0])


def adds_up(explanation: Explanation, snapshot: Snapshot) -> bool:
    """Whether the findings are all of the wall clock but what the attribution cannot explain."""
    parts = [*(finding.seconds for finding in explanation.findings), explanation.unexplained]
    gaps = [piece for piece in attribute(snapshot).pieces if piece.kind == "unexplained"]
    unexplained = sum(round(piece.end * MICRO) - round(piece.begin * MICRO) for piece in gaps)
    return (
        sum(round(part * MICRO) for part in parts) == round(explanation.wall * MICRO)
        and round(explanation.unexplained * MICRO) == unexplained
    )


def the(kind: str, explanation: Explanation) -> Finding:
    (found,) = [finding for finding in explanation.findings if finding.kind == kind]
    assert explanation.unexplained >= 0  # no piece is in two findings
    return found


def predicted(explanation: Explanation) -> dict[str, float]:
    return {one.change: one.predicted for one in explanation.what_if}


def unpacked(
    *parts: list[tuple[float, Event]],
    jobs: int = 2,
    cpus: int = 2,
    cpu: float = 9.0,
    size: int = 10_000_000,
    system: float = 0.0,
    idle: float = -1.0,
) -> Explanation:
    wheels = dict.fromkeys(
        event.wheel for part in parts for _, event in part if isinstance(event, events.UnpackStarted)
    )
    end = max(t for part in parts for t, _ in part)
    steps = in_order(added(*wheels, size=size), span("acquire", 0.0, end, cpu, -1.0, system, idle), *parts)
    start = START._replace(jobs=jobs, cpus=cpus)
    return explain(snapshot_of(*steps, ended(end), start=start))


def resolved(*doings: tuple[float, str], end: float = 4.0, asked: Sequence[str] = ("a", "b")) -> Explanation:
    return explain(
        snapshot_of(
            (0.0, events.SpanStarted("resolve")),
            (0.0, events.ResolveStarted(list(asked))),
            *((t, events.ResolveProgress(doing)) for t, doing in doings),
            (end, events.SpanFinished("resolve", end, 0.0, -1.0)),
            ended(end),
        )
    )


def waiting(holder: Holder, *more: tuple[float, Event], end: bool = True) -> Explanation:
    steps = [
        (0.0, events.SpanStarted("commit")),
        (0.1, events.EnvironmentWaiting(".lock", [holder])),
    ]
    over = [
        (7.8, events.EnvironmentGranted(".lock", 7.7)),
        (7.85, events.SpanFinished("commit", 7.85, 0.0, -1.0)),
        ended(7.85),
    ]
    return explain(snapshot_of(*steps, *(over if end else []), *more, at=7.0))
