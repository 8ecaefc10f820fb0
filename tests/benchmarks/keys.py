"""How soon a key is answered on the screen, and what the process with the screen uses.

Latency is from the key press to the output that shows its effect: the marker on another row, or another heading.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.lab import Lab
from benchmarks.measure import Failed
from benchmarks.processes import cpu_seconds
from benchmarks.results import Findings, Line, Spread, percentile, single
from instui.tui.views.explain import ExplainView
from instui.tui.views.registry import BY_ID
from instui.tui.views.registry import VIEWS as REGISTERED
from support import watched
from support.terminal import Terminal

SIZE = (120, 40)
_BEGIN = {
    "wheels": "wheel ",
    "locks": "path ",
    "timeline": "the session ",
    "overwrites": "replaced ",
    "events": "time ",
}
VIEWS: Mapping[str, tuple[str, str]] = {  # by key: the name of the view, and how its heading begins
    BY_ID[f"view_{view.scope}"].keys: (view.heading.lower(), _BEGIN[view.scope])
    for view in REGISTERED
    if view.scope in _BEGIN
}
EVENTS, TIMELINE = BY_ID["view_events"].keys, BY_ID["view_timeline"].keys
EXPLAIN = ExplainView.opened_by
_EXPLAINED = "share "  # how its heading begins

_LATENCY, _BUSY, _IDLE, _MEMORY = 50.0, 20.0, 1.0, 200.0  # ms, percent of a core, the same, MB
_MARKER = "▌"
_HEADINGS = (*(begin for _, begin in VIEWS.values()), _EXPLAINED)
_SETTLED = 0.5  # seconds after which a view is complete
_TOO_LATE = 60.0  # seconds
_NOTHING = 2.0  # seconds after which a key has done nothing


def keys(lab: Lab, found: Findings) -> None:
    """A made-up journal of many wheels: while it grows, and when it stands still."""
    path, presses, watch = lab.place / "made-up.jsonl", lab.sizes.presses, lab.sizes.watch
    settle = min(_SETTLED, watch)
    path.touch()
    script = Path(__file__).with_name("made_up_journal.py")
    writing = [lab.instui.python, str(script), str(path), str(lab.sizes.journal)]
    lab.say(f"{presses} keys on a journal of {lab.sizes.journal:,} wheels that grows")
    writer = subprocess.Popen(writing, env=lab.variables)
    terminal = Terminal([lab.instui.python, watched.__file__, str(path)], screen_variables(lab), SIZE)
    try:
        terminal.until(lambda: heading(terminal), "the table")
        busy = share(terminal, watch)
        _open(terminal, EVENTS, settle)
        tell(found, "move among growing events", _moves(terminal, presses, "kkkkkkjjjjjj"))
        _open(terminal, TIMELINE, settle)
        _select(terminal, settle)
        terminal.press("jjjjjjjj")  # away from both ends, as lanes come and go
        share(terminal, settle)
        tell(found, "move in a growing timeline", _moves(terminal, presses, "jk"))
        _explain(terminal, settle)
        tell(found, "move in a growing explanation", _moves(terminal, presses, "jk"))
        _open(terminal, TIMELINE, settle)
        tell(found, "explain and back while it grows", _changes(terminal, presses, f"{EXPLAIN}{TIMELINE}"))
        tell(found, "change of the view while it grows", _changes(terminal, presses, VIEWS))
        if writer.poll() is not None:
            raise Failed("the made-up journal was at its end before all keys were pressed")
        path.with_name(f"{path.name}.rush").touch()
        lab.say(f"{presses} keys in each view of a journal that stands still")
        if writer.wait():
            raise Failed("the made-up journal could not be written")
        terminal.shows("FINISHED")
        for key, (name, _) in VIEWS.items():
            _open(terminal, key, settle)
            if name == "locks":
                terminal.press("a")  # afterwards those that nobody waited for are left out
                share(terminal, settle)
            terminal.press("g")
            share(terminal, settle)
            _select(terminal, settle)
            tell(found, f"move in {name}", _moves(terminal, presses, "jjjjjjkkkkkk"))
        _explain(terminal, settle)
        tell(found, "move in explain", _moves(terminal, presses, "jk"))
        tell(found, "explain and back", _changes(terminal, presses, f"{TIMELINE}{EXPLAIN}"))
        _open(terminal, "1", settle)
        idle = share(terminal, watch)
        most = peak(terminal.process.pid)
    finally:
        writer.kill()
        writer.wait()
        terminal.close()
    found.lines.append(Line("screen: CPU while the journal grows", single(busy), "%", budget=_BUSY))
    found.lines.append(Line("screen: CPU when nothing moves", single(idle), "%", budget=_IDLE))
    what = f"screen: peak memory, {lab.sizes.journal:,} wheels"
    found.lines.append(Line(what, single(most), "MB", budget=_MEMORY))


def _open(terminal: Terminal, key: str, settle: float) -> None:
    name, begin = VIEWS[key]
    terminal.press(key)
    terminal.until(lambda: heading(terminal).startswith(begin), name)
    share(terminal, settle)


def _explain(terminal: Terminal, settle: float) -> None:
    terminal.press(EXPLAIN)
    terminal.until(lambda: heading(terminal).startswith(_EXPLAINED), "explain")
    share(terminal, settle)
    _select(terminal, settle)


def _select(terminal: Terminal, settle: float) -> None:
    """Make sure that a row is selected: a view may have none before the first movement."""
    end = time.perf_counter() + _TOO_LATE
    while not marked(terminal):
        terminal.press("j")
        share(terminal, settle)
        if time.perf_counter() > end:
            raise Failed(f"no row can be selected:\n{terminal.screen.text}")


def screen_variables(lab: Lab) -> dict[str, str]:
    """Those of all processes, in colours, and with a screen also in CI."""
    return {key: value for key, value in lab.variables.items() if key not in ("NO_COLOR", "CI")}


def marked(terminal: Terminal) -> str:
    """The selected row, by its place and first words."""
    lines = terminal.screen.lines
    rows = lines[next((place for place, row in enumerate(lines) if place > 2 and _is_heading(row)), len(lines)) :]
    return next((f"{number} {row[:30]}" for number, row in enumerate(rows) if row.startswith(_MARKER)), "")


def heading(terminal: Terminal) -> str:
    """What stands above the rows, which tells one view from another."""
    return next((row.lstrip() for row in terminal.screen.lines[3:] if _is_heading(row)), "")


def _is_heading(row: str) -> bool:
    return row.lstrip().startswith(_HEADINGS)


def share(terminal: Terminal, seconds: float) -> float:
    """The CPU of the process with the screen while it is only read, in percent of a core."""
    begun, used = time.perf_counter(), cpu_seconds(terminal.process.pid)
    while time.perf_counter() - begun < seconds:
        terminal.read(0.05)
    return 100 * (cpu_seconds(terminal.process.pid) - used) / (time.perf_counter() - begun)


def _moves(terminal: Terminal, presses: int, pattern: str) -> list[float]:
    """Of the selection by a row."""
    return pressed(terminal, islice(cycle(pattern), presses), marked)


def _changes(terminal: Terminal, presses: int, pattern: Iterable[str]) -> list[float]:
    """Of the view."""
    return pressed(terminal, islice(cycle(pattern), presses), heading)


def pressed(
    terminal: Terminal, pressed: Iterable[str], seen: Callable[[Terminal], str], answers: bool = True
) -> list[float]:
    """Seconds from each press until `seen` is another than before. Unless it always `answers`, some may do nothing."""
    latencies = []
    for number, key in enumerate(pressed):
        before = seen(terminal)
        begun = time.perf_counter()
        terminal.press(key)
        while is_late := seen(terminal) in (before, ""):
            terminal.read(0.005)
            if time.perf_counter() - begun > (_TOO_LATE if answers else _NOTHING):
                break
        if is_late and answers:
            raise Failed(f"the screen did not answer the key {key}:\n{terminal.screen.text}")
        if not is_late:
            latencies.append(time.perf_counter() - begun)
        end = time.perf_counter() + 0.03 + 0.001 * (number * 37 % 70)  # not in step with the frames
        while time.perf_counter() < end:
            terminal.read(0.005)
    return latencies


def tell(found: Findings, what: str, latencies: Sequence[float]) -> None:
    """A line of the table."""
    if not latencies:
        raise Failed(f"no key was answered: {what}")
    p95 = 1000 * percentile(latencies, 0.95)
    value = Spread(p95, 1000 * min(latencies), 1000 * max(latencies))
    found.lines.append(Line(f"key to screen, p95: {what}", value, "ms", budget=_LATENCY))


def peak(pid: int) -> float:
    """The largest resident set of a process so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
