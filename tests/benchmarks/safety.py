"""P5: what the journal and the locks cost. There is no switch for them: a driver takes them out of its own process.

Both sides run the same driver, so that both import the same. By the clock one install differs from the next by ten
times the budget, in processor time by as much as the budget. So there are many rounds, processor time stands beside
the clock, and a note says how far either can be trusted. The budget is for the clock.
"""

from benchmarks.lab import Lab
from benchmarks.measure import Variant
from benchmarks.results import Findings

_BUDGET = 1.03
_DRIVER = """
import sys
out = sys.argv.pop(1).split("+")
from instui_engine.journal.writer import Journal
from instui_engine.locks.lock_files import ClaimFiles
nothings = {
    "journal": [(Journal, "emit", lambda self, *events: None)],
    "locks": [
        (ClaimFiles, "acquire", lambda self, *rest, **options: []),
        (ClaimFiles, "release", lambda self, held: None),
        (ClaimFiles, "try_whole", lambda self: -1),
        (ClaimFiles, "is_awaited", staticmethod(lambda whole: False)),
        (ClaimFiles, "release_whole", staticmethod(lambda whole: None)),
    ],
}
for one in filter(None, out):
    for owner, name, nothing in nothings[one]:
        getattr(owner, name)  # a name that is gone is an error: nothing would be taken out
        setattr(owner, name, nothing)
from instui.__main__ import main
sys.exit(main())
"""


def p5(lab: Lab) -> Findings:
    """The warm set with both, without either, and without each."""
    files = ("--no-fsync", "--no-deps", *lab.material.wheels)

    def variant(label: str, out: str) -> Variant:
        return lab.installs(lab.instui, label, *files, program=[lab.instui.python, "-c", _DRIVER, out])

    variants = [
        variant("journal and locks", ""),
        variant("neither", "journal+locks"),
        variant("no journal", "journal"),
        variant("no locks", "locks"),
    ]
    bench = lab.bench(len(lab.material.wheels))
    found = Findings(samples=bench.interleave(variants, lab.rounds(25), lab.warm_up(2)))
    found.ratio("journal and locks", "neither", _BUDGET)
    for without in ("neither", "no journal", "no locks"):
        found.ratio("journal and locks", without, what=f"journal and locks / {without}: processor time", of="cpu")
    found.doubts("journal and locks", "neither")
    return found
