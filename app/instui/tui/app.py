"""The application: pulls a snapshot ten times a second and hands it to the screen in front."""

import gc
import os
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from itertools import count
from typing import Any

from rich.console import Console
from textual import constants
from textual.app import ScreenStackError
from textual.events import Event, InputEvent, Key, Mount, MouseMove, MouseUp, Paste
from textual.timer import Timer

from instui.explain.summary import ending, summary
from instui.monitor.model import Snapshot
from instui.monitor.reader import Source
from instui.terminal import Terminal, encodable, shows_everything

from .controller import Controller, Ended, Left, Result
from .departure import Departure, Ending, Leaving
from .driver import Outgoing, driver_for
from .finding import TopFinding
from .outside import said
from .pace import Pace
from .rows.frame import Facts
from .suspension import Suspendable
from .text.glyphs import ASCII, UNICODE
from .text.pieces import Line
from .views.application import Application
from .views.dialogs import CANCEL, LEAVE, Ask
from .views.pushed import PushedView
from .views.view import View
from .watch import Watch
from .widgets.held import HeldScreen
from .widgets.theme import DEFAULT, THEMES, without_colour

PULL_SECONDS = 0.1
QUIET_SECONDS = 0.5  # between two looks at a session in which nothing moves


class ScreenError(Exception):
    """A screen failed. The text is the last line of the traceback; with INSTUI_DEBUG=1, all of it was printed."""


