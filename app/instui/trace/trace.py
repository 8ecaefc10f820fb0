"""The trace of a session, made of its snapshot and of the events of which a snapshot does not keep the time."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from instui.monitor.model import Snapshot
from instui_engine.errors import printable

from .lock_tracks import lock_tracks
from .session_tracks import KEPT, Timed, session_tracks
from .tracks import Counter, Trace, Value
from .wheel_tracks import wheel_tracks, worker_tracks


def trace(snapshot: Snapshot, timed: Iterable[Timed]) -> Trace:
    """The trace of a session; `timed` are its events, or those of the kinds in KEPT."""
    kept = [one for one in timed if isinstance(one[1], KEPT)]
    whole, wheels = session_tracks(snapshot, kept), wheel_tracks(snapshot, kept)
    locks = lock_tracks(snapshot, [*whole.waits, *wheels.waits], kept)
    return Trace(
        begin=-snapshot.session.ran if snapshot.session else 0.0,
        end=snapshot.t,
        session=whole.group,
        wheels=wheels.group,
        workers=worker_tracks(snapshot),
        locks=locks.group,
        counters=[counter for counter in _counters(snapshot) if counter.samples],
        flows=locks.flows,
        facts=_facts(snapshot),
    )


def _counters(snapshot: Snapshot) -> Sequence[Counter]:
    samples = snapshot.samples
    return [
        Counter("wheels", [(one.t, {"working": one.running, "waiting": one.waiting}) for one in samples]),
        Counter("bytes", [(one.t, {"fetched": one.fetched_bytes, "unpacked": one.unpacked_bytes}) for one in samples]),
        Counter("files", [(one.t, {"staged": one.staged_files}) for one in samples]),
        *_loads(snapshot),
    ]


def _loads(snapshot: Snapshot) -> Sequence[Counter]:
    """What was used between two samples, from the first of them on."""
    cores: list[tuple[float, Mapping[str, float]]] = []
    stalled: list[tuple[float, Mapping[str, float]]] = []
    loads = snapshot.loads
    for before, after in pairwise(loads):
        seconds = after.t - before.t
        if seconds <= 0:
            continue
        cores.append((before.t, {"cores": round((after.cpu - before.cpu) / seconds, 3)}))
        if before.stalled >= 0 and after.stalled >= 0:
            stalled.append((before.t, {"percent": round(100 * (after.stalled - before.stalled) / seconds, 1)}))
    for counted, name in ((cores, "cores"), (stalled, "percent")):
        if counted:
            counted.append((loads[-1].t, {name: 0.0}))
    return [Counter("processors", cores), Counter("disk stalls", stalled)]


def _facts(snapshot: Snapshot) -> Mapping[str, Value]:
    session, totals = snapshot.session, snapshot.totals
    facts: dict[str, Value] = {}
    if session is not None:
        facts = {
            "session": printable(session.session),
            "pid": session.pid,
            "command": printable(" ".join(session.command)),
            "environment": printable(session.top),
            "python": printable(session.python),
            "version": printable(session.version),
            "began": session.wall,
            "jobs": session.jobs,
            "cpus": session.cpus,
        }
    end = snapshot.finished
    outcome = "running" if not snapshot.over else "killed" if end is None else "failed" if end.exit else "done"
    facts |= {"outcome": outcome, "installed": totals.committed, "removed": totals.removed, "failed": totals.failed}
    if end is not None:
        facts |= {"exit": end.exit, "error": printable(end.error)}
    return {name: value for name, value in facts.items() if (value != "" and value != 0) or name == "exit"}
