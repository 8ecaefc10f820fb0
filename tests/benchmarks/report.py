"""The results as text, as Markdown and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results import Findings, Line, Unit

SCHEMA = 1
_HEADER = ("", "ours", "theirs", "result", "min-max", "CPU s", "their CPU", "peak MB", "budget", "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one row on one disk: findings, or why there are none."""

    row: str
    title: str
    disk: str
    findings: Findings | None = None
    skipped: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a run has to say. `disks`: their descriptions by name."""

    facts: Mapping[str, str]
    disks: Mapping[str, str]
    outcomes: Sequence[Outcome]

    def text(self) -> str:
        """For a terminal."""
        parts = [", ".join(f"{name} {value}" for name, value in self.facts.items())]
        for name, description in self.disks.items():
            parts += ["", f"disk: {description}", aligned([_HEADER, *self._rows(name)])]
        return "\n".join([*parts, *self._remarks()])

    def markdown(self) -> str:
        """For tests/README.md."""
        parts = ["; ".join(f"{name} {value}" for name, value in self.facts.items())]
        for name, description in self.disks.items():
            rows = [_HEADER, tuple("---" for _ in _HEADER), *self._rows(name)]
            parts += ["", f"Disk: {description}", "", *(f"| {' | '.join(row)} |" for row in rows)]
        remarks = self._remarks()
        return "\n".join([*parts, *([""] if remarks else []), *(f"- {remark}" for remark in remarks)]) + "\n"

    def json(self) -> str:
        """For programs, with all samples: `[wall, cpu, peak]`."""
        outcomes = [
            {
                "row": outcome.row,
                "title": outcome.title,
                "disk": outcome.disk,
                "skipped": outcome.skipped,
                "failed": outcome.failed,
                "lines": [_as_json(line) for line in outcome.findings.lines] if outcome.findings else [],
                "samples": outcome.findings.samples if outcome.findings else {},
                "notes": outcome.findings.notes if outcome.findings else [],
            }
            for outcome in self.outcomes
        ]
        whole = {"schema": SCHEMA, "machine": self.facts, "disks": self.disks, "rows": outcomes}
        return json.dumps(whole, indent=1) + "\n"

    def _rows(self, disk: str) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for outcome in self.outcomes:
            if outcome.disk != disk:
                continue
            if outcome.findings is None:
                why = f"failed: {outcome.failed}" if outcome.failed else f"skipped: {outcome.skipped}"
                rows.append((f"{outcome.row} {outcome.title}", *[""] * (len(_HEADER) - 2), why.replace("\n", " ")))
            else:
                rows += [(f"{outcome.row} {line.what}", *cells(line)) for line in outcome.findings.lines]
        return rows

    def _remarks(self) -> list[str]:
        found = [note for outcome in self.outcomes if outcome.findings for note in outcome.findings.notes]
        return list(dict.fromkeys(found))


def cells(line: Line) -> tuple[str, ...]:
    """The cells of one line after its name."""
    value, ours, theirs = line.value, line.ours, line.theirs
    low, high = number(value.low, line.unit), number(value.high, line.unit)
    return (
        f"{ours.wall:.3f} s" if ours else "",
        f"{theirs.wall:.3f} s" if theirs else "",
        with_unit(value.median, line.unit),
        "" if value.low == value.high else f"{low}-{high}",
        f"{ours.cpu:.2f}" if ours and ours.cpu else "",
        f"{theirs.cpu:.2f}" if theirs and theirs.cpu else "",
        f"{ours.peak:.0f}" if ours and ours.peak else "",
        "" if line.budget is None else with_unit(line.budget, line.unit),
        line.verdict,
    )


def number(value: float, unit: Unit) -> str:
    """As many digits as mean something."""
    match unit:
        case "x":
            return f"{value:.3f}" if value < 0.2 else f"{value:.2f}"
        case "power" | "calls":
            return f"{value:.2f}"
        case "ms" | "%":
            return f"{value:.1f}" if value < 100 else f"{value:.0f}"
        case "MB":
            return f"{value:.0f}"


def with_unit(value: float, unit: Unit) -> str:
    """A number as it stands in a cell."""
    text = number(value, unit)
    match unit:
        case "ms" | "%" | "MB":
            return f"{text} {unit}"
        case "power":
            return f"n^{text}"
        case "x":
            return f"{text} x"
        case "calls":
            return text


def _as_json(line: Line) -> dict[str, object]:
    return {
        "what": line.what,
        "unit": line.unit,
        "value": line.value._asdict(),
        "ours": line.ours._asdict() if line.ours else None,
        "theirs": line.theirs._asdict() if line.theirs else None,
        "budget": line.budget,
        "aim": line.aim,
        "verdict": line.verdict,
    }


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns, the first and the last to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        between = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *between, row[-1]]).rstrip())
    return "\n".join(lines)
