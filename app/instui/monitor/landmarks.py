"""What in a session is worth going to: news, waits, overwritten files and failures, with their times."""

from array import array
from bisect import bisect_left, bisect_right

from instui_engine.journal import events
from instui_engine.journal.events import Event


def is_news(event: Event) -> bool:
    """Whether `[` and `]` stop here.

    They stop at waits, at files that were or will be replaced by different content, at recoveries, and at problems. A
    new event is not news unless this says so.
    """
    match event:
        case events.Overwrite(same=same):
            return not same
        case events.SessionFinished(exit=code):
            return code != 0
        case events.LockWaiting() | events.EnvironmentWaiting() | events.WaitStarted() | events.PlanConflict():
            return True
        case events.RecoveryStarted() | events.RecoveryFinished():
            return True
        case events.Warned() | events.FetchStalled() | events.WheelFailed() | events.WheelCancelled():
            return True
        case events.CancelRequested() | events.WorkersChanged() | events.SessionHalted():
            return True
        case _:
            return False


class Times:
    """Times in order, with what lies between two of them found by a search."""

    def __init__(self) -> None:
        self._times = array("d")

    def add(self, t: float) -> None:
        """Append a time, not earlier than the last one."""
        self._times.append(t)

    def any_in(self, begin: float, end: float) -> bool:
        """Whether one of them is in [begin, end)."""
        return bisect_left(self._times, begin) < bisect_left(self._times, end)


class Landmarks:
    """The landmarks of a session, as far as its events were read. Times given to it never fall."""

    def __init__(self) -> None:
        self.overwrites = Times()  # of files, by different content
        self.failures = Times()
        self._waiting: set[tuple[str, str]] = set()  # who waits now
        self._begins, self._ends = array("d"), array("d")  # of the stretches in which anybody waits

    def add(self, t: float, event: Event) -> None:
        """Take in the next event."""
        match event:
            case events.Overwrite(same=False):
                self.overwrites.add(t)
            case events.WheelFailed(wheel=wheel):
                self.failures.add(t)
                self._goes_on(t, "claims", wheel)
            case events.SessionFinished(exit=code):
                if code:
                    self.failures.add(t)
                self._nobody_waits(t)
            case events.LockWaiting(wheel=wheel):
                self._waits(t, "claims", wheel)
            case events.LockGranted(wheel=wheel) | events.CommitFinished(wheel=wheel):
                self._goes_on(t, "claims", wheel)
            case events.WaitStarted(what=what, wheel=wheel):
                self._waits(t, what, wheel)
            case events.WaitFinished(what=what, wheel=wheel):
                self._goes_on(t, what, wheel)
            case events.EnvironmentWaiting():
                self._waits(t, "environment", "")
            case events.EnvironmentGranted() | events.EnvironmentReleased():
                self._goes_on(t, "environment", "")

    def is_waited(self, begin: float, end: float) -> bool:
        """Whether anybody waits in [begin, end)."""
        started = bisect_left(self._begins, end)  # the stretches that began before the end
        return started > 0 and (started > len(self._ends) or self._ends[started - 1] > begin)

    def _waits(self, t: float, what: str, wheel: str) -> None:
        if not self._waiting:
            self._begins.append(t)
        self._waiting.add((what, wheel))

    def _goes_on(self, t: float, what: str, wheel: str) -> None:
        if (what, wheel) in self._waiting:
            self._waiting.remove((what, wheel))
            if not self._waiting:
                self._ends.append(t)

    def _nobody_waits(self, t: float) -> None:
        if self._waiting:
            self._waiting.clear()
            self._ends.append(t)


def next_in(numbers: "array[int]", place: int) -> int | None:
    """The first of the sorted numbers that is greater than `place`."""
    found = bisect_right(numbers, place)
    return numbers[found] if found < len(numbers) else None


def previous_in(numbers: "array[int]", place: int) -> int | None:
    """The last of the sorted numbers that is smaller than `place`."""
    found = bisect_left(numbers, place)
    return numbers[found - 1] if found else None
