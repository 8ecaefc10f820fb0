"""Plain output in tests: a session's first event, and a PlainUI whose clock and terminal are those of the test."""

import io
import os
from collections.abc import Iterator

from instui.lines.plain import PlainUI
from instui.monitor.reader import Feed
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, Holder

SITE = "lib/python3.11/site-packages"
ROOTS = {"purelib": SITE, "platlib": SITE, "scripts": "bin"}
START = events.SessionStarted(1, "s1", 42, 0.0, 1000.0, "0.1.0", ["instui", "install"], "/v", "/v/bin/python", ROOTS, 2)
UV = Holder(pid=4242, command="uv pip install flask")


GO_A, GO_B = (
    events.PlanWheel("a", 0, 3, 1, ["lib/a"], ["lib"], "1"),
    events.PlanWheel("b", 1, 2, 1, ["lib/b"], ["lib"], "2"),
)
A, B = events.WheelAdded("a", "1", "f", 1, True), events.WheelAdded("b", "2", "f", 1, True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Stage:
    """A PlainUI with a clock and a width of the test's; frames come out as text."""

    def __init__(self, stream: io.StringIO, columns: int = 120, lines: int = 24, **options: object) -> None:
        self.now = 1000.0
        self.size = os.terminal_size((columns, lines))
        options.setdefault("environ", {"TERM": "xterm", "NO_COLOR": "1"})
        self.ui = PlainUI(
            Feed(),
            stream,
            clock=lambda: self.now,
            columns=lambda: self.size,
            **options,  # type: ignore[arg-type]
        )

    def at(self, t: float, *happened: Event, ended: bool = False) -> str:
        self.now = 1000.0 + t
        return self.ui.frame([encode(t, event) for event in happened], ended)

    def play(self, script: list[tuple[float, Event]], tick: float = 0.1) -> Iterator[str]:
        """Frames of a script at a steady tick."""
        rest, step = list(script), 0
        while rest:
            t = step * tick
            due = [encode(*rest.pop(0)) for _ in range(sum(when <= t + 1e-9 for when, _ in rest))]
            self.now = 1000.0 + t
            yield self.ui.frame(due, not rest)
            step += 1
