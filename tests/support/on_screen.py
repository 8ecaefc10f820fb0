"""An install on a terminal of its own, as the tests of the full screen see it."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from instui.tui.views.registry import BY_ID
from instui_engine.journal.events import SessionStarted
from support import trees
from support.environments import Lines, Venv, read_journal
from support.terminal import Terminal

E = TypeVar("E")
QUESTION = "Stop the install?"
DETAIL = "back to the list"
# by the key of each view: what stands above its rows at their left
_HEADINGS = {
    "wheels": "     wheel",
    "locks": "  path",
    "timeline": "   the session",
    "overwrites": "  replaced",
    "events": "time  event",
}
VIEWS = {BY_ID[f"view_{scope}"].keys: heading for scope, heading in _HEADINGS.items()}
DASHBOARD, LOCKS, TIMELINE, EVENTS = (
    BY_ID[f"view_{scope}"].keys for scope in ("wheels", "locks", "timeline", "events")
)


class Install:
    """`instui install` on a terminal, and its session."""

    def __init__(self, terminal: Terminal, venv: Venv) -> None:
        self.terminal = terminal
        self.venv = venv
        self._before = set(venv.journals())

    @property
    def screen(self) -> str:
        return self.terminal.screen.text

    @property
    def journal(self) -> Path:
        """The session's journal, as soon as there is one."""
        return self.terminal.until(lambda: [path for path in self.venv.journals() if path not in self._before])[0]

    @property
    def lines(self) -> Lines:
        return read_journal(self.journal)

    @property
    def pid(self) -> int:
        """The process that installs."""
        return self.wait_for(SessionStarted).pid

    def wait_for(self, kind: type[E], wheel: str = "") -> E:
        """The first event of that kind, as soon as it is in the journal; the terminal is read in the meantime."""
        return self.terminal.until(lambda: self.lines.of(kind, wheel), kind.__name__)[0]

    def opened(self) -> None:
        """Wait until the screen is there: what is typed before is not meant for it."""
        self.terminal.shows("Dash")

    def ask(self) -> None:
        """Press ctrl+c on the screen, which must have opened: before that it cancels; wait for the question."""
        self.opened()
        self.terminal.press("ctrl+c")
        self.terminal.shows(QUESTION)

    def left(self) -> str:
        """What stays on the normal screen of a terminal that is as it was before."""
        terminal = self.terminal
        screen = terminal.screen
        assert not screen.full
        assert screen.modes == {7, 25}  # line wrap and cursor; no mouse, focus, paste
        assert screen.keyboards == 0
        assert terminal.attributes == terminal.before
        assert screen.unknown == []
        assert screen.title == "before"
        assert screen.titles == []
        return screen.text.strip()


class Open(Protocol):
    def __call__(
        self,
        *arguments: object,
        size: tuple[int, int] = ...,
        env: Mapping[str, str] | None = ...,
        cwd: Path | None = ...,
        shell: str = ...,
    ) -> Terminal: ...


class Begin(Protocol):
    def __call__(
        self,
        *arguments: object,
        venv: Venv | None = ...,
        size: tuple[int, int] = ...,
        env: Mapping[str, str] | None = ...,
    ) -> Install: ...


def lives(pid: int, identity: str) -> bool:
    """Whether the process that installs as `identity` still runs."""
    try:
        return any(identity in os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())  # its journal is open
    except OSError:
        return False


def whole(venv: Venv, expected: int | None = None) -> int:
    """How many distributions are installed; each is complete but for the file that they share."""
    found = trees.distributions(venv.site)
    for name in found:
        wrong = [row for row in trees.wrong_rows(venv.site, name) if "README.txt" not in row]
        assert wrong == [], name
    assert expected is None or len(found) == expected
    return len(found)


@contextmanager
def locked(venv: Venv) -> Iterator[None]:
    """Somebody else holds the lock of the environment."""
    with venv.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
