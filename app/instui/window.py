"""The window around the terminal: its title, and the progress that some show in a tab, a taskbar or a dock.

Nothing here knows what is shown. All functions are pure; who has the terminal writes what they return.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Literal

from instui_engine.errors import printable
from instui_engine.values import NamedTuple

State = Literal["none", "running", "failed", "unknown", "paused"]
_STATES: dict[State, int] = {"none": 0, "running": 1, "failed": 2, "unknown": 3, "paused": 4}  # as ConEmu counts them
_LONGEST = 80  # characters of a title
EVERY = 1.0  # seconds between two changes
# Terminals that take a title, by the beginning of TERM. Others print it among the text, as Linux's console did.
_TITLED = (
    "xterm", "tmux", "screen", "rxvt", "alacritty", "foot", "konsole", "gnome", "vte", "st-", "kitty", "wezterm",
    "ghostty", "contour", "mlterm", "putty", "mintty", "iterm", "rio",
)  # fmt: skip
_MULTIPLEXERS = ("tmux", "screen")  # the variables below are then those of the terminal in which they were started


def knows_titles(environ: Mapping[str, str]) -> bool:
    """Whether the terminal takes a title (OSC 2)."""
    return environ.get("TERM", "").startswith(_TITLED)


def knows_progress(environ: Mapping[str, str]) -> bool:
    """Whether the terminal takes progress (OSC 9;4). Most that do not would show a notification.

    They are Windows Terminal and ConEmu; Ghostty; WezTerm, but not its release of 2024; iTerm2 where it says so itself
    (`P` among its features, 3.6.6 and later); and Ptyxis from 48 on.
    """
    if not knows_titles(environ) or environ.get("TERM", "").startswith(_MULTIPLEXERS):
        return False
    program, version = environ.get("TERM_PROGRAM", ""), environ.get("TERM_PROGRAM_VERSION", "")
    ptyxis = environ.get("PTYXIS_VERSION", "").partition(".")[0]
    return bool(
        environ.get("WT_SESSION")
        or environ.get("ConEmuANSI") == "ON"
        or program == "ghostty"
        or (program == "WezTerm" and version[:4].isdigit() and version[:4] >= "2025")
        or (program == "iTerm.app" and re.search(r"P(?![a-z])", environ.get("TERM_FEATURES", "")))
        or (ptyxis.isdigit() and int(ptyxis) >= 48)
    )


class Said(NamedTuple):
    """What a window says: its title, and the progress in percent (None: of no known length)."""

    title: str
    state: State = "none"
    percent: int | None = None


class Window:
    """The window around a terminal. Every method returns the sequences that do what it says; "" if there are none."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._titled = knows_titles(environ)
        self._progress = knows_progress(environ)
        self._clock = clock
        self._said: Said | None = None
        self._rests_until = 0.0

    def begin(self) -> str:
        """Keep the present title on the terminal's own stack (xterm)."""
        self._said, self._rests_until = None, 0.0
        return "\x1b[22;2t" if self._titled else ""

    @property
    def is_due(self) -> bool:
        """Whether something new may be said: the last change is a while ago."""
        return self._titled and self._clock() >= self._rests_until

    def say(self, new: Said) -> str:
        """Set the title and the progress, if they have changed."""
        before = self._said
        if not self._titled or new == before:
            return ""
        self._said, self._rests_until = new, self._clock() + EVERY
        title = "" if before and before.title == new.title else f"\x1b]2;{printable(new.title)[:_LONGEST]}\x07"
        same = before is not None and before[1:] == new[1:]
        return title if same or not self._progress else title + _progress(new.state, new.percent)

    def end(self) -> str:
        """Take back all of it. A terminal without that stack has no title then, rather than an old one."""
        if not self._titled:
            return ""
        return f"{_progress('none') if self._progress else ''}\x1b]2;\x07\x1b[23;2t"


def _progress(state: State, percent: int | None = None) -> str:
    if percent is None and state == "running":
        state = "unknown"
    return f"\x1b]9;4;{_STATES[state]};{max(0, min(100, percent or 0))}\x07"
