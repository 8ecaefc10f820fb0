"""The application: pulls a snapshot ten times a second and hands it to the screen in front."""

import gc
import os
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from textual import constants
from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.events import Event, InputEvent, Key, Mount, MouseMove, MouseUp, Paste
from textual.screen import Screen

from instui.monitor.reader import Source
from instui.monitor.summary import summary
from instui.terminal import Terminal, shows_everything

from .actions import ACTIONS, BY_ID, EVENTS, LOCKS, OVERWRITES, VIEWS, WHEELS
from .controller import Controller, Ended, Left, Result
from .departure import Departure, Ending, Leaving
from .driver import driver_for
from .rows.frame import Facts
from .rows.overwrites import OverwrittenFile
from .text.glyphs import ASCII, UNICODE
from .views.application import Application
from .views.dashboard import DashboardView
from .views.detail import DetailView
from .views.dialogs import CANCEL, LEAVE, Ask
from .views.diff import DiffView
from .views.events import EventsView
from .views.help import Help
from .views.locks import LocksView
from .views.overview import Overview
from .views.overwrites import OverwritesView
from .views.palette import Commands
from .views.pushed import PushedView
from .views.view import View
from .watch import Watch
from .widgets.theme import DEFAULT, THEMES, without_colour

PULL_SECONDS = 0.1
REST_SECONDS = 1.0  # between two looks at a session in which nothing moves: only clocks and notices change then
SHARE = 0.08  # of a core, for frames while the session moves: the install may need all of them


class ScreenError(Exception):
    """A screen failed. The text is the last line of the traceback; with INSTUI_DEBUG=1, all of it was printed."""


