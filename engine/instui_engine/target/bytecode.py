"""Byte code in `__pycache__`, which is removed when the module that it was compiled from goes or changes."""

import os
import re

from .environment import Environment

# module, interpreter tag, and an optional rest: the optimization, or the version of a pytest that rewrote it
_COMPILED = re.compile(r"(.+?)\.(?:cpython-|pypy|graalpy)\d.*\.pyc")


def module_of(name: str) -> str:
    """The name of the module that the file `name` in a `__pycache__` was compiled from; "" for other files."""
    match = _COMPILED.fullmatch(name)
    if match:
        return match[1]
    return name.partition(".")[0] if name.endswith(".pyc") else ""


class Bytecode:
    """A search for byte code by module, which lists each `__pycache__` only once."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[str, dict[str, list[str]]] = {}  # directory -> stem of a module -> files

    def of(self, path: str) -> list[str]:
        """The files compiled from the module at `path`; [] if it is not a module. Raises OSError."""
        directory, _, name = path.rpartition("/")
        if not name.endswith(".py"):
            return []
        if directory not in self._known:
            self._known[directory] = self._listed(f"{directory}/__pycache__" if directory else "__pycache__")
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
