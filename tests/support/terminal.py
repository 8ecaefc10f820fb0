"""A terminal for a program under test: a pseudo-terminal, and the screen that a person would see on it.

The emulation knows what full-screen programs for xterm send (ECMA-48 cursor moves, erasing and SGR; xterm's private
modes, the alternate screen, synchronized output) and remembers what it does not know in `unknown`. It is our own since
pyte has no alternate screen and stumbles over the keyboard protocol of kitty; here both are what the tests are about.
"""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds; what does not happen within them does not happen
POLL = 0.02
UNPAINTED = "\N{REPLACEMENT CHARACTER}"  # what a cell shows after a resize until the program paints it anew

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "ctrl+c": "\x03",
    "ctrl+d": "\x04",
    "ctrl+p": "\x10",
    "ctrl+s": "\x13",
    "ctrl+z": "\x1a",
}
_SEQUENCE = re.compile(
    r"\x1b\[(?P<mark>[<-?]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"  # CSI
    r"|\x1b\](?P<command>[^\x07\x1b]*)(?:\x07|\x1b\\)"  # OSC
    r"|\x1bP(?P<device>[^\x1b]*)\x1b\\"  # DCS
    r"|\x1b(?P<charset>[()][0-9A-Za-z])|\x1b(?P<single>[^\[\]P()])"
    r"|\x1b\[[<-?]?[0-9;:]*[ -/]*(?P<aborted>)(?=\x1b)"  # by what begins within it
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])|(?P<text>[^\x00-\x1f\x7f]+)"
)


class Cell(NamedTuple):
    """A character and the SGR parameters under which it was written."""

    text: str
    style: str


