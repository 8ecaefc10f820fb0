"""The ids of sessions, for shells that complete a command line: what runs, and what is recorded in an environment.

No journal is read and no session is asked, as somebody has pressed tab and waits.
"""

import argparse
import re
from collections.abc import Iterator

from instui.monitor.sessions import journal_directories
from instui_engine.errors import InstuiError
from instui_engine.session.control import listening

from .output import print_lines
from .parsed import environment_from

# bash expands the words that it completes from, so nothing else of a file's name may come out
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


def show(parsed: argparse.Namespace) -> int:
    """Print those that are wanted, the newest first, and no error; return the exit code."""
    found: set[str] = set()
    if parsed.ids != "recorded":
        found.update(one.session for one in listening())
    if parsed.ids != "running":
        found.update(_recorded(parsed))
    print_lines(sorted(filter(_ID.fullmatch, found), reverse=True))
    return 0


def _recorded(parsed: argparse.Namespace) -> Iterator[str]:
    try:
        environment = environment_from(parsed, writable=False, any_python=True)
    except InstuiError:
        return
    for directory in journal_directories(environment):
        yield from (path.stem for path in directory.glob("*.jsonl"))
