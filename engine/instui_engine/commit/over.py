"""Records of transactions that are over, and that could not be removed at once: it is tried again.

As long as such a record is there, whoever finds it has to tell from the paths that its steps were all taken. That is
hard once a later wheel of the session has changed some of them. So it is tried again under the claims of any such
wheel, and at the end of the session. A record that is kept for recovery never comes here.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import InstuiError
from instui_engine.locks.claims import Claims
from instui_engine.locks.protocol import ClaimLocks

from . import writeahead


class Over:
    """The records that one session is done with. Thread-safe."""

    def __init__(self) -> None:
        self._left: dict[Path, Claims] = {}

    def remove(self, record: Path, claims: Iterable[Claims]) -> None:
        """Remove a record under its claims. Raises OSError; it is tried again later then."""
        try:
            writeahead.remove(record)
        except OSError:
            together = [*claims]
            exclusive = {path for one in together for path in one.exclusive}
            shared = {path for one in together for path in one.shared} - exclusive
            self._left[record] = Claims(tuple(sorted(exclusive)), tuple(sorted(shared)))
            raise

    def try_again(self, held: Claims | None = None) -> None:
        """Try to remove those whose claims meet `held`, which the caller holds; None: it holds all claims there are.

        To settle a record takes all of its claims, so nobody does that at the same time.
        """
        for record, claims in list(self._left.items()):
            if held is None or writeahead.meet(claims, held):
                with suppress(OSError):
                    writeahead.remove(record)
                    self._left.pop(record, None)

    def finish(self, files: ClaimLocks) -> None:
        """Try for the last time, while the session holds nothing. It waits for nobody.

        Whoever holds a claim of such a record settles it. If it cannot be removed at all, the next command does.
        """
        for claims in list(self._left.values()):
            with suppress(InstuiError, OSError):
                held = files.acquire(claims, lambda path, mode, holders: None, lambda: True)
                try:
                    self.try_again(claims)
                finally:
                    files.release(held)
