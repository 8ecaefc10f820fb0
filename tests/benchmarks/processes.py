"""P8: several processes at once, and what one that waits for a lock costs."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.journals import wait_for
from benchmarks.lab import Lab
from benchmarks.measure import Failed, Sample, distributions, make_venv, reaped
from benchmarks.results import Findings, Line, single

_BUSY = 2.0  # percent of a core that a waiting process may use
_SETTLED = 0.3  # seconds after which it does nothing but wait
_TICK = os.sysconf("SC_CLK_TCK")


def processes(lab: Lab, wheels: Sequence[str], found: Findings) -> None:
    """The same wheels in one environment, shared out to more and more processes; and from one empty store, by each."""
    numbers, rounds = lab.sizes.processes, lab.rounds(2)
    _in_one_environment(lab, lab.place / "warm-up", wheels, 1)
    for what, measure in (("environment", _in_one_environment), ("empty store", _from_one_store)):
        lab.say(f"{', '.join(map(str, numbers))} processes, one {what}, {rounds} times each")
        labels = [f"instui, {number} processes, one {what}" for number in numbers]
        for turn in range(rounds):
            for number, label in zip(numbers, labels, strict=True):
                place = lab.place / f"{what.split()[-1]}-{turn}-{number}"
                found.samples.setdefault(label, []).append(measure(lab, place, wheels, number))
        for label in labels[1:]:
            found.ratio(label, labels[0], what=f"{label} / {numbers[0]}")


def _in_one_environment(lab: Lab, place: Path, wheels: Sequence[str], number: int) -> Sample:
    venv = str(place / "venv")
    make_venv(venv, lab.variables)
    cache = lab.cache(lab.instui)
    sample = _together(lab, [_install(lab, venv, cache, wheels[first::number]) for first in range(number)])
    _check(venv, len(wheels))
    return sample


def _from_one_store(lab: Lab, place: Path, wheels: Sequence[str], number: int) -> Sample:
    venvs = [str(place / f"venv{count}") for count in range(number)]
    for venv in venvs:
        make_venv(venv, lab.variables)
    sample = _together(lab, [_install(lab, venv, str(place / "cache"), wheels) for venv in venvs])
    for venv in venvs:
        _check(venv, len(wheels))
    return sample


def _check(venv: str, expected: int) -> None:
    if (found := distributions(venv)) != expected:
        raise Failed(f"several processes left {found} of {expected} distributions")


def _install(lab: Lab, venv: str, cache: str, wheels: Sequence[str], *flags: str) -> list[str]:
    options = ["--offline", "--no-deps", "--no-fsync", "--ui", "none", "--cache-dir", cache, "--python", venv]
    return [*lab.instui.module, "install", *options, *flags, *wheels]


def _together(lab: Lab, commands: Sequence[Sequence[str]]) -> Sample:
    """All at once: seconds until the last has ended, the CPU of all, the largest peak."""
    os.sync()
    begun = time.perf_counter()
    started = [subprocess.Popen(command, env=lab.variables, stdin=subprocess.DEVNULL) for command in commands]
    samples = [reaped(process, begun) for process in started]
    if failed := [process.returncode for process in started if process.returncode]:
        raise Failed(f"{len(failed)} of {len(started)} processes ended with {failed[0]}")
    return Sample(
        max(sample.wall for sample in samples),
        sum(sample.cpu for sample in samples),
        max(sample.peak for sample in samples),
    )


def waiters(lab: Lab, wheels: Sequence[str], found: Findings) -> None:
    """The CPU of a process, with its children, while it waits for the environment's lock, and for a claim."""
    venv = lab.place / "held"
    make_venv(str(venv), lab.variables)
    install = _install(lab, str(venv), lab.cache(lab.instui), wheels, "--reinstall")
    claims = _claims_held([*install, "--slow", "30", "--journal"], lab)
    for what, kind, held in (
        ("the environment's lock", "environment.waiting", _lock_held(venv / ".lock")),
        ("a claim", "lock.waiting", claims),
    ):
        lab.say(f"a process that waits for {what}, for {lab.sizes.watch:g} s")
        journal = lab.place / f"{kind}.jsonl"
        with held:
            process = subprocess.Popen(
                [*install, "--journal", str(journal)], env=lab.variables, stdin=subprocess.DEVNULL
            )
            try:
                wait_for(journal, kind, process)
                time.sleep(_SETTLED)
                share = cpu_share(process.pid, lab.sizes.watch)
            except BaseException:
                process.kill()
                raise
        if process.wait():
            raise Failed(f"the process that had waited for {what} ended with {process.returncode}")
        found.lines.append(Line(f"instui waits for {what}: CPU", single(share), "%", budget=_BUSY))


@contextmanager
def _lock_held(path: Path) -> Iterator[None]:
    """Hold a lock file, as another installer would."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _claims_held(command: Sequence[str], lab: Lab) -> Iterator[None]:
    """A session that stands still in the middle of its first commit; it is killed in the end."""
    journal = lab.place / "holder.jsonl"
    process = subprocess.Popen([*command, str(journal)], env=lab.variables, stdin=subprocess.DEVNULL)
    try:
        wait_for(journal, "commit.started", process)
        process.send_signal(signal.SIGSTOP)
        yield
    finally:
        process.kill()
        process.wait()


def cpu_share(pid: int, seconds: float) -> float:
    """The CPU of a process with its children during the next `seconds`, in percent of a core."""
    begun, used = time.perf_counter(), cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - used) / (time.perf_counter() - begun)


def cpu_seconds(pid: int) -> float:
    """What a process and its living descendants have used so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK + sum(cpu_seconds(child) for child in children)
