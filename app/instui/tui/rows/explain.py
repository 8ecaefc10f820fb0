"""Why a session takes so long, as rows: findings, what would have changed it, and the selected row in full."""

from collections.abc import Mapping, Sequence

from instui.explain.explanation import Explanation, headline, kept, predicted
from instui.explain.findings import Finding
from instui.explain.simulation import WhatIf
from instui.explain.slow_now import slow_now
from instui.explain.where_time_went import Row, percent, rows
from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.tui.text.columns import Column, TableRows
from instui.tui.text.glyphs import Glyphs, bar
from instui.tui.text.pieces import Line, line, safe, tail, wrapped

COLUMNS = (
    Column("place", "", 2, right=True),
    Column("share", "share", 5, right=True),
    Column("took", "took", 8, right=True),
    Column("bar", "", 20, needs=110),
    Column("text", "what it was", 10, weight=1),
)
_FINDING, _HELPS, _REST, _CHANGE, _TITLE = "finding ", "helps ", "rest ", "if ", "\0what if"
_MORE = "more "  # the second line of a text
_STYLES = {
    "fetch": "fetch",
    "build": "accent",
    "unpack": "unpack",
    "giant-wheel": "unpack",
    "unpacked-again": "unpack",
    "stage": "stage",
    "copy": "stage",
    "commit": "commit",
    "replace": "commit",
    "remove": "commit",
    "turns": "wait",
    "environment-lock": "wait",
    "claim": "wait",
    "sync": "age",
    "disk": "age",
    "pause": "age",
    "halt": "age",
}
_WHEELS = 12  # named for a finding


