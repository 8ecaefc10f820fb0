"""The terminal of this process: which streams are one, which characters it can show, and how to give it back.

Nothing here knows what is shown. The lines and the full screen both ask here, so that they agree.
"""

import os
import select
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from instui_engine.errors import UsageError
from instui_engine.values import NamedTuple

# What texts contain beyond ASCII besides names, and what stands for it where it cannot be shown.
_PLAIN = {"…": "~", "·": "-", "»": ">", "→": ">", "↵": "ret", "↓": "down", "↑": "up", "“": '"', "”": '"', "↺": "%"}
TO_ASCII = {ord(a): b for a, b in _PLAIN.items()}

_UTF8 = "utf-8"
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")  # what Python sets LC_CTYPE to where it finds the C locale (PEP 538)
_RESET = (
    b"\x1b[<u"  # kitty's keyboard protocol
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"  # mouse
    b"\x1b[?2004l\x1b[?2048l\x1b[?1004l"  # bracketed paste, sizes in band, focus
    b"\x1b[?2026l\x1b[?7h\x1b[?1049l\x1b[?25h"  # frames, line wrap, normal screen, cursor
)


class Streams(NamedTuple):
    """Which of the standard streams are terminals."""

    stdin: bool
    stdout: bool
    stderr: bool


def streams() -> Streams:
    """Which of this process's standard streams are terminals."""
    return Streams(*(_is_terminal(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)))


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def in_background() -> bool:
    """Whether this process is a background job (`instui ... &`), which must not set or read its terminal."""
    try:
        return os.tcgetpgrp(0) != os.getpgrp()
    except OSError:  # no terminal, or not one that controls this process
        return False


def shell_waits() -> bool:
    """Whether a shell goes on if this process group stops. It would stop for ever if it were orphaned (POSIX)."""
    group, above = os.getpgrp(), os.getppid()
    with suppress(OSError, ValueError):
        while above and os.getpgid(above) == group:  # a script that started this process
            above = int(Path(f"/proc/{above}/stat").read_bytes().rpartition(b")")[2].split()[1])
        return above != 0 and os.getsid(above) == os.getsid(0)
    return False


# -- characters


def codeset(environ: Mapping[str, str] | None = None) -> str:
    """The name of the encoding of the terminal, as the locale gives it.

    That is LC_ALL, LC_CTYPE or LANG, and not the encoding of Python's streams: in its UTF-8 mode these are UTF-8
    whatever the terminal is. Where none of the three is set, nobody has said anything, and UTF-8 is assumed.
    """
    given = os.environ if environ is None else environ
    chosen = ("LC_ALL", "LANG") if environ is None and _is_coerced(given) else ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((given[name] for name in chosen if given.get(name)), "")
    name, _, encoding = locale.partition("@")[0].partition(".")
    if not locale:
        return _UTF8
    if name in ("C", "POSIX") and not encoding:
        return "ascii"
    return _known(encoding or (name if _is_utf8(name) else _of_the_process()))


def _is_coerced(environ: Mapping[str, str]) -> bool:
    """Whether LC_CTYPE was set by Python and not by the user: the process was started without it."""
    if environ.get("LC_CTYPE") not in _COERCED:
        return False
    try:
        started_with = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return not any(variable.startswith(b"LC_CTYPE=") for variable in started_with)


def _of_the_process() -> str:
    import locale

    return locale.nl_langinfo(locale.CODESET)


def _known(encoding: str) -> str:
    """`encoding` in Python's words; "ascii" for one that Python does not know."""
    if _is_utf8(encoding):
        return _UTF8
    from codecs import lookup

    try:
        return lookup(encoding).name
    except (LookupError, ValueError):
        return "ascii"


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"


def shows_everything(encoding: str) -> bool:
    """Whether the glyphs of the screen and the signs in lines can be written in `encoding`."""
    return _is_utf8(encoding)


def encodable(text: str, encoding: str) -> str:
    """`text` with all that `encoding` lacks replaced: our own signs by plain ones, what is in names by escapes."""
    if shows_everything(encoding):
        return text.encode(_UTF8, "backslashreplace").decode(_UTF8)  # also a file name that is not UTF-8
    return text.translate(TO_ASCII).encode(encoding, "backslashreplace").decode(encoding)


def adapt_streams() -> None:
    """Let stdout and stderr speak the terminal's encoding where they are terminals; a file or pipe stays as it is."""
    encoding = codeset()
    for stream in (sys.stdout, sys.stderr):
        if _is_terminal(stream) and not os.environ.get("PYTHONIOENCODING"):
            with suppress(AttributeError, OSError, ValueError):
                stream.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]


