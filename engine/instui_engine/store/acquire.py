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
from typing import TYPE_CHECKING

from instui_engine.errors import CACHE, BadWheelError, FetchError, InstuiError, Interrupted, printable, reason, remedy
from instui_engine.hashes import Demands, sha256_in
from instui_engine.journal.events import Warned
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context
from instui_engine.values import NamedTuple
from instui_engine.wheel.permission import check

from .entry import Entry
from .helpers import Helpers
from .known import Known
from .local import LocalDigests
from .store import Store
from .task import Task, announce, demands_on

if TYPE_CHECKING:
    from .ahead import Ahead


class Damage(NamedTuple):
    """An entry whose file at `path` has been changed or removed since it was unpacked."""

    wheel: LockedWheel
    entry: Entry
    path: str


def acquire(
    context: Context,
    store: Store,
    wheels: Sequence[LockedWheel],
    index_urls: Sequence[str],
    offline: bool,
    helpers: Helpers | None = None,
    ahead: "Ahead | None" = None,
) -> list[Entry | None]:
    """The store's entries for `wheels`, in the same order; None for one that was cancelled meanwhile.

    Helper processes that were started before are made use of, and so is what is fetched `ahead`. Raises BadWheelError,
    FetchError, InstuiError (disk) or Interrupted; wheels unpacked by then stay in the store.
    """
    entries: list[Entry | None] = []
    tasks: list[Task] = []
    known, local = Known(store.cache), LocalDigests(store.cache)
    for place, wheel in enumerate(wheels):
        digest = _digest(wheel, known, local)
        entry = _find(store, known, digest, demands_on(wheel))
        entries.append(entry)
        announce(context, wheel, entry, fetch=entry is None and bool(wheel.url) and not offline)
        if entry is None:
            tasks.append(Task(place, wheel, digest, known))
    if tasks:
        from .obtain import obtain  # a warm store needs none of it

        obtain(context, store, tasks, index_urls, offline, helpers or Helpers(), ahead)
        for task in tasks:
            entries[task.place] = task.entry
    for wheel, entry in zip(wheels, entries, strict=True):
        if entry is not None and wheel.name not in context.control.wheels:
            with context.failing(wheel.name):
                check_contents(wheel, entry, context.options.allow_record)
    return entries


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
) -> list[Entry | None]:
    """Rebuild the entries of `damages` from their wheels; return them in the same order, None for what was cancelled.

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
            with context.failing(wheel.name):
                raise FetchError(problem, wheel=wheel.filename)
        context.emit(Warned(wheel.name, f"{what}; it is unpacked again"))
        # it must be the same wheel again, wherever its hash came from
        tasks.append(Task(place, wheel._replace(sha256=entry.sha256), entry.sha256, known))
    for task, damage in zip(tasks, damages, strict=True):
        _discard(context, store, task, damage)
    missing = [task for task in tasks if task.entry is None]
    if missing:
        from .obtain import obtain

        obtain(context, store, missing, index_urls, offline, Helpers())
    return [task.entry for task in tasks]


def _discard(context: Context, store: Store, task: Task, damage: Damage) -> None:
    """Remove a damaged entry, unless another process has rebuilt it already."""
    try:
        with context.failing(task.wheel.name):
            task.hold(context, store, wait=True)
    except Interrupted:
        context.check()
        return  # the wheel was cancelled
    try:
        task.entry = store.load(task.digest)
        if task.entry is not None and not store.is_whole(task.entry, damage.path):
            store.discard(task.entry)
            task.entry = None
    except OSError as error:
        raise InstuiError(f"cannot repair the cache ({reason(error, store.cache)}); {remedy(error, CACHE)}") from error
    finally:
        task.let_go()
