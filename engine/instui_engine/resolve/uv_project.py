"""The lock file of uv for a project (`uv.lock`), read by uv itself: `uv export --frozen` makes a pylock.toml of it."""

import os
from collections.abc import Callable, Collection
from tempfile import TemporaryFile

from instui_engine.errors import UsageError
from instui_engine.fs.given import absolute
from instui_engine.values import NamedTuple

from .inputs import one_line
from .locations import shortened
from .resolving import Resolving
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


def exported(
    path: str, python: str, leaving_out: Collection[str], resolving: Resolving, cancelled: Callable[[], bool]
) -> Project:
    """What is locked in that uv.lock: the project itself, if it is a package, and what it needs.

    Of its groups the default ones count, and those in `resolving`, as its extras do. `leaving_out` is that of a
    request. Raises UsageError if uv cannot read it, and Interrupted.
    """
    directory = os.path.dirname(absolute(path))
    # it lies at the root of the workspace, from where all versions of uv count paths if they are also run there
    command = ["export", "--frozen", "--format=pylock.toml", "--no-header", "--quiet", f"--directory={directory}"]
    command += [f"--python={python}", "--color=never", "--no-progress"]
    command += [_WITHOUT[part] for part in leaving_out if part in _WITHOUT]
    command += ["--all-extras"] if resolving.all_extras else [f"--extra={name}" for name in resolving.extra]
    command += [f"--group={name}" for name in resolving.group]
    with TemporaryFile() as answer:
        code, output = run_uv(command, cancelled, answer.fileno())
        if code:
            raise UsageError(f"uv cannot export {shortened(path)}: {one_line(output)}")
        answer.seek(0)
        return Project(answer.read().decode(), directory)
