"""The help screen, made from the registry of actions."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from instui.tui.actions import ACTIONS
from instui.tui.rows.legend import LEGEND
from instui.tui.rows.recoveries import SIGN
from instui.tui.text.columns import Column, Rows
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

COLUMNS = (Column("text", "", 10, weight=1),)


class Help(ModalScreen[None]):
    """All keys, and what colours and symbols mean."""

    DEFAULT_CSS = """
    Help { background: $background; layout: vertical; }
    Help #title, Help #hint { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter,ctrl+c", "dismiss", show=False, priority=True),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown,ctrl+d", "scroll(10)", show=False),
        Binding("pageup,ctrl+u", "scroll(-10)", show=False),
    ]

    def __init__(self, scope: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._scope, self._glyphs = scope, glyphs

    def compose(self) -> ComposeResult:
        """A title and a table of lines."""
        yield Lines(self._glyphs, id="title")
        yield Table(COLUMNS, self._glyphs)
        yield Lines(self._glyphs, id="hint")

    def on_resize(self) -> None:
        """Lay out for the width."""
        lines = help_lines(self._scope, self.size.width - 3, self._glyphs)

        def cells(key: str, _: Mapping[str, int]) -> Mapping[str, Line]:
            return {"": lines[int(key)]}

        self.query_one(Table).show_rows(Rows([str(number) for number in range(len(lines))], cells))
        self.query_one("#title", Lines).show_lines([line((" instui ", "logo"), (" keys and signs", "dim"))])
        self.query_one("#hint", Lines).show_lines(
            [line((" esc ", "key"), ("closes   ", "dim"), ("j k ", "key"), ("scroll", "dim"))]
        )

    def action_scroll(self, rows: int) -> None:
        """Move the text."""
        self.query_one(Table).scroll_relative(y=rows, animate=False)


def help_lines(scope: str, width: int, glyphs: Glyphs) -> list[Line]:
    """Every action by group, those that do not work on this screen dimmed; then the signs."""
    lines: list[Line] = []
    for group in dict.fromkeys(action.group for action in ACTIONS):
        lines += [line((group, "strong"))]
        for action in ACTIONS:
            if action.group == group:
                here = scope in action.scope
                lines.append(
                    line(
                        (f"  {action.shown.replace('↵', glyphs.enter):<8}", "key" if here else "faint"),
                        (action.help, "text" if here else "dim"),
                        ("" if here else "   (not on this screen)", "faint"),
                    )
                )
        lines.append(())
    lines.append(line(("Signs", "strong")))
    for phase, style, meaning in LEGEND:
        lines.append(line((f"  {glyphs.phases[phase]} {phase.value:<7}", style), (meaning, "text")))
    lines += [
        line((f"  {SIGN} recover", "age"), (" what a killed session had in hand is completed or undone", "text")),
        (),
        line(("  X ", "text"), ("held alone: nobody else may touch what lies below", "dim")),
        line(("  IX", "text"), (" held with others: each claims something further down", "dim")),
        line(
            ("  age ", "text"),
            ("turns ", "dim"),
            ("yellow after 4 s", "age"),
            (" and ", "dim"),
            ("red after 8 s", "failed"),
        ),
    ]
    return lines
