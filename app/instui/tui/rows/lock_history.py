"""The history of one lock: who waited for it and who held it, over time."""

from collections.abc import Sequence

from instui.monitor import units
from instui.monitor.model import Acquisition, Snapshot, WheelState
from instui.monitor.spans import SessionWait
from instui.tui.text.glyphs import Glyphs, bar
from instui.tui.text.pieces import Line, Piece, fit, line, safe, wrapped
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import session_waits, wait_graph
from .keys import ENVIRONMENT, is_session_wait
from .labels import holder_pieces, lock_label, short, wheel_label
from .queue import holder_told


def lanes(snapshot: Snapshot, path: str, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The history of one lock: a title, and a lane of waits and holds for each wheel that requested it."""
    if path == ENVIRONMENT:
        return _environment(snapshot, width, height)
    if is_session_wait(path):
        return _other(snapshot, path, width, height)
    others, turns = _others(snapshot, path), _turns(snapshot, path)
    title = lock_label(snapshot, path)
    number = len(others) + len(turns)
    if not number:
        plan = snapshot.lock(path)
        by_plan = [wheel_label(snapshot, key) for key in plan.collision] if plan else []
        if not by_plan:
            return [line((f"{title}   ", "text"), ("not taken yet", "dim"))]
        turns_there = f"{units.count(len(by_plan), 'wheel')} will take turns, in this order:"
        order = wrapped(f" {glyphs.arrow} ".join(by_plan), width - 4, max(height - 1, 1))
        return [line((f"{title}   ", "text"), (turns_there, "age")), *(line((f"  {row}", "age")) for row in order)]
    begin = min([*(lane.requested for lane in others), *(turn.requested for _, _, turn in turns)])
    ends = [turn.released for _, _, turn in turns]
    end = max([begin + 0.001, *(lane.released for lane in others), *(t if t is not None else snapshot.t for t in ends)])
    # every wheel has turns at the top of the environment, so lanes are made only of those that are shown
    last = turns[-(height - 1) :] if height > 1 else []
    before = height - 1 - len(last)
    shown = [*(others[-before:] if before > 0 else []), *(_lane(turn, snapshot.t) for turn in last)]
    more = f"   the last {len(shown)} of {number}" if len(shown) < number else ""
    lines: list[Line] = [line((title, "text"), (f"   over {units.seconds(end - begin)}{more}", "dim"))]
    name_width = min(36, max(width // 3 - 2, 8))
    return lines + [_painted(lane, snapshot, (begin, end), width, name_width, glyphs) for lane in shown]


class Lane(NamedTuple):
    """The times of one request, grant and release; the present if they have not happened yet."""

    who: WheelState | Holder
    mode: str
    requested: float
    granted: float
    released: float


Turn = tuple[WheelState, str, Acquisition]


def _turns(snapshot: Snapshot, path: str) -> list[Turn]:
    """The turns of the wheels of this session, except those that ended when they began."""
    return [
        entry
        for entry in snapshot.lock_history(path)
        if entry[2].granted is None or entry[2].granted != entry[2].released
    ]


def _lane(entry: Turn, t: float) -> Lane:
    wheel, mode, (requested, granted, released) = entry
    return Lane(wheel, mode, requested, t if granted is None else granted, t if released is None else released)


def _others(snapshot: Snapshot, path: str) -> list[Lane]:
    """The lanes of holders outside this session: each held the lock at least as long as somebody waited for it."""
    every = [edge for edge in (*wait_graph.past(snapshot), *wait_graph.present(snapshot)) if edge.path == path]
    found = []
    for holder, waits in wait_graph.foreign(snapshot, every).items():
        begin = min(edge.begin for edge in waits)
        end = max(snapshot.t if edge.end is None else edge.end for edge in waits)
        found.append(Lane(holder, "", begin, begin, end))
    return sorted(found, key=lambda lane: lane.requested)


def _environment(snapshot: Snapshot, width: int, height: int) -> list[Line]:
    lock = snapshot.environment
    if lock is None:
        return []
    age = snapshot.t - lock.since
    waited = lock.waited + (age if lock.state == "waiting" else 0.0)
    held = lock.held + (age if lock.state == "held" else 0.0)
    had = (
        (" and held it ", "dim"),
        (units.spent(held, lock.state == "held"), "commit" if held >= 0.05 else "dim"),
        (" (shared with other sessions)", "dim"),
    )
    lines: list[Line] = [
        line(
            (f"{safe(lock.path)} (environment)", "text"),
            ("   keeps other installers out while wheels are committed", "dim"),
        ),
        line(
            ("this session waited ", "dim"),
            (units.spent(waited, lock.state == "waiting"), "wait" if waited >= 0.05 else "dim"),
            *(() if lock.state == "waiting" and not held else had),
        ),
    ]
    waits = [wait for wait in snapshot.session_waits if wait.what == "environment"]
    return [*lines, *_holders(waits, snapshot, width, height - len(lines))]


def _other(snapshot: Snapshot, key: str, width: int, height: int) -> list[Line]:
    """What is known of something that is no claim: who waited for it, and who had it then."""
    place = session_waits.find(snapshot, key)
    if place is None:
        return []
    total = sum(session_waits.length(wait, snapshot.t) for wait in place.waits)
    times = units.count(len(place.waits), "wait")
    title = line((lock_label(snapshot, key), "text"), (f"   {times}, {units.seconds(total)} together", "dim"))
    return [title, *_holders(place.waits, snapshot, width, height - 1)]


def _holders(waits: Sequence[SessionWait], snapshot: Snapshot, width: int, height: int) -> list[Line]:
    """Who was in the way, and when: the longest waits first, in whole sentences, as far as there is room."""
    lines: list[Line] = []
    for wait in sorted(waits, key=lambda wait: -session_waits.length(wait, snapshot.t)):
        begin = f"{wait.begin:.1f}"
        when = f"since {begin} s it is" if wait.end is None else f"from {begin} to {wait.end:.1f} s it was"
        who = ", ".join(holder_told(snapshot, (holder,)) for holder in wait.holders) or "somebody who is not known"
        style = "wait" if wait.end is None else "text"
        lines += [line((row, style)) for row in wrapped(f"{when} held by {who}", width - 2, max(height, 1))]
    return lines[: max(height, 0)]


def _painted(
    lane: Lane, snapshot: Snapshot, span: tuple[float, float], width: int, name_width: int, glyphs: Glyphs
) -> Line:
    begin, end = span
    room = max(width - name_width - 2 - 4 - 30, 4)
    left, middle_, right = (
        bar((t - begin) / (end - begin), room) for t in (lane.requested, lane.granted, lane.released)
    )
    right = max(right, middle_ + (lane.granted < lane.released))
    spent = (("waited", lane.granted - lane.requested), ("held", lane.released - lane.granted))
    goes_on = max(lane.granted, lane.released) >= snapshot.t
    texts = [f"{word} {units.spent(value, goes_on):>6}" for word, value in spent if value > 0.005]
    return (
        *fit(_name(lane.who, snapshot, name_width), name_width + 1),
        Piece(f"{lane.mode:<3} ", "dim"),
        *fit(
            (
                Piece(glyphs.skipped * left, "faint"),
                Piece(glyphs.wait * (middle_ - left), "wait"),
                Piece(glyphs.full * (right - middle_), "commit"),
                Piece(glyphs.skipped * (room - right), "faint"),
            ),
            room,
        ),
        Piece(f"  {'  '.join(texts)}", "dim"),
    )


def _name(who: WheelState | Holder, snapshot: Snapshot, width: int) -> Line:
    if isinstance(who, Holder):
        return holder_pieces(snapshot, who, width, "text")
    return line((short(safe(who.label), width), "text"))
