"""A cheap test, made for each wheel, of whether a session is the only one running in its environment."""

import os
import time
from pathlib import Path

from instui_engine.fs.timestamps import is_settled
from instui_engine.session.session import alive

_NEW = 60.0  # seconds in which a session has written to the journal that it made, unless it is dead
_AGAIN = 0.2  # seconds between two checks of the other sessions


class Alone:
    """A check for other sessions. Its answer is a token that stays the same until another session appears.

    Every session makes its journal before it does anything else. So as long as the directory of journals is unchanged,
    no session has appeared, and only the earlier ones have to be checked.
    """

    def __init__(self, journal: Path) -> None:
        """`journal` is this session's own."""
        self._journal = journal
        self._journals = os.fspath(journal.parent)
        self._quiet = 0  # mtime of the directory when no other session ran; 0 for never
        self._asked = 0.0

    def __call__(self) -> int | None:
        """The token while no other session runs; None if one does, or may."""
        try:
            mtime = os.stat(self._journals).st_mtime_ns
        except OSError:
            return None
        if mtime != self._quiet:
            now = time.monotonic()
            if now - self._asked < _AGAIN or not is_settled(mtime):
                return None
            self._asked = now
            self._quiet = 0 if self._has_others() else mtime
        return self._quiet or None

    def at_present(self) -> int | None:
        """As a call, but for this moment: a session that appears just now may be missed."""
        try:
            mtime = os.stat(self._journals).st_mtime_ns
            return mtime if mtime == self._quiet or not self._has_others() else None
        except OSError:
            return None

    def is_still(self, token: int) -> bool:
        """Whether the directory of journals is as it was when the token was given."""
        try:
            return os.stat(self._journals).st_mtime_ns == token
        except OSError:
            return False

    def _has_others(self) -> bool:
        return any(_may_run(path) for path in self._journal.parent.glob("*.jsonl") if path != self._journal)


def _may_run(journal: Path) -> bool:
    """Whether the journal's session runs or is just starting: it makes the journal, locks it, then writes to it."""
    try:
        status = journal.stat()
        is_new = status.st_size == 0 and time.time() - status.st_mtime < _NEW
        return is_new or alive(journal)
    except FileNotFoundError:
        return False
    except OSError:
        return True
