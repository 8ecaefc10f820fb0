"""Control of a session that another process runs: requests go to it over its socket, in a thread of their own."""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue

from instui.requests import Requests
from instui_engine.errors import InstuiError
from instui_engine.session.control import send

from .joined import number_of, plain_name
from .units import count

Send = Callable[[str, str], str]


class Remote(Requests):
    """The controller (`tui.controller.Controller`) of a session that this program has not started."""

    owns_install = False
    may_be_left = True
    ending = False

    def __init__(
        self, badge: str, socket: str, alive: Callable[[], bool], *, may_control: bool, send: Send = send
    ) -> None:
        """`socket` is the path of the session's socket, "" if it has none."""
        super().__init__()
        self.badge = badge
        self.read_only = ""
        if _is_anothers(socket):
            self.read_only = "read-only: this session belongs to another user"
        elif not may_control:
            self.read_only = "read-only: attach with --control to act on this session"
        elif not socket:
            self.read_only = "this session has no control socket, so it can only be watched"
        self.can_control = not self.read_only
        self._socket = socket
        self._alive = alive
        self._send = send
        self._requests: SimpleQueue[str] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def alive(self) -> bool:
        """Whether the install still runs."""
        return self._alive()

    def exit_code(self) -> None:
        """Not known: only the journal says it."""

    def error(self) -> str:
        """Not known."""
        return ""

    def _ask(self, request: str) -> None:
        """Send `request` after those before it; the session may take seconds to answer, and this never waits."""
        if not self.can_control:
            self._refusal = self.read_only
            return
        self._requests.put(request)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while True:
            request = self._requests.get()
            try:
                self._remark = self._send(self._socket, request) or self._remark
            except InstuiError as error:
                if self._alive():  # else it has just ended, which is seen
                    self._refuse(request, str(error))


def _is_anothers(socket: str) -> bool:
    """Whether a socket belongs to another user, whose sessions only root may control."""
    if os.geteuid() == 0:
        return False
    try:
        return bool(socket) and os.stat(socket).st_uid != os.geteuid()
    except PermissionError:  # it is in a directory that only its owner may enter
        return True
    except OSError:  # it is gone, with its session
        return False


class JoinedRemote(Requests):
    """The controller of several sessions that are shown as one: what is asked of all goes to each that still runs."""

    owns_install = False
    may_be_left = True
    ending = False

    def __init__(self, remotes: Sequence[Remote]) -> None:
        """`remotes` are in the order in which the sessions are numbered; there may be more later."""
        super().__init__()
        self._remotes = remotes

    @property
    def badge(self) -> str:
        """How the sessions are called."""
        return f"ATTACHED {count(len(self._remotes), 'session')}"

    @property
    def can_control(self) -> bool:
        """Whether anything can be asked of any of them."""
        return any(remote.can_control for remote in self._remotes)

    @property
    def read_only(self) -> str:
        """Why not."""
        return "" if self.can_control else self._remotes[0].read_only

    def cancel_wheel(self, wheel: str) -> None:
        """Ask the session of that wheel to leave it out."""
        number = number_of(wheel)
        if 1 <= number <= len(self._remotes):
            self._remotes[number - 1].cancel_wheel(plain_name(wheel))
        else:
            self._refuse(f"cancel {wheel}", "it is a wheel of none of these sessions")

    def change_workers(self, number: int) -> None:
        """Ask for that number of workers in all, of which each session gets its part."""
        live = self._live
        for place, remote in enumerate(live):
            remote.change_workers(max(1, number // len(live) + (place < number % len(live))))

    def refusal(self) -> str:
        """Why a request since the last call failed; "" if none did."""
        return _each_once([super().refusal(), *(remote.refusal() for remote in self._remotes)])

    def remark(self) -> str:
        """What a session has said to a request since the last call; "" if none said anything."""
        return _each_once(remote.remark() for remote in self._remotes)

    def alive(self) -> bool:
        """Whether any of them still runs."""
        return any(remote.alive() for remote in self._remotes)

    def exit_code(self) -> None:
        """Not known: only the journals say it."""

    def error(self) -> str:
        """Not known."""
        return ""

    @property
    def _live(self) -> Sequence[Remote]:
        """Those that can still be asked; all of them if none can, so that somebody says why."""
        return [remote for remote in self._remotes if remote.alive()] or self._remotes

    def _ask(self, request: str) -> None:
        for remote in self._live:
            remote._ask(request)


def _each_once(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, texts)))
