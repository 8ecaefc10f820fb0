"""The lock file of uv for a project (`uv.lock`), read by uv itself: `uv export --frozen` makes a pylock.toml of it."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from instui_engine.errors import UsageError
from instui_engine.fs.given import absolute
from instui_engine.values import NamedTuple

from .inputs import normalized, one_line
from .locations import shortened
from .uv import run_uv

_TREES = ("editable", "directory", "virtual")  # kinds of sources that are source trees


class Project(NamedTuple):
    """What a project has locked: the `text` of a pylock.toml, whose relative paths start from `directory`.

    `trees` are the source trees, the project itself above all, which are not in it: name -> its directory, "" for one
    that is never installed.
    """

    text: str
    directory: str
    trees: Mapping[str, str]


def exported(path: str, python: str, cancelled: Callable[[], bool]) -> Project:
    """What is locked in that uv.lock, for the dependencies of the project and its default groups.

    Raises UsageError if uv cannot read it, and Interrupted.
    """
    place = absolute(path)
    trees = dict(sorted(_trees(place, shortened(path))))
    with TemporaryDirectory(prefix="instui-export-") as scratch:
        directory = os.path.realpath(scratch)
        lock = Path(directory, "pylock.toml")
        command = ["export", "--frozen", "--format=pylock.toml", f"--output-file={lock}", "--no-header", "--quiet"]
        command += [f"--project={os.path.dirname(place)}", f"--python={python}", "--color=never", "--no-progress"]
        command += [f"--no-emit-package={name}" for name in trees]
        code, output = run_uv(command, cancelled)
        if code:
            raise UsageError(f"uv cannot export {shortened(path)}: {one_line(output)}")
        return Project(lock.read_text(encoding="utf-8"), directory, trees)


def _trees(place: str, shown: str) -> Iterator[tuple[str, str]]:
    import tomllib

    try:
        packages: Any = tomllib.loads(Path(place).read_text(encoding="utf-8")).get("package", [])
    except OSError as error:
        raise UsageError(f"cannot read the lock file {shown}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{shown} is not a valid lock file: {one_line(str(error))}") from error
    for package in packages if isinstance(packages, list) else ():
        name, source = (package.get(key) if isinstance(package, dict) else None for key in ("name", "source"))
        if not isinstance(name, str) or not isinstance(source, dict):
            continue
        for kind in _TREES:
            if kind in source:
                where = os.path.join(os.path.dirname(place), str(source[kind]))
                yield normalized(name), "" if kind == "virtual" else os.path.normpath(where)
