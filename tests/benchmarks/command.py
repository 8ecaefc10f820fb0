"""Measure every row of the budgets (DESIGN, section 6) against uv and pip, or against another revision of instui.

    python tests/benchmarks [ROW ...] [--rounds N] [--work DIR] [--disk own|journal|both] [--against REV]
                            [--json FILE] [--markdown FILE] [--counts N,N] [--large] [--synthetic]

Each command is timed as a whole process, in turn with what it is compared with, in a new environment each time, after
a warm-up that does not count. A ratio is our time divided by theirs: the median of the ratios pair by pair, with the
smallest and the largest. "CPU s" is user and system time with children, "peak MB" the largest resident set of one
process. "ok" and "OVER" judge the median by the budget; the aim is named where it is missed.

The disk of --work (default: the directory for temporary files) is measured, and ext4 with a journal in a file on it
(as root). Everything takes about 25 minutes and 40 GB on two cores. Run it on a quiet machine, and not twice within
some minutes: the deletion at the end of a run slows ext4 down for a while. The set of 123 wheels comes from an index,
once where --work names a directory that is kept; --synthetic makes wheels of its own instead.
"""

import argparse
import compileall
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

from benchmarks import material, revisions
from benchmarks.disks import Disk, Name, disk
from benchmarks.lab import Lab, Sizes
from benchmarks.machine import facts
from benchmarks.material import Material
from benchmarks.measure import Failed, Say, Skip
from benchmarks.programs import Instui, environment
from benchmarks.report import Outcome, Report
from benchmarks.rows import ROWS

_SPOILED = 300  # seconds for which ext4 avoids the inodes of a deletion
_LARGE = (3000, 10_000)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(
        prog="python tests/benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all of {' '.join(ROWS)}")
    words.add_argument("--rounds", type=int, default=0, metavar="N", help="of every row; default: by row, 2 to 9")
    words.add_argument("--work", type=Path, metavar="DIR", help="keep what was downloaded there")
    words.add_argument("--disk", choices=[*get_args(Name), "both"], default="both", help="default: %(default)s")
    words.add_argument("--against", default="", metavar="REV", help="compare with this revision instead of uv and pip")
    words.add_argument("--json", type=Path, metavar="FILE", help="write everything there, all samples included")
    words.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, as tests/README.md has it")
    words.add_argument("--counts", type=_counts, metavar="N,N", help="wheels of P7; default: 100,300,1000")
    words.add_argument("--large", action="store_true", help="P7 also with 3,000 and 10,000 wheels")
    words.add_argument("--synthetic", action="store_true", help="made-up wheels instead of real ones: needs no index")
    return words


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(word) for word in text.split(",")}))


def main(arguments: Sequence[str] | None = None, sizes: Sizes | None = None) -> int:
    """Parse, prepare, measure, print, delete; returns the exit code."""
    words = parser()
    parsed = words.parse_args(arguments)
    if unknown := [row for row in parsed.rows if row not in ROWS]:
        words.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    chosen = parsed.rows or [row for row in ROWS if not parsed.against or ROWS[row].revisions]
    if parsed.against and (unable := [row for row in chosen if not ROWS[row].revisions]):
        words.error(f"not for two revisions: {', '.join(unable)}")
    sizes = _sizes(parsed, sizes or Sizes())
    work = (parsed.work or Path(tempfile.mkdtemp(prefix="instui-benchmarks-"))).absolute()
    work.mkdir(parents=True, exist_ok=True)
    deleted = work / "deleted"
    if deleted.exists() and time.time() - deleted.stat().st_mtime < _SPOILED:
        print("warning: the last run was deleted minutes ago, which may slow this one down", file=sys.stderr)
    runs = Path(tempfile.mkdtemp(prefix="runs-", dir=work))
    try:
        report = _run(parsed, chosen, sizes, work, runs)
        print(report.text(), flush=True)  # before the deletion, which may take minutes
        for path, text in ((parsed.json, report.json), (parsed.markdown, report.markdown)):
            if path:
                path.write_text(text(), encoding="utf-8")
    except Skip as skip:
        print(f"skipped: {skip}", file=sys.stderr)
        return 0
    finally:
        _delete(runs if parsed.work else work)
        if parsed.work:
            deleted.touch()
    return 1 if any(outcome.failed for outcome in report.outcomes) else 0


