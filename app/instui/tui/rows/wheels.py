"""The rows of the dashboard: one for each wheel, and rows for recoveries and the environment's lock."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from instui.monitor import units
from instui.monitor.joined import number_of
from instui.monitor.model import SETTLED, EnvironmentLock, Phase, Snapshot, WheelState
from instui.monitor.names import is_own
from instui.tui.text.columns import GUTTER, Column, widths
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, line, middle, plain, safe, tail, width_of
from instui.tui.text.scale import header
from instui.tui.text.styles import PHASE_STYLES, age_style
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import recoveries, session_waits
from .bars import WORKING, phase_bar, scale_end, scaled_bar, seconds_in, to_scale
from .filter import NOTHING, Fields, Filter
from .keys import ENVIRONMENT, FOLD, is_session_wait, session_key, session_number
from .labels import claim_label, holder_pieces, lock_label, process_label, short, wheel_label
from .one_of_several import one_of_several
from .queue import before

BAR_TITLE = "fetch unpack stage wait commit"

SCALED = 120  # columns of a screen from which on bars are drawn to scale
_ALL_SECONDS = 140  # and from which on the seconds of all phases are shown, else only those that the rows are sorted by
_RARE = Phase.BUILD.value  # most sessions build nothing
_NAME, _LONG_NAME = 16, 44  # columns for the name of a wheel at least, and on a very wide screen
_SECONDS = 8  # columns for seconds: a title, and the arrow of the sorted one

COLUMNS = (
    Column("state", "", 1),
    Column("wheel", "wheel", _NAME, weight=3, most=36),
    Column("bar", BAR_TITLE, 10, weight=9, needs=74, most=31, short="progress"),
    Column("doing", "now", 12, weight=4, most=22),
    Column("lock", "lock and its holder", 18, weight=3, needs=76, most=60, short="lock, holder"),
    Column("age", "age", 6, right=True),
)
_SECONDS_COLUMNS = (
    *(Column(phase.value, phase.value, _SECONDS, right=True, style=PHASE_STYLES[phase]) for phase in WORKING),
    Column("total", "total", _SECONDS, right=True),
)
_ORDER: dict[Phase, float] = {phase: float(i) for i, phase in enumerate(reversed(list(Phase)))}

_FURTHEST = {phase: place for place, phase in enumerate(Phase)}


def _by_seconds(phase: Phase | None, wheel: WheelState, t: float) -> tuple[float, str]:
    return -seconds_in(wheel, phase, t), wheel.key


SORTS: dict[str, Callable[[WheelState, float], tuple[float, str]]] = {
    "wheel": lambda wheel, _: (0.0, wheel.key),
    "doing": lambda wheel, _: (_ORDER[wheel.phase], wheel.key),
    "lock": lambda wheel, _: (-wheel.waited, wheel.key),
    "age": lambda wheel, t: (-_age(wheel, t), wheel.key),
    **{phase.value: partial(_by_seconds, phase) for phase in WORKING},
    "total": partial(_by_seconds, None),
}


def columns(
    width: int, room: int, sort: str, t: float, finished: bool, chosen: Sequence[str] = ()
) -> tuple[Column, ...]:
    """The columns of a table with `room` columns for its rows on a screen of `width`, at time `t`.

    `chosen` are those that the user wants beside state and wheel; of these the last ones go where there is no room.
    """
    extra = [one for one in _SECONDS_COLUMNS if (width >= _ALL_SECONDS and one.id != _RARE) or one.id == sort]
    if chosen:
        return _chosen(chosen, width, room, sort, t, finished)
    if width < SCALED:  # then the seconds stand in the place of the age
        return (*COLUMNS[:-1], *(extra or COLUMNS[-1:]))
    shown = _wide(COLUMNS, width)
    shown += extra
    return _with_scale(shown, room, t, finished)


def _wide(shown: Sequence[Column], width: int) -> list[Column]:
    """The columns for a screen of at least `SCALED`: the bars get most of the room, and names grow with the screen."""
    name = max(_NAME, min((width - 108) // 2, _LONG_NAME))  # so that the seconds of all phases have room beside it
    found = []
    for column in shown:
        if column.id == "bar":
            column = column._replace(weight=14, most=1000)
        elif column.id == "wheel":
            column = column._replace(width=name, most=max(name, column.most))
        found.append(column)
    return found


def _chosen(chosen: Sequence[str], width: int, room: int, sort: str, t: float, finished: bool) -> tuple[Column, ...]:
    scaled = width >= SCALED
    every = _wide(COLUMNS, width) if scaled else list(COLUMNS)
    known = {column.id: column._replace(needs=0) for column in (*every[2:], *_SECONDS_COLUMNS)}
    sorted_by = [sort] if sort in known and sort not in chosen else []
    shown = every[:2]
    for column in (known[name] for name in (*sorted_by, *chosen)):
        if GUTTER + sum(one.width + 2 for one in (*shown, column)) - 2 <= room:
            shown.append(column)
    return _with_scale(shown, room, t, finished) if scaled else tuple(shown)


def _with_scale(shown: Sequence[Column], room: int, t: float, finished: bool) -> tuple[Column, ...]:
    """The columns, with the scale of time above the bars."""
    cells = widths(shown, room).get("bar", 0)
    title = plain(header(0.0, scale_end(t, finished), cells))
    return tuple(column._replace(title=title) if column.id == "bar" else column for column in shown)


class WheelQuery(NamedTuple):
    """What the user wants to see on the dashboard."""

    filter: Filter = NOTHING
    everything: bool = False
    sort: str = ""
    reverse: bool = False
    selected: str = ""


def keys(snapshot: Snapshot, query: WheelQuery) -> list[str]:
    """The rows, most important first, and at the end a row for the wheels that are not shown."""
    found = _keys(snapshot, query)
    if query.filter:
        found = [key for key in found if (w := snapshot.wheel(key)) and query.filter.keeps(lambda w=w: fields(w))]  # type: ignore[misc]
    if query.sort:
        order = SORTS[query.sort]
        wheels = [wheel for key in found if (wheel := snapshot.wheel(key))]
        found = [wheel.key for wheel in sorted(wheels, key=lambda wheel: order(wheel, snapshot.t))]
    if query.reverse:
        found.reverse()
    waiting = set() if query.filter else session_waits.waiting_wheels(snapshot)  # each has a row, of what it waits for
    found = [key for key in found if key not in waiting]
    hidden = len(snapshot.wheels) - len(found) - len(waiting)
    if snapshot.sessions and not query.sort:
        found = _grouped(found, [] if query.filter else session_waits.waiting_members(snapshot))
    found[:0] = recoveries.keys(snapshot, query.filter)
    if snapshot.environment is not None and snapshot.environment.state == "waiting" and not query.filter:
        found.insert(0, ENVIRONMENT)
    if not query.filter:
        found[:0] = session_waits.present_keys(snapshot)
    if hidden and not query.filter:
        found.append(FOLD)
    return found


def _grouped(found: Sequence[str], waiting: Sequence[int]) -> list[str]:
    """The wheels of each session below a row of it; one that waits as a whole has that row in any case."""
    grouped: list[str] = []
    for number in sorted({*map(number_of, found), *waiting}):
        grouped += [session_key(number), *(key for key in found if number_of(key) == number)]
    return grouped


def _keys(snapshot: Snapshot, query: WheelQuery) -> list[str]:
    first = [*reversed(snapshot.failed), *snapshot.waiting, *snapshot.running]
    seen = set(first)
    if not (query.everything or query.filter or snapshot.finished):
        if query.selected not in seen and snapshot.wheel(query.selected):
            first.append(query.selected)
        return first
    rest = [wheel for wheel in snapshot.wheels if wheel.key not in seen]
    later = sorted((wheel for wheel in rest if wheel.phase is not Phase.DONE), key=_left)
    done = sorted((wheel for wheel in rest if wheel.phase is Phase.DONE), key=lambda wheel: wheel.order)
    return [*first, *(wheel.key for wheel in later), *(wheel.key for wheel in done)]


def _left(wheel: WheelState) -> int:
    """The order of wheels that have stopped: who had come furthest is first, who had not begun last."""
    return -_FURTHEST[wheel.spans[-1].phase] if wheel.phase is Phase.STOPPED and wheel.spans else 0


def fields(wheel: WheelState) -> Fields:
    """The fields for a filter."""
    waits = wheel.waits_for.path if wheel.waits_for else ""
    return {
        "wheel": wheel.label,
        "lock": " ".join([waits, *wheel.exclusive]).casefold(),
        "state": f"{wheel.phase.value} {wheel.word}",
    }


def cells(
    snapshot: Snapshot, key: str, sizes: Mapping[str, int], glyphs: Glyphs, scaled: bool = False
) -> Mapping[str, Line]:
    """The cells of one wheel. `scaled`: its bar is drawn to the scale of time."""
    sizes = {"doing": 0, **sizes}  # somebody may have chosen columns without it
    if key == FOLD:
        return {"": line((folded(snapshot), "dim"))}
    if key == ENVIRONMENT and snapshot.environment is not None:
        return _session(snapshot.environment, snapshot.t, snapshot, sizes, glyphs, scaled)
    if number := session_number(key):
        return {"": one_of_several(snapshot, number)}
    if recoveries.is_recovery(key):
        return recoveries.cells(snapshot, key, sizes)
    if is_session_wait(key):
        return _waits(key, snapshot, sizes, glyphs, scaled)
    wheel = snapshot.wheel(key)
    if wheel is None:
        return {}
    style = PHASE_STYLES[wheel.phase]
    age = _age(wheel, snapshot.t)
    going = wheel.phase in WORKING
    calm = "text" if going else "dim"
    return {
        "state": line((glyphs.phases[wheel.phase], style)),
        "wheel": line((short(safe(wheel.label), sizes["wheel"]), "text" if wheel.phase is not Phase.DONE else "dim")),
        "bar": (scaled_bar if scaled else phase_bar)(wheel, snapshot, sizes.get("bar", 0), glyphs),
        "doing": line(*_doing(wheel, snapshot, sizes, style)),
        "lock": _lock(wheel, snapshot, sizes.get("lock", 0), glyphs),
        "age": line((units.age(age), age_style(age, calm) if going else "dim")) if age >= 0 else (),
        **{column.id: _seconds(wheel, column.id, snapshot.t) for column in _SECONDS_COLUMNS if column.id in sizes},
    }


def _seconds(wheel: WheelState, id: str, t: float) -> Line:
    """Seconds in a phase, in a column of `_SECONDS`; nothing if it took none."""
    phase = None if id == "total" else Phase(id)
    value = seconds_in(wheel, phase, t)
    if value < 0.005:
        return ()
    text = f"{value:.2f}" if value < 999.995 else units.number(round(value))
    return line((text, "text" if phase is None or phase is wheel.phase else "dim"))


def _session(
    lock: EnvironmentLock, t: float, snapshot: Snapshot, sizes: Mapping[str, int], glyphs: Glyphs, scaled: bool
) -> Mapping[str, Line]:
    """The row of the whole session, while it waits for the environment's lock."""
    holder = lock.holders[0] if lock.holders else Holder()
    room = sizes.get("bar", 0)
    waits = line((glyphs.wait * room, "wait"))
    if "lock" in sizes:
        doing = line(("wait   ", "wait"), ("before commits" if sizes["doing"] >= 21 else "", "dim"))
    else:
        who = process_label(holder) or lock.path  # there is room for one of them
        doing = line(("wait ", "wait"), (tail(who, sizes["doing"] - 5), "wait"))
    return {
        "state": line((glyphs.phases[Phase.WAIT], "wait")),
        "wheel": line((tail("this session", sizes["wheel"]), "text")),
        "bar": to_scale([(lock.since, t, "wait")], snapshot, room, glyphs) if scaled else waits,
        "doing": doing,
        "lock": _arrow(lock.path, (holder,), sizes.get("lock", 0), snapshot, glyphs),
        "age": line((units.age(t - lock.since), age_style(t - lock.since))),
    }


