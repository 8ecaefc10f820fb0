"""A lane of the timeline as text: bars of what happened, in columns of time."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import groupby

from instui.explain.activity import Concurrency
from instui.explain.attribution import WAITS, Kind, Piece
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line
from instui.tui.text.pieces import Piece as Text
from instui_engine.values import NamedTuple

from .timeline_window import Window

STYLES: Mapping[Kind, str] = {
    "start": "dim",
    "open": "text",
    "resolve": "accent",
    "acquire": "text",
    "fetch": "fetch",
    "build": "accent",
    "unpack": "unpack",
    "compile": "unpack",
    "plan": "accent",
    "stage": "stage",
    "commit": "commit",
    "sync": "age",
    "clean": "text",
    "environment": "wait",
    "claim": "wait",
    "wait": "wait",
    "pause": "dim",
    "halt": "age",
    "unexplained": "dim",
}
Cell = tuple[str, str]  # a character and its style
_MANY = 64  # pieces
_NEARLY = 1e-6  # of a column: times are sums of fractions
_BLANK: Cell = (" ", "text")


def mark(kind: Kind, glyphs: Glyphs) -> str:
    """The sign of which a bar is made."""
    if kind in WAITS:
        return glyphs.wait
    return glyphs.gap if kind in ("unexplained", "pause", "halt") else glyphs.full


class Bar(NamedTuple):
    """A piece in columns: its first one, and the one after its last."""

    first: int
    end: int
    kind: Kind
    seconds: float


def track(
    pieces: Sequence[Piece], window: Window, width: int, glyphs: Glyphs, idle: tuple[float, float] | None = None
) -> list[Cell]:
    """The bars of a lane in `width` columns; dots from one time of `idle` to the other, where there is no bar.

    The pieces are in the order of time. One that is too short for a column gets one all the same; neighbours that are
    all too short become one bar with their number on it.
    """
    cells = [_BLANK] * width
    if idle is not None:
        for column in range(max(window.column(idle[0], width), 0), min(window.column(idle[1], width), width)):
            cells[column] = (glyphs.idle, "faint")
    bars = _bars(pieces, window, width)
    column_seconds = window.seconds / width
    following: Bar | None = None
    for bar in reversed(bars):
        if bar.seconds >= column_seconds:
            _paint(cells, bar, following, glyphs)
        following = bar
    for together in _clusters([bar for bar in bars if bar.seconds < column_seconds]):
        _paint_cluster(cells, together, glyphs)
    return cells


def with_cursor(cells: list[Cell], cursor: float | None, window: Window, glyphs: Glyphs) -> Line:
    """The cells as text, with the cursor through them."""
    if cursor is not None and 0 <= (column := window.column(cursor, len(cells))) < len(cells):
        sign, _ = cells[column]
        empty = sign in (" ", glyphs.idle)
        cells = list(cells)
        cells[column] = (glyphs.cursor, "accent") if empty else (sign, "strong")
    return joined(cells)


def joined(cells: Sequence[Cell]) -> list[Text]:
    """The cells as few pieces of text."""
    return [
        Text("".join(character for character, _ in run), style) for style, run in groupby(cells, lambda cell: cell[1])
    ]


def _bars(pieces: Sequence[Piece], window: Window, width: int) -> list[Bar]:
    """The pieces in the window, in columns. In a long lane those before it are skipped, not looked at."""
    begin, end = window
    if len(pieces) > _MANY:
        first = bisect_left(pieces, begin, key=lambda piece: piece.begin)
        pieces = pieces[max(first - 1, 0) : bisect_left(pieces, end, key=lambda piece: piece.begin)]
    per_second, last = width / (end - begin), width - 1
    found = []
    for piece in pieces:
        if piece.begin < end and piece.end > begin:
            left = min(int(max((piece.begin - begin) * per_second + _NEARLY, 0.0)), last)
            right = min(max(int((piece.end - begin) * per_second + _NEARLY), left + 1), width)
            found.append(Bar(left, right, piece.kind, piece.end - piece.begin))
    return found


def _paint(cells: list[Cell], bar: Bar, following: Bar | None, glyphs: Glyphs) -> None:
    style, sign = STYLES[bar.kind], mark(bar.kind, glyphs)
    cells[bar.first : bar.end] = [(sign, style)] * (bar.end - bar.first)
    touches = following is not None and following.kind == bar.kind and following.first <= bar.end
    if touches and bar.end - bar.first > 1:  # two bars of one kind without a space between them would look like one
        cells[bar.end - 1] = (glyphs.cut, style)


def _clusters(bars: Sequence[Bar]) -> list[list[Bar]]:
    """Bars of one column in groups of neighbours, of which each lies in the column of the one before or in the next."""
    groups: list[list[Bar]] = []
    for bar in bars:
        if groups and bar.first <= groups[-1][-1].first + 1:
            groups[-1].append(bar)
        else:
            groups.append([bar])
    return groups


def _paint_cluster(cells: list[Cell], together: Sequence[Bar], glyphs: Glyphs) -> None:
    longest: dict[int, Bar] = {}
    for bar in together:
        if bar.first not in longest or longest[bar.first].seconds < bar.seconds:
            longest[bar.first] = bar
    for column, bar in longest.items():
        cells[column] = (mark(bar.kind, glyphs), STYLES[bar.kind])
    if len(together) == 1:
        return
    first, number, room = together[0].first, str(len(together)), len(longest)
    if len(number) > room:
        number = glyphs.many
    begin = first + (room - len(number)) // 2
    for place, digit in enumerate(number, begin):
        cells[place] = (digit, cells[place][1])


def curve(
    load: Concurrency, top: float, style: str, window: Window, now: float, width: int, glyphs: Glyphs
) -> list[Text]:
    """How many went on, as the mean of each column; `top` is a full column. Nothing is drawn after `now`."""
    steps = len(glyphs.curve) - 1
    length = window.seconds / max(width, 1)
    signs = []
    for column in range(width):
        begin = window.begin + column * length
        end = min(begin + length, now)
        mean = load.seconds(begin, end) / (end - begin) if end > begin else 0.0
        signs.append(glyphs.curve[max(int(mean > 0.005), min(steps, round(mean / max(top, 1e-9) * steps)))])
    return [Text("".join(signs), style)]
