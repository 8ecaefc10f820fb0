"""Home with made-up sessions, without a terminal: for tests and screenshots."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from instui.monitor.installers import Installer
from instui.monitor.sessions import KnownSession, State
from instui.tui.app import InstuiApp
from instui.tui.controller import Result
from instui.tui.host import Demonstration, Place, Sight
from instui.tui.views.home import HomeView
from instui_engine.errors import UsageError
from support.screens import settle

NOW = 1_790_000_000.0
HERE, THERE = "/home/ada/project/.venv", "/home/ada/api/.venv"
DEMONSTRATIONS = (
    Demonstration("same-module", "three wheels ship the same forty files: who has them, with locks and without"),
    Demonstration("readme-clash", "twelve wheels ship one README.md"),
    Demonstration("etc-race", "twelve wheels make the same directory at once"),
    Demonstration("namespace", "twenty wheels share a namespace"),
    Demonstration("two-sessions", "two installs wait only where they must"),
    Demonstration("uv-holds", "uv holds the environment's lock; the install says so and waits"),
    Demonstration("timeout", "a lock whose holder is stopped: the wait ends, and nothing is left half done"),
    Demonstration("crash", "an install is killed in the middle of a commit, and the next one settles it"),
)
PLACE = Place("project/.venv", "CPython 3.11.7", tuple(f"dist{number:02}" for number in range(98)))


def live(
    session: str,
    command: str,
    pid: int,
    wall: float,
    doing: str = "",
    *,
    state: State = "running",
    wheels: int = 0,
    done: int = 0,
    waits: tuple[tuple[str, int], ...] = (),
    top: str = HERE,
) -> KnownSession:
    """A session that runs."""
    began = NOW - wall
    return KnownSession(
        session, pid, state, top, f"instui {command}", began, wall, "", "/j", wheels, done, doing, waits, "/s"
    )


def over(
    session: str, command: str, before: float, wall: float, state: State = "done", wheels: int = 1, error: str = ""
) -> KnownSession:
    """A session that was recorded."""
    return KnownSession(session, 1, state, HERE, f"instui {command}", NOW - before, wall, error, "/j", wheels)


_CV2 = "lib/python3.11/site-packages/cv2"
RUNNING = (
    live("a", "install torch torchvision", 4242, 12.0, "unpack 61 %", wheels=38, waits=((_CV2, 2),)),
    live("b", "install -r requirements.txt", 4310, 3.0, "commit 20 %", wheels=97, done=19, top=THERE, state="paused"),
)
OTHERS = (Installer(5120, "/usr/bin/uv pip sync requirements.txt", THERE, "asleep", NOW - 3),)
RECORDED = (
    over("h", "install flask", 125, 9.8, wheels=98),
    over("g", "install wheels/bad-1.0-py3-none-any.whl", 3700, 2.6, "failed", 0, "rotten: RECORD says 3 bytes, has 7"),
    over("f", "uninstall numpy", 7300, 0.41),
    over("e", "install -U jupyterlab", 90_000, 131.0, "cancelled", 12),
    over("d", "install --reinstall pandas", 180_000, 4.2, "killed", -1),
    over("c", "install flask", 700_000, 0.05, wheels=0),
)
SIGHT = Sight(PLACE, RUNNING, OTHERS, RECORDED, {"h": 0.3}, DEMONSTRATIONS, NOW)
FIRST_TIME = Sight(PLACE._replace(installed=()), (), (), (), {}, DEMONSTRATIONS, NOW)
NOWHERE = Sight(
    Place(missing="no environment found: none is active and there is no .venv here or above; make one with `uv venv`"),
    (), (), (), {}, DEMONSTRATIONS, NOW,
)  # fmt: skip


class MadeUpHost:
    """A host that shows what it is given, and remembers what it was asked."""

    def __init__(self, sight: Sight = SIGHT) -> None:
        self.sight = sight
        self.asked: list[tuple[str, ...]] = []
        self.running = 0

    def look(self) -> Sight:
        return self.sight

    def begin(self, typed: str) -> None:
        if typed == "install":
            raise UsageError("nothing to install: name a requirement")
        self.asked.append(("begin", typed))

    def watch(self, session: str) -> None:
        self.asked.append(("watch", session))

    def replay(self, session: str, *, explained: bool = False) -> None:
        self.asked.append(("explain" if explained else "replay", session))

    def demonstrate(self, name: str) -> None:
        self.asked.append(("demo", name))

    def cancel(self, session: str) -> None:
        self.asked.append(("cancel", session))

    def own(self) -> int:
        return self.running

    def leave(self, *, cancel: bool) -> None:
        self.asked.append(("leave", "cancel" if cancel else "running"))


@asynccontextmanager
async def at_home(
    host: MadeUpHost, size: tuple[int, int] = (120, 34), *, theme: str = "dark", ascii: bool = False
) -> AsyncIterator[tuple[InstuiApp, Pilot[Result]]]:
    """The application at home on a screen of `size`. It looks around only once."""
    app = InstuiApp(None, home=lambda: HomeView(host, timer=False), ascii=ascii, theme=theme, timer=False)
    async with app.run_test(size=size, notifications=False) as pilot:
        await settle(pilot)
        home_of(app).look()
        await settle(pilot)
        yield app, pilot


def home_of(app: InstuiApp) -> HomeView:
    """Home, which is in front or under a dialog."""
    return next(screen for screen in app.screen_stack if isinstance(screen, HomeView))


def rows_of(app: InstuiApp) -> Sequence[str]:
    """The keys of the rows."""
    return home_of(app).table.keys
