"""The lock table of one session: claim sets are granted whole, and on every path in plan order.

Deterministic locking as in Calvin (SIGMOD 2012). Every wheel states its whole claim set before it holds anything, and
holds nothing while it waits; on each path the requests stand in plan order. So there is no cycle of waits, and what
wheels do to a path happens in plan order, whatever the timing.

A request is granted when, on each of its paths, no holder is incompatible with it and no earlier request that is
incompatible with it still waits. The table is plain data without threads or clocks: its caller serializes the calls.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple

from .claims import Claims, Mode

COMPATIBLE: dict[tuple[Mode, Mode], bool] = {
    ("IX", "IX"): True,
    ("IX", "X"): False,
    ("X", "IX"): False,
    ("X", "X"): False,
}


class Blocker(NamedTuple):
    """Why a request waits: `owners` hold `path` incompatibly, or stand before it in the queue."""

    path: str
    mode: Mode
    owners: tuple[int, ...]


@dataclass(slots=True)
class _Path:
    """State of one path. Owners are plan orders, so sorting owners sorts by plan order."""

    holders: dict[int, Mode] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)  # all that wait, sorted
    waiting_x: list[int] = field(default_factory=list)  # those of them that want X, sorted

    def admits(self, owner: int, mode: Mode) -> bool:
        """Whether nobody holds or waits before `owner` in a way that excludes `mode`."""
        # holders are all IX or a single X, so any one of them speaks for all
        held = next(iter(self.holders.values()), None)
        if held is not None and not COMPATIBLE[mode, held]:
            return False
        before = self.waiting if mode == "X" else self.waiting_x
        return not before or before[0] >= owner

    def next_in_line(self) -> list[int]:
        """Those that this path might admit now: the first X, or all IX before it."""
        if not self.waiting_x:
            return list(self.waiting)
        first = self.waiting_x[0]
        before = [owner for owner in self.waiting if owner < first]
        return before or [first]


class LockTable:
    """Grants claim sets. An owner is its place in the plan order; each owner has at most one request at a time."""

    def __init__(self) -> None:
        self._paths: dict[str, _Path] = {}
        self._claims: dict[int, Claims] = {}
        self._held: set[int] = set()

    def request(self, owner: int, claims: Claims) -> bool:
        """Ask for `claims`; True when they are granted at once. Who is to be ordered before others asks before them."""
        if owner in self._claims:
            raise ValueError(f"owner {owner} has a request already")
        self._enter(owner, claims)
        return self._try(owner)

    def release(self, owner: int) -> list[int]:
        """Give back a granted claim set, or withdraw a waiting request; returns those that are granted by it."""
        return self._grant(self._leave(owner))

    def exchange(self, owner: int, claims: Claims) -> list[int]:
        """Give back a claim set and ask for another one; returns those, maybe `owner` too, that are granted by it.

        Not the same as `release` and `request`: nobody who comes later in plan order gets between the two.
        """
        candidates = self._leave(owner)
        self._enter(owner, claims)
        return self._grant({*candidates, owner})

    def _enter(self, owner: int, claims: Claims) -> None:
        self._claims[owner] = claims
        for path, mode in _modes(claims):
            state = self._paths.setdefault(path, _Path())
            insort(state.waiting, owner)
            if mode == "X":
                insort(state.waiting_x, owner)

    def _leave(self, owner: int) -> set[int]:
        """Forget the owner's claims; returns those that may be granted now."""
        claims = self._claims.pop(owner)
        held = owner in self._held
        self._held.discard(owner)
        candidates: set[int] = set()
        for path, mode in _modes(claims):
            state = self._paths[path]
            if held:
                del state.holders[owner]
            else:
                self._unqueue(state, owner, mode)
            if state.waiting:
                if mode == "IX":  # it kept out nobody but those who want X
                    candidates.update(state.waiting_x[:1])
                elif not held or not state.holders:
                    candidates.update(state.next_in_line())
            elif not state.holders:
                del self._paths[path]
        return candidates

    def _grant(self, candidates: set[int]) -> list[int]:
        return [candidate for candidate in sorted(candidates) if self._try(candidate)]

    def holds(self, owner: int) -> bool:
        """Whether the owner's claim set is granted."""
        return owner in self._held

    def blocker(self, owner: int) -> Blocker | None:
        """The first path on which a waiting owner is kept out, and by whom; None when it waits for nothing."""
        if owner in self._held or owner not in self._claims:
            return None
        found: Blocker | None = None
        for path, mode in _modes(self._claims[owner]):
            state = self._paths[path]
            if state.admits(owner, mode):
                continue
            holders = tuple(other for other, held in state.holders.items() if not COMPATIBLE[mode, held])
            if holders:
                return Blocker(path, mode, holders)
            if found is None:
                queue = state.waiting if mode == "X" else state.waiting_x
                before = [other for other in queue if other < owner]
                found = Blocker(path, mode, tuple(before[-1:]))
        return found

    def _try(self, owner: int) -> bool:
        claims = self._claims[owner]
        for path, mode in _modes(claims):
            if not self._paths[path].admits(owner, mode):
                return False
        for path, mode in _modes(claims):
            state = self._paths[path]
            self._unqueue(state, owner, mode)
            state.holders[owner] = mode
        self._held.add(owner)
        return True

    @staticmethod
    def _unqueue(state: _Path, owner: int, mode: Mode) -> None:
        del state.waiting[bisect_left(state.waiting, owner)]
        if mode == "X":
            del state.waiting_x[bisect_left(state.waiting_x, owner)]


def _modes(claims: Claims) -> list[tuple[str, Mode]]:
    both: list[tuple[str, Mode]] = [(path, "X") for path in claims.exclusive]
    both += [(path, "IX") for path in claims.shared]
    return both
