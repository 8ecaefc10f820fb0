"""The timeline as lines: the axis, the lane of the session, curves, and the lanes below them."""

from bisect import bisect_right
from collections.abc import Sequence

from instui.explain.activity import Activity
from instui.explain.attribution import WAITS, Attribution, Kind, Piece
from instui.monitor import units
from instui.monitor.model import Phase, Snapshot
from instui.monitor.names import PARTS, holder_name, wait_target
from instui.tui.text import scale
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, fit, joined, line, middle, safe, tail, width_of
from instui.tui.text.pieces import Piece as Text
from instui_engine.values import NamedTuple

from .labels import lock_label, short
from .session_waits import whole
from .timeline_lanes import LITTLE, MODES, Lane, Lanes, Mode, contended
from .timeline_track import STYLES, Cell, curve, mark, track, with_cursor
from .timeline_track import joined as line_of
from .timeline_window import Window, duration, exact

_TITLES = {"wheel": ("wheel", "waited for"), "worker": ("worker", "did; the longest"), "lock": ("lock", "longest wait")}
GUTTER = 3  # columns before the name of a lane: the marker of the selection, the sign of the critical path, a space
_SHORTEST = 0.005  # seconds of a wait that is told


class Layout(NamedTuple):
    """The widths of the parts of a line. A column stands between them; `note` is 0 where there is no room."""

    label: int
    track: int
    seconds: int
    note: int


class Look(NamedTuple):
    """How the user looks at the session: the window, the cursor and the marks."""

    window: Window
    whole: Window
    cursor: float | None = None
    marks: tuple[float, ...] = ()


