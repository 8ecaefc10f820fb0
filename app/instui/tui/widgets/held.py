"""A screen that is painted when it is filled, and not while the terminal has not taken what was painted before."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from textual.screen import Screen
from textual.widget import Widget

T = TypeVar("T")


class Outlet(Protocol):
    """The application, as far as it knows how much is still on its way to the terminal."""

    def holds_back(self) -> bool:
        """Whether nothing may be painted now. If so, `paint` of the screen in front is called as soon as it may."""


class HeldScreen(Screen[T]):
    """What changes while nothing may be painted is gathered by Textual, and painted once, as it is then."""

    veiled = False  # whether it is not painted, as it would show what was there before, or nothing yet
    _put_off: tuple[Callable[[], None], ...] = ()  # until the veil is taken away

    def once_painted(self, do: Callable[[], None]) -> None:
        """Do what takes long: now, or when the user sees something else than the veil."""
        if self.veiled:
            self._put_off = *self._put_off, do
        else:
            do()

    def _compositor_refresh(self) -> None:
        if self.app.screen is not self or not (self.veiled or cast(Outlet, cast(Any, self.app)).holds_back()):
            super()._compositor_refresh()

    def filled(self) -> None:
        """Take the veil away: what is shown now was put into the widgets."""
        if self.veiled and any(child.size for child in self.children):  # else nothing has been laid out yet
            for widget in self.walk_children(Widget):
                widget._check_refresh()  # else they would tell what has changed when they have nothing else to do
            self.call_later(self._unveil)  # after what they have told

    def _unveil(self) -> None:
        if self.veiled and self.is_attached and self.is_current:  # else it is filled anew when it comes back
            if self._layout_required:
                self._refresh_layout()
                self._layout_required = False
            self.veiled = False
            self._repaint_required = True
            self._on_timer_update()
            put_off, self._put_off = self._put_off, ()
            for do in put_off:
                do()

    def keep_up(self) -> None:
        """Show what has changed in the session, if this is no view but shows something of it all the same."""

    def paint(self) -> None:
        """Paint what has changed since the last frame."""
        if self.is_current:
            self._compositor.update_widgets(self._dirty_widgets)  # a refresh forgets them
            self._compositor_refresh()
