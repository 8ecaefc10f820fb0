"""How long another session waits for one wheel while a session commits the set of 123.

The environment's lock is held until both sessions wait for it; the other one is stopped, and goes on at the first
commit of the large one, so that it asks for its claims in the middle of the commits. Its waits stand in its journal.
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from zipfile import ZipFile

from benchmarks.journals import events, wait_for
from benchmarks.lab import Lab
from benchmarks.material import make_wheels, package
from benchmarks.measure import Failed, make_venv
from benchmarks.results import Findings, Line, spread

_LIMIT = 200.0  # ms that a session may wait for a group, besides the time of its largest wheel


def waits(lab: Lab) -> Findings:
    """A wheel that shares nothing with the set, and one that writes into a directory of its largest wheel."""
    found = Findings()
    shared = _package_of(max(lab.material.wheels, key=os.path.getsize))
    others = {
        "unrelated": package("dist00000", "1.0", 5),
        "colliding": {f"{shared}/instui_benchmark.py": b"#\n"},
    }
    for kind, files in others.items():
        directory = make_wheels(lab.shared / f"waits-{kind}", 1, partial(_content, files))
        (wheel,) = map(str, directory.iterdir())
        rounds, warm_up = lab.rounds(7), lab.warm_up(1)
        lab.say(f"one {kind} wheel during the commit of {len(lab.material.wheels)}, {rounds} times")
        everything = [_meeting(lab, lab.place / f"{kind}{number}", wheel) for number in range(rounds + warm_up)]
        meetings = everything[warm_up:]
        waited = spread([1000 * wait for wait, _ in meetings])
        largest = 1000 * max(longest for _, longest in meetings)
        what = f"another session waits for one {kind} wheel"
        found.lines.append(Line(what, waited, "ms", budget=_LIMIT + largest))
        met = sum(wait > 0 for wait, _ in meetings)
        found.notes.append(
            f"waits: {kind}: had to wait in {met} of {rounds} rounds; the longest commit of a single wheel took "
            f"{largest:.0f} ms"
        )
    return found


def _content(files: Mapping[str, bytes], name: str) -> Mapping[str, bytes]:
    return files


def _package_of(wheel: str) -> str:
    """The directory in a wheel that has most files."""
    with ZipFile(wheel) as archive:
        tops = [name.partition("/")[0] for name in archive.namelist() if "/" in name]
    return max((top for top in tops if not top.endswith((".dist-info", ".data"))), key=tops.count)


def _meeting(lab: Lab, place: Path, wheel: str) -> tuple[float, float]:
    """Seconds that the other session waited for its claims, and seconds of the longest commit of the large one."""
    make_venv(str(place / "venv"), lab.variables)
    large, small = place / "large.jsonl", place / "small.jsonl"
    started: list[subprocess.Popen[bytes]] = []
    try:
        with (place / "venv" / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for journal, wheels in ((large, lab.material.wheels), (small, [wheel])):
                started.append(_start(lab, place / "venv", journal, wheels))
            first, second = started
            for journal, process in ((large, first), (small, second)):
                wait_for(journal, "environment.waiting", process)
            second.send_signal(signal.SIGSTOP)
        wait_for(large, "commit.started", first)
        second.send_signal(signal.SIGCONT)
        codes = [process.wait() for process in started]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
    if any(codes):
        raise Failed(f"two sessions in one environment ended with {codes}")
    waited = max(event["waited"] for event in events(small) if event["event"] == "lock.granted")
    return float(waited), _longest(large)


def _start(lab: Lab, venv: Path, journal: Path, wheels: Sequence[str]) -> "subprocess.Popen[bytes]":
    options = ["--offline", "--no-deps", "--ui", "none", "--cache-dir", lab.cache(lab.instui), "--python", str(venv)]
    command = [*lab.instui.module, "install", *options, "--journal", str(journal), *wheels]
    return subprocess.Popen(command, env=lab.variables, stdin=subprocess.DEVNULL)


def _longest(journal: Path) -> float:
    begun: dict[str, float] = {}
    longest = 0.0
    for event in events(journal):
        if event["event"] == "commit.started":
            begun[event["wheel"]] = event["t"]
        elif event["event"] == "commit.finished":
            longest = max(longest, event["t"] - begun.get(event["wheel"], event["t"]))
    return longest
