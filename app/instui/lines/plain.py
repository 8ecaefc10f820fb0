"""The plain user interface: lines that stay and, on a terminal, a block of progress below them."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from instui.explain.summary import summary
from instui.monitor.fold import Fold
from instui.monitor.model import REMOVALS, Phase, Snapshot, WheelState
from instui.monitor.names import holder_name, path_name
from instui.monitor.reader import Source, decoded
from instui.monitor.standstill import Standstill
from instui.monitor.units import age, cells, cut, cut_end, number, pad, size
from instui_engine.errors import printable

from .messages import Messages
from .output_thread import Output, OutputThread

ROWS = 6
FAILED_ROWS = 2  # failures have their own lines above; they must not displace what still runs
_COLOURS = {
    Phase.FETCH: "34",
    Phase.BUILD: "1",
    Phase.UNPACK: "36",
    Phase.STAGE: "35",
    Phase.WAIT: "33",
    Phase.COMMIT: "32",
    Phase.FAILED: "31",
}


class PlainUI:
    """A user interface that shows the session of `source` on `stream` (None: nowhere), in a thread of its own.

    On a terminal that can move its cursor it shows a block of progress, redrawn about ten times a second, with
    everything that is over above it; elsewhere, plain lines. `clock` is CLOCK_MONOTONIC in seconds; the session's first
    event gives its time of start. Without `progress` no line says how far it is. `columns` returns the present size of
    the terminal.
    """

    def __init__(
        self,
        source: Source,
        stream: TextIO | None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        progress: bool = True,
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
        columns: Callable[[], os.terminal_size] = shutil.get_terminal_size,
    ) -> None:
        self._clock = clock
        self._columns = columns
        self._quiet = quiet
        self._verbose = verbose
        self._live = progress and not quiet and is_live(stream, environ)
        self._colour = self._live and not environ.get("NO_COLOR")
        self._fold = Fold()
        self._standstill = Standstill()
        self._messages = Messages(self._fold, live=self._live, quiet=quiet, verbose=verbose, progress=progress)
        self._drawn: list[str] = []
        self._thread = OutputThread(source, Output(stream), self.frame)

    def start(self) -> None:
        """Start to show."""
        self._thread.start()

    def finish(self, grace: float = 5.0) -> bool:
        """End the source and wait until everything is shown; False if the output did not move for `grace` seconds."""
        return self._thread.finish(grace)

    def frame(self, lines: list[str], ended: bool = False) -> str:
        """The text to write for a batch of journal lines; `ended` says that it is the last one."""
        messages = []
        for t, event in decoded(lines):
            self._fold.feed(t, event)
            messages += self._messages.lines_for(t, event)
        if ended:
            self._fold.abandon()
        session = self._fold.session
        snapshot = self._fold.snapshot(self._clock() - session.clock if session else 0.0)
        snapshot = self._standstill.shown(snapshot, self._fold.now)
        messages += self._messages.rest() if ended else self._messages.now(snapshot)
        if ended and session is not None:
            turns, verbose = not self._verbose, self._verbose
            messages += summary(snapshot, quiet=self._quiet, turns=turns, verbose=verbose, told=True)
        text = "".join(f"{line}\n" for line in messages)
        return self._redraw(text, snapshot, ended) if self._live else text

    def _redraw(self, text: str, snapshot: Snapshot, ended: bool) -> str:
        width, height = self._columns()
        rows = [] if ended or snapshot.finished else block(snapshot, max(width - 1, 1), max(height - 2, 1))
        if not text and rows == self._drawn:
            return ""
        erase = _erase(self._drawn, width)
        self._drawn = rows
        painted = (_paint(row) for row in rows) if self._colour else rows
        return erase + text + "".join(f"{row}\n" for row in painted)


def is_live(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that can move its cursor."""
    try:
        return stream is not None and stream.isatty() and environ.get("TERM", "dumb") != "dumb"
    except (OSError, ValueError):
        return False


def block(snapshot: Snapshot, width: int, height: int) -> list[str]:
    """The block of progress at the bottom of a terminal, colourless, at most `width` columns and `height` rows."""
    lines = [_counters(snapshot, width)]
    room = max(0, min(ROWS, height - len(lines)))
    wheels = _interesting(snapshot)
    shown = wheels[:room] if len(wheels) <= room else wheels[: max(room - 1, 0)]
    lines += [_row(wheel, snapshot, width) for wheel in shown]
    if room and len(shown) < len(wheels):
        lines.append(cut_end(f"  and {number(len(wheels) - len(shown))} more", width))
    return lines[:height]


