"""The timeline: a lane for the session, curves, and a lane for each wheel, all on one axis.

Each lane is a small SVG as wide as there is room. Positions in it are shares of that width, so one page serves a
phone, a wide screen and paper, and nothing is stretched but time.
"""

from collections.abc import Iterator, Sequence, Set

from instui.explain.activity import Concurrency
from instui.explain.attribution import WAITS, Piece
from instui.monitor.model import Phase, Snapshot
from instui.monitor.names import PARTS, wait_target
from instui.monitor.units import count

from . import names
from .html import Content, Html, element, name, percent
from .lanes import LITTLE, Axis, Lane, axis_of, lanes, merged
from .names import took
from .palette import of_kind
from .session import Recorded

_COLUMNS = 240  # of a curve
_HEIGHT = 14  # of a bar, in pixels
_LETTER = 0.012  # of the width, for one letter
_NARROW_LETTER = 0.026  # the same on a phone and on paper
_WORDS = {"acquire": "finding wheels", "clean": "clean up", "sync": "write to disk"}
_LEGEND = (
    ("fetch", "fetch"),
    ("unpack", "unpack, compile"),
    ("stage", "stage"),
    ("wait", "wait"),
    ("commit", "commit"),
    ("accent", "resolve, build, plan"),
    ("age", "write to disk"),
    ("other", "other work"),
    ("pause", "pause, standstill"),
    ("unexplained", "unexplained"),
)


def timeline(recorded: Recorded) -> Html:
    """The picture with its legend; what has no lane is counted."""
    snapshot, activity = recorded.snapshot, recorded.activity
    found, axis = activity.attribution, axis_of(activity)
    shown = lanes(snapshot, activity)
    bars = merged(found.pieces, axis)
    drawn = [*bars, *(piece for lane in shown for piece in lane.pieces)]
    unexplained = f"{took(found.unexplained)} unexplained" if found.unexplained > 0.02 * found.wall else ""
    rows = [
        _row("", element("svg", _scale(axis), aria_hidden="true"), style="head"),
        _row("", element("svg", _parts(snapshot, axis), aria_hidden="true"), style="head"),
        _row("the session", _track(bars, axis, f"the session: {_told(bars)}", snapshot), took(found.wall), unexplained),
        *_curves(recorded, axis),
        *(_wheel(lane, snapshot, axis, found.wall) for lane in shown),
    ]
    hidden = len(snapshot.wheels) - len(shown)
    rest = f"{count(hidden, 'more wheel')}, with less work, {'has' if hidden == 1 else 'have'} no lane"
    return element(
        "figure",
        _patterns(),
        element("figcaption", _legend({of_kind(one.kind) for one in drawn})),
        element("ul", rows, class_="lanes"),
        element("p", rest, class_="left-out") if hidden else "",
        aria_label="The timeline as a picture",
    )


def _row(
    label: Content, picture: Html, time: str = "", note: Content = "", style: str = "", known: bool = False
) -> Html:
    """A line of the picture. A note that says what is `known` from it is left out where there is little room."""
    return element(
        "li",
        element("span", label, class_="label"),
        element("div", picture, class_="axis" if style == "head" else "track"),
        element("span", time, class_="time"),
        element("span", note, class_="note known" if known else "note"),
        class_=style or None,
    )


def _patterns() -> Html:
    """What bars are filled with where a colour is not enough."""
    stripes = element("path", d="M-2 2L2 -2M0 8L8 0M6 10L10 6")
    slanted = element(
        "pattern",
        element("rect", width=8, height=8),
        stripes,
        id="hatched",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
    )
    dots = element("rect", width=2, height=2)
    dotted = element("pattern", dots, id="dotted", width=5, height=5, patternUnits="userSpaceOnUse")
    return element("svg", element("defs", slanted, dotted), class_="patterns", width=0, height=0, aria_hidden="true")


def _legend(used: Set[str]) -> Html:
    swatches = [
        element("li", element("svg", _bar(style, 0.0, 1.0), class_="swatch", aria_hidden="true"), words)
        for style, words in _LEGEND
        if style in used
    ]
    return element("ul", *swatches, element("li", _sign(), "on the critical path, with a line below"), class_="legend")


def _sign() -> Html:
    return element("span", "◆ ", class_="sign", aria_hidden="true")


# -- above the lanes of wheels


def _scale(axis: Axis) -> Iterator[Html]:
    for t in axis.ticks():
        place = axis.share(t)
        anchor = "end" if place > 0.95 else "start" if place < 0.03 else "middle"
        yield element("text", f"{t:.4g} s", x=percent(place), y=12, text_anchor=anchor)


def _parts(snapshot: Snapshot, axis: Axis) -> Iterator[Html]:
    """The names of the session's parts, where the part is long enough: for all windows, or for those that have room."""
    for span in snapshot.spans:
        begin, end = axis.share(span.begin), axis.share(snapshot.t if span.end is None else span.end)
        if end - begin > 0.02:
            edge = element("line", x1=0, x2=0, y1=0, y2="100%", class_="edge")
            words = PARTS[span.name]
            has_room = end - begin > _NARROW_LETTER * len(words)
            shown = element("text", words, x=4, y=12, class_=None if has_room else "roomy")
            text = shown if end - begin > _LETTER * len(words) else ""
            yield element("svg", edge, text, x=percent(begin), width=percent(end - begin))