def _waits(key: str, snapshot: Snapshot, sizes: Mapping[str, int], glyphs: Glyphs, scaled: bool) -> Mapping[str, Line]:
    """The row of a wait that is neither for a claim nor for the environment's lock."""
    place = session_waits.find(snapshot, key)
    wait = place.present if place else None
    if wait is None:
        return {}
    age, room = session_waits.length(wait, snapshot.t), sizes.get("bar", 0)
    hatched = line((glyphs.wait * room, "wait"))
    return {
        "state": line((glyphs.phases[Phase.WAIT], "wait")),
        "wheel": line((tail(wheel_label(snapshot, wait.wheel) or "this session", sizes["wheel"]), "text")),
        "bar": to_scale([(wait.begin, snapshot.t, "wait")], snapshot, room, glyphs) if scaled else hatched,
        "doing": session_waits.doing(wait, sizes["doing"]),
        "lock": _arrow(session_waits.title(wait, snapshot), wait.holders[::-1], sizes.get("lock", 0), snapshot, glyphs),
        "age": line((units.age(age), age_style(age))),
    }


def folded(snapshot: Snapshot) -> str:
    """The row that says how many wheels are not shown, and why."""
    shown = len({*snapshot.failed, *snapshot.waiting, *snapshot.running, *session_waits.waiting_wheels(snapshot)})
    done = snapshot.totals.committed + snapshot.totals.removed
    staged = max(
        0, snapshot.totals.staged - snapshot.totals.committed - len(snapshot.waiting) - _at(Phase.COMMIT, snapshot)
    )
    unpacked = max(0, snapshot.totals.unpacked - snapshot.totals.staged - _at(Phase.STAGE, snapshot))
    fetched = max(0, snapshot.totals.fetched - snapshot.totals.unpacked - _at(Phase.UNPACK, snapshot))
    parts = [(done, "removed" if snapshot.removes else "done"), (staged, "staged")]
    if not snapshot.removes:
        parts += [(unpacked, "unpacked"), (fetched, "fetched")]
    gone = snapshot.totals.dropped + snapshot.totals.unsettled
    queued = max(0, len(snapshot.wheels) - gone - shown - sum(count for count, _ in parts))
    parts.append((queued, "queued"))
    hidden = ", ".join(f"{units.number(count)} {word}" for count, word in parts if count)
    return f"… {hidden or 'more'}   (a shows all)"


