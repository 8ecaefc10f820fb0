"""The Locks view by lock: the claimed paths as a tree, and below each the waiters for it."""

from collections.abc import Callable, Mapping, Sequence

from instui.monitor import units
from instui.monitor.model import EnvironmentLock, LockState, Snapshot, Waiter
from instui.monitor.spans import SessionWait
from instui.tui.text.columns import Column
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, line, middle, safe, tail
from instui.tui.text.styles import age_style
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import session_waits
from .filter import NOTHING, Fields, Filter
from .keys import ENVIRONMENT, ENVIRONMENT_WAITER, FOLD, About, is_session_wait, waiter_key
from .labels import holder_label, holder_pieces, lock_label, own_holder, short, wheel_label
from .queue import before

COLUMNS = (
    Column("path", "path", 14, weight=4, most=52),
    Column("mode", "mode", 4, needs=56),
    Column("holder", "holder", 13, weight=4, most=56),
    Column("held", "held for", 8, right=True, needs=62),
    Column("waiters", "waiters", 7, right=True, needs=72),
    Column("longest", "longest", 7, right=True),
    Column("taken", "taken", 5, right=True, needs=92),
    Column("contended", "contended", 9, right=True, needs=104),
)
SORTS: dict[str, Callable[[LockState, float], tuple[float, str]]] = {
    "path": lambda lock, _t: (0.0, lock.path),
    "mode": lambda lock, _t: (0.0, lock.mode or "~"),
    "holder": lambda lock, _t: (-len(lock.holders), lock.path),
    "held": lambda lock, t: (-(t - lock.since) if lock.since is not None else 0.0, lock.path),
    "waiters": lambda lock, _t: (-len(lock.waiters), lock.path),
    "longest": lambda lock, t: (-longest(lock, t), lock.path),
    "taken": lambda lock, _t: (-lock.acquisitions, lock.path),
    "contended": lambda lock, _t: (-contended(lock), lock.path),
}


class LockQuery(NamedTuple):
    """What the user wants to see in the Locks view."""

    filter: Filter = NOTHING
    everything: bool = False
    sort: str = ""
    reverse: bool = False
    about: About = About()  # what is selected; its row is always shown


class Tree(NamedTuple):
    """The rows in order and, for each lock, its depth in the tree and its name below its parent."""

    keys: list[str]
    rows: Mapping[str, About]
    names: Mapping[str, tuple[int, str]]
    hidden: int


def longest(lock: LockState, t: float) -> float:
    """The longest wait for this lock, including present ones."""
    return max([lock.longest, *(t - waiter.since for waiter in lock.waiters)])


def contended(lock: LockState) -> float:
    """The share of acquisitions that had to wait, including those that still do."""
    return lock.contended / max(lock.acquisitions + len(lock.waiters), 1)


def interesting(lock: LockState) -> bool:
    """Whether any wheel waits, has waited or will wait for the lock."""
    return bool(lock.waiters or lock.contended or lock.collision)


def most_contended(snapshot: Snapshot, most: int) -> list[LockState]:
    """The at most `most` locks at which the most time was lost, including present waits."""
    known = (snapshot.lock(path) for path in snapshot.contended)
    found = [lock for lock in known if lock is not None and (lock.waiters or lock.waited > 0)]
    found.sort(key=lambda lock: -(lock.waited + sum(snapshot.t - waiter.since for waiter in lock.waiters)))
    return found[:most]


def arrange(snapshot: Snapshot, query: LockQuery) -> Tree:
    """The locks to show: everything if wanted; else those with waits or collisions, and those now held in mode X."""
    locks = [lock for lock in snapshot.locks if _shown(lock, snapshot, query)]
    hidden = len(snapshot.locks) - len(locks)
    paths = {lock.path for lock in locks}
    if query.sort:
        locks.sort(key=lambda lock: SORTS[query.sort](lock, snapshot.t))
        names = {lock.path: (0, lock_label(snapshot, lock.path)) for lock in locks}
    else:
        locks, names = _as_tree(snapshot, paths)
    if query.reverse:
        locks.reverse()
    rows = _environment_rows(snapshot, query) | _other_rows(snapshot, query)
    for lock in locks:
        rows[lock.path] = About(lock.path, own_holder(snapshot, lock))
        rows |= {waiter_key(lock.path, waiter.wheel): About(lock.path, waiter.wheel) for waiter in lock.waiters}
    if hidden and rows and not query.filter:
        rows[FOLD] = About()
    return Tree([*rows], rows, names, hidden)


