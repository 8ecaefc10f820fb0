"""What a reader sees first: what was done and how it ended, what failed, and why it took so long."""

import time
from collections.abc import Iterator

from instui.explain.explanation import compared, headline, kept, predicted
from instui.explain.findings import Finding
from instui.explain.summary import ending
from instui.explain.where_time_went import Row, percent, rows, where_time_went
from instui.monitor.model import Snapshot
from instui.monitor.units import age, count, number, seconds
from instui_engine.errors import printable
from instui_engine.values import NamedTuple

from . import names
from .html import Html, element, joined, name
from .html import percent as width
from .palette import of_finding
from .session import Recorded
from .tables import folded, left_out

_FAILURES = 100
_WHEELS = 12  # named for a finding


class Outcome(NamedTuple):
    """How a session ended, in words; `style` is the class of the words."""

    words: str
    style: str


def outcome(snapshot: Snapshot) -> Outcome:
    """How the session ended, or that it has not."""
    finished = snapshot.finished
    if finished is None:
        return Outcome("ended abruptly", "failed") if snapshot.over else Outcome("still running", "fetch")
    if finished.exit == 0:
        return Outcome("done", "commit")
    return Outcome("stopped" if finished.exit in (130, 143) else f"failed, exit code {finished.exit}", "failed")


def title(snapshot: Snapshot) -> str:
    """The title of the page."""
    return f"{names.command(snapshot)}: {outcome(snapshot).words}"


def header(recorded: Recorded) -> Html:
    """What was done, when, and how it ended."""
    snapshot = recorded.snapshot
    session, end = snapshot.session, outcome(snapshot)
    facts: list[Html | str] = [element("strong", end.words, class_=end.style)]
    if session is not None:
        facts.append(moment(session.wall))
        facts.append(f"took {seconds(recorded.explanation.wall)}" if snapshot.over else "")
        facts.append(element("span", name(session.top), class_="path"))
    lines = [
        element("li", line, class_="problem" if end.style == "failed" and not place else None)
        for place, line in enumerate(_lines(snapshot))
    ]
    return element(
        "header",
        element("h1", names.command(snapshot)),
        element("p", joined([one for one in facts if one], " · ")),
        element("ul", lines, class_="ending"),
    )


def moment(wall: float) -> Html:
    """A moment for everybody, wherever they are."""
    try:
        there = time.gmtime(wall)
    except (ValueError, OverflowError, OSError):
        return element("span", "at an unknown time")
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", there)
    return element("time", shown, datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", there))


def _lines(snapshot: Snapshot) -> list[str]:
    """How it ended in full; why it took so long is told below."""
    if not snapshot.over:
        done = snapshot.totals.committed + snapshot.totals.removed
        of = max(len(snapshot.wheels), snapshot.totals.resolved)
        so_far = f"{number(done)} of {count(of, 'wheel')} {snapshot.done}"
        return [f"after {age(snapshot.wall)}, {so_far}: this page tells of what was known when it was made"]
    told = {line.strip() for line in where_time_went(snapshot)}
    return [line for line in ending(snapshot) if line not in told]


# -- what failed


def failures(snapshot: Snapshot) -> Html:
    """The wheels that failed, with their errors; nothing if none did."""
    failed = [wheel for key in snapshot.failed if (wheel := snapshot.wheel(key)) is not None]
    if not failed:
        return Html("")
    listed = [
        element("li", element("strong", name(wheel.label)), ": ", wheel.error or "no reason is known")
        for wheel in failed[:_FAILURES]
    ]
    left = snapshot.totals.unsettled
    rest = f"{count(left, 'more wheel')} came to nothing: the session ended before" if left else ""
    return element(
        "section",
        element("h2", "What failed", id="failed"),
        element("ul", listed, class_="failures"),
        left_out(len(failed) - _FAILURES, "more wheel that failed", "more wheels that failed"),
        element("p", rest) if rest else "",
        aria_labelledby="failed",
    )


# -- why it took so long


def findings(recorded: Recorded) -> Html:
    """Where the time went, what helps, and what would have been otherwise."""
    explanation, snapshot = recorded.explanation, recorded.snapshot
    found = [element("li", _finding(row, recorded)) for row in rows(explanation)]
    usual = compared(explanation, recorded.earlier)
    return element(
        "section",
        element("h2", _capital(headline(explanation, over=snapshot.over)), id="why"),
        element("ol", found, class_="findings"),
        element("p", usual) if usual else "",
        _what_if(recorded),
        aria_labelledby="why",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _finding(row: Row, recorded: Recorded) -> Iterator[Html]:
    finding = row.finding
    is_beside = finding is not None and not finding.critical
    yield element("span", "beside the work" if is_beside else percent(row.share).strip(), class_="share")
    yield element("span", "" if is_beside else seconds(row.seconds), class_="took")
    style = (
        of_finding(finding.kind) if finding is not None else "unexplained" if "unexplained:" in row.text else "other"
    )
    bar = element("rect", x=0, y=0, width=width(min(max(row.share, 0.0), 1.0)), height="100%", class_=style)
    yield element("svg", bar, class_="share-bar", aria_hidden="true")
    yield element("div", element("p", row.text), [] if finding is None else _about(finding, recorded), class_="what")


def _about(finding: Finding, recorded: Recorded) -> Iterator[Html]:
    if finding.remedy:
        yield element("p", element("strong", "What helps: "), finding.remedy, class_="remedy")
    when = f"from {names.at(finding.begin)} to {names.at(finding.end)} of the session"
    path = "on the critical path" if finding.critical else "beside the critical path"
    wheels = ", ".join(printable(names.label(recorded.snapshot, key)) for key in finding.wheels[:_WHEELS])
    more = f" and {len(finding.wheels) - _WHEELS} more" if len(finding.wheels) > _WHEELS else ""
    about = f"{when}, {path}"
    if len(finding.wheels) > 1:
        yield folded(about, element("p", wheels + more), style="quiet")
    else:
        yield element("p", f"{about}{f'; {wheels}' if wheels else ''}", class_="quiet")


def _what_if(recorded: Recorded) -> Html:
    explanation = recorded.explanation
    told = [
        element("li", element("strong", f"{one.change}: "), predicted(one, explanation.wall))
        for one in explanation.what_if
    ]
    if not told:
        return Html("")
    same = kept(explanation.what_if, explanation.wall)
    remark = element("p", f"With {same}.", class_="quiet") if same else ""
    return element("div", element("h3", "What if"), element("ul", told, class_="what-if"), remark)
