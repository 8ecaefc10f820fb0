"""The ownership map: each contested file of a directory as a cell in the colour and with the letter of its owner."""

from collections.abc import Collection, Sequence
from math import ceil

from instui.monitor import units
from instui.monitor.model import Phase, Snapshot
from instui.monitor.ownership import ABSENT, SHARED, Ownership, letter
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, joined, line, safe
from instui_engine.values import NamedTuple

from .labels import lock_label, short

MIXED = -3  # of a cell that stands for files of several owners
_STYLES = 6  # owners with a style of their own; the next ones begin again, with another letter
_NARROWEST = 5  # columns of an owner in the legend, at least
_WIDEST, _GOOD = 6, 3  # columns of a cell: the most, and those that rows are made for
NOBODY = "nobody's file"


class Layout(NamedTuple):
    """How cells are laid out: so many in a row, each so many columns wide, and for how many files each stands."""

    in_row: int
    width: int
    files: int


def layout(count: int, width: int, height: int) -> Layout:
    """The widest cells for `count` files in `height` rows of `width` columns; for more files than fit, one for many."""
    files = max(1, ceil(count / (max(width, 1) * max(height, 1))))
    in_row = max(1, ceil(ceil(count / files) / max(height, 1)))
    return Layout(in_row, max(1, min(_WIDEST, width // in_row)), files)


def binned(cells: Sequence[int], files: int) -> list[int]:
    """One cell for so many files each: their owner, or that they are mixed."""
    if files == 1:
        return list(cells)
    parts = (set(cells[place : place + files]) for place in range(0, len(cells), files))
    return [part.pop() if len(part) == 1 else MIXED for part in parts]


def block(cells: Sequence[int], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The cells as at most `height` lines of at most `width` columns, neighbours of one owner in one piece."""
    look = layout(len(cells), width, height)
    shown = binned(cells, look.files)
    lines: list[Line] = []
    for begin in range(0, len(shown), look.in_row):
        pieces: list[Piece] = []
        for cell in shown[begin : begin + look.in_row]:
            text, style = sign(cell, glyphs).center(look.width), style_of(cell)
            if pieces and pieces[-1].style == style:
                pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + text)
            else:
                pieces.append(Piece(text, style))
        lines.append(tuple(pieces))
    return lines


def sign(cell: int, glyphs: Glyphs) -> str:
    """The letter of an owner, or the sign of what is no single owner."""
    return {ABSENT: glyphs.idle, SHARED: "=", MIXED: glyphs.mixed}.get(cell) or letter(cell)


def style_of(cell: int) -> str:
    """The style of a cell."""
    return {ABSENT: "faint", SHARED: "strong", MIXED: "text"}.get(cell) or f"owner-{cell % _STYLES + 1}"


def tally(cells: Sequence[int], whole: Sequence[str], width: int) -> str:
    """How many files each owner has, and whose package is whole: `40 files: 13 A, 9 B, 18 C; nobody's is whole`."""
    files = units.count(len(cells), "file")
    owners = sorted({cell for cell in cells if cell >= 0})
    absent, shared = cells.count(ABSENT), cells.count(SHARED)
    if absent == len(cells):
        return first_that_fits(width, f"{files}, none written yet", "none written yet")
    names = [safe(name) for name in whole]
    which = "nobody's is whole" if not names else f"{names[0]} is whole" if len(names) == 1 else f"{len(names)} whole"
    brief = "none whole" if not names else f"{names[0]} whole" if len(names) == 1 else f"{len(names)} whole"
    if len(owners) == 1 and not absent and not shared:
        every = f"all {letter(owners[0])}"
        return first_that_fits(width, f"{files}, {every}: {which}", f"{every}: {which}", f"{every}: {brief}", every)
    parts = [f"{units.number(cells.count(owner))} {letter(owner)}" for owner in owners]
    parts += [f"{units.number(shared)} shared"] if shared else []
    parts += [f"{units.number(absent)} not yet"] if absent else []
    counts = ", ".join(parts)
    return first_that_fits(width, f"{files}: {counts}; {which}", f"{counts}: {which}", f"{counts}: {brief}", counts)


def first_that_fits(width: int, *texts: str) -> str:
    """The first text that fits, else the last."""
    return next((text for text in texts if units.cells(text) <= width), texts[-1])


def legend(names: Sequence[str], cells: Collection[int], width: int) -> Line:
    """The letters and names of the owners, in one line: those in `cells` first. What does not fit is counted."""
    order = sorted(range(len(names)), key=lambda number: number not in cells)
    for most in range(min(len(names), width // _NARROWEST + 1), 0, -1):  # there may be thousands
        room = max((width - 2 * (most - 1)) // most - 4, 6)
        parts = [_named(number, names[number], room) for number in sorted(order[:most])]
        rest = f"  and {len(names) - most} more" if most < len(names) else ""
        found = (*joined(parts, Piece("  ")), Piece(rest, "dim"))
        if sum(units.cells(piece.text) for piece in found) <= width:
            return found
    return ()


def _named(number: int, name: str, room: int) -> Line:
    return line((f" {letter(number)} ", style_of(number)), (f" {short(safe(name), room)}", "text"))


def name_of(snapshot: Snapshot, directory: str) -> str:
    """A contested directory as it is called on the screen."""
    return f"{lock_label(snapshot, directory).rstrip('/')}/"


def writing(snapshot: Snapshot, owned: Ownership, width: int) -> str:
    """Which of the owners writes now, alone: its files are counted as its own when all are in place."""
    for key in () if snapshot.over else snapshot.running:
        wheel = snapshot.wheel(key)
        if wheel is not None and wheel.phase is Phase.COMMIT and wheel.label in owned.owners:
            number = owned.owners.index(wheel.label)
            who, done = f"{letter(number)} writes, alone", f"{units.number(wheel.done)} of {units.number(wheel.total)}"
            return first_that_fits(width, f"{who}: {done} renames", f"{who}: {done}", who)
    return ""


def pane(snapshot: Snapshot, owned: Ownership, place: str, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The map of one directory in `height` lines: its name, the cells, how many each owner has, and who that is.

    `place` says which of all contested directories it is.
    """
    room = width - 2
    counts = tally(owned.cells, [owned.owners[number] for number in owned.whole], room)
    writes = writing(snapshot, owned, room)
    above: list[Line] = []
    if height >= len(owned.owners) + 8:
        texts = [line((text, "text")) for text in (counts, writes)]
        below: list[Line] = [(), *texts, *_listing(owned, room)]
    else:
        above = [] if height < 6 else [()]  # between it and the table
        below = [
            line((writes or counts, "text")),
            legend([name or NOBODY for name in owned.owners], set(owned.cells), room),
        ]
    rows = max(1, height - len(above) - 1 - len(below))
    rows = min(rows, ceil(len(owned.cells) * _GOOD / max(room, 1)))
    files = layout(len(owned.cells), room, rows).files
    many = f"   a cell is {files} files" if files > 1 else ""
    title = line((name_of(snapshot, owned.directory), "strong"), (f"   {place}{many}", "dim"))
    lines: list[Line] = [*above, title, *block(owned.cells, room, rows, glyphs), *below]
    fitted: list[Line] = [fit((Piece(" "), *pieces), width) for pieces in lines]
    return fitted[:height]


def _listing(owned: Ownership, room: int) -> list[Line]:
    """The owners, one in a line, with how many files each has."""
    lines: list[Line] = []
    for number, name in enumerate(owned.owners):
        count = owned.count(number)
        text = f"  {units.number(count)}{' whole' if number in owned.whole else ''}"
        named = _named(number, name or NOBODY, room - 5 - len(text))
        lines.append((*named, Piece(text, "text" if count else "dim")))
    if shared := owned.count(SHARED):
        lines.append(line((" = ", "strong"), (f"  of equal content in several  {units.number(shared)}", "dim")))
    return lines
