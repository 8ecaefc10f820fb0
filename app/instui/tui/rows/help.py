"""The lines of the help screen, made from the registry of actions: all keys, and the meaning of signs."""

from collections.abc import Iterator, Sequence

from instui.monitor import units
from instui.monitor.model import Phase
from instui.tui.actions import Action
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, line, width_of
from instui.tui.text.styles import PHASE_STYLES

from .recoveries import SIGN

_LEGEND = tuple(
    (phase, PHASE_STYLES[phase], meaning)
    for phase, meaning in (
        (Phase.QUEUED, "waits for a download, or for its turn to be unpacked"),
        (Phase.FETCH, "is being downloaded"),
        (Phase.BUILD, "is being built from its source"),
        (Phase.UNPACK, "is being checked and unpacked into the cache"),
        (Phase.READY, "is in the cache, and waits until all are"),
        (Phase.STAGE, "its files are being linked, where nobody sees them yet"),
        (Phase.WAIT, "waits for a path that another one holds"),
        (Phase.COMMIT, "holds its paths and is being moved into place"),
        (Phase.DONE, "is installed, or removed"),
        (Phase.FAILED, "was not installed, or not removed; what had begun was undone"),
        (Phase.STOPPED, "the session ended before it was installed, or removed; cancelled, unneeded: it was left out"),
        (Phase.UNBEGUN, "the session ended before any work was done on it"),
    )
)


def _sign(sign: str, style: str, meaning: str) -> Line:
    return line((f"  {sign:<11} ", style), (meaning, "text"))


def help_lines(actions: Sequence[tuple[Action, str]], glyphs: Glyphs, width: int) -> list[Line]:
    """Every action by group; then the signs, in `width` columns.

    With each action comes why it cannot be done now, "" if it can.
    """
    lines: list[Line] = []
    room = max([6, *(units.cells(action.shown) for action, _ in actions)])
    for group in dict.fromkeys(action.group for action, _ in actions):
        lines += [line((group, "strong"))]
        for action, why_not in actions:
            if action.group == group:
                lines.append(
                    line(
                        (
                            f"  {units.pad(action.shown.replace('↵', glyphs.enter), room)}  ",
                            "dim" if why_not else "key",
                        ),
                        (f"{action.help};" if why_not else action.help, "dim" if why_not else "text"),
                        (f" not now: {why_not}" if why_not else "", "dim"),
                    )
                )
        lines.append(())
    lines += [
        line(("Mouse", "strong")),
        _sign("click", "key", "selects a row, and opens a selected one; presses tabs, and the keys of the last line"),
        _sign("wheel", "key", "scrolls"),
        _sign("shift+drag", "key", "selects text, in most terminals; in some of macOS option+drag"),
        (),
        line(("Signs", "strong")),
    ]
    for phase, style, meaning in _LEGEND:
        lines.append(line((f"  {glyphs.phases[phase]} {phase.value:<9} ", style), (meaning, "text")))
    lines += [
        line((f"  {SIGN} recover   ", "age"), (" what a killed session had in hand is completed or undone", "text")),
        (),
        line(("Locks", "strong")),
        _sign("X", "text", "held by one wheel alone: nobody else may touch what lies there or below"),
        _sign("IX", "text", "shared: each of its holders locks something further down for itself"),
        _sign("SH", "text", "shared: .lock by all sessions of instui, so that other installers keep out"),
        _sign(".lock", "text", "the environment's own lock, which uv takes as well"),
        _sign("the name", "text", "the lock on a distribution's name: one session at a time installs or removes it"),
        _sign("lock waits", "text", "for how long of the session some wheel, or all of it, waited for others"),
        _sign("elsewhere", "text", "who waits for this session: `instui attach --all` and `instui locks` tell it"),
        (),
        line(("Bars and rows", "strong")),
        _sign(
            glyphs.full * 2, "commit", "time in which it was worked on, or held a lock; the colour is that of the phase"
        ),
        _sign(glyphs.wait * 2, "wait", "time in which it waited for a lock"),
        _sign(glyphs.track * 2, "faint", "to come, or at rest"),
        _sign(
            glyphs.skipped * 2, "faint", "not needed, as it was in the cache; in a history: nothing to do with it then"
        ),
        _sign(glyphs.waiter, "wait", "waits for what stands in the row above"),
        _sign(f"{glyphs.branch} {glyphs.folded}", "dim", "an unfolded group, a folded one"),
        _sign(glyphs.arrow, "dim", "is held by; in Overwrites: is replaced by"),
        _sign(f"{glyphs.up} {glyphs.down}", "accent", "the column that is sorted by"),
        _sign(f"{glyphs.alert}3", "age", "at a tab: so many things there to look at"),
        _sign(glyphs.marker, "accent", "the selected row; above the table: what to watch, or how it ended"),
        line(
            ("  age        ", "text"),
            ("turns ", "dim"),
            ("yellow after 4 s", "age"),
            (" and ", "dim"),
            ("red after 8 s", "failed"),
        ),
    ]
    return [row for one in lines for row in _wrapped(one, width)]


def _wrapped(whole: Line, width: int) -> Iterator[Line]:
    """A sign and its meaning; what is too long goes on below, where the meaning began."""
    if len(whole) < 2 or width_of(whole) <= width:
        yield whole
        return
    sign, *rest = whole
    indent = width_of((sign,))
    row, left = [sign], width - indent
    for piece in rest:
        for word in piece.text.split():
            size = units.cells(word) + 1
            if size > left + 1 and len(row) > 1:
                yield _ended(row)
                row, left = [Piece(" " * indent)], width - indent
            row.append(Piece(f"{word} ", piece.style))
            left -= size
    yield _ended(row)


def _ended(row: Line) -> Line:
    """A row without the space after its last word, which is no reason to cut that."""
    return (*row[:-1], row[-1]._replace(text=row[-1].text.rstrip()))
