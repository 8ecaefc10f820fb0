"""The wheels of a session that somebody asked to leave out, and those for which it is too late."""

import threading
from collections.abc import Iterable

from instui_engine.errors import WheelsCancelledError, printable


class CancelledWheels:
    """The cancelled wheels of a session. Thread-safe.

    A wheel can be cancelled until its commit begins: nothing of it is in the environment by then, so its distribution
    is left as it was.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()  # of the session's wheels
        self._cancelled: dict[str, None] = {}  # an ordered set
        self._begun: set[str] = set()

    def expect(self, names: Iterable[str]) -> None:
        """From now on these wheels can be cancelled."""
        self._names |= frozenset(names)

    def forget(self, names: Iterable[str]) -> None:
        """These wheels are not of the session any more."""
        self._names -= frozenset(names)

    def cancel(self, name: str) -> str:
        """Cancel a wheel that is in no commit yet; return why that is impossible, "" if it is done."""
        with self._lock:
            if name in self._begun:
                return f"the commit of {printable(name)} has begun, or is over"
            if name in self._cancelled:
                return f"{printable(name)} is cancelled already"
            if not self._names:
                return "it is not known yet which wheels there are; cancel the whole session"
            if name not in self._names:
                return f"this session has no wheel {printable(name)}"
            self._cancelled[name] = None
        return ""

    def begin(self, name: str) -> bool:
        """Note that the commit of a wheel begins; False if it must not, as the wheel was cancelled."""
        with self._lock:
            if name in self._cancelled:
                return False
            self._begun.add(name)
        return True

    def __contains__(self, name: str) -> bool:
        return name in self._cancelled

    def __len__(self) -> int:
        return len(self._cancelled)

    @property
    def names(self) -> list[str]:
        """The cancelled wheels, in the order of the requests."""
        with self._lock:
            return list(self._cancelled)

    def check(self) -> None:
        """Raise WheelsCancelledError if any wheel was cancelled; all others are done."""
        if names := self.names:
            shown = ", ".join(map(printable, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            what = f"{shown} was" if len(names) == 1 else f"{len(names)} wheels were"
            which = "" if len(names) == 1 else f" ({shown})"
            raise WheelsCancelledError(
                f"{what} cancelled{which} and left as before; everything else is done", wheels=tuple(names)
            )