def _at(phase: Phase, snapshot: Snapshot) -> int:
    return sum((w := snapshot.wheel(key)) is not None and w.phase is phase for key in snapshot.running)


def _doing(wheel: WheelState, snapshot: Snapshot, sizes: Mapping[str, int], style: str) -> list[Piece]:
    """State and progress. Every number has its place, so that only digits change."""
    room, phase = sizes["doing"], wheel.phase
    if snapshot.planned_only:
        return [Piece("planned", style)]
    word = Piece(f"{wheel.word:<7}", style)
    if phase is Phase.WAIT:
        if "lock" not in sizes and wheel.waits_for:
            return [Piece("wait ", style), Piece(middle(lock_label(snapshot, wheel.waits_for.path), room - 5), style)]
        return [word, Piece(tail(_place(wheel, snapshot) if room >= 18 else "", room - 7), "dim")]
    if phase is Phase.STOPPED:
        return [word, Piece(f" {wheel.reached}" if len(wheel.reached) + 8 <= room else "", "dim")]
    if phase is Phase.QUEUED and any(span.phase is Phase.BUILD for span in wheel.spans):
        return [Piece("built", style)]
    if phase is Phase.QUEUED and any(span.phase is Phase.FETCH for span in wheel.spans):
        return [Piece("fetched", style)]
    if phase not in WORKING:
        return [word]
    if phase is Phase.BUILD and "lock" not in sizes and wheel.build is not None:
        return [word, Piece(tail(safe(wheel.build.line), room - 7), "dim")]
    percent = f"{100 * wheel.done // wheel.total:>3} %" if wheel.total else ""
    if phase in (Phase.FETCH, Phase.UNPACK):
        rate = f"{units.size(wheel.rate)}/s" if wheel.rate >= 1 else ""
    elif phase is Phase.STAGE:
        rate = f"{units.number(round(wheel.rate))} f/s" if wheel.rate >= 1 else ""
    else:
        rate = f"{units.number(wheel.done)}/{units.number(wheel.total)}" if wheel.total else ""
    extra = f"{rate:>{room - 12}}" if room - 13 >= len(rate) else ""
    return [word, Piece(f"{percent:>5}", "text"), Piece(extra, "dim")]


