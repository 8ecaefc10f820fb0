"""One session at a time on the screen, or home: how it is opened and closed, and what its keys do."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from textual.app import ScreenStackError
from textual.screen import Screen

from instui.demo.scenarios import after
from instui.monitor.model import Snapshot, WheelState
from instui.monitor.reader import Feed
from instui.monitor.units import count

from .actions import AT_HOME, HOME_KEYS, Action
from .controller import Controller, ReadOnly
from .rows.frame import Facts
from .showing import Showing
from .suspension import Suspendable
from .text.pieces import Line, safe
from .views import registry
from .views.dashboard import DashboardView
from .views.demos import Demos
from .views.dialogs import CANCEL, LEAVE, WHEEL, Ask, AskWorkers, CancelWheel, is_cancellable
from .views.pushed import PushedView
from .views.view import View
from .watch import Watch

HOME = "home"  # the mode of what is in front while no session is
_WITHOUT_SESSION = AT_HOME.union(action.id for action in HOME_KEYS)


class Sessions(Suspendable):
    """An application that shows the session `showing`. Without one, home is in front, if there is a home."""

    showing: Showing | None  # None: home is in front

    def __init__(self, showing: Showing | None, home: Callable[[], Screen[Any]] | None, **options: Any) -> None:
        """Begin with a session, or at home. `home` makes the screen that is there until the application ends."""
        if showing is None:
            self.DEFAULT_MODE = HOME  # type: ignore[misc] # for Textual it is the same for all applications of a class
        super().__init__(**options)
        self.add_mode(HOME, home or Screen)
        self.showing = showing
        self._has_home = home is not None
        # What the views show; they may be there for a moment longer than their session.
        self._viewed = showing or Showing(Feed(), ReadOnly())

    # -- open and close

    def open(self, showing: Showing) -> None:
        """Show a session from its beginning: nothing is left of what was selected or filtered in another one."""
        self._clear_views()
        self.showing = self._viewed = showing
        self.switch_mode(DashboardView.scope)
        self.opened()

    def close(self) -> None:
        """Leave the session: back home or, if there is no home, end with how the session stands."""
        if (showing := self.showing) is None:
            return
        result = showing.result
        if not self._has_home:
            self.exit(result)
        else:
            self._clear_views()
            self.showing = None
            showing.watch.close()
        showing.closed(result)

    def pull(self) -> None:
        """Read what is new, and show it as soon as it may be shown."""

    def opened(self) -> None:
        """Handle that another session is on the screen."""

    def _clear_views(self) -> None:
        """Forget all screens of the session: the next one gets new ones."""
        self.switch_mode(HOME)
        for view in registry.VIEWS:
            self.remove_mode(view.scope)
            self.add_mode(view.scope, view)
        self.forget_kept()
        self.wheel = ""

    # -- the session, as the views see it

    @property
    def watched(self) -> Watch:
        """What is seen of the session on the screen."""
        return self._viewed.watch

    @property
    def facts(self) -> Facts:
        """The facts in the header that are not in the snapshot."""
        return self._viewed.facts(self.glyphs)

    @property
    def leaves_in(self) -> int | None:
        """The seconds until the screen leaves by itself; None if it does not."""
        return self._viewed.departure.seconds_left

    @property
    def footer_labels(self) -> dict[str, str]:
        """The labels in the footer that depend on the state of the session."""
        return self._viewed.footer_labels

    @property
    def caption_texts(self) -> list[str]:
        """The texts of the caption."""
        self._viewed.epilogue.tell = self._has_epilogue
        return self._viewed.caption_texts

    def _has_epilogue(self) -> None:
        """Show the summary, which a thread has made."""
        self.from_outside(lambda: view.refresh_view() if (view := self.front) is not None else None)

    def finding_line(self, snapshot: Snapshot, width: int) -> Line | None:
        """What takes most of the time now, in one line; None if there is nothing to say."""
        return self._viewed.finding_line(snapshot, width, self.glyphs)

    @property
    def _controller(self) -> Controller:
        return self._viewed.controller

    # -- what its keys do

    def refusal(self, id: str) -> str:
        """Why an action cannot be done now; "" if it can."""
        if self.showing is None and id not in _WITHOUT_SESSION:
            return "no session is open"
        return super().refusal(id)

    @property
    def actions(self) -> Sequence[Action]:
        """The registry of all actions that there are in a session or, without one, at home."""
        if self.showing is not None:
            return super().actions
        return [*HOME_KEYS, *(action for action in super().actions if action.id in AT_HOME)]

    def no_pause(self) -> str:
        """It is over, or somebody else's."""
        if self.watched.over:
            return "the session is over"
        return self._controller.read_only

    def no_cancel_wheel(self) -> str:
        """It is over, is being cancelled, or is somebody else's."""
        return self.no_pause() or ("the install is being cancelled" if self.watched.latest.cancelling else "")

    no_workers = no_cancel_wheel

    def do_cancel_wheel(self) -> None:
        """Ask whether to cancel the selected wheel, or the whole install."""
        showing, wheel = self._viewed, self._selected
        if wheel is None and showing.asks:  # the install has a key of its own
            key = registry.BY_ID["interrupt"].shown
            self.say(f"no wheel is selected; {key} cancels the whole install", stale=lambda: showing.over)
            return

        def is_void() -> bool:
            return showing.over or is_cancellable(self._selected) != is_cancellable(wheel)

        def answered(answer: str | None) -> None:
            if answer == WHEEL and wheel is not None:
                showing.controller.cancel_wheel(wheel.key)
                self.say(f"asked to leave out {safe(wheel.label)}", stale=lambda: showing.over)
            elif answer == CANCEL:
                self._cancel(showing)

        self.push_screen(CancelWheel(wheel, is_void), answered)

    @property
    def _selected(self) -> WheelState | None:
        return self.watched.latest.wheel(self.wheel) if self.wheel else None

    def do_workers(self) -> None:
        """Ask for another number of workers."""
        showing = self._viewed
        session = showing.watch.latest.session

        def answered(number: int | None) -> None:
            if number:
                showing.controller.change_workers(number)
                self.say(f"asked for {count(number, 'worker')}", stale=lambda: showing.over)

        self.push_screen(AskWorkers(session.jobs if session else 1, lambda: showing.over), answered)

    def close_void(self) -> None:
        """Close the dialog in front if its question has become void."""
        with suppress(ScreenStackError):
            if isinstance(screen := self.screen, CancelWheel | AskWorkers) and screen.is_void():
                screen.dismiss(None)
                self.say("the question no longer applies: things have moved on")

    def do_pause(self) -> None:
        """Ask the install to pause, or to continue."""
        watch, controller = self.watched, self._controller
        paused = watch.latest.paused
        if paused:
            controller.resume()
            text = "asked the install to go on"
        else:
            controller.pause()
            text = "asked the install to pause; it does so between two commits"
        if refusal := controller.refusal():
            self.say(refusal)
        else:
            self.say(text, stale=lambda: watch.over or watch.latest.paused != paused)

    # -- from one demonstration to another

    def no_demo(self) -> str:
        """It is none, or it still runs."""
        if self.showing is None or not self.showing.demo:
            return "this is no demonstration; `instui demo` plays one"
        return "" if self.showing.over else "as soon as this demonstration is over"

    no_again = no_demo

    def do_demo(self) -> None:
        """Choose the demonstration to play now."""
        if self.showing is not None:
            self.push_screen(Demos(after(self.showing.demo)), self._play)

    def do_again(self) -> None:
        """Play the same demonstration again."""
        if self.showing is not None:
            self._play(self.showing.demo)

    def _play(self, name: str | None) -> None:
        if self.showing is not None and name:
            self.showing.then = name
            self.close()

    # -- leaving

    def leaves(self) -> bool:
        """Whether to leave the session now by itself, as it is over."""
        showing = self.showing
        if showing is None or not showing.over:
            return False
        if showing.controller.ending:
            return True
        try:
            screen = self.screen
        except ScreenStackError:
            return False
        if isinstance(screen, Ask) and not isinstance(screen, CancelWheel):
            return True  # who is asked wanted to leave; there is nothing to ask any more
        in_use = showing.watch.transport is not None or not isinstance(screen, View) or isinstance(screen, PushedView)
        return not in_use and showing.departure.is_due(lambda: showing.ending)

    def do_quit(self) -> None:
        """Leave, without a question if no install of ours is running."""
        if self.showing is None:
            self.exit()
        elif self.showing.asks:
            self._ask(self.showing, "The install is still running.")
        else:
            self.close()

    def do_interrupt(self) -> None:
        """Ask what to do; the second time, cancel the install; the third time, abort it."""
        showing = self.showing
        if isinstance(self.screen, CancelWheel | AskWorkers):
            self.screen.dismiss(None)
        elif isinstance(self.screen, Ask):
            self.screen.dismiss(CANCEL)
        elif showing is None:
            self.perform("quit")
        elif not showing.asks:
            self.do_quit()
        elif showing.stops == 0:
            self._ask(showing, "Stop the install?")
        else:
            showing.stops += 1
            showing.controller.abort()
            self.say("aborting: what is in hand is undone", stale=lambda: showing.over)

    def _ask(self, showing: Showing, title: str) -> None:
        def answered(answer: str | None) -> None:
            if answer == CANCEL:
                self._cancel(showing)
            elif answer == LEAVE:
                self.close()

        self.push_screen(Ask(title, may_leave=showing.controller.may_be_left), answered)

    def _cancel(self, showing: Showing) -> None:
        showing.stops += 1
        showing.controller.cancel()
        more = "; ctrl+c again aborts at once" if showing.asks else ""
        self.say(f"cancelling after the commits in hand{more}", stale=lambda: showing.over)
