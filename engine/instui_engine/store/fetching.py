"""Downloads as the journal tells them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import Interrupted
from instui_engine.fetch.download import Client, Download, FetchCancelled, Fetched, Progress
from instui_engine.hashes import unmet
from instui_engine.journal.events import FetchProgress, FetchRetried, FetchStalled, FetchStarted
from instui_engine.session.context import Context
from instui_engine.values import NamedTuple

from .ahead import Guess


def fetch(
    context: Context,
    client: Client,
    wheel: str,
    download: Download,
    target: Path,
    worker: int,
    stopping: Callable[[], bool],
    guess: Guess | None = None,
) -> Fetched | None:
    """Fetch the file of `wheel` to `target`, over the connection of that number; None if it has not changed.

    What was fetched ahead of it, as a `guess`, is used if it is right. Raises FetchError, and Interrupted once
    `stopping()` is true.
    """
    told = _Told(context, wheel, worker, guess is not None)
    try:
        ahead = _guessed(guess, download, target, told, stopping) if guess is not None else None
        return ahead or client.fetch(download, target, told._replace(is_ahead=False), stopping)
    except FetchCancelled:
        raise Interrupted("interrupted while fetching") from None


def _guessed(
    guess: Guess, download: Download, target: Path, told: Progress, stopping: Callable[[], bool]
) -> Fetched | None:
    """What was fetched ahead, with its file at `target`; None if it is not what `download` demands.

    Then there is a file only if it is the first part of one, whose rest could not be fetched.
    """
    fetched = guess.finish(told, download.size, stopping)
    with suppress(OSError):  # somebody has emptied the cache
        if fetched is None:
            guess.path.replace(target)
            return None
        wrong = unmet(download.demands, fetched.hashes)
        if wrong is None and download.size in (0, guess.path.stat().st_size):
            guess.path.replace(target)
            return fetched
        known = {value.partition(":")[0] for value in fetched.hashes}
        if wrong is None or any(value.partition(":")[0] in known for value in wrong):  # else nobody knows yet
            told.retried(1, "what was fetched ahead is not the file that is demanded; starting over")
    guess.drop()
    return None


class _Told(NamedTuple):
    context: Context
    wheel: str
    worker: int
    is_ahead: bool

    def started(self, done: int, size: int) -> None:
        self.context.emit(FetchStarted(self.wheel, done, size, self.worker, done if self.is_ahead else 0))

    def progress(self, done: int, size: int) -> None:
        self.context.emit(FetchProgress(self.wheel, done, size))

    def stalled(self, host: str, seconds: float, connecting: bool) -> None:
        self.context.emit(FetchStalled(self.wheel, host, seconds, connecting))

    def retried(self, attempt: int, reason: str, wait: float = 0.0) -> None:
        self.context.emit(FetchRetried(self.wheel, attempt, reason, wait))
