"""The keys of rows. In the Locks view they identify what a row is about, so a selection survives regrouping.

The key of a lock is its path. The key of a waiter is `path NUL wheel`, plus a number if it waited there before. Keys of
other rows begin with NUL.
"""

from collections.abc import Mapping

from instui.monitor.model import Snapshot
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

ENVIRONMENT = "\0environment"  # the environment's own lock
ENVIRONMENT_WAITER = "\0environment waiter"  # this session, which waits for it
FOLD = "\0fold"  # the row that says how many others are hidden
_WHEEL = "\0wheel\0"
_OTHER = "\0other\0"
_SESSION_WAIT = "\0session wait\0"
_SESSION = "\0session\0"
_SEPARATOR = "\0"


class About(NamedTuple):
    """The subject of a row: a lock (or `ENVIRONMENT`) and a wheel, "" for none."""

    path: str = ""
    wheel: str = ""


def waiter_key(path: str, wheel: str, again: int = 0) -> str:
    """The row of a wheel that waits for `path`. `again` is the number of its later waits for the same path."""
    return f"{path}{_SEPARATOR}{wheel}{_SEPARATOR}{again}" if again else f"{path}{_SEPARATOR}{wheel}"


def wheel_key(wheel: str) -> str:
    """The row of a wheel of this session."""
    return f"{_WHEEL}{wheel}"


def other_key(holder: Holder) -> str:
    """The row of a holder outside this session."""
    return f"{_OTHER}{holder.pid}{_SEPARATOR}{holder.session}{_SEPARATOR}{holder.wheel}"


def session_wait_key(what: str, which: str) -> str:
    """What the session waits for that is no claim: of that kind, a wheel or a path."""
    return f"{_SESSION_WAIT}{what}{_SEPARATOR}{which}"


def session_key(number: int) -> str:
    """The row above the wheels of the session of that number, where several are shown as one."""
    return f"{_SESSION}{number}"


def session_number(key: str) -> int:
    """The number of the session whose row that is; 0 if it is another row."""
    return int(key.removeprefix(_SESSION)) if key.startswith(_SESSION) else 0


def is_session_wait(key: str) -> bool:
    """Whether the row is about what the session waits for that is no claim."""
    return key.startswith(_SESSION_WAIT)


def lock_key(snapshot: Snapshot, path: str) -> str:
    """The key of the lock at `path`: the path, or `ENVIRONMENT`."""
    return ENVIRONMENT if snapshot.environment is not None and snapshot.environment.path == path else path


def closest(wanted: About, rows: Mapping[str, About]) -> str:
    """The row about the same lock and wheel, else about the same wheel, else about the same lock; "" for none."""
    best, found = 0, ""
    for key, row in rows.items():
        score = 2 * bool(wanted.wheel and row.wheel == wanted.wheel) + bool(wanted.path and row.path == wanted.path)
        if score > best:
            best, found = score, key
    return found