class Grid:
    """The cells of one screen, and its cursor."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.cells = [self._blank() for _ in range(rows)]
        self.x = self.y = 0
        self.scrolled: list[str] = []  # lines that left at the top

    def _blank(self) -> list[Cell]:
        return [Cell(" ", "")] * self.columns

    def resize(self, columns: int, rows: int) -> None:
        """Another size; what stands there is no longer to be trusted."""
        self.columns, self.rows = columns, rows
        self.cells = [[Cell(UNPAINTED, "")] * columns for _ in range(rows)]
        self.x, self.y = min(self.x, columns - 1), min(self.y, rows - 1)

    def put(self, text: str, style: str, wrap: bool) -> None:
        """Write at the cursor."""
        for character in text:
            width = _width(character)
            if not width:
                continue
            if self.x + width > self.columns:
                if wrap:
                    self.x = 0
                    self.feed()
                else:
                    self.x = self.columns - width
            row = self.cells[self.y]
            if not row[self.x].text and self.x:  # the second half of a wide character: the first one goes as well
                row[self.x - 1] = Cell(" ", row[self.x - 1].style)
            if (after := self.x + width) < self.columns and not row[after].text:
                row[after] = Cell(" ", row[after].style)
            row[self.x] = Cell(character, style)
            if width == 2:
                row[self.x + 1] = Cell("", style)
            self.x += width

    def feed(self) -> None:
        """To the next line."""
        if self.y + 1 < self.rows:
            self.y += 1
            return
        self.scrolled.append(_text(self.cells.pop(0)))
        self.cells.append(self._blank())

    def go(self, x: int, y: int) -> None:
        """Move the cursor, as far as there is room."""
        self.x, self.y = max(0, min(x, self.columns - 1)), max(0, min(y, self.rows - 1))

    def erase(self, begin: tuple[int, int], end: tuple[int, int], style: str) -> None:
        """Blank the cells from (row, column) to another, both included."""
        for y in range(begin[0], end[0] + 1):
            first = begin[1] if y == begin[0] else 0
            last = end[1] if y == end[0] else self.columns - 1
            self.cells[y][first : last + 1] = [Cell(" ", style)] * (last + 1 - first)

    @property
    def lines(self) -> list[str]:
        """The text of each row, without blanks at the end."""
        return [_text(row) for row in self.cells]


class Screen:
    """What a terminal shows after the output that it was fed with."""

    def __init__(self, columns: int = 120, rows: int = 34) -> None:
        self.normal = Grid(columns, rows)
        self.alternate = Grid(columns, rows)
        self.modes = {7, 25}  # private modes that are on: these two are from the beginning
        self.keyboards = 0  # depth of kitty's stack of keyboard modes
        self.styles: set[str] = set()  # every SGR that was sent
        self.alternations = 0  # how often the alternate screen was entered
        self.unknown: list[str] = []
        self.title = "before"  # of the window
        self.titles: list[str] = []  # those that the terminal keeps
        self.progress: list[str] = []  # all that was ever said of it
        self.answers: list[str] = []  # what the terminal has to say to the program
        self._style = ""
        self._rest = ""
        self._decode = getincrementaldecoder("utf-8")("strict").decode

    @property
    def full(self) -> bool:
        """Whether the alternate screen is shown."""
        return 1049 in self.modes

    @property
    def grid(self) -> Grid:
        """The screen that is shown."""
        return self.alternate if self.full else self.normal

    @property
    def lines(self) -> list[str]:
        """The rows that are shown."""
        return self.grid.lines

    @property
    def text(self) -> str:
        """All rows that are shown."""
        return "\n".join(self.grid.lines)

    @property
    def settled(self) -> bool:
        """Whether the program is not in the middle of a frame."""
        return 2026 not in self.modes and not self._rest

    def resize(self, columns: int, rows: int) -> None:
        """The window has another size now."""
        self.alternate.resize(columns, rows)
        if not self.full:
            self.normal.resize(columns, rows)
            return
        kept = self.normal.lines[-rows:]
        self.normal = Grid(columns, rows)
        for line in kept:  # real ones reflow; here nothing needs more than to find the text again
            self.normal.put(line[:columns], "", wrap=False)
            self.normal.x = 0
            self.normal.feed()

    def feed(self, data: bytes) -> None:
        """Take in output of the program."""
        text = self._rest + self._decode(data)
        place = 0
        while place < len(text):
            found = _SEQUENCE.match(text, place)
            if found is None:  # a sequence that is not complete yet
                break
            place = found.end()
            self._obey(found)
        self._rest = text[place:]

    def _obey(self, found: "re.Match[str]") -> None:
        kind = found.lastgroup
        if kind == "text":
            self.grid.put(found["text"], self._style, 7 in self.modes)
        elif kind == "control":
            self._control(found["control"])
        elif kind == "final":
            self._csi(found["mark"], found["numbers"], found["between"] + found["final"], found[0])
        elif kind == "command":
            self._osc(found["command"])
        elif kind == "single" and found["single"] not in "78=>":
            self.unknown.append(found[0])

    def _control(self, character: str) -> None:
        grid = self.grid
        if character == "\r":
            grid.x = 0
        elif character == "\n":
            grid.feed()
        elif character == "\b":
            grid.x = max(0, grid.x - 1)
        elif character == "\t":
            grid.x = min(grid.columns - 1, grid.x // 8 * 8 + 8)
        elif character not in "\x00\x07\x0e\x0f":
            self.unknown.append(character)

    def _osc(self, command: str) -> None:
        number, _, rest = command.partition(";")
        if number == "2":
            self.title = rest
        elif number == "9":
            self.progress.append(rest)

    def _csi(self, mark: str, numbers: str, final: str, whole: str) -> None:
        given = [int(number) if number.isdigit() else 0 for number in numbers.split(";")] if numbers else []
        first = max(given[0], 1) if given else 1
        grid = self.grid
        if mark == "?" and final in "hl":
            for mode in given:
                self._switch(mode, final == "h")
        elif final == "$p":
            known = {2026: 1 if 2026 in self.modes else 2}  # DECRPM: set, reset; 0 is unknown
            self.answers += [f"\x1b[?{mode};{known.get(mode, 0)}$y" for mode in given]
        elif mark in "<>" and mark and final == "u":
            self.keyboards += 1 if mark == ">" else -1
        elif mark:
            self.unknown.append(whole)
        elif final == "m":
            self.styles.add(numbers)
            reset, _, rest = numbers.partition(";")
            self._style = rest if reset in ("", "0") else f"{self._style};{numbers}".lstrip(";")
        elif final in "Hf":
            grid.go((given[1] if len(given) > 1 else 1) - 1, first - 1)
        elif final in "ABCD":
            grid.go(
                grid.x + first * ((final == "C") - (final == "D")), grid.y + first * ((final == "B") - (final == "A"))
            )
        elif final == "G":
            grid.go(first - 1, grid.y)
        elif final in "JK":
            self._erase(final, given[0] if given else 0)
        elif final == "t" and given == [22, 2]:
            self.titles.append(self.title)
        elif final == "t" and given == [23, 2]:
            self.title = self.titles.pop()
        else:
            self.unknown.append(whole)

    def _erase(self, final: str, which: int) -> None:
        grid = self.grid
        whole = final == "J"
        here = (grid.y, min(grid.x, grid.columns - 1))
        begin = here if which == 0 else (0 if whole else grid.y, 0)
        end = here if which == 1 else (grid.rows - 1 if whole else grid.y, grid.columns - 1)
        grid.erase(begin, end, _ground(self._style))

    def _switch(self, mode: int, on: bool) -> None:
        if mode == 1049 and on and not self.full:
            self.alternations += 1
            self.alternate = Grid(self.alternate.columns, self.alternate.rows)
        (self.modes.add if on else self.modes.discard)(mode)


def _ground(style: str) -> str:
    """What an erased cell gets of a style: the background, and no attributes, as in xterm."""
    ground, numbers = "", iter(style.split(";") if style else [])
    for number in numbers:
        if number in ("38", "48"):
            kind = next(numbers)
            colour = ";".join([number, kind, *(next(numbers) for _ in range(3 if kind == "2" else 1))])
            ground = colour if number == "48" else ground
        elif len(number) > 1 and (number[:-1] in ("4", "10")):
            ground = number
    return ground


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _text(row: Sequence[Cell]) -> str:
    return "".join(cell.text for cell in row).rstrip()


class Terminal:
    """A process on a pseudo-terminal of its own, which is its controlling terminal.

    The terminal is read only by `until`, `read` and `finish`: between them it stands still, as one that is not read.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        size: tuple[int, int] = (120, 34),
        cwd: Path | None = None,
    ) -> None:
        """`size`: columns and rows."""
        self.screen = Screen(*size)
        self.output = bytearray()
        self.master, terminal = os.openpty()
        self._set_size(size)
        self.before = termios.tcgetattr(terminal)
        self.process = subprocess.Popen(
            command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **_only_terminal(environ)},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        self._terminal = terminal  # kept open: its attributes are looked at after the end
        os.set_blocking(self.master, False)

    # -- reading

    def read(self, wait: float = 0.0) -> bool:
        """Take in what the program has written, or will write first within `wait` seconds; whether there was any."""
        if self.master < 0 or not select.select([self.master], [], [], wait)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # nothing more will come
            return False
        self.output += data
        self.screen.feed(data)
        for answer in self.screen.answers:
            self.send(answer)
        self.screen.answers.clear()
        return bool(data)

    def until(self, happened: Callable[[], T], what: str = "", patience: float = PATIENCE) -> T:
        """Read until `happened()` is true, looked at between two frames; returns that."""
        end = time.monotonic() + patience
        while True:
            while self.read():
                pass
            if self.screen.settled and (found := happened()):
                return found
            if time.monotonic() > end:
                raise AssertionError(
                    f"{what or 'it'} did not come; exit {self.process.poll()}, screen:\n{self.screen.text}"
                )
            self.read(POLL)

    def shows(self, *words: str, patience: float = PATIENCE) -> str:
        """Read until all of `words` are on the screen; returns its text."""
        self.until(lambda: all(word in self.screen.text for word in words), f"{words}", patience)
        return self.screen.text

    def hides(self, word: str) -> str:
        """Read until `word` is not on the screen any more; returns its text."""
        self.until(lambda: word not in self.screen.text, f"the end of {word!r}")
        return self.screen.text

    def finish(self) -> int:
        """Read until the program has ended; its exit code, negative for a signal."""
        self.until(lambda: self.process.poll() is not None, "the end")
        while self.read():
            pass
        return self.process.wait()

    # -- writing

    def send(self, text: str) -> None:
        """Type `text` as it is."""
        os.write(self.master, text.encode())

    def press(self, *keys: str) -> None:
        """Type these keys: names of `KEYS`, or characters."""
        for key in keys:
            self.send(KEYS.get(key, key))

    @property
    def untaken(self) -> int:
        """How many bytes were typed that the program has not read yet."""
        return int(struct.unpack("i", fcntl.ioctl(self._terminal, termios.FIONREAD, b"\0" * 4))[0])

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        while self.read():
            pass
        self.screen.resize(columns, rows)
        self._set_size((columns, rows))

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, rows = size
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._terminal)
        os.close(self.master)
        self.master = self._terminal = -1

    # -- afterwards

    @property
    def attributes(self) -> list[Any]:
        """What the line discipline does now (termios)."""
        return termios.tcgetattr(self._terminal)

    def close(self) -> None:
        """Kill what still runs, and put the terminal away."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for descriptor in (self.master, self._terminal):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self._terminal = -1


def _only_terminal(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in ("TERM", "COLORTERM") if name in environ}


def _take_terminal() -> None:
    """In the new process, which leads a session already: make its stdin the session's terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
