"""Measure instui against uv and pip: the budgets P1, P2 and P3 of the design.

    python tests/benchmarks/run.py [P1] [P2] [P3] [--rounds N] [--work DIR] [--beside PYTHON]

P1  a warm cache and a new environment: the set as wheel files, as pinned requirements, as a lock file
P2  the same set against pip
P3  an empty cache, wheels local: check, unpack and install

`--beside` names the interpreter of another revision's environment, which P1 measures in turn with this one.

Needs a package index for the preparation, once where --work names a directory that is kept; without --work all goes
into a temporary directory. The directory must be on the disk that is to be measured (with both caches, since files are
linked), and have about 2 GB of room for each round of P3. Run it on a quiet machine, and not twice within some minutes:
the deletion at the end of a run slows ext4 down for a while.

A ratio is our time divided by theirs: the median of the ratios pair by pair, with the smallest and the largest.
"CPU" is user and system time with children, "peak MB" the largest resident set of our process or a child of it.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import uv
from measure import HEADER, Bench, Comparison, Failed, Variant, compare, table
from prepare import Material, Skip, compile_packages, environment, prepare

_ROUNDS = {"P1": 7, "P2": 2, "P3": 5}
_SPOILED = 300  # seconds for which ext4 avoids the inodes of a deletion
_INSTUI = [sys.executable, "-m", "instui"]


def _instui(*arguments: str, cache: str = "", program: Sequence[str] = _INSTUI) -> Callable[[str, str], list[str]]:
    """An install by instui; `cache` "" is a new one for each run."""
    return lambda venv, fresh: [
        *program, "install", "--offline", "--ui", "none", "--cache-dir", cache or fresh, "--python", venv, *arguments
    ]  # fmt: skip


def _uv(*arguments: str, cold: bool = False) -> Callable[[str, str], list[str]]:
    return lambda venv, fresh: [
        uv.find_uv_bin(), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", venv,
        *(["--cache-dir", fresh] if cold else []), *arguments,
    ]  # fmt: skip


def _pip(*arguments: str) -> Callable[[str, str], list[str]]:
    return lambda venv, fresh: [
        sys.executable, "-m", "pip", "--python", f"{venv}/bin/python", "install", "--quiet", "--no-deps", "--no-index",
        "--disable-pip-version-check", *arguments,
    ]  # fmt: skip


def p1(bench: Bench, material: Material, cache: str, rounds: int, beside: str = "") -> list[tuple[str, ...]]:
    """Warm cache, new environment."""
    pins, lock = ["-r", material.requirements], ["--pylock", material.pylock]
    files = ["--no-deps", *material.wheels]
    variants = [
        Variant("uv files", _uv(*material.wheels)),
        Variant("instui files", _instui("--no-fsync", *files, cache=cache)),
        Variant("instui files, synced", _instui(*files, cache=cache)),
        Variant("uv -r", _uv(*pins)),
        Variant("instui -r", _instui("--no-fsync", "--no-deps", *pins, cache=cache)),
        Variant("uv lock file", _uv("-r", material.pylock)),
        Variant("instui lock file", _instui("--no-fsync", *lock, cache=cache)),
    ]
    rows = [
        Comparison("instui files", "uv files", 1.0, 0.7),
        Comparison("instui files, synced", "uv files", 1.25),
        Comparison("instui -r", "uv -r", 1.0, 0.7),
        Comparison("instui lock file", "uv lock file", 1.0, 0.7),
        Comparison("instui lock file", "uv -r", None),
    ]
    script = Path(sys.executable).with_name("instui")
    if script.exists() and not beside:
        command = _instui("--no-fsync", *files, cache=cache, program=[str(script)])
        variants.append(Variant("instui files, its script", command))
        rows.append(Comparison("instui files, its script", "uv files", 1.0, 0.7))
    if beside:
        variants = variants[:3]
        rows = rows[:2]
        other = [beside, "-m", "instui"]
        for label, flags in (("files", ["--no-fsync"]), ("files, synced", [])):
            # a cache of its own: what lies in one need not serve the other
            theirs = _instui(*flags, *files, cache=f"{cache}-beside", program=other)
            variants.append(Variant(f"beside {label}", theirs))
            rows += [
                Comparison(f"beside {label}", "uv files", None),
                Comparison(f"instui {label}", f"beside {label}", None),
            ]
    # two runs that do not count: one fills the caches, one warms up
    samples = bench.interleave(variants, rounds, warm_up=2)
    return [compare(row, samples) for row in rows]


def p2(bench: Bench, material: Material, cache: str, rounds: int) -> list[tuple[str, ...]]:
    """The same set against pip, which is timed without and with its compilation of byte code."""
    files = material.wheels
    ours = Variant("instui files", _instui("--no-fsync", "--no-deps", *files, cache=cache))
    bench.interleave([ours], 0, warm_up=1)
    variants = [ours, Variant("pip --no-compile", _pip("--no-compile", *files)), Variant("pip", _pip(*files))]
    samples = bench.interleave(variants, rounds, warm_up=0)
    rows = [Comparison("instui files", "pip --no-compile", 0.1), Comparison("instui files", "pip", None)]
    return [compare(row, samples) for row in rows]


def p3(bench: Bench, material: Material, cache: str, rounds: int) -> list[tuple[str, ...]]:
    """Empty caches, wheels local."""
    files = material.wheels
    variants = [
        Variant("uv cold", _uv(*files, cold=True)),
        Variant("instui cold", _instui("--no-fsync", "--no-deps", *files)),
        Variant("instui cold, synced", _instui("--no-deps", *files)),
    ]
    samples = bench.interleave(variants, rounds, warm_up=1)
    rows = [Comparison("instui cold", "uv cold", 1.1, 1.0), Comparison("instui cold, synced", "uv cold", 1.4, 1.0)]
    return [compare(row, samples) for row in rows]


_BENCHMARKS = {"P1": p1, "P2": p2, "P3": p3}


def main() -> int:
    """Parse, prepare, measure, print, delete; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", metavar="P1|P2|P3", help="default: all")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="default: 7 for P1, 2 for P2, 5 for P3")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep what was downloaded there")
    parser.add_argument("--beside", default="", metavar="PYTHON", help="another revision's interpreter (P1)")
    arguments = parser.parse_args()
    chosen = arguments.benchmarks or list(_BENCHMARKS)
    if unknown := set(chosen) - set(_BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    work = arguments.work or Path(tempfile.mkdtemp(prefix="instui-benchmarks-"))
    work = work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    deleted = work / "deleted"
    if deleted.exists() and time.time() - deleted.stat().st_mtime < _SPOILED:
        print("warning: the last run was deleted minutes ago, which may slow this one down", file=sys.stderr)
    runs = Path(tempfile.mkdtemp(prefix="runs-", dir=work))
    try:
        _measure(chosen, arguments.rounds, work, runs, arguments.beside)
    except Skip as skip:
        print(f"skipped: {skip}", file=sys.stderr)
        return 0
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(runs if arguments.work else work)
        if arguments.work:
            deleted.touch()
    return 0


def _measure(chosen: Sequence[str], rounds: int, work: Path, runs: Path, beside: str) -> None:
    print("preparing ...", file=sys.stderr, flush=True)
    material = prepare(work)
    compile_packages()
    # pip needs no index here, and its configuration may hold one, or constraints
    variables = environment(material.uv_cache) | {"PIP_CONFIG_FILE": os.devnull}
    rows: list[tuple[str, ...]] = [HEADER]
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        bench = Bench(runs / name, variables, len(material.wheels))
        measure = partial(p1, beside=beside) if name == "P1" else _BENCHMARKS[name]
        cells = measure(bench, material, str(runs / "instui-cache"), rounds or _ROUNDS[name])
        rows += [(f"{name} {label}", *rest) for label, *rest in cells]
    print(f"{len(material.wheels)} wheels, Python {sys.version.split()[0]}, {os.cpu_count()} CPUs")
    print(table(rows))


if __name__ == "__main__":
    raise SystemExit(main())
