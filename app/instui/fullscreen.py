"""Showing an install on the full screen, and what stays on the normal screen afterwards."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from instui_engine.errors import printable

from .child import Child
from .plain import PlainUI
from .summary import summary


def watch_child(
    parsed: argparse.Namespace, words: Sequence[str], identity: str, journal: Path, may_be_left: bool = True
) -> int:
    """Run the command line `words` as a child, show its session until the user leaves; returns the exit code.

    An install that may not be left alone is cancelled when the user leaves it.
    """
    from .tui.app import run_app
    from .tui.controller import Left

    child = Child(words, identity, journal)
    try:
        result = run_app(child.source(), child, ascii=parsed.ascii, theme=parsed.theme)
    except Exception as error:  # a screen that breaks must not hide an install that goes on
        sys.stderr.write(f"instui: the screen failed ({printable(repr(error))}); going on with lines\n")
        return _as_lines(parsed, child)
    if not may_be_left and child.alive():
        child.cancel()
    elif isinstance(result, Left) and result.running and child.alive():
        print(f"the install goes on without a screen, as pid {child.pid}")
        print(f"  its journal: {printable(str(journal))}")
        return 0
    code = child.wait()
    for line in summary(result.snapshot, quiet=parsed.quiet):
        print(line)
    return _end(child, code)


def _as_lines(parsed: argparse.Namespace, child: Child) -> int:
    ui = PlainUI(child.source(), sys.stdout, quiet=parsed.quiet, verbose=parsed.verbose)
    ui.start()
    code = child.wait()
    ui.finish()
    return _end(child, code)


def _end(child: Child, code: int) -> int:
    sys.stdout.flush()
    error = child.error()
    if error:
        sys.stderr.write(f"{printable(error.splitlines()[-1])}\n")
    return code
