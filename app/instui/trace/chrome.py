"""A trace in the Trace Event Format of Chrome, which Perfetto and others read: JSON, times in microseconds.

Groups are its processes, and tracks their threads. A track whose slices overlap, which the format cannot express, gets
further threads.
"""

import json
from collections.abc import Iterator
from typing import Any

from instui.monitor.model import Snapshot
from instui.monitor.names import holder_name

from .tracks import Flow, Slice, Trace, Track, nested

_FIRST_THREAD = 101  # thread numbers are those of no process: a thread with the number of its process is its main one
_ORDER = {"X": 0, "C": 1, "i": 2, "s": 3, "f": 4}  # of events at one time: slices before what is bound to them

_Event = dict[str, Any]


def lines(trace: Trace, snapshot: Snapshot) -> Iterator[str]:
    """The lines of the file, one event on each."""
    facts = {name: str(value) for name, value in trace.facts.items()}
    yield f'{{"displayTimeUnit":"ms","otherData":{_json(facts)},"traceEvents":['
    written = _Writer(trace, snapshot)
    events = [*written.names, *sorted(written.events, key=_place)]
    for number, event in enumerate(events, 1):
        yield _json(event) + ("," if number < len(events) else "")
    yield "]}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _place(event: _Event) -> tuple[int, int, int]:
    return event["ts"], _ORDER[event["ph"]], -event.get("dur", 0)


class _Writer:
    """The events of a trace: names of processes and threads, and all others in any order."""

    def __init__(self, trace: Trace, snapshot: Snapshot) -> None:
        self.names: list[_Event] = []
        self.events: list[_Event] = []
        self._begin = trace.begin
        self._snapshot = snapshot
        self._written: dict[int, _Event] = {}  # by identity of the slice
        self._holds = {id(flow.wait): flow.hold for flow in trace.flows}
        self._threads = _FIRST_THREAD  # the number of the next one
        for pid, group in enumerate(trace.groups, 1):
            command = trace.facts.get("command") if group is trace.session else None
            self._name("process", pid, 0, f"{group.name}: {command}" if command else group.name, pid)
            for track in group.tracks:
                self._track(pid, track)
        for counter in trace.counters:
            for t, numbers in counter.samples:
                self.events.append({"ph": "C", "ts": self._at(t), "pid": 1, "name": counter.name, "args": numbers})
        for number, flow in enumerate(trace.flows, 1):
            self._flow(number, flow)

    def _at(self, t: float) -> int:
        return max(round((t - self._begin) * 1e6), 0)

    def _name(self, of: str, pid: int, tid: int, name: str, place: int) -> None:
        for what, args in (("name", {"name": name}), ("sort_index", {"sort_index": place})):
            self.names.append({"ph": "M", "ts": 0, "pid": pid, "tid": tid, "name": f"{of}_{what}", "args": args})

    def _track(self, pid: int, track: Track) -> None:
        rounded = [one._replace(begin=self._at(one.begin), end=self._at(one.end)) for one in track.slices]
        origins: dict[int, int] = {}
        parts = []
        for short, one in zip(rounded, track.slices, strict=True):
            origins[id(short)] = id(one)
            if (part := self._last_part(short, self._holds.get(id(one)))) is not None:
                origins[id(part)] = id(one)
                parts.append(part)
        lanes = 1
        for one, _, lane in nested([*rounded, *parts]):
            lanes = max(lanes, lane + 1)
            event = self._slice(pid, self._threads + lane, one)
            self._written[origins[id(one)]] = event  # the part of a slice comes after the whole
            self.events.append(event)
        for instant in track.instants:
            event = {"ph": "i", "ts": self._at(instant.t), "pid": pid, "tid": self._threads, "s": "t"}
            self.events.append({**event, "cat": instant.kind, "name": instant.name, "args": instant.facts})
        for lane in range(lanes):
            name = f"{track.name} ({lane + 1})" if lane else track.name
            self._name("thread", pid, self._threads + lane, name, self._threads + lane)
        self._threads += lanes

    def _last_part(self, wait: Slice, hold: Slice | None) -> Slice | None:
        """The part of a wait in which it was behind a hold that began after it; None if there is none.

        An arrow to the whole wait would be turned round: Perfetto draws it from whichever slice began first.
        """
        if hold is None or (begin := self._at(hold.begin)) <= wait.begin:
            return None
        return Slice(begin, wait.end, f"behind {hold.name}", "behind") if begin < wait.end else None

    def _slice(self, pid: int, tid: int, one: Slice) -> _Event:
        args: dict[str, object] = dict(one.facts)
        if one.holders:
            args["holders"] = [holder_name(holder, self._snapshot.session, self._label) for holder in one.holders]
        times = {"ts": one.begin, "dur": one.end - one.begin}
        return {"ph": "X", **times, "pid": pid, "tid": tid, "cat": one.kind, "name": one.name, "args": args}

    def _label(self, key: str) -> str:
        wheel = self._snapshot.wheel(key)
        return wheel.label if wheel is not None else key

    def _flow(self, number: int, flow: Flow) -> None:
        """Write both ends of a flow, each in the last microsecond of its slice, or before the wait ends."""
        hold, wait = self._written[id(flow.hold)], self._written[id(flow.wait)]
        end = wait["ts"] + wait["dur"] - 1
        begin = min(hold["ts"] + hold["dur"] - 1, end)
        if begin < hold["ts"] or end < wait["ts"]:  # too short for anything to lie within it
            return
        for phase, t, of in (("s", begin, hold), ("f", end, wait)):
            event = {"ph": phase, "ts": t, "pid": of["pid"], "tid": of["tid"], "id": number}
            self.events.append({**event, "cat": "lock", "name": "released", **({"bp": "e"} if phase == "f" else {})})
