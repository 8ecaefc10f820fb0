"""Time drawn to scale: the ticks of an axis, and spans of time painted into the cells of a line.

A line of `cells` cells stands for the time from `begin` to `end`. A cell is half open: what ends where it begins is
not in it. A span is begin, end and style; the style `wait` is hatched, all others are solid.

What goes on is drawn up to its `horizon`, so that the picture does not shift with every frame.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log10

from instui_engine.values import NamedTuple

from .glyphs import Glyphs
from .pieces import Line, Piece

Span = tuple[float, float, str]
WAIT = "wait"
_KEPT = (WAIT, "failed")  # never lost, however short
_NEARLY = 1e-6  # of a cell: times are sums of fractions
_UNITS = (1e-6, 60.0, 3600.0)  # seconds count in tens, then come minutes and hours
_GAP = 2  # columns between two labels


class Tick(NamedTuple):
    """A time on the axis: the cell it lies in, and its label, which begins there."""

    cell: int
    t: float
    text: str


class Cell(NamedTuple):
    """What a cell shows: the style and index of the span that it goes to, and how many lie in it. Idle: "" and -1."""

    style: str = ""
    span: int = -1
    many: int = 0


IDLE = Cell()


def horizon(t: float, cells: int) -> float:
    """The end of a scale on which something at `t` has room to go on for a while."""
    step = next(iter(_steps(max(t, 0.5) / max(min(cells, 12), 1))), t)
    return (floor(t / step + _NEARLY) + 1) * step


def cell_at(t: float, begin: float, end: float, cells: int) -> int:
    """The cell in which `t` lies; the first or the last one if it lies outside."""
    place = floor((t - begin) * cells / (end - begin) + _NEARLY) if end > begin else 0
    return max(0, min(cells - 1, place))


def axis(begin: float, end: float, cells: int) -> tuple[Tick, ...]:
    """Ticks at every 1, 2 or 5 of a unit, as close as their labels allow."""
    if cells < 1 or end <= begin:
        return ()
    for step in _steps((end - begin) / cells):
        ticks = _ticks(begin, end, cells, step)
        apart = (a.cell + len(a.text) + _GAP <= b.cell for a, b in pairwise(ticks))
        if all(apart):
            return tuple(tick for tick in ticks if tick.cell + len(tick.text) <= cells)
    return ()


def _steps(least: float) -> list[float]:
    """Steps of at least `least` seconds."""
    found = []
    for unit, largest in zip(_UNITS, (*_UNITS[1:], 1e9), strict=True):
        size = unit
        while size < largest:
            found += [size * factor for factor in (1, 2, 5) if least <= size * factor <= largest / 2]
            size *= 10
    return found


def _ticks(begin: float, end: float, cells: int, step: float) -> list[Tick]:
    first, last = ceil(begin / step - _NEARLY), floor(end / step + _NEARLY)
    times = [number * step for number in range(first, last + 1)]
    shown = [t for t in times if t < end - _NEARLY * (end - begin)]
    return [Tick(cell_at(t, begin, end, cells), t, label(t, step)) for t in shown]


def label(t: float, step: float) -> str:
    """A time with as many digits as ticks at every `step` need."""
    for unit, word in ((3600.0, "h"), (60.0, "min")):
        if step >= unit:
            return f"{t / unit:.0f} {word}"
    return f"{t:.{max(0, -floor(log10(step) + _NEARLY))}f} s"


def header(begin: float, end: float, cells: int, style: str = "dim") -> Line:
    """The axis as a line of exactly `cells` columns."""
    text = ""
    for tick in axis(begin, end, cells):
        text = text.ljust(tick.cell) + tick.text
    return (Piece(text.ljust(cells)[:cells], style),)


def paint(spans: Sequence[Span], begin: float, end: float, cells: int) -> list[Cell]:
    """What each cell shows.

    A span shorter than a cell is seen nevertheless. Of several that lie in one cell, the style with the most time wins
    (short neighbours are one cluster), but a wait or a failure always has the cell where most of it lies.
    """
    if cells < 1 or end <= begin:
        return []
    size = (end - begin) / cells
    inside: list[list[tuple[float, int]]] = [[] for _ in range(cells)]  # seconds and index of the spans in each cell
    for index, (a, b, _) in enumerate(spans):
        if (b <= begin and a < begin) or a > end or (a == end and b > end):
            continue
        first = cell_at(max(a, begin), begin, end, cells)
        last = min(cells - 1, ceil((b - begin) / size - _NEARLY) - 1)
        for place in range(first, max(first, last) + 1):
            left = begin + place * size
            inside[place].append((max(0.0, min(b, left + size) - max(a, left)), index))
    painted = [_winner(spans, found) for found in inside]
    _keep(spans, inside, painted)
    return painted


def _winner(spans: Sequence[Span], found: list[tuple[float, int]]) -> Cell:
    if len(found) < 2:
        return Cell(spans[found[0][1]][2], found[0][1], 1) if found else IDLE
    times: dict[str, float] = {}
    for seconds, index in found:
        style = spans[index][2]
        times[style] = times.get(style, 0.0) + seconds
    style = max(times, key=lambda style: times[style])
    _, longest = max((seconds, -index) for seconds, index in found if spans[index][2] == style)
    return Cell(style, -longest, len(found))


def _keep(spans: Sequence[Span], inside: list[list[tuple[float, int]]], painted: list[Cell]) -> None:
    """Give every wait and every failure the cell where most of it lies."""
    best: dict[int, tuple[float, int]] = {}
    for place, found in enumerate(inside):
        for seconds, index in found:
            if spans[index][2] in _KEPT and seconds > best.get(index, (-1.0, 0))[0]:
                best[index] = (seconds, place)
    for index, (_, place) in best.items():
        if painted[place].style not in _KEPT:
            painted[place] = Cell(spans[index][2], index, painted[place].many)


def lane(spans: Sequence[Span], begin: float, end: float, cells: int, glyphs: Glyphs) -> Line:
    """The spans as a line of exactly `cells` columns, over a dotted track where nothing happens."""
    pieces: list[Piece] = []
    for cell in paint(spans, begin, end, cells) or [IDLE] * cells:
        mark = glyphs.idle if not cell.style else glyphs.wait if cell.style == WAIT else glyphs.full
        style = cell.style or "faint"
        if pieces and pieces[-1].style == style:
            pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + mark)
        else:
            pieces.append(Piece(mark, style))
    return tuple(pieces)
