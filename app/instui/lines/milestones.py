"""Milestones: one line when work of one kind is done for all wheels."""

from dataclasses import dataclass

from instui.monitor.fold import Fold
from instui.monitor.units import count, number, seconds, size

from .downloads import rate


@dataclass
class Milestone:
    """Work of one kind on several wheels. `unit` is what is counted: "bytes" or "files"."""

    word: str
    unit: str = "bytes"
    has_rate: bool = False
    running: int = 0
    since: float = 0.0  # when the first of those that run now began, or the last one ended
    took: float = 0.0  # the time until then in which any ran
    wheels: int = 0
    amount: int = 0
    ahead: int = 0  # of the amount, while uv decided

    def begin(self, t: float) -> None:
        """Work on a wheel begins."""
        self._pass(t)
        self.running += 1

    def end(self, t: float, amount: int, counts: bool = True) -> None:
        """Work on a wheel has ended; it `counts` unless there was nothing to do."""
        self._pass(t)
        self.running = max(self.running - 1, 0)
        self.amount += amount
        self.wheels += counts

    def _pass(self, t: float) -> None:
        self.took += (t - self.since) if self.running else 0.0
        self.since = t

    def take(self, of: int = 0) -> list[str]:
        """The line for what was done since the last call, `of` so many wheels; no line if nothing was."""
        if not self.wheels:
            return []
        amount = size(self.amount) if self.unit == "bytes" else count(self.amount, "file")
        wheels = f"{number(self.wheels)} of {count(of, 'wheel')}" if of > self.wheels else count(self.wheels, "wheel")
        line = f"{self.word} {wheels}, {amount}"
        if self.amount > self.ahead or not self.ahead:
            line += f" in {seconds(self.took)}"
            line += rate(self.amount - self.ahead, self.took) if self.has_rate else ""
            line += f", {size(self.ahead)} of it while uv decided" if self.ahead else ""
        else:
            line += " while uv decided"
        self.took, self.wheels, self.amount, self.ahead = 0.0, 0, 0, 0
        return [line]


class Milestones:
    """The milestones of a session. Without `shown` there are no lines."""

    def __init__(self, fold: Fold, shown: bool) -> None:
        self._fold = fold
        self._shown = shown
        self.resolved = False  # before, the number of wheels is unknown
        self.fetch = Milestone("fetched", has_rate=True)
        self.unpack = Milestone("unpacked")
        self.stage = Milestone("staged", unit="files")

    def complete(self) -> list[str]:
        """The lines of milestones that all wheels have reached."""
        if not self._shown or not self.resolved:
            return []
        totals = self._fold.totals
        return self.take(
            totals.fetched >= totals.resolved, totals.unpacked >= totals.resolved, totals.staged >= totals.resolved
        )

    def take(self, fetch: bool, unpack: bool, stage: bool, downloads: int = 0) -> list[str]:
        """The lines of what was done of these three; `downloads` is how many wheels there were to fetch."""
        if not self._shown:
            return []
        lines = self.fetch.take(downloads) if fetch else []
        lines += self.unpack.take() if unpack else []
        return lines + (self.stage.take() if stage else [])
