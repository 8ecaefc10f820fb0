"""What a demonstration is made of: a scenario, the scene on which it plays, and a verdict about how it went."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from instui_engine.journal.events import LockWaiting, SessionFinished
from instui_engine.session.control import Control
from instui_engine.target.environment import Environment

from .process import Process


@dataclass(slots=True)
class Scene:
    """Where it plays. `slow`: how much the session is slowed down; `journal` is the session's own."""

    place: Path
    environment: Environment
    slow: float
    lock_timeout: float
    journal: Path
    process: Process | None = None  # the other one, which gets in the way
    found: str = ""  # what `Scenario.before` left behind, said in a sentence

    @property
    def site_packages(self) -> Path:
        """Where packages land."""
        return self.environment.top / self.environment.roots["purelib"]

    def is_foreign(self, event: LockWaiting) -> bool:
        """Whether the wait is for somebody outside the session."""
        return any(holder.session != self.journal.stem for holder in event.holders)


class Verdict(NamedTuple):
    """What was found in the environment at the end; `well`: it is what the demonstration promises."""

    text: str
    well: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demonstration.

    `slow`: how much the session is slowed down. `captions` are keyed by the kind of the journal event before which
    they appear; `lock.waiting by another` is a wait for a holder outside this session, `lock.granted by another` its
    end. A caption may be a function, which is called when its time has come. `rests`: how long to rest before an event
    of that kind, in seconds where nothing is slowed down, so that the caption before it can be read. `result` looks at
    what came of it.
    `before` sets the scene before the session begins; the session's control tells it to stop. `process` starts another
    process, which gets in the session's way. `exit`: the exit code with which the session is to end. `lock_timeout` in
    seconds, 0 for the one of the command line.
    """

    name: str
    slow: float
    make: Callable[[Path], Sequence[Path]]
    captions: Mapping[str, str | Callable[[Scene], str]]
    result: Callable[[Scene, SessionFinished], Verdict]
    process: Callable[[Scene], Process] | None = None
    exit: int = 0
    lock_timeout: float = 0.0
    before: Callable[[Scene, Control], None] | None = None
    rests: Mapping[str, float] = field(default_factory=dict)
