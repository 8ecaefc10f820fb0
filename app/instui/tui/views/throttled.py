"""Throttling: a costly value is made again only so often that it takes a small share of the time.

What takes so long that a key would wait for it is made apart, in a thread.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")
SHARE = 0.04  # the largest share of the time spent on making it
MANY = 500  # wheels from which on a value of all of them is made apart


class Throttled(Generic[T]):
    """The latest result of `make`. A new key makes it again immediately; else it rests, longer if `make` is slow."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._key: object = None
        self._basis: object = None
        self._value: T | None = None
        self._rest_until = 0.0

    def get(self, key: object, basis: object, make: Callable[[], T]) -> T:
        """The value for `key`: made again immediately if `key` changed, and after the rest if `basis` changed.

        `basis` is compared by identity, `key` by value.
        """
        if self._value is not None and not self._is_due(key, basis):
            return self._value
        began = self._clock()
        self._value = make()
        self._made(key, basis, began)
        return self._value

    def _is_due(self, key: object, basis: object) -> bool:
        return key != self._key or (basis is not self._basis and self._clock() >= self._rest_until)

    def _made(self, key: object, basis: object, began: float) -> None:
        self._key, self._basis = key, basis
        took = self._clock() - began
        self._rest_until = self._clock() + (took / SHARE if took > 0.002 else 0.0)


class Apart(Throttled[T]):
    """As `Throttled`, but of many wheels the value is made in a thread, and the one before is shown until it is there.

    `tell` is called, in that thread, when there is another value to show. `when` is given what starts the thread, and
    calls it when it is time, or never: the thread takes half of the time from whoever paints meanwhile.
    """

    _one_at_a_time = threading.Lock()  # of all: each thread that computes takes its share from the one that paints

    def __init__(
        self,
        tell: Callable[[], object] | None = None,
        when: Callable[[Callable[[], None]], None] = lambda start: start(),
    ) -> None:
        super().__init__()
        self.tell = tell
        self.when = when
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None

    def latest(self, key: object, basis: object, make: Callable[[], T], wheels: int) -> T | None:
        """The value as it is now; None if the first one is still being made. `wheels`: that it is made of."""
        if self._failure is not None:
            raise self._failure
        if wheels < MANY and self._thread is None:
            return self.get(key, basis, make)
        if self._thread is None and (self._value is None or self._is_due(key, basis)):
            self.when(partial(self._start, key, basis, make))
        return self._value

    def _start(self, key: object, basis: object, make: Callable[[], T]) -> None:
        if self._thread is None:  # else it was asked for several times before it was time
            self._thread = threading.Thread(target=self._work, args=(key, basis, make), name="apart", daemon=True)
            self._thread.start()

    def _work(self, key: object, basis: object, make: Callable[[], T]) -> None:
        try:
            with self._one_at_a_time:
                began = self._clock()
                self._value = make()
                self._made(key, basis, began)
        except Exception as error:
            self._failure = error
        self._thread = None
        with suppress(RuntimeError):  # the program has ended
            if self.tell is not None:
                self.tell()
