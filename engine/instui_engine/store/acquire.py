"""From locked wheels to entries of the store: existing ones are used, the others are fetched and unpacked in parallel.

Each wheel has a lock, so that only one process works on it. A process that finds a lock taken does all its other work
first, and waits only when it holds no such lock itself, so processes cannot wait for each other in a circle.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from instui_engine.errors import BadWheelError, FetchError, InstuiError, Interrupted, printable, reason
from instui_engine.fs.flock import open_and_try, take_exclusive
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import (
    FetchFinished,
    FetchProgress,
    FetchRetried,
    FetchStarted,
    Holder,
    UnpackFinished,
    UnpackProgress,
    UnpackStarted,
    Warned,
    WheelAdded,
)
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context, Throttle

from .entry import Entry
from .local import Digest, LocalDigests
from .store import Pending, Progress, Store

if TYPE_CHECKING:
    from instui_engine.fetch.download import Client

CONNECTIONS = 10
BATCH = 500  # wheels per sync, after which they become visible; each holds a lock file open until then


class Damage(NamedTuple):
    """An entry whose file at `path` has been changed or removed since it was unpacked."""

    wheel: LockedWheel
    entry: Entry
    path: str


class _Task:
    """A wheel that the store lacks. `lock` is held from the first try until it is published; -1 if not held."""

    def __init__(self, place: int, wheel: LockedWheel, digest: str) -> None:
        self.place = place
        self.wheel = wheel
        self.digest = digest
        self.read: Digest | None = None  # digest of a local wheel file
        self.lock = -1
        self.entry: Entry | None = None
        self.pending: Pending | None = None


def acquire(
    context: Context, store: Store, wheels: Sequence[LockedWheel], index_urls: Sequence[str], offline: bool
) -> list[Entry]:
    """The store's entries for `wheels`, in the same order.

    Raises BadWheelError, FetchError, InstuiError (disk) or Interrupted; wheels unpacked by then stay in the store.
    """
    entries: list[Entry | None] = []
    tasks: list[_Task] = []
    local = LocalDigests(store.cache)
    for place, wheel in enumerate(wheels):
        digest = wheel.sha256 or local.noted(wheel.path)
        entry = store.load(digest) if digest else None
        entries.append(entry)
        context.emit(WheelAdded(wheel.name, wheel.version, wheel.filename, wheel.size, entry is not None))
        if entry is None:
            tasks.append(_Task(place, wheel, digest))
    if tasks:
        _work(context, store, tasks, index_urls, offline)
        for task in tasks:
            entries[task.place] = task.entry
    found = [entry for entry in entries if entry is not None]
    for wheel, entry in zip(wheels, found, strict=True):
        if entry.manifest.name != wheel.name or entry.manifest.version != wheel.version:
            raise BadWheelError(
                f"{printable(wheel.filename)} contains {printable(entry.manifest.name)} "
                f"{printable(entry.manifest.version)}; it is not installed",
                wheel=wheel.filename,
            )
    return found


def rebuild(
    context: Context, store: Store, damages: Sequence[Damage], index_urls: Sequence[str], offline: bool
) -> list[Entry]:
    """Rebuild the entries of `damages` from their wheels; return them in the same order.

    Another session that is linking from an old entry finds its files gone, and rebuilds it, too. An entry whose wheel
    is not available (no file, `offline`) is left as it is. Raises as `acquire`.
    """
    tasks = []
    for place, (wheel, entry, path) in enumerate(damages):
        what = f"cached files were changed or removed ({printable(path)})"
        if (offline and wheel.url) or (wheel.path and not os.path.isfile(wheel.path)):
            todo = f"put {printable(wheel.path)} back" if wheel.path else "run once without --offline"
            name = printable(f"{wheel.name} {wheel.version}")
            problem = f"{name}: {what}, and there is no wheel file to unpack again; {todo}"
            raise FetchError(problem, wheel=wheel.filename)
        context.emit(Warned(wheel.name, f"{what}; it is unpacked again"))
        # it must be the same wheel again, wherever its hash came from
        tasks.append(_Task(place, replace(wheel, sha256=entry.sha256), entry.sha256))
    for task, damage in zip(tasks, damages, strict=True):
        _discard(context, store, task, damage)
    missing = [task for task in tasks if task.entry is None]
    if missing:
        _work(context, store, missing, index_urls, offline)
    return [task.entry for task in tasks if task.entry is not None]


def _discard(context: Context, store: Store, task: _Task, damage: Damage) -> None:
    """Remove a damaged entry, unless another process has rebuilt it already."""
    _hold(context, store, task, wait=True)
    try:
        task.entry = store.load(task.digest)
        if task.entry is not None and not store.is_whole(task.entry, damage.path):
            store.discard(task.entry)
            task.entry = None
    except OSError as error:
        raise InstuiError(f"cannot repair the cache ({reason(error)}); choose another one with --cache-dir") from error
    finally:
        _let_go(task)


def _work(context: Context, store: Store, tasks: list[_Task], index_urls: Sequence[str], offline: bool) -> None:
    """Find or make the entry of every task. Raises the first failure."""
    # imported here: an install from a warm store needs no event loop
    import anyio

    from instui_engine.fetch.download import Client

    with Client(index_urls=index_urls, offline=offline) as client:
        anyio.run(_obtain, context, store, client, tasks)


async def _obtain(context: Context, store: Store, client: "Client", tasks: list[_Task]) -> None:
    import anyio
    import anyio.to_thread

    fetching = anyio.CapacityLimiter(CONNECTIONS)
    unpacking = anyio.CapacityLimiter(context.options.jobs)
    local = LocalDigests(store.cache)
    by_digest: dict[str, _Task] = {}
    twins: list[_Task] = []

    async def run(task: _Task, wait: bool) -> None:
        try:
            if context.stopping():
                return
            if task.wheel.path:
                await anyio.to_thread.run_sync(_read, local, task, limiter=unpacking)
                task.entry = store.load(task.digest)
                if task.entry is not None:
                    return  # it was here before, under another path
            if by_digest.setdefault(task.digest, task) is not task:
                twins.append(task)  # the same file under two names: the name check will report it
                return
            if not await anyio.to_thread.run_sync(_lock, context, store, task, wait, limiter=fetching):
                return
            if task.entry is None:
                source = Path(task.wheel.path)
                if task.wheel.url:
                    source = store.partial(task.digest)
                    fetch = partial(_fetch, context, client, task.wheel, source)
                    await anyio.to_thread.run_sync(fetch, limiter=fetching)
                await anyio.to_thread.run_sync(_unpack, context, store, task, source, limiter=unpacking)
        except BaseException as error:
            if not isinstance(error, Exception):
                raise
            context.fail(error)

    try:
        largest_first = sorted(tasks, key=lambda task: -task.wheel.size)  # they determine when all is done
        for start in range(0, len(tasks), BATCH):
            batch = largest_first[start : start + BATCH]
            async with anyio.create_task_group() as group:
                for task in batch:
                    group.start_soon(run, task, False)
            _publish(store, batch)
        for task in tasks:  # those that another process was working on
            if task.entry is None and task not in twins and not context.stopping():
                by_digest.pop(task.digest, None)
                await run(task, True)
                _publish(store, [task])
        for task in twins:
            task.entry = by_digest[task.digest].entry
    finally:
        _publish(store, tasks)
    context.check()


def _read(local: LocalDigests, task: _Task) -> None:
    """Hash a local wheel file, which must have the expected hash if there is one."""
    wheel = task.wheel
    task.read = local.read(wheel.path)
    task.digest = task.read.sha256
    if wheel.sha256 and task.digest != wheel.sha256:
        raise BadWheelError(
            f"{printable(wheel.filename)} is not the file that was locked: its sha256 is {task.digest}, not "
            f"{wheel.sha256}",
            wheel=wheel.filename,
        )


def _lock(context: Context, store: Store, task: _Task, wait: bool) -> bool:
    """Take the wheel's lock; False if it is taken and `wait` is not set. Then look for the entry again."""
    if not _hold(context, store, task, wait):
        return False
    task.entry = store.load(task.digest)
    if task.entry is not None:
        _let_go(task)
    return True


