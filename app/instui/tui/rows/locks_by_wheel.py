"""The Locks view by wheel: how long each wheel waited, and how long it made others wait."""

from collections.abc import Callable, Mapping, Sequence

from instui.monitor import units
from instui.monitor.model import Phase, Snapshot, WheelState
from instui.tui.text.columns import Column
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line, middle, safe, tail
from instui.tui.text.styles import age_style
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import wait_graph
from .keys import FOLD, About, lock_key, other_key, wheel_key
from .labels import claim_label, holder_pieces, lock_label, process_label, short, wheel_label
from .locks import LockQuery
from .wait_graph import Edge

COLUMNS = (
    Column("wheel", "wheel", 14, weight=3, most=44),
    Column("now", "now", 12, weight=3, most=60, needs=62),
    Column("waited", "waited", 7, right=True),
    Column("longest", "longest", 7, right=True, needs=72),
    Column("blocked", "blocked", 7, right=True),
    Column("x", "X", 4, right=True, needs=92),
    Column("ix", "IX", 4, right=True, needs=92),
)


class WaitTimes(NamedTuple):
    """How long a wheel waited and made others wait, in seconds.

    `wait` is the present wait, `blocks` whether others wait for the wheel now, `t` the snapshot's time.
    """

    waited: float
    longest: float
    blocked: float
    wait: Edge | None
    blocks: bool
    t: float

    @property
    def matters(self) -> bool:
        """Whether the wheel waited or made others wait."""
        return self.wait is not None or self.waited >= 0.005 or self.blocked >= 0.005


SORTS: dict[str, Callable[[WheelState, WaitTimes], tuple[float, str]]] = {
    "wheel": lambda wheel, _: (0.0, wheel.key),
    "waited": lambda wheel, times: (-times.waited, wheel.key),
    "longest": lambda wheel, times: (-times.longest, wheel.key),
    "blocked": lambda wheel, times: (-times.blocked, wheel.key),
    "x": lambda wheel, _: (-len(wheel.exclusive), wheel.key),
    "ix": lambda wheel, _: (-len(wheel.shared), wheel.key),
}


class ByWheel(NamedTuple):
    """The rows in order, and what they show."""

    keys: list[str]
    rows: Mapping[str, About]
    times: Mapping[str, WaitTimes]
    others: Mapping[str, tuple[Holder, list[Edge]]]
    hidden: int


def arrange(snapshot: Snapshot, query: LockQuery) -> ByWheel:
    """Holders outside the session come first, then wheels that wait now, then those with the longest waits."""
    now = wait_graph.present(snapshot)
    times_by_wheel = _times(snapshot, now)
    foreign = wait_graph.foreign(snapshot, [*now, *wait_graph.past(snapshot)])
    others = {other_key(holder): (holder, waits) for holder, waits in foreign.items()}
    wheels = [wheel for wheel in snapshot.wheels if _shown(wheel, times_by_wheel[wheel.key], query)]
    if query.sort:
        wheels.sort(key=lambda wheel: SORTS[query.sort](wheel, times_by_wheel[wheel.key]))
    else:
        wheels.sort(key=lambda wheel: _importance(wheel, times_by_wheel[wheel.key]))
    if query.reverse:
        wheels.reverse()
    if query.filter:
        others = {key: found for key, found in others.items() if _other_fits(found[0], query)}
    rows = {key: About(lock_key(snapshot, waits[0].path), "") for key, (_, waits) in others.items()}
    for wheel in wheels:
        wait = times_by_wheel[wheel.key].wait
        rows[wheel_key(wheel.key)] = About(wait.path if wait else "", wheel.key)
    hidden = len(snapshot.wheels) - len(wheels)
    if hidden and rows and not query.filter:
        rows[FOLD] = About()
    return ByWheel([*rows], rows, times_by_wheel, others, hidden)


def _times(snapshot: Snapshot, now: Sequence[Edge]) -> dict[str, WaitTimes]:
    longest: dict[str, float] = {}
    latest: dict[str, tuple[str, float, float]] = {}  # path, begin and end: a wait may have parts
    for wait in snapshot.waits:
        path, begin, end = latest.get(wait.wheel, ("", 0.0, 0.0))
        begin = begin if (path, end) == (wait.path, wait.begin) else wait.begin
        latest[wait.wheel] = wait.path, begin, wait.end
        longest[wait.wheel] = max(wait.end - begin, longest.get(wait.wheel, 0.0))
    waits = {edge.waiter: edge for edge in now}
    blocked: dict[str, float] = {}
    for edge in now:
        if blocker := wait_graph.own_blocker(edge, snapshot):
            blocked[blocker] = blocked.get(blocker, 0.0) + edge.seconds(snapshot.t)
    found = {}
    for wheel in snapshot.wheels:
        present = waits.get(wheel.key)
        age = present.seconds(snapshot.t) if present else 0.0
        found[wheel.key] = WaitTimes(
            wheel.waited + age,
            max(longest.get(wheel.key, 0.0), age),
            wheel.blocked + blocked.get(wheel.key, 0.0),
            present,
            wheel.key in blocked,
            snapshot.t,
        )
    return found


