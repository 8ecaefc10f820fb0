"""Who stood before whom, as a picture: at the left those who held a lock and waited for nobody, then their waiters.

The table of waits says the same in words, and more of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest

from instui.monitor.model import Snapshot
from instui.monitor.units import cut, cut_end
from instui_engine.errors import printable
from instui_engine.values import NamedTuple

from . import names
from .html import Html, element
from .lanes import LITTLE
from .names import took
from .waits import WaitedFor

MOST = 40  # waits
_BOX, _ACROSS, _DOWN = 260, 500, 52  # pixels: the width of a box, and from one box to the next
_FIT = 3  # columns that fit into an ordinary window, if they are drawn a little smaller; more are scrolled
_HEIGHT = 24
_CELLS, _PATH_CELLS, _LATER_CELLS = 34, 19, 27  # the last two leave room for where a line branches
_THICKEST = 8.0  # pixels, of the longest wait


class Edge(NamedTuple):
    """One stood before the other, for so many seconds of waits.

    `what` is the lock of the longest of them, `held` who had that, in order, and `later` those after `holder`.
    """

    holder: str
    waiter: str
    what: str
    seconds: float
    held: str = ""
    later: str = ""


def edges(snapshot: Snapshot, found: Sequence[WaitedFor]) -> list[Edge]:
    """The longest waits, added up where one stood before another several times."""
    sums: dict[tuple[str, str], Edge] = {}
    for wait in nlargest(MOST, found, key=lambda wait: wait.seconds):
        holder = names.holder(snapshot, wait.holders[0]) if wait.holders else "unknown"
        pair = holder, names.label(snapshot, wait.waiter)
        before = sums.get(pair)
        seconds = wait.seconds + (before.seconds if before else 0.0)
        if before is not None:
            sums[pair] = before._replace(seconds=seconds)
            continue
        lasts, rest = wait.end is None, wait.holders[1:]
        held = names.in_turn(snapshot, wait.holders, lasts=lasts)
        later = names.in_turn(snapshot, rest, lasts=lasts) if rest else ""
        sums[pair] = Edge(*pair, wait.what.removeprefix(f"{names.PACKAGES}/"), seconds, held, later)
    return list(sums.values())


def places(drawn: Sequence[Edge]) -> Mapping[str, tuple[int, int]]:
    """The column and the row of each name: a waiter stands right of who stood before it, in a row below or beside."""
    waiters: dict[str, list[str]] = {}
    for edge in drawn:
        waiters.setdefault(edge.holder, []).append(edge.waiter)
    waits = {edge.waiter for edge in drawn}
    found: dict[str, tuple[int, int]] = {}
    row, last = 0, -1  # the column of the one before
    # those who waited for nobody come first; what is left after them is a circle, which only a journal can have
    for root in [*(name for name in waiters if name not in waits), *waiters]:
        stack = [(root, 0)]
        while stack:
            name, column = stack.pop()
            if name in found:
                continue
            row += column <= last
            found[name] = column, row
            last = column
            stack += [(waiter, column + 1) for waiter in reversed(waiters.get(name, ()))]
    return found


def chains(snapshot: Snapshot, found: Sequence[WaitedFor]) -> Html:
    """The picture; nothing if nobody waited for a notable time."""
    drawn = edges(snapshot, [wait for wait in found if wait.seconds >= LITTLE * snapshot.t])
    if not drawn:
        return Html("")
    at = places(drawn)
    longest = max(edge.seconds for edge in drawn)
    columns = 1 + max(column for column, _ in at.values())
    width = _ACROSS * (columns - 1) + _BOX + 2
    height = _DOWN * (max(row for _, row in at.values()) + 1)
    told = "; ".join(f"{edge.waiter} waited {took(edge.seconds)} for {edge.held or edge.holder}" for edge in drawn)
    title = "Who stood before whom"
    picture = element(
        "svg",
        element("title", title),
        element("desc", told),
        [_line(edge, at, longest) for edge in drawn],
        [words for edge in drawn for words in _words(edge, at, longest)],  # above all lines, one of which may pass here
        [_box(name, place) for name, place in at.items()],
        class_="chains fits" if columns <= _FIT else "chains",
        role="img",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
    )
    caption = (
        "left: who held the lock when the wait began; below a line: who held it later; thicker lines are longer waits"
    )
    return element(
        "figure",
        element("figcaption", element("h3", title), caption),
        element("div", picture, class_="scrolls", role="region", aria_label=title, tabindex=0),
        aria_label=title,
    )


def _box(name: str, place: tuple[int, int]) -> Html:
    x, y = place[0] * _ACROSS + 1, place[1] * _DOWN + 14
    return element(
        "g",
        element("title", name),
        element("rect", x=x, y=y, width=_BOX, height=_HEIGHT, rx=4),
        element("text", cut_end(printable(name), _CELLS), x=x + 8, y=y + 16),
    )


def _line(edge: Edge, at: Mapping[str, tuple[int, int]], longest: float) -> Html:
    (column, row), (to_column, to_row) = at[edge.holder], at[edge.waiter]
    x, y = column * _ACROSS + _BOX + 1, _middle(row)
    to_x, to_y = to_column * _ACROSS + 1, _middle(to_row)
    way = f"M{x} {y}C{x + 40} {y} {x + 10} {to_y} {x + 50} {to_y}H{to_x}"
    title = f"{edge.waiter} waited {took(edge.seconds)} for {edge.what}, held by {edge.held}"
    return element("path", element("title", title), d=way, stroke_width=f"{_thick(edge, longest):.1f}")


def _words(edge: Edge, at: Mapping[str, tuple[int, int]], longest: float) -> Iterator[Html]:
    """What stands above and below a line, at its end."""
    column, row = at[edge.waiter]
    x, y = column * _ACROSS - 3, _middle(row)
    text = f"{took(edge.seconds)}  {cut(printable(edge.what), _PATH_CELLS)}"
    yield element("text", text, x=x, y=f"{y - 5 - _thick(edge, longest) / 2:.1f}", class_="beside")
    if edge.later:
        yield element("text", cut_end(f"then {printable(edge.later)}", _LATER_CELLS), x=x, y=y + 16, class_="beside")


def _middle(row: int) -> int:
    return row * _DOWN + 14 + _HEIGHT // 2


def _thick(edge: Edge, longest: float) -> float:
    return max(1.0, _THICKEST * edge.seconds / longest)
