"""`instui locks`: who holds and who waits in an environment now, other programs included. It changes nothing."""

import argparse
import json
import time
from collections.abc import Sequence

from instui.monitor.names import holder_name, path_name
from instui.monitor.units import age, cells, count
from instui_engine.errors import printable
from instui_engine.locks.holders import Claimant, LockRow, rows
from instui_engine.locks.names import TURNSTILE

from .options import environment_from
from .output import print_lines

_HEAD = ("lock", "mode", "", "by", "for")


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    environment = environment_from(parsed, writable=False, any_python=True)
    found = rows(environment.top)
    if parsed.json:
        print_lines([json.dumps({"environment": str(environment.top), "locks": [_plain(row) for row in found]})])
    else:
        print_lines(table(found, time.time()))
    return 0


def table(found: Sequence[LockRow], now: float) -> list[str]:
    """The locks in columns, with a line for each holder and each waiter. `now` is Unix time."""
    if not found:
        return ["no lock is held"]
    grid = [_HEAD]
    for row in found:
        name = _lock_name(row.path)
        for word, claimants in (("held", row.holders), ("wait", row.waiters)):
            for claimant in claimants:
                since = age(now - claimant.since) if claimant.since else ""
                grid.append((name, claimant.mode, word, _who(claimant), since))
                name = ""
    widths = [max(cells(line[column]) for line in grid) for column in range(len(_HEAD))]
    lines = ["  ".join(_padded(text, width) for text, width in zip(line, widths, strict=True)) for line in grid]
    holders = sum(len(row.holders) for row in found)
    waiters = sum(len(row.waiters) for row in found)
    foot = f"{count(len(found), 'lock')}, {count(holders, 'holder')}, {count(waiters, 'waiter')}"
    return [*(line.rstrip() for line in lines), foot]


def _lock_name(path: str) -> str:
    return "the turn at .lock" if path == TURNSTILE else path_name(path, None)


def _who(claimant: Claimant) -> str:
    name = holder_name(claimant.holder, None, str)
    session = claimant.holder.session
    return f"{name}, session {printable(session)}" if session else name


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _plain(row: LockRow) -> dict[str, object]:
    return {
        "path": row.path,
        "holders": [_fields(claimant) for claimant in row.holders],
        "waiters": [_fields(claimant) for claimant in row.waiters],
    }


def _fields(claimant: Claimant) -> dict[str, object]:
    return {**claimant.holder._asdict(), "mode": claimant.mode, "since": round(claimant.since, 6)}
