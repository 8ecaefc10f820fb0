"""The names of what is installed, for shells that complete a command line. uv is not asked, as somebody waits."""

import argparse
import re

from instui_engine.errors import InstuiError
from instui_engine.target.installed import scan
from instui_engine.wheel.filename import NAME

from .output import print_lines
from .parsed import environment_from


def show(parsed: argparse.Namespace) -> int:
    """Print them, in their order, and no error; return the exit code."""
    try:
        names = sorted(scan(environment_from(parsed, writable=False, any_python=True)))
    except InstuiError:
        return 0
    print_lines(name for name in names if re.fullmatch(NAME, name))  # bash expands the words that it completes from
    return 0
