"""Control of a session from the screens. The command line implements this protocol with the process it started."""

from typing import Protocol

from instui.monitor.model import Snapshot
from instui_engine.values import NamedTuple


class Controller(Protocol):
    """The process that installs. No method blocks: it only asks, and the journal shows the result."""

    @property
    def badge(self) -> str:
        """The name of the session's kind in the header: `LIVE`, `ATTACHED pid 4242`, `REPLAY 2.0x`."""

    @property
    def owns_install(self) -> bool:
        """Whether this program started the install, so that the user is asked before leaving."""

    @property
    def can_control(self) -> bool:
        """Whether the requests below have any effect."""

    @property
    def read_only(self) -> str:
        """Why they have none, in one line; "" if they have."""

    def cancel(self) -> None:
        """Ask the install to stop between two commits."""

    def abort(self) -> None:
        """Stop it immediately, undoing what is in hand. The second call ends it even if it hangs."""

    def pause(self) -> None:
        """Ask the install to pause between two commits."""

    def resume(self) -> None:
        """Let it continue."""

    def cancel_wheel(self, wheel: str) -> None:
        """Ask the install to leave that wheel out, and to go on with the others."""

    def change_workers(self, number: int) -> None:
        """Ask the install to go on with that number of workers."""

    def refusal(self) -> str:
        """Why a request since the last call failed, in one line; "" if none did."""

    def remark(self) -> str:
        """What the install has said to a request since the last call, in one line; "" if it said nothing."""

    def alive(self) -> bool:
        """Whether the install still runs."""

    def exit_code(self) -> int | None:
        """The exit code of the install's process; None while it runs, or if it cannot be known."""

    def error(self) -> str:
        """Why the install's process failed, in one line; "" while it runs, or if that cannot be known."""

    @property
    def may_be_left(self) -> bool:
        """Whether the install may continue without a screen."""

    @property
    def ending(self) -> bool:
        """Whether a signal asked the program to end; the screen then closes as soon as the session is over."""


class ReadOnly:
    """A controller of a session that can only be watched: somebody else's, or a recording."""

    owns_install = False
    can_control = False
    read_only = "read-only: this session can be watched but not controlled"
    may_be_left = True
    ending = False

    def __init__(self, badge: str = "ATTACHED", error: str = "") -> None:
        self.badge = badge
        self._error = error

    def cancel(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def cancel_wheel(self, wheel: str) -> None:
        """Do nothing."""

    def change_workers(self, number: int) -> None:
        """Do nothing."""

    def refusal(self) -> str:
        """ "": nothing was requested, so nothing was refused."""
        return ""

    remark = refusal

    def alive(self) -> bool:
        """True: it is unknown here; the source says when the session ends."""
        return True

    def exit_code(self) -> None:
        """Not known."""

    def error(self) -> str:
        """What there is to say of a session that has no end; "" if nothing is known."""
        return self._error


class Left(NamedTuple):
    """The user left before the session was over. `running`: the install continues without a screen."""

    running: bool
    snapshot: Snapshot


class Ended(NamedTuple):
    """The user left after the session was over. `exit_code` is None if the journal has no end.

    `then` is the demonstration that is to be played now, "" for none.
    """

    exit_code: int | None
    snapshot: Snapshot
    then: str = ""


Result = Left | Ended
