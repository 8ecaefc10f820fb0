"""Sizes, durations, counts and texts of a given width, as written in plain output and on screens."""

import time
import unicodedata
from collections.abc import Iterable

ELLIPSIS = "…"
_UNITS = frozenset(["s", "ms", "min", "h", "%", "B", "kB", "MB", "GB", "TB", "B/s", "kB/s", "MB/s", "GB/s"])


def size(count: float) -> str:
    """Bytes in decimal units, two digits where they matter: `812 B`, `1.2 MB`, `190 MB`."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop(0)
    digits = 1 if count < 9.95 and units[0] != "B" else 0
    return f"{count:.{digits}f} {units[0]}"


def seconds(value: float) -> str:
    """A duration that is over: `0.31 s`, `9.8 s`, `42.0 s`, `2m05s`, `1h02m`: at most six columns up to 99 hours."""
    if value < 1.995:
        return f"{max(value, 0.0):.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    return _long(round(value))


def age(value: float) -> str:
    """A duration that is still growing, in whole seconds as soon as it has some: `0.3 s`, `2 s`, `2m05s`.

    What changes more often than once a second cannot be read, and costs a slow terminal more than it says.
    """
    if value < 1.95:
        return f"{max(value, 0.0):.1f} s"
    return f"{value:.0f} s" if value < 59.5 else _long(round(value))


def ago(then: float, now: float, recent: float) -> str:
    """How long ago that was, or when, if it is not within the last `recent` seconds; both are Unix times."""
    if 0 <= now - then < recent:
        return f"{age(now - then)} ago"
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(then))
    except (OSError, OverflowError, ValueError):  # a journal is only a file
        return "at an unknown time"


def spent(value: float, growing: bool) -> str:
    """A duration that still grows, or one that is over."""
    return age(value) if growing else seconds(value)


def _long(value: int) -> str:
    if value < 3600:
        return f"{value // 60}m{value % 60:02}s"
    return f"{value // 3600}h{value % 3600 // 60:02}m"


def number(value: int) -> str:
    """Digits in groups of three: `12 345`."""
    return f"{value:,}".replace(",", " ")


def count(value: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 wheel`, `84 wheels`; `plural` is needed if it is not formed with an s."""
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def cells(text: str) -> int:
    """The number of terminal columns of `text`, which must have passed through `printable`."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis in the middle if it is too long."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[:width]
    start = head(text, width // 2)
    tail = head(text[::-1], width - 1 - cells(start))[::-1]
    # A combining mark without its letter would attach to the ellipsis.
    while tail and not _cell(tail[0]):
        tail = tail[1:]
    return start + ELLIPSIS + tail


def cut_end(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis at its end if it is too long."""
    return text if cells(text) <= width else (head(text, width - 1) + ELLIPSIS if width > 0 else "")


def head(text: str, width: int) -> str:
    """The beginning of `text`, in at most `width` columns."""
    used = 0
    for position, character in enumerate(text):
        used += _cell(character)
        if used > width:
            return text[:position]
    return text


def pad(text: str, width: int) -> str:
    """`text` cut in the middle, or padded with spaces, to exactly `width` columns."""
    text = cut(text, width)
    return text + " " * (width - cells(text))


def unbroken(words: Iterable[str]) -> list[str]:
    """Words to fill lines with, a number as one word with its unit and its thousands: `14 412 files` is two words."""
    found: list[str] = []
    for word in words:
        bare = word.rstrip(",;:.)")
        goes_on = bare in _UNITS or (len(bare) == 3 and bare.isdigit())
        if goes_on and found and found[-1][-1:].isdigit():
            found[-1] = f"{found[-1]} {word}"
        else:
            found.append(word)
    return found
