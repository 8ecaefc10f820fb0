"""The journal of a live session, read for what its wheels hold and wait for at its end.

It may be damaged or of another version; no line of it stops the reading.
"""

from pathlib import Path

from instui_engine.fs.files import open_regular
from instui_engine.fs.paths import TOP, neutral
from instui_engine.journal.codec import decode
from instui_engine.journal.events import (
    SCHEMA,
    EnvironmentGranted,
    EnvironmentReleased,
    EnvironmentWaiting,
    Event,
    LockGranted,
    LockReleased,
    LockRequested,
    LockWaiting,
    PlanWheel,
    SessionStarted,
    SpanFinished,
    SpanName,
    SpanStarted,
    WheelCancelled,
)
from instui_engine.target.environment import common_roots
from instui_engine.values import NamedTuple

from .claims import Claims, Mode, lock_set
from .names import ENVIRONMENT, bucket_of

_NEWS = (
    b'"event":"lock.',
    b'"event":"plan.wheel"',
    b'"event":"wheel.cancelled"',
    b'"event":"environment.',
    b'"event":"session.started"',
    b'"event":"span.',
)
_DOING: dict[SpanName, str] = {
    "open": "looks at the environment",
    "resolve": "resolves",
    "build": "builds",
    "acquire": "fetches and unpacks",
    "compile": "compiles byte code",
    "plan": "plans",
    "stage": "stages",
    "commit": "commits",
    "clean": "cleans up",
}


class LockState(NamedTuple):
    """The state of a wheel's claims or, with `wheel` "", of the session's share in the environment's lock.

    `since` is Unix time. `wants` is the path and mode that it waits for, if it does.
    """

    wheel: str
    since: float
    held: dict[str, Mode]
    wants: tuple[str, Mode] | None


class Reading:
    """The fold of one journal into what is held and waited for at its end."""

    def __init__(self) -> None:
        self.command = self.doing = ""
        self.program_began = 0.0
        self.states: dict[str, LockState] = {}
        self._began = 0.0  # Unix time of t = 0
        self._claims: dict[str, Claims] = {}
        self._unlocked: frozenset[str] = frozenset()  # directories that are locked by nobody, as nobody claims them
        self._asked: set[str] = set()
        self._offset = 0
        self._readable = True

    def read_on(self, journal: Path) -> None:
        """Take in the complete lines that came since the last call."""
        with open(open_regular(journal, follow=False), "rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                if any(news in line for news in _NEWS):
                    self.feed(line)

    def feed(self, line: bytes) -> None:
        """Take in one line; skip a damaged or unknown one."""
        try:
            decoded = decode(line)
        except ValueError:
            return
        if decoded is not None and self._readable:
            self._take(self._began + decoded[0], decoded[1])

    def _take(self, now: float, event: Event) -> None:
        match event:
            case SessionStarted():
                self._began, self.command = event.wall, " ".join(event.command)
                self.program_began = round(event.wall - event.ran, 2)
                self._unlocked = neutral(common_roots(event.top, event.python))
                self._readable = event.schema <= SCHEMA  # else the other lines may have another meaning
            case SpanStarted(name=name):
                self.doing = _DOING.get(name, "")
            case SpanFinished():
                self.doing = ""
            case PlanWheel(wheel=wheel):
                exclusive = (path.removesuffix("/") for path in event.exclusive)
                self._claims[wheel] = Claims(tuple(exclusive), tuple(event.shared))
            case LockRequested(wheel=wheel):
                self._asked.add(wheel)
            case LockWaiting(wheel=wheel, path=path):
                mode: Mode = "X" if event.mode == "X" else "IX"
                self.states[wheel] = LockState(wheel, now, self._held_while_waiting(wheel, path), (path, mode))
            case LockGranted(wheel=wheel):
                held = self._locks(wheel) | ({TOP: "X"} if event.whole else {})
                self.states[wheel] = LockState(wheel, now, held, None)
            case LockReleased(wheel=wheel) | WheelCancelled(wheel=wheel):
                self.states.pop(wheel, None)
            case EnvironmentWaiting():
                self.states[""] = LockState("", now, {}, (ENVIRONMENT, "IX"))
            case EnvironmentGranted():
                self.states[""] = LockState("", now, {ENVIRONMENT: "IX"}, None)
            case EnvironmentReleased():
                self.states.pop("", None)
            case _:
                pass  # it is not about locks

    def _held_while_waiting(self, wheel: str, path: str) -> dict[str, Mode]:
        """What the wheel holds while it waits for `path`."""
        if wheel in self._asked:  # it waits within its own session, and holds nothing
            self._asked.remove(wheel)
            return {}
        # lock files are taken in the order of their numbers, so it holds all that come before
        bucket = bucket_of(path)
        return {held: how for held, how in self._locks(wheel).items() if bucket_of(held) < bucket}

    def _locks(self, wheel: str) -> dict[str, Mode]:
        claims = self._claims.get(wheel)
        if claims is None:
            return {}
        return {path: mode for path, mode in lock_set(claims) if mode == "X" or path not in self._unlocked - {TOP}}