def _hold(context: Context, store: Store, task: _Task, wait: bool) -> bool:
    """Take the wheel's lock; False if it is taken and `wait` is not set. Raises LockTimeoutError and Interrupted."""
    path = store.lock_file(task.digest)
    try:
        descriptor, free = open_and_try(path, shared=False)
        if not free and not wait:
            os.close(descriptor)
            return False
        if not free:
            _wait(context, task, descriptor, path)
    except OSError as error:
        raise InstuiError(
            f"cannot lock {printable(task.wheel.filename)} in the cache ({reason(error)}); free some space, or "
            "choose another place with --cache-dir"
        ) from error
    task.lock = descriptor
    return True


def _wait(context: Context, task: _Task, descriptor: int, path: Path) -> None:
    """Wait until the process that fetches or unpacks the wheel is done, and report which one it is."""
    from instui_engine.locks.holders import holders_of
    from instui_engine.locks.phrases import WAITS_FOR, describe
    from instui_engine.locks.wait import LockWait

    def on_wait(holders: Sequence[Holder]) -> None:
        text = f"{WAITS_FOR}{describe(holders)}, which fetches or unpacks it"
        context.emit(Warned(task.wheel.name, text))

    wait = LockWait(
        f"the lock of {printable(task.wheel.filename)} in the cache ({printable(str(path))})",
        path,
        context.options.lock_timeout,
        holders=lambda: holders_of(path),
        on_wait=on_wait,
        cancelled=context.stopping,
    )
    try:
        wait.take(descriptor, take_exclusive)
    except Interrupted:
        context.check()
        raise


