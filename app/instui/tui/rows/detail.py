"""The lines of a wheel's detail: facts, phases, claims, waits, recoveries, overwrites and its latest events."""

from collections.abc import Iterable, Sequence

from instui.monitor import units
from instui.monitor.model import SETTLED, Phase, Snapshot, WheelState
from instui.monitor.names import started, wait_target
from instui.tui.tape import Log
from instui.tui.text.glyphs import Glyphs, bar
from instui.tui.text.pieces import Line, Piece, fit, line, middle, safe, tail, wrapped
from instui.tui.text.styles import PHASE_STYLES
from instui_engine.journal.events import Holder

from . import event_log, queue, recoveries
from .event_text import wheel_of
from .labels import holder_label, lock_label

_EVENTS = 40


def detail(
    snapshot: Snapshot, key: str, width: int, glyphs: Glyphs, log: Log | None = None, output: Sequence[str] = ()
) -> list[Line]:
    """Everything known about a wheel. `output`: the last lines of its build."""
    wheel = snapshot.wheel(key)
    if wheel is None:
        return _unknown(snapshot, key, width, log)
    lines: list[Line] = [*_facts(wheel, snapshot, width, glyphs)]
    for title, part in (
        ("phases", _phases(wheel, snapshot, width, glyphs)),
        ("build", _build(wheel, width, output)),
        ("locks", _claims(wheel, snapshot, width)),
        ("waits", _waits(wheel, snapshot, width)),
        ("recovery", recoveries.detail(snapshot, key, width)),
        ("overwrites", _overwrites(wheel, snapshot, width)),
        ("restored", _restored(wheel, snapshot, width)),
        ("events", _events(key, snapshot, width, log)),
    ):
        if part:
            lines += [(), line((title, "strong")), *part]
    return lines


def _unknown(snapshot: Snapshot, key: str, width: int, log: Log | None) -> list[Line]:
    """The lines of a distribution that is not a wheel of this session: only its recovery is known."""
    recovery = recoveries.detail(snapshot, key, width)
    if not recovery:
        return [line(("this wheel is not known any more", "dim"))]
    remark = line(("not of this session: a session that was killed had it in hand", "text"))
    return [
        remark,
        (),
        line(("recovery", "strong")),
        *recovery,
        (),
        line(("events", "strong")),
        *_events(key, snapshot, width, log),
    ]


def _facts(wheel: WheelState, snapshot: Snapshot, width: int, glyphs: Glyphs) -> Iterable[Line]:
    style = PHASE_STYLES[wheel.phase]
    state = f"{glyphs.phases[wheel.phase]} {wheel.word}{' ' if wheel.reached else ''}{wheel.reached}"
    since = f"  for {units.age(snapshot.t - wheel.since)}" if wheel.phase not in SETTLED else ""
    yield line(("state      ", "dim"), (state, style), (since, "text"))
    if wheel.waits_for:
        lock, mode = lock_label(snapshot, wheel.waits_for.path), safe(wheel.waits_for.mode)
        text = f"{lock} ({mode}), {queue.told(snapshot, wheel.key)}"
        yield from _wrapped("waits for", text, width, "wait")
    if wheel.error:
        yield from _wrapped("error", wheel.error, width, "failed")
    order = f", number {wheel.order + 1} where wheels take turns" if wheel.order >= 0 else ""
    if wheel.removal:
        yield line(("removes    ", "dim"), (f"{units.count(wheel.files, 'file')}{order}", "text"))
    else:
        yield from _archive(wheel, snapshot, order, width)
    blocked = f", made others wait {units.seconds(wheel.blocked)}" if wheel.blocked >= 0.005 else ""
    if wheel.waited >= 0.005 or blocked:
        yield line(("waits      ", "dim"), (f"waited {units.seconds(wheel.waited)}{blocked}", "wait"))
    if wheel.retries:
        left = wheel.due - snapshot.t
        again = f", again in {units.seconds(left)}" if left > 0 and wheel.phase is Phase.FETCH else ""
        facts = f"{wheel.retries}{again}; last reason: {safe(wheel.retry)}" if wheel.retry else str(wheel.retries)
        yield line(("retries    ", "dim"), (tail(facts, width - 11), "age"))


