"""The lanes of the timeline: which there are, by wheel, by worker and by lock, and what is in each."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Literal, get_args

from instui.explain.activity import Activity, waits_of, work_of
from instui.explain.attribution import WAITS, Kind, Piece
from instui.monitor.model import Phase, Snapshot, WheelState
from instui.monitor.names import wait_target
from instui.tui.text.pieces import safe
from instui_engine.values import NamedTuple

from . import bars, wheels
from .filter import NOTHING, Filter
from .keys import ENVIRONMENT, FOLD
from .labels import lock_label

Mode = Literal["wheel", "worker", "lock"]
MODES: tuple[Mode, ...] = get_args(Mode)
LITTLE = 0.01  # of the whole time: a lane in which less happened is folded
_FEW, _MOST = 12, 60  # lanes that are shown at least (if there are as many), and at most
_WORK: tuple[Kind, ...] = ("fetch", "build", "unpack", "stage", "commit")


class Lane(NamedTuple):
    """A lane: what is in it in the order of time, and for how many seconds it worked and waited.

    `idle` is from when to when it is in being; `unknown`: nobody knows which worker it was.
    """

    label: str
    pieces: Sequence[Piece]
    seconds: float
    idle: tuple[float, float] | None = None
    unknown: bool = False


class LaneQuery(NamedTuple):
    """What the user wants to see."""

    mode: Mode = "wheel"
    filter: Filter = NOTHING
    everything: bool = False
    selected: str = ""
    room: int = 0  # for how many lanes there is room on the screen


class Lanes(NamedTuple):
    """The keys of the lanes in order. Those of wheels are made when they are shown, the others are `made`."""

    keys: Sequence[str]
    made: Mapping[str, Lane]
    hidden: int = 0
    hidden_seconds: float = 0.0


class Spent:
    """The seconds that were spent on each wheel. Those of a wheel that has not changed are not added up again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[WheelState, float]] = {}

    def of(self, snapshot: Snapshot) -> Mapping[str, float]:
        """The seconds until now, by wheel."""
        known, now = self._known, snapshot.t
        self._known = {
            wheel.key: before
            if (before := known.get(wheel.key)) is not None and before[0] is wheel and wheel.phase not in bars.WORKING
            else (wheel, spent(wheel, now))
            for wheel in snapshot.wheels
        }
        return {key: seconds for key, (_, seconds) in self._known.items()}


def arrange(snapshot: Snapshot, found: Activity, query: LaneQuery, before: Spent | None = None) -> Lanes:
    """The lanes to show. This goes through all wheels: not to be made for every frame.

    `before` knows what was spent on them until the last time.
    """
    if query.mode == "wheel":
        return _by_wheel(snapshot, found, query, (before or Spent()).of(snapshot))
    made = _by_worker(found) if query.mode == "worker" else _by_lock(snapshot, found)
    kept = [key for key, lane in made.items() if query.filter.keeps(lambda lane=lane: _fields(lane))]  # type: ignore[misc]
    if query.mode == "lock" and not query.everything and len(kept) > _MOST:
        hidden = kept[_MOST:]
        seconds = sum(made[key].seconds for key in hidden)
        return Lanes([*kept[:_MOST], FOLD], made, len(hidden), seconds)
    return Lanes(kept, made)


def _fields(lane: Lane) -> Mapping[str, str]:
    return {
        "wheel": " ".join({piece.wheel for piece in lane.pieces}),
        "lock": lane.label,
        # a wait for a claim or for the session's lock is one, too, and what commits holds its locks
        "state": " ".join({f"wait {piece.kind}" if piece.kind in WAITS else piece.kind for piece in lane.pieces}),
    }


def lane_of(snapshot: Snapshot, found: Activity, lanes: Lanes, key: str) -> Lane | None:
    """The lane of a key."""
    if (lane := lanes.made.get(key)) is not None:
        return lane
    wheel = snapshot.wheel(key)
    return _of_wheel(wheel, snapshot, found) if wheel is not None else None


def _of_wheel(wheel: WheelState, snapshot: Snapshot, found: Activity) -> Lane:
    pieces = sorted([*work_of(wheel, snapshot.t), *waits_of(wheel, found, snapshot.t)], key=lambda piece: piece.begin)
    over = wheel.phase in (Phase.DONE, Phase.FAILED) or snapshot.finished is not None
    first = wheel.spans[0].begin if wheel.spans else wheel.since
    last = max([wheel.since, *(piece.end for piece in pieces)]) if over else snapshot.t
    return Lane(safe(wheel.label), pieces, spent(wheel, snapshot.t), (first, last))


def spent(wheel: WheelState, now: float) -> float:
    """The seconds of work on a wheel, and of its waits."""
    going = now - wheel.since if wheel.phase in bars.WORKING else 0.0
    return going + sum(span.end - span.begin for span in wheel.spans if span.phase in bars.WORKING)


# -- by wheel


def _by_wheel(snapshot: Snapshot, found: Activity, query: LaneQuery, seconds: Mapping[str, float]) -> Lanes:
    if query.filter:
        shown = {w.key for w in snapshot.wheels if query.filter.keeps(lambda w=w: wheels.fields(w))}  # type: ignore[misc]
    elif query.everything or len(seconds) <= max(_FEW, query.room):
        shown = set(seconds)
    else:
        shown = _notable(snapshot, found, query, seconds)
    # The order of time is that of a staircase, and no lane ever moves while the session goes on.
    keys = sorted(shown, key=lambda key: (_begin(snapshot, key), snapshot.wheel_index[key]))
    hidden = [] if query.filter else [key for key in seconds if key not in shown]
    if hidden:
        return Lanes([*keys, FOLD], {}, len(hidden), sum(seconds[key] for key in hidden))
    return Lanes(keys, {})


