"""An explanation as text: the findings by their seconds, with remedies, and what would have changed the time."""

from collections.abc import Iterator, Sequence

from instui.explain.explanation import Explanation, compared, headline, kept, predicted
from instui.explain.where_time_went import percent, rows
from instui.monitor.model import Snapshot
from instui.monitor.names import short_command
from instui.monitor.units import ago, cells, cut_end, seconds, unbroken
from instui_engine.errors import printable

_HANG = 20  # columns before the text of a finding
_LEAST = 30  # columns for the text
_PATH = "(critical path)"
_COMMAND_CELLS = 60
_RECENT = 3600.0  # seconds for which it is said how long ago a session was, not when


def report(
    explanation: Explanation, snapshot: Snapshot, earlier: Sequence[Explanation], now: float, width: int
) -> list[str]:
    """The lines. `now` is Unix time; `width` 0 means any."""
    return [
        *wrapped(headline(explanation, over=snapshot.over), width),
        *wrapped(_what(snapshot, now), width),
        *(row for ending in _ending(snapshot) for row in wrapped(f"the session {ending}", width)),
        "",
        *_findings(explanation, width),
        *_predictions(explanation, width),
        *wrapped(compared(explanation, earlier), width),
    ]


def _what(snapshot: Snapshot, now: float) -> str:
    """The session: its command, its id, and when it was."""
    session = snapshot.session
    if session is None:
        return ""
    command = cut_end(printable(short_command(" ".join(session.command))), _COMMAND_CELLS)
    return f"{command or 'a session'} ({printable(session.session)}, {ago(session.wall, now, _RECENT)})"


def _ending(snapshot: Snapshot) -> Iterator[str]:
    finished = snapshot.finished
    if finished is None and snapshot.over:
        yield "ended abruptly: its journal has no end"
    elif finished is not None and finished.exit in (130, 143):
        yield f"was stopped: {printable(finished.error)}"
    elif finished is not None and finished.exit:
        yield f"failed with exit code {finished.exit}: {printable(finished.error)}"


def _findings(explanation: Explanation, width: int) -> Iterator[str]:
    room = width - _HANG if width else 0
    for row in rows(explanation):
        number = f"{row.place:2}" if row.place else "  "
        finding = row.finding
        marked = finding is not None and finding.critical and (finding.holder is not None or bool(finding.wheels))
        head = f"{number}  {percent(row.share)}  {seconds(row.seconds):>7}  "
        if finding is not None and not finding.critical:
            head = f"{number}  {'beside the work':<{_HANG - 4}}"
        first, *more = wrapped(row.text, room) or [""]
        if marked and not more and (not width or cells(first) + 2 + len(_PATH) <= room):
            first = f"{first}  {_PATH}" if not width else f"{first}{_PATH:>{room - cells(first)}}"
        yield f"{head}{first}".rstrip()
        yield from (f"{'':{_HANG}}{line}" for line in more)
        if finding is not None and finding.remedy:
            yield from (f"{'':{_HANG}}{line}" for line in wrapped(f"-> {finding.remedy}", room))


def _predictions(explanation: Explanation, width: int) -> Iterator[str]:
    told = [f"{one.change}: {predicted(one, explanation.wall)}" for one in explanation.what_if]
    if told:
        yield ""
        yield from wrapped(f"what if:  {'   '.join(told)}", width, "   ")
        if same := kept(explanation.what_if, explanation.wall):
            yield from _beside(f"with {same}", width)
        for one in explanation.what_if:
            if one.unknown:
                yield from _beside(f"{one.change}: {one.unknown}", width)


def _beside(text: str, width: int) -> Iterator[str]:
    """What is said of predictions, below them."""
    yield from (f"{'':10}{row}" for row in wrapped(f"({text})", width - 10 if width else 0))


def wrapped(text: str, width: int, between: str = " ") -> list[str]:
    """`text` in lines of at most `width` columns, 0 for any width; `between` the words. No line for ""."""
    if not text or not width or cells(text) <= width:
        return [text] if text else []
    lines = [""]
    for word in unbroken(text.split(" ")) if between == " " else text.split(between):
        if lines[-1] and cells(lines[-1]) + len(between) + cells(word) > max(width, _LEAST):
            lines.append("")
        lines[-1] = f"{lines[-1]}{between}{word}" if lines[-1] else word
    return lines