def _archive(wheel: WheelState, snapshot: Snapshot, order: str, width: int) -> Iterable[Line]:
    if wheel.is_unbuilt:
        yield line(("file       ", "dim"), (_why_unbuilt(wheel, snapshot), "text"))
    else:
        yield line(("file       ", "dim"), (middle(safe(wheel.file), width - 11), "text"))
        size = units.size(wheel.size) if wheel.size else "size unknown"
        store = ", was in the cache" if wheel.cached else ""
        yield line(("content    ", "dim"), (f"{size}, {units.count(wheel.files, 'file')}{store}{order}", "text"))
    if wheel.replaces:
        again = " once more: the same version" if wheel.replaces == wheel.version else ""
        yield line(("replaces   ", "dim"), (f"{safe(wheel.replaces)}{again}", "text"))


def _why_unbuilt(wheel: WheelState, snapshot: Snapshot) -> str:
    """Why there is no wheel file of it."""
    if wheel.phase is Phase.BUILD:
        return "none yet: it is being built"
    if snapshot.planned_only:
        return "none: a dry run builds nothing"
    if wheel.phase not in SETTLED:
        return "none yet: it is built first"
    if not any(span.phase is Phase.BUILD for span in wheel.spans):
        return "none: its build was not begun"
    return "none: its build failed" if wheel.phase is Phase.FAILED else "none: its build was stopped"


def _restored(wheel: WheelState, snapshot: Snapshot, width: int) -> list[Line]:
    """The files that the wheel had overwritten and that are back."""
    rows = [row for row in snapshot.restored if row.wheel.partition(" ")[0] == wheel.key]
    lines: list[Line] = []
    for row in rows[:_EVENTS]:
        remark = f"   of {safe(row.owner) or 'nobody'} again"
        name = middle(lock_label(snapshot, row.path), max(12, width - 2 - units.cells(remark)))
        lines.append(line(("  ", "dim"), (name, "commit"), (remark, "dim")))
    if len(rows) > _EVENTS:
        lines.append(line((f"  … {units.number(len(rows) - _EVENTS)} more, see Overwrites", "dim")))
    return lines


