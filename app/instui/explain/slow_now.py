"""What holds a running session up at this moment: the one thing to tell, if anything lasts for long.

Only the present is looked at, so this costs little even with thousands of wheels.
"""

from collections.abc import Iterator

from instui.monitor.joined import member
from instui.monitor.model import Phase, Snapshot, WaitFor
from instui.monitor.names import is_own, path_name, wait_target
from instui.monitor.units import age, count, cut_end, number, size
from instui_engine.errors import printable
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .findings import common, who_is

_WAITS = 1.0  # seconds of a wait that are worth a line
_WORKS = 5.0  # seconds of work on one thing
_SILENT = 2.0  # seconds without a byte
_DOING_CELLS = 60


class SlowNow(NamedTuple):
    """The one thing that the session is held up by since `since`; `text` is safe to print, with the seconds in it."""

    kind: str  # as of findings
    since: float
    text: str
    wheels: tuple[str, ...] = ()
    holder: Holder | None = None


def slow_now(snapshot: Snapshot) -> SlowNow | None:
    """What holds the session up now; None when all is well, or nothing runs."""
    if snapshot.finished is not None or snapshot.session is None:
        return None
    if snapshot.standstill is not None:
        since, pid = snapshot.standstill.begin, snapshot.session.pid
        stood = age(snapshot.t - since)
        text = f"the session has stood still for {stood}: pid {pid} is stopped; kill -CONT {pid} helps"
        return SlowNow("halt", since, text)
    if snapshot.paused:
        return None
    for look in (_environment, _other_processes, _claims, _syncing, _resolving, _alone, _planning):
        for found in look(snapshot):
            return found
    return None


def _environment(snapshot: Snapshot) -> Iterator[SlowNow]:
    lock = snapshot.environment
    if lock is not None and lock.state == "waiting" and snapshot.t - lock.since >= _WAITS:
        holder = lock.holders[0] if lock.holders else None
        text = f"waiting {age(snapshot.t - lock.since)} for {printable(lock.path)}, held by {who_is(holder, snapshot)}"
        yield SlowNow("environment-lock", lock.since, text, (), holder)


def _other_processes(snapshot: Snapshot) -> Iterator[SlowNow]:
    for wait in snapshot.session_waits:  # the longest first
        if wait.end is not None or snapshot.t - wait.begin < _WAITS:
            continue
        holder = wait.holders[0] if wait.holders else None
        if number := member(wait.wheel, snapshot.sessions):
            kind = "environment-lock" if wait.what == "environment" else f"wait-{wait.what}"
            what = printable(wait.path) if wait.what == "environment" else wait_target(wait.what)
            waits = f"pid {snapshot.sessions[number - 1].pid} waits {age(snapshot.t - wait.begin)} for {what}"
            yield SlowNow(kind, wait.begin, f"{waits}, held by {who_is(holder, snapshot)}", (), holder)
        elif wait.what != "environment":
            what = f" for {_label(snapshot, wait.wheel)}" if wait.wheel else ""
            text = f"waiting {age(snapshot.t - wait.begin)}{what}: {who_is(holder, snapshot)}"
            yield SlowNow(f"wait-{wait.what}", wait.begin, text, (wait.wheel,) if wait.wheel else (), holder)


class _Behind(NamedTuple):
    """A wheel that waits behind `holder`, for this path, since `since`: before that it waited for others."""

    wheel: str
    path: str
    holder: Holder
    since: float


def _claims(snapshot: Snapshot) -> Iterator[SlowNow]:
    """The holder behind which most wheels stand; one of another process first, as it is no work of ours."""
    behind: dict[tuple[bool, str, int], list[_Behind]] = {}
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is None or wheel.waits_for is None:
            continue
        for holder in snapshot.blocking(wheel.waits_for)[:1]:
            own = is_own(holder, snapshot.session)
            group = (own, holder.wheel if own else "", 0 if own else holder.pid)
            since = _since(snapshot, wheel.waits_for)
            behind.setdefault(group, []).append(_Behind(key, wheel.waits_for.path, holder, since))
    for group in sorted(behind, key=lambda group: (group[0], -len(behind[group]))):
        waiting = sorted(behind[group], key=lambda one: one.since)
        if snapshot.t - waiting[0].since >= _WAITS:
            yield _behind(snapshot, waiting)


def _since(snapshot: Snapshot, wait: WaitFor) -> float:
    """Since when a wait is for the first of those whom `Snapshot.blocking` names."""
    lock = snapshot.lock(wait.path)
    return max(wait.behind, lock.holders[0].since) if lock is not None and lock.holders else wait.behind


