"""Styled text as plain data, of which rows and lines are made.

A style is a word for the meaning of the text (`wait`, `failed`, `dim`), which `widgets/theme.py` turns into a colour.
An action is what a click on the text does: the id of an entry of `actions.py`.
"""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from instui.monitor import units
from instui_engine.errors import printable
from instui_engine.values import NamedTuple


class Piece(NamedTuple):
    """Text in one style, and what a click on it does."""

    text: str
    style: str = "text"
    action: str = ""


Line = Sequence[Piece]


def line(*parts: Piece | str | tuple[str, str] | tuple[str, str, str]) -> tuple[Piece, ...]:
    """A line made of strings, and of texts with a style or also an action: `line("held by ", ("jwt", "commit"))`."""
    return tuple(Piece(part) if isinstance(part, str) else Piece(*part) for part in parts)


def plain(pieces: Iterable[Piece]) -> str:
    """The text without its styles."""
    return "".join(piece.text for piece in pieces)


def safe(text: str) -> str:
    """Text of unknown origin, made safe: anything that could control a terminal becomes an escape."""
    return printable(text)


def width_of(pieces: Iterable[Piece]) -> int:
    """The number of terminal columns of the pieces."""
    return sum(cell_len(piece.text) for piece in pieces)


def middle(text: str, width: int) -> str:
    """`text` in at most `width` columns, cut in the middle (for names, which differ at both ends)."""
    return _measured(units.cut(text, width), width)


def tail(text: str, width: int) -> str:
    """`text` in at most `width` columns, cut at its end (for sentences)."""
    return _measured(units.cut_end(text, width), width)


def wrapped(text: str, width: int, most: int = 100) -> list[str]:
    """`text`, of unknown origin, in at most `most` lines of at most `width` columns; the rest is cut off.

    A word that is longer than a line goes on in the next one. A number stays with its unit.
    """
    lines = [""]
    for word in units.unbroken(safe(text).split()):
        if lines[-1] and units.cells(lines[-1]) + 1 + units.cells(word) > width:
            lines.append("")
        while not lines[-1] and units.cells(word) > width > 1:
            head = units.head(word, width) or word[0]
            lines[-1:], word = [head.rstrip(), ""], word[len(head) :].lstrip()
        lines[-1] = f"{lines[-1]} {word}".strip()
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [tail(text, width) for text in lines]


def _measured(text: str, width: int) -> str:
    # Rich may count a rare character differently, and Rich draws the screen.
    return text if cell_len(text) <= width else set_cell_size(text, max(width, 0))


def fit(pieces: Line, width: int, *, right: bool = False) -> tuple[Piece, ...]:
    """The pieces in exactly `width` columns: cut at the end or padded with spaces (in front, if `right`)."""
    fitted: list[Piece] = []
    room = max(width, 0)
    for piece in pieces:
        size = cell_len(piece.text)
        if size > room:
            if room:
                fitted.append(piece._replace(text=tail(piece.text, room)))
                room -= cell_len(fitted[-1].text)
            break
        if piece.text:
            fitted.append(piece)
        room -= size
    if room:
        space = Piece(" " * room)
        return (space, *fitted) if right else (*fitted, space)
    return tuple(fitted)


def trimmed(pieces: Line) -> Line:
    """The pieces without the empty ones at the end."""
    end = len(pieces)
    while end and not pieces[end - 1].text.strip():
        end -= 1
    return pieces[:end]


def spread(left: Line, right: Line, width: int) -> tuple[Piece, ...]:
    """`left` at the left edge and `right` at the right one; `left` is cut if there is no room for both."""
    keep = min(width_of(right), width)
    gap = 1 if keep < width else 0
    return (*fit(left, width - keep - gap), *fit((Piece(" "),), gap), *fit(right, keep))


def joined(parts: Iterable[Line], separator: Piece) -> tuple[Piece, ...]:
    """The parts as one line, with `separator` between them."""
    pieces: list[Piece] = []
    for part in parts:
        if pieces:
            pieces.append(separator)
        pieces.extend(part)
    return tuple(pieces)
