"""The helper processes of a session that unpack wheels: started once, as soon as it is certain that there is work."""

from instui_engine import helper
from instui_engine.helper import Helper

_PROGRAM = "instui_engine.store.unpack_helper"


class Helpers:
    """Up to as many processes as were asked for; none where the system gives no more. Whoever makes one closes it."""

    def __init__(self) -> None:
        self._running: list[Helper] = []

    def start(self, number: int) -> list[Helper]:
        """Start what is missing to `number` of them; return all that there are."""
        while len(self._running) < number and (process := helper.start(_PROGRAM)) is not None:
            self._running.append(process)
        return self._running

    def close(self) -> None:
        """End them all. May be called again."""
        while self._running:
            self._running.pop().close()
