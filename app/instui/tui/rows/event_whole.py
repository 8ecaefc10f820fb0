"""One event as a whole: what it says, and every field that it has in the journal."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from instui.monitor.model import Snapshot
from instui.monitor.names import started
from instui.tui.text.pieces import Line, line, safe, wrapped
from instui_engine.journal.events import Event, Holder, kind_of

from .event_text import event_text, wheel_of
from .event_words import words
from .labels import holder_label, wheel_label

_TITLE = 13  # columns


def lines_of(snapshot: Snapshot, t: float, event: Event, width: int) -> list[Line]:
    """What the event says, then its fields; nothing is cut."""
    text, style, _ = event_text(snapshot, event)
    lines = [
        *_titled("what", words(event), width, "strong"),
        *(_titled("", text, width, style) if text else ()),
        *_titled("when", f"{t:.3f} s after the session began{_clock(snapshot, t)}", width),
    ]
    if wheel := wheel_of(event):
        lines += _titled("wheel", wheel_label(snapshot, wheel), width)
    lines += [(), line(("in the journal", "strong")), *_titled("event", kind_of(event), width)]
    for name, value in event._asdict().items():
        lines += _field(name, value, snapshot, width)
    hint = f"/ in Events finds all of them by state:{kind_of(event)}"
    return [*lines, (), *(line((row, "dim")) for row in wrapped(hint, width))]


def _clock(snapshot: Snapshot, t: float) -> str:
    if snapshot.session is None or not snapshot.session.wall:
        return ""
    try:
        when = datetime.fromtimestamp(snapshot.session.wall + t, UTC).astimezone()
    except (OSError, OverflowError, ValueError):  # a journal is only a file
        return ""
    return f", at {when:%H:%M:%S}"


def _titled(title: str, text: str, width: int, style: str = "text") -> Iterator[Line]:
    for row in wrapped(text, width - _TITLE):
        yield line((f"{title:<{_TITLE}}", "dim"), (row, style))
        title = ""


def _field(name: str, value: Any, snapshot: Snapshot, width: int) -> Iterator[Line]:
    for row in _values(value, snapshot):
        yield from _titled(name, row, width)
        name = ""


def _values(value: Any, snapshot: Snapshot) -> Iterable[str]:
    """The value of a field, a line for each part of it."""
    if isinstance(value, list | tuple):
        parts = [_holder(one, snapshot) if isinstance(one, Holder) else str(one) for one in value]
    elif isinstance(value, dict):
        parts = [f"{key}: {one}" for key, one in value.items()]
    elif isinstance(value, bool):
        parts = ["yes" if value else "no"]
    else:
        parts = [str(value)]
    return [safe(part) for part in parts if part] or ["-"]


def _holder(holder: Holder, snapshot: Snapshot) -> str:
    began = started(holder, snapshot.session)
    return f"{holder_label(snapshot, holder)}{', ' if began else ''}{began}"
