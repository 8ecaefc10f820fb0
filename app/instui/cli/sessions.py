"""`instui sessions`: what runs in any of the user's environments, and what is recorded in this one."""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from instui.monitor.sessions import KnownSession, known
from instui.monitor.units import ago, cells, count, cut_end, number, seconds
from instui_engine.errors import TargetError, UsageError, printable

from .output import print_lines
from .parsed import environment_from

_HEAD = ("state", "session", "pid", "started", "took", "wheels")
_ONE_LINE = 120  # columns from which a session needs one line only
_NO_ENVIRONMENT = "for recordings, name an environment with --python"
_RECENT = 86400.0  # seconds for which it is said how long ago it was, not when


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    if parsed.ids:
        from . import session_ids

        return session_ids.show(parsed)
    names_one = parsed.python or parsed.target or parsed.prefix
    try:
        environment = environment_from(parsed, writable=False, any_python=True)
    except (TargetError, UsageError):
        if names_one:
            raise
        environment = None  # there is none here, and what runs elsewhere is shown all the same
    found = known(environment)
    if parsed.json:
        print_lines([json.dumps([_plain(one) for one in found])])
        return 0
    width = _columns() if sys.stdout.isatty() else 0
    where = str(environment.top) if environment is not None else ""
    print_lines(table(found, time.time(), where, width))
    return 0


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _plain(one: KnownSession) -> dict[str, object]:
    return {
        "id": one.session,
        "pid": one.pid,
        "state": one.state,
        "environment": one.environment,
        "command": one.command,
        "started": round(one.started, 3),
        "wall": round(one.wall, 3),
        "error": one.error,
        "journal": one.journal,
        "wheels": one.wheels,
    }


def table(found: Sequence[KnownSession], now: float, here: str = "", width: int = 0) -> list[str]:
    """The sessions in columns; what each does, or has done, stands at the end or, if that is too narrow, below.

    `now` is Unix time, `here` the environment that needs no name. No line has more than `width` columns; 0: any number.
    """
    if not found:
        return [f"no session runs; {_none_recorded(here)}"]
    grid = [_HEAD, *(_cells(one, now) for one in found)]
    whats = ["what", *(_what(one, here) for one in found)]
    widths = [max(cells(row[column]) for row in grid) for column in range(len(_HEAD))]
    lines = []
    for row, what in zip(grid, whats, strict=True):
        line = "  ".join(text + " " * (size - cells(text)) for text, size in zip(row, widths, strict=True))
        if not width or width >= _ONE_LINE:
            lines.append(f"{line}  {what}".rstrip())
        else:
            lines += [line.rstrip(), *([f"    {what}"] if row is not _HEAD else [])]
    live = sum(one.is_live for one in found)
    over = len(found) - live
    where = f" of {printable(here)}" if here else ""
    recordings = f", {count(over, 'recording')}{where}" if over else f"; {_none_recorded(here)}"
    lines.append(f"{live} running{recordings}")
    return [cut_end(line, width) for line in lines] if width else lines


def _none_recorded(here: str) -> str:
    """That there are no recordings, and of which environment."""
    return f"none is recorded in {printable(here)}" if here else _NO_ENVIRONMENT


def _cells(one: KnownSession, now: float) -> tuple[str, ...]:
    when = ago(one.started, now, _RECENT) if one.started else ""
    wheels = "" if one.wheels < 0 else number(one.wheels)
    if one.is_live and one.wheels > 0:
        wheels = f"{number(one.done)} of {number(one.wheels)}"
    pid = str(one.pid) if one.is_live else ""
    return one.state, printable(one.session), pid, when, "" if one.is_live else seconds(one.wall), wheels


def _what(one: KnownSession, here: str) -> str:
    command = printable(one.command).removeprefix("instui ")
    where = f" in {printable(one.environment)}" if one.environment and one.environment != here else ""
    doing = ", ".join([*filter(None, [one.doing]), *(f"{many} wait for {_short(path)}" for path, many in one.waits)])
    after = f": {printable(one.error)}" if one.error else f" ({doing})" if doing else ""
    if command:
        return f"{command}{where}{after}"
    return f"kill -CONT {one.pid} lets it go on" if one.state == "stopped" else "does not say what it does"


def _short(path: str) -> str:
    return printable(path.rpartition("site-packages/")[2].removeprefix("@") or path)
