"""Records of transactions that are over, and that could not be removed at once: it is tried again.

As long as such a record is there, whoever finds it has to tell from the paths that its steps were all taken. That is
hard once a later wheel of the session has changed some of them. So it is tried again under the claims of any such
wheel, and at the end of the session. A record that is kept for recovery never comes here.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import InstuiError
from instui_engine.locks.claims import Claims
from instui_engine.locks.layout import WHOLE
from instui_engine.locks.protocol import ClaimLocks

from . import writeahead


class Over:
    """The records that one session is done with. Thread-safe."""

    def __init__(self) -> None:
        self._left: dict[Path, Sequence[Claims]] = {}  # the claims of each transaction of a record

    def remove(self, record: Path, claims: Sequence[Claims]) -> None:
        """Remove a record under its claims. Raises OSError; it is tried again later then."""
        try:
            writeahead.remove(record)
        except OSError:
            self._left[record] = claims
            raise

    def try_again(self, held: Claims | None = None) -> None:
        """Try to remove those with claims that meet `held`, which the caller holds; None: it holds the whole.

        Another session may settle another transaction of the same record meanwhile: that one is over, too.
        """
        for record, claims in list(self._left.items()):
            if held is None or any(writeahead.meet(one, held) for one in claims):
                with suppress(OSError):
                    writeahead.remove(record)
                    self._left.pop(record, None)

    def finish(self, files: ClaimLocks) -> None:
        """Try for the last time, while the session holds nothing.

        It waits for nobody: where others are at work, or if a record cannot be removed at all, the next command that
        writes settles it.
        """
        if self._left:
            with suppress(InstuiError, OSError):
                held = files.acquire(WHOLE, lambda path, mode, holders: None, lambda: True)
                try:
                    self.try_again()
                finally:
                    files.release(held)
