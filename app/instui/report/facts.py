"""The facts of a session and its machine, its parts, its critical path, and what was out of the ordinary."""

from collections.abc import Iterator

from instui.monitor.model import Snapshot
from instui.monitor.names import PARTS
from instui.monitor.units import count, seconds, size
from instui.monitor.units import number as digits
from instui_engine.journal.events import SessionStarted

from . import names
from .html import Content, Html, element, name
from .lanes import axis_of, merged
from .names import took
from .opening import moment
from .session import Recorded
from .tables import Cell, Column, folded, left_out, table
from .timeline import waited_for, word_of

_NOTES = 300
_PIECES = 300


def parts(recorded: Recorded) -> Html:
    """The numbers of the timeline: the parts of the session, and its critical path."""
    snapshot, explanation = recorded.snapshot, recorded.explanation
    used = {span.begin: span for span in snapshot.spans}
    rows = []
    for stage in explanation.stages:
        span = used.get(stage.start)
        cpu = f"{span.cpu / stage.seconds:.1f}" if span and span.cpu and stage.seconds > 0.01 else ""
        stalled = took(span.stalled) if span and span.stalled >= 0.001 else ""
        part = next((words for word, words in PARTS.items() if word == stage.name), stage.name)
        rows.append([part, names.at(stage.start), took(stage.seconds), cpu, stalled])
    numbers = [Column(title, is_number=True) for title in ("from", "lasted", "processors busy", "waited for the disk")]
    whole = table("Parts of the session", [Column("part"), *numbers], rows)
    return folded("The same in numbers: parts of the session, and the critical path", whole, *_path(recorded))


def _path(recorded: Recorded) -> Iterator[Html]:
    snapshot = recorded.snapshot
    pieces = merged(recorded.activity.attribution.pieces, axis_of(recorded.activity))
    rows = [
        [
            Cell(names.at(piece.begin)),
            Cell(took(piece.seconds)),
            Cell(word_of(piece)),
            Cell(name(names.label(snapshot, piece.wheel) if piece.wheel else "")),
            Cell(waited_for(piece, snapshot)),
        ]
        for piece in pieces[:_PIECES]
    ]
    columns = [
        Column("from", is_number=True),
        Column("lasted", is_number=True),
        Column("what"),
        Column("wheel"),
        Column("waited for", is_long=True),
    ]
    yield table("What held the session up, from its beginning to its end", columns, rows)
    yield left_out(len(pieces) - _PIECES, "more piece")


def notes(recorded: Recorded) -> Html:
    """The events of note."""
    if not recorded.notes:
        return Html("")
    rows = [
        [
            Cell(names.at(note.t)),
            Cell(name(names.label(recorded.snapshot, note.wheel) if note.wheel else "")),
            Cell(note.text, {"failed": "failed", "warning": "age"}.get(note.weight, "")),
        ]
        for note in recorded.notes[:_NOTES]
    ]
    columns = [Column("at", is_number=True), Column("wheel"), Column("what happened", is_long=True)]
    return element(
        "section",
        element("h2", "Events of note", id="notes"),
        table("What went wrong or otherwise than usual, in the order of time", columns, rows, level=0),
        left_out(len(recorded.notes) - _NOTES, "more event"),
        aria_labelledby="notes",
    )


def facts(recorded: Recorded) -> Html:
    """The session, its environment and its machine."""
    session = recorded.snapshot.session
    listed = [] if session is None else list(_facts(session, recorded))
    return element(
        "section",
        element("h2", "Facts", id="facts"),
        element("dl", [element("div", element("dt", term), element("dd", value)) for term, value in listed]),
        aria_labelledby="facts",
    )


def _facts(session: SessionStarted, recorded: Recorded) -> Iterator[tuple[str, Content]]:
    snapshot, totals = recorded.snapshot, recorded.snapshot.totals
    yield "session", element("code", name(session.session))
    yield "began", moment(session.wall)
    yield "command", element("code", name(" ".join(session.command)))
    yield "environment", element("code", name(session.top))
    yield "interpreter", element("code", name(session.python))
    yield "workers", str(session.jobs)
    yield "processors", str(session.cpus) if session.cpus else "unknown"
    if snapshot.loads:
        used = snapshot.loads[-1]
        stalled = f"; the machine waited for a disk in {seconds(used.stalled)}" if used.stalled >= 0 else ""
        yield "used", f"{seconds(used.cpu)} of processors{stalled}"
    yield "process", str(session.pid)
    if session.ran:
        yield "before the journal", f"the program had run for {took(session.ran)}"
    yield "wheels", "; ".join(_wheels(snapshot)) or "none"
    removed = f", {digits(totals.removed_files)} removed" if totals.files and totals.removed_files else ""
    yield "files", f"{count(totals.files or totals.removed_files, 'file')}{removed}"
    yield "recorded by", f"instui {session.version}, schema {session.schema}"
    lines = recorded.journal.count(b"\n")
    damaged = f", {recorded.damaged} of them damaged and left out" if recorded.damaged else ""
    yield "journal", f"{count(lines, 'line')}, {size(len(recorded.journal))}{damaged}"
    yield "reported by", f"instui {recorded.version}"


def _wheels(snapshot: Snapshot) -> Iterator[str]:
    totals = snapshot.totals
    for number, words in (
        (totals.resolved, "known"),
        (totals.cached, "from the cache"),
        (totals.downloads, "downloaded"),
        (totals.committed, "installed"),
        (totals.removed, "removed"),
        (totals.failed, "failed"),
        (totals.unsettled, "came to nothing"),
        (totals.satisfied, "already there"),
    ):
        if number:
            yield f"{number} {words}"
