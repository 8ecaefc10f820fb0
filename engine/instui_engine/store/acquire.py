"""From locked wheels to entries of the store: existing ones are used, the others are fetched and unpacked in parallel.

Each wheel has a lock, so that only one process works on it. A process that finds a lock taken does all its other work
first, and waits only when it holds no such lock itself, so processes cannot wait for each other in a circle.

The store knows wheels by their sha256. Where that is not known beforehand (an index that has other hashes, or none; a
URL), the lock is that of the URL, and the wheel is hashed while it comes. What is in the store is used only if it is
known to meet all demands; otherwise the file itself is asked.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import CACHE, BadWheelError, FetchError, InstuiError, printable, reason, remedy
from instui_engine.fs.rmtree import remove_tree
from instui_engine.hashes import Demands, sha256_in, unmet
from instui_engine.journal.events import (
    FetchFinished,
    FetchProgress,
    FetchRetried,
    FetchStalled,
    FetchStarted,
    UnpackFinished,
    UnpackProgress,
    UnpackStarted,
    Warned,
    WheelAdded,
)
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context, Throttle
from instui_engine.values import NamedTuple
from instui_engine.wheel.permission import check

from .entry import Entry
from .known import Known, UrlNote, url_key
from .local import Digest, LocalDigests
from .store import Pending, Progress, Store
from .wheel_lock import hold, let_go

if TYPE_CHECKING:
    from instui_engine.fetch.download import Client, Fetched

CONNECTIONS = 10
BATCH = 500  # wheels per sync, after which they become visible; each holds a lock file open until then


class Damage(NamedTuple):
    """An entry whose file at `path` has been changed or removed since it was unpacked."""

    wheel: LockedWheel
    entry: Entry
    path: str


class _Task:
    """A wheel that the store lacks. `lock` is held from the first try until it is published; -1 if not held.

    `digest` is the sha256, "" if it is not known yet. `key` names the lock and the partial file, "" for a local wheel
    file that has not been read.
    """

    def __init__(self, place: int, wheel: LockedWheel, digest: str, known: Known) -> None:
        self.place = place
        self.wheel = wheel
        self.demands = demands_on(wheel)
        self.digest = digest
        self.key = digest
        self.note: UrlNote | None = None  # what the URL gave last
        if wheel.url and not digest:
            self.key = url_key(wheel.url, self.demands)
            self.note = known.url(self.key)
        self.read: Digest | None = None  # digest of a local wheel file
        self.fetched: Fetched | None = None
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
    known, local = Known(store.cache), LocalDigests(store.cache)
    for place, wheel in enumerate(wheels):
        digest = _digest(wheel, known, local)
        entry = _find(store, known, digest, demands_on(wheel))
        entries.append(entry)
        _announce(context, wheel, entry is not None, fetch=entry is None and bool(wheel.url) and not offline)
        if entry is None:
            tasks.append(_Task(place, wheel, digest, known))
    if tasks:
        _work(context, store, tasks, index_urls, offline)
        for task in tasks:
            entries[task.place] = task.entry
    found = [entry for entry in entries if entry is not None]
    for wheel, entry in zip(wheels, found, strict=True):
        check_contents(wheel, entry, context.options.allow_record)
    return found


def _announce(context: Context, wheel: LockedWheel, cached: bool, fetch: bool = False) -> None:
    context.emit(WheelAdded(wheel.name, wheel.version, wheel.filename, wheel.size, cached, fetch))


def check_contents(wheel: LockedWheel, entry: Entry, allow_record: Sequence[str] = ()) -> None:
    """Raise BadWheelError if the entry that the hashes of `wheel` lead to is not one that this session may use.

    It may be another distribution, or have been unpacked by a permission that this session does not have.
    """
    manifest = entry.manifest
    if manifest.name == wheel.name and _is_same(manifest.version, wheel.version):
        check(allow_record, manifest.name, manifest.version, manifest.flaws, wheel.filename)
        return
    inside = f"{printable(manifest.name)} {printable(manifest.version)}"
    name = printable(wheel.filename)
    problem = f"{name} contains {inside}"
    if sha256_in(demands_on(wheel)):
        problem = f"the hash that is demanded of {name} is that of a wheel of {inside}"
    raise BadWheelError(f"{problem}; it is not installed", wheel=wheel.filename)


def _is_same(one: str, other: str) -> bool:
    """Whether two texts are one version, as 1.0 and 1.0.0 are."""
    if one == other:
        return True
    from packaging.version import InvalidVersion, Version

    with suppress(InvalidVersion):
        return Version(one) == Version(other)
    return False


def look_up(store: Store, wheels: Sequence[LockedWheel]) -> list[Entry | None]:
    """The store's entries for `wheels`, in the same order; None for a wheel that would have to be fetched or read."""
    known, local = Known(store.cache), LocalDigests(store.cache)
    # a local file that was not read yet is taken to be what it must be
    digests = [_digest(wheel, known, local) or known.sha256(demands_on(wheel)) for wheel in wheels]
    return [_find(store, known, digest, demands_on(wheel)) for wheel, digest in zip(wheels, digests, strict=True)]


