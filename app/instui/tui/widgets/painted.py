"""What the terminal shows, cell by cell, so that only cells that have changed are sent, each change of style once.

Textual sends each line that a widget paints as a whole, and each style in full: some 25 kB for a screen of 120x40, of
which a terminal that reads 20 kB a second shows less than one a second. A line that nobody knows is erased first, which
takes three bytes, so that its blanks need not be sent: they are a third to two thirds of a view.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from instui_engine.values import NamedTuple

_NEAR = 6  # cells that have not changed between two that have: to paint them is as short as to go over them
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}  # attributes, and what ends each
_SEEN = frozenset(("4", "7", "9", "21", "53"))  # attributes that a blank shows, too


class _Look(NamedTuple):
    """A style as parameters of SGR: attributes such as bold, and the colours; "" for the terminal's own."""

    attributes: frozenset[str]
    foreground: str
    background: str

    @property
    def parameters(self) -> list[str]:
        return [*sorted(self.attributes), *filter(None, (self.foreground, self.background))]


_PLAIN = _Look(frozenset(), "", "")


class _Row:
    """A line of the terminal. A cell that nobody knows is None, the second half of a wide one is empty."""

    def __init__(self, width: int) -> None:
        self.texts: list[str | None] = [None] * width
        self.looks: list[_Look] = [_PLAIN] * width
        self.simple = True  # whether each character has one cell: about others, terminals do not agree

    @property
    def unknown(self) -> bool:
        """Whether there is a cell that nobody knows."""
        return None in self.texts


class Painted:
    """The cells that were painted, for those who paint. `erases`: whether erased cells have the colour that was set."""

    def __init__(self, erases: bool = False) -> None:
        self._erases = erases
        self._rows: list[_Row] = []
        self._width = 0
        self._screen: object = None  # the one that was painted last

    def forget(self) -> None:
        """Know nothing any more: somebody else may have painted, or the terminal has another size."""
        self._rows = []

    def of(self, screen: object, update: CompositorUpdate, width: int, height: int) -> CompositorUpdate:
        """An update that sends only what it changes on the terminal.

        Another screen is sent as a whole: in the meantime somebody else may have written to the terminal.
        """
        if screen is not self._screen or (width, height) != (self._width, len(self._rows)):
            self._screen, self._width = screen, width
            self._rows = [_Row(width) for _ in range(height)]
        return _Changes(self, update)

    def changes(self, update: CompositorUpdate, colours: ColorSystem) -> str:
        """What the terminal has to be sent. Afterwards it is taken for painted."""
        sent: list[str] = []
        look = _PLAIN
        for y, strips in _lines(update):
            if y < len(self._rows):
                before = self._rows[y]
                row = self._rows[y] = _changed(before, strips, colours)
                if self._erases and before.unknown and not row.unknown:
                    before, look = _erase(sent, y, row, look)
                look = _send(sent, y, before, row, look)
        if look != _PLAIN:
            sent.append(_transition(look, _PLAIN))
        return "".join(sent)


class _Changes(CompositorUpdate):
    """An update of Textual's, of which only the changes are sent."""

    def __init__(self, painted: Painted, update: CompositorUpdate) -> None:
        self._painted, self._update = painted, update

    def render_segments(self, console: Console) -> str:
        """What is sent to the terminal."""
        return self._painted.changes(self._update, COLOR_SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR))


