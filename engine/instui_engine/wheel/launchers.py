"""Launchers: the scripts that start the commands of a wheel. pypa/installer makes them.

All but the first line of a launcher is the same in every environment, so it is made when a wheel is unpacked, and kept
in its manifest: loading that library takes longer than most other steps of a warm install.
"""

import os
import re
from functools import cache
from typing import Literal

from .entry_points import EntryPoint

_PLAIN = r"[\x21-\x7e]{1,100}"  # paths that surely need no more than `#!`; which others do is the library's to say


@cache
def head(executable: str) -> bytes:
    """The first line of a script that `executable` runs; several, by way of the shell, for a long or spaced path."""
    if re.fullmatch(_PLAIN, executable):
        return f"#!{executable}\n".encode()
    if "\\" in executable:  # the library would leave it as the beginning of an escape
        return _by_shell(f"'{_quoted(executable)}'")
    return _script(executable, EntryPoint("console", "x", "x", "x")).partition(b"\n# -*-")[0] + b"\n"


def relative_head(executable: str) -> bytes:
    """The first lines of a script that the program at `executable`, relative to the script's directory, runs.

    By way of the shell, as uv has it: only the shell knows where the script lies by now.
    """
    here = '"$(dirname -- "$(realpath -- "$0")")"/'
    return _by_shell(f"{here}'{_quoted(executable)}'")


def _by_shell(program: str) -> bytes:
    """The lines that start `program`, in words of the shell. For Python they are one string."""
    return os.fsencode(f"#!/bin/sh\n'''exec' {program} \"$0\" \"$@\"\n' '''\n")


def _quoted(path: str) -> str:
    """A path within single quotes of the shell, of which Python understands each backslash as one, too."""
    return path.replace("'", "'\"'\"'").replace("\\", "'\"\\\\\"'")


def body(point: EntryPoint) -> bytes:
    """What follows on the first line in the script for a command."""
    return _script("x", point).partition(b"\n")[2]


def _script(executable: str, point: EntryPoint) -> bytes:
    from installer.scripts import Script

    section: Literal["gui", "console"] = "gui" if point.section == "gui" else "console"
    return bytes(Script(point.name, point.module, point.attr, section).generate(executable, "posix")[1])