def layout(width: int) -> Layout:
    """The parts of a line of `width` columns, with its gutter."""
    label = max(12, min(34, width * 22 // 100))
    seconds = 8 if width >= 60 else 7
    note = min(52, max(20, width * 22 // 100)) if width >= 100 else 0
    return Layout(label, max(width - GUTTER - label - 1 - 1 - seconds - (note and note + 2), 1), seconds, note)


def _row(label: Line, drawn: Line, seconds: str, note: Line, sizes: Layout, style: str = "text") -> Line:
    """A line of the timeline, without its gutter."""
    return (
        *fit(label, sizes.label + 1),
        *fit(drawn, sizes.track + 1),
        *fit((Text(seconds, style),), sizes.seconds, right=True),
        *(fit((Text("  "), *note), sizes.note + 2) if sizes.note else ()),
    )


# -- above the lanes


def status(snapshot: Snapshot, found: Activity, mode: Mode, look: Look, width: int, glyphs: Glyphs) -> Line:
    """How the session is looked at: the grouping, the zoom, the cursor, and what lies between the marks."""
    window, room = look.window, layout(width - 2).track
    groups = [Text(f" by {one} ", "accent" if one == mode else "dim", "group") for one in MODES]
    if width < 76 or len(look.marks) == 2:
        groups = [groups[MODES.index(mode)]]
    parts: list[Line] = [(Text("v", "key", "group"), *groups)]
    if len(look.marks) == 2:
        left = width - 5 - width_of(parts[0])
        parts.append(line((tail(between(snapshot, found, look, room), left), "strong")))
    elif look.marks:
        parts.append(line((f"mark {exact(look.marks[0], window, room)}", "strong")))
    if look.cursor is not None:
        parts.append(line((f"cursor {exact(look.cursor, window, room)}", "strong")))
    zoom = look.whole.seconds / window.seconds
    times = f"{exact(window.begin, window, room)} to {exact(window.end, window, room)}"
    if zoom > 1.005:
        parts.append(line((f"zoom {zoom:.3g}x  {times}" if width >= 76 else f"zoom {zoom:.3g}x", "dim")))
    shown: list[Line] = []
    for part in parts:
        if width_of(joined([*shown, part], Text("   "))) < width - 1:
            shown.append(part)
    return fit((Text(" "), *joined(shown, Text("   "))), width)


def between(snapshot: Snapshot, found: Activity, look: Look, room: int) -> str:
    """What lies between two marks."""
    begin, end = sorted(look.marks)
    done = bisect_right(found.done, end) - bisect_right(found.done, begin)
    parts = [duration(end - begin)]
    fetched = _fetched(snapshot, end) - _fetched(snapshot, begin)
    if fetched >= 1:
        parts.append(f"{units.size(fetched)} fetched")
    parts.append(f"{units.count(done, 'wheel')} {'removed' if snapshot.removes else 'done'}")
    busy = found.busy.seconds(begin, end)
    parts.append(f"{units.seconds(busy)} of work")
    times = (exact(t, look.window, room).removesuffix(" s") for t in (begin, end))
    return f"{' to '.join(times)}: {', '.join(parts)}"


def _fetched(snapshot: Snapshot, t: float) -> float:
    """The bytes that were fetched by `t`, as far as the samples tell."""
    samples = snapshot.samples
    place = bisect_right(samples, t, key=lambda sample: sample.t)
    if not place or not len(samples):
        return 0.0
    before = samples[place - 1]
    if place == len(samples):
        return before.fetched_bytes
    after = samples[place]
    share = (t - before.t) / (after.t - before.t) if after.t > before.t else 0.0
    return before.fetched_bytes + share * (after.fetched_bytes - before.fetched_bytes)


def head(snapshot: Snapshot, found: Activity, look: Look, width: int, glyphs: Glyphs, curves: bool) -> list[Line]:
    """The axis, the parts of the session, its lane and, with `curves`, the wheels at work and those that wait."""
    sizes, window = layout(width - 2), look.window
    gutter = Text(" " * GUTTER)
    wall = found.attribution.wall
    lines = [
        _row((), axis(look, sizes.track, glyphs), "", (), sizes),
        _row((), names(snapshot, found.attribution, window, sizes.track), "", (), sizes),
        _row(
            line(("the session", "text")),
            session(found.attribution.pieces, window, sizes.track, glyphs, look.cursor),
            units.seconds(wall),
            _unexplained(found.attribution),
            sizes,
        ),
    ]
    if curves:
        busy, waiting = found.busy, found.waiting
        begin, end = found.attribution.begin, found.attribution.end  # whatever is shown of it, like all other times
        total = busy.seconds(begin, end)
        drawn = curve(busy, max(busy.most, 1), "dim", window, snapshot.t, sizes.track, glyphs)
        note = _summed(busy.most, sizes)
        label = line((_label("at work", sizes), "dim"))
        lines.append(_row(label, drawn, units.seconds(total) if total else "none", note, sizes, "dim"))
        total = waiting.seconds(begin, end)
        drawn = curve(waiting, max(waiting.most, 1), "wait", window, snapshot.t, sizes.track, glyphs)
        note = _summed(waiting.most, sizes)
        label = line((_label("waiting", sizes), "dim"))
        text = units.seconds(total) if total else "none"
        if (wait := whole(snapshot)) is not None:  # then none of its wheels waits, and all of them do
            what = safe(wait.path) if wait.what == "environment" else wait_target(wait.what)
            text, note = "all", line((f"the session, for {what}", "wait"))
        lines.append(_row(label, drawn, text, note, sizes, "dim" if text == "none" else "wait"))
    return [(gutter, *row) for row in lines]


def _label(what: str, sizes: Layout) -> str:
    """What wheels do; where there is no room for a note, also that the seconds are those of all of them."""
    brief = f"{what}, in all"
    return tail(brief if not sizes.note and len(brief) <= sizes.label else f"wheels {what}", sizes.label)


def _summed(most: int, sizes: Layout) -> Line:
    """That seconds are those of all wheels, so many of which had them at once."""
    text = f"in all, up to {most} at once"
    return line((text if len(text) <= sizes.note else f"in all, {most} at most", "dim")) if most else ()


def _unexplained(found: Attribution) -> Line:
    share = found.unexplained / found.wall if found.wall > 0 else 0.0
    return line((f"{units.seconds(found.unexplained)} unexplained", "age")) if share >= 0.02 else ()


def axis(look: Look, width: int, glyphs: Glyphs) -> Line:
    """The ticks, with the cursor and the marks on them; a label gives way to a sign, half of one is none."""
    signs: dict[int, Cell] = {}
    for sign, t, style in [
        *((sign, t, "strong") for sign, t in zip("AB", look.marks, strict=False)),
        *([(glyphs.down, look.cursor, "accent")] if look.cursor is not None else []),
    ]:
        if 0 <= (column := look.window.column(t, width)) < width:
            signs[column] = (sign, style)
    cells: list[Cell] = [(" ", "dim")] * width
    for tick in scale.axis(*look.window, width):
        if not any(tick.cell <= column < tick.cell + len(tick.text) for column in signs):
            cells[tick.cell : tick.cell + len(tick.text)] = [(character, "dim") for character in tick.text]
    for column, cell in signs.items():
        cells[column] = cell
    return line_of(cells)


def names(snapshot: Snapshot, found: Attribution, window: Window, width: int) -> Line:
    """The names of the session's parts where they begin; the longest first, as long as there is room."""
    parts = [(PARTS[span.name], span.begin, snapshot.t if span.end is None else span.end) for span in snapshot.spans]
    first = snapshot.spans[0].begin if snapshot.spans else 0.0
    parts = [("start", found.begin, first), *(part for part in parts if part[2] > part[1])]
    if not (snapshot.totals.downloads or _is_fetching(snapshot)):
        parts = [("unpack" if name == PARTS["acquire"] else name, begin, end) for name, begin, end in parts]
    text = [" "] * width
    for name, begin, end in sorted(parts, key=lambda part: part[1] - part[2]):
        if end <= window.begin or begin >= window.end or (end - begin) * width < window.seconds * 0.5:
            continue
        column = min(max(window.column(begin, width), 0), width - len(name))
        if column >= 0 and not "".join(text[max(column - 1, 0) : column + len(name) + 1]).strip():
            text[column : column + len(name)] = name
    return line(("".join(text), "dim"))


def _is_fetching(snapshot: Snapshot) -> bool:
    running = (snapshot.wheel(key) for key in snapshot.running)
    return any(wheel is not None and wheel.phase is Phase.FETCH for wheel in running)


def session(pieces: Sequence[Piece], window: Window, width: int, glyphs: Glyphs, cursor: float | None = None) -> Line:
    """What held the session up, in columns of time: of what shares a column, that with the most time; a wait always."""
    spans = [(one.begin, one.end, scale.WAIT if one.kind in WAITS else one.kind) for one in _merged(pieces)]
    kinds: list[Kind | None] = []
    for cell in scale.paint(spans, *window, width):
        kinds.append("claim" if cell.style == scale.WAIT else (cell.style or None))  # type: ignore[arg-type]
    cells = [(" ", "text") if kind is None else (mark(kind, glyphs), STYLES[kind]) for kind in kinds]
    for place in range(1, len(kinds) - 1):  # parts are told apart without colour, too
        if kinds[place - 1] == kinds[place] != kinds[place + 1] and cells[place][0] == cells[place + 1][0]:
            cells[place] = (glyphs.cut, cells[place][1])
    return with_cursor(cells, cursor, window, glyphs)


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        if found and found[-1].kind == piece.kind:
            found[-1] = found[-1]._replace(end=piece.end)
        else:
            found.append(piece)
    return found


# -- the lanes


def titles(mode: Mode, width: int) -> Line:
    """The line above the lanes."""
    sizes = layout(width)
    name, note = _TITLES[mode]
    return (Text(" " * GUTTER), *_row(line((name, "dim")), (), "time", line((note, "dim")), sizes, "dim"))


def drawn(lane: Lane, is_lock: bool, window: Window, width: int, glyphs: Glyphs) -> list[Cell]:
    """The bars of a lane of a table of `width` columns."""
    shown = contended(lane.pieces) if is_lock else lane.pieces
    return track(shown, window, layout(width).track, glyphs, lane.idle)


def row(
    snapshot: Snapshot, found: Activity, key: str, lane: Lane, cells: list[Cell], look: Look, width: int, glyphs: Glyphs
) -> Line:
    """A lane in `width` columns, without its gutter; `cells` are its bars."""
    sizes = layout(width)
    wheel = snapshot.wheel(key)
    style = "failed" if wheel is not None and wheel.phase is Phase.FAILED else "text"
    name = short(lane.label, sizes.label) if wheel is not None else middle(lane.label, sizes.label)
    bars = with_cursor(cells, look.cursor, look.window, glyphs)
    note = _note(snapshot, found, key, lane, sizes.note, glyphs) if sizes.note else ()
    return _row(line((name, style)), bars, units.seconds(lane.seconds), note, sizes)


def is_critical(found: Activity, key: str) -> bool:
    """Whether a notable part of the critical path is work on this wheel."""
    return found.path.get(key, 0.0) >= LITTLE * found.attribution.wall


def folded(lanes: Lanes) -> str:
    """The row of what is not shown."""
    noun, what = ("more lock", "of waiting") if lanes.made else ("more wheel", "of work and waiting")
    return f"… {units.count(lanes.hidden, noun)}, {units.seconds(lanes.hidden_seconds)} {what}   (a shows all)"


def _note(snapshot: Snapshot, found: Activity, key: str, lane: Lane, room: int, glyphs: Glyphs) -> Line:
    """What stands right of a lane: whom it waited for, how it failed, or what it did."""
    wheel = snapshot.wheel(key)
    if wheel is not None and wheel.error:
        return line((tail(safe(wheel.error), room), "failed"))
    waits = [piece for piece in lane.pieces if piece.kind in WAITS and piece.seconds >= _SHORTEST]
    if waits:
        longest = max(waits, key=lambda piece: piece.seconds)
        if wheel is not None:
            return behind(snapshot, longest, room, glyphs)
        who = safe(longest.wheel) or "the session"
        first = f"{who} {units.seconds(longest.seconds)} "
        return line((tail(first, room), "text"), *behind(snapshot, longest, room - len(first), glyphs, False))
    if wheel is None and lane.pieces:
        longest = max(lane.pieces, key=lambda piece: piece.seconds)
        counted = units.count(len(lane.pieces), "wheel")
        text = f"{counted}; {safe(longest.wheel)} {units.seconds(longest.seconds)}"
        return line((tail(text, room), "dim"))
    if (seconds := min(found.path.get(key, 0.0), lane.seconds)) >= _SHORTEST:
        place = "on the critical path" if room >= 30 else "critical"
        return line((f"{units.seconds(seconds)} {place}", "dim"))
    return ()


def behind(snapshot: Snapshot, wait: Piece, room: int, glyphs: Glyphs, with_path: bool = True) -> Line:
    """The holder that was waited for, and at what lock: `← fonttools, share/man/man1`."""
    arrow = f"{glyphs.behind} "
    others = f" +{len(wait.holders) - 1}" if len(wait.holders) > 1 else ""
    who = holder_name(wait.holders[0], snapshot.session, lambda key: key) if wait.holders else "unknown"
    space = room - len(arrow) - len(others)
    path = lock_label(snapshot, wait.path) if with_path and wait.path else ""
    left = space - units.cells(who) - 2
    if path and left >= 8:
        return line((arrow, "wait"), (who, "commit"), (others, "dim"), (f", {middle(path, left)}", "dim"))
    return line((arrow, "wait"), (tail(who, space), "commit"), (others, "dim"))
