"""The screen while somebody else has its terminal: after ctrl+z the shell, which gives it back with fg."""

from collections.abc import Callable
from contextlib import suppress

from instui.terminal import Terminal, shell_waits

from .navigation import Navigation


class Suspendable(Navigation):
    """An application that can be stopped, and goes on with an empty screen. The install knows nothing of that."""

    terminal: Terminal | None

    def came_back(self) -> None:
        """Handle that the terminal is ours again."""

    def no_suspend(self) -> str:
        """There is no shell that would go on."""
        return "" if self.terminal is not None and shell_waits() else "no shell with job control started this screen"

    def do_suspend(self) -> None:
        """Give the screen back to the shell, and stop until it lets this process go on."""
        if self.terminal is not None:
            with self.suspend():
                self.terminal.stop()
            self.came_back()

    def asked_to_stop(self) -> None:
        """Do as if ctrl+z had been pressed: a signal says so. Called by its handler."""
        self.from_outside(lambda: self.perform("suspend"))

    def continued(self) -> None:
        """Paint everything anew: somebody else had the terminal. Called by the handler of a signal."""
        self.from_outside(self._start_again)

    def _start_again(self) -> None:
        if self.terminal is not None and self.is_running:
            self.terminal.await_front()
            with self.suspend():
                pass
            self.came_back()

    def from_outside(self, call: Callable[[], None]) -> None:
        """Call something in the loop of the application, from a handler of signals or another thread."""

        def as_the_application() -> None:
            with self._context():  # widgets ask for the active application, which is another one for each thread
                call()

        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(as_the_application)
