"""uv's answers about what is installed: `uv pip list`, `freeze`, `show`, `check` and `tree`.

uv only reads, and takes no lock. What it prints comes from metadata that anybody may have written, so it is made
printable before it reaches a terminal.
"""

import argparse
import os
import stat
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

from instui_engine.errors import InstuiError, UsageError, printable, reason
from instui_engine.fs.given import resolved
from instui_engine.target.environment import Environment
from instui_engine.target.installed import scan
from instui_engine.values import NamedTuple

PLACES = ("target", "prefix")  # the flags that name a directory instead of an environment
_LESS = "tree"  # the command here that knows no --target and no --prefix, besides check
_NOISE = ("Using ", "Checked ")  # how lines begin that say which environment it is, and how long that took
_LISTING = ("list", "freeze")  # the commands for which uv reads only _LISTED of each distribution, if it is there
_LISTED = ("direct_url.json",)
_READ = (*_LISTED, "METADATA", "PKG-INFO", "WHEEL", "RECORD", "INSTALLER", "uv_cache.json", "uv_build.json")


class Answer(NamedTuple):
    """What uv has printed, as printable lines, and its exit code."""

    lines: list[str]
    errors: list[str]
    code: int


def ask(
    command: str,
    parsed: argparse.Namespace,
    environment: Environment,
    words: Sequence[str],
    names: Sequence[str] = (),
) -> Answer:
    """uv's answer to `uv pip COMMAND` for that environment; `names` are arguments. Raises InstuiError.

    uv is not asked where it would wait for a file of metadata for ever. It would make a directory that is not there,
    so it gets an empty one instead.
    """
    from uv import find_uv_bin

    given = {name: path for name in PLACES if (path := getattr(parsed, name))}
    place = [f"--{name}={path}" for name, path in given.items()]
    is_missing = not all(os.path.exists(resolved(path)) for path in given.values())
    if place and command == _LESS:
        raise UsageError(f"uv pip {command} knows no {place[0].partition('=')[0]}; `instui {command} --json` does")
    if odd := irregular(command, environment):
        raise InstuiError(f"{odd}, and uv would wait for it; remove it")
    line = ["pip", command, "--no-progress", "--color=never", f"--python={environment.executable}"]
    with _empty_directory() if is_missing else nullcontext() as empty:
        place = [f"--{name}={empty}" for name in given] if empty else place
        try:
            done = subprocess.run(
                [os.fsdecode(find_uv_bin()), *line, *place, *words, *(["--", *names] if names else [])],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise InstuiError(f"cannot run uv: {reason(error)}") from error
    lines, errors = (_lines(data) for data in (done.stdout, done.stderr))
    return Answer(lines, [line for line in errors if line.strip() and not line.startswith(_NOISE)], done.returncode)


def _empty_directory() -> AbstractContextManager[str]:
    from tempfile import TemporaryDirectory  # seldom needed, and slow to load

    try:
        return TemporaryDirectory(prefix="instui-")
    except OSError as error:
        raise InstuiError(f"cannot make an empty directory for uv: {reason(error)}") from error


def irregular(command: str, environment: Environment) -> str:
    """What is wrong with a file that uv reads for that command: a FIFO, a device or a socket; "" if all are fit."""
    installed = scan(environment)
    for distribution in [*installed.values(), *(other for name in installed for other in installed.duplicates(name))]:
        for name in _LISTED if command in _LISTING else _READ:
            path = f"{environment.top}/{distribution.info}/{name}"
            with suppress(OSError):
                mode = os.stat(path).st_mode
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    return f"{printable(path)} is not a regular file"
    return ""


def _lines(data: bytes) -> list[str]:
    return [printable(line).rstrip() for line in data.decode("utf-8", "surrogateescape").split("\n")][:-1]


def complaint(answer: Answer) -> str:
    """Its errors as one line."""
    return "; ".join(line.strip().removeprefix("error: ").removeprefix("warning: ") for line in answer.errors)