def _shown(wheel: WheelState, times: WaitTimes, query: LockQuery) -> bool:
    if query.filter:
        return query.filter.keeps(lambda: fields(wheel, times))
    return query.everything or times.matters or query.about.wheel == wheel.key


def fields(wheel: WheelState, times: WaitTimes) -> Mapping[str, str]:
    """The fields for a filter; `lock:` finds every wheel that claims the path."""
    paths = [times.wait.path] if times.wait else []
    state = "wait" if times.wait else "held" if wheel.phase is Phase.COMMIT else "free"
    return {"wheel": wheel.label, "lock": " ".join([*paths, *wheel.exclusive]).casefold(), "state": state}


def _other_fits(holder: Holder, query: LockQuery) -> bool:
    text = f"{holder.wheel} pid {holder.pid} {holder.command} {holder.state}"
    return query.filter.keeps(lambda: {"wheel": text.casefold(), "lock": "", "state": "held"})


def _importance(wheel: WheelState, times: WaitTimes) -> tuple[float, float, str]:
    return -times.wait.seconds(times.t) if times.wait else 0.0, -(times.waited + times.blocked), wheel.key


def cells(snapshot: Snapshot, found: ByWheel, key: str, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    """The cells of one row."""
    if key == FOLD:
        text = f"… {units.count(found.hidden, 'wheel')} that neither waited nor made others wait   (a shows all)"
        return {"": line((text, "dim"))}
    if key in found.others:
        return _other(*found.others[key], snapshot, sizes)
    wheel = snapshot.wheel(found.rows.get(key, About()).wheel)
    if wheel is None:
        return {}
    times = found.times[wheel.key]
    present = times.wait.seconds(snapshot.t) if times.wait else 0.0
    age = present - times.wait.seconds(times.t) if times.wait else 0.0  # the time since then
    style = "wait" if times.wait else "text" if times.matters else "dim"
    return {
        "wheel": line((short(safe(wheel.label), sizes["wheel"]), style)),
        "now": _now(wheel, times.wait, snapshot, sizes.get("now", 0), glyphs),
        "waited": _time(times.waited + age, "wait" if times.wait else "text", times.wait is not None),
        "longest": _time(max(times.longest, present), "dim", present >= times.longest),
        "blocked": _time(times.blocked, "text", times.blocks),
        "x": line((str(len(wheel.exclusive) or ""), "dim")),
        "ix": line((str(len(wheel.shared) or ""), "dim")),
    }


def _time(value: float, style: str, growing: bool) -> Line:
    return line((units.spent(value, growing), style)) if value >= 0.005 else ()


def _now(wheel: WheelState, wait: Edge | None, snapshot: Snapshot, room: int, glyphs: Glyphs) -> Line:
    if wait is not None:
        lock = lock_label(snapshot, wait.path)
        name = wheel_label(snapshot, wait.blocker.wheel) or process_label(wait.blocker)
        what = middle(lock, max(room // 2 - 3, room - 3 - units.cells(name)))
        left = room - units.cells(what) - 3
        return (*line((what, "wait"), (f" {glyphs.arrow} ", "dim")), *holder_pieces(snapshot, wait.blocker, left))
    if wheel.phase is Phase.COMMIT:
        return line(("holds ", "dim"), (claim_label(snapshot, wheel, room - 6), "commit"))
    return line((tail(wheel.phase.value, room), "dim"))


def _other(holder: Holder, waits: Sequence[Edge], snapshot: Snapshot, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    """The cells of a holder outside this session: only its waiters are known."""
    now = [edge for edge in waits if edge.end is None]
    lock = middle(lock_label(snapshot, waits[0].path), sizes.get("now", 0) - 6)
    age = max((edge.seconds(snapshot.t) for edge in now), default=0.0)
    return {
        "wheel": holder_pieces(snapshot, holder, sizes["wheel"]),
        "now": line(("holds " if now else "held ", "dim"), (lock, "commit" if now else "dim")),
        "blocked": line((units.spent(sum(edge.seconds(snapshot.t) for edge in waits), bool(now)), age_style(age))),
    }
