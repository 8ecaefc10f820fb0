"""Waits for what is no claim: another session unpacks the same wheel, the cache is pruned, a name is taken."""

from instui.monitor.model import Snapshot
from instui.monitor.names import path_name
from instui.monitor.spans import SessionWait
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line, safe, tail
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .keys import ENVIRONMENT, session_wait_key

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
        """The wait that goes on."""
        return next((wait for wait in reversed(self.waits) if wait.end is None), None)

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
    return session_wait_key(wait.what, wait.wheel or wait.path)


def title(wait: SessionWait, snapshot: Snapshot) -> str:
    """What is waited for, in a few words."""
    if wait.what == "environment":
        return f"{safe(wait.path)} (environment)"
    wheel = snapshot.wheel(wait.wheel)
    name = safe(wheel.label if wheel else wait.wheel) or path_name(wait.path, snapshot.session)
    if wait.what == "wheel":
        return f"{name} (unpacking)"
    return f"the name {safe(wait.wheel)}" if wait.what == "name" and wait.wheel else _TITLES.get(wait.what, name)


def holder_of(wait: SessionWait) -> Holder:
    """The holder to name: the one that was named last."""
    return wait.holders[-1] if wait.holders else Holder()


def present_keys(snapshot: Snapshot) -> list[str]:
    """The rows of the dashboard: one for each present wait."""
    return [place.key for place in places(snapshot) if place.present is not None]


def whole(snapshot: Snapshot) -> SessionWait | None:
    """The wait that goes on of the session as a whole, for no wheel of its own."""
    return next((wait for wait in snapshot.session_waits[::-1] if wait.end is None and not wait.wheel), None)


def find(snapshot: Snapshot, key: str) -> Place | None:
    """What the row of that key is about."""
    return next((place for place in places(snapshot) if place.key == key), None)


def doing(wait: SessionWait, room: int) -> Line:
    """The wait in `room` columns, for the dashboard."""
    word = {"wheel": "unpacked by another", "cache": "cache", "name": "its name", "recovery": "recovery"}
    text = word.get(wait.what, "others")
    return line(("wait   ", "wait"), (text if len(text) + 7 <= room else "", "dim"))


def waiter(wait: SessionWait, snapshot: Snapshot, room: int, glyphs: Glyphs) -> Line:
    """Who waits, for a row below that of the lock."""
    wheel = snapshot.wheel(wait.wheel)
    name = safe(wheel.label if wheel else wait.wheel) or "this session, all of it"
    return line((f"{glyphs.waiter} ", "wait"), (tail(name, room - 2), "wait"))
