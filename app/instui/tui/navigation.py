"""The way between the screens, and from a key to what it does."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.screen import Screen

from instui.monitor.model import Snapshot
from instui.overwritten.files import OverwrittenFile
from instui_engine.journal.events import Event

from .actions import EVERYWHERE, Action
from .controller import Result
from .rows.frame import Tab
from .text.glyphs import Glyphs
from .views import registry
from .views.dashboard import DashboardView
from .views.detail import DetailView
from .views.diff import DiffView
from .views.event import EventView
from .views.events import EventsView
from .views.locks import LocksView
from .views.overview import Overview
from .views.pushed import PushedView
from .views.view import View


def _commands() -> type[Provider]:
    from .views.palette import Commands

    return Commands


class Navigation(App[Result], inherit_bindings=False):
    """An application whose screens are the views of the registry. The one under a tab is a mode of Textual."""

    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {view.scope: view for view in registry.VIEWS}
    DEFAULT_MODE = DashboardView.scope
    COMMANDS: ClassVar[set[Any]] = {_commands}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, f"do('{action.id}')", action.label, show=False, priority=action.id in EVERYWHERE)
        for action in registry.ACTIONS
    ]
    glyphs: Glyphs
    wheel = ""  # the selected wheel, whichever view it was selected in

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._kept: dict[str, PushedView] = {}  # views that were open on top, to be shown again, by scope

    @property
    def front(self) -> View | None:
        """The view in front, be it under a dialog. None while the application starts or ends: it has no screen then."""
        try:
            return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, View)), None)
        except ScreenStackError:
            return None

    def say(self, text: str, stale: Callable[[], bool] = lambda: False) -> None:
        """Show a notice on the view in front, for a few seconds, but no longer than until it is `stale`."""
        if (view := self.front) is not None:
            view.notice(text, stale)

    # -- actions

    @property
    def actions(self) -> Sequence[Action]:
        """The registry of all actions."""
        return registry.ACTIONS

    def tabs(self, snapshot: Snapshot) -> Sequence[Tab]:
        """The tabs of the views."""
        return registry.tabs(snapshot)

    def offered(self) -> list[Action]:
        """The actions for the footer that can be done now, the most important first."""
        return [action for action in registry.FOOTER if not self.refusal(action.id)]

    def action_do(self, id: str) -> None:
        """The action of a key, as the bindings call it."""
        self.perform(id)

    def perform(self, id: str) -> None:
        """Do an action of the registry, or say why it cannot be done now.

        It is the method `do_ID` of the view in front or, where the view has none, of the application.
        """
        view = registry.BY_ID[id].view
        self.say("")  # what the key before this one did
        if reason := self.refusal(id):
            self.say(reason)
        elif view:
            self.show_view(view)
        elif (target := self._doing(id)) is not None:
            getattr(target, f"do_{id}")()

    def refusal(self, id: str) -> str:
        """Why an action cannot be done now in the view in front; "" if it can."""
        action = registry.BY_ID[id]
        target = self._doing(id)
        if action.view or self.front is None or not self.front.is_mounted:  # a key may arrive before its screen is made
            return ""
        if target is None:
            return f"{action.shown} works in {registry.where(id)}"
        why_not: Callable[[], str] | None = getattr(target, f"no_{id}", None)
        return why_not() if why_not is not None else ""

    def _doing(self, id: str) -> object | None:
        """Who does an action: the view in front, or this application; None if neither does."""
        view = self.front
        if view is not None and view.is_mounted and registry.has(type(view), id):
            return view
        return self if registry.has(type(self), id) else None

    def do_help(self) -> None:
        """Show all keys."""
        from .views.help import Help

        self.push_screen(Help(self.glyphs))

    def do_palette(self) -> None:
        """Find a command by its name."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open the palette as Textual does, but with a prompt in ASCII."""
        from .views.palette import Palette

        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(placeholder="find a command", id="--command-palette"))

    def no_locks_of(self) -> str:
        """No wheel is selected."""
        return "" if self.wheel else "select a wheel first (j, k or a click)"

    def do_locks_of(self) -> None:
        """Show the locks of the selected wheel."""
        text = f"wheel:{self.wheel}"
        self._switch(LocksView.scope, lambda view: view.filter_for(text))

    # -- to a view

    def delay_update(self, delay: float = 0.05) -> None:
        """Do not wait, as Textual does, so that a view that opens has some time: it is painted when it is filled."""

    def show_view(self, scope: str) -> None:
        """Go to a view under the tabs, or open one on top that needs no more than that."""
        if scope in self.MODES:
            self._switch(scope)
        elif self.front is not None and self.front.scope == scope:
            self.say("you are here already")
        else:
            self.push_screen(self._on_top(scope))

    def _on_top(self, scope: str) -> PushedView:
        """A view to open on top: the one that was open before, unless it is below another one."""
        kept = self._kept.get(scope)
        if kept is not None and kept.is_mounted and not self._is_open(kept):
            kept.as_new()
            return kept
        view = next(view for view in registry.ON_TOP if view.scope == scope)()
        if kept is None:
            self._kept[scope] = view
            self.install_screen(view, f"{scope} on top")  # so that it stays when it is closed
        return view

    def _is_open(self, screen: Screen[Any]) -> bool:
        return any(screen in stack for stack in self._screen_stacks.values())

    def forget_kept(self) -> None:
        """Remove the views that were kept: the next ones are new."""
        for view in self._kept.values():
            self.uninstall_screen(view)
            if view.is_attached:
                view.remove()
        self._kept.clear()

    def open_wheel(self, key: str) -> None:
        """Show the detail of a wheel on top of the present view."""
        self.wheel = key
        self.push_screen(DetailView(key))

    def open_event(self, t: float, event: Event) -> None:
        """Show an event of time `t` as a whole on top of the present view."""
        self.push_screen(EventView(t, event))

    def open_file(self, file: OverwrittenFile) -> None:
        """Show what differs in an overwritten file on top of the present view."""
        self.push_screen(DiffView(file))

    def show_events(self, filter: str) -> None:
        """Go to the Events view with that filter."""
        self._switch(EventsView.scope, lambda view: view.filter_for(filter))

    def show_wheel(self, key: str, notice: str) -> None:
        """Go to the row of a wheel on the dashboard, and show `notice` there."""

        def select(view: Overview) -> None:
            view.table.selected = key
            view.refresh_view()
            view.table.select(key)
            view.notice(notice)

        self.wheel = key
        self._switch(DashboardView.scope, select)

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