def _lines(update: CompositorUpdate) -> Iterator[tuple[int, list[tuple[int, Strip]]]]:
    """The lines that are painted: what is painted from each column on."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            parts: list[tuple[int, Strip]] = []
            x = update.region.x
            for strip in line:
                parts.append((x, strip))
                x += strip.cell_length
            yield y, parts
    elif isinstance(update, ChopsUpdate):
        for y, begin, end in update.spans:
            found: list[tuple[int, Strip]] = []
            chops: Mapping[int, Strip | None] = update.chops[y]
            for until, (x, chop) in zip(update.chop_ends[y], chops.items(), strict=False):
                if chop is not None and x <= end and until > begin:
                    inside = begin <= x < end and until <= end
                    found.append((x, chop if inside else chop.crop(0, min(until, end) - x)))
            yield y, found


def _changed(before: _Row, strips: list[tuple[int, Strip]], colours: ColorSystem) -> _Row:
    """The row after something was painted into it."""
    row, width = _Row(0), len(before.texts)
    row.texts, row.looks = before.texts.copy(), before.looks.copy()
    for x, strip in strips:
        for text, style, _ in strip:
            look = _look(style, colours) if style is not None else _PLAIN
            cells = list(text) if _is_simple(text) else _cells(text)
            end = min(x + len(cells), width)
            row.texts[x:end] = cells[: end - x]
            blank = _blank(look)
            if blank is look or " " not in text:
                row.looks[x:end] = [look] * (end - x)
            else:
                row.looks[x:end] = [blank if cell == " " else look for cell in cells[: end - x]]
            x = end
    row.simple = all(text is None or _is_narrow(text) for text in set(row.texts))
    if not row.simple:
        _blank_halves(row.texts)
    return row


def _blank_halves(texts: list[str | None]) -> None:
    """Blank what was left of wide characters when something was painted over one half."""
    wide = False
    for place, text in enumerate(texts):
        if wide and text != "":
            texts[place - 1] = " "
        elif not wide and text == "":
            texts[place] = " "
        wide = bool(text) and cell_len(text or "") == 2
    if wide:
        texts[-1] = " "


def _erase(sent: list[str], y: int, row: _Row, look: _Look) -> tuple[_Row, _Look]:
    """Append to `sent` what makes a line blank, as most blanks of `row` are; returns it, and the look that is left.

    What is erased gets a background, but no attributes: terminals do not reverse it.
    """
    grounds = [look.background for text, look in zip(row.texts, row.looks, strict=True) if text == " "]
    blank = _known("", "", max(dict.fromkeys(grounds), key=grounds.count, default=row.looks[0].background))
    after, erased = _with_ground(look, blank), _Row(len(row.texts))
    erased.texts, erased.looks = [" "] * len(row.texts), [blank] * len(row.texts)
    sent.append(f"\x1b[{y + 1};1H{_transition(look, after) if after != look else ''}\x1b[K")
    return erased, after


def _send(sent: list[str], y: int, before: _Row, row: _Row, look: _Look) -> _Look:
    """Append to `sent` what changes a line from `before` to `row`; returns the look that the terminal is left with."""
    if before.texts == row.texts and before.looks == row.looks:
        return look
    at = -1  # the column of the cursor, if it is in this line
    for begin, end in _stretches(before, row):
        sent.append(f"\x1b[{y + 1};{begin + 1}H" if at < 0 else f"\x1b[{begin - at}C")
        at, place = end, begin
        while place < end:
            other, stop = row.looks[place], place + 1
            while stop < end and row.looks[stop] is other:
                stop += 1
            if _blank(other) is other and row.texts[place:stop].count(" ") == stop - place:
                other = _with_ground(look, other)
            if other != look:
                sent.append(_transition(look, other))
                look = other
            sent.extend(filter(None, row.texts[place:stop]))
            place = stop
    return look


def _stretches(before: _Row, row: _Row) -> list[tuple[int, int]]:
    """From where to where cells have changed. A line of which terminals may think differently changes as a whole."""
    found: list[tuple[int, int]] = []
    if before.simple and row.simple:
        texts, looks = map(operator.ne, before.texts, row.texts), map(operator.is_not, before.looks, row.looks)
        changed: Iterable[bool] = map(operator.or_, texts, looks)
    else:
        changed = (text is not None for text in row.texts)
    near = 0 if None in row.texts else _NEAR  # a cell that nobody knows cannot be painted
    for place, has_changed in enumerate(changed):
        if has_changed:
            if found and place - found[-1][1] <= near:
                found[-1] = (found[-1][0], place + 1)
            else:
                found.append((place, place + 1))
    return found


def _is_simple(text: str) -> bool:
    """Whether each character has one cell."""
    return text.isascii() or all(map(_is_narrow, text))


@lru_cache(2000)
def _is_narrow(character: str) -> bool:
    return cell_len(character) == 1


def _cells(text: str) -> list[str]:
    """A text by cells: what has no width belongs to the character before it."""
    cells: list[str] = []
    for character in text:
        width = cell_len(character)
        if width:
            cells += [character, *[""] * (width - 1)]
        elif cells:
            place = next((at for at in range(len(cells) - 1, -1, -1) if cells[at]), 0)
            cells[place] += character
    return cells


@lru_cache(4000)
def _look(style: Style, colours: ColorSystem) -> _Look:
    bare = style.without_color.update_link(None).render(" ", color_system=colours)
    attributes = bare.partition(" ")[0][2:-1]  # what it sends before a text, without `ESC [` and `m`
    return _known(attributes, _codes(style.color, colours), _codes(style.bgcolor, colours, foreground=False))


def _codes(colour: Color | None, colours: ColorSystem, *, foreground: bool = True) -> str:
    return "" if colour is None else ";".join(colour.downgrade(colours).get_ansi_codes(foreground))


@lru_cache(1000)
def _known(attributes: str, foreground: str, background: str) -> _Look:
    """The look, one object for all styles that look like that: cells are compared by it."""
    return _Look(frozenset(filter(None, attributes.split(";"))), foreground, background)


@lru_cache(4000)
def _blank(look: _Look) -> _Look:
    """How a blank of that look is kept: all that it shows is the background, or attributes such as underlined."""
    return look if look.attributes & _SEEN else _known("", "", look.background)


@lru_cache(4000)
def _with_ground(look: _Look, blank: _Look) -> _Look:
    """A look in which a blank looks like `blank`, as near to `look` as can be."""
    if blank.attributes:
        return blank
    return _known(";".join(sorted(look.attributes - _SEEN)), look.foreground, blank.background)


@lru_cache(4000)
def _transition(before: _Look, after: _Look) -> str:
    """From one look to another, in as few characters as there are."""
    whole = ";".join(["0", *after.parameters])
    ended = {_OFF.get(attribute, "") for attribute in before.attributes - after.attributes}
    if "" in ended:
        return f"\x1b[{whole}m"
    added = after.attributes if "22" in ended else after.attributes - before.attributes  # it ends both bold and dim
    parts = [*sorted(ended), *sorted(added)]
    if before.foreground != after.foreground:
        parts.append(after.foreground or "39")
    if before.background != after.background:
        parts.append(after.background or "49")
    return f"\x1b[{min(whole, ';'.join(parts), key=len)}m"
