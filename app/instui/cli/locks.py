"""`instui locks`: who holds and who waits in an environment now, other programs included. It changes nothing."""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from instui.monitor.names import holder_name, mode_in_words, path_name
from instui.monitor.units import ELLIPSIS, age, cells, count, cut, cut_end, head
from instui_engine.errors import printable
from instui_engine.locks.holders import Claimant, LockRow, rows
from instui_engine.locks.names import ENVIRONMENT, TURNSTILE
from instui_engine.target.private import unreadable

from .output import print_error, print_lines
from .parsed import environment_from

_HEAD = ("lock", "mode", "", "by", "for")


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    environment = environment_from(parsed, writable=False, any_python=True)
    found = rows(environment.top)
    if parsed.json:
        print_lines([json.dumps({"environment": str(environment.top), "locks": [_plain(row) for row in found]})])
    else:
        width = _columns() if sys.stdout.isatty() else 0
        print_lines(table(found, time.time(), width))
    closed = [place for place in unreadable(environment.private) if place.name not in ("stage", "records", "kept")]
    if closed:
        print_error(f"no permission to read {printable(str(closed[0]))}: which sessions hold what is not known")
    return 1 if closed else 0


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def table(found: Sequence[LockRow], now: float, width: int = 0) -> list[str]:
    """The locks in columns, with a line for each holder and each waiter. `now` is Unix time.

    Long names are cut such that a line has at most `width` columns; 0 for any width.
    """
    if not found:
        return ["no lock is held"]
    grid = _grid(found, now)
    widths = _widths(grid)
    if width and _excess(widths, width) > 0:  # what holders do says more than the ids of their sessions
        grid = _grid(found, now, sessions=False)
        widths = _widths(grid)
    if width and (excess := _excess(widths, width)) > 0:  # what a path ends with is seen first, then who holds it
        room = max(widths[0] + widths[3] - excess, 24)
        ends = max(cells(_end(line[0])) + 1 for line in grid)
        widths[0] = min(widths[0], max(min(ends, room // 2), room - widths[3]))
        widths[3] = room - widths[0]
    lines = []
    for line in grid:
        fitting = (_short_path(line[0], widths[0]), *line[1:3], cut_end(line[3], widths[3]), line[4])
        lines.append("  ".join(_padded(text, size) for text, size in zip(fitting, widths, strict=True)))
    holders = sum(len(row.holders) for row in found)
    waiters = sum(len(row.waiters) for row in found)
    foot = f"{count(len(found), 'lock')}, {count(holders, 'holder')}, {count(waiters, 'waiter')}"
    present = {line[1] for line in grid[1:]}
    modes = [f"{mode}: {mode_in_words(mode)}" for mode in ("X", "IX", "SH") if mode in present]
    return [*(line.rstrip() for line in lines), *(cut(line, width) if width else line for line in modes), foot]


def _grid(found: Sequence[LockRow], now: float, sessions: bool = True) -> list[tuple[str, str, str, str, str]]:
    """The table uncut, with its head; `sessions`: with the ids of the holders' sessions."""
    grid = [_HEAD]
    for row in found:
        name = _lock_name(row.path)
        for word, claimants in (("held", row.holders), ("wait", row.waiters)):
            for claimant in claimants:
                since = age(now - claimant.since) if claimant.since else ""
                grid.append((name, _mode(row.path, claimant), word, _who(claimant, now, sessions), since))
                name = ""
    return grid


def _widths(grid: Sequence[Sequence[str]]) -> list[int]:
    return [max(cells(line[column]) for line in grid) for column in range(len(_HEAD))]


def _excess(widths: Sequence[int], width: int) -> int:
    """By how many columns a line of such columns is wider than `width`."""
    return sum(widths) + 2 * (len(widths) - 1) - width


def _short_path(path: str, width: int) -> str:
    """`path` cut such that its end is seen, as it is the end that names the distribution."""
    if cells(path) <= width:
        return path
    last = _end(path)
    room = width - 1 - cells(last)
    return f"{head(path, room)}{ELLIPSIS}{last}" if room >= 0 else cut(last, width)


def _end(path: str) -> str:
    """The last name in `path`, with the slash of a directory."""
    return path[path.rstrip("/").rfind("/") + 1 :]


def _lock_name(path: str) -> str:
    return "the turn at .lock" if path == TURNSTILE else path_name(path, None)


def _mode(path: str, claimant: Claimant) -> str:
    """The mode as the screens show it. The environment's own lock is shared, but announces no claim below it."""
    return "SH" if claimant.mode == "IX" and path in (ENVIRONMENT, TURNSTILE) else claimant.mode


def _who(claimant: Claimant, now: float, sessions: bool) -> str:
    name = holder_name(claimant.holder, None, str)
    if claimant.holder.began and not claimant.holder.wheel:
        name = f"{name}, started {age(now - claimant.holder.began)} ago"
    session = claimant.holder.session if sessions else ""
    return f"{name}, session {printable(session)}" if session else name


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _plain(row: LockRow) -> dict[str, object]:
    return {
        "path": row.path,
        "holders": [_fields(row.path, claimant) for claimant in row.holders],
        "waiters": [_fields(row.path, claimant) for claimant in row.waiters],
    }


def _fields(path: str, claimant: Claimant) -> dict[str, object]:
    return {**claimant.holder._asdict(), "mode": _mode(path, claimant), "since": round(claimant.since, 6)}
