"""What a view needs of the application. The views know only this; the application knows the views."""

from typing import Protocol, cast

from instui.tui.rows.frame import Facts
from instui.tui.rows.overwrites import OverwrittenFile
from instui.tui.text.glyphs import Glyphs
from instui.tui.watch import Watch


class Application(Protocol):
    """The application as the views see it: `instui.tui.app.InstuiApp`."""

    glyphs: Glyphs
    watched: Watch  # the session on the screen
    wheel: str  # the selected wheel, which stays selected from view to view; "" for none

    @property
    def facts(self) -> Facts:
        """What the header shows besides the snapshot."""

    @property
    def footer_labels(self) -> dict[str, str]:
        """The labels in the footer that depend on the state of the session, by action."""

    @property
    def caption_texts(self) -> list[str]:
        """What the caption says, a text each for its parts."""

    def perform(self, id: str) -> None:
        """Do the action of that id, or say why it cannot be done here."""

    def open_wheel(self, key: str) -> None:
        """Show the detail of a wheel on top of the present view."""

    def open_file(self, file: OverwrittenFile) -> None:
        """Show what differs in an overwritten file on top of the present view."""

    def show_wheel(self, key: str, notice: str) -> None:
        """Go to the row of a wheel on the dashboard, and say `notice` there."""

    def show_events(self, filter: str) -> None:
        """Go to the Events view with that filter."""


def application_of(app: object) -> Application:
    """`app` of a screen or a command provider, which Textual knows only as some App.

    The type checker proves in `app.py` that ours is an `Application`.
    """
    return cast(Application, app)
