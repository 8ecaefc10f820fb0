"""The question before a running install is left or stopped."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from instui.tui.widgets.held import HeldScreen
from instui_engine.values import NamedTuple

STAY, CANCEL, LEAVE = "stay", "cancel", "leave"


class Choice(NamedTuple):
    """An answer: its key and its text."""

    id: str
    key: str
    text: str


CHOICES = (
    Choice(STAY, "s", "stay and watch"),
    Choice(CANCEL, "c", "cancel between two commits; what is committed stays"),
    Choice(LEAVE, "l", "leave it running in the background"),
)


class Ask(ModalScreen[str], HeldScreen[str]):
    """The question what to do with a running install. The result is the id of a choice."""

    DEFAULT_CSS = """
    Ask { align: center middle; background: $background 60%; }
    Ask Vertical { width: 70; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    Ask Static { height: auto; width: 100%; padding: 0 1; }
    Ask .title { text-style: bold; margin-bottom: 1; }
    Ask .chosen { background: $selected; }
    Ask .hint { color: $muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,s,q", "answer('stay')", show=False),
        Binding("c,ctrl+c", "answer('cancel')", show=False, priority=True),
        Binding("l", "answer('leave')", show=False),
        Binding("down,j,tab", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("enter", "take", show=False),
    ]

    def __init__(self, title: str, may_leave: bool = True) -> None:
        super().__init__()
        self._title = title
        self._choices = [choice for choice in CHOICES if may_leave or choice.id != LEAVE]
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """Lay out the title, the answers, and how to choose one."""
        with Vertical():
            yield Static(self._title, markup=False, classes="title")
            for choice in self._choices:
                yield Static(Content(f"{choice.key}  {choice.text}"), id=choice.id, classes="choice")
            yield Static("esc stays, enter takes the marked one, ctrl+c cancels", markup=False, classes="hint")

    def on_mount(self) -> None:
        """Highlight the harmless answer."""
        self.action_move(0)

    def action_move(self, step: int) -> None:
        """Highlight the answer `step` places further down."""
        self._chosen = (self._chosen + step) % len(self._choices)
        for number, choice in enumerate(self._choices):
            self.query_one(f"#{choice.id}").set_class(number == self._chosen, "chosen")

    def action_take(self) -> None:
        """Choose the highlighted answer."""
        self._close(self._choices[self._chosen].id)

    def action_answer(self, answer: str) -> None:
        """Choose an answer, if it is available."""
        if any(choice.id == answer for choice in self._choices):
            self._close(answer)

    def on_click(self, event: object) -> None:
        """Choose the answer that was clicked on."""
        widget = getattr(event, "widget", None)
        if widget is not None and widget.id in {choice.id for choice in self._choices}:
            self._close(widget.id)

    def _close(self, answer: str) -> None:
        if self.is_current:  # a second key may have come before the first one was answered
            self.dismiss(answer)