def _place(wheel: WheelState, snapshot: Snapshot) -> str:
    """The place of a wheel among those that wait for the same lock, which they get in plan order."""
    lock = snapshot.lock(wheel.waits_for.path) if wheel.waits_for else None
    others = [snapshot.wheel(waiter.wheel) for waiter in lock.waiters] if lock else []
    place = 1 + sum(other is not None and other.order < wheel.order for other in others) if others else 0
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place if place < 20 else place % 10, "th")
    return f"{place}{ending} in line" if place else ""


def _lock(wheel: WheelState, snapshot: Snapshot, room: int, glyphs: Glyphs) -> tuple[Piece, ...]:
    """The lock that the wheel waits for, and its holder; or what it holds, why it failed, or what it overwrote."""
    if wheel.phase is Phase.FAILED:
        return line((tail(safe(wheel.error), room), "failed"))
    if wheel.phase is Phase.BUILD and wheel.build is not None:
        return line((tail(safe(wheel.build.line or wheel.build.source), room), "dim"))
    if wheel.waits_for is not None:
        lock = lock_label(snapshot, wheel.waits_for.path)
        waiting, _, holders = before(snapshot, wheel.key)
        behind = f", behind {wheel_label(snapshot, waiting[0])}" if waiting else ""
        if units.cells(behind) > room // 2:
            behind = f", behind {waiting[0]}" if len(waiting[0]) + 9 <= room // 2 else ""
        pieces = _arrow(lock, holders, room - units.cells(behind), snapshot, glyphs)
        return (*pieces, Piece(tail(behind, room - width_of(pieces)), "dim"))
    if wheel.phase is Phase.COMMIT and wheel.exclusive:
        return line(("holds ", "dim"), (claim_label(snapshot, wheel, room - 6), "commit"))
    if wheel.overwrote:
        return line((f"overwrote {units.count(wheel.overwrote, 'file')}", "age"))
    if wheel.waited >= 0.1 and wheel.phase is Phase.DONE:
        return line((f"waited {units.seconds(wheel.waited)}", "dim"))
    if wheel.removal and (wheel.phase is Phase.DONE or snapshot.planned_only):
        return line((tail(units.count(wheel.files, "file"), room), "dim"))
    if wheel.replaces == wheel.version and wheel.replaces and wheel.phase is Phase.DONE and not wheel.removal:
        return line((tail("installed again", room), "dim"))
    if wheel.replaces and not wheel.removal and (wheel.phase is Phase.DONE or snapshot.planned_only):
        word = "replaces" if snapshot.planned_only else "replaced"
        return line((tail(f"{word} {safe(wheel.replaces)}", room), "dim"))
    return ()


