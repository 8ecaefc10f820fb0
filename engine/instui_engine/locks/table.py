"""The lock table of one session: it grants claim sets whole, and on every path in plan order.

This is deterministic locking as in Calvin (SIGMOD 2012). Every wheel states its whole claim set before it holds
anything, and holds nothing while it waits; on each path, requests are queued in plan order. So there is no cycle of
waits, and wheels change a path in plan order, whatever the timing.

A request is granted when, on each of its paths, no incompatible holder is left and no earlier incompatible request is
waiting. The table is plain data without threads or clocks; the caller serializes the calls.
"""

from bisect import bisect_left, insort
from itertools import islice

from instui_engine.values import NamedTuple

from .claims import COMPATIBLE, Claims, Mode

_NAMED = 5  # owners of a blocker: to name all would cost K for each of K wheels that wait for K others


class Blocker(NamedTuple):
    """Why a request waits: `owners` hold `path` in an incompatible mode, or are before it; a few of them."""

    path: str
    mode: Mode
    owners: tuple[int, ...]


class _Path:
    """The state of one path. Owners are plan orders, so sorting them sorts by plan order."""

    __slots__ = ("holders", "waiting", "waiting_x")

    def __init__(self) -> None:
        self.holders: dict[int, Mode] = {}
        self.waiting: list[int] = []  # all that wait, sorted
        self.waiting_x: list[int] = []  # those of them that request X, sorted

    def admits(self, owner: int, mode: Mode) -> bool:
        """Whether no holder, and no waiter before `owner`, excludes `mode`."""
        # the holders are all IX or a single X, so any one of them will do
        held = next(iter(self.holders.values()), None)
        if held is not None and not COMPATIBLE[mode, held]:
            return False
        before = self.waiting if mode == "X" else self.waiting_x
        return not before or before[0] >= owner

    def next_in_line(self) -> list[int]:
        """The waiters that this path might admit now: the first X, or all IX before it."""
        if not self.waiting_x:
            return list(self.waiting)
        first = self.waiting_x[0]
        return self.waiting[: bisect_left(self.waiting, first)] or [first]


class LockTable:
    """A lock table. An owner is its place in the plan order; each has at most one request at a time."""

    def __init__(self) -> None:
        self._paths: dict[str, _Path] = {}
        self._claims: dict[int, Claims] = {}
        self._held: set[int] = set()

    def request(self, owner: int, claims: Claims) -> bool:
        """Request `claims`; return whether they are granted immediately. Owners must request in plan order."""
        if owner in self._claims:
            raise ValueError(f"owner {owner} has a request already")
        self._enter(owner, claims)
        return self._try(owner)

    def release(self, owner: int) -> list[int]:
        """Release a granted claim set, or withdraw a waiting request; return the owners that are granted by this."""
        return self._grant(self._leave(owner))

    def exchange(self, owner: int, claims: Claims) -> list[int]:
        """Release a claim set and request another; return the owners, perhaps `owner` too, that are granted by this.

        Unlike `release` followed by `request`, this lets no later owner in plan order get in between.
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
        """Forget the owner's claims; return the owners that may be granted now."""
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
        """The first path on which a waiting owner is blocked, and by whom; None if it is not waiting."""
        if owner in self._held or owner not in self._claims:
            return None
        found: Blocker | None = None
        for path, mode in _modes(self._claims[owner]):
            state = self._paths[path]
            if state.admits(owner, mode):
                continue
            held = next(iter(state.holders.values()), None)
            if held is not None and not COMPATIBLE[mode, held]:
                return Blocker(path, mode, tuple(islice(state.holders, _NAMED)))
            if found is None:
                queue = state.waiting if mode == "X" else state.waiting_x
                place = bisect_left(queue, owner)
                found = Blocker(path, mode, tuple(queue[max(0, place - 1) : place]))
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
