"""What the work costs: time of processors, and how long processes of this machine waited for disks."""

import os
import resource
from contextlib import suppress

from instui_engine.values import NamedTuple

_PRESSURE = "/proc/pressure/io"  # see the kernel's Documentation/accounting/psi.rst


class Load(NamedTuple):
    """Seconds up to one moment; only the difference of two of them says anything. See `LoadSampled`."""

    cpu: float
    stalled: float

    def since(self, before: "Load") -> "Load":
        """By how much it has grown."""
        is_known = self.stalled >= 0 <= before.stalled
        stalled = round(self.stalled - before.stalled, 6) if is_known else -1.0
        return Load(round(self.cpu - before.cpu, 6), stalled)


def load() -> Load:
    """The load until now."""
    used = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return Load(used, _stalled())


def usable_cpus() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def _stalled() -> float:
    # "some avg10=0.66 avg60=10.67 avg300=27.74 total=3995685298", the total in microseconds
    with suppress(OSError, ValueError, IndexError):
        descriptor = os.open(_PRESSURE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(descriptor, 256)
        finally:
            os.close(descriptor)
        return int(text.split(b"\n", 1)[0].rpartition(b"total=")[2]) / 1e6
    return -1.0
