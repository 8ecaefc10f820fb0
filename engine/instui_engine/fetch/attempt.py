"""What an attempt to download is at, while the HTTP library is busy with it: whether it is making a connection."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HERE = threading.local()


class Attempt:
    """One attempt. `peer`: what a connection is being made to, in words, for any thread to see; "" if none is."""

    def __init__(self) -> None:
        self.peer = ""

    def begin(self) -> None:
        """From now on, what this thread does is for this attempt."""
        _HERE.attempt = self


@contextmanager
def connecting(peer: str) -> Iterator[None]:
    """Let the attempt of this thread say meanwhile that it is making a connection to `peer`."""
    attempt: Attempt = getattr(_HERE, "attempt", None) or Attempt()
    attempt.peer = peer
    try:
        yield
    finally:
        attempt.peer = ""
