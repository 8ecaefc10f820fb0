"""Byte code and other generated files in `__pycache__`, which go when the module that they were made from does.

Python's byte code is named after the module, and so is what numba and others put beside it. Of a file with any other
name it is not known which module it belongs to: it goes with the last of them.
"""

import os
import re

from instui_engine.fs.paths import join, name_of

from .environment import Environment

CACHE = "__pycache__"
# module, interpreter tag, and an optional rest: the optimization, or the version of a pytest that rewrote it
_COMPILED = r"(.+?)\.(?:cpython-|pypy|graalpy)\d.*\.pyc"


def module_of(name: str) -> str:
    """The name of the module that the file `name` in a `__pycache__` was made from; "" for files that do not say."""
    match = re.fullmatch(_COMPILED, name)
    return match[1] if match else name.partition(".")[0] if "." in name else ""


def is_generated(path: str) -> bool:
    """Whether the file at `path` lies in a `__pycache__`."""
    return f"/{CACHE}/" in f"/{path}"


def is_cache(path: str) -> bool:
    """Whether `path` is that of a `__pycache__`."""
    return name_of(path) == CACHE


def all_below(environment: Environment, cache: str) -> tuple[list[str], list[str]]:
    """All files below a `__pycache__`, and all directories, that itself included and the deepest first.

    A link is a file, also in its place. Raises OSError.
    """
    place = environment.top / cache
    if place.is_symlink() or not place.is_dir():
        return [cache], []
    files: list[str] = []
    directories: list[str] = []
    todo = [cache]
    while todo:
        directory = todo.pop()
        directories.append(directory)
        with os.scandir(environment.top / directory) as entries:
            for entry in entries:
                (todo if entry.is_dir(follow_symlinks=False) else files).append(f"{directory}/{entry.name}")
    return files, directories[::-1]


class Bytecode:
    """A search for what was generated from a module, which lists each `__pycache__` only once."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[str, dict[str, list[str]]] = {}  # directory -> stem of a module -> files

    def of(self, path: str) -> list[str]:
        """The files made from the module at `path`; [] if it is not a module. Raises OSError."""
        directory, _, name = path.rpartition("/")
        if not name.endswith(".py"):
            return []
        if directory not in self._known:
            self._known[directory] = self._listed(join(directory, CACHE))
        return self._known[directory].get(name.removesuffix(".py"), [])

    def _listed(self, cache: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        try:
            names = os.listdir(self._environment.top / cache)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        for name in names:
            if stem := module_of(name):
                found.setdefault(stem, []).append(f"{cache}/{name}")
        return found
