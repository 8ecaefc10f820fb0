"""What home shows, as plain data, and what can be done from it. The command line implements the protocol."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from instui.monitor.installers import Installer
from instui.monitor.sessions import KnownSession
from instui_engine.values import NamedTuple


class Place(NamedTuple):
    """The environment of home: whose recordings are listed, and into which the input installs.

    `unfinished` is the number of changes that killed sessions have left half done, `leftovers` that of killed sessions
    which have left only their own files, `strays` that of files and directories that pip or uv have left, `incomplete`
    that of distributions that are listed without their METADATA or RECORD. `missing` says why there is no environment.
    """

    name: str = ""
    python: str = ""
    installed: Sequence[str] = ()
    unfinished: int = 0
    leftovers: int = 0
    strays: int = 0
    incomplete: int = 0
    missing: str = ""


class Demonstration(NamedTuple):
    """A demonstration, and in one line what it shows."""

    name: str
    about: str


class Sight(NamedTuple):
    """Everything that home shows at one moment. `now` is Unix time.

    `running` are sessions of all environments, `others` the installers of other programs that hold an environment's
    lock, `recorded` the sessions of this environment that are over. `waited`: for how many seconds some of these waited
    for locks, by id.
    """

    place: Place = Place()
    running: Sequence[KnownSession] = ()
    others: Sequence[Installer] = ()
    recorded: Sequence[KnownSession] = ()
    waited: Mapping[str, float] = MappingProxyType({})
    demonstrations: Sequence[Demonstration] = ()
    now: float = 0.0


class Host(Protocol):
    """What home can look at and begin. `look` and `begin` may take long: they are called in threads of their own."""

    def look(self) -> Sight:
        """What there is now."""

    def begin(self, typed: str) -> None:
        """Begin the command that was typed, and show it. Raises InstuiError, and nothing has begun."""

    def watch(self, session: str) -> None:
        """Show that running session. Raises InstuiError."""

    def replay(self, session: str, *, explained: bool = False) -> None:
        """Show that recording; `explained`: why it took so long. Raises InstuiError."""

    def demonstrate(self, name: str) -> None:
        """Show that demonstration. Raises InstuiError."""

    def cancel(self, session: str) -> None:
        """Ask that running session to stop between two commits. Raises InstuiError."""

    def own(self) -> int:
        """How many installs that were begun here still run."""

    def leave(self, *, cancel: bool) -> None:
        """Handle that the user leaves; `cancel`: the installs that were begun here shall stop."""