def demands_on(wheel: LockedWheel) -> Demands:
    """All that the hashes of a wheel file have to meet."""
    own = frozenset({f"sha256:{wheel.sha256}"})
    return wheel.demands if not wheel.sha256 or own in wheel.demands else (*wheel.demands, own)


def _digest(wheel: LockedWheel, known: Known, local: LocalDigests) -> str:
    """The sha256 of a wheel, as far as it is known without reading or fetching the file; else ""."""
    if wheel.path:
        with suppress(OSError):
            return local.noted(wheel.path)
    return known.sha256(demands_on(wheel))  # also of a local file that is gone: the store may have it


def _find(store: Store, known: Known, digest: str, demands: Demands) -> Entry | None:
    """The entry of the wheel with that sha256, if there is one, and if it is known to meet `demands`."""
    return store.load(digest) if digest and known.meets(demands, digest) else None


def rebuild(
    context: Context, store: Store, damages: Sequence[Damage], index_urls: Sequence[str], offline: bool
) -> list[Entry]:
    """Rebuild the entries of `damages` from their wheels; return them in the same order.

    Another session that is linking from an old entry finds its files gone, and rebuilds it, too. An entry whose wheel
    is not available (no file, `offline`) is left as it is. Raises as `acquire`.
    """
    tasks = []
    known = Known(store.cache)
    for place, (wheel, entry, path) in enumerate(damages):
        what = f"cached files were changed or removed ({printable(path)})"
        if (offline and wheel.url) or (wheel.path and not os.path.isfile(wheel.path)):
            todo = f"put {printable(wheel.path)} back" if wheel.path else "run once without --offline"
            name = printable(f"{wheel.name} {wheel.version}")
            problem = f"{name}: {what}, and there is no wheel file to unpack again; {todo}"
            raise FetchError(problem, wheel=wheel.filename)
        context.emit(Warned(wheel.name, f"{what}; it is unpacked again"))
        # it must be the same wheel again, wherever its hash came from
        tasks.append(_Task(place, wheel._replace(sha256=entry.sha256), entry.sha256, known))
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
        raise InstuiError(f"cannot repair the cache ({reason(error, store.cache)}); {remedy(error, CACHE)}") from error
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
    known, local = Known(store.cache), LocalDigests(store.cache)
    by_key: dict[str, _Task] = {}
    twins: list[_Task] = []

    async def run(task: _Task, wait: bool) -> None:
        try:
            if context.stopping():
                return
            if task.wheel.path:
                await anyio.to_thread.run_sync(_read, known, local, task, limiter=unpacking)
                task.entry = store.load(task.digest)
                if task.entry is not None:
                    return  # it was here before, under another path
            if by_key.setdefault(task.key, task) is not task:
                twins.append(task)  # the same file under two names: the name check will report it
                return
            look = partial(_lock, context, store, known, task, wait)
            if not await anyio.to_thread.run_sync(look, limiter=fetching):
                return
            if task.entry is None:
                source = Path(task.wheel.path)
                if task.wheel.url:
                    source = store.partial(task.key)
                    fetch = partial(_fetch, context, store, known, client, task, source)
                    await anyio.to_thread.run_sync(fetch, limiter=fetching)
                if task.entry is None:
                    await anyio.to_thread.run_sync(_unpack, context, store, task, source, limiter=unpacking)
        except BaseException as error:
            if not isinstance(error, Exception):
                raise
            context.fail(error)
        finally:
            if task.entry is not None:  # found, not made
                _announce(context, task.wheel, cached=True)

    try:
        largest_first = sorted(tasks, key=lambda task: -task.wheel.size)  # they determine when all is done
        for start in range(0, len(tasks), BATCH):
            batch = largest_first[start : start + BATCH]
            async with anyio.create_task_group() as group:
                for task in batch:
                    group.start_soon(run, task, False)
            _publish(store, known, batch)
        for task in tasks:  # those that another process was working on
            if task.entry is None and task not in twins and not context.stopping():
                by_key.pop(task.key, None)
                await run(task, True)
                _publish(store, known, [task])
        for task in twins:
            task.entry = by_key[task.key].entry
    finally:
        _publish(store, known, tasks)
    context.check()


