"""The gauges under the dashboard: most contended locks, workers and throughput."""

from collections.abc import Sequence
from itertools import pairwise

from instui.monitor import units
from instui.monitor.model import Sample, Snapshot
from instui.tui.text.glyphs import Glyphs, curve
from instui.tui.text.pieces import Line, Piece, fit, line, middle, safe
from instui_engine.values import NamedTuple

from .labels import lock_label
from .locks import longest, most_contended

WIDE = 100  # the columns that the diagrams need


def gauges(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """A rule and three lines on a wide screen, one line on a narrow one."""
    if width < WIDE:
        return [_narrow(snapshot, width)]
    third = (width - 8) // 3
    rate = rates(snapshot.samples, third - 17, snapshot.finished is not None)
    columns = (
        _contended(snapshot, third),
        _workers(snapshot, third, glyphs),
        _throughput(rate, third, glyphs),
    )
    rule: Line = (Piece(glyphs.rule * width, "rule"),)
    gap = Piece("   ")
    rows = [(Piece(" "), *a, gap, *b, gap, *c) for a, b, c in zip(*columns, strict=True)]
    return [rule, *rows]


def _narrow(snapshot: Snapshot, width: int) -> Line:
    locks = _losses(snapshot, 1)
    parts: list[Piece] = [Piece("  workers ", "dim"), Piece(f"{snapshot.totals.running} busy", "text")]
    parts.append(Piece(f"  {snapshot.totals.waiting} waiting", "wait" if snapshot.totals.waiting else "dim"))
    if locks:
        parts += line(
            ("   most contended ", "dim"), (locks[0].name, "wait"), (f" {units.age(locks[0].longest)}", "wait")
        )
    else:
        parts.append(Piece("   no contention", "dim"))
    return fit(parts, width)


def _contended(snapshot: Snapshot, width: int) -> list[Line]:
    locks = _losses(snapshot, 2)
    lines: list[Line] = [fit(line(("most contended", "dim")), width)]
    for lock in locks:
        style = "wait" if lock.now else "text"
        right = f"{units.count(lock.waits, 'wait'):>9} {units.spent(lock.longest, lock.now):>8}"
        name = fit((Piece(middle(lock.name, width - len(right) - 1), style),), width - len(right))
        lines.append((*name, Piece(right, style)))
    if not locks:
        planned = len(snapshot.collisions)
        text = f"none yet; {units.count(planned, 'lock')} will be shared" if planned else "no contention"
        lines.append(fit(line((text, "age" if planned and not snapshot.finished else "dim")), width))
    return [*lines, *[fit((), width)] * (3 - len(lines))]


class _Loss(NamedTuple):
    """A lock at which time was lost. `now`: there is a waiter for it now."""

    name: str
    waits: int
    longest: float
    now: bool


def _losses(snapshot: Snapshot, most: int) -> list[_Loss]:
    """At most `most` locks: the environment's lock, while all wait for it, then the most contended claims."""
    found = []
    lock = snapshot.environment
    if lock is not None and lock.state == "waiting":
        found.append(_Loss(f"{safe(lock.path)} (environment)", 1, snapshot.t - lock.since, True))
    for claim in most_contended(snapshot, most):
        wait = longest(claim, snapshot.t)
        found.append(_Loss(lock_label(snapshot, claim.path), claim.contended, wait, bool(claim.waiters)))
    return found[:most]


def _workers(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    room = width - 12
    samples = _resampled(snapshot.samples, room, snapshot.finished is not None)
    jobs = snapshot.session.jobs if snapshot.session else 0
    top = max([float(jobs), *(sample.running for sample in samples)])
    busy, waiting = [float(s.running) for s in samples], [float(s.waiting) for s in samples]
    waits = max([1.0, *waiting])
    style = "wait" if snapshot.totals.waiting else "dim"
    return [
        fit(line(("workers ", "dim"), (str(jobs or ""), "dim")), width),
        fit(line((curve(busy, room, top, glyphs), "dim"), (f" {snapshot.totals.running:>2} busy", "text")), width),
        fit(
            line((curve(waiting, room, waits, glyphs), "wait"), (f" {snapshot.totals.waiting:>2} waiting", style)),
            width,
        ),
    ]


def _throughput(rate: tuple[list[float], list[float]], width: int, glyphs: Glyphs) -> list[Line]:
    room = width - 17
    lines: list[Line] = [fit(line(("throughput", "dim")), width)]
    for values, style, unit in zip(rate, ("fetch", "stage"), ("B/s", "files/s"), strict=True):
        now = values[-1] if values else 0.0
        text = f"{units.size(now)}/s" if unit == "B/s" else f"{units.number(round(now))} files/s"
        top = max([1.0, *values])
        pieces = line((curve(values, room, top, glyphs), style), (f" {text:>15}", "text" if now >= 1 else "dim"))
        lines.append(fit(pieces, width))
    return lines


def rates(samples: Sequence[Sample], width: int, whole: bool = False) -> tuple[list[float], list[float]]:
    """Fetched bytes and staged files per second, between the samples that fit into `width` columns."""
    shown = _resampled(samples, max(width, 2) + 1, whole)
    fetched, staged = [], []
    for a, b in pairwise(shown):
        seconds = max(b.t - a.t, 0.01)
        fetched.append((b.fetched_bytes - a.fetched_bytes) / seconds)
        staged.append((b.staged_files - a.staged_files) / seconds)
    return fetched, staged


def _resampled(samples: Sequence[Sample], width: int, whole: bool = False) -> Sequence[Sample]:
    """The latest samples, one for each column; with `whole`, the samples of the whole session in that many columns."""
    if whole and len(samples) > width > 1:
        return [samples[i * (len(samples) - 1) // (width - 1)] for i in range(width)]
    return samples[max(0, len(samples) - width) :]
