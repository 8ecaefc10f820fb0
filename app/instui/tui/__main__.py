"""`python -m instui.tui JOURNAL` shows a journal, growing or finished, for work on the screens."""

import argparse
import time
from pathlib import Path

from instui.explain.summary import summary
from instui.monitor.reader import Tail
from instui.terminal import borrowed
from instui_engine.errors import printable

from .app import run_app
from .controller import ReadOnly
from .widgets.theme import DEFAULT, THEMES


def main() -> None:
    """Show the journal until the user leaves, then print its summary."""
    parser = argparse.ArgumentParser(prog="python -m instui.tui")
    parser.add_argument("journal", type=Path)
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--theme", default=DEFAULT, choices=[theme.name for theme in THEMES])
    given = parser.parse_args()
    if not given.journal.is_file():
        parser.error(f"{printable(str(given.journal))} is no journal")
    with borrowed() as terminal:
        source, options = Tail(given.journal), {"ascii": given.ascii, "theme": given.theme}
        result = run_app(source, ReadOnly(), clock=time.monotonic, terminal=terminal, **options)
    for line in summary(result.snapshot):
        print(line)


if __name__ == "__main__":
    main()
