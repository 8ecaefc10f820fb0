"""A recorded session on a screen without a terminal, at a chosen moment: for tests and screenshots."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.events import Key
from textual.pilot import Pilot

from instui.monitor.joined import Joined
from instui.monitor.reader import Tail
from instui.monitor.sessions import started
from instui.tui.app import InstuiApp
from instui.tui.controller import Controller, ReadOnly, Result
from instui.tui.showing import Showing
from instui.tui.views.registry import BY_ID, VIEWS

KEYS_OF_VIEWS = [BY_ID[f"view_{view.scope}"].keys for view in VIEWS]
WHEELS, LOCKS, TIMELINE, OVERWRITES, EVENTS = (
    BY_ID[f"view_{name}"].keys for name in ("wheels", "locks", "timeline", "overwrites", "events")
)
RECORDINGS = Path(__file__).parents[2] / "screenshots" / "recordings"


class Recorded:
    """A source, and the clock to it: a recorded journal up to the moment that it was moved to."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0
        self.t = 0.0
        self.start = float(json.loads(lines[0]).get("clock", 0.0)) if lines else 0.0

    @classmethod
    def of(cls, name: str) -> "Recorded":
        """The recording of that name; several sessions of one environment, NAME-1 and so on, as one."""
        if several := sorted(RECORDINGS.glob(f"{name}-?.jsonl")):
            began = [event for path in several if (event := started(path))]
            joined = Joined([Tail(path) for path in several], began)
            lines = []
            while not joined.ended:
                lines += joined.poll()
            return cls(lines)
        return cls((RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())

    @property
    def ended(self) -> bool:
        """Whether all was polled."""
        return self._next == len(self._lines)

    def poll(self, wait: float = 0.0) -> list[str]:
        """The lines up to the present moment."""
        found = []
        while self._next < len(self._lines) and json.loads(self._lines[self._next])["t"] <= self.t:
            found.append(self._lines[self._next])
            self._next += 1
        return found

    def close(self) -> None:
        """Nothing to do."""

    finish = close

    def clock(self) -> float:
        """The present moment."""
        return self.start + self.t


class Own(ReadOnly):
    """An install of ours, which remembers what it was asked."""

    owns_install = True
    can_control = True
    read_only = ""

    def __init__(self) -> None:
        super().__init__("LIVE")
        self.asked: list[str] = []

    def cancel(self) -> None:
        self.asked.append("cancel")

    def abort(self) -> None:
        self.asked.append("abort")

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")

    def cancel_wheel(self, wheel: str) -> None:
        self.asked.append(f"cancel {wheel}")

    def change_workers(self, number: int) -> None:
        self.asked.append(f"workers {number}")


def go_to(app: InstuiApp, t: float) -> None:
    """Let the session go on to `t`, and show it."""
    source = app.watched._source
    assert isinstance(source, Recorded)
    source.t = t
    app.watched.read()
    while app.watched.behind:
        app.watched.read()
    app.pull()


@asynccontextmanager
async def shown(
    source: Recorded,
    t: float,
    size: tuple[int, int] = (120, 34),
    *,
    theme: str = "dark",
    ascii: bool = False,
    controller: Controller | None = None,
) -> AsyncIterator[tuple[InstuiApp, Pilot[Result]]]:
    """The application with the session at `t` on a screen of `size`; it shows a new moment only on request."""
    showing = Showing(source, controller or ReadOnly("LIVE"), clock=source.clock)
    app = InstuiApp(showing, ascii=ascii, theme=theme, timer=False)
    async with app.run_test(size=size, notifications=False) as pilot:
        await settle(pilot)
        go_to(app, t)
        await settle(pilot)
        yield app, pilot


async def settle(pilot: Pilot[Result]) -> None:
    """Let all that is under way come to rest: a key, what it changes, and the painting of that.

    On a loaded machine the display may need several slices of time until it is where a key sent it.
    """
    for _ in range(4):
        await pilot.pause(0)
    app = pilot.app
    while isinstance(app, InstuiApp) and app.showing is not None and app.watched.behind and app.watched.transport:
        app.pull()
        await pilot.pause(0)


async def press(pilot: Pilot[Result], *keys: str) -> None:
    """Press keys, by Textual's names. `Pilot.press` waits for an idle process twice a key, some 60 ms."""
    for key in keys:
        character = _CHARACTERS.get(key, key if len(key) == 1 else None)
        pilot.app.post_message(Key(key, character))
        await settle(pilot)


_CHARACTERS = {"colon": ":", "slash": "/", "space": " "}


def text_of(app: InstuiApp) -> str:
    """What is on the screen, as text."""
    height = app.size.height
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips[:height])