def _environment_rows(snapshot: Snapshot, query: LockQuery) -> dict[str, About]:
    lock = snapshot.environment
    if lock is None or not query.filter.keeps(lambda: {"lock": f"{lock.path} environment", "state": "environment"}):
        return {}
    keys = [ENVIRONMENT, ENVIRONMENT_WAITER] if lock.state == "waiting" else [ENVIRONMENT]
    rows = {key: About(ENVIRONMENT) for key in keys}
    return rows | {waiter_key(ENVIRONMENT, one.wheel): About(ENVIRONMENT, one.wheel) for one in _of_members(snapshot)}


def _of_members(snapshot: Snapshot) -> list[SessionWait]:
    """The waits for the environment's lock that go on, of single ones of several sessions."""
    waits = snapshot.session_waits
    return [wait for wait in waits if wait.end is None and wait.what == "environment" and wait.wheel]


def _other_rows(snapshot: Snapshot, query: LockQuery) -> dict[str, About]:
    """What the session waits or has waited for that is no claim, with who waits."""
    rows = {}
    for place in session_waits.places(snapshot):
        name, state = lock_label(snapshot, place.key), "wait" if place.present else "free"
        wheels = " ".join(wait.wheel for wait in place.waits)
        if query.filter.keeps(lambda fields={"lock": name, "wheel": wheels, "state": state}: fields):  # type: ignore[misc]
            rows[place.key] = About(place.key)
            for wait in place.all_present:
                rows[waiter_key(place.key, wait.wheel)] = About(place.key, wait.wheel)
    return rows


def _shown(lock: LockState, snapshot: Snapshot, query: LockQuery) -> bool:
    if query.filter:
        return query.filter.keeps(lambda: fields(lock, snapshot))
    if query.everything or lock.path == query.about.path:
        return True
    return interesting(lock) or (lock.mode == "X" and not lock.path.startswith("@") and not _is_metadata(lock.path))


def _is_metadata(path: str) -> bool:
    return path.endswith(".dist-info")  # each wheel holds one, which means nothing


def fields(lock: LockState, snapshot: Snapshot) -> Fields:
    """The fields for a filter; `wheel:` finds every lock that the wheel claims."""
    wheels = {hold.wheel for hold in lock.holders} | {waiter.wheel for waiter in lock.waiters} | {*lock.collision}
    claims = [w.key for w in snapshot.wheels if w.key not in wheels and lock.path in w.exclusive]
    state = "wait" if lock.waiters else "held" if lock.holders else "planned" if not lock.acquisitions else "free"
    return {"lock": lock_label(snapshot, lock.path).casefold(), "wheel": " ".join([*wheels, *claims]), "state": state}


def _as_tree(snapshot: Snapshot, paths: set[str]) -> tuple[list[LockState], dict[str, tuple[int, str]]]:
    """The locks in tree order and, for each, its depth and its name below its parent."""
    roots = {*snapshot.session.roots.values()} - {""} if snapshot.session else set()
    parents = {root for root in roots if snapshot.lock(root) and any(p.startswith(f"{root}/") for p in paths)}
    every = sorted(paths | parents, key=_tree_order)
    names: dict[str, tuple[int, str]] = {}
    for path in every:
        above = path.rpartition("/")[0]
        while above and above not in names:
            above = above.rpartition("/")[0]
        depth = names[above][0] + 1 if above else 0
        lock = snapshot.lock(path)
        slash = "/" if lock and lock.is_directory else ""
        text = path[len(above) + 1 :] if above else path
        name = lock_label(snapshot, path) if path.startswith("@") or path == "." else safe(text) + slash
        names[path] = (depth, name)
    return [lock for path in every if (lock := snapshot.lock(path))], names


def _tree_order(path: str) -> tuple[bool, list[str]]:
    return path.startswith("@"), [] if path == "." else path.split("/")


