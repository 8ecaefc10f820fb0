"""Whether a session is the only one that runs in its environment, found without asking all others for each wheel."""

import os
import time
from pathlib import Path

from instui_engine.session.session import alive

_FRESH = 0.1  # seconds; a directory that was changed less than that ago may be changed again within the same mtime
_AGAIN = 0.2  # seconds between two rounds of asking


class Alone:
    """Answers whether no other session runs, and since when none has come: a token that stays the same until one comes.

    Every session makes its journal before it does anything else. So while the directory of journals is unchanged no
    session has come, and only those that were there before have to be asked.
    """

    def __init__(self, journal: Path) -> None:
        """`journal`: the session's own."""
        self._journal = journal
        self._quiet = 0  # mtime of the directory when nobody else was there, 0 for never
        self._asked = 0.0

    def __call__(self) -> int | None:
        """The token while nobody else is there, None where somebody is, or may be."""
        try:
            mtime = os.stat(self._journal.parent).st_mtime_ns
        except OSError:
            return None
        if mtime != self._quiet:
            now = time.monotonic()
            if now - self._asked < _AGAIN or time.time() - mtime / 1e9 < _FRESH:
                return None
            self._asked = now
            others = (path for path in self._journal.parent.glob("*.jsonl") if path != self._journal)
            self._quiet = 0 if any(map(_may_run, others)) else mtime
        return self._quiet or None


def _may_run(journal: Path) -> bool:
    """Whether its session runs, or is just about to: it makes the journal, then locks it, then writes to it."""
    try:
        return journal.stat().st_size == 0 or alive(journal)
    except FileNotFoundError:
        return False
    except OSError:
        return True
