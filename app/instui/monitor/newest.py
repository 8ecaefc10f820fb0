"""The sessions that an environment has recorded, in the order in which they began; the newest that did something.

Their order is what their journals say: the ids of one second are in none, and a clock may have been put back.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from instui_engine.fs.files import open_regular
from instui_engine.values import NamedTuple

from .sessions import KnownSession, recording, started

AT_ONCE = 1.5  # seconds with the start of Python; what takes longer is worth a question, whatever came of it
_USAGE = 2  # the exit code of a mistake in what was asked
_SHORT = 1 << 16  # bytes of a journal; a longer one is of a session that did something
_WORK = (b'"event":"wheel.added"', b'"event":"plan.wheel"', b'"event":"recovery.started"')


def in_order(journals: Iterable[Path]) -> list[Path]:
    """Those journals, that of the session that began first being the first."""
    return sorted(journals, key=lambda path: (_began(path), path.stem))


def _began(path: Path) -> float:
    """Unix time; of what is no journal, or a damaged one, when it was written."""
    if (first := started(path)) is not None:
        return first.wall
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


class Newest(NamedTuple):
    """The newest session that did something. `passed`: the one after which none came, if that is another one."""

    journal: Path
    passed: KnownSession | None = None


def newest(journals: Iterable[Path]) -> Newest | None:
    """The newest of them that did or tried some work; if none did, the newest one. None if there is none.

    A command line with a mistake in it, or an install that finds all installed, is not what "the last session" means.
    A set that cannot be resolved is, and a wheel that is refused: that is what somebody wants to know more of.
    """
    ordered = in_order(journals)
    passed: KnownSession | None = None
    for path in reversed(ordered):
        one = recording(path)
        if one is None or _did_something(one, path):
            return Newest(path, passed)
        passed = passed or one
    return Newest(ordered[-1]) if ordered else None


def _did_something(one: KnownSession, path: Path) -> bool:
    """Whether it took a while, changed or tried to change anything, or has not ended by itself."""
    if one.exit not in (0, _USAGE) or one.wheels or one.wall >= AT_ONCE:
        return True
    with suppress(OSError), open(open_regular(path), "rb") as file:
        said = file.read(_SHORT)
        return len(said) == _SHORT or any(event in said for event in _WORK)
    return True
