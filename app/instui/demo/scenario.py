"""The parts of a demonstration: a scenario, the scene on which it plays, and a verdict on how it went."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from instui_engine.journal.events import LockWaiting, SessionFinished
from instui_engine.session.control import Control
from instui_engine.target.environment import Environment
from instui_engine.values import NamedTuple

from .process import Process


@dataclass(slots=True)
class Scene:
    """The scene of a scenario. `slow` is how much the session is slowed down; `journal` is the session's own."""

    place: Path
    environment: Environment
    slow: float
    lock_timeout: float
    journal: Path
    process: Process | None = None  # the other one, which gets in the way
    found: str = ""  # what `Scenario.before` left behind, in a sentence

    @property
    def site_packages(self) -> Path:
        """The directory to which packages are installed."""
        return self.environment.top / self.environment.roots["purelib"]

    def is_foreign(self, event: LockWaiting) -> bool:
        """Whether the wait is for a holder outside the session."""
        return any(holder.session != self.journal.stem for holder in event.holders)


class Verdict(NamedTuple):
    """What was found in the environment at the end. `well`: it is what the demonstration promises."""

    text: str
    well: bool


class Scenario(NamedTuple):
    """One demonstration.

    `slow` is how much the session is slowed down. `captions` are keyed by the kind of the journal event before which
    they appear; `lock.waiting by another` is a wait for a holder outside this session, and `lock.granted by another`
    its end. A caption may be a function, which is called when its time has come. `rests` says how long to pause before
    an event of a kind, in seconds without slow motion, so that the caption before it can be read. `result` examines the
    outcome.

    `before` sets the scene before the session begins; the session's control says when it has to stop. `process` starts
    another process, which gets in the session's way. `exit` is the exit code with which the session is to end.
    `lock_timeout` is in seconds, 0 for that of the command line.
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
    rests: Mapping[str, float] = MappingProxyType({})