def _curves(recorded: Recorded, axis: Axis) -> Iterator[Html]:
    busy, waiting = recorded.activity.busy, recorded.activity.waiting
    if busy.most:
        note = f"in all, up to {busy.most} at once"
        curve = _curve(busy, busy.most, axis, "busy", f"wheels at work: {note}")
        yield _row("wheels at work", curve, took(busy.seconds(*axis)), note)
    if waiting.most:
        note = f"in all, up to {waiting.most} at once"
        curve = _curve(waiting, waiting.most, axis, "waiting", f"wheels waiting: {note}")
        yield _row("wheels waiting", curve, took(waiting.seconds(*axis)), note)


def _curve(load: Concurrency, top: int, axis: Axis, style: str, told: str) -> Html:
    """How many went on, as the mean of each column."""
    length, steps, before = axis.seconds / _COLUMNS, ["M0 1"], -1.0
    for column in range(_COLUMNS):
        begin = axis.begin + column * length
        height = round(load.seconds(begin, begin + length) / length / top, 2)
        if height != before:
            steps.append(f"H{column}V{1 - height:.2g}")
        before = height
    area = element("path", d=f"{''.join(steps)}H{_COLUMNS}V1Z", class_=style)
    drawn = element("svg", area, viewBox=f"0 0 {_COLUMNS} 1", preserveAspectRatio="none")
    return element("svg", element("title", told), _grid(axis), drawn, role="img")


# -- lanes


def _wheel(lane: Lane, snapshot: Snapshot, axis: Axis, wall: float) -> Html:
    wheel, on_path = lane.wheel, lane.on_path
    is_critical = on_path >= LITTLE * wall
    told = f"{wheel.label}: {_told(lane.pieces)}"
    if is_critical:
        told += f"; {took(on_path)} on the critical path"
    label = [_sign() if is_critical else "", name(wheel.label)]
    picture = _track(lane.pieces, axis, told, snapshot, lane.path if is_critical else ())
    has_failed = wheel.phase is Phase.FAILED
    note = _note(lane, snapshot) or (f"{took(on_path)} on the critical path" if is_critical else "")
    return _row(label, picture, took(lane.seconds), note, "failed" if has_failed else "", not _note(lane, snapshot))


def _note(lane: Lane, snapshot: Snapshot) -> str:
    """What stands right of a lane: how it failed, whom it waited for, or how far it came."""
    if lane.wheel.error:
        return f"failed: {lane.wheel.error}"
    longest = max((one for one in lane.pieces if one.kind in WAITS), key=lambda one: one.seconds, default=None)
    if longest is not None and longest.seconds >= 0.005:
        return f"← {names.holders(snapshot, longest.holders)}, {names.short_lock(snapshot, longest.path)}"
    return "" if lane.wheel.phase is Phase.DONE else names.state(lane.wheel)


def _track(pieces: Sequence[Piece], axis: Axis, told: str, snapshot: Snapshot, critical: Sequence[Piece] = ()) -> Html:
    bars = [
        _bar(of_kind(piece.kind), axis.share(piece.begin), axis.share(piece.end), piece_told(piece, snapshot))
        for piece in pieces
    ]
    lines = [
        element(
            "rect",
            x=percent(axis.share(one.begin)),
            y=_HEIGHT + 3,
            width=_width(axis, one),
            height=2,
            class_="critical",
        )
        for one in critical
    ]
    return element("svg", element("title", told), _grid(axis), bars, lines, role="img")


def _width(axis: Axis, piece: Piece) -> str:
    return percent(axis.share(piece.end) - axis.share(piece.begin))


def _grid(axis: Axis) -> Iterator[Html]:
    for t in axis.ticks():
        place = percent(axis.share(t))
        yield element("line", x1=place, x2=place, y1=0, y2="100%")


def _bar(style: str, begin: float, end: float, told: str = "") -> Html:
    title = element("title", told) if told else ""
    return element("rect", title, class_=style, x=percent(begin), y=2, width=percent(end - begin), height=_HEIGHT)


def _told(pieces: Sequence[Piece]) -> str:
    """The seconds of each kind, in the order of their beginnings, for those who do not see the bars."""
    sums: dict[str, float] = {}
    for piece in pieces:
        word = word_of(piece)
        sums[word] = sums.get(word, 0.0) + piece.seconds
    begin = f" from {names.at(pieces[0].begin)} to {names.at(max(one.end for one in pieces))}" if pieces else ""
    return (", ".join(f"{word} {took(value)}" for word, value in sums.items()) or "nothing was done") + begin


def word_of(piece: Piece) -> str:
    """The kind of a piece in a word or two."""
    return "wait" if piece.kind in WAITS else _WORDS.get(piece.kind, piece.kind)


def piece_told(piece: Piece, snapshot: Snapshot) -> str:
    """A piece in a sentence."""
    text = f"{word_of(piece)} {took(piece.seconds)}, from {names.at(piece.begin)} to {names.at(piece.end)}"
    if waited := waited_for(piece, snapshot):
        text += f", for {waited}"
    return f"{text}, worker {piece.worker}" if piece.worker else text


def waited_for(piece: Piece, snapshot: Snapshot) -> str:
    """What a wait was for, and who had it; "" for work."""
    if piece.kind not in WAITS:
        return ""
    what = names.lock(snapshot, piece.path) if piece.kind == "claim" else wait_target(piece.what)
    return f"{what}, held at first by {names.holders(snapshot, piece.holders)}"