def _arrow(lock: str, holders: Sequence[Holder], room: int, snapshot: Snapshot, glyphs: Glyphs) -> tuple[Piece, ...]:
    """A lock and its holder: `cv2/ → opencv-python 4.12`. Both are cut in the middle if there is no room."""
    if not holders:
        return line((middle(lock, room), "wait"))
    more = f" +{len(holders) - 1}" if len(holders) > 1 else ""
    space = max(room - 3 - len(more), 0)
    if is_own(holders[0], snapshot.session):
        name = wheel_label(snapshot, holders[0].wheel).rpartition(" ")[0]
        what = middle(lock, max(space // 2, space - units.cells(name)))
    else:
        what = middle(lock, max(space // 3, space - len(process_label(holders[0]))))
    who = holder_pieces(snapshot, holders[0], space - units.cells(what))
    return (*line((what, "wait"), (f" {glyphs.arrow} ", "dim")), *who, Piece(more, "dim"))


def _age(wheel: WheelState, t: float) -> float:
    """Seconds in the present phase; for a finished wheel, in all phases except the queues; -1 for none."""
    if wheel.phase in SETTLED:
        return sum(span.end - span.begin for span in wheel.spans if span.phase in WORKING)
    return t - wheel.since if wheel.phase in WORKING else -1.0


def describe(snapshot: Snapshot, key: str) -> str:
    """The wheel in a sentence, for the clipboard."""
    if (recovery := recoveries.of(snapshot, key)) is not None:
        return recoveries.describe(recovery)
    wheel = snapshot.wheel(key)
    if wheel is None:
        return wheel_label(snapshot, key)
    wait = f", waits for {lock_label(snapshot, wheel.waits_for.path)}" if wheel.waits_for else ""
    error = f": {safe(wheel.error)}" if wheel.error else ""
    return f"{safe(wheel.label)}: {wheel.word}{wait}{error}"
