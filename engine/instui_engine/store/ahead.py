"""Wheels that are fetched while uv still decides which versions there will be.

Before uv decides on a version it reads the metadata of its wheel, and mostly it keeps to the first one of a project. So
that wheel is fetched at once: as a guess, into a file of its own. If uv wants it in the end, it counts as one that has
just come, and must meet all demands. If it does not, or if it could not be fetched, it is fetched in the usual way. So
a guess makes one attempt: what has come by then is continued, and nobody waits for the retries of both. The next
attempt is made no sooner than the server wants it. A project of which uv looks at a second version is left alone until
it has decided.

This is for a store into which nothing was ever fetched: of any other one it is not known, before uv names the files,
whether it has a wheel, or the first part of one.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path

from instui_engine.fetch.download import Client, Download, FetchCancelled, Fetched, Progress
from instui_engine.fs.paths import name_of
from instui_engine.wheel.filename import normalized

from .store import GUESSED

CONNECTIONS = 4  # enough for a fast network; on a slow one uv gets its share, and whoever fetches has some left
_POLL = 0.1  # seconds between two looks whether to stop


class Guess:
    """A wheel on its way from `url` into the file at `path`. It is the Progress of its own download."""

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self.path = path
        self._over = threading.Event()
        self._is_dropped = self._has_failed = False
        self._fetched: Fetched | None = None
        self._why, self._due = "", 0.0  # of a failure: what it was, and when another attempt may be made
        self._lock = threading.Lock()  # guards what follows
        self._told: Progress | None = None
        self._done = self._size = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, for whatever reason."""
        return self._over.is_set()

    def run(self, client: Client) -> None:
        """Fetch it, unless it was dropped before."""
        try:
            if not self._is_dropped:
                self._fetched = client.fetch(Download(self.url, name_of(self.url)), self.path, self, self._gives_up)
        except FetchCancelled:
            pass  # if it was not dropped, whoever wants the wheel continues after what is there
        except Exception:
            self._is_dropped = True  # whoever wants the wheel fetches it again, and meets the same error
        finally:
            self._over.set()
            if self._is_dropped:
                self._remove()

    def finish(self, progress: Progress, size: int, cancelled: Callable[[], bool]) -> Fetched | None:
        """What has come, once that is all; None if it could not be fetched. From now on `progress` is told.

        If it could not, there may be a file with the first part of it, and another attempt may be made at once. `size`
        is what the file should have, 0 if that is unknown. Raises FetchCancelled soon after `cancelled()` becomes true.
        """
        if self.is_over and self._fetched is None and self._due <= time.monotonic():
            return None
        with self._lock:
            self._told = progress
            progress.started(self._done, size or self._size)
        while not self._over.wait(_POLL):
            self._stop_if(cancelled)
        if self._has_failed:
            progress.retried(1, self._why, round(max(self._due - time.monotonic(), 0.0), 3))
            while (left := self._due - time.monotonic()) > 0:
                self._stop_if(cancelled)
                time.sleep(min(left, _POLL))
        return None if self._is_dropped else self._fetched

    def _stop_if(self, cancelled: Callable[[], bool]) -> None:
        if cancelled():
            self.drop()
            raise FetchCancelled

    def drop(self) -> None:
        """Let it be, and leave no file."""
        self._is_dropped = True
        if self.is_over:
            self._remove()

    def _gives_up(self) -> bool:
        return self._is_dropped or self._has_failed

    def _remove(self) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def started(self, done: int, size: int) -> None:
        """See Progress: whoever takes the guess is told when it does so."""

    def progress(self, done: int, size: int) -> None:
        """See Progress."""
        with self._lock:
            self._done, self._size = done, size
            if self._told is not None:
                self._told.progress(done, size)

    def stalled(self, host: str, seconds: float, connecting: bool) -> None:
        """See Progress."""
        with self._lock:
            if self._told is not None:
                self._told.stalled(host, seconds, connecting)

    def retried(self, attempt: int, reason: str, wait: float = 0.0) -> None:
        """See Progress: there is no second attempt here, so whoever takes the guess is told."""
        self._why, self._due = reason, time.monotonic() + wait
        self._has_failed = True


class Ahead:
    """The guesses of one session, and the threads that fetch them. Whoever makes it closes it.

    `place` says where the file of a name lies. `client` ends with it.
    """

    def __init__(self, client: Client, place: Callable[[str], Path]) -> None:
        self.client = client
        self._place = place
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # guards all that follows
        self._guesses: dict[str, Guess] = {}  # by the name of the project
        self._waiting: deque[Guess] = deque()
        self._at_work = 0
        self._is_over = False

    def look(self, url: str) -> None:
        """Guess that the wheel at `url`, at whose metadata uv looks, will be wanted. Raises InstuiError (disk)."""
        project = normalized(name_of(url).partition("-")[0])
        with self._lock:
            guess = self._guesses.get(project)
            if guess is not None and guess.url != url and not guess.is_over:
                guess.drop()
            if guess is not None or self._is_over:
                return
            guess = self._guesses[project] = Guess(url, self._place(f"{GUESSED}{os.urandom(8).hex()}"))
            self._waiting.append(guess)
            if self._at_work < CONNECTIONS:
                thread = threading.Thread(target=self._work, name="ahead")
                with suppress(RuntimeError):  # the system allows no more threads
                    thread.start()
                    self._threads.append(thread)
                    self._at_work += 1

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work -= 1
                    return
                guess = self._waiting.popleft()
            guess.run(self.client)

    def take(self, urls: Container[str]) -> dict[str, Guess]:
        """The guesses, by URL, that were right and have begun. All others are dropped, and there will be no more."""
        with self._lock:
            self._is_over = True
            right = {guess.url: guess for guess in self._guesses.values() if guess.url in urls}
            for guess in self._waiting:
                right.pop(guess.url, None)
            for guess in self._guesses.values():
                if guess.url not in right:
                    guess.drop()
            self._waiting.clear()
            return right

    def close(self) -> None:
        """End all threads, and drop what nobody has put to use. May be called again."""
        self.take(())
        for thread in self._threads:
            thread.join()
        self.client.close()
