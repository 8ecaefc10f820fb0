"""The lines about the resolution and about single wheels while they are fetched and unpacked."""

from instui.monitor.fold import Fold
from instui.monitor.units import count, number, seconds, size
from instui_engine.errors import printable
from instui_engine.journal import events

from .downloads import SLOW_SECONDS, Downloads
from .milestones import Milestones
from .progress import Progress, interval

WHEELS_AT_ONCE = 5  # lines about single wheels in the time between two lines of progress
RESUMED = 1_000_000  # bytes of an earlier attempt that are worth a line
_LONG_WAIT = 1.0  # seconds before another attempt that are worth a word


class Preparation:
    """The lines of a session up to the plan.

    `shown`: no block on a terminal shows progress. `verbose`: also each wheel. `quiet`: nothing at all.
    """

    def __init__(self, fold: Fold, milestones: Milestones, *, shown: bool, verbose: bool, quiet: bool) -> None:
        self._fold = fold
        self._milestones = milestones
        self._shown = shown
        self._verbose = verbose
        self._quiet = quiet
        self.downloads = Downloads()
        self.progress = Progress(fold, self.downloads)
        self._asked: float | None = None  # when the resolution began
        self._told: float | None = None  # when a line said what uv does
        self._unpacking: dict[str, float] = {}  # wheel -> begin
        self._compiling = 0.0  # when that began
        self._building: dict[str, float] = {}  # wheel -> begin
        self._latest: list[float] = []  # times of the latest lines about single wheels
        self._untold = 0  # retries and silences without a line

    def resolve_started(self, t: float) -> list[str]:
        """uv is asked."""
        self._asked = t
        self.progress.resolution(t)
        return []

    def resolve_progress(self, t: float, event: events.ResolveProgress) -> list[str]:
        """uv takes another step, or goes on with the one that it takes; of the latter only some get a line."""
        self.progress.step(event.doing)
        is_due = self._told is None or t - self._told >= interval(t) or not any(map(str.isdigit, event.doing))
        if not self._verbose or not is_due:
            return []
        self._told = t
        return [f"uv: {printable(event.doing)}"]

    def resolve_finished(self, t: float, event: events.ResolveFinished) -> list[str]:
        """The set is known."""
        self._milestones.resolved = True
        if not self._shown or not event.wheels:  # if there is nothing to do, the summary says so
            return []
        self.progress.said(t)
        took = "" if self._asked is None else f" in {seconds(t - self._asked)}"
        satisfied = f" ({number(event.satisfied)} already installed)" if event.satisfied else ""
        return [f"resolved {count(event.wheels, 'wheel')}{satisfied}{took}"]

    def added(self, event: events.WheelAdded) -> list[str]:
        """A wheel is announced, or found in the store after all."""
        if event.cached:
            self.downloads.drop(event.wheel)
        elif event.fetch:
            self.downloads.expect(event.wheel, event.size)
        return []

    def fetch_started(self, t: float, event: events.FetchStarted) -> list[str]:
        """A download begins. Before the first one, there is a line about all."""
        lines = []
        self._milestones.fetch.begin(t)
        self._milestones.fetch.ahead += event.ahead
        first = self.downloads.begin(t, event.wheel, event.done, event.size, event.ahead)
        if first:
            self.progress.downloading(t)
        if first and self._shown:
            self.progress.said(t)
            lines.append(f"fetching {self._plan()}")
        label = self._label(event.wheel)
        if event.done - event.ahead >= RESUMED:
            here = self.downloads.here(event.wheel)
            return lines + self._single(t, f"{label}: {here} are here from an earlier attempt")
        if self._verbose and (not first or self.downloads.wheels > 1):
            left = self.downloads.left(event.wheel)
            lines.append(f"fetching {label}{f', {left}' if left else ''}")
        return lines

    def fetch_progress(self, t: float, event: events.FetchProgress) -> list[str]:
        """Bytes have come. Where only the server knows the size, there is a line about it if it is big."""
        if not self.downloads.advance(event.wheel, event.done, event.size):
            return []
        return self._single(t, f"{self._label(event.wheel)} is {size(event.size)}") if self._shown else []

    def fetch_stalled(self, t: float, event: events.FetchStalled) -> list[str]:
        """Nothing comes."""
        what, where = ("connection", "to") if event.connecting else ("data", "from")
        line = f"no {what} for {event.seconds:.0f} s {where} {printable(event.host)}: {self._label(event.wheel)}"
        return self._trouble(t, line)

    def fetch_retried(self, t: float, event: events.FetchRetried) -> list[str]:
        """An attempt has failed."""
        when = f" in {event.wait:.0f} s" if event.wait >= _LONG_WAIT else ""
        what = f"retry {event.attempt}{when} for {self._label(event.wheel)}"
        return self._trouble(t, f"{what}: {printable(event.reason)}")

    def fetch_finished(self, t: float, event: events.FetchFinished) -> list[str]:
        """A wheel file is here."""
        came = self.downloads.finish(event.wheel, event.size)
        self._milestones.fetch.end(t, came, counts=came > 0)  # an earlier attempt may have left all of it
        detail = self.downloads.detail(t, event.wheel, every=self._verbose)
        line = f"fetched {self._label(event.wheel)}, {detail}"
        return self._single(t, line) if detail and (self._shown or self._verbose) else []

    def build_started(self, t: float, event: events.BuildStarted) -> list[str]:
        """A wheel is being built."""
        self._building[event.wheel] = t
        self.progress.said(t)
        if not (self._shown or self._verbose):
            return []
        output = f"; its output is in {printable(event.log)}" if event.log and self._verbose else ""
        how = "building" if not event.editable else "building as editable"
        return [f"{how} {self._label(event.wheel)} from {printable(event.source)}{output}"]

    def build_progress(self, event: events.BuildProgress) -> list[str]:
        """A build has printed something."""
        return [f"{printable(event.wheel)}: {printable(event.line)}"] if self._verbose else []

    def build_finished(self, t: float, event: events.BuildFinished) -> list[str]:
        """A wheel is built."""
        self.progress.said(t)
        took = seconds(t - self._building.pop(event.wheel, t))
        return [f"built {printable(event.file)} in {took}"] if self._shown or self._verbose else []

    def unpack_started(self, t: float, event: events.UnpackStarted) -> list[str]:
        """A wheel is being unpacked."""
        self._milestones.unpack.begin(t)
        self._unpacking[event.wheel] = t
        return []

    def unpack_finished(self, t: float, event: events.UnpackFinished) -> list[str]:
        """A wheel is unpacked."""
        self._milestones.unpack.end(t, event.size)
        took = t - self._unpacking.pop(event.wheel, t)
        line = (
            f"unpacked {self._label(event.wheel)}, {count(event.files, 'file')}, {size(event.size)} in {seconds(took)}"
        )
        slow = self._shown and took >= SLOW_SECONDS and self._fold.totals.resolved > 1
        return self._single(t, line) if slow or self._verbose else []

    def compile_started(self, t: float) -> list[str]:
        """Byte code is being made."""
        self._compiling = t
        return []

    def compile_failed(self, event: events.CompileFailed) -> list[str]:
        """A module has no byte code."""
        line = f"not compiled: {printable(event.path)} of {self._label(event.wheel)}: {printable(event.error)}"
        return [line] if self._verbose else []

    def compile_finished(self, t: float, event: events.CompileFinished) -> list[str]:
        """All byte code is there."""
        if not self._shown or not (event.files or event.cached):
            return []
        self.progress.said(t)
        if not event.files:
            return [f"the byte code of {count(event.cached, 'module')} is in the cache"]
        cached = f" (that of {number(event.cached)} is in the cache)" if event.cached else ""
        how = " (-v says why)" if not self._verbose else ""
        failed = f"; {number(event.failed)} could not be{how}" if event.failed else ""
        return [f"compiled {count(event.files, 'module')}{cached} in {seconds(t - self._compiling)}{failed}"]

    def rest(self) -> list[str]:
        """The line about what was not told."""
        untold, self._untold = self._untold, 0
        return [f"{number(untold)} more retries and silences"] if untold else []

    def _plan(self) -> str:
        downloads, cached = self.downloads, self._fold.totals.cached
        named = [f"{self._label(wheel)} ({downloads.left(wheel)})" for wheel in downloads.largest()]
        names = f"; the largest: {', '.join(named)}" if named else ""
        if downloads.wheels == 1:
            (wheel,) = downloads.names
            left = downloads.left(wheel)
            return f"{self._label(wheel)}{f', {left}' if left else ' of unknown size'}"
        known = f" ({number(cached)} {'is' if cached == 1 else 'are'} in the cache)" if cached else ""
        return f"{downloads.plan()}{known}{names}"

    def _label(self, key: str) -> str:
        return printable(self._fold.label(key))

    def _trouble(self, t: float, line: str) -> list[str]:
        if self._quiet:
            return []
        lines = self._single(t, line)
        self._untold += not lines
        return lines

    def _single(self, t: float, line: str) -> list[str]:
        """A line about a single wheel, unless there were many just now."""
        if self._quiet:
            return []
        self._latest = [latest for latest in self._latest if t - latest < interval(t)]
        if len(self._latest) >= WHEELS_AT_ONCE and not self._verbose:
            return []
        self._latest.append(t)
        return [*self.rest(), line]
