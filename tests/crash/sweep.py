"""Faults at every point of a command, or at some of them: what came of it.

    python tests/crash/sweep.py --kinds fresh,upgrade --faults kill,ENOSPC --every 5

prints a table of points and outcomes, and every point at which a promise was broken.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.crash.injector import (
    ERRORS,
    KILL,
    READ_ERRORS,
    SIGHUP,
    SIGINT,
    SIGINT_TWICE,
    SIGTERM,
    TEAR,
    build,
    failing,
)
from support.crash.lane import Setting
from support.crash.scenarios import KINDS, small
from support.crash.sweep import LANES, Result, Sweep, memory, sample

FAULTS = {
    **{fault.name: fault for fault in (KILL, TEAR, SIGINT, SIGINT_TWICE, SIGTERM, SIGHUP)},
    **{fault.name: fault for name in ERRORS for fault in (failing(name), failing(name, from_there_on=True))},
    **{fault.name: fault for fault in (failing(name, reading=True) for name in READ_ERRORS)},
}
_NESTED = "nested"


def every(step: int) -> Callable[[range], range]:
    """Chooses each `step`-th point."""
    return lambda points: points[::step]


def table(results: Sequence[Result]) -> str:
    """Points and outcomes, a line for each sweep."""
    heads = ("clean", "repaired", "torn", "unmended")
    lines = [f"{'kind':10} {'fault':14} {'setting':20} {'points':>6} {'tried':>6}" + "".join(f"{h:>9}" for h in heads)]
    for result in results:
        counts = result.counts()
        lines.append(
            f"{result.kind:10} {result.fault:14} {result.setting!s:20} {result.points:6} {len(result.verdicts):6}"
            + "".join(f"{counts[head]:9}" for head in heads)
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(KINDS), help="%(default)s")
    parser.add_argument(
        "--faults", default="kill", help=f"of: {', '.join([*FAULTS, _NESTED])} (a name with ... is for ever)"
    )
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only each K-th point")
    parser.add_argument(
        "--inner", type=int, default=0, metavar="M", help="nested: M points of each recovery, 0 for all"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=LANES, help="points at the same time (%(default)s)")
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--cold", action="store_true", help="with an empty cache, whose changes are points too")
    parser.add_argument("--epilogue", action="store_true", help="uninstall (or install again) after each point")
    parser.add_argument("--volumes", action="store_true", help="site-packages, bin and share are mounts of their own")
    parser.add_argument("--base", type=Path, default=memory(), help="where to work (%(default)s)")
    parsed = parser.parse_args(arguments)
    setting = Setting(parsed.jobs, parsed.fsync, parsed.cold, parsed.epilogue, volumes=parsed.volumes)
    results, failed = [], []
    with tempfile.TemporaryDirectory(dir=parsed.base, ignore_cleanup_errors=True) as scratch:
        place = Path(scratch).resolve()
        try:
            library = build(place)
        except FileNotFoundError:
            sys.exit("sweep: there is no C compiler here; install gcc")
        for kind in parsed.kinds.split(","):
            try:
                sweep = Sweep(place, small(kind, place / "wheels"), setting, library, parsed.lanes)
            except AssertionError as error:
                failed.append(f"{kind}, without any fault: {error}")
                continue
            for name in parsed.faults.split(","):
                if name == _NESTED:
                    inner = sample(parsed.inner, 0) if parsed.inner else iter
                    result = sweep.nested(every(parsed.every), inner)
                else:
                    result = sweep.sweep(FAULTS[name], every(parsed.every))
                results.append(result)
                print(table([result]).splitlines()[-1], flush=True)
    print(f"\n{table(results)}\n")
    problems = failed + [line for result in results for line in result.violations]
    print(*problems, sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