def _counters(snapshot: Snapshot, width: int) -> str:
    """The pipeline in one line. If it is too narrow, zeros are left out first, then what comes first."""
    took = age(snapshot.wall)
    environment = snapshot.environment
    if (halt := snapshot.standstill) is not None and snapshot.session is not None:
        return cut_end(f"stands still: pid {snapshot.session.pid} is stopped · {age(snapshot.t - halt.begin)}", width)
    if environment and environment.state == "waiting":
        who = [holder_name(holder, snapshot.session, str) for holder in environment.holders[:1]]
        held = f", held by {who[0]}" if who else ""
        return cut_end(f"waiting for the environment's lock{held} · {age(snapshot.t - environment.since)}", width)
    if snapshot.resolving or not snapshot.wheels:
        return cut_end(f"{'resolving' if snapshot.resolving else 'starting'} · {took}", width)
    if snapshot.syncing:
        took = f"{took} · writing the {snapshot.syncing} to disk"
    if snapshot.is_compiling:
        took = f"{took} · compiling, {number(snapshot.compiling.done)} of {number(snapshot.compiling.files)} modules"
    totals = snapshot.totals
    # what comes from the cache is neither fetched nor unpacked
    counts = [("resolved", totals.resolved), ("cached", totals.cached)]
    counts += [("fetched", totals.downloads), ("unpacked", totals.unpacked - totals.cached)]
    counts += [("staged", totals.staged), ("waiting", totals.waiting), ("committed", totals.committed)]
    if totals.removing and not snapshot.removes:
        counts.append(("removed", totals.removed))
    elif totals.removing:
        counts = [("removing", totals.removing), ("waiting", totals.waiting), ("removed", totals.removed)]
    counts.append(("failed", totals.failed))
    parts = [f"{word} {number(value)}" for word, value in counts]
    if cells(" · ".join([*parts, took])) > width:
        parts = [f"{word} {number(value)}" for word, value in counts if value]
    while len(parts) > 1 and cells(" · ".join([*parts, took])) > width:
        del parts[0]
    return cut_end(" · ".join([*parts, took]), width)


def _interesting(snapshot: Snapshot) -> list[WheelState]:
    """Failed wheels (latest first), then those that wait or run, longest first."""
    keys = [*snapshot.failed[: -FAILED_ROWS - 1 : -1], *snapshot.waiting, *snapshot.running]
    return [wheel for key in keys if (wheel := snapshot.wheel(key))]


def _row(wheel: WheelState, snapshot: Snapshot, width: int) -> str:
    """The state, name, detail and age of one wheel, in columns."""
    since = age(snapshot.t - wheel.since)
    name = max(12, min(32, width * 3 // 10))
    detail = width - 9 - name - 2 - cells(since) - 1
    left = f"  {wheel.word:<6} {pad(printable(wheel.label), name)}"
    if detail < 8:
        return cut_end(f"{left} {since}", width)
    return f"{left}  {pad(_detail(wheel, snapshot, detail), detail)} {since}"


def _detail(wheel: WheelState, snapshot: Snapshot, width: int) -> str:
    if wheel.phase is Phase.FAILED:
        return cut_end(printable(wheel.error), width)
    if wheel.waits_for is not None:
        return _wait_detail(wheel, snapshot, width)
    if wheel.phase in (Phase.FETCH, Phase.UNPACK):
        rate = f", {size(wheel.rate)}/s" if wheel.rate >= 1 else ""
        of = f" of {size(wheel.total)}" if wheel.total else ""
        return cut_end(f"{size(wheel.done)}{of}{rate}", width)
    if wheel.phase is Phase.BUILD:
        return cut_end(printable(wheel.build.line) if wheel.build else "", width)
    unit = "files" if wheel.phase is Phase.STAGE else "renames"
    return cut_end(f"{number(wheel.done)} of {number(wheel.total)} {unit}" if wheel.total else "", width)


def _wait_detail(wheel: WheelState, snapshot: Snapshot, width: int) -> str:
    """Lock -> holder. If it is too narrow, both are cut in the middle."""
    wait = wheel.waits_for
    if wait is None:
        return ""

    def label(key: str) -> str:
        holder = snapshot.wheel(key)
        return holder.label if holder else key

    path = path_name(wait.path, snapshot.session)
    holders = snapshot.blocking(wait)
    if not holders:
        return cut(path, width)
    who = holder_name(holders[0], snapshot.session, label)
    if cells(path) + 4 + cells(who) > width:
        half = (width - 4) // 2
        who = cut(who, max(half, width - 4 - cells(path)))
        path = cut(path, width - 4 - cells(who))
    return f"{path} -> {who}"


def _paint(row: str) -> str:
    """The row, with the state in its colour."""
    word = row[2:8].strip()
    for phase, colour in _COLOURS.items():
        if row.startswith("  ") and word in (phase.value, REMOVALS.get(phase)):
            return f"  \x1b[{colour}m{word}\x1b[0m{row[2 + len(word) :]}"
    return row


def _erase(rows: list[str], width: int) -> str:
    """The codes that clear the block. A terminal that has shrunk since has wrapped its rows."""
    height = sum(max(1, -(-cells(row) // max(width, 1))) for row in rows)
    return f"\x1b[{height}A\r\x1b[J" if height else ""