class InstuiApp(Suspendable):
    """The screens of one session."""

    TITLE = "instui"
    CSS = """
    .ascii SearchIcon { display: none; }
    .ascii CommandPalette #--input, .ascii CommandList { border: none; }
    .ascii CommandList { scrollbar-size: 0 0; }
    """

    def __init__(
        self,
        source: Source,
        controller: Controller,
        *,
        ascii: bool = False,
        theme: str = "",
        clock: Callable[[], float] = time.monotonic,
        timer: bool = True,
        leaving: Callable[[Ending], Leaving] = lambda _: "stay",
        terminal: Terminal | None = None,
    ) -> None:
        driver = None if terminal is None or constants.DRIVER else driver_for(terminal)
        # Textual needs this before it reads NO_COLOR: it would turn the terminal's own colours into black on black.
        super().__init__(driver_class=driver, ansi_color=True if without_colour(os.environ) else None)
        for known in THEMES:
            self.register_theme(known)
        names = {known.name for known in THEMES}
        self.theme = theme if theme in names else "mono" if without_colour(os.environ) else DEFAULT
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"
        encoding = terminal.encoding if terminal is not None else "utf-8"
        plain = ascii or not shows_everything(encoding)
        self.glyphs = ASCII._replace(encoding=encoding) if plain else UNICODE
        self.set_class(plain, "ascii")
        self.watched = Watch(source, clock)
        self.controller = controller
        self.departure = Departure(leaving)
        self.terminal = terminal
        self._timer = timer
        self._epilogue: list[str] | None = None
        self._stops = 0  # how often the user has asked to stop
        self._pace = Pace()
        self._ticks: Timer | None = None
        self._quiet = False  # whether that timer rests, as nothing moves
        self._held = False  # whether a frame waits until the terminal has taken those before
        self._finding = TopFinding(self.glyphs)

    def clear_selection(self) -> None:
        """Clear the selected text. An input calls this while it is mounted, maybe before its screen is on the stack."""
        with suppress(ScreenStackError):
            super().clear_selection()

    # -- what is painted

    @property
    def _pending(self) -> bool:
        """Whether the terminal has not yet taken what was painted."""
        outgoing: Outgoing | None = getattr(self._driver, "outgoing", None)
        return outgoing is not None and outgoing.pending

    def holds_back(self) -> bool:
        """Whether nothing may be painted now: a terminal that is slow shall not show the past."""
        before, self._held = self._held, True  # before it is looked at: the other thread may be done at this moment
        if not self._pending:
            self._held = before  # what is held already is painted by `_go_on`, which is on its way
        return self._held

    def output_drained(self) -> None:
        """Paint what was held back. Called by the thread that writes."""
        if self._held:
            self.from_outside(self._go_on)

    def _go_on(self) -> None:
        if self._held and not self._pending:
            self._held = False
            self._pace.stir()
            self.pull()
            with suppress(ScreenStackError):
                if isinstance(screen := self.screen, HeldScreen):
                    screen.paint()

    def came_back(self) -> None:
        """Paint a frame on the empty screen."""
        self._held = False
        self._pace.stir()
        self.pull()

    # -- what is shown

    def on_mount(self, _: Mount) -> None:
        """Start to pull."""
        if self._timer:
            self._ticks = self.set_interval(PULL_SECONDS, self.pull)
            self.set_interval(QUIET_SECONDS, self._look)
            # A full garbage collection stops the screen for a moment (see `watch.py`): make them fewer, and smaller.
            gc.freeze()
            gc.set_threshold(20_000, 20, 100)

    def _look(self) -> None:
        """Pull while nothing moves. As soon as something does, the quicker timer goes on."""
        if self._quiet:
            self.pull()
            if not self._pace.quiet and self._ticks is not None:
                self._quiet = False
                self._ticks.resume()

    def pull(self) -> None:
        """Read what is new in the journal and show it."""
        self._pace.note(self.watched.read())
        if not self._quiet and self._ticks is not None and self._pace.quiet and not self.leaves_in:
            self._quiet = True
            self._ticks.pause()
        if self.watched.behind and self._timer:
            self.set_timer(0.01, self.pull)
        if self.over and self._leaves():
            self._leave()
            return
        if self.holds_back():
            pass  # `_go_on` pulls again
        elif self._pace.is_due() or not self._timer or self.leaves_in:
            self.watched.advance()
            if (view := self.front) is not None:
                view.show(self.watched.shown)
                if isinstance(screen := self.screen, HeldScreen):
                    screen.keep_up()
            self._tell_window()
        if refusal := self.controller.refusal():
            self.say(refusal)

    def _tell_window(self) -> None:
        """Say in the title how far the session is, also if the display is held still."""
        if self.terminal is not None and self._driver is not None and self.terminal.window.is_due:
            watched = self.watched
            snapshot = watched.latest if watched.frozen else watched.shown
            if news := self.terminal.window.say(said(snapshot, self.facts)):
                self._driver.write(encodable(news, self.terminal.encoding))

    async def on_event(self, event: Event) -> None:
        """Note that somebody is there. A mouse that only moves is nobody."""
        if isinstance(event, InputEvent | Paste) and not isinstance(event, MouseMove | MouseUp):
            self.departure.touch(event.key if isinstance(event, Key) else "")
            self._pace.stir()
        await super().on_event(event)

    @property
    def facts(self) -> Facts:
        """The facts in the header that are not in the snapshot."""
        watched = self.watched
        return Facts(
            glyphs=self.glyphs,
            badge=self.controller.badge,
            frozen=watched.frozen,
            lag=watched.lag,
            died=watched.died,
            exit_code=self.controller.exit_code(),
            can_control=self.controller.can_control,
            catching_up=watched.behind,
        )

    @property
    def footer_labels(self) -> dict[str, str]:
        """The labels in the footer that depend on the state of the session."""
        paused = self.watched.shown.paused
        return {
            "freeze": "go on" if self.watched.frozen else "freeze",
            "pause": "resume install" if paused else "pause install",
            "quit": "quit" if self.over or not self.controller.owns_install else "quit…",
        }

    @property
    def caption_texts(self) -> list[str]:
        """The texts of the caption: what there is to watch and, when the session is over, its summary."""
        shown = self.watched.shown
        if self.watched.died:
            error = self.controller.error() or "The session ended without a word: its process is gone."
            return [error, *(line.strip() for line in summary(shown, names=False))]
        if shown.finished is None:
            return [shown.caption] if shown.caption else []
        if self._epilogue is None:
            self._epilogue = ending(shown)
        return ([shown.caption] if shown.caption else []) + self._epilogue

    def finding_line(self, snapshot: Snapshot, width: int) -> Line | None:
        """What takes most of the time now, in one line; None if there is nothing to say."""
        return self._finding.line(snapshot, width)

    @property
    def over(self) -> bool:
        """Whether the session has ended, in whatever way."""
        return self.watched.over

    @property
    def leaves_in(self) -> int | None:
        """The seconds until the screen leaves by itself; None if it does not."""
        return self.departure.seconds_left

    def _leaves(self) -> bool:
        """Whether to leave now that the session is over."""
        if self.controller.ending:
            return True
        try:
            screen = self.screen
        except ScreenStackError:
            return False
        if isinstance(screen, Ask):  # who is asked wanted to leave; there is nothing to ask any more
            return True
        in_use = self.watched.frozen or not isinstance(screen, View) or isinstance(screen, PushedView)
        return not in_use and self.departure.is_due(self._ending)

    def _ending(self) -> Ending:
        snapshot = self.watched.latest
        finished = snapshot.finished
        return Ending(
            failed=finished is None or finished.exit != 0,
            seconds=finished.seconds if finished is not None else snapshot.t,
            did_nothing=not snapshot.wheels,
            touched=self.departure.touched,
        )

    # -- actions

    def no_freeze(self) -> str:
        """Nothing moves that could be held."""
        return "the session is over: nothing moves" if self.over and not self.watched.frozen else ""

    def do_freeze(self) -> None:
        """Freeze the display, or unfreeze it."""
        self.watched.frozen = not self.watched.frozen
        if not self.watched.frozen:
            self.watched.read()
            self.watched.advance()
        now = self.watched.frozen
        text = "the display is held still; the install goes on" if now else "back to the present"
        self.say(text, stale=lambda: self.watched.frozen != now or self.over)
        if (view := self.front) is not None:
            view.refresh_view()

    def no_pause(self) -> str:
        """It is over, or somebody else's."""
        if self.over:
            return "the session is over"
        return "" if self.controller.can_control else "read-only: this session can be watched but not paused"

    def do_pause(self) -> None:
        """Ask the install to pause, or to continue."""
        paused = self.watched.latest.paused
        if paused:
            self.controller.resume()
            text = "asked the install to go on"
        else:
            self.controller.pause()
            text = "asked the install to pause; it does so between two commits"
        if refusal := self.controller.refusal():
            self.say(refusal)
        else:
            self.say(text, stale=lambda: self.over or self.watched.latest.paused != paused)

    def do_picture(self) -> None:
        """Save the screen as an SVG file."""
        stem = f"instui-{self.front.heading.lower().replace(' ', '-') if self.front is not None else 'screen'}"
        picture = self.export_screenshot(title="instui")
        for number in count(1):
            name = f"{stem}-{number}.svg" if number > 1 else f"{stem}.svg"
            try:
                with open(name, "x", encoding="utf-8") as file:  # never over what is there
                    file.write(picture)
            except FileExistsError:
                continue
            except OSError as error:
                self.say(f"cannot write {name}: {error.strerror}")
            else:
                self.say(f"saved {name} in the present directory")
            return

    # -- the end

    def do_quit(self) -> None:
        """Leave, without a question if no install of ours is running."""
        if self.over or not self.controller.owns_install:
            self._leave()
        else:
            self._ask("The install is still running.")

    def do_interrupt(self) -> None:
        """Ask what to do; the second time, cancel the install; the third time, abort it."""
        if isinstance(self.screen, Ask):
            self.screen.dismiss(CANCEL)
        elif self.over or not self.controller.owns_install:
            self._leave()
        elif self._stops == 0:
            self._ask("Stop the install?")
        else:
            self._stops += 1
            self.controller.abort()
            self.say("aborting: what is in hand is undone", stale=lambda: self.over)

    def _ask(self, title: str) -> None:
        self.push_screen(Ask(title, may_leave=self.controller.may_be_left), self._answered)

    def _answered(self, answer: str | None) -> None:
        if answer == CANCEL:
            self._stops += 1
            self.controller.cancel()
            self.say("cancelling after the commits in hand; ctrl+c again aborts at once", stale=lambda: self.over)
        elif answer == LEAVE:
            self._leave()

    def _leave(self) -> None:
        snapshot = self.watched.latest
        finished = snapshot.finished
        if self.over:
            self.exit(Ended(finished.exit if finished else self.controller.exit_code(), snapshot))
        else:
            self.exit(Left(self.controller.alive(), snapshot))


