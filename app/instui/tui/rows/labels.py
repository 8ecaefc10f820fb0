"""The names of wheels, locks and holders on the screen: short, and safe to print."""

from instui.monitor import units
from instui.monitor.model import LockState, Snapshot, WheelState
from instui.monitor.names import holder_name, is_own, path_name
from instui.tui.text.pieces import Piece, middle, safe, tail
from instui_engine.journal.events import Holder

from .keys import is_session_wait
from .session_waits import key_of, named, title

_COMMAND_LEFT = 16  # the columns that a command needs to be shown in part


def wheel_label(snapshot: Snapshot, key: str) -> str:
    """Name and version of a wheel; of several sessions the one that waits as a whole."""
    wheel = snapshot.wheel(key)
    return safe(wheel.label) if wheel else named(snapshot, key)


def short(label: str, width: int) -> str:
    """Name and version in `width` columns. The version is cut first, as names often differ only in their last part."""
    if units.cells(label) <= width:
        return middle(label, width)
    name, _, version = label.rpartition(" ")
    room = width - units.cells(name) - 1
    if not name or room < 0:
        return middle(name or label, width)
    return f"{name} {tail(version, room)}" if room > 1 else middle(name, width)


def lock_label(snapshot: Snapshot, path: str) -> str:
    """The path of a lock without the directory that all packages share; a directory ends in a slash."""
    if is_session_wait(path):
        return next((title(wait, snapshot) for wait in snapshot.session_waits if key_of(wait) == path), "")
    session = snapshot.session
    lock = snapshot.lock(path)
    slash = "/" if lock and lock.is_directory else ""
    for scheme in ("purelib", "platlib"):
        root = session.roots.get(scheme, "") if session else ""
        if root and path.startswith(f"{root}/"):
            return safe(path[len(root) + 1 :]) + slash
    text = path_name(path, session)
    return text if text.endswith("/") or path.startswith("@") else text + slash


def claim_label(snapshot: Snapshot, wheel: WheelState, width: int) -> str:
    """The most telling claim of a wheel: a path that others want, else any path except that of its metadata."""
    paths = [path for path in wheel.exclusive if not path.startswith("@")]
    if not paths:
        return middle("its name", width)
    more = f" +{len(paths) - 1}" if len(paths) > 1 else ""
    first = min(paths, key=lambda path: (not _is_wanted(snapshot.lock(path)), path.endswith(".dist-info")))
    return f"{middle(lock_label(snapshot, first), width - len(more))}{more}"


def _is_wanted(lock: LockState | None) -> bool:
    return lock is not None and bool(lock.waiters or lock.collision or lock.contended)


def holder_label(snapshot: Snapshot, holder: Holder) -> str:
    """A wheel of this session, or a process."""

    def label(key: str) -> str:
        wheel = snapshot.wheel(key)
        return wheel.label if wheel else key

    return holder_name(holder, snapshot.session, label)


def holder_pieces(snapshot: Snapshot, holder: Holder, width: int, style: str = "commit") -> tuple[Piece, ...]:
    """A holder in `width` columns.

    For a process, the state is left out first, then the command and the wheel. That it is stopped is left out last:
    it is the reason why nothing goes on.
    """
    if is_own(holder, snapshot.session):
        return (Piece(short(holder_label(snapshot, holder), width), style),)
    stopped = holder.state == "stopped" or not holder.pid
    whole = holder_label(snapshot, holder)
    if not stopped and units.cells(whole) > width:
        holder = holder._replace(state="")
    state = f", {safe(holder.state)}" if holder.state else ""
    bare = holder._replace(state="")
    full, without, process = (
        holder_label(snapshot, bare),
        holder_label(snapshot, bare._replace(command="")) if holder.pid else holder_label(snapshot, bare),
        process_label(holder) or holder_label(snapshot, bare),
    )
    room = width - units.cells(state)
    text = next((text for text in (full, without, process) if units.cells(text) <= room), "")
    if not text:
        return (Piece(tail(process, width), "failed" if state else style),)
    if text == without != full and room - units.cells(text) >= _COMMAND_LEFT:
        text = f"{tail(full, room - 1)})"
    return (Piece(text, style), Piece(state, "failed" if stopped else "dim"))


def process_label(holder: Holder) -> str:
    """The shortest name of another process; "" if it is unknown."""
    return f"pid {holder.pid}" if holder.pid else ""


def own_holder(snapshot: Snapshot, lock: LockState) -> str:
    """The key of a wheel of this session that holds the lock; "" for none."""
    return lock.holders[0].wheel if lock.holders else ""


def blockers(snapshot: Snapshot, waiter: str, path: str, named: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """Who keeps `waiter` from `path` now: the wheels of this session that hold it, else the named holders."""
    lock = snapshot.lock(path)
    now = tuple(Holder(wheel=hold.wheel) for hold in lock.holders if hold.wheel != waiter) if lock else ()
    return now or named


def blocker_of(snapshot: Snapshot, key: str) -> tuple[str, str]:
    """The wheel that keeps another one waiting: its key and "", or "" and the reason why there is none."""
    wheel = snapshot.wheel(key)
    lock = snapshot.environment
    if wheel is None and not key:
        return "", "select a wheel first"
    if wheel is None or wheel.waits_for is None:
        if lock is not None and lock.state == "waiting":
            who = ", ".join(holder_label(snapshot, holder) for holder in lock.holders) or "unknown"
            return "", f"the whole session waits for {safe(lock.path)}, held from outside by {who}"
        if wheel is None and key.startswith("\0"):  # a row about something else
            return "", "select a wheel first"
        for wait in snapshot.session_waits:
            if wait.end is None and wait.wheel == key:
                who = ", ".join(holder_label(snapshot, holder) for holder in wait.holders) or "unknown"
                return "", f"waits for {title(wait, snapshot)}, held from outside by {who}"
        return "", f"{wheel_label(snapshot, key)} waits for nobody"
    holders = blockers(snapshot, key, wheel.waits_for.path, wheel.waits_for.holders)
    for holder in holders:
        if is_own(holder, snapshot.session) and snapshot.wheel(holder.wheel):
            return holder.wheel, ""
    who = ", ".join(holder_label(snapshot, holder) for holder in holders)
    return "", f"held from outside this session, by {who or 'unknown'}"


def waiters_of(snapshot: Snapshot, key: str) -> list[str]:
    """The wheels that wait for this one, longest first."""
    return [
        waiter
        for waiter in snapshot.waiting
        if (wheel := snapshot.wheel(waiter))
        and wheel.waits_for
        and any(
            holder.wheel == key and is_own(holder, snapshot.session)
            for holder in blockers(snapshot, waiter, wheel.waits_for.path, wheel.waits_for.holders)
        )
    ]
