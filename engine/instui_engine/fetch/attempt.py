"""What an attempt to download is at, while the HTTP library is busy with it: whether it is making a connection."""

import threading

_HERE = threading.local()


class Attempt:
    """One attempt. `peer`: where to a connection is being made, in words, for any thread to see; "" if none is."""

    def __init__(self) -> None:
        self.peer = ""

    def begin(self) -> None:
        """From now on, what this thread does is for this attempt."""
        _HERE.attempt = self


def connecting(peer: str) -> None:
    """Note for the attempt of this thread that it is making a connection; "" that it no longer is."""
    attempt = getattr(_HERE, "attempt", None)
    if isinstance(attempt, Attempt):
        attempt.peer = peer
