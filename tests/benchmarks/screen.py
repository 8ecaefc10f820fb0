"""Measure the full screen on a pseudo-terminal: how soon a key is answered, what the screen costs, what it slows down.

    python tests/benchmarks/screen.py [--work DIR] [--rounds N] [--presses N] [--wheels N]

install   a real install of the benchmark set (see prepare.py), unpacked from local files, slowed down so that it lasts
          long enough to be looked at
journal   a made-up journal of an install of --wheels wheels that another process writes while it is watched
P6        the wall time of a real install, cold store, as its journal has it, with a screen attached against none

Latency is from the key press to the output that shows its effect: the marker on another row of the events, or the
heading of another view. CPU is that of the process with the screen on the dashboard, in percent of a core. The budgets
are P6's: p95 <= 50 ms, CPU <= 20 %, ratio <= 1.05.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import table
from prepare import Material, Skip, compile_packages, environment, make_venv, prepare

from instui_engine.journal import codec, events
from support.terminal import Terminal

_INSTUI = [sys.executable, "-m", "instui"]
_SIZE = (120, 40)
_MARKER = "▌"
_HEADINGS = ("wheel ", "path ", "replaced ", "time ")
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def marked(terminal: Terminal) -> str:
    """The selected row, by its place and first words."""
    rows = terminal.screen.lines[6:]
    return next((f"{number} {row[:30]}" for number, row in enumerate(rows) if row.startswith(_MARKER)), "")


def heading(terminal: Terminal) -> str:
    """What stands above the rows, which tells one view from another."""
    return next((row for row in terminal.screen.lines[3:9] if row.lstrip().startswith(_HEADINGS)), "")


def answered(terminal: Terminal, key: str, seen: Callable[[Terminal], str]) -> float | None:
    """Seconds from the press of `key` until `seen` is another than before; None where that never comes."""
    before = seen(terminal)
    begun = time.perf_counter()
    terminal.press(key)
    while seen(terminal) in (before, ""):
        terminal.read(0.005)
        if time.perf_counter() - begun > 5:
            return None
    return time.perf_counter() - begun


def latencies(terminal: Terminal, presses: int, over: Callable[[], bool]) -> tuple[list[float], list[float]]:
    """Of moves of the selection among the events, which do not move themselves; and of changes of the view."""
    moves: list[float | None] = []
    views: list[float | None] = []
    number = 0
    while len(moves) < presses and not over():
        terminal.press("4", "k")
        terminal.until(lambda: heading(terminal).lstrip().startswith("time") and marked(terminal), "the selection")
        for key in "kkkkkkjjjjjj":
            moves.append(answered(terminal, key, marked))
            _rest(terminal, number := number + 1)
        for key in "1234":
            if key != "4" or views:
                views.append(answered(terminal, key, heading))
            _rest(terminal, number := number + 1)
    return [value for value in moves if value], [value for value in views if value]


def _rest(terminal: Terminal, number: int) -> None:
    end = time.perf_counter() + 0.03 + 0.001 * (number * 37 % 70)  # not in step with the frames
    while time.perf_counter() < end:
        terminal.read(0.005)


def watched(label: str, terminal: Terminal, presses: int, over: Callable[[], bool]) -> list[tuple[str, ...]]:
    """CPU while nobody does anything, then latency while keys are pressed."""
    begun, used = time.perf_counter(), cpu_seconds(terminal.process.pid)
    while time.perf_counter() - begun < 5 and not over():
        terminal.read(0.05)
    share = (cpu_seconds(terminal.process.pid) - used) / (time.perf_counter() - begun)
    moves, views = latencies(terminal, presses, over)
    rows = []
    for name, found in (("move", sorted(moves)), ("view", sorted(views))):
        if not found:
            raise Skip(f"{label} was over before a key was pressed")
        p95 = found[min(len(found) - 1, int(0.95 * len(found)))]
        cells = (f"{1000 * value:.1f}" for value in (median(found), p95, found[-1]))
        verdict = "ok" if p95 <= 0.05 and share <= 0.2 else "OVER"
        rows.append((f"{label}: {name}", str(len(found)), *cells, f"{100 * share:.0f}", verdict))
    return rows


def install(place: Path, material: Material, variables: dict[str, str], presses: int) -> list[tuple[str, ...]]:
    """Keys during a real install."""
    venv = str(place / "watched")
    make_venv(venv, variables)
    arguments = ["install", "--ui", "tui", "--stay", "--no-deps", "--slow", "0.6"]
    arguments += ["--cache-dir", str(place / "cache"), "--python", venv]
    terminal = Terminal([*_INSTUI, *arguments, *material.wheels], variables, _SIZE)
    try:
        terminal.shows("unpack ")
        rows = watched("install", terminal, presses, lambda: "● LIVE" not in terminal.screen.lines[0])
        terminal.press("ctrl+c", "c")
        terminal.until(lambda: "● LIVE" not in terminal.screen.lines[0])
        return rows
    finally:
        terminal.close()


def write_journal(path: str, wheels: int, rate: float = 1000.0) -> None:
    """Append the journal of an install of `wheels` wheels, about `rate` events a second once they are known."""
    names = [f"wheel{number:05}" for number in range(wheels)]
    start = time.monotonic()
    with open(path, "a", encoding="ascii") as file:

        def put(event: events.Event) -> None:
            file.write(codec.encode(time.monotonic() - start, event) + "\n")

        put(
            events.SessionStarted(
                schema=events.SCHEMA,
                session="made-up",
                pid=os.getpid(),
                wall=time.time(),
                clock=start,
                version="0",
                command=["instui", "install"],
                top="/nowhere/venv",
                python="3.11",
                roots={"purelib": "lib/python3.11/site-packages", "scripts": "bin"},
                jobs=8,
                control="",
            )
        )
        put(events.ResolveFinished(wheels, 0))
        for name in names:
            put(events.WheelAdded(name, "1.0", f"{name}-1.0-py3-none-any.whl", 100_000, True))
        file.flush()
        for number, event in enumerate(_work(names)):
            put(event)
            if number % 20 == 0:
                file.flush()
                time.sleep(0.02 * 1000 / rate)


def _work(names: Sequence[str]) -> Iterator[events.Event]:
    for name in names:
        yield events.UnpackStarted(name, 50, 400_000)
        yield events.UnpackProgress(name, 200_000, 400_000)
        yield events.UnpackFinished(name, 50, 400_000)
    for order, name in enumerate(names):
        yield events.PlanWheel(name, order, 50, 2, [f"lib/python3.11/site-packages/{name}/"], ["lib"], "")
    for name in names:
        yield events.StageStarted(name, 50)
        yield events.StageProgress(name, 25, 50)
        yield events.StageFinished(name)


def journal(place: Path, variables: dict[str, str], wheels: int, presses: int) -> list[tuple[str, ...]]:
    """Keys while a made-up journal grows."""
    path = place / "made-up.jsonl"
    path.touch()
    writer = subprocess.Popen([sys.executable, __file__, "--write", str(path), "--wheels", str(wheels)])
    terminal = Terminal([sys.executable, "-m", "instui.tui", str(path)], variables, _SIZE)
    try:
        terminal.until(lambda: f"{wheels:,}".replace(",", " ") in terminal.screen.lines[1], "all wheels")
        terminal.shows("unpack ")
        return watched(f"journal, {wheels} wheels", terminal, presses, lambda: writer.poll() is not None)
    finally:
        writer.kill()
        writer.wait()
        terminal.close()


def slowdown(place: Path, material: Material, variables: dict[str, str], rounds: int) -> tuple[str, ...]:
    """The seconds of an install that is watched against one that is not."""
    watching: list[float] = []
    alone: list[float] = []
    numbers = [[f"p6-{number}-{which}" for which in ("watched", "alone")] for number in range(rounds + 1)]
    for pair in numbers:
        for name in pair:
            make_venv(str(place / name), variables)
    for number, pair in enumerate(numbers):
        for name in pair if number % 2 else reversed(pair):
            os.sync()
            seconds = _timed(place, name, material, variables)
            if number:  # the first round warms up
                (watching if name.endswith("watched") else alone).append(seconds)
    ratios = [a / b for a, b in zip(watching, alone, strict=True)]
    ratio = median(ratios)
    between = f"{min(ratios):.2f}-{max(ratios):.2f}"
    return (
        "install, watched / alone",
        f"{median(watching):.2f}",
        f"{median(alone):.2f}",
        f"{ratio:.3f}",
        between,
        "1.05",
        "ok" if ratio <= 1.05 else "OVER",
    )


def _timed(place: Path, name: str, material: Material, variables: dict[str, str]) -> float:
    """The seconds that a session says it took, from its beginning to its end."""
    arguments = ["install", "--no-deps", "--no-fsync", "--cache-dir", str(place / f"{name}-cache")]
    arguments += ["--python", str(place / name), "--journal", str(place / f"{name}.jsonl")]
    if name.endswith("alone"):
        subprocess.run([*_INSTUI, *arguments, "--ui", "none", *material.wheels], env=variables, check=True)
    else:
        watcher = Terminal([sys.executable, "-m", "instui.tui", str(place / f"{name}.jsonl")], variables, _SIZE)
        watcher.shows("Dashboard")
        process = subprocess.Popen([*_INSTUI, *arguments, "--ui", "none", *material.wheels], env=variables)
        watcher.until(lambda: process.poll() is not None, "the end")
        watcher.shows("FINISHED")
        watcher.close()
    last = (place / f"{name}.jsonl").read_text(encoding="ascii").splitlines()[-1]
    return float(json.loads(last)["seconds"])


def main() -> int:
    """Parse, prepare, measure, print, delete; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep what was downloaded there")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of P6; default: %(default)s")
    parser.add_argument("--presses", type=int, default=150, metavar="N", help="keys; default: %(default)s")
    parser.add_argument("--wheels", type=int, default=5000, metavar="N", help="in the journal; default: %(default)s")
    parser.add_argument("--write", default="", help=argparse.SUPPRESS)  # what the process that writes the journal does
    arguments = parser.parse_args()
    if arguments.write:
        write_journal(arguments.write, arguments.wheels)
        return 0
    work = (arguments.work or Path(tempfile.mkdtemp(prefix="instui-benchmarks-"))).absolute()
    work.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="screen-", dir=work))
    try:
        print("preparing ...", file=sys.stderr, flush=True)
        material = prepare(work)
        compile_packages()
        variables = {key: value for key, value in environment(material.uv_cache).items() if key != "NO_COLOR"}
        _report(place, material, variables, arguments)
    except Skip as skip:
        print(f"skipped: {skip}", file=sys.stderr)
    finally:
        shutil.rmtree(place if arguments.work else work)
    return 0


def _report(place: Path, material: Material, variables: dict[str, str], arguments: argparse.Namespace) -> None:
    rows: list[tuple[str, ...]] = [("", "keys", "median ms", "p95 ms", "max ms", "CPU %", "")]
    print("keys ...", file=sys.stderr, flush=True)
    rows.extend(install(place, material, variables, arguments.presses))
    rows.extend(journal(place, variables, arguments.wheels, arguments.presses))
    print("P6 ...", file=sys.stderr, flush=True)
    ratios: list[tuple[str, ...]] = [("", "watched s", "alone s", "ratio", "min-max", "budget", "")]
    ratios.append(slowdown(place, material, variables, arguments.rounds))
    print(f"{len(material.wheels)} wheels, Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, {_SIZE} cells")
    print(table(rows))
    print()
    print(table(ratios))


if __name__ == "__main__":
    raise SystemExit(main())
