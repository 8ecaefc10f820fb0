"""The rows of the Events view: what every event means in a few words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from instui.monitor import units
from instui.monitor.model import RecoveryRow, Snapshot
from instui.tui.text.columns import Column
from instui.tui.text.pieces import Line, line, middle, safe, tail
from instui.tui.watch import Log
from instui_engine.journal import events
from instui_engine.journal.events import Event, kind_of

from . import recoveries as recoveryrows
from .filter import NOTHING, Filter
from .labels import holder_label, lock_label

COLUMNS = (
    Column("t", "time", 8, right=True),
    Column("kind", "event", 13, weight=1, most=20),
    Column("wheel", "wheel", 14, weight=1, needs=70, most=28),
    Column("text", "", 10, weight=5),
)
_TEXTS = ("text", "error", "old", "new", "reason", "owner", "session", "outcome")
OLDER = "\0older"
_STYLES = {
    "fetch": "fetch",
    "unpack": "unpack",
    "stage": "stage",
    "commit": "commit",
    "overwrite": "age",
    "restored": "commit",
    "recovery": "age",
    "warned": "age",
    "cancel": "failed",
}


class Numbers(Sequence[str]):
    """The keys of all events in the log, without a list of them; the first stands for those that are gone."""

    def __init__(self, first: int, total: int) -> None:
        self._numbers = range(first - 1 if first else 0, total)
        self._older = bool(first)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = self._numbers[index]
        return OLDER if self._older and number == self._numbers[0] else str(number)


class Seen:
    """The events that match the filter, each looked at once."""

    def __init__(self) -> None:
        self._filter = NOTHING
        self._next = 0
        self._keys: list[str] = []

    def update(self, log: Log, filter_: Filter) -> Sequence[str]:
        """The keys to show."""
        if not filter_:
            return Numbers(log.first, log.total)
        if filter_ != self._filter:
            self._filter, self._next, self._keys = filter_, 0, []
        fresh = [str(number) for number in range(max(self._next, log.first), log.total) if _keeps(filter_, log, number)]
        self._next = log.total
        if self._keys and int(self._keys[0]) < log.first:
            self._keys = [key for key in self._keys if int(key) >= log.first]
        if fresh:
            self._keys = [*self._keys, *fresh]
        return self._keys


def _keeps(filter_: Filter, log: Log, number: int) -> bool:
    return filter_.keeps(lambda: fields(log[number][1]))


def fields(event: Event) -> dict[str, str]:
    """What a filter may look at; `state:` is the kind."""
    values: dict[str, Any] = event._asdict()
    paths = [*values.get("exclusive", ()), values.get("path", "")]
    texts = [str(values.get(name, "")) for name in _TEXTS]
    texts += map(str, values.get("left", ()))
    return {
        "wheel": str(values.get("wheel", "")),
        "lock": " ".join(str(path) for path in paths).casefold(),
        "state": kind_of(event),
        "text": " ".join(texts).casefold(),
    }


def cells(snapshot: Snapshot, log: Log, key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    """The cells of one event."""
    if key == OLDER:
        return {"": line((f"… {units.count(log.first, 'older event')} in the journal", "dim"))}
    number = int(key)
    if not log.first <= number < log.total:
        return {}
    t, event = log[number]
    kind = kind_of(event)
    wheel = safe(str(getattr(event, "wheel", "")))
    if isinstance(event, events.SessionFinished):
        style = "failed" if event.exit else "commit"
    elif isinstance(event, events.LockWaiting | events.EnvironmentWaiting):
        style = "wait"
    elif isinstance(event, events.WheelFailed):
        style = "failed"
    elif isinstance(event, events.RecoveryFinished):
        style = recoveryrows.STYLES.get(event.outcome, "age")
    else:
        style = _STYLES.get(kind.partition(".")[0], "text" if kind.startswith("lock") else "dim")
    text = tell(snapshot, event)
    if "wheel" not in sizes and wheel:
        text = f"{wheel}  {text}"
    return {
        "t": line((f"{t:.2f} s", "dim")),
        "kind": line((middle(kind, sizes["kind"]), style)),
        "wheel": line((middle(wheel, sizes.get("wheel", 0)), "text")),
        "text": line((tail(text, sizes["text"]), "text" if style != "dim" else "dim")),
    }


_NEWS = (
    events.LockWaiting,
    events.EnvironmentWaiting,
    events.PlanConflict,
    events.RecoveryStarted,
    events.RecoveryFinished,
    events.Warned,
    events.WheelFailed,
    events.CancelRequested,
)


def matters(event: Event) -> bool:
    """Whether `[` and `]` stop there: somebody waits, content was or will be replaced, a dead session is settled,
    something is wrong.
    """
    if isinstance(event, events.Overwrite):
        return not event.same
    if isinstance(event, events.SessionFinished):
        return event.exit != 0
    return isinstance(event, _NEWS)


def tell(snapshot: Snapshot, event: Event) -> str:
    """The event in a few words, its wheel and kind left out."""
    teller = _TELLERS.get(type(event))
    return teller(event, snapshot) if teller else ""


def _holders(event: Any, snapshot: Snapshot) -> str:
    return ", ".join(holder_label(snapshot, holder) for holder in event.holders) or "unknown"


def _claims(event: Any, snapshot: Snapshot) -> str:
    named = [path for path in event.exclusive if not path.startswith("@")]
    first = ", ".join(lock_label(snapshot, path.rstrip("/")) for path in named[:2])
    more = f" +{len(named) - 2}" if len(named) > 2 else ""
    replaced = f", replaces {safe(event.replaces)}" if event.replaces else ""
    return f"{units.count(event.files, 'file')}, claims {first or 'its name'}{more}{replaced}"


def _recovery(event: Any, _: Snapshot) -> str:
    outcome, left = getattr(event, "outcome", "running"), getattr(event, "left", ())
    return recoveryrows.event(RecoveryRow(0.0, event.wheel, event.version, event.session, outcome, tuple(left)))


def _end(event: Any, snapshot: Snapshot) -> str:
    what = units.count(event.installed, *(("distribution",) if snapshot.removes else ("wheel",)))
    done = "removed" if snapshot.removes else "installed"
    return f"exit {event.exit}, {what} {done} in {units.seconds(event.seconds)}" + (
        f": {safe(event.error)}" if event.error else ""
    )


def _owners(event: Any, snapshot: Snapshot) -> str:
    content = ", equal content" if event.same else ""
    return f"{lock_label(snapshot, event.path)}  {safe(event.old) or 'nobody'} → {safe(event.new)}{content}"


_TELLERS: dict[type[Any], Callable[[Any, Snapshot], str]] = {
    events.SessionStarted: lambda e, _: f"instui {safe(e.version)}, {units.count(e.jobs, 'worker')}, {safe(e.top)}",
    events.CancelRequested: lambda e, _: f"will stop between two commits, with exit code {e.exit}",
    events.ResolveStarted: lambda e, _: safe(" ".join(e.requirements)),
    events.ResolveFinished: lambda e, _: f"{units.count(e.wheels, 'wheel')}, {e.satisfied} installed already",
    events.RequirementSatisfied: lambda e, _: f"{safe(e.name)} {safe(e.version)}",
    events.WheelAdded: lambda e, _: f"{safe(e.version)}{', in the store' if e.cached else ''}",
    events.FetchStarted: lambda e, _: units.size(e.size) if e.size else "",
    events.FetchRetried: lambda e, _: f"attempt {e.attempt}: {safe(e.reason)}",
    events.FetchFinished: lambda e, _: units.size(e.size),
    events.UnpackStarted: lambda e, _: f"{units.count(e.files, 'file')}, {units.size(e.size)}",
    events.UnpackFinished: lambda e, _: f"{units.count(e.files, 'file')}, {units.size(e.size)}",
    events.PlanWheel: _claims,
    events.PlanCollision: lambda e, s: f"{lock_label(s, e.path)} takes turns: {', '.join(map(safe, e.wheels))}",
    events.PlanConflict: lambda e, s: f"{lock_label(s, e.path)}  {safe(e.last)} will replace {safe(e.first)}",
    events.PlanFinished: lambda e, _: (
        f"{units.count(e.wheels, 'wheel')}, {units.count(e.files, 'file')}, {units.count(e.collisions, 'collision')}, "
        f"{units.count(e.conflicts, 'conflict')}"
    ),
    events.StageStarted: lambda e, _: units.count(e.files, "file"),
    events.EnvironmentWaiting: lambda e, s: f"{safe(e.path)} is held by {_holders(e, s)}",
    events.EnvironmentGranted: lambda e, _: f"{safe(e.path)} after {units.seconds(e.waited)}",
    events.EnvironmentReleased: lambda e, _: f"{safe(e.path)} after {units.seconds(e.held)}",
    events.LockWaiting: lambda e, s: f"for {lock_label(s, e.path)} ({e.mode}), held by {_holders(e, s)}",
    events.LockGranted: lambda e, _: f"waited {units.seconds(e.waited)}" if e.waited >= 0.005 else "at once",
    events.LockReleased: lambda e, _: f"held {units.seconds(e.held)}",
    events.SyncStarted: lambda e, _: f"writing the {safe(e.what)} to disk",
    events.SyncFinished: lambda e, _: f"the {safe(e.what)} is on disk after {units.seconds(e.seconds)}",
    events.CommitStarted: lambda e, _: units.count(e.renames, "rename"),
    events.CommitFinished: lambda e, _: units.count(e.files, "file"),
    events.Overwrite: _owners,
    events.Restored: lambda e, s: f"{lock_label(s, e.path)}  is that of {safe(e.owner) or 'nobody'} again",
    events.RecoveryStarted: _recovery,
    events.RecoveryFinished: _recovery,
    events.DistributionRemoved: lambda e, _: f"{safe(e.version)}, {units.count(e.files, 'file')}",
    events.WheelFailed: lambda e, _: safe(e.error),
    events.Warned: lambda e, _: safe(e.text),
    events.SessionFinished: _end,
}
