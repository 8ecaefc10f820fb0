"""What the screens may do to a session. The command line puts the process that it started behind this protocol."""

from typing import NamedTuple, Protocol

from instui.monitor.model import Snapshot


class Controller(Protocol):
    """The process that installs. No method blocks: it only asks, and the journal tells what came of it."""

    @property
    def badge(self) -> str:
        """What the header calls the session: `LIVE`, `ATTACHED pid 4242`, `REPLAY 2.0x`."""

    @property
    def owns_install(self) -> bool:
        """Whether this program started the install, so that the user is asked before leaving."""

    @property
    def can_control(self) -> bool:
        """Whether the methods below do anything."""

    def cancel(self) -> None:
        """Ask the install to stop between two commits."""

    def abort(self) -> None:
        """Stop it at once; what it has in hand is undone. Asked again: end it even where it hangs."""

    def pause(self) -> None:
        """Ask the install to pause between two commits."""

    def resume(self) -> None:
        """Let it go on."""

    def refusal(self) -> str:
        """Why something that was asked since the last call came to nothing, in one line; "" where nothing did."""

    def alive(self) -> bool:
        """Whether the install still runs."""

    def exit_code(self) -> int | None:
        """The exit code of the install's process; None while it runs, or where it cannot be known."""

    def error(self) -> str:
        """Why the install's process failed, in one line; "" while it runs, or where it cannot be known."""

    @property
    def may_be_left(self) -> bool:
        """Whether the install may go on without a screen."""

    @property
    def ending(self) -> bool:
        """Whether a signal told the program to end; then the screen closes as soon as the session is over."""


class ReadOnly:
    """A session that can only be watched: somebody else's, or a recording."""

    owns_install = False
    can_control = False
    may_be_left = True
    ending = False

    def __init__(self, badge: str = "ATTACHED") -> None:
        self.badge = badge

    def cancel(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def refusal(self) -> str:
        """Nothing is asked, so nothing is refused."""
        return ""

    def alive(self) -> bool:
        """True: it is not known here, the source says when the session ends."""
        return True

    def exit_code(self) -> None:
        """Not known."""

    def error(self) -> str:
        """Not known."""
        return ""


class Left(NamedTuple):
    """The user left before the session was over. `running`: the install goes on without a screen."""

    running: bool
    snapshot: Snapshot


class Ended(NamedTuple):
    """The user left after the session was over. `exit_code` is None where the journal has no end."""

    exit_code: int | None
    snapshot: Snapshot


Result = Left | Ended
