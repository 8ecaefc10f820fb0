"""The work on wheels that the store lacks: threads that fetch, and threads that unpack as soon as a file is complete.

What takes longest comes first, in both, since that determines when all is done. An unpacking thread works here or has a
helper process that does (`unpackers`). While wheels are unpacked, what was written is flushed to the disk.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import Interrupted
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import (
    FetchFinished,
    UnpackFinished,
    UnpackProgress,
    UnpackStarted,
)
from instui_engine.session.context import Context, Throttle
from instui_engine.session.workers import run_workers
from instui_engine.wheel.glance import glance

from .entry import Entry
from .helpers import Helpers
from .known import Known
from .local import LocalDigests, check_demands
from .store import Store
from .task import Task, announce
from .unpack import Progress
from .unpackers import EACH, WORTHWHILE, Unpacker, unpackers

if TYPE_CHECKING:
    from instui_engine.fetch.download import Client

    from .ahead import Ahead, Guess

CONNECTIONS = 10
BATCH = 500  # wheels per sync, after which they become visible; each holds a lock file open until then
AHEAD = 100  # fetched wheels that wait to be unpacked; they hold lock files open, too
_FLUSH = 0.3  # seconds between two flushes


def obtain(
    context: Context,
    store: Store,
    tasks: Sequence[Task],
    index_urls: Sequence[str],
    offline: bool,
    helpers: Helpers,
    ahead: "Ahead | None" = None,
) -> None:
    """Find or make the entry of every task. Raises the first failure; what is unpacked by then stays in the store.

    The `helpers` end with it. What is fetched `ahead` is made use of.
    """
    remote = sum(bool(task.wheel.url) for task in tasks)
    number = min(context.workers, len(tasks))
    with (
        closing(helpers),
        _client(index_urls, offline, ahead) if remote else nullcontext() as client,
    ):
        guesses = ahead.take({task.wheel.url for task in tasks}) if ahead else {}
        workers = unpackers(number, helpers.start(_worthwhile(context, tasks, number, remote > 0)))
        _Work(context, store, client, tasks, guesses).run(min(CONNECTIONS, remote), workers)


def _said(most: int, number: int) -> str:
    """What a change to that number of workers does here, where there are `most` of them."""
    if number > most:
        return f"unpacking goes on with {most}, as it began; the parts that follow have {number}"
    return f"{number} unpack at a time, as soon as the others are done with what they have in hand"


def _client(index_urls: Sequence[str], offline: bool, ahead: "Ahead | None") -> "Client":
    from instui_engine.fetch.download import Client  # local files need none

    return ahead.client if ahead else Client(index_urls=index_urls, offline=offline)


def _worthwhile(context: Context, tasks: Sequence[Task], number: int, is_remote: bool) -> int:
    """How many helper processes are worth their start. This process unpacks, too, unless it has to fetch."""
    if number < 2 or context.options.slow:
        return 0
    total = sum((task.wheel.size or WORTHWHILE) + EACH for task in tasks)
    return min(number if is_remote else number - 1, total // WORTHWHILE)


class _Work:
    def __init__(
        self,
        context: Context,
        store: Store,
        client: "Client | None",
        tasks: Sequence[Task],
        guesses: "Mapping[str, Guess]",
    ) -> None:
        self._context = context
        self._store = store
        self._client = client
        self._tasks = tasks
        self._guesses = guesses  # by URL: what was fetched ahead, or is on its way
        self._known, self._local = Known(store.cache), LocalDigests(store.cache)
        self._changed = threading.Condition()  # guards all that follows
        largest_first = sorted(tasks, key=lambda task: task.wheel.size)  # popped from the end
        self._to_fetch = sorted((task for task in largest_first if task.wheel.url), key=self._nearness)
        self._to_unpack = [(-task.wheel.size, task.place, task) for task in reversed(largest_first) if task.wheel.path]
        self._fetching = len(self._to_fetch)  # wheels that may still come to be unpacked
        self._by_key: dict[str, Task] = {}
        self._twins: list[Task] = []
        self._unpacked: list[Task] = []

    def run(self, connections: int, workers: Sequence[Unpacker]) -> None:
        """Do all of it. Raises the first failure."""
        ended = threading.Event()
        flusher = threading.Thread(target=self._flush, args=(ended,), name="flush")
        flusher.start()
        control = self._context.control
        control.resize = partial(_said, len(workers))
        try:
            fetchers = [partial(self._fetch_all, number) for number in range(1, connections + 1)]
            unpackers = [partial(self._unpack_all, worker, number) for number, worker in enumerate(workers, 1)]
            run_workers(self._context, [*fetchers, *unpackers])
            ended.set()
            flusher.join()
            self._publish(self._tasks)
            self._wait_for_others(workers[0])
        finally:
            control.resize = None
            ended.set()
            flusher.join()
            self._publish(self._tasks)
        self._context.check()

    def _nearness(self, task: Task) -> int:
        """What is being fetched already comes first, then what is here, as it can be unpacked at once."""
        guess = self._guesses.get(task.wheel.url)
        return 0 if guess is None else 1 if guess.is_over else 2

    # --- threads

    def _fetch_all(self, number: int) -> None:
        while (task := self._next_to_fetch()) is not None:
            is_fetched = False
            try:
                with self._working_on(task):
                    is_fetched = self._claim(task, wait=False) and self._fetch(task, number)
            finally:
                self._let_be(task)
                with self._changed:
                    self._fetching -= 1
                    if is_fetched:
                        heappush(self._to_unpack, (-task.wheel.size, task.place, task))
                    self._changed.notify_all()

    def _next_to_fetch(self) -> Task | None:
        """The next wheel to fetch; None if there is no more, or no need for any."""
        with self._changed:
            self._wait_until(lambda: len(self._to_unpack) < AHEAD)
            while self._to_fetch and not self._context.stopping():
                task = self._to_fetch.pop()
                if task.wheel.name not in self._context.control.wheels:
                    return task
                self._let_be(task)
                self._fetching -= 1
            return None

    def _let_be(self, task: Task) -> None:
        """End the guess of a wheel, which was put to use, or will not be: another process may be fetching it."""
        if (guess := self._guesses.get(task.wheel.url)) is not None:
            guess.drop()

    def _unpack_all(self, worker: Unpacker, number: int) -> None:
        while (task := self._next_to_unpack(number)) is not None:
            with self._working_on(task):
                if not task.wheel.path or (self._read(task, worker) and self._claim(task, wait=False)):
                    self._unpack(task, worker, number)

    def _next_to_unpack(self, number: int) -> Task | None:
        """The next wheel to unpack, once there is one for that worker; None if none will come."""
        with self._changed:
            while True:
                self._wait_until(lambda: self._may_unpack(number) or not (self._fetching or self._to_unpack))
                self._changed.notify_all()
                if not self._to_unpack or self._context.stopping():
                    return None
                task = heappop(self._to_unpack)[2]
                if task.wheel.name not in self._context.control.wheels:
                    return task
                task.let_go()

    def _may_unpack(self, number: int) -> bool:
        """Whether there is work for that worker. It rests while fewer are wanted."""
        return bool(self._to_unpack) and number <= self._context.workers

    @contextmanager
    def _working_on(self, task: Task) -> Iterator[None]:
        """Write to the journal if the block fails because of the wheel. It is no failure if that was cancelled."""
        try:
            with self._context.failing(task.wheel.name):
                yield
        except Interrupted:
            self._context.check()
            if task.wheel.name not in self._context.control.wheels:
                raise
            task.let_go()

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition() and not self._context.stopping():
            self._changed.wait(0.1)  # a request to stop notifies nobody

    def _flush(self, ended: threading.Event) -> None:
        """Keep writing to the disk what was unpacked."""
        while not ended.wait(_FLUSH):
            try:
                self._store.flush()
            except Exception as error:
                self._context.fail(error)

    def _wait_for_others(self, worker: Unpacker) -> None:
        """Take the entries of wheels that other processes were working on, or make them if those have not."""
        twins = {twin.place for twin in self._twins}
        for task in self._tasks:
            if task.entry is None and task.place not in twins and not self._context.gives_up(task.wheel.name):
                with self._working_on(task):
                    if task.wheel.path:
                        is_ready = self._read(task, worker) and self._claim(task, wait=True)
                    else:
                        is_ready = self._claim(task, wait=True) and self._fetch(task, 1)
                    if is_ready:
                        self._unpack(task, worker, 1)
                self._publish([task])
        for twin in self._twins:
            twin.entry = self._by_key[twin.key].entry

    def _stopping(self, task: Task) -> Callable[[], bool]:
        return partial(self._context.gives_up, task.wheel.name)

    # --- the steps of one wheel; each is False if there is nothing more to do, now or at all

    def _found(self, task: Task, entry: Entry | None) -> bool:
        """Whether the store turns out to have the wheel: then that is its entry."""
        if entry is not None:
            task.let_go()
            task.entry = entry
            announce(self._context, task.wheel, entry)
        return entry is not None

    def _read(self, task: Task, worker: Unpacker) -> bool:
        """Hash a local wheel file, which must meet all demands on it; look for it in the store."""
        wheel = task.wheel
        task.read = worker.read(self._local, wheel.path, task.demands, self._stopping(task))
        task.digest = task.key = task.read.sha256
        check_demands(wheel.filename, task.demands, task.read)
        self._known.note(task.read.hashes, task.digest)
        return not self._found(task, self._store.load(task.digest))  # under another path

    def _claim(self, task: Task, wait: bool) -> bool:
        """Take the wheel's lock; False if it is taken and `wait` is not set. Then look for the entry again."""
        with self._changed:
            if self._by_key.setdefault(task.key, task) is not task:
                self._twins.append(task)  # the same file under two names: the name check will report it
                return False
        if not task.hold(self._context, self._store, wait):
            return False
        if task.read is not None:
            return not self._found(task, self._store.load(task.digest))
        digest = task.digest or self._given_meanwhile(task)
        is_right = digest and self._known.meets(task.demands, digest)
        return not self._found(task, self._store.load(digest) if is_right else None)

    def _given_meanwhile(self, task: Task) -> str:
        """The sha256 of what another session has just fetched from the same URL, while this one waited for it."""
        before, task.note = task.note, self._known.url(task.key)
        return "" if task.note is None or task.note == before else task.note.sha256

    def _fetch(self, task: Task, number: int) -> bool:
        """Fetch a wheel, or find that the store has what came, or what would come again. `number`: the connection's."""
        from instui_engine.fetch.download import Download

        from .fetching import fetch

        context, store, wheel, client = self._context, self._store, task.wheel, self._client
        assert client is not None
        before = store.load(task.note.sha256) if task.note is not None else None
        etag = task.note.etag if task.note is not None and before is not None else ""
        if client.offline and self._found(task, before):
            return False
        context.rest()

        download = Download(wheel.url, wheel.filename, task.demands, wheel.size, etag)
        target = store.partial(task.key)
        guess = self._guesses.get(wheel.url)
        fetched = fetch(context, client, wheel.name, download, target, number, self._stopping(task), guess)
        if fetched is None:
            return not self._found(task, before)
        context.emit(FetchFinished(wheel.name, target.stat().st_size, *glance(os.fspath(target))))
        task.fetched = fetched
        task.digest = fetched.sha256
        self._known.note(fetched.hashes, fetched.sha256)
        if self._found(task, store.load(fetched.sha256)):
            _remove(target)
            return False
        return True

    def _unpack(self, task: Task, worker: Unpacker, number: int) -> None:
        context, store, wheel = self._context, self._store, task.wheel
        context.rest()
        total = seen = complete = 0

        def started(files: int, size: int) -> None:
            nonlocal total
            total = size
            context.emit(UnpackStarted(wheel.name, files, size, number))

        throttle = Throttle(lambda done: context.emit(UnpackProgress(wheel.name, done, total, complete)))

        def advanced(done: int, files: int) -> None:
            nonlocal seen, complete
            before, seen, complete = seen, done, files
            throttle.add(done - before)
            context.slow_motion.step(self._stopping(task))

        source = store.partial(task.key) if wheel.url else Path(wheel.path)
        steps, allow_record = Progress(started, advanced), context.options.allow_record
        pending = store.unpack(
            source, task.digest, wheel.filename, steps, self._stopping(task), allow_record, worker.unpack
        )
        if task.read is not None:
            # it was unpacked from the file as it is now, but would be stored under the hash that it had before
            try:
                LocalDigests.check(wheel.path, task.read)
            except BaseException:
                remove_tree(pending.directory)
                raise
        task.pending = pending
        manifest = pending.entry.manifest
        context.emit(UnpackFinished(wheel.name, manifest.files, manifest.size))
        if wheel.url:
            _remove(source)
        with self._changed:
            self._unpacked.append(task)
            batch = self._unpacked if len(self._unpacked) >= BATCH else []
            self._unpacked = [] if batch else self._unpacked
        if batch:
            self._publish(batch)

    def _publish(self, tasks: Sequence[Task]) -> None:
        """Make the unpacked wheels visible, note what URLs gave, and release the locks of `tasks`."""
        done = [(task, task.pending) for task in tasks if task.pending is not None]
        try:
            self._store.publish([pending for _, pending in done])
            for task, pending in done:
                task.entry = pending.entry
            for task in tasks:
                if task.fetched is not None and task.entry is not None and task.key != task.digest:
                    self._known.note_url(task.key, task.digest, task.fetched.etag)
                    task.fetched = None
        finally:
            for task in tasks:
                task.pending = None
                task.let_go()


def _remove(partial: Path) -> None:
    with suppress(OSError):  # its content is in the store; a superfluous file in the cache is no failure
        partial.unlink(missing_ok=True)