def _behind(snapshot: Snapshot, waiting: list[_Behind]) -> SlowNow:
    """Those that wait behind one wheel of ours, or one process; the first of them has done so for longest."""
    first, wheels = waiting[0], tuple(one.wheel for one in waiting)
    subject = count(len(waiting), "wheel") if len(waiting) > 1 else printable(first.wheel)
    stood = f"{subject} {'stand' if len(waiting) > 1 else 'stands'} {age(snapshot.t - first.since)}"
    if not is_own(first.holder, snapshot.session):
        holder, path = common(one.holder for one in waiting), path_name(first.path, snapshot.session)
        if holder == first.holder and all(one.path == first.path for one in waiting):
            text = f"{stood} at {path}, held by {who_is(holder, snapshot)}"
        else:  # neither a path nor a wheel of that process is true of all
            text = f"{stood} behind {who_is(holder, snapshot)}, the first at {path}"
        return SlowNow("claim", first.since, text, wheels, holder)
    state = snapshot.wheel(first.holder.wheel)
    renames = f", which commits {count(state.total, 'rename')}" if state is not None and state.total else ""
    text = f"{stood} behind {printable(first.holder.wheel)}{renames}"
    return SlowNow("turns", first.since, text, (first.holder.wheel, *wheels), first.holder)


def _syncing(snapshot: Snapshot) -> Iterator[SlowNow]:
    if snapshot.syncing and snapshot.t - snapshot.syncs[-1].begin >= _WAITS:
        begin = snapshot.syncs[-1].begin
        text = f"waiting {age(snapshot.t - begin)} until the disk has written the {printable(snapshot.syncing)}"
        yield SlowNow("sync", begin, text)


def _resolving(snapshot: Snapshot) -> Iterator[SlowNow]:
    span = snapshot.spans[-1] if snapshot.spans else None
    if not snapshot.resolving or span is None or snapshot.t - span.begin < _WORKS:
        return
    doing = snapshot.doings[-1].doing if snapshot.doings else "deciding which versions to install"
    text = f"uv is {age(snapshot.t - span.begin)} at work: {cut_end(printable(doing), _DOING_CELLS)}"
    yield SlowNow("resolve", span.begin, text)


def _alone(snapshot: Snapshot) -> Iterator[SlowNow]:
    """A wheel that is at work alone, while the others wait for it or are done; or a download that stands still."""
    busy = [wheel for key in snapshot.running[:32] if (wheel := snapshot.wheel(key)) is not None]
    for wheel in busy:
        if wheel.phase is Phase.FETCH and wheel.due - snapshot.t >= _WAITS:
            text = f"{_label(snapshot, wheel.key)} is fetched again in {age(wheel.due - snapshot.t)}"
            yield SlowNow(
                "fetch", wheel.since, f"{text}: {cut_end(printable(wheel.retry), _DOING_CELLS)}", (wheel.key,)
            )
        stall = snapshot.stalls[-1] if snapshot.stalls else None
        if wheel.phase is Phase.FETCH and stall is not None and stall.wheel == wheel.key and wheel.rate < 1:
            since = stall.t - stall.seconds
            if snapshot.t - since >= _SILENT and wheel.since <= stall.t:
                label, lasts = _label(snapshot, wheel.key), age(snapshot.t - since)
                text = f"{printable(stall.host)} has sent nothing of {label} for {lasts}"
                if stall.connecting:
                    text = f"no connection for {lasts} to {printable(stall.host)}, which has {label}"
                yield SlowNow("fetch", since, text, (wheel.key,))
    if len(busy) == 1 and snapshot.t - busy[0].since >= _WORKS:
        wheel = busy[0]
        done = f" ({size(wheel.done)} of {size(wheel.total)})" if wheel.phase in _BYTES and wheel.total else ""
        if wheel.phase is Phase.BUILD and wheel.build is not None and wheel.build.line:
            done = f": {cut_end(printable(wheel.build.line), _DOING_CELLS)}"
        text = f"{_label(snapshot, wheel.key)} alone is at work: {wheel.word} for {age(snapshot.t - wheel.since)}{done}"
        yield SlowNow(wheel.phase.value, wheel.since, text, (wheel.key,))


_BYTES = (Phase.FETCH, Phase.UNPACK)


def _planning(snapshot: Snapshot) -> Iterator[SlowNow]:
    span = snapshot.spans[-1] if snapshot.spans else None
    if span is None or span.end is not None or snapshot.t - span.begin < _WORKS:
        return
    if span.name == "plan":
        wheels = count(len(snapshot.wheels), "wheel")
        yield SlowNow("plan", span.begin, f"planning {wheels} for {age(snapshot.t - span.begin)}")
    elif span.name == "compile":
        counted = snapshot.compiling
        done = f"{number(counted.done)} of {count(counted.files, 'module')}"
        yield SlowNow("compile", span.begin, f"compiling byte code for {age(snapshot.t - span.begin)}: {done}")
    elif span.name == "clean":
        yield SlowNow("clean", span.begin, f"cleaning up for {age(snapshot.t - span.begin)}")


def _label(snapshot: Snapshot, key: str) -> str:
    wheel = snapshot.wheel(key)
    return printable(wheel.label if wheel is not None else key)