def _read(known: Known, local: LocalDigests, task: _Task) -> None:
    """Hash a local wheel file, which must meet all demands on it."""
    wheel = task.wheel
    task.read = local.read(wheel.path, task.demands)
    task.digest = task.key = task.read.sha256
    wrong = unmet(task.demands, task.read.hashes)
    if wrong is not None:
        algorithm, _, expected = min(wrong).partition(":")
        came = next(value for value in task.read.hashes if value.startswith(f"{algorithm}:"))
        raise BadWheelError(
            f"{printable(wheel.filename)} is not the file that is demanded: its {algorithm} is "
            f"{came.partition(':')[2]}, not {expected}",
            wheel=wheel.filename,
        )
    known.note(task.read.hashes, task.digest)


def _lock(context: Context, store: Store, known: Known, task: _Task, wait: bool) -> bool:
    """Take the wheel's lock; False if it is taken and `wait` is not set. Then look for the entry again."""
    if not _hold(context, store, task, wait):
        return False
    digest = task.digest or _given_meanwhile(known, task)
    task.entry = store.load(digest) if task.read is not None else _find(store, known, digest, task.demands)
    if task.entry is not None:
        _let_go(task)
    return True


def _given_meanwhile(known: Known, task: _Task) -> str:
    """The sha256 of what another session has just fetched from the same URL, while this one waited for it."""
    before, task.note = task.note, known.url(task.key)
    return "" if task.note is None or task.note == before else task.note.sha256


def _hold(context: Context, store: Store, task: _Task, wait: bool) -> bool:
    task.lock = hold(context, store.lock_file(task.key), task.wheel, wait)
    return task.lock >= 0


def _let_go(task: _Task) -> None:
    if task.lock >= 0:
        let_go(task.lock)
        task.lock = -1


def _fetch(context: Context, store: Store, known: Known, client: "Client", task: _Task, target: Path) -> None:
    """Fetch a wheel into `target`, or find that the store has what came, or what would come again."""
    from instui_engine.fetch.download import Download, FetchCancelled

    wheel = task.wheel
    before = store.load(task.note.sha256) if task.note is not None else None
    etag = task.note.etag if task.note is not None and before is not None else ""
    if before is not None and client.offline:
        task.entry = before
        return
    context.rest()

    class Events:
        def started(self, done: int, size: int) -> None:
            context.emit(FetchStarted(wheel.name, done, size))

        def progress(self, done: int, size: int) -> None:
            context.emit(FetchProgress(wheel.name, done, size))

        def stalled(self, host: str, seconds: float) -> None:
            context.emit(FetchStalled(wheel.name, host, seconds))

        def retried(self, attempt: int, reason: str) -> None:
            context.emit(FetchRetried(wheel.name, attempt, reason))

    download = Download(wheel.url, wheel.filename, task.demands, wheel.size, etag)
    try:
        fetched = client.fetch(download, target, Events(), context.stopping)
    except FetchCancelled:
        context.check()
        raise
    if fetched is None:
        task.entry = before
        return
    context.emit(FetchFinished(wheel.name, target.stat().st_size))
    task.fetched = fetched
    task.digest = fetched.sha256
    known.note(fetched.hashes, fetched.sha256)
    task.entry = store.load(fetched.sha256)
    if task.entry is not None:
        _remove(target)


def _remove(partial: Path) -> None:
    with suppress(OSError):  # its content is in the store; a superfluous file in the cache is no failure
        partial.unlink(missing_ok=True)


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

    steps, allow_record = Progress(started, advanced), context.options.allow_record
    pending = store.unpack(source, task.digest, task.wheel.filename, steps, context.stopping, allow_record)
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
        _remove(source)


def _publish(store: Store, known: Known, tasks: Sequence[_Task]) -> None:
    """Make the unpacked wheels visible, note what URLs gave, and release the locks of `tasks`."""
    done = [task for task in tasks if task.pending is not None]
    try:
        store.publish([task.pending for task in done if task.pending is not None])
        for task in done:
            assert task.pending is not None
            task.entry, task.pending = task.pending.entry, None
        for task in tasks:
            if task.fetched is not None and task.entry is not None and task.key != task.digest:
                known.note_url(task.key, task.digest, task.fetched.etag)
                task.fetched = None
    finally:
        for task in tasks:
            task.pending = None
            _let_go(task)
