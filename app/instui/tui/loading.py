"""Loads the screen beside an install, which wants every core: without what Textual loads, but no screen here needs.

Where Textual imports one of these modules it gets a stand-in, which is gone afterwards. Whoever needs such a module
later gets the real one, Textual included.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

# What is taken of a module while Textual is loaded, and only called later, or never.
_CALLED_LATER: Mapping[str, frozenset[str]] = {
    "platformdirs": frozenset({"user_downloads_path"}),  # where Textual would save a file; here `saving.py` does
    "textual.widgets._directory_tree": frozenset({"DirEntry"}),  # a type that `textual.types` passes on
}
_ABSENT = ("ssl",)  # asyncio does without: a screen has no connections


class _StandIn(ModuleType):
    """A module that is loaded when something of it is called, or when something else of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name in _CALLED_LATER[self.__name__]:
            return _later(self.__name__, name)
        if name.startswith("__"):  # the import system asks for these
            raise AttributeError(name)
        return getattr(_real(self), name)


def load() -> None:
    """Load the screen."""
    with suppress(ImportError), _stand_ins():
        import_module("instui.tui.app")
    import_module("instui.tui.app")  # with all that it wants, if that was too little


@contextmanager
def _stand_ins() -> Iterator[None]:
    placed: dict[str, ModuleType | None] = {name: _StandIn(name) for name in _CALLED_LATER}
    placed.update(dict.fromkeys(_ABSENT))
    placed = {name: module for name, module in placed.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type] # None makes an import fail as if there were no such module
    try:
        yield
    finally:
        for name, module in placed.items():
            if name in sys.modules and sys.modules[name] is module:
                del sys.modules[name]


def _later(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **options)

    return call


def _real(stand_in: ModuleType) -> ModuleType:
    """The module itself, also while its stand-in is in its place."""
    name = stand_in.__name__
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
    return import_module(name)
