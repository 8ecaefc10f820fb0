"""How the cost grows with the number of wheels, in CPU seconds of whole processes: these depend little on the load.

    python tests/benchmarks/growth.py [KIND ...] [--counts 100,200,400,800] [--python INTERPRETER] [--work DIR]

common     K wheels that all replace one file, into a new environment, warm store (budget P8: linear)
apart      K wheels that share nothing, likewise (P7)
reinstall  the K wheels of "apart" again; upgrade: their next version; uninstall: all of them

`--python`: the interpreter of another revision's environment, to compare with. The last column is the exponent between
two rows: 1 is linear, 2 quadratic. Nothing is deleted before the end (DESIGN, section 6).
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import timed

from support.wheelsmith import build_wheel

KINDS = ("common", "apart", "reinstall", "upgrade", "uninstall")
FILES = 10  # of each wheel, of 200 bytes


def wheels(place: Path, kind: str, count: int, version: str = "1.0") -> list[Path]:
    """`count` wheels of that kind."""
    place.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        name = f"dist{number:05}"
        files = {f"{name}/m{i}.py": f"# {name} {version} {i}\n".encode() * 8 for i in range(FILES)}
        if kind == "common":
            files["shared/common.py"] = f"# of {name}\n".encode()
        made.append(build_wheel(place, name, version, files))
    return made


class Growth:
    """Runs one kind at growing counts with one interpreter."""

    def __init__(self, python: str, work: Path) -> None:
        self._command = [python, "-m", "instui"]
        self._work = work
        self._environment = {**os.environ, "INSTUI_CACHE_DIR": str(work / "cache"), "INSTUI_DEBUG": "1"}

    def measure(self, kind: str, count: int) -> float:
        """CPU seconds."""
        place = self._work / f"{kind}-{count}"
        source = "apart" if kind != "common" else kind
        first = wheels(place / "1", source, count)
        second = wheels(place / "2", source, count, "2.0") if kind == "upgrade" else first
        warm, target = self._venv(place / "warm"), self._venv(place / "venv")
        self._run("install", "--no-deps", "--target-is", warm, *second)
        if kind in ("reinstall", "upgrade", "uninstall"):
            self._run("install", "--no-deps", "--target-is", target, *first)
        arguments = {
            "reinstall": ("install", "--no-deps", "--reinstall", "--target-is", target, *second),
            "uninstall": ("uninstall", "--target-is", target, *(f"dist{number:05}" for number in range(count))),
        }.get(kind, ("install", "--no-deps", "--target-is", target, *second))
        return self._run(*arguments)

    def _venv(self, top: Path) -> Path:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(top)], check=True)
        return top

    def _run(self, *arguments: object) -> float:
        named = ["--python" if word == "--target-is" else str(word) for word in arguments]
        sample, code, errors = timed([*self._command, *named, "--no-fsync", "--ui", "none"], self._environment)
        if code:
            raise SystemExit(f"exit {code}: {errors.strip()[-500:]}")
        return sample.cpu


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], default=list(KINDS))
    parser.add_argument("--counts", default="100,200,400,800")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--work", default="")
    parsed = parser.parse_args()
    counts = [int(text) for text in parsed.counts.split(",")]
    with tempfile.TemporaryDirectory(prefix="instui-growth-", dir=parsed.work or None) as work:
        growth = Growth(parsed.python, Path(work))
        print(f"{'kind':10} {'wheels':>6} {'CPU s':>8} {'exponent':>9}")
        for kind in parsed.kinds or KINDS:
            before: tuple[int, float] | None = None
            for count in counts:
                cost = growth.measure(kind, count)
                exponent = math.log(cost / before[1]) / math.log(count / before[0]) if before else math.nan
                print(f"{kind:10} {count:6} {cost:8.2f} {'' if before is None else f'{exponent:9.2f}'}", flush=True)
                before = (count, cost)


if __name__ == "__main__":
    main()
