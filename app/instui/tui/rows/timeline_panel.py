"""Below the lanes: the bars of the selected lane, what happened at the cursor, or where the time went."""

from collections.abc import Iterator, Mapping, Sequence

from instui.explain.activity import Activity
from instui.explain.attribution import WAITS, Kind, Piece
from instui.explain.explanation import explain
from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.monitor.names import holder_names, listed
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, fit, line, safe, spread, tail
from instui.tui.text.pieces import Piece as Text

from .labels import lock_label, wheel_label
from .timeline import Look, layout
from .timeline_lanes import Lane
from .timeline_track import STYLES
from .timeline_window import duration, exact

_RATED = 0.05  # seconds; the rate of what is shorter says nothing
_TOLD = 0.005  # seconds; less is not told
_WORDS: dict[Kind, str] = {
    "start": "the program started",
    "open": "looking at the environment",
    "resolve": "deciding which wheels to install",
    "acquire": "finding wheels in the cache",
    "fetch": "fetching",
    "build": "building",
    "unpack": "unpacking",
    "compile": "compiling byte code",
    "plan": "planning",
    "stage": "staging",
    "commit": "committing",
    "sync": "writing to disk",
    "clean": "cleaning up",
    "environment": "waiting for the environment's lock",
    "claim": "waiting for a claim",
    "wait": "waiting for other processes",
    "pause": "resting, as asked",
    "halt": "standing still: its process was stopped",
    "unexplained": "unexplained",
}


_STYLES: Mapping[str, str] = {
    str(kind): style for kind, style in STYLES.items()
}  # findings have kinds of their own, too


def words(kind: Kind) -> str:
    """What happened, in words."""
    return _WORDS[kind]


def bar_at(pieces: Sequence[Piece], t: float | None) -> Piece | None:
    """The bar at `t`, or that which is nearest to it; without a time, the longest."""
    if not pieces:
        return None
    if t is None:
        return max(pieces, key=lambda piece: piece.seconds)
    # Where bars lie upon each other, the wait is what one wants to know.
    return min(pieces, key=lambda piece: (max(piece.begin - t, t - piece.end, 0.0), piece.kind not in WAITS))


