"""The rows of the table, in its order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.contention import p8
from benchmarks.growth import p7
from benchmarks.installs import p1, p2, p3, p3b
from benchmarks.lab import Lab
from benchmarks.predictions import what_if
from benchmarks.results import Findings
from benchmarks.safety import p5
from benchmarks.screen import p6
from benchmarks.small import p4
from benchmarks.system_calls import calls
from benchmarks.waits import waits


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the design's table."""

    title: str
    measure: Callable[[Lab], Findings]
    needs_set: bool = True  # of 123 wheels
    both_disks: bool = False  # whether it is worth measuring on the second disk, too
    revisions: bool = False  # whether it can compare two revisions


ROWS: Mapping[str, Row] = {
    "P1": Row("warm cache, new environment", p1, both_disks=True, revisions=True),
    "P2": Row("the same beside pip", p2),
    "P3": Row("empty caches, wheels local", p3, both_disks=True, revisions=True),
    "P3b": Row("empty caches, from the index", p3b, revisions=True),
    "P4": Row("one small wheel, and `locks`", p4, needs_set=False, revisions=True),
    "P5": Row("journal and locks on against off", p5),
    "P6": Row("the screen", p6),
    "P7": Row("growth with the number of wheels", p7, needs_set=False, both_disks=True, revisions=True),
    "P8": Row("contention: one name, many processes, waiting", p8, needs_set=False, revisions=True),
    "waits": Row("what another session waits during a large commit", waits, both_disks=True),
    "calls": Row("system calls for each file", calls),
    "what-if": Row("what is predicted, beside what happens", what_if, needs_set=False),
}
