"""Throttling: a costly value is made again only so often that it takes a small share of the time."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
SHARE = 0.04  # the largest share of the time spent on making it


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
        now = self._clock()
        if self._value is not None and key == self._key and (basis is self._basis or now < self._rest_until):
            return self._value
        self._value = make()
        self._key, self._basis = key, basis
        took = self._clock() - now
        self._rest_until = self._clock() + (took / SHARE if took > 0.002 else 0.0)
        return self._value
