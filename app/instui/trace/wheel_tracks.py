"""The tracks of wheels: phases, waits and steps of the commit of each, and the same work by worker."""

from collections.abc import Iterator, Mapping, Sequence

from instui.monitor.joined import member
from instui.monitor.model import RUNNING, SETTLED, WORK, Phase, Snapshot, WaitFor, WheelState
from instui.monitor.model import Span as PhaseSpan
from instui.monitor.names import path_name, wait_target
from instui_engine.errors import printable
from instui_engine.journal import events
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .session_tracks import Timed
from .tracks import Group, Instant, LockWait, Slice, Track, Value


class WheelTracks(NamedTuple):
    """The tracks of all wheels, and the waits in them."""

    group: Group
    waits: Sequence[LockWait]


def wheel_tracks(snapshot: Snapshot, kept: Sequence[Timed]) -> WheelTracks:
    """A track for each wheel on which there was work, or that failed, in the order of their beginning."""
    waits = _waits(snapshot)
    instants = _instants(snapshot, kept)
    tracks: list[tuple[float, Track]] = []
    for wheel in snapshot.wheels:
        phases = [span for span in _spans(wheel, snapshot) if span.phase in WORK]
        own = [wait.shown for wait in waits.get(wheel.key, ())]
        happened = instants.get(wheel.key, ())
        if not phases and not own and not happened:
            continue
        shown = [Slice(one.begin, one.end, one.phase.value, one.phase.value, _facts_of(one)) for one in phases]
        steps = _steps(wheel, [one for one in shown if one.kind == Phase.COMMIT.value])
        begin = min([one.begin for one in (*shown, *own)], default=wheel.since)
        end = max([begin, *(one.end for one in (*shown, *own)), *(one.t for one in happened)])
        whole = Slice(begin, end, printable(wheel.label), "wheel", _facts(wheel))
        tracks.append((begin, Track(printable(wheel.label), [whole, *shown, *own, *steps], happened)))
    tracks.sort(key=lambda one: one[0])
    every = [wait for own_waits in waits.values() for wait in own_waits]
    return WheelTracks(Group("wheels", [track for _, track in tracks]), every)


def worker_tracks(snapshot: Snapshot) -> Group:
    """A track for each worker of each kind of work; workers that are not known share one."""
    work: dict[tuple[Phase, int], list[Slice]] = {}
    for wheel in snapshot.wheels:
        for span in _spans(wheel, snapshot):
            if span.phase in RUNNING:
                slices = work.setdefault((span.phase, span.worker), [])
                slices.append(Slice(span.begin, span.end, printable(wheel.label), span.phase.value))
    order = (Phase.FETCH, Phase.BUILD, Phase.UNPACK, Phase.STAGE, Phase.COMMIT)
    tracks = [
        Track(f"{phase.value} {worker}" if worker else f"{phase.value}, by unknown workers", work[phase, worker])
        for phase, worker in sorted(work, key=lambda one: (order.index(one[0]), one[1]))
    ]
    return Group("workers", tracks)


def _spans(wheel: WheelState, snapshot: Snapshot) -> Iterator[PhaseSpan]:
    """The phases of a wheel, also the present one."""
    yield from wheel.spans
    if wheel.phase not in SETTLED:
        yield PhaseSpan(wheel.phase, wheel.since, snapshot.t, wheel.worker)


def _facts_of(span: PhaseSpan) -> Mapping[str, Value]:
    return {"worker": span.worker} if span.worker else {}


def _facts(wheel: WheelState) -> Mapping[str, Value]:
    facts: dict[str, Value] = {
        "wheel": printable(wheel.key),
        "version": printable(wheel.version),
        "file": "" if wheel.is_unbuilt else printable(wheel.file),
        "outcome": wheel.word,
        "bytes": wheel.size,
        "files": wheel.files,
        "claims": len(wheel.exclusive) + len(wheel.shared),
        "waited_seconds": round(wheel.waited, 6),
        "blocked_others_seconds": round(wheel.blocked, 6),
        "replaces": printable(wheel.replaces),
        "overwrote_files": wheel.overwrote,
        "retries": wheel.retries,
        "error": printable(wheel.error),
        "was_in_cache": wheel.cached,
        "copied": wheel.copied,
        "built_from": printable(wheel.build.source) if wheel.build else "",
        "build_log": printable(wheel.build.log) if wheel.build else "",
        "editable": wheel.build is not None and wheel.build.editable,
    }
    return {name: value for name, value in facts.items() if value}