def _let_go(task: _Task) -> None:
    if task.lock >= 0:
        os.close(task.lock)
        task.lock = -1


def _fetch(context: Context, client: "Client", wheel: LockedWheel, target: Path) -> None:
    from instui_engine.fetch.download import Download, FetchCancelled

    context.rest()

    class Events:
        def started(self, done: int, size: int) -> None:
            context.emit(FetchStarted(wheel.name, done, size))

        def progress(self, done: int, size: int) -> None:
            context.emit(FetchProgress(wheel.name, done, size))

        def retried(self, attempt: int, reason: str) -> None:
            context.emit(FetchRetried(wheel.name, attempt, reason))

    try:
        client.fetch(Download(wheel.url, wheel.filename, wheel.sha256, wheel.size), target, Events(), context.stopping)
    except FetchCancelled:
        context.check()
        raise
    context.emit(FetchFinished(wheel.name, target.stat().st_size))


def _unpack(context: Context, store: Store, task: _Task, source: Path) -> None:
    context.rest()
    name = task.wheel.name
    total = 0

    def started(files: int, size: int) -> None:
        nonlocal total
        total = size
        context.emit(UnpackStarted(name, files, size))

    throttle = Throttle(lambda done: context.emit(UnpackProgress(name, done, total)))
    seen = 0

    def advanced(done: int) -> None:
        nonlocal seen
        throttle.add(done - seen)
        seen = done
        context.slow_motion.step(context.stopping)

    pending = store.unpack(source, task.digest, task.wheel.filename, Progress(started, advanced), context.stopping)
    if task.read is not None:
        # it was unpacked from the file as it is now, but would be stored under the hash that it had before
        try:
            LocalDigests.check(task.wheel.path, task.read)
        except BaseException:
            remove_tree(pending.directory)
            raise
    task.pending = pending
    manifest = task.pending.entry.manifest
    context.emit(UnpackFinished(name, manifest.files, manifest.size))
    if task.wheel.url:
        with suppress(OSError):  # it is unpacked; a superfluous file in the cache is no failure
            source.unlink(missing_ok=True)


def _publish(store: Store, tasks: Sequence[_Task]) -> None:
    """Make the unpacked wheels visible, and release the locks of `tasks`."""
    done = [task for task in tasks if task.pending is not None]
    try:
        store.publish([task.pending for task in done if task.pending is not None])
        for task in done:
            assert task.pending is not None
            task.entry, task.pending = task.pending.entry, None
    finally:
        for task in tasks:
            task.pending = None
            _let_go(task)
