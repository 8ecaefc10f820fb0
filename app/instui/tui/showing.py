"""A session on the screen: what is seen of it, what may be done to it, and when its screen leaves."""

import time
from collections.abc import Callable

from instui.demo.scenarios import after
from instui.explain.summary import ending, summary
from instui.monitor.history import History
from instui.monitor.model import Snapshot
from instui.monitor.reader import Source
from instui.monitor.units import seconds

from .controller import Controller, Ended, Left, Result
from .departure import Departure, Ending, Leaving
from .finding import TopFinding
from .rows.frame import Facts
from .rows.transport import Stand
from .text.glyphs import Glyphs
from .text.pieces import Line
from .views.throttled import Apart
from .watch import Watch


def _nobody_asked(_: Result) -> None:
    pass


class Showing:
    """A session that the application shows from `InstuiApp.open` until `InstuiApp.close`."""

    def __init__(
        self,
        source: Source,
        controller: Controller,
        *,
        clock: Callable[[], float] = time.monotonic,
        speed: float | None = None,
        leaving: Callable[[Ending], Leaving] = lambda _: "stay",
        closed: Callable[[Result], None] = _nobody_asked,
        demo: str = "",
        history: History | None = None,
    ) -> None:
        """`clock` is CLOCK_MONOTONIC; `speed` that at which a recording is played, None: it is no recording.

        `leaving` says whether the screen leaves when the session is over.
        `closed` is called when the user has left it, or the screen has. `demo` is the demonstration that it is, if
        whoever shows it plays the one that the user chooses next. `history`: see `Watch`.
        """
        self.watch = Watch(source, clock, speed, history)
        self.controller = controller
        self.departure = Departure(leaving)
        self.closed = closed
        self.demo = demo
        self.then = ""  # the demonstration that the user has chosen
        self.stops = 0  # how often the user has asked to stop
        self.finding = TopFinding()
        self.epilogue: Apart[list[str]] = Apart()  # of thousands of wheels it takes a third of a second

    @property
    def over(self) -> bool:
        """Whether the session has ended, in whatever way."""
        return self.watch.over

    @property
    def asks(self) -> bool:
        """Whether leaving it needs an answer: an install of ours is running."""
        return self.controller.owns_install and not self.over

    @property
    def result(self) -> Result:
        """How it stands, for who leaves now."""
        snapshot = self.watch.latest
        if not self.over:
            return Left(self.controller.alive(), snapshot)
        exit_code = snapshot.finished.exit if snapshot.finished else self.controller.exit_code()
        return Ended(exit_code, snapshot, self.then)

    @property
    def ending(self) -> Ending:
        """The end, as far as it matters to whether the screen leaves."""
        snapshot = self.watch.latest
        finished = snapshot.finished
        return Ending(
            failed=finished is None or finished.exit != 0,
            seconds=finished.seconds if finished is not None else snapshot.t,
            did_nothing=not snapshot.wheels,
            touched=self.departure.touched,
        )

    # -- what is said of it

    def facts(self, glyphs: Glyphs) -> Facts:
        """The facts in the header that are not in the snapshot."""
        watch = self.watch
        return Facts(
            glyphs=glyphs,
            badge=self.controller.badge,
            stand=self.stand,
            exit_code=self.controller.exit_code(),
            can_control=self.controller.can_control,
            catching_up=watch.reading,
        )

    @property
    def footer_labels(self) -> dict[str, str]:
        """The labels in the footer that depend on the state of the session, by action."""
        return {
            "freeze": self._freeze_label,
            "pause": "resume install" if self.watch.shown.paused else "pause install",
            "quit": "quit…" if self.asks else "quit",
        }

    @property
    def caption_texts(self) -> list[str]:
        """The texts of the caption: what there is to watch and, when the session is over, its summary.

        The summary of many wheels comes a moment later: `epilogue` tells when.
        """
        shown = self.watch.shown
        if shown.over and shown.finished is None:
            error = self.controller.error() or f"Its journal ends here, at {seconds(shown.wall)}: the process was gone."
            return [error, *self._epilogue(shown, lambda: [line.strip() for line in summary(shown, names=False)])]
        if shown.finished is None:
            return [shown.caption] if shown.caption else []
        texts = [shown.caption] if shown.caption else []
        if self.demo:
            texts.append(f"D another demonstration ({after(self.demo)} is next), R this one again, q quit")
        return texts + self._epilogue(shown, lambda: ending(shown))

    def _epilogue(self, shown: Snapshot, make: Callable[[], list[str]]) -> list[str]:
        """What is said once of a session that is over; [] as long as it is being made."""
        return self.epilogue.latest(shown.finished is None, None, make, len(shown.wheels)) or []

    @property
    def stand(self) -> Stand | None:
        """Where in the session the display stands; None: in the present."""
        watch, transport = self.watch, self.watch.transport
        if transport is None:
            return None
        return Stand(
            t=transport.t,
            begin=watch.tape.begin,
            end=watch.end,
            speed=transport.speed,
            held=transport.held,
            ended=transport.ended,
            reading=watch.reading,
            recorded=watch.recorded,
            lag=watch.lag,
        )

    @property
    def _freeze_label(self) -> str:
        watch, transport = self.watch, self.watch.transport
        if transport is None:
            return "replay" if watch.over else "freeze"
        if transport.ended:
            return "again"
        if not transport.held:
            return "hold"
        return "play" if watch.recorded or watch.over or transport.moved else "go on"

    def finding_line(self, snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line | None:
        """What takes most of the time now, in one line; None if there is nothing to say."""
        return self.finding.line(snapshot, width, glyphs)
