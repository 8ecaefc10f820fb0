"""The application: takes a snapshot ten times a second and hands it to the screen that is in front."""

import gc
import os
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.events import Mount
from textual.screen import Screen

from instui.monitor.model import Snapshot
from instui.monitor.reader import Source
from instui.monitor.summary import summary

from .actions import ACTIONS, BY_ID, VIEWS
from .controller import Controller, Ended, Left, Result
from .rows.frame import Facts
from .rows.overwrites import File
from .text import glyphs as symbols
from .views.dashboard import DashboardView
from .views.detail import DetailView
from .views.dialogs import CANCEL, LEAVE, Ask
from .views.diff import DiffView
from .views.events import EventsView
from .views.help import Help
from .views.locks import LocksView
from .views.overwrites import OverwritesView
from .views.palette import Commands
from .views.view import View
from .watch import Watch
from .widgets.theme import DEFAULT, THEMES, without_colour

FRAME_SECONDS = 0.1


class ScreenError(Exception):
    """A defect of the screens, in one line; INSTUI_DEBUG=1 shows where it is."""


class InstuiApp(App[Result], inherit_bindings=False):
    """The screens of one session."""

    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "wheels": DashboardView,
        "locks": LocksView,
        "overwrites": OverwritesView,
        "events": EventsView,
    }
    DEFAULT_MODE = "wheels"
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
    ) -> None:
        # Said before Textual looks at NO_COLOR: else it turns the terminal's own colours into black on black.
        super().__init__(ansi_color=True if without_colour(os.environ) else None)
        for known in THEMES:
            self.register_theme(known)
        names = {known.name for known in THEMES}
        self.theme = theme if theme in names else "mono" if without_colour(os.environ) else DEFAULT
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"
        self.glyphs = symbols.ASCII if ascii else symbols.UNICODE
        self.set_class(ascii, "ascii")
        self.monitor = Watch(source, clock)
        self.controller = controller
        self.wheel = ""  # the selected one, in whatever view
        self._timer = timer
        self._epilogue: list[str] | None = None
        self._stops = 0  # how often ctrl+c asked for an end
        self._alive = True
        self._asked_at = 0.0

    # -- frames

    def on_mount(self, _: Mount) -> None:
        """Begin to pull."""
        if self._timer:
            self.set_interval(FRAME_SECONDS, self.frame)
            gc.freeze()
            gc.set_threshold(20_000, 20, 100)

    def frame(self) -> None:
        """Read what is new and show it."""
        self.monitor.read()
        if self.monitor.behind and self._timer:
            self.set_timer(0.01, self.frame)
        if self.controller.ending and self.over:
            self._leave()
            return
        screen = self.screen
        if isinstance(screen, View):
            screen.show(self.monitor.shown)

    @property
    def facts(self) -> Facts:
        """What the frame of a screen tells besides the snapshot."""
        monitor = self.monitor
        return Facts(
            glyphs=self.glyphs,
            badge=self.controller.badge,
            frozen=monitor.frozen,
            lag=monitor.lag,
            died=monitor.died,
            exit_code=self.controller.exit_code(),
            can_control=self.controller.can_control,
            catching_up=monitor.behind,
        )

    @property
    def words(self) -> dict[str, str]:
        """Footer labels that depend on the state of the session."""
        paused = self.monitor.shown.paused
        return {
            "freeze": "go on" if self.monitor.frozen else "freeze",
            "pause": "resume install" if paused else "pause install",
            "quit": "quit" if self.over or not self.controller.owns_install else "quit…",
        }

    @property
    def told(self) -> list[str]:
        """What the caption says: what there is to watch, and at the end what came of it."""
        shown = self.monitor.shown
        if self.monitor.died:
            return [self.controller.error() or "The session ended without a word: its process is gone."]
        if shown.finished is None:
            return [shown.caption] if shown.caption else []
        if self._epilogue is None:
            error = [shown.finished.error] if shown.finished.error else []
            self._epilogue = [*error, *(line.strip() for line in summary(shown))]
        return ([shown.caption] if shown.caption else []) + self._epilogue

    @property
    def over(self) -> bool:
        """Whether the session has ended, well or not."""
        latest: Snapshot = self.monitor.latest
        return latest.finished is not None or self.monitor.died

    # -- actions

    def action_do(self, id: str) -> None:
        """A key of the registry."""
        self.perform(id)

    def perform(self, id: str) -> None:
        """Do it where the user is, or say why not."""
        screen = self.screen
        view = screen if isinstance(screen, View) else None
        action = BY_ID[id]
        if view is not None and view.scope not in action.scope:
            where = " and ".join(title for scope, title in VIEWS.values() if scope in action.scope)
            view.notice(f"{action.shown} works in {where}" if where else f"{action.shown} does nothing here")
            return
        ready = view if view is None or view.is_mounted else None  # a key may come before its screen is made
        for target in (ready, self):
            if (method := getattr(target, f"do_{id}", None)) is not None:
                method()
                return

    def say(self, text: str) -> None:
        """A line at the bottom of the screen in front."""
        if isinstance(self.screen, View):
            self.screen.notice(text)

    def do_view_1(self) -> None:
        """Dashboard."""
        self._to(VIEWS["1"][0])

    def do_view_2(self) -> None:
        """Locks."""
        self._to(VIEWS["2"][0])

    def do_view_3(self) -> None:
        """Overwrites."""
        self._to(VIEWS["3"][0])

    def do_view_4(self) -> None:
        """Events."""
        self._to(VIEWS["4"][0])

    def _to(self, mode: str) -> None:
        while isinstance(self.screen, DetailView | DiffView):
            self.pop_screen()
        if mode == self.current_mode:
            self.say("you are here already")
        self.switch_mode(mode)

    def do_help(self) -> None:
        """All keys."""
        scope = self.screen.scope if isinstance(self.screen, View) else ""
        self.push_screen(Help(scope, self.glyphs))

    def do_palette(self) -> None:
        """Find a command by name."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open the palette, with a prompt that ASCII can write."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="find a command", id="--command-palette"))

    def do_freeze(self) -> None:
        """Hold the display still, or show the present again."""
        self.monitor.frozen = not self.monitor.frozen
        if not self.monitor.frozen:
            self.monitor.read()
        self.say("the display is held still; the install goes on" if self.monitor.frozen else "back to the present")
        if isinstance(self.screen, View):
            self.screen.refresh_view()

    def do_pause(self) -> None:
        """Ask the install to rest, or to go on."""
        if self.over:
            self.say("the session is over")
        elif not self.controller.can_control:
            self.say("read-only: this session can be watched but not paused")
        elif self.monitor.latest.paused:
            self.controller.resume()
            self.say("asked the install to go on")
        else:
            self.controller.pause()
            self.say("asked the install to pause; it does so between two commits")

    def do_locks_of(self) -> None:
        """The locks of the selected wheel."""
        if not self.wheel:
            self.say("select a wheel first (j, k or a click)")
            return
        key = self.wheel
        self._to("locks")
        self.call_after_refresh(self._filter_locks, f"wheel:{key}")

    def _filter_locks(self, text: str) -> None:
        if isinstance(self.screen, LocksView):
            self.screen.filter_for(text)

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
        """The detail of a wheel, on top of the present view."""
        self.wheel = key
        self.push_screen(DetailView(key))

    def open_file(self, file: File) -> None:
        """What differs in an overwritten file, on top of the present view."""
        self.push_screen(DiffView(file))

    def show_events(self, text: str) -> None:
        """The events that match."""
        self._to("events")

        def filter_() -> None:
            if isinstance(view := self.screen, EventsView):
                view.filter_for(text)

        self.call_after_refresh(filter_)

    def show_wheel(self, key: str, told: str) -> None:
        """The row of a wheel on the dashboard."""
        self.wheel = key
        self._to("wheels")

        def select() -> None:
            if isinstance(view := self.screen, DashboardView):
                view.table.selected = key
                view.refresh_view()
                view.table.select(key)
                view.notice(told)

        self.call_after_refresh(select)

    # -- the end

    def do_quit(self) -> None:
        """Leave; asks where that is a decision."""
        if self.over or not self.controller.owns_install:
            self._leave()
        else:
            self._ask("The install is still running.")

    def do_interrupt(self) -> None:
        """ctrl+c: ask, cancel, abort."""
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
        snapshot = self.monitor.latest
        finished = snapshot.finished
        if self.over:
            self.exit(Ended(finished.exit if finished else self.controller.exit_code(), snapshot))
        else:
            self.exit(Left(self.controller.alive(), snapshot))


def run_app(
    source: Source,
    controller: Controller,
    *,
    ascii: bool = False,
    theme: str = "",
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Result:
    """Show the session of `source` until the user leaves. `clock` is CLOCK_MONOTONIC, or that of a replay.

    Raises ScreenError when the screen fails; the terminal is as it was before then.
    """
    if not os.environ.get("NO_COLOR", "unset"):
        del os.environ["NO_COLOR"]  # empty does not count, but Textual would take it for a wish
    app = InstuiApp(source, controller, ascii=ascii, theme=theme, clock=clock)
    trace = StringIO()
    if not os.environ.get("INSTUI_DEBUG"):
        app.error_console = Console(file=trace, width=200)
    result = app.run(**options)
    if app.return_code:
        raise ScreenError((trace.getvalue().strip().splitlines() or ["see above"])[-1])
    return result if result is not None else Left(controller.alive(), app.monitor.latest)
