"""The application: pulls a snapshot ten times a second and hands it to the screen in front."""

import gc
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from typing import Any

from rich.console import Console
from textual import constants
from textual._compositor import CompositorUpdate
from textual.app import ScreenStackError
from textual.events import Event, InputEvent, Key, Mount, MouseMove, MouseUp, Paste, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input

from instui.monitor.history import History
from instui.monitor.reader import Source
from instui.terminal import Terminal, encodable, erases_in_colour, is_browser, shows_everything

from .controller import Controller, Result
from .departure import Ending, Leaving
from .driver import driver_for
from .outgoing import Outgoing
from .outside import said
from .pace import Pace
from .playing import Playing
from .saving import file_name, save
from .showing import Showing
from .text.glyphs import ASCII, UNICODE
from .text.pieces import safe
from .views.application import Application
from .widgets.held import HeldScreen
from .widgets.painted import Painted
from .widgets.stylesheet import Styles
from .widgets.theme import DEFAULT, THEMES, without_colour

PULL_SECONDS = 0.1
_BETWEEN = 0.005  # seconds between two moments of preparing
QUIET_SECONDS = 0.5  # between two looks at a session in which nothing moves


class ScreenError(Exception):
    """A screen failed. The text is the last line of the traceback; with INSTUI_DEBUG=1, all of it was printed."""