def cells(snapshot: Snapshot, tree: Tree, key: str, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    """The cells of one row."""
    if key == FOLD:
        return {"": line((f"… {units.count(tree.hidden, 'more path')} without waits   (a shows all)", "dim"))}
    if key == ENVIRONMENT and snapshot.environment:
        return _environment(snapshot.environment, snapshot, sizes)
    if key == ENVIRONMENT_WAITER and snapshot.environment:
        return _environment_waiter(snapshot.environment, snapshot, sizes, glyphs)
    path, wheel = tree.rows.get(key, About())
    if path == ENVIRONMENT:
        wait = next((one for one in _of_members(snapshot) if one.wheel == wheel), None)
        return _other_waiter(wait, snapshot, sizes, glyphs) | {"mode": line(("SH", "wait"))} if wait else {}
    if is_session_wait(path):
        place = session_waits.find(snapshot, path)
        wait = next((one for one in place.all_present if one.wheel == wheel), None) if place and key != path else None
        if wait is not None:
            return _other_waiter(wait, snapshot, sizes, glyphs)
        return _other(place, snapshot, sizes) if place else {}
    lock = snapshot.lock(path)
    if lock is None:
        return {}
    depth, name = tree.names.get(path, (0, lock_label(snapshot, path)))
    if key != path:
        waiter = next((waiter for waiter in lock.waiters if waiter.wheel == wheel), None)
        return _waiter(waiter, path, depth, snapshot, sizes, glyphs) if waiter else {}
    return _lock(lock, depth, name, snapshot, sizes, glyphs)


def _lock(
    lock: LockState, depth: int, name: str, snapshot: Snapshot, sizes: Mapping[str, int], glyphs: Glyphs
) -> Mapping[str, Line]:
    held = snapshot.t - lock.since if lock.since is not None else None
    wait = longest(lock, snapshot.t)
    indent = "  " * depth
    has_story, waited_for = interesting(lock) or lock.mode == "X", bool(lock.waiters)
    cells: dict[str, Line] = {
        "path": line((indent, "dim"), (middle(name, sizes["path"] - len(indent)), "text" if has_story else "dim")),
        "mode": line((lock.mode or _planned_mode(lock), "text" if lock.mode else "dim")),
        "holder": _holder(lock, snapshot, sizes["holder"], glyphs),
        "waiters": line((str(len(lock.waiters)), "wait")) if lock.waiters else (),
        "longest": line((units.spent(wait, waited_for), "wait" if waited_for else "text")) if wait > 0 else (),
        "taken": line((str(lock.acquisitions), "dim")) if lock.acquisitions else (),
    }
    if held is not None:
        cells["held"] = line((units.age(held), age_style(held) if lock.mode == "X" else "dim"))
    if lock.acquisitions + len(lock.waiters):
        share = contended(lock)
        cells["contended"] = line((f"{100 * share:.0f} %", "wait" if lock.waiters else "text" if share else "dim"))
    return cells


def _planned_mode(lock: LockState) -> str:
    return "X" if lock.claims_x else "IX" if lock.claims_ix else ""


def _holder(lock: LockState, snapshot: Snapshot, room: int, glyphs: Glyphs) -> tuple[Piece, ...]:
    """Who holds the lock. For a free lock: who will take turns there by the plan, or whether it was used."""
    if lock.holders:
        if lock.mode == "IX" and len(lock.holders) > 1:
            return line((units.count(len(lock.holders), "wheel"), "dim"))
        return line((short(wheel_label(snapshot, lock.holders[0].wheel), room), "commit"))
    if lock.foreign:
        return holder_pieces(snapshot, lock.foreign[0], room)
    if lock.waiters and lock.waiters[0].holders:
        return line((tail(f"kept for {holder_label(snapshot, lock.waiters[0].holders[0])}", room), "dim"))
    if lock.collision and not lock.acquisitions:
        names = f" {glyphs.arrow} ".join(safe(key) for key in lock.collision)
        return line((tail(f"in turn: {names}", room), "age"))
    if lock.acquisitions:
        return line(("free", "dim"))
    claims = lock.claims_x + lock.claims_ix
    return line((f"planned by {units.count(claims, 'wheel')}", "dim"))


def _waiter(
    waiter: Waiter, path: str, depth: int, snapshot: Snapshot, sizes: Mapping[str, int], glyphs: Glyphs
) -> Mapping[str, Line]:
    age = snapshot.t - waiter.since
    indent = "  " * depth
    name = short(wheel_label(snapshot, waiter.wheel), sizes["path"] - len(indent) - 2)
    return {
        "path": line((f"{indent}{glyphs.waiter} ", "wait"), (name, "wait")),
        "mode": line((waiter.mode, "wait")),
        "holder": _behind(waiter.wheel, path, snapshot, sizes["holder"]),
        "longest": line((units.age(age), age_style(age, "wait"))),
    }


def _other_waiter(wait: SessionWait, snapshot: Snapshot, sizes: Mapping[str, int], glyphs: Glyphs) -> dict[str, Line]:
    """The cells of who waits for what is no claim."""
    age = session_waits.length(wait, snapshot.t)
    return {
        "path": session_waits.waiter(wait, snapshot, sizes["path"], glyphs),
        "holder": _waits_for(wait.holders[::-1], snapshot, sizes["holder"]),
        "longest": line((units.spent(age, True), age_style(age, "wait"))),
    }


def _other(place: session_waits.Place, snapshot: Snapshot, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    """The cells of what is waited for that is no claim."""
    wait, t = place.present or place.waits[-1], snapshot.t
    waits = wait.end is None
    holder = session_waits.holder_of(wait)
    who = holder_pieces(snapshot, holder, sizes["holder"]) if waits else _was_held(holder, snapshot, sizes["holder"])
    return {
        "path": line((tail(lock_label(snapshot, place.key), sizes["path"]), "text")),
        "holder": who,
        "waiters": line((str(len(place.all_present)), "wait")) if waits else (),
        "longest": line((units.spent(place.longest(t), waits), "wait" if waits else "text")),
    }


def _waits_for(holders: Sequence[Holder], snapshot: Snapshot, room: int) -> Line:
    """`waits for` a holder, as far as there is room."""
    word = "waits for " if room >= 24 else ""
    more = f" +{len(holders) - 1}" if len(holders) > 1 else ""
    if not holders:
        return line((f"{word}its turn" if word else "its turn", "wait"))
    who = holder_pieces(snapshot, holders[0], room - len(word) - len(more), "wait")
    return (*line((word, "wait")), *who, Piece(more, "dim"))


def _was_held(holder: Holder, snapshot: Snapshot, room: int) -> Line:
    """That a lock is free, and who has held it, as far as there is room."""
    name = holder_label(snapshot, holder)
    text = f"free; was held by {name}" if holder.pid or holder.command else "free"
    return line((text if units.cells(text) <= room else tail(text, room) if room >= 30 else "free", "dim"))


def _behind(wheel: str, path: str, snapshot: Snapshot, room: int) -> Line:
    """For whom a wheel waits: behind others that wait too, it is who holds the lock in the end."""
    waiting, _, holders = before(snapshot, wheel)
    if not waiting:
        return _waits_for(holders, snapshot, room)
    full = f"behind {short(wheel_label(snapshot, waiting[0]), room - 7)}"
    return line((tail(full, room), "wait"))


def _environment(lock: EnvironmentLock, snapshot: Snapshot, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    age = snapshot.t - lock.since
    members = _of_members(snapshot)
    waiting = lock.state == "waiting" or bool(members)
    now = [age] if lock.state == "waiting" else [session_waits.length(wait, snapshot.t) for wait in members]
    longest = max([*now, lock.waited])
    who: Line
    if waiting:
        holders = lock.holders[:1] or tuple(wait.holders[-1] for wait in members if wait.holders)
        who = holder_pieces(snapshot, holders[0] if holders else Holder(), sizes["holder"])
    elif lock.state == "held":
        who = line(("these sessions" if len(snapshot.sessions) > 1 else "this session", "commit"))
    else:
        who = _last_holder(snapshot, sizes["holder"])
    mode = {"waiting": ("X", "text"), "held": ("SH", "text")}.get(lock.state, ("SH", "dim"))
    return {
        "path": line((tail(f"{safe(lock.path)} (environment)", sizes["path"]), "text")),
        "mode": line(mode if not members or lock.state == "held" else ("X", "text")),
        "holder": who,
        "held": line((units.age(age), "dim")) if lock.state == "held" else (),
        "waiters": line((str(len(now)), "wait")) if waiting else (),
        "longest": line((units.spent(longest, waiting), "wait" if waiting else "text")) if longest >= 0.05 else (),
    }


def _last_holder(snapshot: Snapshot, room: int) -> Line:
    """That the environment's lock is free, and who held it while this session waited for it."""
    waits = [wait for wait in snapshot.session_waits if wait.what == "environment"]
    longest = max(waits, key=lambda wait: session_waits.length(wait, snapshot.t), default=None)
    return _was_held(session_waits.holder_of(longest) if longest else Holder(), snapshot, room)


def _environment_waiter(
    lock: EnvironmentLock, snapshot: Snapshot, sizes: Mapping[str, int], glyphs: Glyphs
) -> Mapping[str, Line]:
    age = snapshot.t - lock.since
    return {
        "path": line((f"{glyphs.waiter} ", "wait"), (tail(session_waits.ALL, sizes["path"] - 2), "wait")),
        "mode": line(("SH", "wait")),
        "holder": _waits_for(lock.holders or (Holder(),), snapshot, sizes["holder"]),
        "longest": line((units.age(age), age_style(age, "wait"))),
    }