def _steps(wheel: WheelState, commits: Sequence[Slice]) -> Iterator[Slice]:
    """The steps of the last commit of a wheel. The journal says how long each took, and they follow each other."""
    if not commits or not any(wheel.steps):
        return
    within = commits[-1]
    begin = max(within.begin, within.end - sum(wheel.steps))
    for name, seconds in wheel.steps._asdict().items():
        until = min(begin + seconds, within.end)
        if until > begin:
            yield Slice(begin, until, name, "step", {"seconds": seconds})
        begin = max(begin, until)


def _waits(snapshot: Snapshot) -> dict[str, list[LockWait]]:
    """The waits of wheels, by wheel."""
    found: dict[str, list[LockWait]] = {}

    def add(key: str, path: str, mode: str, target: str, begin: float, end: float | None,
            holders: Sequence[Holder]) -> None:  # fmt: skip
        until = snapshot.t if end is None else end
        facts = {"path": printable(path), **({"mode": mode} if mode else {})}
        shown = Slice(begin, until, f"waits for {target}", "wait", facts, tuple(holders))
        is_over = end is not None and (key, path, end) not in parts and _went_on(key, until)
        found.setdefault(key, []).append(LockWait(shown, path, is_over, key, mode))

    def _went_on(key: str, t: float) -> bool:
        """Whether a wheel whose wait ended then was not settled by that."""
        wheel = snapshot.wheel(key)
        return wheel is None or wheel.phase is Phase.DONE or wheel.phase not in SETTLED or wheel.since > t

    # where one wait goes on for another holder, nobody has let it go on yet
    parts = {(past.wheel, past.path, past.begin) for past in snapshot.waits}
    parts |= {(key, now.path, now.behind) for key, now in _present(snapshot)}
    for past in snapshot.waits:
        claim = path_name(past.path, snapshot.session)
        add(past.wheel, past.path, past.mode, claim, past.begin, past.end, past.holders)
    for key, now in _present(snapshot):
        add(key, now.path, now.mode, path_name(now.path, snapshot.session), now.behind, None, now.holders)
    for other in snapshot.session_waits:
        if other.wheel and not member(other.wheel, snapshot.sessions):
            add(other.wheel, other.path, "", wait_target(other.what), other.begin, other.end, other.holders)
    return found


def _present(snapshot: Snapshot) -> Iterator[tuple[str, WaitFor]]:
    """The wheels that wait for a claim now, and for what."""
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is not None and wheel.waits_for is not None:
            yield key, wheel.waits_for


def _instants(snapshot: Snapshot, kept: Sequence[Timed]) -> dict[str, list[Instant]]:
    """What happened to wheels, by wheel."""
    found: dict[str, list[Instant]] = {}
    for file in snapshot.overwrites:
        if not file.same:
            facts = {"path": printable(file.path), "old": printable(file.old), "new": printable(file.new)}
            found.setdefault(file.wheel, []).append(Instant(file.t, "overwrites", "overwrite", facts))
    for stall in snapshot.stalls:
        what = "no connection" if stall.connecting else "nothing was sent"
        silent: dict[str, Value] = {"host": printable(stall.host), "seconds": stall.seconds}
        found.setdefault(stall.wheel, []).append(Instant(stall.t, what, "stall", silent))
    for t, event in kept:
        match event:
            case events.FetchRetried():
                again: dict[str, Value] = {
                    "attempt": event.attempt,
                    "reason": printable(event.reason),
                    "wait": event.wait,
                }
                found.setdefault(event.wheel, []).append(Instant(t, "retries", "retry", again))
            case events.Warned() if event.wheel:
                warning = {"text": printable(event.text)}
                found.setdefault(event.wheel, []).append(Instant(t, "warning", "warning", warning))
    for key in snapshot.failed:
        wheel = snapshot.wheel(key)
        if wheel is not None:
            why = {"error": printable(wheel.error)}
            found.setdefault(key, []).append(Instant(wheel.since, "failed", "failure", why))
    return found
