"""The questions before a running install is left or stopped, or changed."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from instui.monitor.model import SETTLED, Phase, WheelState
from instui.tui.text.pieces import safe
from instui.tui.widgets.held import HeldScreen
from instui_engine.values import NamedTuple

STAY, CANCEL, LEAVE, WHEEL = "stay", "cancel", "leave", "wheel"


class Choice(NamedTuple):
    """An answer: its key and its text."""

    id: str
    key: str
    text: str


CHOICES = (
    Choice(STAY, "s", "stay and watch"),
    Choice(CANCEL, "c", "cancel; what is installed by then, if anything, stays"),
    Choice(LEAVE, "l", "leave it running in the background"),
)


class Ask(ModalScreen[str], HeldScreen[str]):
    """The question what to do with a running install. The result is the id of a choice."""

    hint = "esc stays, enter takes the marked one, ctrl+c cancels"

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
            yield Static(self.hint, markup=False, classes="hint")

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


def is_cancellable(wheel: WheelState | None) -> bool:
    """Whether a wheel can still be cancelled: its commit has not begun."""
    return wheel is not None and wheel.phase not in SETTLED and wheel.phase is not Phase.COMMIT


class CancelWheel(Ask):
    """The question whether to cancel a wheel, or the whole install. The result is the id of a choice."""

    hint = "esc keeps everything going, enter takes the marked one"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "answer('wheel')", show=False)]

    def __init__(self, wheel: WheelState | None, is_void: Callable[[], bool]) -> None:
        """`wheel` is the selected one; None: there is none. `is_void` says whether the question no longer applies."""
        title, choices = "Cancel the whole install?", [Choice(STAY, "s", "keep everything going")]
        if wheel is not None and is_cancellable(wheel):
            title = f"Cancel {safe(wheel.label)}?"
            choices.append(Choice(WHEEL, "w", "cancel this wheel alone; the others go on"))
        elif wheel is not None:
            why = "is being committed" if wheel.phase is Phase.COMMIT else f"is {wheel.word}"
            title = f"It is too late to cancel {safe(wheel.label)}, which {why}. {title}"
        else:
            title = f"No wheel is selected. {title}"
        super().__init__(title)
        self._choices = [*choices, Choice(CANCEL, "c", "cancel the whole install; what is committed stays")]
        self.is_void = is_void


class AskWorkers(ModalScreen[int], HeldScreen[int]):
    """The question with how many workers to go on. The result is a number, 0 for none."""

    DEFAULT_CSS = """
    AskWorkers { align: center middle; background: $background 60%; }
    AskWorkers Vertical { width: 60; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    AskWorkers Static { height: auto; width: 100%; padding: 0 1; }
    AskWorkers .title { text-style: bold; margin-bottom: 1; }
    AskWorkers Input { background: $selected; margin: 0 1; }
    AskWorkers .hint { color: $muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "give_up", show=False, priority=True)]

    def __init__(self, present: int, is_void: Callable[[], bool]) -> None:
        super().__init__()
        self._present = present
        self.is_void = is_void

    def compose(self) -> ComposeResult:
        """Lay out the question and the number."""
        with Vertical():
            yield Static(f"How many workers? There are {self._present} now.", markup=False, classes="title")
            yield Input(str(self._present), type="integer", max_length=3, select_on_focus=False, compact=True)
            yield Static("enter takes it, esc leaves it as it is", markup=False, classes="hint")

    def on_mount(self) -> None:
        """Let the first key replace the number, also one that is on its way."""
        self.query_one(Input).select_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the number."""
        text = event.value.strip()
        if self.is_current:
            self.dismiss(int(text) if text.isdecimal() else 0)

    def action_give_up(self) -> None:
        """Close without an answer."""
        if self.is_current:
            self.dismiss(0)
