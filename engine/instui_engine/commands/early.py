"""What an install begins before it knows what is to be installed, where it is sure to be needed.

A helper process for many local wheels: one that unpacks where nothing was ever unpacked, else one that links. And while
uv is asked for wheels of indexes, which leaves a processor idle, and the network: what fetches is imported, the wheels
that uv looks at are fetched ahead, and at last the helper processes are started.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from instui_engine.errors import InstuiError
from instui_engine.resolve.request import Meanwhile, Request
from instui_engine.session.context import Context
from instui_engine.stage.team import Team, number_of_helpers
from instui_engine.store.helpers import Helpers
from instui_engine.store.store import Store

if TYPE_CHECKING:
    from instui_engine.store.ahead import Ahead

_MANY = 8  # wheels, of whatever size, that are surely worth a helper process
_MANY_HERE = 64  # the same of local ones, of which this process unpacks half
_FILES = 50  # of a wheel, a low guess


class Early:
    """What was begun early. Whoever makes one closes it."""

    def __init__(self, context: Context, store: Store, request: Request, sign_of_life: int = -1) -> None:
        """`sign_of_life`: see `Team`."""
        self.helpers = Helpers()
        self.linkers = Team(sign_of_life=sign_of_life)
        self._context = context
        self._store = store
        self._request = request
        self._ahead: Ahead | None = None

    def begin(self) -> None:
        """Start what many local wheels need: a process is ready after some 25 ms."""
        number = sum(argument.endswith(".whl") for argument in self._request.arguments)
        if not self._store.is_new:
            self._start_linker(number)
        elif not (self._context.options.dry_run or self._context.options.slow):
            self.helpers.start(min(self._context.workers - 1, number // _MANY_HERE))

    def _start_linker(self, number: int) -> None:
        """Start a helper that links, if so many wheels are sure to have enough files for it."""
        if not self._context.options.dry_run:
            self.linkers.start(min(1, number_of_helpers(self._context, number * _FILES)))

    @property
    def meanwhile(self) -> Meanwhile:
        """What is done while uv works."""
        return Meanwhile(self._load, self._look, self._prepare)

    def take_ahead(self) -> "Ahead | None":
        """What is fetched ahead, for the one who ends it; None if there is nothing, or nothing any more."""
        ahead, self._ahead = self._ahead, None
        return ahead

    def close(self) -> None:
        """End all that nobody has taken."""
        self.helpers.close()
        self.linkers.close()
        if (ahead := self.take_ahead()) is not None:
            ahead.close()

    @property
    def _is_to_fetch(self) -> bool:
        forbidden = self._request.offline or self._request.no_index or self._context.options.dry_run
        return self._store.is_new and not forbidden

    def _load(self, urls: Sequence[str]) -> None:
        """Import what takes a while. What fetches comes first, as it can begin then."""
        if not self._is_to_fetch:
            import instui_engine.commit.commit
            import instui_engine.stage.staging
            import instui_engine.store.acquire
            import instui_engine.store.gc_lock

            from . import planning  # noqa: F401

            return
        with suppress(Exception):  # what is needed is loaded again, and fails with its own error
            from instui_engine.fetch.download import Client
            from instui_engine.fetch.transport import load_library
            from instui_engine.store.ahead import Ahead

            load_library()
            if self._store.is_untouched and not self._context.options.slow:
                self._ahead = Ahead(Client(index_urls=urls), self._store.partial)
            import instui_engine.store.obtain  # noqa: F401

    def _look(self, url: str) -> None:
        """Begin to fetch a wheel that uv has looked at, and will probably want."""
        if self._ahead is not None and not self._context.control.paused:
            with suppress(InstuiError):  # the disk fails, which whoever needs it will say
                self._ahead.look(url)

    def _prepare(self, number: int) -> None:
        """Start what so many wheels need, while uv lists their files."""
        if not self._store.is_new:
            self._start_linker(number)
        elif self._is_to_fetch and not self._context.options.slow:
            self.helpers.start(min(self._context.workers, number // _MANY))
