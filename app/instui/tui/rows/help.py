"""The lines of the help screen, made from the registry of actions: all keys, and the meaning of signs."""

from collections.abc import Sequence

from instui.monitor.model import Phase
from instui.tui.actions import Action
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line
from instui.tui.text.styles import PHASE_STYLES

from .recoveries import SIGN

_LEGEND = tuple(
    (phase, PHASE_STYLES[phase], meaning)
    for phase, meaning in (
        (Phase.QUEUED, "waits for a download, or for its turn to be unpacked"),
        (Phase.FETCH, "is being downloaded"),
        (Phase.UNPACK, "is being checked and unpacked into the store"),
        (Phase.STAGE, "its files are being linked, where nobody sees them yet"),
        (Phase.WAIT, "waits for a path that another one holds"),
        (Phase.COMMIT, "holds its paths and is being moved into place"),
        (Phase.DONE, "is installed, or removed"),
        (Phase.FAILED, "was not installed, or not removed; what had begun was undone"),
    )
)


def help_lines(actions: Sequence[tuple[Action, str]], glyphs: Glyphs) -> list[Line]:
    """Every action by group; then the signs. With each action comes why it cannot be done now, "" if it can."""
    lines: list[Line] = []
    for group in dict.fromkeys(action.group for action, _ in actions):
        lines += [line((group, "strong"))]
        for action, why_not in actions:
            if action.group == group:
                lines.append(
                    line(
                        (f"  {action.shown.replace('↵', glyphs.enter):<8}", "dim" if why_not else "key"),
                        (action.help, "dim" if why_not else "text"),
                        (f"   ({why_not})" if why_not else "", "dim"),
                    )
                )
        lines.append(())
    lines.append(line(("Signs", "strong")))
    for phase, style, meaning in _LEGEND:
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
