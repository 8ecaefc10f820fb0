"""Recoveries on the screens: what a killed session had begun, and what became of it."""

from collections import Counter
from collections.abc import Mapping

from instui.monitor import units
from instui.monitor.model import Recovery, Snapshot
from instui.monitor.recoveries import OUTCOMES
from instui.tui.text.pieces import Line, line, safe, tail

from .filter import Fields, Filter
from .labels import short

SIGN = "↺"
_KEY = "\0recovery\0"
ALL = f"{_KEY}all"  # the row of several finished recoveries
STYLES = {"running": "age", "completed": "commit", "undone": "age", "withdrawn": "age", "failed": "failed"}


def keys(snapshot: Snapshot, filter_: Filter) -> list[str]:
    """The rows on the dashboard: one for each running recovery, and a single one for all that are over."""
    running = [number for number, row in enumerate(snapshot.recoveries) if row.outcome == "running"]
    over = [number for number, row in enumerate(snapshot.recoveries) if row.outcome != "running"]
    if filter_:
        found = [n for n in (*running, *over) if filter_.keeps(lambda n=n: fields(snapshot.recoveries[n]))]  # type: ignore[misc]
        return [f"{_KEY}{number}" for number in found]
    if len(over) > 1:
        return [*(f"{_KEY}{number}" for number in running), ALL]
    return [f"{_KEY}{number}" for number in (*running, *over)]


def fields(row: Recovery) -> Fields:
    """The fields for a filter."""
    return {"wheel": row.label, "lock": " ".join(row.left).casefold(), "state": f"recovery {row.outcome}"}


def is_recovery(key: str) -> bool:
    """Whether the row of that key is about recoveries."""
    return key.startswith(_KEY)


def of(snapshot: Snapshot, key: str) -> Recovery | None:
    """The recovery that a row is about; None if the row stands for several."""
    number = key.removeprefix(_KEY)
    rows = snapshot.recoveries
    return rows[int(number)] if is_recovery(key) and number.isdigit() and int(number) < len(rows) else None


def cells(snapshot: Snapshot, key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    """The cells of one row."""
    row = of(snapshot, key)
    if row is None:
        return {"": _together(snapshot)}
    style = STYLES.get(row.outcome, "age")
    word = "recover" if row.outcome == "running" else row.outcome
    found = {
        "state": line((SIGN, style)),
        "wheel": line((short(safe(row.label), sizes["wheel"]), "text")),
        "doing": line((tail(safe(word), sizes["doing"]), style)),
        "lock": line((tail(_left(row).removeprefix(", ") or "of killed session", sizes.get("lock", 0)), "dim")),
    }
    if row.outcome == "running":
        found["age"] = line((units.age(snapshot.t - row.t), "text"))
    return found


def _together(snapshot: Snapshot) -> Line:
    outcomes = Counter(row.outcome for row in snapshot.recoveries if row.outcome != "running")
    text = ", ".join(f"{units.number(number)} {safe(outcome)}" for outcome, number in outcomes.items())
    style = STYLES["failed"] if "failed" in outcomes else STYLES["completed"]
    return line(
        (f"{SIGN}  ", style), ("recovered of killed sessions: ", "text"), (text, style), ("   see Events", "dim")
    )


def _left(row: Recovery) -> str:
    return f", {units.count(len(row.left), 'file')} left as found" if row.left else ""


def event(row: Recovery) -> str:
    """A recovery in one line, for the log, which names the distribution beside it."""
    version, session = safe(row.version), safe(row.session)
    if row.outcome == "running":
        return f"{SIGN} {version} of the killed session {session}"
    paths = "".join(f"  {safe(path)}" for path in row.left[:3])
    return f"{SIGN} {version} {safe(row.outcome)}{_left(row)}{paths}  (killed session {session})"


def describe(row: Recovery) -> str:
    """A recovery in a sentence, for the clipboard."""
    outcome = OUTCOMES.get(row.outcome, safe(row.outcome))
    return f"{safe(row.label)} of the killed session {safe(row.session)} {outcome}{_left(row)}"


def detail(snapshot: Snapshot, wheel: str, width: int) -> list[Line]:
    """The recoveries of one distribution, as lines for its detail."""
    lines: list[Line] = []
    for row in snapshot.recoveries:
        if row.wheel == wheel:
            style = STYLES.get(row.outcome, "age")
            text = OUTCOMES.get(row.outcome, safe(row.outcome))
            lines.append(line((f"  {SIGN} {safe(row.outcome):<11}", style), (f"{safe(row.version)} {text}", "text")))
            lines.append(line(("    begun by    ", "dim"), (tail(f"session {safe(row.session)}", width - 16), "text")))
            lines += [
                line(("    left as is  ", "dim"), (tail(safe(path), width - 16), "text")) for path in row.left[:40]
            ]
            if len(row.left) > 40:
                lines.append(line((f"    … {units.number(len(row.left) - 40)} more", "dim")))
    return lines