def _delete(place: Path) -> None:
    print("deleting ...", file=sys.stderr, flush=True)
    try:
        shutil.rmtree(place)
    except KeyboardInterrupt:
        print(f"interrupted: delete {place} yourself", file=sys.stderr)


def _sizes(parsed: argparse.Namespace, usual: Sizes) -> Sizes:
    growth = (parsed.counts or usual.growth) + (_LARGE if parsed.large else ())
    return replace(usual, rounds=parsed.rounds or usual.rounds, growth=tuple(sorted({*growth})))


def _run(parsed: argparse.Namespace, chosen: Sequence[str], sizes: Sizes, work: Path, runs: Path) -> Report:
    """All rows on all disks. Raises Skip where nothing can be measured."""
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:4.0f} s] {text}", file=sys.stderr, flush=True)

    say("preparing")
    instui, other = _contenders(parsed.against, runs)
    described = facts(instui, other)
    wheels, reason = _material(parsed.synthetic, work, sizes)
    names = get_args(Name) if parsed.disk == "both" else (parsed.disk,)
    disks: dict[str, str] = {}
    outcomes: list[Outcome] = []
    for name in names:
        here = [row for row in chosen if name == names[0] or ROWS[row].both_disks]
        try:
            with disk(name, runs) as measured:
                disks[name] = measured.description
                own = wheels.copied(measured.place / "material") if wheels and name != "own" else wheels
                for row in here:
                    lab = _lab(measured, row, own, instui, other, sizes, partial(_say, say, row))
                    try:
                        outcomes.append(_outcome(row, name, lab, reason if own is None else ""))
                    except KeyboardInterrupt:  # what was measured until then is worth reading
                        outcomes.append(Outcome(row, ROWS[row].title, name, failed="interrupted"))
                        return Report(described, disks, outcomes)
        except Skip as skip:
            disks[name] = f"ext4 with a journal: skipped, {skip}"
    return Report(described, disks, outcomes)


def _say(say: Say, row: str, text: str) -> None:
    say(f"{row}: {text}")


def _contenders(revision: str, runs: Path) -> tuple[Instui, Instui | None]:
    """What is measured: as it is installed here or, to be compared with another revision, built like that one."""
    if revision:
        return revisions.this(runs / "revisions"), revisions.at(revision, runs / "revisions")
    for name in ("instui", "instui_engine"):  # an editable checkout may lack the byte code that an installation has
        for place in __import__(name).__path__:
            compileall.compile_dir(place, quiet=2)
    return Instui("instui", sys.executable), None


def _material(synthetic: bool, work: Path, sizes: Sizes) -> tuple[Material | None, str]:
    """The set of wheels, or why there is none."""
    try:
        return (material.made_up(work, *sizes.synthetic) if synthetic else material.real(work)), ""
    except Skip as skip:
        return None, str(skip)


def _lab(
    measured: Disk, row: str, wheels: Material | None, instui: Instui, other: Instui | None, sizes: Sizes, say: Say
) -> Lab:
    place, shared = measured.place / row, measured.place / "shared"
    for directory in (place, shared):
        directory.mkdir(exist_ok=True)
    wheels = wheels or Material(shared)
    return Lab(place, shared, wheels, environment(wheels.uv_cache), instui, say, other, sizes)


def _outcome(row: str, name: Name, lab: Lab, without: str) -> Outcome:
    """Measure one row; one that fails does not stop the others. `without`: why there is no set of wheels."""
    title = ROWS[row].title
    try:
        if without and ROWS[row].needs_set:
            raise Skip(without)
        lab.say(title)
        return Outcome(row, title, name, ROWS[row].measure(lab))
    except Skip as skip:
        return Outcome(row, title, name, skipped=str(skip))
    except (Failed, AssertionError, OSError) as failure:  # a terminal asserts that what is awaited comes
        return Outcome(row, title, name, failed=str(failure)[-500:])
