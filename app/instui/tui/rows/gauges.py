"""What stands under the dashboard: most contended locks, curves, and, where there is room, the session and its news."""

from collections.abc import Sequence

from instui.monitor import units
from instui.monitor.landmarks import is_news
from instui.monitor.model import Phase, Snapshot
from instui.monitor.names import PARTS
from instui.monitor.spans import SessionSpan, SessionWait
from instui.tui.tape import Log
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, joined, line, middle, tail
from instui_engine.journal.events import Event, SpanName
from instui_engine.values import NamedTuple

from . import curves, session_waits
from .bars import to_scale
from .counters import compiled
from .curves import Curve, drawing
from .event_text import event_text, wheel_of
from .labels import lock_label
from .locks import longest, most_contended

WIDE = 100  # the columns that the curves need
_WITH_CPU = 160  # and that the parts of the session need if each names its processor time
_NAME = 8  # columns before a curve
_COUNTS, _RATES = 7, 11  # columns of each of the two numbers after it: `10 000`, `19 416 f/s`
_TOLD = 0.05  # seconds before the session that are told
_SEARCHED = 300  # events, for the latest news


def height_of(width: int, height: int) -> int:
    """The lines for gauges on a screen of that size; none on a very low one."""
    if height < 20:
        return 0
    if width < WIDE or height < 24:
        return 1
    return 5 if height < 40 else height - 26


