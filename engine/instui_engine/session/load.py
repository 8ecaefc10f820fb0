"""What the work costs: time of processors, and how much of them was left; how long processes waited for disks."""

import os
import resource
from contextlib import suppress

from instui_engine.values import NamedTuple

_PRESSURE = "/proc/pressure/io"  # see the kernel's Documentation/accounting/psi.rst
_UPTIME = "/proc/uptime"  # seconds since the start, and those in which processors were idle, all of them together


class Load(NamedTuple):
    """Seconds up to one moment; only the difference of two of them says anything. See `events.SpanFinished`."""

    cpu: float
    stalled: float
    system: float
    idle: float

    def since(self, before: "Load") -> "Load":
        """By how much it has grown."""
        return Load(*map(_grown, self, before))


def load() -> Load:
    """The load until now."""
    used = system = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
        system += usage.ru_stime
    return Load(used, _stalled(), system, _idle())


def usable_cpus() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def _grown(now: float, before: float) -> float:
    """The growth; -1.0 if that is unknown: the kernel's idle time may fall, as it is estimated while a core sleeps."""
    return round(now - before, 6) if now >= before >= 0 else -1.0


def _stalled() -> float:
    # "some avg10=0.66 avg60=10.67 avg300=27.74 total=3995685298", the total in microseconds
    with suppress(OSError, ValueError, IndexError):
        return int(_start_of(_PRESSURE).split(b"\n", 1)[0].rpartition(b"total=")[2]) / 1e6
    return -1.0


def _idle() -> float:
    with suppress(OSError, ValueError, IndexError):
        # a sandbox that does not know says 0.00
        return float(_start_of(_UPTIME).split()[1]) or -1.0
    return -1.0


def _start_of(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 256)
    finally:
        os.close(descriptor)
