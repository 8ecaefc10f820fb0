"""What the screens may do to a session: a seam, behind which the command line puts the process that it started."""

from typing import NamedTuple, Protocol

from instui.monitor.model import Snapshot


class Controller(Protocol):
    """The process that installs. No method may block: they ask, and the journal tells what came of it."""

    @property
    def badge(self) -> str:
        """What the header calls the session: `LIVE`, `ATTACHED pid 4242`, `REPLAY 2.0x`."""

    @property
    def owns_install(self) -> bool:
        """Whether this program started the install, so that leaving it is a decision."""

    @property
    def can_control(self) -> bool:
        """Whether the methods below do anything."""

    def cancel(self) -> None:
        """Ask the install to stop between two commits."""

    def abort(self) -> None:
        """Stop it at once; what it has in hand is undone."""

    def pause(self) -> None:
        """Ask the install to rest between two commits."""

    def resume(self) -> None:
        """Let it go on."""

    def alive(self) -> bool:
        """Whether the install still runs."""

    def exit_code(self) -> int | None:
        """The exit code of the install's process, None while it runs or where nobody can know."""

    def error(self) -> str:
        """Why the install's process failed, in one line; "" while it runs or where nobody can know."""

    @property
    def may_be_left(self) -> bool:
        """Whether the install may go on without a screen."""

    @property
    def ending(self) -> bool:
        """Whether somebody else told the program to end, so that the screen closes when the session is over."""


class ReadOnly:
    """A session that is only looked at: another one's, or a recording."""

    owns_install = False
    can_control = False
    may_be_left = True
    ending = False

    def __init__(self, badge: str = "ATTACHED") -> None:
        self.badge = badge

    def cancel(self) -> None:
        """Nothing."""

    def abort(self) -> None:
        """Nothing."""

    def pause(self) -> None:
        """Nothing."""

    def resume(self) -> None:
        """Nothing."""

    def alive(self) -> bool:
        """As far as is known; the source says when it ends."""
        return True

    def exit_code(self) -> None:
        """Unknown."""

    def error(self) -> str:
        """Unknown."""
        return ""


class Left(NamedTuple):
    """The user left before the end; `running`: the install goes on without a screen."""

    running: bool
    snapshot: Snapshot


class Ended(NamedTuple):
    """The user left after the end of the session; `exit_code` is None where it ended without a word."""

    exit_code: int | None
    snapshot: Snapshot


Result = Left | Ended
