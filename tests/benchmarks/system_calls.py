"""System calls for each file of a warm install, beside uv's: they depend neither on the load nor on the disk."""

import os
import shutil
from pathlib import Path

from benchmarks.lab import Lab, uv_installs
from benchmarks.measure import Failed, Skip, Variant, distributions, timed
from benchmarks.results import Findings, Line, single

_SHOWN = 6


def calls(lab: Lab) -> Findings:
    """Counted by strace; each is run once without it first."""
    if shutil.which("strace") is None:
        raise Skip("needs strace (Debian: strace)")
    wheels = lab.material.wheels
    bench, found = lab.bench(len(wheels)), Findings()
    variants = [
        lab.installs(lab.instui, "instui", "--no-fsync", "--no-deps", *wheels),
        lab.installs(lab.instui, "instui, synced", "--no-deps", *wheels),
        uv_installs("uv", *wheels),
    ]
    bench.interleave(variants, 0, warm_up=1)
    for variant in variants:
        run = bench.new(variant)
        lab.say(f"strace of {variant.label}")
        counted = _count(variant, run.venv, run.fresh, lab)
        if distributions(run.venv) != len(wheels):
            raise Failed(f"{variant.label} did not install all wheels under strace")
        files = sum(len(names) for _, _, names in os.walk(Path(run.venv) / "lib"))
        each = sum(counted.values()) / files
        found.lines.append(Line(f"{variant.label}: system calls a file", single(each), "calls"))
        most = sorted(counted.items(), key=lambda item: -item[1])[:_SHOWN]
        found.notes.append(f"calls: {variant.label}: " + ", ".join(f"{number:,} {name}" for name, number in most))
    return found


def _count(variant: Variant, venv: str, fresh: str, lab: Lab) -> dict[str, int]:
    """System calls by name, threads and children included."""
    summary = Path(f"{fresh}-strace")
    command = ["strace", "-f", "-c", "-o", str(summary), *variant.command(venv, fresh)]
    _, code, errors = timed(command, lab.variables)
    if code:
        raise Skip(f"strace ended with {code}: {errors.strip()[-200:]}")
    return parse(summary.read_text(encoding="utf-8"))


def parse(summary: str) -> dict[str, int]:
    """The table of `strace -c`: % time, seconds, usecs/call, calls, errors (or nothing), name."""
    rows = [line.split() for line in summary.splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"}
