"""Files that one distribution took from another, and how the contents differ, as far as both are there."""

from collections.abc import Callable, Sequence

from instui.monitor.model import Snapshot
from instui.monitor.units import count, cut_end, size
from instui.overwritten.difference import Difference, DiffLine, FileContent, compare
from instui.overwritten.files import OverwrittenFile, overwritten_files, paths
from instui_engine.errors import printable

from . import names
from .html import Html, element, joined, name, source
from .session import Recorded
from .tables import folded, left_out

_PAIRS = 50
_FILES = 40  # of one pair
_COMPARED = 100  # of all files
_BYTES = 1 << 28  # of their contents, which have to be read whole to be compared
_LINES = 2000  # of all differences
_LINES_EACH = 200
_CELLS = 240  # of a line
_STYLES = {"+": "plus", "-": "minus", "@": "dim", "!": "dim"}

Reader = Callable[[str], FileContent]


class Budget:
    """How many contents a report reads and shows; the other files are only named."""

    def __init__(self) -> None:
        self._files, self._bytes, self._lines = _COMPARED, _BYTES, _LINES

    @property
    def is_spent(self) -> bool:
        """Whether nothing more is read."""
        return min(self._files, self._bytes, self._lines) <= 0

    def take(self, difference: Difference) -> int:
        """How many lines of one more difference there is room for."""
        room = min(len(difference.rows), _LINES_EACH, self._lines)
        self._files -= 1
        self._bytes -= max(difference.old.size, 0) + max(difference.new.size, 0)
        self._lines -= room
        return room


def overwrites(recorded: Recorded) -> Html:
    """The section; nothing if no file was overwritten, given back or in danger of it."""
    snapshot = recorded.snapshot
    pairs: dict[tuple[str, str, str], list[OverwrittenFile]] = {}
    equal = 0
    for file in overwritten_files(snapshot):
        if file.same:
            equal += 1
        else:
            pairs.setdefault((file.old, file.new, _what(file, snapshot)), []).append(file)
    if not (pairs or equal):
        return Html("")
    ordered = sorted(pairs.items(), key=lambda entry: -len(entry[1]))
    budget = Budget()
    return element(
        "section",
        element("h2", "Overwritten files", id="overwritten"),
        [_pair(*pair, files, snapshot, recorded.read, budget) for pair, files in ordered[:_PAIRS]],
        left_out(len(pairs) - _PAIRS, "more pair of distributions", "more pairs of distributions"),
        element("p", f"{count(equal, 'file')} replaced by equal content") if equal else "",
        aria_labelledby="overwritten",
    )


def _what(file: OverwrittenFile, snapshot: Snapshot) -> str:
    if file.back:
        return "given back"
    return (
        ("that were not replaced" if snapshot.over else "to be replaced")
        if file.t < 0
        else "replaced by different content"
    )


def _pair(
    old: str,
    new: str,
    what: str,
    files: Sequence[OverwrittenFile],
    snapshot: Snapshot,
    read: Reader | None,
    budget: Budget,
) -> Html:
    owners = [name(old or "nobody's file"), " → ", name(new or "nobody's file")]
    return folded(
        [element("strong", owners), f"   {count(len(files), 'file')} {what}"],
        element("ul", [element("li", _file(file, snapshot, read, budget)) for file in files[:_FILES]], class_="files"),
        left_out(len(files) - _FILES, "more file"),
    )


def _file(file: OverwrittenFile, snapshot: Snapshot, read: Reader | None, budget: Budget) -> Html:
    path = element("code", name(names.lock(snapshot, file.path)))
    old, new = paths(file)
    if read is None or not (old and new) or budget.is_spent:
        return path
    difference = compare(read(old), read(new))
    room = budget.take(difference)
    if not room:
        return joined([path, f" {_verdict(difference)}"])
    lines = [_line(row) for row in difference.rows[:room]]
    return folded(
        [path, f" {difference.verdict}"],
        element("pre", joined(lines, source("\n")), tabindex=0),
        element("p", "the rest of it is left out", class_="left-out") if room < len(difference.rows) else "",
        style="diff",
    )


def _verdict(difference: Difference) -> str:
    old, new = difference.old, difference.new
    if old.there and new.there:
        return f"{difference.verdict} ({size(old.size)}, then {size(new.size)})"
    return f"the old content {old.why or 'is not kept'}" if not old.there else f"the new content {new.why}"


def _line(row: DiffLine) -> Html:
    sign = row.sign if row.sign in "+-" else " "
    shown = cut_end(printable(row.text.expandtabs(4)), _CELLS)
    return element("span", f"{sign} {shown}" if row.sign not in "@!" else shown, class_=_STYLES.get(row.sign))
