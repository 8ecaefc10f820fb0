"""The keys of rows in the Locks view. They say what a row is about, so that a selection survives another grouping.

A lock is its path, a waiter `path NUL wheel` (and a number, where it waited there before); the others begin with NUL.
"""

from collections.abc import Mapping
from typing import NamedTuple

from instui.monitor.model import Snapshot
from instui_engine.journal.events import Holder

ENVIRONMENT = "\0environment"
ENVIRONMENT_WAITER = "\0environment waiter"  # this session, which waits for it
FOLD = "\0fold"
_WHEEL = "\0wheel\0"
_OTHER = "\0other\0"
_SEPARATOR = "\0"


class About(NamedTuple):
    """A lock (or `ENVIRONMENT`) and a wheel, "" where the row is not about one."""

    path: str = ""
    wheel: str = ""


def waiter_key(path: str, wheel: str, again: int = 0) -> str:
    """The row of a wheel that waits at `path`; `again`: how many later waits of it there are at the same path."""
    return f"{path}{_SEPARATOR}{wheel}{_SEPARATOR}{again}" if again else f"{path}{_SEPARATOR}{wheel}"


def wheel_key(wheel: str) -> str:
    """The row of a wheel of this session."""
    return f"{_WHEEL}{wheel}"


def other_key(holder: Holder) -> str:
    """The row of a holder outside this session."""
    return f"{_OTHER}{holder.pid}{_SEPARATOR}{holder.session}{_SEPARATOR}{holder.wheel}"


def lock_key(snapshot: Snapshot, path: str) -> str:
    """How rows call the lock at `path`: by its path, but for the environment's own."""
    return ENVIRONMENT if snapshot.environment is not None and snapshot.environment.path == path else path


def closest(wanted: About, rows: Mapping[str, About]) -> str:
    """The row that is about the same lock and wheel, else about the same wheel, else the same lock; "" for none."""
    best, found = 0, ""
    for key, row in rows.items():
        score = 2 * bool(wanted.wheel and row.wheel == wanted.wheel) + bool(wanted.path and row.path == wanted.path)
        if score > best:
            best, found = score, key
    return found
