"""What a demonstration is made of: a scenario, the scene on which it plays, and a verdict about how it went."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from instui_engine.journal.events import SessionFinished
from instui_engine.session.control import Control
from instui_engine.target.environment import Environment

if TYPE_CHECKING:
    from .process import Companion


@dataclass(slots=True)
class Scene:
    """Where it plays. `slow`: how much this session is slowed down; `journal` is the session's own."""

    place: Path
    environment: Environment
    slow: float
    lock_timeout: float
    journal: Path
    companion: "Companion | None" = None
    found: str = ""  # what `Scenario.before` left behind, in words

    @property
    def site_packages(self) -> Path:
        """Where packages land."""
        return self.environment.top / self.environment.roots["purelib"]


class Verdict(NamedTuple):
    """What came of it, as it was found in the environment; `well`: it is what was to be seen."""

    text: str
    well: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demonstration.

    `captions` are keyed by the kind of the journal event before which they appear; `lock.waiting by another` is a wait
    for a holder outside this session, `lock.granted by another` its end. `slow`: how much it is slowed down.
    A caption may be computed when its time has come. `rests`: how long to rest before an event, in seconds where it is
    not slowed down, so that the caption before can be read.
    `before` sets the scene before the session begins; it gets the session's control, as it may be told to stop.
    `companion` starts another process, which gets in the session's way. `exit`: the session's exit code that is to be
    seen; `patience`: its lock timeout.
    """

    name: str
    slow: float
    make: Callable[[Path], Sequence[Path]]
    captions: Mapping[str, str | Callable[[Scene], str]]
    result: Callable[[Scene, SessionFinished], Verdict]
    companion: "Callable[[Scene], Companion] | None" = None
    exit: int = 0
    patience: float = 0.0
    before: Callable[[Scene, Control], None] | None = None
    rests: Mapping[str, float] = field(default_factory=dict)