# -- the full screen


def erases_in_colour(environ: Mapping[str, str]) -> bool:
    """Whether what the terminal erases gets the background that was set, as in all but GNU screen and very old ones."""
    return not environ.get("TERM", "").startswith(("screen", "vt"))


class Terminal:
    """A terminal to paint on and to read keys from, as file descriptors.

    It is found among the standard streams, whichever of them are redirected: nothing is ever painted into a file.
    """

    def __init__(self, output: int, keys: int) -> None:
        from .window import Window  # only a screen has anything to say there

        self.output = output
        self.keys = keys
        self.encoding = codeset()
        self.window = Window(os.environ)
        self.gone = False
        self.taken = False  # a screen is on it, which has to be taken off again
        self._attributes: list[Any] | None = None
        with suppress(termios.error):
            self._attributes = termios.tcgetattr(keys)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows; 80x25 if the terminal does not know."""
        try:
            columns, rows = os.get_terminal_size(self.output)
        except OSError:
            columns = rows = 0
        return columns or 80, rows or 25

    def write(self, text: str) -> None:
        """Write all of `text`, however long that takes. When the terminal is gone, nothing happens any more."""
        self.put(self.encoded(text))

    def encoded(self, text: str) -> bytes:
        """The bytes of a text, for this terminal."""
        return text.encode(self.encoding, "backslashreplace")

    def put(self, what: bytes) -> None:
        """Write these bytes, as `write` does."""
        data = memoryview(what)
        while data and not self.gone:
            try:
                data = data[os.write(self.output, data) :]
            except BlockingIOError:  # another process made the terminal non-blocking
                select.select([], [self.output], [], 1)
            except OSError:
                self.gone = True

    def flush(self) -> None:
        """Do nothing: `write` keeps nothing back."""

    def fileno(self) -> int:
        """The descriptor that is painted to."""
        return self.output

    @property
    def in_front(self) -> bool:
        """Whether this process is not in the background: it may set the terminal and read keys."""
        try:
            return os.tcgetpgrp(self.keys) == os.getpgrp()
        except OSError:
            return True

    def stop(self) -> None:
        """Stop this process group, as ctrl+z does where there is no screen, until it is in front again."""
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        self.await_front()
        signal.signal(signal.SIGTSTP, before)

    def await_front(self) -> None:
        """Stop while in the background, as the kernel lets a process stop that sets its terminal there."""
        while not self.in_front and shell_waits():
            os.killpg(os.getpgrp(), signal.SIGSTOP)

    def forget_typed(self) -> None:
        """Forget what was typed for nobody: before the screen is there it cannot be meant for it."""
        with suppress(termios.error):
            termios.tcflush(self.keys, termios.TCIFLUSH)

    def restore(self) -> None:
        """Take off a screen that could not do so itself. Never waits for a terminal that is not read."""
        if not self.taken:
            return
        self.taken = False
        with suppress(OSError):
            if select.select([], [self.output], [], 0)[1]:
                os.write(self.output, self.window.end().encode() + _RESET)
        if self._attributes is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.keys, termios.TCSANOW, self._attributes)


def is_browser() -> bool:
    """Whether a browser shows this process's screen: Textual's own driver, which `instui serve` names, speaks to it."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


@contextmanager
def borrowed(find: Callable[[], Terminal] | None = None) -> Iterator[Terminal]:
    """The terminal of this process, for a screen. Raises UsageError if there is none."""
    terminal = (find or find_terminal)()
    try:
        yield terminal
    finally:
        if terminal.keys > 2:
            os.close(terminal.keys)


def find_terminal() -> Terminal:
    """The terminal among the standard streams. Raises UsageError if there is none, or none that has keys."""
    output = next((number for number in (1, 2, 0) if _isatty(number)), None)
    if output is None:
        raise UsageError(NO_TERMINAL)
    return Terminal(output, 0 if _isatty(0) else _open(output))


NO_TERMINAL = "--ui tui needs a terminal, and neither stdin nor stdout is one; use --ui plain"


def _isatty(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _open(output: int) -> int:
    """A descriptor for the keys of the terminal `output`, which need not be readable itself."""
    for name in (_name(output), "/dev/tty"):
        with suppress(OSError):
            return os.open(name, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    raise UsageError("--ui tui needs a terminal for its keys, and it cannot be opened; use --ui plain")


def _name(descriptor: int) -> str:
    try:
        return os.ttyname(descriptor)
    except OSError:
        return "/dev/tty"
