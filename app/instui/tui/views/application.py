"""The application as its views know it; the application itself knows the views."""

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from instui.monitor.model import Snapshot
from instui.overwritten.files import OverwrittenFile
from instui.tui.actions import Action
from instui.tui.rows.frame import Facts, Tab
from instui.tui.rows.transport import Stand
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line
from instui.tui.watch import Watch
from instui_engine.journal.events import Event


class Application(Protocol):
    """The part of `instui.tui.app.InstuiApp` that the views use."""

    glyphs: Glyphs
    wheel: str  # the selected wheel, which stays selected from view to view; "" for none

    @property
    def watched(self) -> Watch:
        """What is seen of the session on the screen."""

    @property
    def stand(self) -> Stand | None:
        """Where in the session the display stands; None: in the present."""

    @property
    def transport_keys(self) -> Sequence[Action]:
        """The keys of the transport bar that work in the view in front."""

    def seek(self, t: float) -> None:
        """Go to a time of the session."""

    def on_to_news(self, matches: Callable[[Event], bool] = ...) -> int | None:
        """Go on to news that are not shown yet; the place after them, None if there are none or this is the present."""

    def on_to_gap(self) -> tuple[float, float] | None:
        """Go on to a gap that is not shown yet; when it begins and how long it is; None as above."""

    @property
    def facts(self) -> Facts:
        """The facts in the header that are not in the snapshot."""

    @property
    def leaves_in(self) -> int | None:
        """The seconds until the screen leaves by itself; None if it does not."""

    @property
    def footer_labels(self) -> dict[str, str]:
        """The labels in the footer that depend on the state of the session, by action."""

    @property
    def caption_texts(self) -> list[str]:
        """The texts of the caption, one for each part."""

    @property
    def actions(self) -> Sequence[Action]:
        """The registry of all actions."""

    def refusal(self, id: str) -> str:
        """Why an action cannot be done now in the view in front; "" if it can."""

    def offered(self) -> list[Action]:
        """The actions for the footer that can be done now, the most important first."""

    def tabs(self, snapshot: Snapshot) -> Sequence[Tab]:
        """The tabs of the views."""

    def finding_line(self, snapshot: Snapshot, width: int) -> Line | None:
        """What takes most of the time now, in one line; None if there is nothing to say."""

    def perform(self, id: str) -> None:
        """Do the action of that id, or say why it cannot be done here."""

    def open_wheel(self, key: str) -> None:
        """Show the detail of a wheel on top of the present view."""

    def open_file(self, file: OverwrittenFile) -> None:
        """Show what differs in an overwritten file on top of the present view."""

    def open_event(self, t: float, event: Event) -> None:
        """Show an event of time `t` as a whole on top of the present view."""

    def show_wheel(self, key: str, notice: str) -> None:
        """Go to the row of a wheel on the dashboard, and show `notice` there."""

    def show_events(self, filter: str) -> None:
        """Go to the Events view with that filter."""


def application_of(app: object) -> Application:
    """The `app` of a screen or a command provider, which Textual types only as some App.

    The type checker proves in `app.py` that ours is an `Application`.
    """
    return cast(Application, app)
