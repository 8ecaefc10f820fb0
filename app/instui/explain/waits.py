"""Rules about waits: for locks, claims, other processes, wheels of the same session; and pauses and standstills."""

from collections.abc import Iterator, Mapping, Sequence

from instui.monitor.model import Phase, Snapshot, WheelState
from instui.monitor.names import is_foreign, is_own, path_name, short_command
from instui.monitor.units import count, seconds
from instui_engine.errors import printable
from instui_engine.journal.events import Holder

from .attribution import Piece
from .findings import Case, Cause, common, of, total, wheels_of, who

_TURNS = 0.1  # seconds that wheels stand behind another one that are worth a finding
_WHATS: Mapping[str, tuple[str, str]] = {
    "wheel": ("another process to fetch or unpack {wheel}", ""),
    "cache": ("the cache, which is being pruned", "prune the cache while nothing is installed"),
    "name": ("another process that changes {wheel}", "one command for both would not wait"),
    "older": ("sessions of an older version to end", ""),
    "recovery": ("others who hold what a killed session had begun", ""),
}


def environment_lock(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """The waits for the lock of the environment, by holder."""
    for holder, waits in _by_holder(of(pieces, "environment")):
        session = case.snapshot.session
        path = f"{printable(session.top.rpartition('/')[2])}/{printable(waits[0].path)}" if session else waits[0].path
        verb = "waits for" if case.lasts(waits) else "waited for"
        text = f"{verb} {path}, held by {who(holder, case)}"
        yield Cause("environment-lock", waits, text, _in_the_way(holder, case, waits), holder)


def claims(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """The waits for claims that other sessions or processes hold, by holder."""
    for holder, waits in _by_holder(of(pieces, "claim")):
        yield _claim(case, holder, waits)


def _claim(case: Case, holder: Holder | None, waits: Sequence[Piece], aside: bool = False) -> Cause:
    wheels = wheels_of(waits)
    paths = list(dict.fromkeys(path_name(piece.path, case.snapshot.session) for piece in waits))
    first = case.label(wheels[0]) if wheels else "a wheel"
    subject = first if len(wheels) < 2 else f"{first} and {count(len(wheels) - 1, 'more wheel')}"
    where = paths[0] if len(paths) == 1 else f"{paths[0]} and {count(len(paths) - 1, 'more path')}"
    verb = ("waits" if len(wheels) < 2 else "wait") if case.lasts(waits) else "waited"
    remedy = _in_the_way(holder, case, waits)
    if holder is not None and holder.session and holder.state != "stopped":
        remedy = "one command that installs both would take turns without this wait"
    text = f"{subject} {verb} for {where}, held by {who(holder, case)}"
    if aside:
        period = min(piece.begin for piece in waits), max(piece.end for piece in waits)
        text = f"{text}, {seconds(total(waits))} in all; other work went on meanwhile"
        return Cause("claim", (), text, "", holder, wheels, period)
    return Cause("claim", waits, text, remedy, holder, wheels)


def claims_aside(case: Case, _: Sequence[Piece]) -> Iterator[Cause]:
    """The waits for claims of others during which the session did other work all the time."""
    critical = {(piece.wheel, piece.path) for piece in of(case.attribution.pieces, "claim")}
    waits = [
        Piece("claim", wait.begin, wait.end, wait.wheel, 0, wait.path, others)
        for wait in case.snapshot.waits
        if (wait.wheel, wait.path) not in critical
        and (others := tuple(one for one in wait.holders if is_foreign(one, case.snapshot.session)))
    ]
    for holder, some in _by_holder(waits):
        if total(some) >= _TURNS:
            yield _claim(case, holder, some, aside=True)


def other_processes(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """All other waits for processes, by what for and by holder."""
    for what in dict.fromkeys(piece.what for piece in of(pieces, "wait")):
        phrase, remedy = _WHATS.get(what, ("another process", ""))
        for holder, waits in _by_holder([piece for piece in of(pieces, "wait") if piece.what == what]):
            wheels = wheels_of(waits)
            named = case.label(wheels[0]) if wheels else "a wheel"
            verb = "waits for" if case.lasts(waits) else "waited for"
            text = f"{verb} {phrase.format(wheel=named)}: {who(holder, case)}"
            stopped = _in_the_way(holder, case, waits) if holder is not None and holder.state == "stopped" else remedy
            yield Cause(f"wait-{what or 'other'}", waits, text, stopped, holder, wheels)


def pauses(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """The time for which the session was asked to rest."""
    if found := of(pieces, "pause"):
        verb = "rests" if case.lasts(found) else "rested"
        yield Cause("pause", found, f"{verb}, because somebody paused it", "go on with P on its screen")


def standstills(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """The time for which the process of the session did not run."""
    found, pid = of(pieces, "halt"), case.snapshot.session.pid if case.snapshot.session else 0
    if case.lasts(found):
        text = f"the session stands still, for {seconds(total(found))} so far: its process is stopped"
        yield Cause("halt", found, text, f"`kill -CONT {pid}` lets it go on")
    elif found:
        why = "because its process, or the whole machine, was stopped"
        text = f"the session stood still for {seconds(total(found))}, {why}"
        yield Cause("halt", found, text, "one that is stopped goes on with `fg` in its shell, or `kill -CONT PID`")
    slept = [halt for halt in case.snapshot.halts if halt.slept]
    if slept:
        text = f"the machine slept for {seconds(sum(halt.slept for halt in slept))} meanwhile, which is counted nowhere"
        yield Cause("sleep", (), text, aside=(slept[0].begin, slept[-1].end or slept[-1].begin))


def turns(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """The commits of wheels behind which others of the same session stood, and nothing else could be done."""
    behind = _behind(case.snapshot)
    commits = of(pieces, "commit")
    for key in wheels_of(commits):
        if not (waiters := behind.get(key, ())):
            continue
        mine = [piece for piece in commits if piece.wheel == key]
        if not case.matters(mine, _TURNS):
            continue
        wheel = case.snapshot.wheel(key)
        work = _renames(wheel, case.lasts(mine)) if wheel is not None else ""
        verb = "stood" if not case.lasts(mine) else "stand" if len(waiters) > 1 else "stands"
        who_waits = count(len(waiters), "wheel") if len(waiters) > 1 else case.label(waiters[0])
        text = f"{who_waits} {verb} behind {case.label(key)}, {work}"
        yield Cause("turns", mine, text, "", None, (key, *waiters))


def _behind(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """For each wheel of ours that held a claim, those that waited for it."""
    found: dict[str, dict[str, None]] = {}
    for wait in snapshot.waits:
        for holder in wait.holders:
            if is_own(holder, snapshot.session):
                found.setdefault(holder.wheel, {})[wait.wheel] = None
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is not None and wheel.waits_for is not None:
            for holder in snapshot.blocking(wheel.waits_for):
                if is_own(holder, snapshot.session):
                    found.setdefault(holder.wheel, {})[key] = None
    return {key: tuple(waiters) for key, waiters in found.items()}


def _renames(wheel: WheelState, lasts: bool) -> str:
    if lasts and wheel.phase is Phase.COMMIT and wheel.total:
        return f"which commits {count(wheel.total, 'rename')}"
    return f"which {'commits' if lasts else 'committed'} {count(wheel.files, 'file')}"


def _by_holder(waits: Sequence[Piece]) -> Iterator[tuple[Holder | None, list[Piece]]]:
    """The waits, grouped by who was first in the way. A process is the same whatever it was doing."""
    groups: dict[tuple[int, str, str], list[Piece]] = {}
    for piece in waits:
        first = piece.holders[0] if piece.holders else Holder()
        groups.setdefault((first.pid, first.session, "" if first.pid else first.command), []).append(piece)
    for group in groups.values():
        holders = [piece.holders[0] for piece in group if piece.holders]
        stopped = [holder for holder in holders if holder.state == "stopped"]
        yield common([*stopped, *holders]) if holders else None, group


def _in_the_way(holder: Holder | None, case: Case, waits: Sequence[Piece]) -> str:
    """What can be done about a process that is in the way."""
    if holder is not None and holder.state == "stopped" and holder.pid:
        if case.lasts(waits):
            return f"it is stopped and keeps its locks: `kill -CONT {holder.pid}` lets it go on"
        return f"it was stopped and kept its locks: `kill -CONT {holder.pid}` lets such a process go on"
    if case.lasts(waits):
        if holder is None or not holder.pid:
            return "wait for it, or end the process that holds it"
        program = printable(short_command(holder.command).partition(" ")[0])
        return f"wait for it, or end pid {holder.pid}{f' ({program})' if program else ''}"
    shorter = int(max(piece.seconds for piece in waits) / 2)
    if not shorter:  # less than two seconds are nothing to set a timeout for
        return "it could only be waited for"
    return f"it could only be waited for; --lock-timeout {shorter} would have failed instead"