def _notable(snapshot: Snapshot, found: Activity, query: LaneQuery, seconds: Mapping[str, float]) -> set[str]:
    """The wheels that took the most time, and those that want attention."""
    least = LITTLE * found.attribution.wall
    few = max(_FEW, query.room)
    heaviest = nlargest(_MOST, seconds, key=lambda key: seconds[key])
    shown = {key for place, key in enumerate(heaviest) if seconds[key] and (place < few or seconds[key] >= least)}
    shown.update(snapshot.failed[:_MOST], snapshot.running[:_MOST])
    if query.selected in seconds:
        shown.add(query.selected)
    return shown


def _begin(snapshot: Snapshot, key: str) -> float:
    """When the first work on a wheel began."""
    wheel = snapshot.wheel(key)
    if wheel is None:
        return 0.0
    return next((span.begin for span in wheel.spans if span.phase in bars.WORKING), wheel.since)


# -- by worker


def _by_worker(found: Activity) -> dict[str, Lane]:
    groups: dict[tuple[Kind, int], list[Piece]] = {}
    for piece in found.work:
        groups.setdefault((piece.kind, piece.worker), []).append(piece)
    made: dict[str, Lane] = {}
    for kind, worker in sorted(groups, key=lambda group: (_WORK.index(group[0]), group[1])):
        pieces = sorted(groups[kind, worker], key=lambda piece: piece.begin)
        rows = [pieces] if worker else _packed(pieces)
        for number, row in enumerate(rows, 1):
            label = f"{kind} {worker}" if worker else f"{kind} {number}?"
            made[f"\0worker\0{label}"] = Lane(label, row, sum(piece.seconds for piece in row), unknown=not worker)
    return made


def _packed(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces of unknown workers, in as few rows as they need so that none overlap."""
    rows: list[list[Piece]] = []
    for piece in pieces:
        row = next((row for row in rows if row[-1].end <= piece.begin), None)
        if row is None and len(rows) < _MOST:
            rows.append(row := [])
        (rows[-1] if row is None else row).append(piece)
    return rows


# -- by lock


def _by_lock(snapshot: Snapshot, found: Activity) -> dict[str, Lane]:
    """The environment's lock and other waits of the session first, then claims, the most waited for first."""
    waits: dict[str, list[Piece]] = {}
    for one in snapshot.session_waits:
        key = ENVIRONMENT if one.what == "environment" else f"\0wait\0{one.what}"
        kind: Kind = "environment" if one.what == "environment" else "wait"
        end = snapshot.t if one.end is None else one.end
        waits.setdefault(key, []).append(Piece(kind, one.begin, end, one.wheel, 0, one.path, one.holders, one.what))
    made = {
        key: _lock_lane(_session_lock(snapshot, key, pieces[0]), pieces, [])
        for key, pieces in sorted(waits.items(), key=lambda entry: entry[0] != ENVIRONMENT)
    }
    claims: dict[str, list[Piece]] = {}
    for past in (wait for one in found.waits.values() for wait in one):
        piece = Piece("claim", past.begin, past.end, past.wheel, 0, past.path, past.holders)
        claims.setdefault(past.path, []).append(piece)
    holds = _holds(snapshot, claims.keys())
    lanes = {path: _lock_lane(lock_label(snapshot, path), pieces, holds[path]) for path, pieces in claims.items()}
    return made | dict(sorted(lanes.items(), key=lambda entry: -entry[1].seconds))


def _session_lock(snapshot: Snapshot, key: str, wait: Piece) -> str:
    if key == ENVIRONMENT:
        return safe(wait.path)
    return wait_target(wait.what)


def _holds(snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, list[Piece]]:
    """Who held these locks, and when."""
    found: dict[str, list[Piece]] = {path: [] for path in paths}
    for wheel in snapshot.wheels:
        for path in (*wheel.exclusive, *wheel.shared):
            if path in found:
                for _, granted, released in wheel.acquisitions:
                    if granted is not None:
                        end = snapshot.t if released is None else released
                        found[path].append(Piece("commit", granted, end, wheel.key, 0, path))
    return found


def _lock_lane(label: str, waits: Sequence[Piece], holds: Sequence[Piece]) -> Lane:
    pieces = sorted([*waits, *holds], key=lambda piece: piece.begin)
    return Lane(label, pieces, sum(wait.seconds for wait in waits))


def contended(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces of a lock without overlaps: where somebody waits, the wait is shown, else the hold."""
    waits: list[Piece] = []
    for piece in pieces:
        if piece.kind == "commit":
            continue
        if waits and piece.begin <= waits[-1].end:
            waits[-1] = waits[-1]._replace(end=max(waits[-1].end, piece.end))
        else:
            waits.append(piece)
    shown = list(waits)
    for hold in (piece for piece in pieces if piece.kind == "commit"):
        begin = hold.begin
        for wait in waits:
            if wait.begin < hold.end and wait.end > begin:
                if wait.begin > begin:
                    shown.append(hold._replace(begin=begin, end=wait.begin))
                begin = max(begin, wait.end)
        if begin < hold.end:
            shown.append(hold._replace(begin=begin))
    return sorted(shown, key=lambda piece: piece.begin)
