"""Wheels that collide, installed many times: what is left of them.

    python tests/benchmarks/collisions.py [--rounds N] [--slow-rounds N] [--work DIR]

Collisions: three wheels of 400 files of the same names and other content. One process that installs all three with 8
workers, and three processes at once with a wheel each. After every run the files themselves are read, without any code
of an installer: each names its owner.

    mixed          files of more than one owner, or missing: no complete package is left
    wrong winner   one process: whole, but not of the wheel that was named last (three processes: any owner is right)
    failed         a process ended with an error, or a distribution is not listed

"released together": the environment's lock is held until all three wait for it, so that their commits meet; the others
are started together and meet as chance has it. pip knows no such lock.

No index is needed. Everything goes into a temporary directory, which should be on a real disk.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import make_venv
from benchmarks.programs import environment, pip_install, uv_pip
from benchmarks.report import aligned
from support.wheelsmith import build_wheel

_OWNERS = ("alpha", "beta", "gamma")
_FILES = 400
_WORKERS = 8
_PATIENCE = 120  # seconds for one process

Command = Callable[[Path, Sequence[Path]], list[str]]


def _instui(venv: Path, wheels: Sequence[Path]) -> list[str]:
    options = ["--no-deps", "--offline", "--no-fsync", "--ui", "none", "--jobs", str(_WORKERS), "--python", str(venv)]
    return [sys.executable, "-m", "instui", "install", *options, *map(str, wheels)]


def _uv(venv: Path, wheels: Sequence[Path]) -> list[str]:
    return uv_pip("install", "--offline", "--no-deps", "--python", str(venv), *map(str, wheels))


def _pip(venv: Path, wheels: Sequence[Path]) -> list[str]:
    return pip_install(str(venv), *map(str, wheels))


@dataclass
class Tally:
    """One row of the table. `last_wins`: whether the wheel that is named last has to be the whole one."""

    label: str
    last_wins: bool
    runs: int = 0
    mixed: int = 0
    wrong: int = 0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)

    def count(self, venv: Path, last: str, ends: Sequence[tuple[int, str]]) -> None:
        """Judge one run by the files that it left. `ends`: exit code and last words of each process."""
        self.runs += 1
        found = owners(venv)
        if len(found) != 1:
            self.mixed += 1
        elif self.last_wins and found != {last}:
            self.wrong += 1
        listed = {path.name.partition("-")[0] for path in venv.glob("lib/python*/site-packages/*.dist-info")}
        if any(code for code, _ in ends) or listed != set(_OWNERS):
            self.failed += 1
            self.reasons += [f"{self.label}: exit {code}: {words}" for code, words in ends if code]

    def cells(self) -> tuple[str, ...]:
        """The row."""
        wrong = str(self.wrong) if self.last_wins else "any is right"
        return (self.label, str(self.runs), str(self.mixed), wrong, str(self.failed), "")


def owners(venv: Path) -> set[str]:
    """Whose files lie in the package; "" stands for one that is missing."""
    (site,) = venv.glob("lib/python*/site-packages")
    found = set()
    for number in range(_FILES):
        try:
            found.add((site / "shared" / f"m{number:03}.py").read_text().partition(" ")[0])
        except FileNotFoundError:
            found.add("")
    return found


def colliding(directory: Path) -> list[Path]:
    """The three wheels."""
    directory.mkdir()
    return [
        build_wheel(
            directory,
            owner,
            "1.0",
            {f"shared/m{number:03}.py": f"{owner} = {number}\n".encode() for number in range(_FILES)},
        )
        for owner in _OWNERS
    ]


@contextmanager
def held_back(venv: Path, processes: Sequence["subprocess.Popen[str]"]) -> Iterator[None]:
    """Keep the environment's lock while the body starts `processes`, and until all of them wait for it."""
    with (venv / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        inode = f":{os.fstat(file.fileno()).st_ino}"
        end = time.monotonic() + 10
        while time.monotonic() < end and any(process.poll() is None for process in processes):
            if _waiters(inode) >= len(processes):
                break
            time.sleep(0.005)


def _waiters(inode: str) -> int:
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return 0
    rows = [line.split() for line in lines]
    return sum("->" in row and any(word.endswith(inode) for word in row) for row in rows)


class Workshop:
    """Makes environments and runs installers in them. `variables`: those of every process."""

    def __init__(self, place: Path, variables: dict[str, str]) -> None:
        self._place = place
        self._variables = variables
        self._count = 0
        make_venv(str(place / "skeleton"), variables)

    def venv(self) -> Path:
        """A new environment; a copy is some ten times faster than making one."""
        self._count += 1
        path = self._place / f"venv{self._count}"
        shutil.copytree(self._place / "skeleton", path, symlinks=True)
        config = path / "pyvenv.cfg"
        config.write_text(config.read_text().replace(str(self._place / "skeleton"), str(path)))
        return path

    def start(self, command: Sequence[str]) -> "subprocess.Popen[str]":
        """A process whose last words are kept."""
        return subprocess.Popen(
            command,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: "subprocess.Popen[str]") -> tuple[int, str]:
        """Exit code and last line of stderr; a process that hangs is ended and counts as failed."""
        try:
            _, errors = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
        return process.returncode, (errors.strip().splitlines() or [""])[-1]

    def one(self, command: Command, wheels: Sequence[Path], tally: Tally) -> None:
        """All wheels by one process."""
        venv = self.venv()
        tally.count(venv, _owner(wheels[-1]), [self.finish(self.start(command(venv, wheels)))])

    def several(self, command: Command, wheels: Sequence[Path], tally: Tally, together: bool = False) -> None:
        """A process for each wheel."""
        venv = self.venv()
        processes: list[subprocess.Popen[str]] = []
        with held_back(venv, processes) if together else nullcontext():
            processes += [self.start(command(venv, [wheel])) for wheel in wheels]
        tally.count(venv, "", [self.finish(process) for process in processes])


def _owner(wheel: Path) -> str:
    return wheel.name.partition("-")[0]


def collisions(shop: Workshop, wheels: Sequence[Path], rounds: int, slow_rounds: int) -> list[Tally]:
    """The table of what is left. `slow_rounds`: of pip, which takes seconds where the others take tenths."""
    tallies = []

    def measure(label: str, count: int, one: bool, run: Callable[[list[Path], Tally], None]) -> None:
        print(f"{label} ...", file=sys.stderr, flush=True)
        tally = Tally(label, last_wins=one)
        for number in range(count):
            first = number % len(wheels)
            run([*wheels[first:], *wheels[:first]], tally)
        tallies.append(tally)

    for name, command in (("instui", _instui), ("uv", _uv)):
        workers = ", 8 workers" if name == "instui" else ""

        def one(order: list[Path], tally: Tally, command: Command = command) -> None:
            shop.one(command, order, tally)

        def several(order: list[Path], tally: Tally, command: Command = command) -> None:
            shop.several(command, order, tally)

        def together(order: list[Path], tally: Tally, command: Command = command) -> None:
            shop.several(command, order, tally, together=True)

        measure(f"{name}, one process{workers}", rounds, True, one)
        measure(f"{name}, three processes", rounds, False, several)
        measure(f"{name}, three processes released together", rounds, False, together)
    measure("pip, three processes", slow_rounds, False, lambda order, tally: shop.several(_pip, order, tally))
    return tallies


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="of instui and uv (default 50)")
    parser.add_argument("--slow-rounds", type=int, help="of pip (default: as --rounds)")
    parser.add_argument("--work", type=Path, help="where the temporary directory is made")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="instui-collisions-", dir=arguments.work) as name:
        place = Path(name)
        variables = environment(str(place / "uv-cache")) | {
            "INSTUI_CACHE_DIR": str(place / "cache"),
            "UV_NO_CONFIG": "1",
            "UV_CONCURRENT_INSTALLS": str(_WORKERS),
        }
        shop = Workshop(place, variables)
        slow_rounds = arguments.rounds if arguments.slow_rounds is None else arguments.slow_rounds
        tallies = collisions(shop, colliding(place / "colliding"), arguments.rounds, slow_rounds)
        rows = [("", "runs", "mixed", "wrong winner", "failed", ""), *(tally.cells() for tally in tallies)]
        print(aligned(rows), flush=True)
        for tally in tallies:
            for text in dict.fromkeys(tally.reasons[:5]):
                print(f"  {text[:200]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