class InstuiApp(Playing):
    """The screens of a session, one at a time; with a home, also what is between them."""

    TITLE = "instui"
    CSS = """
    .ascii SearchIcon { display: none; }
    .ascii CommandPalette #--input, .ascii CommandList { border: none; }
    .ascii CommandList { scrollbar-size: 0 0; }
    """

    def __init__(
        self,
        showing: Showing | None,
        *,
        home: Callable[[], Screen[Any]] | None = None,
        ascii: bool = False,
        theme: str = "",
        timer: bool = True,
        terminal: Terminal | None = None,
    ) -> None:
        """Begin with the session `showing`; None: at home, which is the screen that `home` makes."""
        if not os.environ.get("NO_COLOR", "unset"):
            del os.environ["NO_COLOR"]  # an empty value means nothing, but Textual would obey it
        driver = None if terminal is None or constants.DRIVER else driver_for(terminal)
        # Textual needs this before it reads NO_COLOR: it would turn the terminal's own colours into black on black.
        colour = True if without_colour(os.environ) else None
        super().__init__(showing, home, driver_class=driver, ansi_color=colour)
        self.stylesheet = Styles(variables=self.get_css_variables())
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
        self.terminal = terminal
        self._timer = timer
        self._pace = Pace(self._sent)
        self._ticks: Timer | None = None
        self._quiet = False  # whether that timer rests, as nothing moves
        self._on_the_way: list[tuple[Key, Screen[Any]]] = []  # keys for a screen that is not made yet
        self._held = False  # whether a frame waits until the terminal has taken those before
        self._clearing = False  # whether it waits for a terminal that is slow to read them
        self._preparing = False  # whether more is to be prepared
        self._painted = Painted(erases=erases_in_colour(os.environ))

    def clear_selection(self) -> None:
        """Clear the selected text. An input calls this while it is mounted, maybe before its screen is on the stack."""
        with suppress(ScreenStackError):
            super().clear_selection()

    # -- what is painted

    @property
    def _outgoing(self) -> Outgoing | None:
        """What is on its way to the terminal; None where a driver of Textual's own paints."""
        return getattr(self._driver, "outgoing", None)

    @property
    def _pending(self) -> bool:
        """Whether not all that was painted is written."""
        return (outgoing := self._outgoing) is not None and outgoing.pending

    def _sent(self) -> int:
        """How many bytes were painted until now."""
        return outgoing.queued if (outgoing := self._outgoing) is not None else 0

    def _clears(self) -> bool:
        """Whether the terminal has read what is written. If not, `_go_on` comes when it will have."""
        seconds = outgoing.clears_in() if (outgoing := self._outgoing) is not None else 0.0
        if seconds and not self._clearing:
            self._clearing = True
            self.set_timer(seconds, self._cleared)
        return not seconds

    def _cleared(self) -> None:
        self._clearing = False
        self._go_on()

    def holds_back(self) -> bool:
        """Whether nothing may be painted now: a terminal that is slow shall not show the past."""
        before, self._held = self._held, True  # before it is looked at: the other thread may be done at this moment
        if not self._pending and self._clears():
            self._held = before  # what is held already is painted by `_go_on`, which is on its way
        return self._held

    def output_drained(self) -> None:
        """Paint what was held back. Called by the thread that writes."""
        if self._held:
            self.from_outside(self._go_on)

    def _go_on(self) -> None:
        if self._held and not self._pending and self._clears():
            self._held = False
            self._pace.stir()
            self.pull()
            with suppress(ScreenStackError):
                if isinstance(screen := self.screen, HeldScreen):
                    screen.paint()

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Send what a frame changes on the terminal."""
        if isinstance(renderable, CompositorUpdate):
            renderable = self._painted.of(screen, renderable, *self.size)
        super()._display(screen, renderable)

    def came_back(self) -> None:
        """Paint a frame on the empty screen."""
        self._held = False
        self._painted.forget()
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
        if self._quiet and self.showing is not None:
            self.pull()
            if not self._pace.quiet and self._ticks is not None:
                self._quiet = False
                self._ticks.resume()

    def _rest(self) -> None:
        """Let the quicker timer rest."""
        if not self._quiet and self._ticks is not None:
            self._quiet = True
            self._ticks.pause()

    def opened(self) -> None:
        """Show the session that is on the screen now."""
        self._pace = Pace(self._sent)
        if self._quiet and self._ticks is not None:
            self._quiet = False
            self._ticks.resume()
        self.pull()

    def pull(self) -> None:
        """Read what is new in the journal and show it."""
        if (showing := self.showing) is None:
            self._rest()
            return
        self._pace.note(self.watched.read())
        if self._pace.quiet and not self.leaves_in:
            self._rest()
        if self.watched.behind and self._timer:
            self.set_timer(0.01, self.pull)
        self.close_void()
        if self.leaves():
            self.close()
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
        if said := showing.controller.refusal() or showing.controller.remark():
            self.say(safe(said))
        self._prepare()

    def _prepare(self) -> None:
        """Prepare for keys that go elsewhere in a recording, a moment at a time."""
        if self.showing is not None and self.watched.prepare() and self._timer and not self._preparing:
            self._preparing = True
            self.set_timer(_BETWEEN, self._prepared)

    def _prepared(self) -> None:
        self._preparing = False
        self._prepare()

    def _tell_window(self) -> None:
        """Say in the title how far the session is, also if the display is held still."""
        terminal, driver = self.terminal, self._driver
        if terminal is None or driver is None or not terminal.window.is_due:
            return
        if news := terminal.window.say(said(self.watched.latest, self.facts)):
            driver.write(encodable(news, terminal.encoding))

    async def on_event(self, event: Event) -> None:
        """Note that somebody is there. A mouse that only moves is nobody."""
        if isinstance(event, InputEvent | Paste) and not isinstance(event, MouseMove | MouseUp):
            if self.showing is not None:
                self.showing.departure.touch(event.key if isinstance(event, Key) else "")
            self._pace.stir()
        if isinstance(event, Resize):
            self._painted.forget()
        if isinstance(event, Key) and await self._done_at_once(event):
            return
        await super().on_event(event)

    async def _done_at_once(self, key: Key) -> bool:
        """Whether a key was done here, without a way through the queues of a screen and its input.

        On that way it would be overtaken by the next one. So what is typed behind the key that opens an input arrives
        in it, whole and in its order.
        """
        entry, screen = self.focused, self.screen
        if key.is_forwarded:
            self._on_the_way = [one for one in self._on_the_way if one[0] is not key]
            if is_typed := key.is_printable and isinstance(entry, Input):  # which that key had opened on a new screen
                _type(entry, key)
            return is_typed
        self._on_the_way = [one for one in self._on_the_way if one[1] is screen]
        if not screen.is_mounted or self._on_the_way:
            self._on_the_way.append((key, screen))  # the screen will have it when it is made
            return False
        if entry is not None and not isinstance(entry, Input):
            return False
        if await self._check_bindings(key.key, priority=True):
            return True
        if key.is_printable and entry is not None:
            _type(entry, key)
            return True
        return await self._check_bindings(key.key)

    # -- actions

    def no_picture(self) -> str:
        """Files would not be where the user is."""
        return "a browser only watches: no file is written" if is_browser() else ""

    def do_picture(self) -> None:
        """Save the screen as an SVG file."""
        stem = f"instui-{self.front.heading.lower().replace(' ', '-') if self.front is not None else 'screen'}"
        self.say(save(stem, ".svg", [self.export_screenshot(title="instui")]))

    def do_trace(self) -> None:
        """Write the session that is shown as trace events, in a thread of its own: it may have thousands of wheels."""
        snapshot = self.watched.shown
        happened = [one for one in self.watched.log if one[0] <= snapshot.t]

        def write() -> None:
            from instui.trace import chrome
            from instui.trace.trace import trace

            lines = (f"{line}\n" for line in chrome.lines(trace(snapshot, happened), snapshot))
            name = snapshot.session.session if snapshot.session is not None else "session"
            said = save(f"instui-{file_name(name)}", ".json", lines)
            self.from_outside(lambda: self.say(said))

        threading.Thread(target=write, name="trace", daemon=True).start()

    def no_trace(self) -> str:
        """Why there is no trace yet, or none at all."""
        if is_browser():
            return self.no_picture()
        return "" if self.showing is not None and self.watched.shown.session is not None else "nothing has begun yet"


def _type(entry: Input, key: Key) -> None:
    entry.replace(key.character or "", *entry.selection)


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
    demo: str = "",
    history: History | None = None,
    **options: Any,
) -> Result:
    """Show the session of `source` until the user leaves, or until `leaving` says so when it is over.

    `clock` is CLOCK_MONOTONIC, or that of a replay. `terminal` is painted to; None for the one that Textual finds.
    `demo` is the demonstration that it is; then the user can choose the next one, which the result names.
    `history`: see `Watch`.
    Raises ScreenError if a screen fails, after the terminal has been restored.
    """
    showing = Showing(source, controller, clock=clock, leaving=leaving, demo=demo, history=history)
    result = run(InstuiApp(showing, ascii=ascii, theme=theme, terminal=terminal), **options)
    return result if result is not None else showing.result


def run(app: InstuiApp, **options: Any) -> Result | None:
    """Run the application; return how the session stood that it ended with, None if there was none.

    Raises ScreenError if a screen fails, after the terminal has been restored.
    """
    trace = StringIO()
    if not os.environ.get("INSTUI_DEBUG"):
        app.error_console = Console(file=trace, width=2000)  # so that the last line is the whole error
    result = app.run(**options)
    if app.return_code:
        raise ScreenError((trace.getvalue().strip().splitlines() or ["see above"])[-1])
    return result