def top_line(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line | None:
    """What holds the session up now, in one line; None if all is well, or it is over."""
    slow = slow_now(snapshot)
    if slow is None:
        return None
    return line((f" {glyphs.alert} ", "age"), (tail(slow.text, width - 4), "text"))


def title(explanation: Explanation, over: bool) -> str:
    """The title of the panel."""
    return headline(explanation, over=over)


def table_rows(explanation: Explanation, glyphs: Glyphs, height: int, room: int) -> TableRows:
    """The rows of the panel; if there are at most `height`, what helps stands below each finding.

    A text that is longer than its `room` goes on in a second row, as long as there are rows left.
    Keys stay with what they are about, as far as that stays.
    """
    found = {_key(row): row for row in rows(explanation)}
    changes = {f"{_CHANGE}{one.change}": one for one in explanation.what_if}
    remedies = {
        f"{_HELPS}{key}": row.finding.remedy for key, row in found.items() if row.finding and row.finding.remedy
    }
    left = height - len(found) - len(changes) - bool(changes)
    if len(remedies) > left:
        remedies = {}
    left -= len(remedies)
    parts: dict[str, list[str]] = {}
    for key, text in [*((key, row.text) for key, row in found.items()), *remedies.items()]:
        parts[key] = wrapped(text, room - 2 * (key in remedies), 2 if left > 0 else 1)
        left -= len(parts[key]) - 1
    keys = []
    for key in (key for one in found for key in (one, f"{_HELPS}{one}") if key in parts):
        keys += [key, f"{_MORE}{key}"][: len(parts[key])]
    keys += [_TITLE, *changes] if changes else []

    def cells(key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
        about = key.removeprefix(_MORE)
        if about in remedies:
            arrow = " " * 2 if key != about else f"{glyphs.arrow} "
            return {"text": line((arrow, "commit"), (parts[about][key != about], "dim"))}
        if key in found:
            return _row(found[key], parts[key][0], sizes, glyphs)
        if about in found:
            return {"text": line((parts[about][1], _style(found[about].finding)))}
        if key in changes:
            return _change(changes[key], explanation.wall, sizes)
        return {"": line(("what if", "strong"))}

    return TableRows(keys, cells)


def row_of(key: str) -> str:
    """The row to select for that one: the finding that it belongs to, or itself; "" for a title."""
    return "" if key == _TITLE else key.removeprefix(_MORE).removeprefix(_HELPS)


def _key(row: Row) -> str:
    if row.finding is None:
        return f"{_REST}{row.text.partition(':')[0]}"
    finding = row.finding
    # of the same kind there may be several, by holder; the other wheels of a finding change while it lasts
    holder = finding.holder
    who = (holder.pid or holder.session or holder.command) if holder else finding.wheels[:1] * (finding.kind == "turns")
    return f"{_FINDING}{finding.kind} {finding.critical} {who}"


def _row(row: Row, text: str, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    finding = row.finding
    style = _style(finding)
    beside = finding is not None and not finding.critical
    full = bar(row.share, sizes.get("bar", 0))
    return {
        "place": line((str(row.place or ""), "dim")),
        "share": line(("" if beside else percent(row.share), "text" if row.share >= 0.1 else "dim")),
        "took": line(("beside" if beside else units.seconds(row.seconds), "dim" if beside else "strong")),
        "bar": line((glyphs.full * full, style), (glyphs.idle * (sizes.get("bar", 0) - full), "faint")),
        "text": line((text, style)),
    }


def _style(finding: Finding | None) -> str:
    if finding is None:
        return "dim"
    return "wait" if finding.kind.startswith("wait-") else _STYLES.get(finding.kind, "text")


def _change(what_if: WhatIf, wall: float, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    answer = predicted(what_if, wall)
    style = "dim" if what_if.uncertain or answer == "no change" else "commit"
    text = f"{what_if.change}: {answer}"
    return {"text": line((tail(text, sizes["text"]), style))}


def selected_finding(explanation: Explanation, key: str) -> Finding | None:
    """The finding of a row; None for another one."""
    row = _row_of(explanation, key)
    return None if row is None else row.finding


def _row_of(explanation: Explanation, key: str) -> Row | None:
    return next((row for row in rows(explanation) if _key(row) == key), None)


def in_full(explanation: Explanation, key: str, width: int, height: int) -> Sequence[Line]:
    """The selected row in at most `height` lines: the whole sentence, what helps, when it was, and its wheels."""
    change = next((one for one in explanation.what_if if f"{_CHANGE}{one.change}" == key), None)
    if change is not None:
        return _texts("", _in_words(change, explanation.wall), "text", width)[:height]
    row = _row_of(explanation, key)
    if row is None:
        return [line((" j and k select a row, enter opens its wheel or its lock", "dim"))]
    lines = [*_texts("", row.text, "strong", width)]
    finding = row.finding
    if finding is not None:
        lines += _texts("helps   ", finding.remedy, "commit", width) if finding.remedy else []
        when = f"from {units.seconds(finding.begin)} to {units.seconds(finding.end)} of the session"
        path = "on the critical path" if finding.critical else "beside the critical path"
        lines.append(line((" when    ", "dim"), (tail(f"{when}, {path}", width - 10), "text")))
        lines += _texts("wheels  ", _names(finding.wheels), "text", width) if finding.wheels else []
    return lines[:height]


def _in_words(what_if: WhatIf, wall: float) -> str:
    answer, same = predicted(what_if, wall), kept([what_if], wall)
    with_it = f", with {same}" if same else ""
    if what_if.uncertain:
        why = what_if.unknown or (
            "the difference is within what the simulation misses, or depends on what the journal does not say"
        )
        return f"{what_if.change}: {answer}; {why}"
    if answer == "no change":
        return f"{what_if.change}: it would have taken as long{with_it}"
    near = f", give or take {units.seconds(what_if.within)}" if what_if.within else ""
    return f"{what_if.change}: it would have taken {answer} instead of {units.seconds(wall)}{near}{with_it}"


def _names(wheels: Sequence[str]) -> str:
    named = ", ".join(map(safe, wheels[:_WHEELS]))
    return f"{named} and {len(wheels) - _WHEELS} more" if len(wheels) > _WHEELS else named


def _texts(label: str, text: str, style: str, width: int) -> list[Line]:
    """A label and a text, which goes on below itself."""
    parts = wrapped(text, max(width - len(label) - 2, 10))
    return [
        line((f" {label if not number else ' ' * len(label)}", "dim"), (part, style))
        for number, part in enumerate(parts)
    ]
