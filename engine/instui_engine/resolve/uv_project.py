"""The lock file of uv for a project (`uv.lock`), read by uv itself: `uv export` makes a pylock.toml of it."""

import os
from collections.abc import Callable
from tempfile import TemporaryFile

from instui_engine.errors import UsageError
from instui_engine.fs.given import absolute
from instui_engine.values import NamedTuple

from .inputs import one_line
from .locations import shortened
from .request import Request
from .uv import run_uv

_WITHOUT = {
    "project": "--no-emit-project",
    "workspace": "--no-emit-workspace",
    "local": "--no-emit-local",
    "dev": "--no-dev",
}


class Project(NamedTuple):
    """What a project has locked: the `text` of a pylock.toml, whose relative paths start from `directory`."""

    text: str
    directory: str


def exported(path: str, python: str, request: Request, cancelled: Callable[[], bool]) -> Project:
    """What is locked in that uv.lock: the project itself, if it is a package, and what it needs.

    Of its groups the default ones count, and those of `request`, as its extras do. The file is never written: it is
    taken as it is or, if it is to be `locked`, compared by uv with what the project asks for now. Raises UsageError if
    uv cannot read it, or finds it out of date, and Interrupted.
    """
    directory, resolving = os.path.dirname(absolute(path)), request.resolving
    # it lies at the root of the workspace, from where all versions of uv count paths if they are also run there
    command = ["export", "--format=pylock.toml", "--no-header", "--quiet", f"--directory={directory}"]
    command += ["--locked"] if request.locked else ["--frozen"]
    command += ["--no-index"] if request.no_index else []
    command += ["--offline"] if request.offline else []
    command += [f"--python={python}", "--color=never", "--no-progress"]
    command += [_WITHOUT[part] for part in request.leaving_out if part in _WITHOUT]
    command += ["--all-extras"] if resolving.all_extras else [f"--extra={name}" for name in resolving.extra]
    command += [f"--group={name}" for name in resolving.group]
    with TemporaryFile() as answer:
        code, output = run_uv(command, request, cancelled, answer.fileno())
        if code:
            raise UsageError(f"uv cannot export {shortened(path)}: {one_line(output).removeprefix('error: ')}")
        answer.seek(0)
        return Project(answer.read().decode(), directory)