class InstuiApp(App[Result], inherit_bindings=False):
    """The screens of one session."""

    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        WHEELS: DashboardView,
        LOCKS: LocksView,
        OVERWRITES: OverwritesView,
        EVENTS: EventsView,
    }
    DEFAULT_MODE = WHEELS
    TITLE = "instui"
    COMMANDS: ClassVar[set[Any]] = {Commands}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    CSS = """
    .ascii SearchIcon { display: none; }
    .ascii CommandPalette #--input, .ascii CommandList { border: none; }
    .ascii CommandList { scrollbar-size: 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, f"do('{action.id}')", action.label, show=False, priority=action.id == "interrupt")
        for action in ACTIONS
    ]

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
        self.wheel = ""  # the selected wheel, whichever view it was selected in
        self._timer = timer
        self._epilogue: list[str] | None = None
        self._stops = 0  # how often the user has asked to stop
        self._rests_until = 0.0  # monotonic time until which nothing is painted unless something happens
        self._unseen = False  # whether anything was read that no frame has shown
        self._last_frame = (0.0, 0.0)  # monotonic time, and the CPU time of this process

    def clear_selection(self) -> None:
        """Clear the selected text. An input calls this while it is mounted, maybe before its screen is on the stack."""
        with suppress(ScreenStackError):
            super().clear_selection()

    # -- what is shown

    def on_mount(self, _: Mount) -> None:
        """Start to pull."""
        if self._timer:
            self.set_interval(PULL_SECONDS, self.pull)
            # A full garbage collection stops the screen for a moment (see `watch.py`): make them fewer, and smaller.
            gc.freeze()
            gc.set_threshold(20_000, 20, 100)

    def pull(self) -> None:
        """Read what is new in the journal and show it."""
        self._unseen |= self.watched.read()
        if self.watched.behind and self._timer:
            self.set_timer(0.01, self.pull)
        if self.over and self._leaves():
            self._leave()
            return
        now = time.monotonic()
        if (self._unseen and self._affordable(now)) or not self._timer or self.leaves_in or now >= self._rests_until:
            self._rests_until = now + REST_SECONDS
            self._unseen, self._last_frame = False, (now, time.process_time())
            self.watched.advance()
            if (view := self.front) is not None:
                view.show(self.watched.shown)
        if refusal := self.controller.refusal():
            self.say(refusal)

    def _affordable(self, now: float) -> bool:
        """Whether this process has used at most its share since the last frame, so that another one may be painted."""
        then, used = self._last_frame
        return time.process_time() - used <= SHARE * (now - then)

    async def on_event(self, event: Event) -> None:
        """Note that somebody is there. A mouse that only moves is nobody."""
        if isinstance(event, InputEvent | Paste) and not isinstance(event, MouseMove | MouseUp):
            self.departure.touch(event.key if isinstance(event, Key) else "")
            self._rests_until = 0.0
        await super().on_event(event)

    @property
    def front(self) -> View | None:
        """The view in front. None under a dialog, and while the application starts or ends, when it has no screen."""
        try:
            screen: Screen[object] = self.screen
        except ScreenStackError:
            return None
        return screen if isinstance(screen, View) else None

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
            return [self.controller.error() or "The session ended without a word: its process is gone."]
        if shown.finished is None:
            return [shown.caption] if shown.caption else []
        if self._epilogue is None:
            error = [shown.finished.error] if shown.finished.error else []
            self._epilogue = [*error, *(line.strip() for line in summary(shown, names=False))]
        return ([shown.caption] if shown.caption else []) + self._epilogue

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
        in_use = self.watched.frozen or not isinstance(screen, Overview)
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

    def action_do(self, id: str) -> None:
        """The action of a key, as the bindings call it."""
        self.perform(id)

    def perform(self, id: str) -> None:
        """Do an action of the registry, or say why it cannot be done here.

        It is the method `do_ID` of the view in front or, where the view has none, of the application.
        """
        view = self.front
        action = BY_ID[id]
        if view is not None and view.scope not in action.scope:
            where = " and ".join(title for scope, title in VIEWS.values() if scope in action.scope)
            view.notice(f"{action.shown} works in {where}" if where else f"{action.shown} does nothing here")
            return
        mounted = view if view is not None and view.is_mounted else None  # a key may arrive before its screen is made
        for target in (mounted, self):
            if (method := getattr(target, f"do_{id}", None)) is not None:
                method()
                return

    def say(self, text: str) -> None:
        """Show a notice in the bottom line of the screen in front, for a few seconds."""
        if (view := self.front) is not None:
            view.notice(text)

    def do_view_1(self) -> None:
        """Go to the dashboard."""
        self._switch(WHEELS)

    def do_view_2(self) -> None:
        """Go to the locks."""
        self._switch(LOCKS)

    def do_view_3(self) -> None:
        """Go to the overwrites."""
        self._switch(OVERWRITES)

    def do_view_4(self) -> None:
        """Go to the events."""
        self._switch(EVENTS)

    def _switch(self, scope: str, then: Callable[[Overview], None] | None = None) -> None:
        """Go to the view of that scope; `then` is called with the view once it is there."""
        while isinstance(self.screen, PushedView):
            self.pop_screen()
        if scope == self.current_mode:
            self.say("you are here already")
        self.switch_mode(scope)
        if then is not None:
            self.call_after_refresh(self._with_view, scope, then)

    def _with_view(self, scope: str, then: Callable[[Overview], None]) -> None:
        if isinstance(view := self.screen, Overview) and view.scope == scope:
            then(view)

    def do_help(self) -> None:
        """Show all keys."""
        scope = self.front.scope if self.front is not None else ""
        self.push_screen(Help(scope, self.glyphs))

    def do_palette(self) -> None:
        """Find a command by its name."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open the palette as Textual does, but with a prompt in ASCII."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="find a command", id="--command-palette"))

    def do_freeze(self) -> None:
        """Freeze the display, or unfreeze it."""
        self.watched.frozen = not self.watched.frozen
        if not self.watched.frozen:
            self.watched.read()
            self.watched.advance()
        self.say("the display is held still; the install goes on" if self.watched.frozen else "back to the present")
        if (view := self.front) is not None:
            view.refresh_view()

    def do_pause(self) -> None:
        """Ask the install to pause, or to continue."""
        if self.over:
            self.say("the session is over")
        elif not self.controller.can_control:
            self.say("read-only: this session can be watched but not paused")
        elif self.watched.latest.paused:
            self.controller.resume()
            self.say(self.controller.refusal() or "asked the install to go on")
        else:
            self.controller.pause()
            self.say(self.controller.refusal() or "asked the install to pause; it does so between two commits")

    def do_locks_of(self) -> None:
        """Show the locks of the selected wheel."""
        if not self.wheel:
            self.say("select a wheel first (j, k or a click)")
            return
        text = f"wheel:{self.wheel}"
        self._switch(LOCKS, lambda view: view.filter_for(text))

    def do_picture(self) -> None:
        """Save the screen as an SVG file."""
        name = f"instui-{self.current_mode}.svg"
        try:
            Path(name).write_text(self.export_screenshot(title="instui"))
        except OSError as error:
            self.say(f"cannot write {name}: {error.strerror}")
        else:
            self.say(f"saved {name} in the present directory")

    def open_wheel(self, key: str) -> None:
        """Show the detail of a wheel on top of the present view."""
        self.wheel = key
        self.push_screen(DetailView(key))

    def open_file(self, file: OverwrittenFile) -> None:
        """Show what differs in an overwritten file on top of the present view."""
        self.push_screen(DiffView(file))

    def show_events(self, filter: str) -> None:
        """Go to the Events view with that filter."""
        self._switch(EVENTS, lambda view: view.filter_for(filter))

    def show_wheel(self, key: str, notice: str) -> None:
        """Go to the row of a wheel on the dashboard, and show `notice` there."""

        def select(view: Overview) -> None:
            view.table.selected = key
            view.refresh_view()
            view.table.select(key)
            view.notice(notice)

        self.wheel = key
        self._switch(WHEELS, select)

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
            self.say("aborting: what is in hand is undone")

    def _ask(self, title: str) -> None:
        self.push_screen(Ask(title, may_leave=self.controller.may_be_left), self._answered)

    def _answered(self, answer: str | None) -> None:
        if answer == CANCEL:
            self._stops += 1
            self.controller.cancel()
            self.say("cancelling after the commits in hand; ctrl+c again aborts at once")
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
        app.error_console = Console(file=trace, width=200)
    result = app.run(**options)
    if app.return_code:
        raise ScreenError((trace.getvalue().strip().splitlines() or ["see above"])[-1])
    return result if result is not None else Left(controller.alive(), app.watched.latest)
