"""A reader of the Trace Event Format, written after its description and not after what writes it here.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU says what each phase is. Where that is
silent, it judges as Perfetto's trace processor reads: a flow is bound to the last slice begun on its thread that lasts,
and leads from the slice that began first to the other one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Slice(NamedTuple):
    process: str
    thread: str
    name: str
    begin: int
    end: int
    args: Mapping[str, Any]


class Flow(NamedTuple):
    begin: int
    end: int
    source: Slice
    target: Slice


class Read(NamedTuple):
    """What a viewer finds in a file."""

    slices: Sequence[Slice]
    flows: Sequence[Flow]
    counters: Mapping[str, Sequence[tuple[int, Mapping[str, float]]]]
    instants: Sequence[tuple[str, str, int]]  # thread, name, time
    facts: Mapping[str, str]


_COMMON = {"ph", "ts", "pid", "name"}
_FIELDS = {
    "X": {*_COMMON, "tid", "dur", "cat", "args"},
    "C": {*_COMMON, "args"},
    "i": {*_COMMON, "tid", "s", "cat", "args"},
    "s": {*_COMMON, "tid", "id", "cat"},
    "f": {*_COMMON, "tid", "id", "cat", "bp"},
    "M": {*_COMMON, "tid", "args"},
}


def read(text: str) -> Read:
    """What is in a file. Raises AssertionError for anything that is not as the format says."""
    file = json.loads(text)
    assert file["displayTimeUnit"] in ("ms", "ns")
    assert all(isinstance(value, str) for value in file["otherData"].values())
    events = file["traceEvents"]
    processes, threads = _names(events, "process_name", "pid"), _names(events, "thread_name", "tid")
    assert len({(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}) == len(threads)
    slices: list[Slice] = []
    counters: dict[str, list[tuple[int, Mapping[str, float]]]] = {}
    instants: list[tuple[str, str, int]] = []
    open_slices: dict[int, list[Slice]] = {}  # by thread
    starts: dict[int, tuple[int, Slice]] = {}
    flows: dict[int, Flow] = {}
    latest = 0
    for event in events:
        assert set(event) == _FIELDS[event["ph"]], event
        assert type(event["ts"]) is int and event["ts"] >= 0, event
        assert event["pid"] in processes, event
        if event["ph"] == "M":
            continue
        assert event["ts"] >= latest, f"not in the order of time: {event}"
        latest = event["ts"]
        if event["ph"] == "C":
            assert event["args"] and all(type(value) in (int, float) for value in event["args"].values()), event
            counters.setdefault(event["name"], []).append((event["ts"], event["args"]))
            continue
        around = open_slices.setdefault(event["tid"], [])
        thread = threads[event["tid"]]
        if event["ph"] == "X":
            assert type(event["dur"]) is int and event["dur"] >= 0, event
            end = event["ts"] + event["dur"]
            while around and around[-1].end <= event["ts"]:
                around.pop()
            assert not around or end <= around[-1].end, f"overlaps {around[-1]}: {event}"
            one = Slice(processes[event["pid"]], thread, event["name"], event["ts"], end, event["args"])
            slices.append(one)
            around.append(one)
        elif event["ph"] == "i":
            assert event["s"] in ("g", "p", "t"), event
            instants.append((thread, event["name"], event["ts"]))
        else:
            inside = around[-1] if around else None
            assert inside is not None and inside.begin <= event["ts"] < inside.end, f"in no slice: {event}"
            if event["ph"] == "s":
                assert event["id"] not in starts, event
                starts[event["id"]] = event["ts"], inside
            else:
                assert event["bp"] == "e" and event["id"] not in flows, event
                begin, source = starts[event["id"]]
                assert source.begin <= inside.begin, f"would be drawn the other way round: {source} -> {inside}"
                flows[event["id"]] = Flow(begin, event["ts"], source, inside)
    assert set(starts) == set(flows), "flows with one end"
    return Read(slices, list(flows.values()), counters, instants, file["otherData"])


def _names(events: Sequence[Mapping[str, Any]], kind: str, number: str) -> dict[int, str]:
    found = [(event[number], event["args"]["name"]) for event in events if event["name"] == kind]
    assert len(dict(found)) == len(found), f"two names for one {number}"
    return dict(found)