def gauges(snapshot: Snapshot, log: Log, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The `height` lines: one alone, a rule and the curves, or with the session above them and news below."""
    if height < 5:
        return [_narrow(snapshot, width)][:height]
    rule: Line = (Piece(glyphs.rule * width, "rule"),)
    if height < 12:
        return [rule, *_columns(snapshot, width, height - 1, glyphs)]
    between: Line = ()
    above = [*_session(snapshot, width, glyphs), between]
    below = _news(snapshot, log, width, 3) if height < 20 else [between, *_news(snapshot, log, width, 6)]
    return [rule, *above, *_columns(snapshot, width, height - 1 - len(above) - len(below), glyphs), *below]


def _narrow(snapshot: Snapshot, width: int) -> Line:
    locks = _losses(snapshot, 1)
    doing = "paused" if snapshot.paused else "at work"
    parts: list[Piece] = [Piece("  wheels  ", "dim"), Piece(f"{snapshot.totals.running} {doing}", "text")]
    waiting = "all" if session_waits.whole(snapshot) is not None else units.number(snapshot.totals.waiting)
    parts.append(Piece(f"  {waiting} waiting", "dim" if waiting == "0" else "wait"))
    if locks:
        parts += line(
            ("   most contended ", "dim"),
            (locks[0].name, "wait"),
            (f" {units.spent(locks[0].longest, locks[0].now)}", "wait"),
        )
    else:
        parts.append(Piece("   no contention", "dim"))
    return fit(parts, width)


# -- the session


def _session(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """The parts of the session: their names with seconds, and under them when they were, to scale.

    What was before the session, the start of Python, is named as well, so that all of it adds up.
    """
    room = width - 2
    t = snapshot.t
    parts = [span for span in snapshot.spans if span.name not in ("open", "clean")]
    waits = [_period(wait, t) for wait in snapshot.session_waits if not wait.wheel]  # of the session as a whole
    named = [
        line(
            (f"{PARTS[name]} ", _PART_STYLES.get(name, "text")),
            (units.seconds(taken), "text"),
            (f" ({units.seconds(cpu)} cpu)" if width >= _WITH_CPU and cpu >= 0.05 else "", "dim"),
        )
        for name, taken, cpu in _taken(parts, waits, t)
    ]
    if (waited := sum(end - begin for begin, end in waits)) >= _TOLD:
        named.append(line(("wait ", "wait"), (units.seconds(waited), "text")))
    if (ran := snapshot.session.ran if snapshot.session is not None else 0.0) >= _TOLD:
        named.insert(0, line(("start ", "dim"), (units.seconds(ran), "text")))
    spans = [(*_period(wait, t), "wait") for wait in snapshot.session_waits]
    # after the waits: where both fill a cell, the first has it
    spans += [(*_period(span, t), _PART_STYLES.get(span.name, "text")) for span in parts]
    several = len(snapshot.sessions)
    seconds = f"{f'{several} sessions' if several else 'session'} {units.seconds(snapshot.wall)}"
    text = (Piece(f" {seconds}   ", "dim"), *joined(named, Piece(f" {glyphs.dot} ", "faint")))
    return [fit(text, width), (Piece(" "), *to_scale(spans, snapshot, room, glyphs))]


def _period(of: SessionSpan | SessionWait, t: float) -> tuple[float, float]:
    return of.begin, t if of.end is None else of.end


def _taken(
    parts: Sequence[SessionSpan], waits: Sequence[tuple[float, float]], t: float
) -> list[tuple[SpanName, float, float]]:
    """The parts with their seconds, without waits of the session as a whole, and those of processors; what was done
    several times, by a session or by several that are shown as one, is summed up."""
    taken: dict[SpanName, tuple[float, float]] = {}
    for span in parts:
        seconds, cpu = taken.get(span.name, (0.0, 0.0))
        begin, end = _period(span, t)
        waited = sum(max(min(end, until) - max(begin, since), 0.0) for since, until in waits)
        taken[span.name] = seconds + end - begin - waited, cpu + span.cpu
    return [(name, *both) for name, both in taken.items()]


_PART_STYLES = {"build": "accent", "acquire": "unpack", "compile": "unpack", "stage": "stage", "commit": "commit"}


def _news(snapshot: Snapshot, log: Log, width: int, height: int) -> list[Line]:
    """The latest events of importance; of those that say the same of one wheel, the last."""
    found: list[Line] = []
    later: tuple[type[Event], str] | None = None
    for number in range(log.total - 1, max(log.first, log.total - _SEARCHED) - 1, -1):
        t, event = log[number]
        same = type(event), wheel_of(event)
        if is_news(event) and same != later:
            name = Piece(f"{tail(session_waits.named(snapshot, wheel_of(event)), 24):<24}  ", "text")
            found.append(fit((Piece(f" {t:8.2f} s  ", "dim"), name, event_text(snapshot, event)), width))
            later = same
        if len(found) == height - 1:
            break
    title = line((" news", "dim"), ("" if found else "   none yet", "dim"))
    return [title, *reversed(found), *[()] * (height - 1 - len(found))]


# -- contention


def _contended(snapshot: Snapshot, width: int, height: int) -> list[Line]:
    locks = _losses(snapshot, height - 1)
    lines: list[Line] = [fit(line(("most contended", "dim")), width)]
    for lock in locks:
        style = "wait" if lock.now else "text"
        right = f"{units.count(lock.waits, 'wait'):>9} {units.spent(lock.longest, lock.now):>8}"
        name = fit((Piece(middle(lock.name, width - len(right) - 1), style),), width - len(right))
        lines.append((*name, Piece(right, style)))
    if not locks:
        planned = len(snapshot.collisions)
        text = f"none yet; {units.count(planned, 'lock')} will be shared" if planned else "no contention"
        lines.append(fit(line((text, "age" if planned and not snapshot.finished else "dim")), width))
    if len(lines) + 2 <= height and not snapshot.finished:
        lines[len(lines) :] = [fit((), width)] * (height - len(lines) - 1)
        lines.append(fit(_at_work(snapshot), width))
    return [*lines, *[fit((), width)] * (height - len(lines))]


def _at_work(snapshot: Snapshot) -> Line:
    """How many wheels are in each phase now."""
    phases = [wheel.phase for key in snapshot.running if (wheel := snapshot.wheel(key))]
    parts = [
        line((f"{phases.count(phase)} ", "text"), (phase.value, "dim"))
        for phase in (Phase.FETCH, Phase.BUILD, Phase.UNPACK, Phase.STAGE, Phase.COMMIT)
        if phase in phases
    ]
    if snapshot.is_compiling:
        parts = [line(("compile", "dim"), (f" {compiled(snapshot)}", "text"))]
    return (Piece("at work  ", "dim"), *joined(parts or [line(("nobody", "dim"))], Piece("  ")))


class _Loss(NamedTuple):
    """A lock at which time was lost. `now`: there is a waiter for it now."""

    name: str
    waits: int
    longest: float
    now: bool


def _losses(snapshot: Snapshot, most: int) -> list[_Loss]:
    """At most `most` locks: the most contended claims, and what the session waits or waited for, among them."""
    found = []
    for claim in most_contended(snapshot, most):
        wait = longest(claim, snapshot.t)
        found.append(_Loss(lock_label(snapshot, claim.path), claim.contended, wait, bool(claim.waiters)))
    for place in session_waits.every_place(snapshot):
        wait, now = place.longest(snapshot.t), place.present is not None
        name = session_waits.title(place.waits[-1], snapshot).partition(" (")[0]  # there is little room here
        loss = _Loss(name, len(place.waits), wait, now)
        # What all of the session waits for comes first; what it waited for, before claims that cost less.
        after = (n for n, other in enumerate(found) if now or (not other.now and other.longest < wait))
        found.insert(next(after, len(found)), loss)
    return found[:most]


# -- curves


def _columns(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The contended locks, and the curves beside them."""
    first = min(48, (width - 4) * 28 // 100)
    room = (width - 2 - first - 6) // 2 - _NAME - _COUNTS - _RATES  # both have the same time to the same scale
    times = curves.time_grid(snapshot, room)
    groups = (
        ("wheels", [*curves.wheels(snapshot, times), *curves.disk(snapshot, times)], _COUNTS),
        ("throughput", curves.throughput(snapshot, times), _RATES),
    )
    covers = _covers(snapshot, times)
    blocks = [_contended(snapshot, first, height)]
    blocks += [_block(f"{title} {covers}", group, room, digits, height, glyphs) for title, group, digits in groups]
    return [(Piece(" "), *joined(parts, Piece("   "))) for parts in zip(*blocks, strict=True)]


def _covers(snapshot: Snapshot, times: Sequence[float]) -> str:
    end = units.seconds(snapshot.t) if snapshot.finished is not None else f"{times[-1]:.0f} s"
    return f"{times[0]:.0f}-{end}"


def _block(title: str, group: Sequence[Curve], room: int, digits: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Curves under each other, as high as there is room for; each of their numbers has `digits` columns."""
    width = _NAME + room + 2 * digits
    head = Piece(f" now{'most':>{digits}}", "dim")
    lines: list[Line] = [(*fit(line((title, "dim")), width - len(head.text)), head)]
    rows = max(1, (height - 1) // max(len(group), 1))
    for one in group:
        drawn = drawing(one.values, rows, one.top, glyphs)
        for row, text in enumerate(drawn):
            now, most, name = (one.now, one.most, one.name) if row == rows - 1 else ("", "", "")
            numbers = [Piece(" " + tail(number, digits - 1).rjust(digits - 1)) for number in (now, most)]
            lines.append(
                (*fit(line((name, "dim")), _NAME), Piece(text, one.style), numbers[0], numbers[1]._replace(style="dim"))
            )
    return [*(fit(one, width) for one in lines[:height]), *[fit((), width)] * (height - len(lines))]
