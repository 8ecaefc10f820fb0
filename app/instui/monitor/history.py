"""What the last sessions have shown of this machine, in a small file in the user's state directory.

Only screens write it, after the end of an install, and nothing rests on it: what cannot be read or written is as if
there had been no session.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from instui_engine.fs.files import open_regular

from .rates import LAST, Measured, Rates, rates

_LARGEST = 1 << 16  # bytes that are read
_LEAST, _MOST = 1e-3, 1e3  # times as long as is usual: nothing real is beyond these; 0.0 is what was not measured


class History:
    """The sessions in a file; the user's, unless another one is given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or path()

    def rates(self) -> Rates:
        """How fast this machine works."""
        return rates(self._sessions())

    def add(self, session: Measured) -> None:
        """Keep what a session has shown, if it has shown anything, in place of the oldest one."""
        if not any(session):
            return
        sessions = [*self._sessions(), session][-LAST:]
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                new.write_text(json.dumps([[round(number, 4) for number in one] for one in sessions]) + "\n")
                new.replace(self._file)
            finally:
                new.unlink(missing_ok=True)

    def _sessions(self) -> list[Measured]:
        try:
            with open(open_regular(self._file), "rb") as file:
                found = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return []
        return [Measured(*one) for one in found if _is_measured(one)] if isinstance(found, list) else []


def _is_measured(one: object) -> bool:
    """Whether that is what `add` writes: somebody may have changed the file."""
    return (
        isinstance(one, list)
        and len(one) == len(Measured._fields)
        and all(isinstance(number, float) and (number == 0 or _LEAST < number < _MOST) for number in one)
    )


def path() -> Path:
    """Where the user's history is, or would be."""
    if sys.platform == "linux":  # as platformdirs decides it, without its import
        base = os.environ.get("XDG_STATE_HOME", "")
        return Path(base if os.path.isabs(base) else os.path.expanduser("~/.local/state")) / "instui" / "paces.json"
    from platformdirs import user_state_dir

    return Path(user_state_dir("instui", appauthor=False)) / "paces.json"
