"""A screen that does not paint while the terminal has not taken what was painted before."""

from typing import Any, Protocol, TypeVar, cast

from textual.screen import Screen

T = TypeVar("T")


class Outlet(Protocol):
    """The application, as far as it knows how much is still on its way to the terminal."""

    def holds_back(self) -> bool:
        """Whether nothing may be painted now. If so, `paint` of the screen in front is called as soon as it may."""


class HeldScreen(Screen[T]):
    """What changes while nothing may be painted is gathered by Textual, and painted once, as it is then."""

    def _compositor_refresh(self) -> None:
        if self.app.screen is not self or not cast(Outlet, cast(Any, self.app)).holds_back():
            super()._compositor_refresh()

    def keep_up(self) -> None:
        """Show what has changed in the session, if this is no view but shows something of it all the same."""

    def paint(self) -> None:
        """Paint what has changed since the last frame."""
        if self.is_current:
            self._compositor_refresh()
