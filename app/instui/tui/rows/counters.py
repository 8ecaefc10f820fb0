"""The counters of the pipeline, line 2 of every screen, and for how long somebody waited for locks."""

from collections.abc import Iterator, Sequence
from typing import Literal

from instui.monitor import units
from instui.monitor.model import Snapshot, Totals
from instui.monitor.names import on_disk
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, joined, line, spread, width_of
from instui_engine.values import NamedTuple

from .session_waits import whole


class Station(NamedTuple):
    """A number of wheels: its field in `Totals`, the word for it, a briefer and a short one, and its style."""

    field: str
    word: str
    brief: str
    short: str
    style: str


_INSTALL = (
    Station("resolved", "resolved", "all", "res", "text"),
    Station("cached", "cached", "cached", "cac", "text"),
    Station("downloads", "fetched", "fetch", "fet", "fetch"),
    Station("new", "unpacked", "unpack", "unp", "unpack"),
    Station("staged", "staged", "stage", "sta", "stage"),
    Station("waiting", "waiting", "wait", "wait", "wait"),
    Station("committed", "committed", "done", "com", "commit"),
    Station("failed", "failed", "fail", "fail", "failed"),
)
_REMOVED = Station("removed", "removed", "gone", "gone", "commit")
_REMOVAL = (
    Station("removing", "removing", "all", "rem", "text"),
    Station("waiting", "waiting", "wait", "wait", "wait"),
    _REMOVED,
    Station("failed", "failed", "fail", "fail", "failed"),
)
_LEAVE_OUT = ("resolved", "cached", "downloads", "new", "staged")  # in this order, where there is no room

_Form = Literal["word", "brief", "short"]
_RIGHT = 20  # columns for what stands at the right, in short


def counters(snapshot: Snapshot, glyphs: Glyphs, width: int) -> Line:
    """The pipeline. The width of the screen alone says which words there are, so that nothing moves."""
    forms = list(_forms(_stations(snapshot), snapshot.totals, glyphs, whole(snapshot) is not None))
    # the first three have all the numbers, so there is room for what stands at the right before anything is left out
    narrow = [form for form in forms[:3] if width_of(form) + _RIGHT <= width]
    text = next((form for form in (*narrow, *forms) if width_of(form) <= width), forms[-1])
    room = width - width_of(text) - 2
    right = next((one for one in _right(snapshot) if width_of(one) + 1 <= room), ())
    return spread(text, (*right, Piece(" ")), width) if right else fit(text, width)


def _stations(snapshot: Snapshot) -> Sequence[Station]:
    """The stations. Beside a session that failed, no "failed 0" stands, but what it left undone."""
    removes, totals = snapshot.removes, snapshot.totals
    found: Sequence[Station] = _REMOVAL if removes else _INSTALL
    if totals.removing and not removes:
        found = [*_INSTALL[:-1], _REMOVED, _INSTALL[-1]]
    if snapshot.finished is not None:  # nothing waits any longer
        found = [station for station in found if station.field != "waiting"]
    failed = totals.unsettled or (snapshot.finished is not None and snapshot.finished.exit != 0)
    if failed and not totals.failed:
        found = found[:-1]
    if totals.unsettled:
        word = f"not {snapshot.done}"
        found = [*found, Station("unsettled", word, word, "not", "age")]
    return found


def _forms(stations: Sequence[Station], totals: Totals, glyphs: Glyphs, all_wait: bool) -> Iterator[Line]:
    """The line in all its forms, the widest first."""
    yield _form(stations, totals, Piece(f" {glyphs.dot} ", "faint"), all_wait)
    yield _form(stations, totals, Piece("  "), all_wait)
    left = list(stations)
    for field in _LEAVE_OUT:
        left = [station for station in left if station.field != field]
        yield _form(left, totals, Piece("  "), all_wait, of=True)
        yield _form(left, totals, Piece("  "), all_wait, "brief", of=True)
    yield _form(left, totals, Piece("  "), all_wait, "short", of=True)
    if _REMOVED in left and stations[0] is _INSTALL[0]:  # of a sync with many wheels, on the smallest screen
        left.remove(_REMOVED)
        yield _form(left, totals, Piece("  "), all_wait, "short", of=True)


def _form(
    stations: Sequence[Station], totals: Totals, gap: Piece, all_wait: bool, form: _Form = "word", *, of: bool = False
) -> Line:
    """One form. `of`: with the number of all, which is then not there on its own. `all_wait`: the session waits."""
    digits = len(units.number(max(totals.resolved, totals.removing)))
    parts = [_counter(station, totals, digits, of, form, all_wait) for station in stations]
    return (Piece(" "), *joined(parts, gap))


def _counter(station: Station, totals: Totals, digits: int, of: bool, form: _Form, all_wait: bool) -> Line:
    word = {"word": station.word, "brief": station.brief, "short": station.short}[form]
    if all_wait and station.field == "waiting":  # no wheel does, as the session waits for all of them
        return line((f"{word} ", "dim"), ("all".rjust(digits), station.style))
    # what comes from the cache is neither fetched nor unpacked
    value = totals.unpacked - totals.cached if station.field == "new" else getattr(totals, station.field)
    quiet = not value or station.style == "text"
    all_ = f"/{units.number(totals.resolved)}" if of and station.field == "committed" else ""
    return line(
        (f"{word} ", "dim"),
        (f"{units.number(value):>{digits}}", "text" if value and quiet else "dim" if quiet else station.style),
        (all_, "dim"),
    )


def compiled(snapshot: Snapshot) -> str:
    """How many modules are compiled, of how many."""
    counted = snapshot.compiling
    return f"{units.number(counted.done)} of {units.number(counted.files)}"


def _right(snapshot: Snapshot) -> Iterator[Line]:
    """What stands at the right, in long and in short."""
    if snapshot.is_compiling:
        yield line(("compiling modules ", "dim"), (compiled(snapshot), "unpack"))
        yield line((f"compiling {compiled(snapshot)}", "unpack"))
        share = 100 * snapshot.compiling.done // max(snapshot.compiling.files, 1)
        yield line((f"compiling {share} %", "unpack"))
        return
    if snapshot.syncing:
        yield line((f"writing {on_disk(snapshot.syncing)} to disk", "fetch"))
        yield line(("writing to disk", "fetch"))
        return
    held_up = snapshot.totals.held_up
    time = (f"{units.spent(held_up, not snapshot.over):>6}", "wait" if held_up >= 0.05 else "dim")
    yield line(("waits for locks ", "dim"), time)
    yield line(("lock waits ", "dim"), time)
