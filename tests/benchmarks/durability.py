"""What safety costs: the waits for the disk, the write-ahead records, and both, as ratios of one interleaved run.

    python tests/benchmarks/durability.py [--rounds N] [--work DIR]

Synthetic wheels (120 of 200 files), a warm cache, a new environment for each run. "unrecorded" is the same program with
`writeahead.write` and `remove` taken out.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import Bench, Variant

from support.wheelsmith import build_wheel

_WHEELS, _FILES = 120, 200
_PLAIN = "from instui.__main__ import main; main()"
_UNRECORDED = (
    "from instui_engine.commit import commit, executor; "
    "executor.write = commit.remove_record = lambda *_: None; " + _PLAIN
)


def _command(cache: Path, wheels: Path, program: str, *arguments: str) -> Callable[[str, str], list[str]]:
    install = ["install", "--no-deps", "--ui", "none", "--cache-dir", str(cache), *arguments]
    return lambda venv, _: [sys.executable, "-c", program, *install, "--python", venv, str(wheels)]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=Path, help="on the disk that is to be measured; default: a temporary directory")
    parsed = parser.parse_args()
    work = parsed.work or Path(tempfile.mkdtemp(prefix="instui-durability-"))
    wheels, cache = work / "wheels", work / "cache"
    wheels.mkdir(parents=True, exist_ok=True)
    for number in range(_WHEELS):
        name = f"pkg{number:03}"
        build_wheel(wheels, name, "1.0", {f"{name}/m{file:03}.py": b"%d" % file for file in range(_FILES)})
    variants = [
        Variant("default", _command(cache, wheels, _PLAIN)),
        Variant("--no-fsync", _command(cache, wheels, _PLAIN, "--no-fsync")),
        Variant("default, unrecorded", _command(cache, wheels, _UNRECORDED)),
        Variant("--no-fsync, unrecorded", _command(cache, wheels, _UNRECORDED, "--no-fsync")),
    ]
    samples = Bench(work, os.environ, _WHEELS).interleave(variants, parsed.rounds, warm_up=1)
    base = samples["--no-fsync, unrecorded"]
    print("| variant | median s | CPU s | ratio to the last |\n|---|---|---|---|")
    for variant in variants:
        found = samples[variant.label]
        ratios = [one.wall / other.wall for one, other in zip(found, base, strict=True)]
        wall, cpu = median(one.wall for one in found), median(one.cpu for one in found)
        print(
            f"| {variant.label} | {wall:.3f} | {cpu:.3f} | {median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
