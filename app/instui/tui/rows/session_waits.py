"""Waits for what is no claim: another session unpacks the same wheel, the cache is pruned, a name is taken."""

from instui.monitor.joined import member, plain_name
from instui.monitor.model import Snapshot
from instui.monitor.names import path_name
from instui.monitor.spans import SessionWait
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line, safe, tail
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .keys import ENVIRONMENT, session_wait_key

ALL = "this session, all of it"
SHORTEST = 0.05  # seconds; shorter waits that are over are not shown
_TITLES = {
    "cache": "the cache",
    "recovery": "what a killed session had begun",
    "older": "sessions of an older version",
}


class Place(NamedTuple):
    """What was waited for, with all waits for it, the latest one last."""

    key: str
    waits: tuple[SessionWait, ...]

    @property
    def present(self) -> SessionWait | None:
        """The wait that goes on, the latest one."""
        return next(reversed(self.all_present), None)

    @property
    def all_present(self) -> tuple[SessionWait, ...]:
        """All that go on: several sessions may be shown as one."""
        return tuple(wait for wait in self.waits if wait.end is None)

    def longest(self, t: float) -> float:
        """The longest wait, in seconds."""
        return max(length(wait, t) for wait in self.waits)


def length(wait: SessionWait, t: float) -> float:
    """The length of a wait so far, in seconds."""
    return (t if wait.end is None else wait.end) - wait.begin


def every_place(snapshot: Snapshot) -> list[Place]:
    """What the session or its wheels waited for, except claims."""
    found: dict[str, list[SessionWait]] = {}
    for wait in snapshot.session_waits:
        if wait.end is None or length(wait, snapshot.t) >= SHORTEST:
            found.setdefault(key_of(wait), []).append(wait)
    return [Place(key, tuple(waits)) for key, waits in found.items()]


def places(snapshot: Snapshot) -> list[Place]:
    """The same without the environment's lock, which has its own rows."""
    return [place for place in every_place(snapshot) if place.key != ENVIRONMENT]


def key_of(wait: SessionWait) -> str:
    """The key of the row about what is waited for."""
    if wait.what == "environment":
        return ENVIRONMENT
    return session_wait_key(wait.what, _wheel_of(wait) or wait.path)


def title(wait: SessionWait, snapshot: Snapshot) -> str:
    """What is waited for, in a few words."""
    if wait.what == "environment":
        return f"{safe(wait.path)} (environment)"
    wheel = snapshot.wheel(wait.wheel)
    name = safe(wheel.label if wheel else _wheel_of(wait)) or path_name(wait.path, snapshot.session)
    if wait.what == "wheel":
        return f"{name} (unpacking)"
    return f"the name {safe(wait.wheel)}" if wait.what == "name" and _wheel_of(wait) else _TITLES.get(wait.what, name)


def _wheel_of(wait: SessionWait) -> str:
    """The wheel that waits; "" for a session as a whole."""
    return wait.wheel if plain_name(wait.wheel) else ""


def holder_of(wait: SessionWait) -> Holder:
    """The holder to name: the one that was named last."""
    return wait.holders[-1] if wait.holders else Holder()


def present_keys(snapshot: Snapshot) -> list[str]:
    """The rows of the dashboard: one for each present wait, unless one of several sessions has it."""
    found = places(snapshot)
    return [place.key for place in found if any(not member(one.wheel, snapshot.sessions) for one in place.all_present)]


def waiting_wheels(snapshot: Snapshot) -> set[str]:
    """The wheels that have such a row, each because another session unpacks it."""
    return {wait.wheel for wait in snapshot.session_waits if wait.end is None and snapshot.wheel(wait.wheel)}


def whole(snapshot: Snapshot) -> SessionWait | None:
    """The wait that goes on of the session as a whole, for no wheel of its own."""
    idle = not snapshot.running and not snapshot.waiting  # one of several that waits does not hold up the others
    return next(
        (
            wait
            for wait in snapshot.session_waits[::-1]
            if wait.end is None and (not wait.wheel or (idle and member(wait.wheel, snapshot.sessions)))
        ),
        None,
    )


def of_member(snapshot: Snapshot, number: int) -> SessionWait | None:
    """The wait that goes on of that one of several sessions as a whole."""
    waits = (wait for wait in reversed(snapshot.session_waits) if wait.end is None)
    return next((wait for wait in waits if member(wait.wheel, snapshot.sessions) == number), None)


def waiting_members(snapshot: Snapshot) -> list[int]:
    """The numbers of those of several sessions that wait as a whole."""
    if not snapshot.sessions:
        return []
    return sorted({member(one.wheel, snapshot.sessions) for one in snapshot.session_waits if one.end is None} - {0})


def find(snapshot: Snapshot, key: str) -> Place | None:
    """What the row of that key is about."""
    return next((place for place in places(snapshot) if place.key == key), None)


def doing(wait: SessionWait, room: int) -> Line:
    """The wait in `room` columns, for the dashboard."""
    word = {"wheel": "unpacked by another", "cache": "cache", "name": "its name", "recovery": "recovery"}
    text = word.get(wait.what, "others")
    return line(("wait   ", "wait"), (text if len(text) + 7 <= room else "", "dim"))


def all_of(snapshot: Snapshot, waiter: str) -> str:
    """The session that waits as a whole, in words; "" if it is a wheel."""
    number = member(waiter, snapshot.sessions)
    return f"pid {snapshot.sessions[number - 1].pid}, all of it" if number else "" if waiter else ALL


def named(snapshot: Snapshot, waiter: str) -> str:
    """A wheel by its name, or the one of several sessions that waits as a whole; "" stays that."""
    return (all_of(snapshot, waiter) if waiter else "") or safe(waiter)


def waiter(wait: SessionWait, snapshot: Snapshot, room: int, glyphs: Glyphs) -> Line:
    """Who waits, for a row below that of the lock."""
    wheel = snapshot.wheel(wait.wheel)
    name = all_of(snapshot, wait.wheel) or safe(wheel.label if wheel else wait.wheel)
    return line((f"{glyphs.waiter} ", "wait"), (tail(name, room - 2), "wait"))
