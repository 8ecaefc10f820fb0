"""An explanation as lines: the findings that matter, and the rest of them in one line."""

from collections.abc import Sequence

from instui.monitor.model import Snapshot
from instui.monitor.units import seconds
from instui_engine.values import NamedTuple

from .explanation import Explanation, explain, headline
from .findings import Finding

WORTH_SECONDS = 2.0  # of a session, whose closing lines then say where the time went
_LINES = 3  # findings in the closing lines
_CLOSING_SHARE = 0.1  # of the wall clock, for a finding in the closing lines
_SHARE, _SECONDS = 0.01, 0.1  # a finding with less than both is one of the smaller ones


class Row(NamedTuple):
    """A row of the list of findings: one of them, the smaller ones together, or what nobody knows."""

    place: int  # from 1; 0 for the last two
    share: float
    seconds: float
    text: str
    finding: Finding | None = None


def rows(explanation: Explanation) -> list[Row]:
    """The findings as rows."""
    large: list[Finding] = []
    small: list[Finding] = []
    for finding in explanation.findings:
        is_small = finding.share < _SHARE and finding.seconds < _SECONDS and finding.critical
        (small if is_small else large).append(finding)
    found = [Row(place, one.share, one.seconds, one.text, one) for place, one in enumerate(large, 1)]
    nobody_knows = explanation.unexplained
    is_small = nobody_knows <= 0 or (nobody_knows < _SECONDS and nobody_knows < _SHARE * explanation.wall)
    if small or (is_small and nobody_knows > 0):
        names = list(dict.fromkeys(finding.kind for finding in small)) + ["unexplained"] * (
            is_small and nobody_knows > 0
        )
        took = sum(one.seconds for one in small) + nobody_knows * is_small
        share = took / explanation.wall if explanation.wall else 0.0
        found.append(Row(0, share, took, f"the rest: {', '.join(names)}"))
    if not is_small:
        text = "unexplained: the journal does not say what happened"
        found.append(Row(0, nobody_knows / explanation.wall, nobody_knows, text))
    return found


def percent(share: float) -> str:
    """A share as it is written in the first column."""
    return f"{100 * share:3.0f} %"


def where_time_went(snapshot: Snapshot, *, asked: bool = False) -> list[str]:
    """The closing lines, four at most, of a session that took long, or if they were `asked` for."""
    if snapshot.finished is None or not (asked or snapshot.t > WORTH_SECONDS):
        return []
    explanation = explain(snapshot, simulate=False)
    shown = _closing(explanation.findings)
    lines = [f"  {percent(one.share)}  {seconds(one.seconds):>7}  {one.text}" for one in shown]
    return [f"  {headline(explanation)}:", *lines] if lines else []


def _closing(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.share >= _CLOSING_SHARE][:_LINES]
