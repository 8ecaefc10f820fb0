"""The difference of two contents on the screen.

Anybody may have written these files, so every control character is shown as an escape.
"""

from instui.monitor import units
from instui.overwritten.difference import Difference
from instui.tui.text.pieces import Line, line, safe, tail

_MOST_PARTS = 12  # lines on the screen for one line of text
_STYLES = {"@": "dim", " ": "text", "-": "minus", "+": "plus", "!": "dim"}


def laid(difference: Difference, width: int) -> list[Line]:
    """The diff as lines of at most `width` columns; a longer line continues below."""
    lines: list[Line] = []
    for row in difference.rows:
        style = _STYLES[row.sign]
        if row.sign in "@!":
            lines.append(line((tail(row.text, width), style)))
            continue
        for number, part in enumerate(folded(safe(row.text), max(width - 2, 8))):
            lines.append(line((f"{row.sign if not number else ' '} ", style), (part, style)))
    return lines


def folded(text: str, width: int) -> list[str]:
    """A line in parts of at most `width` columns; if there are too many, the last part ends with an ellipsis."""
    if units.cells(text) <= width:
        return [text]
    parts: list[str] = []
    while text and len(parts) < _MOST_PARTS:
        part = text[:width]
        while units.cells(part) > width:
            part = part[: -max(1, (units.cells(part) - width) // 2)]
        part = part or text[:1]
        parts.append(part)
        text = text[len(part) :]
    if text:
        parts[-1] = units.cut_end(parts[-1] + text[: width + 1], width)
    return parts