def of_lane(
    snapshot: Snapshot, found: Activity, key: str, lane: Lane, look: Look, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """The bars of a lane, those around the cursor if there is no room for all; the one that is meant is marked."""
    chosen = bar_at(lane.pieces, look.cursor)
    facts = [f"{units.seconds(lane.seconds)} in {units.count(len(lane.pieces), 'bar')}"]
    # what hands a wheel on is on the path, and no work on it
    if (path := min(found.path.get(key, 0.0), lane.seconds)) >= _TOLD:
        facts.append(f"{glyphs.critical} {units.seconds(path)} of it on the critical path")
    if lane.unknown:
        facts.append("this journal does not say which worker it was")
    wheel = snapshot.wheel(key)
    if wheel is not None and wheel.error:
        facts.insert(0, safe(wheel.error))
    hint = line((f"{glyphs.enter} opens {'the wheel' if wheel is None else 'it'} ", "dim"))
    title = (Text(f" {lane.label}", "strong"), Text(f"   {tail('   '.join(facts), width)}", "dim"))
    lines: list[Line] = [spread(title, hint if width >= 76 else (), width)]
    place = next((i for i, piece in enumerate(lane.pieces) if piece is chosen), 0)
    first = max(0, min(place - (height - 1) // 2, len(lane.pieces) - height + 1))
    for piece in lane.pieces[first : first + height - 1]:
        is_chosen = piece is chosen
        lead = Text(f" {glyphs.marker if is_chosen else ' '} ", "accent")
        lines.append(fit((lead, *bar(snapshot, piece, look, width, wheel is None, glyphs)), width))
    return lines


def bar(snapshot: Snapshot, piece: Piece, look: Look, width: int, with_wheel: bool, glyphs: Glyphs) -> Line:
    """One bar in words: what, when, how long, by whom, how much, and behind whom."""
    room = layout(width - 2).track
    times = f"{exact(piece.begin, look.window, room).removesuffix(' s')} to {exact(piece.end, look.window, room)}"
    word = "wait" if piece.kind in WAITS else "hold" if piece.path and piece.kind == "commit" else piece.kind
    texts = [
        Text(f"{word:<7} ", STYLES[piece.kind]),
        Text(f"{times:<18} ", "dim"),
        Text(f"{duration(piece.seconds):>8}   ", "text"),
    ]
    if with_wheel and piece.wheel:
        texts.append(Text(f"{wheel_label(snapshot, piece.wheel)}   ", "text"))
    if piece.worker:
        texts.append(Text(f"worker {piece.worker}   ", "dim"))
    if piece.kind in WAITS:
        who = holder_names(piece.holders, snapshot.session, lambda key: wheel_label(snapshot, key)) or "unknown"
        where = f"for {lock_label(snapshot, piece.path)}, " if piece.path else ""
        return (*texts, Text(where, "wait"), Text("held by ", "dim"), Text(who, "commit"))
    return (*texts, Text(amount(snapshot, piece), "dim"))


def amount(snapshot: Snapshot, piece: Piece) -> str:
    """How much was done in a bar, and how fast: `5 629 files, 8 663 files/s`."""
    wheel = snapshot.wheel(piece.wheel)
    if wheel is None or piece.path:
        return ""
    is_long = piece.seconds >= _RATED
    if piece.kind in ("fetch", "unpack") and wheel.size:
        files = f"{units.count(wheel.files, 'file')} of " if piece.kind == "unpack" and wheel.files else ""
        whole = f"{files}{units.size(wheel.size)}"
        going = piece.end >= snapshot.t and wheel.word == piece.kind
        return whole if going or not is_long else f"{whole}, {units.size(wheel.size / piece.seconds)}/s"
    if piece.kind == "commit" and any(wheel.steps):
        steps = wheel.steps._asdict().items()
        return ", ".join(f"{name} {units.seconds(value)}" for name, value in steps if value >= 0.001)
    if wheel.files:
        rate = f", {units.number(round(wheel.files / piece.seconds))} files/s" if is_long else ""
        return f"{units.count(wheel.files, 'file')}{rate}"
    return ""


def of_moment(snapshot: Snapshot, found: Activity, look: Look, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """What happened at the cursor: what held the session up, who was at work, and who waited."""
    t = look.cursor or 0.0
    lines: list[Line] = [line((f" at {exact(t, look.window, layout(width - 2).track)}", "strong"))]
    if t > found.attribution.end:
        return [*lines, line(("   not yet", "dim"))]
    if (piece := found.held_up(t)) is not None:
        whose = f" {wheel_label(snapshot, piece.wheel)}" if piece.wheel else ""
        lines.append(
            line(
                (f" {glyphs.critical} ", "age"),
                (f"{_WORDS[piece.kind]}{whose}", STYLES[piece.kind]),
                (f"   {units.seconds(piece.seconds)} of the critical path", "dim"),
                *_holders(snapshot, piece),
            )
        )
    doing = [one.doing for one in snapshot.doings if one.begin <= t]
    if piece is not None and piece.kind == "resolve" and doing:
        lines.append(line(("   uv: ", "dim"), (safe(doing[-1]), "text")))
    lines += _at_work(snapshot, found, t)
    return [fit(one, width) for one in lines[:height]]


def _at_work(snapshot: Snapshot, found: Activity, t: float) -> Iterator[Line]:
    working = [piece for piece in found.work if piece.begin <= t < piece.end]
    waiting = [wait.wheel for waits in found.waits.values() for wait in waits if wait.begin <= t < wait.end]
    if working:
        who = listed((f"{wheel_label(snapshot, piece.wheel)} ({piece.kind})" for piece in working), 4)
        yield line(("   at work  ", "dim"), (who, "text"))
    if waiting:
        who = listed((wheel_label(snapshot, key) for key in waiting), 4)
        yield line(("   waiting  ", "dim"), (who, "wait"))
    if not working and not waiting:
        yield line(("   nothing was at work", "dim"))


def _holders(snapshot: Snapshot, piece: Piece) -> Sequence[Text]:
    who = holder_names(piece.holders, snapshot.session, lambda key: wheel_label(snapshot, key))
    return line(("   held by ", "dim"), (who, "commit")) if who else ()


def why(snapshot: Snapshot, width: int, height: int) -> list[Line]:
    """What took the time, the most first. This explains the session: not to be made for every frame."""
    explanation = explain(snapshot, simulate=False)
    verb = "it took" if snapshot.over else "it has taken"
    wall, work = units.seconds(explanation.wall), units.seconds(explanation.work)
    lines: list[Line] = [line((f" why {verb} {wall}", "strong"), (f", of which {work} was work", "dim"))]
    told = [finding for finding in explanation.findings if finding.seconds >= _TOLD]
    for number, finding in enumerate(sorted(told, key=lambda one: -one.seconds)[: height - 1], 1):
        remedy = f"   {finding.remedy}" if finding.remedy else ""
        lines.append(
            line(
                (f" {number}  ", "dim"),
                (f"{100 * finding.share:>3.0f} %  {units.seconds(finding.seconds):>8}   ", "text"),
                (finding.text, _STYLES.get(finding.kind, "text")),
                (remedy, "dim"),
            )
        )
    return [fit(one, width) for one in lines]
