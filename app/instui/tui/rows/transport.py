"""The transport bar: where in the session the display stands, what lies around that, and the keys that go elsewhere."""

from collections.abc import Sequence
from math import ceil

from instui.monitor import units
from instui.monitor.landmarks import Landmarks
from instui.tui.actions import Action
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, width_of
from instui.tui.text.scale import cell_at
from instui_engine.values import NamedTuple

_LEAST = 12  # columns that the track keeps when the state stands beside it as a word
_HINTED = 24  # columns that the track keeps when keys stand beside it
_SHORTEST = 4  # columns from which on there is a track
_PAIRS = (  # of keys that do the same in two directions, and what they are called together
    (("step_previous", "step_next"), "step"),
    (("gap_previous", "gap_next"), "gap"),
    (("news_previous", "news_next"), "news"),
    (("slower", "faster"), "speed"),
    (("live",), "live"),
)


class Stand(NamedTuple):
    """Where in the session the display stands, and whether it goes on from there."""

    t: float = 0.0
    begin: float = 0.0
    end: float = 0.0  # of the session, as far as it was read
    speed: float = 1.0
    held: bool = False
    ended: bool = False
    reading: bool = False  # there is more, which was not read yet
    recorded: bool = True  # it is a recording, and not a session that goes on
    lag: float = 0.0  # seconds behind a session that goes on


def speed_text(speed: float) -> str:
    """A speed, such as `2x`."""
    return f"{speed:.3g}x"


def stand_text(stand: Stand) -> str:
    """Where the display stands, in the words of the badge."""
    behind = f" {units.age(stand.lag)} behind" if not stand.recorded and stand.lag >= 0.1 else ""
    if stand.ended:
        return "REPLAY ended"
    if stand.held:
        return f"PAUSED{behind}"
    return f"REPLAY {stand.speed:.1f}x" if stand.speed >= 0.95 else f"REPLAY {speed_text(stand.speed)}"


class Bar(NamedTuple):
    """The parts of the bar, laid out for a width: the track, if it has cells, has its first one at column `start`."""

    left: Line
    right: Line
    start: int
    cells: int

    def time_at(self, stand: Stand, column: int) -> float | None:
        """The time that a column of the screen stands for; None if it is not of the track."""
        cell = column - self.start
        if not 0 <= cell < self.cells:
            return None
        return stand.begin + (stand.end - stand.begin) * cell / max(self.cells - 1, 1)


def layout(stand: Stand, keys: Sequence[Action], width: int, glyphs: Glyphs) -> Bar:
    """What stands beside the track. `keys` are those that work here.

    Where there is little room, keys go first, then the state in words, which also has a sign, and then the track.
    """
    sign = glyphs.stopped if stand.held or stand.ended else glyphs.playing
    word = "ended" if stand.ended else "held" if stand.held else "plays"
    left = [Piece(" "), Piece(f"{sign} ", "accent", "freeze"), Piece(f"{speed_text(stand.speed):<4} ", "text")]
    whole = ceil((stand.end - stand.begin) * 10 - 1e-6) / 10  # never less than where it stands
    end = f"{whole:.1f}{'…' if stand.reading else ''} s"
    at = f"{stand.t - stand.begin:.2f}"
    right = [Piece(f" {at.rjust(len(end) - 1)}", "strong"), Piece(f" of {end} ", "dim")]
    told = Piece(f"{word:<5} ", "text", "freeze")
    if width - width_of((*left, told, *right)) - 2 >= _LEAST:
        left.insert(2, told)
    shown = {action.id: action for action in keys}
    for ids, name in _PAIRS:
        pair = [shown[id] for id in ids if id in shown]
        if not pair:
            continue
        hint = [Piece(" "), *(Piece(f"{one.shown} ", "key", one.id) for one in pair), Piece(f"{name} ", "dim")]
        if width - width_of((*left, *right, *hint)) - 2 >= _HINTED:
            right += hint
    start = width_of(left) + 1
    cells = width - start - 1 - width_of(right)
    return Bar(left, right, start, cells if cells >= _SHORTEST else 0)


def bar(stand: Stand, landmarks: Landmarks, keys: Sequence[Action], width: int, glyphs: Glyphs) -> Line:
    """The line below any screen."""
    parts = layout(stand, keys, width, glyphs)
    if not parts.cells:
        return fit((*parts.left, *parts.right), width)
    begin, end = Piece(glyphs.left_end, "dim"), Piece(glyphs.right_end, "dim")
    return fit((*parts.left, begin, *_track(stand, landmarks, parts.cells, glyphs), end, *parts.right), width)


def _track(stand: Stand, landmarks: Landmarks, cells: int, glyphs: Glyphs) -> list[Piece]:
    """Waits are shaded; failures and overwritten files have a sign, and so has the place of the display."""
    step = (stand.end - stand.begin) / max(cells - 1, 1)
    here = cell_at(stand.t, stand.begin, stand.begin + step * cells, cells)
    pieces: list[Piece] = []
    for cell in range(cells):
        begin, end = stand.begin + cell * step, stand.begin + (cell + 1) * step
        if cell == here:
            piece = Piece(glyphs.live, "accent")
        elif landmarks.failures.any_in(begin, end):
            piece = Piece(glyphs.failure, "failed")
        elif landmarks.overwrites.any_in(begin, end):
            piece = Piece(glyphs.up, "age")
        elif landmarks.is_waited(begin, end):
            piece = Piece(glyphs.gap, "wait")
        else:
            piece = Piece(glyphs.rule, "text" if cell < here else "dim")
        if pieces and pieces[-1].style == piece.style:
            pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + piece.text)
        else:
            pieces.append(piece)
    return pieces
