"""The stretch of time that a timeline shows: from times to columns and back, zoom, and following the end."""

from math import floor, log10

from instui.monitor import units
from instui.tui.text.scale import label
from instui_engine.values import NamedTuple

_EXTENTS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_SHORTEST = 0.001  # seconds that a window shows at least
_FOLLOWED = 4  # a window that follows the end moves on by this part of itself


class Window(NamedTuple):
    """Times from `begin` to `end`, in seconds since the session began."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How much time it shows."""
        return self.end - self.begin

    def column(self, t: float, width: int) -> int:
        """The column of `width` in which `t` lies; less than 0 or `width` and more for a time outside."""
        return floor((t - self.begin) / self.seconds * width + 1e-9)

    def time(self, column: int, width: int) -> float:
        """The time in the middle of a column."""
        return self.begin + (column + 0.5) * self.seconds / max(width, 1)

    def zoomed(self, factor: float, about: float, whole: "Window") -> "Window":
        """A window of `factor` times the length, in which `about` keeps its place; never more than `whole`."""
        length = max(self.seconds * factor, _SHORTEST)
        if length >= whole.seconds:
            return whole
        about = min(max(about, self.begin), self.end)
        return Window(*_from(about - (about - self.begin) * length / self.seconds, length)).within(whole)

    def with_margin(self, share: float, whole: "Window") -> "Window":
        """The window and this share of its length on both sides, as far as there is time."""
        margin = max(share * self.seconds, (_SHORTEST - self.seconds) / 2)
        return Window(max(self.begin - margin, whole.begin), min(self.end + margin, whole.end))

    def moved(self, share: float, whole: "Window") -> "Window":
        """The window later by this share of its length, at most to the edge of `whole`."""
        return Window(*_from(self.begin + share * self.seconds, self.seconds)).within(whole)

    def with_time(self, t: float, whole: "Window") -> "Window":
        """This window if it shows `t`, else one of the same length with `t` in its middle."""
        if self.begin <= t <= self.end:
            return self
        return Window(*_from(t - self.seconds / 2, self.seconds)).within(whole)

    def within(self, whole: "Window") -> "Window":
        """The window pushed into `whole`."""
        begin = max(min(self.begin, whole.end - self.seconds), whole.begin)
        return Window(begin, min(begin + self.seconds, whole.end))

    def following(self, t: float) -> "Window":
        """A window of this length that shows `t`, which does not move with every moment."""
        step = self.seconds / _FOLLOWED
        begin = (floor(t / step) - _FOLLOWED + 1) * step
        return Window(*_from(begin, self.seconds))


def _from(begin: float, length: float) -> tuple[float, float]:
    return begin, begin + length


def extent(begin: float, now: float, over: bool) -> Window:
    """The window of a whole session: up to its end or, while it runs, to a round time that `now` will reach later."""
    if over:
        return Window(begin, max(now, begin + _SHORTEST))
    seconds = max(now - begin, 0.5) * 1.02
    unit = 10.0 ** floor(log10(seconds))
    return Window(begin, begin + next(step * unit for step in _EXTENTS if step * unit >= seconds - 1e-9))


def duration(seconds: float) -> str:
    """How long a bar is: like all durations but for milliseconds, which are told here."""
    return units.seconds(seconds) if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


def exact(t: float, window: Window, width: int) -> str:
    """A time as exact as half a column of the window, at least to a hundredth of a second."""
    precision = min(max(window.seconds / max(width, 1) / 2, 0.0001), 0.01)
    return label(0.0 if abs(t) < precision / 2 else t, 10.0 ** floor(log10(precision) + 1e-9))  # no "-0.00 s"
