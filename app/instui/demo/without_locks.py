"""What an installer without these locks does with the wheels of a demonstration: recordings of real runs of uv.

They are made by `tests/support/uv_recording.py`, and say by which command. One run is kept as a whole, of all runs how
they ended. Which owner a file has at the end differs from run to run, as nothing decides it but the timing.
"""

import json
from functools import cache
from pathlib import Path

from instui.monitor.ownership import ABSENT
from instui_engine.values import NamedTuple


class Write(NamedTuple):
    """A file was written. `t` is in seconds since the first write; `file` and `owner` are indices."""

    t: float
    file: int
    owner: int


class Recording(NamedTuple):
    """Runs of another installer: for each the last owner of every file, and all writes of one of them."""

    program: str  # name and version
    command: str
    owners: tuple[str, ...]  # names of wheels
    files: tuple[str, ...]
    runs: tuple[tuple[int, ...], ...]
    writes: tuple[Write, ...]

    @property
    def mixed(self) -> int:
        """The number of runs that left files of several owners."""
        return sum(len(set(run)) > 1 for run in self.runs)

    @property
    def seconds(self) -> float:
        """How long the writes took."""
        return self.writes[-1].t if self.writes else 0.0

    def cells(self, t: float) -> tuple[int, ...]:
        """The owner of each file at `t`, as in `Ownership`."""
        found = [ABSENT] * len(self.files)
        for write in self.writes:
            if write.t <= t:
                found[write.file] = write.owner
        return tuple(found)


def path_of(name: str) -> Path:
    """The file with the recording for the demonstration of that name."""
    return Path(__file__).with_name(f"without-locks-{name}.json")


@cache
def recording(name: str) -> Recording | None:
    """The recording for the demonstration of that name; None if there is none."""
    try:
        read = json.loads(path_of(name).read_text(encoding="utf-8"))
    except OSError:
        return None
    return Recording(
        read["program"],
        read["command"],
        tuple(read["owners"]),
        tuple(read["files"]),
        tuple(tuple(run) for run in read["runs"]),
        tuple(Write(*row) for row in read["writes"]),
    )