_TYPE_CHECKED: type[Application] = InstuiApp  # the type checker proves that it has everything that the views need


def run_app(
    source: Source,
    controller: Controller,
    *,
    ascii: bool = False,
    theme: str = "",
    clock: Callable[[], float] = time.monotonic,
    leaving: Callable[[Ending], Leaving] = lambda _: "stay",
    terminal: Terminal | None = None,
    **options: Any,
) -> Result:
    """Show the session of `source` until the user leaves, or until `leaving` says so when it is over.

    `clock` is CLOCK_MONOTONIC, or that of a replay. `terminal` is painted to; None for the one that Textual finds.
    Raises ScreenError if a screen fails, after the terminal has been restored.
    """
    if not os.environ.get("NO_COLOR", "unset"):
        del os.environ["NO_COLOR"]  # an empty value means nothing, but Textual would obey it
    app = InstuiApp(source, controller, ascii=ascii, theme=theme, clock=clock, leaving=leaving, terminal=terminal)
    trace = StringIO()
    if not os.environ.get("INSTUI_DEBUG"):
        app.error_console = Console(file=trace, width=2000)  # so that the last line is the whole error
    result = app.run(**options)
    if app.return_code:
        raise ScreenError((trace.getvalue().strip().splitlines() or ["see above"])[-1])
    return result if result is not None else Left(controller.alive(), app.watched.latest)
