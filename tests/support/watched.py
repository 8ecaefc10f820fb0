"""`watched.py JOURNAL` shows a journal on the full screen, as it grows, until the user leaves."""

import sys
from pathlib import Path

from instui.monitor.reader import Tail
from instui.terminal import borrowed
from instui.tui.app import run_app
from instui.tui.controller import ReadOnly

if __name__ == "__main__":
    with borrowed() as terminal:
        run_app(Tail(Path(sys.argv[1])), ReadOnly(), terminal=terminal)
