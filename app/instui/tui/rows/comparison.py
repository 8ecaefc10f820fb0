"""What locks are for: the contested files of a demonstration, left by an installer without these locks, right here.

Of a directory the left half plays how one recorded run wrote its files, in slow motion. Of a single file it shows how
all recorded runs ended.
"""

from instui.demo.without_locks import Recording, recording
from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.monitor.ownership import ABSENT, Ownership, letter, ownerships
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, line, safe, tail
from instui_engine.values import NamedTuple

from .ownership import block, first_that_fits, legend, name_of, style_of, tally, writing

_PLAYED = 6.0  # seconds for all that is recorded, which took a few hundredths
_GAP = 3  # columns between the halves
_LOW = 20  # lines of a screen with the least that says it


class Comparison(NamedTuple):
    """The recording of the other installer, and what the session has done by now."""

    other: Recording
    own: Ownership

    @property
    def single(self) -> bool:
        """Whether it is about one file."""
        return len(self.own.files) == 1


def comparison(snapshot: Snapshot) -> Comparison | None:
    """What is compared in this session; None if it is no demonstration, or one without a recording, or too early."""
    command = snapshot.session.command if snapshot.session else []
    found = recording(command[2]) if command[1:2] == ["demo"] and len(command) > 2 else None
    if found is None or not snapshot.conflicts:
        return None
    own = ownerships(snapshot)[0]
    if [_name(owner) for owner in own.owners] != list(found.owners):
        return None
    return Comparison(found, own)


def height_of(compared: Comparison, height: int) -> int:
    """The lines that it takes on a screen of so many."""
    rows = 1 if compared.single else 2 if height < _LOW else 3 if height < 30 else 4
    return rows + (3 if height < _LOW else 4)


def halves(compared: Comparison, snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Both maps side by side in `height` lines: titles, cells, counts, and below them what they mean."""
    room = (width - _GAP - 2) // 2
    own, program = compared.own, safe(compared.other.program)
    low = (len(own.files) > 1 and height < 7) or height < 5
    rows = height - (3 if low else 4)
    cells = _cells(compared, snapshot)
    where = safe(own.files[0]) if compared.single else name_of(snapshot, own.directory)
    counts = tally(own.cells, [_name(own.owners[number]) for number in own.whole], room)
    titles = (
        first_that_fits(room, f"{program}, recorded: {_how(compared)}", f"{program}, recorded", program),
        first_that_fits(room, f"instui, now: one at a time has {where}", "instui, now: one at a time", "instui, now"),
    )
    below = (
        _ends(compared, cells) if compared.single else tally(cells, _whole(compared, cells), room),
        writing(snapshot, own, room) or (_owner(own) if compared.single else counts),
    )
    shown = (block(cells, room, rows, glyphs), _named(own) or block(own.cells, room, rows, glyphs))
    left, right = (
        [line((title, "strong")), *block, *[()] * (rows - len(block)), line((tail(said, room), "text"))]
        for title, block, said in zip(titles, shown, below, strict=True)
    )
    lines: list[Line] = [
        (Piece(" "), *fit(a, room), Piece(" " * _GAP), *fit(b, room)) for a, b in zip(left, right, strict=True)
    ]
    named = own.cells if compared.single else {*cells, *own.cells}
    lines.append((Piece(" "), *legend([_name(owner) for owner in own.owners], named, width - 2)))
    return lines if low else [*lines, line((f" {tail(_means(compared), width - 2)}", "dim"))]


def _named(own: Ownership) -> list[Line]:
    """The cell of a single file, with the name of its owner."""
    if len(own.files) > 1 or own.cells[0] < 0:
        return []
    return [line((f" {letter(own.cells[0])} {safe(_name(own.owners[own.cells[0]]))} ", style_of(own.cells[0])))]


def _name(owner: str) -> str:
    return owner.partition(" ")[0]


def _cells(compared: Comparison, snapshot: Snapshot) -> tuple[int, ...]:
    """The left cells: files as they were written or, of a single file, how each of the recorded runs ended."""
    other = compared.other
    asked = [wheel.acquisitions[0].requested for wheel in snapshot.wheels if wheel.acquisitions]
    begin = min(asked, default=snapshot.t)  # the recording begins when the first wheel asks for its claims
    played = 1.0 if snapshot.over else min((snapshot.t - begin) / _PLAYED, 1.0)
    if not compared.single:
        return other.cells(played * other.seconds)
    known = round(played * len(other.runs))
    return tuple(run[0] if number < known else ABSENT for number, run in enumerate(other.runs))


def _how(compared: Comparison) -> str:
    return f"{len(compared.other.runs)} runs" if compared.single else "all at once"


def _whole(compared: Comparison, cells: tuple[int, ...]) -> list[str]:
    owners = set(cells)
    return [compared.other.owners[owner] for owner in owners] if len(owners) == 1 and ABSENT not in owners else []


def _ends(compared: Comparison, cells: tuple[int, ...]) -> str:
    known = [cell for cell in cells if cell != ABSENT]
    return f"{units.count(len(set(known)), 'owner')} after {units.count(len(known), 'run')}" if known else ""


def _owner(own: Ownership) -> str:
    cell = own.cells[0]
    last = cell == len(own.owners) - 1
    return f"{letter(cell)} has it{', the last in line' if last else ''}" if cell >= 0 else "not written yet"


def _means(compared: Comparison) -> str:
    other, program = compared.other, safe(compared.other.program)
    if compared.single:
        return f"left: whose {safe(compared.own.files[0])} is after each run, which only the timing decides"
    slower = round(_PLAYED / max(other.seconds, 1e-3) / 10) * 10
    return f"{other.mixed} of {len(other.runs)} runs of {program} left a mix; this one is played {slower} times slower"
