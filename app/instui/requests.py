"""What can be asked of a running session: each request is a line of its socket's protocol, see `session.control`."""

from abc import ABC, abstractmethod

_WORDS = {
    "cancel": "cancel the install",
    "abort": "abort the install",
    "pause": "pause the install",
    "resume": "resume the install",
}
"""What a request asks for, in words; others say it themselves."""


class Requests(ABC):
    """The requests of a controller (`tui.controller.Controller`). None of them waits for its answer."""

    def __init__(self) -> None:
        self._refusal = self._remark = ""

    def cancel(self) -> None:
        """Ask the install to stop between two commits."""
        self._ask("cancel")

    def abort(self) -> None:
        """Ask it to undo what is in hand, and stop."""
        self._ask("abort")

    def pause(self) -> None:
        """Ask it to pause between two commits."""
        self._ask("pause")

    def resume(self) -> None:
        """Let it continue."""
        self._ask("resume")

    def cancel_wheel(self, wheel: str) -> None:
        """Ask it to leave that wheel out, and to go on with the others."""
        self._ask(f"cancel {wheel}")

    def change_workers(self, number: int) -> None:
        """Ask it to go on with that number of workers."""
        self._ask(f"workers {number}")

    def refusal(self) -> str:
        """Why a request since the last call failed, in one line; "" if none did."""
        why, self._refusal = self._refusal, ""
        return why

    def remark(self) -> str:
        """What the install has said to a request since the last call; "" if it said nothing."""
        said, self._remark = self._remark, ""
        return said

    @abstractmethod
    def _ask(self, request: str) -> None:
        """Send `request` without waiting for the answer; note what is said to it."""

    def _refuse(self, request: str, why: str) -> None:
        verb, _, what = request.partition(" ")
        asked = f"change the number of workers to {what}" if verb == "workers" else _WORDS.get(request, request)
        self._refusal = f"cannot {asked}: {why}"
