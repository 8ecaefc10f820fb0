"""Downloads as the journal tells them."""

from collections.abc import Callable
from pathlib import Path

from instui_engine.errors import Interrupted
from instui_engine.fetch.download import Client, Download, FetchCancelled, Fetched
from instui_engine.journal.events import FetchProgress, FetchRetried, FetchStalled, FetchStarted
from instui_engine.session.context import Context
from instui_engine.values import NamedTuple


def fetch(
    context: Context,
    client: Client,
    wheel: str,
    download: Download,
    target: Path,
    worker: int,
    stopping: Callable[[], bool],
) -> Fetched | None:
    """Fetch the file of `wheel` to `target`, over the connection of that number; None if it has not changed.

    Raises FetchError, and Interrupted once `stopping()` is true.
    """
    try:
        return client.fetch(download, target, _Told(context, wheel, worker), stopping)
    except FetchCancelled:
        raise Interrupted("interrupted while fetching") from None


class _Told(NamedTuple):
    context: Context
    wheel: str
    worker: int

    def started(self, done: int, size: int) -> None:
        self.context.emit(FetchStarted(self.wheel, done, size, self.worker))

    def progress(self, done: int, size: int) -> None:
        self.context.emit(FetchProgress(self.wheel, done, size))

    def stalled(self, host: str, seconds: float) -> None:
        self.context.emit(FetchStalled(self.wheel, host, seconds))

    def retried(self, attempt: int, reason: str) -> None:
        self.context.emit(FetchRetried(self.wheel, attempt, reason))