def _phases(wheel: WheelState, snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    spans = [*((s.phase, s.begin, s.end) for s in wheel.spans)]
    if wheel.phase not in SETTLED:
        spans.append((wheel.phase, wheel.since, snapshot.t))
    if not spans:
        return []
    begin, end = spans[0][1], max(spans[-1][2], spans[0][1] + 0.001)
    room = max(10, width - 35)
    lines: list[Line] = []
    for phase, start, stop in spans:
        left = bar((start - begin) / (end - begin), room)
        size = max(1, bar((stop - begin) / (end - begin), room) - left)
        left = min(left, room - size)
        style = PHASE_STYLES[phase]
        mark = glyphs.wait if phase is Phase.WAIT else glyphs.track if style == "dim" else glyphs.full
        lines.append(
            line(
                (f"  {glyphs.phases[phase]} {phase.value:<9}", style),
                (glyphs.skipped * left, "faint"),
                (mark * size, style),
                (glyphs.skipped * (room - left - size), "faint"),
                (f"  {units.seconds(stop - start):>10}", "text"),
            )
        )
    return lines


def _build(wheel: WheelState, width: int, output: Sequence[str]) -> list[Line]:
    """What it is built from, and the end of what that has printed."""
    build = wheel.build
    if build is None:
        return []
    how = "editable, from " if build.editable else "from "
    lines: list[Line] = [line(("  ", "dim"), (how, "dim"), (middle(safe(build.source), width - 2 - len(how)), "text"))]
    if build.log:
        lines.append(line(("  output in ", "dim"), (middle(safe(build.log), width - 12), "text")))
    said = output or ([build.line] if build.line else [])
    lines += [line(("  ", "dim"), (tail(safe(one), width - 2), "text")) for one in said]
    return lines


def _claims(wheel: WheelState, snapshot: Snapshot, width: int) -> list[Line]:
    lines: list[Line] = []
    for mode, paths in (("X", wheel.exclusive), ("IX", wheel.shared)):
        for path in paths:
            lock = snapshot.lock(path)
            others = [safe(key) for key in lock.collision if key != wheel.key] if lock and mode == "X" else []
            remark = f"   takes turns with {', '.join(others)}" if others else ""
            name = middle(lock_label(snapshot, path), max(12, width - 8 - units.cells(remark)))
            lines.append(line((f"  {mode:<3} ", "dim"), (name, "text" if mode == "X" else "dim"), (remark, "age")))
    legend = wrapped("X: for itself alone; IX: shared with others who lock something further down", width - 2)
    return [*(line((f"  {row}", "dim")) for row in legend), *lines] if lines else []


def _waits(wheel: WheelState, snapshot: Snapshot, width: int) -> list[Line]:
    """Its waits: for claims, and those of other kinds, also present ones."""
    texts = [
        (wait.seconds, f"{lock_label(snapshot, wait.path)}, at first held by {_who(snapshot, wait.holders)}")
        for wait in snapshot.waits
        if wait.wheel == wheel.key and wait.seconds >= 0.001
    ]
    texts += [
        ((snapshot.t if w.end is None else w.end) - w.begin, f"{wait_target(w.what)}: {_who(snapshot, w.holders)}")
        for w in snapshot.session_waits
        if w.wheel == wheel.key
    ]
    lines: list[Line] = []
    for seconds, text in texts:
        first = f"  {units.seconds(seconds):>10}  "
        for row in wrapped(text, width - len(first)):
            lines.append(line((first, "wait"), (row, "text")))
            first = " " * len(first)
    return lines


def _who(snapshot: Snapshot, holders: Sequence[Holder]) -> str:
    every = [f"{holder_label(snapshot, holder)}{_began(snapshot, holder)}" for holder in holders]
    return ", ".join(every) or "somebody who is not known"


def _began(snapshot: Snapshot, holder: Holder) -> str:
    began = started(holder, snapshot.session)
    return f", {began}" if began else ""


def _wrapped(title: str, text: str, width: int, style: str) -> Iterable[Line]:
    for row in wrapped(text, width - 11):
        yield line((f"{title:<11}", "dim"), (row, style))
        title = ""


def _overwrites(wheel: WheelState, snapshot: Snapshot, width: int) -> list[Line]:
    if not wheel.overwrote and not wheel.overwrote_same:
        return []
    rows = [row for row in snapshot.overwrites if row.wheel == wheel.key]
    lines: list[Line] = []
    for row in rows[:_EVENTS]:
        remark = f"   of {safe(row.old) or 'nobody'}{', equal content' if row.same else ''}"
        name = middle(lock_label(snapshot, row.path), max(12, width - 2 - units.cells(remark)))
        lines.append(line(("  ", "dim"), (name, "dim" if row.same else "age"), (remark, "dim")))
    if len(rows) > _EVENTS:
        lines.append(line((f"  … {units.number(len(rows) - _EVENTS)} more, see Overwrites", "dim")))
    return lines


def _events(key: str, snapshot: Snapshot, width: int, log: Log | None) -> list[Line]:
    if log is None:
        return []
    found: list[Line] = []
    for number in range(log.total - 1, log.first - 1, -1):
        t, event = log[number]
        if wheel_of(event) == key:
            cells = event_log.cells(snapshot, log, str(number), {"kind": 18, "wheel": 0, "text": max(10, width - 34)})
            kind = fit(cells["kind"], 18)
            found.append((Piece(f"  {t:>8.2f} s  ", "dim"), *kind, Piece("  "), *cells["text"]))
            if len(found) == _EVENTS:
                break
    return found[::-1]
