"""A wheel that the store lacks: what is known of it on its way from a URL or file to an entry, and its lock."""

from typing import TYPE_CHECKING

from instui_engine.hashes import Demands
from instui_engine.journal.events import WheelAdded
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context

from .entry import Entry
from .known import Known, UrlNote, url_key
from .local import Digest
from .store import Pending, Store
from .wheel_lock import hold, let_go

if TYPE_CHECKING:
    from instui_engine.fetch.download import Fetched


class Task:
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

    def hold(self, context: Context, store: Store, wait: bool) -> bool:
        """Take the lock; False if it is taken and `wait` is not set. Raises as `wheel_lock.hold`."""
        self.lock = hold(context, store.lock_file(self.key), self.wheel, wait)
        return self.lock >= 0

    def let_go(self) -> None:
        """Release the lock, if it is held."""
        if self.lock >= 0:
            let_go(self.lock)
            self.lock = -1


def demands_on(wheel: LockedWheel) -> Demands:
    """All that the hashes of a wheel file have to meet."""
    own = frozenset({f"sha256:{wheel.sha256}"})
    return wheel.demands if not wheel.sha256 or own in wheel.demands else (*wheel.demands, own)


def announce(context: Context, wheel: LockedWheel, entry: Entry | None, fetch: bool = False) -> None:
    """Emit what is known of a wheel before there is work on it, or when the store turns out to have it as `entry`."""
    files = unpacked = 0
    if entry is not None:
        files, unpacked = entry.manifest.files, entry.manifest.size
    elif wheel.path:
        from instui_engine.wheel.glance import glance  # a warm store needs none of it

        files, unpacked = glance(wheel.path)
    cached = entry is not None
    context.emit(WheelAdded(wheel.name, wheel.version, wheel.filename, wheel.size, cached, fetch, files, unpacked))
