"""The choice of a demonstration: all of them by number, with what they show."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from instui.demo.scenarios import DEMOS, NAMES
from instui.tui.widgets.held import HeldScreen

_ABOUT_FROM = 70  # columns of a screen with room for what each one shows


class Demos(ModalScreen[str], HeldScreen[str]):
    """The question which demonstration to play. The result is its name, "" for none."""

    DEFAULT_CSS = """
    Demos { align: center middle; background: $background 60%; }
    Demos Vertical { width: 104; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    Demos.short Vertical { padding: 0 1; }
    Demos Static { height: 1; width: 100%; padding: 0 1; }
    Demos .title { text-style: bold; margin-bottom: 1; }
    Demos .chosen { background: $selected; text-style: bold; }
    Demos .hint { color: $muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "answer(0)", show=False),
        *(Binding(str(number), f"answer({number})", show=False) for number in range(1, len(DEMOS) + 1)),
        Binding("down,j,tab", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("enter", "take", show=False),
    ]

    def __init__(self, chosen: str = NAMES[0]) -> None:
        """`chosen` is the one that is marked at first."""
        super().__init__()
        self._chosen = NAMES.index(chosen)

    def compose(self) -> ComposeResult:
        """Lay out the title, the demonstrations, and how to choose one."""
        with Vertical():
            yield Static("Which demonstration?", markup=False, classes="title")
            for number in range(len(DEMOS)):
                yield Static("", markup=False, id=f"demo-{number + 1}", classes="demo")
            yield Static("enter plays the marked one, esc goes back", markup=False, classes="hint")

    def on_mount(self) -> None:
        """Mark the first choice."""
        self.action_move(0)

    def on_resize(self) -> None:
        """Say of each what it shows, if there is room."""
        self.set_class(self.size.height < len(DEMOS) + 8, "short")
        for number, demo in enumerate(DEMOS, 1):
            about = f"   {demo.about}" if self.size.width >= _ABOUT_FROM else ""
            self.query_one(f"#demo-{number}", Static).update(f"{number}  {demo.name:<12}{about}")

    def action_move(self, step: int) -> None:
        """Mark the one `step` places further down."""
        self._chosen = (self._chosen + step) % len(DEMOS)
        for number, row in enumerate(self.query(".demo")):
            row.set_class(number == self._chosen, "chosen")

    def action_take(self) -> None:
        """Choose the marked one."""
        self.action_answer(self._chosen + 1)

    def action_answer(self, number: int) -> None:
        """Choose one by its number; 0 for none."""
        if self.is_current:  # a second key may have come before the first one was answered
            self.dismiss(NAMES[number - 1] if number else "")

    def on_click(self, event: object) -> None:
        """Choose the one that was clicked on."""
        id = getattr(getattr(event, "widget", None), "id", None) or ""
        if id.startswith("demo-"):
            self.action_answer(int(id.removeprefix("demo-")))
