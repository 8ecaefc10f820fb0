"""Launchers: the scripts that start the commands of a wheel, for one interpreter.

They are those of pypa/installer, byte for byte; tests compare them. That library itself takes longer to import than a
hundred launchers to write, as it parses metadata, too.
"""

import os

from instui_engine.wheel.entry_points import EntryPoint

_LONGEST = 127  # bytes of a first line, with its line feed, that every system can read
_TEXT = """\
# -*- coding: utf-8 -*-
import re
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])
    sys.exit({attr}())
"""


def head(executable: str) -> bytes:
    """The first line of a script that `executable` runs; several, by way of the shell, for a long or spaced path."""
    path = os.fsencode(executable)
    line = b"#!%s\n" % path
    if b" " not in path and len(line) <= _LONGEST:
        return line
    import shlex

    return b"#!/bin/sh\n'''exec' %s \"$0\" \"$@\"\n' '''\n" % os.fsencode(shlex.quote(executable))


def launcher(executable: str, point: EntryPoint) -> bytes:
    """The script for a command."""
    text = _TEXT.format(module=point.module, name=point.attr.partition(".")[0], attr=point.attr)
    return head(executable) + text.encode()
