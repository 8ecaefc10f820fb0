"""What Python loads, in less time. A small install loads 160 modules of this program, and a hundred of Python's.

For each of ours, Python looks for five kinds of files in what it knows of a directory, and asks twice how old the
source is. Here a module is `NAME.py` or `NAME/__init__.py`, with byte code that was made of it. Whatever else it may be
is left to Python.

Of Python's own, two load others in vain, and so does Textual (`tui/loading.py`). They get stand-ins for these, which
are gone afterwards: whoever needs such a module later gets the real one.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER
from marshal import loads
from types import CodeType, ModuleType
from typing import Any

_OURS = ("instui.", "instui_engine.")
_HEAD = MAGIC_NUMBER + bytes(4)  # of byte code that goes on with the mtime and the size of its source, 32 bits of each
_LAST = 0xFFFFFFFF


class _Loader(SourceFileLoader):
    def __init__(self, name: str, source: str, cached: str, status: os.stat_result) -> None:
        super().__init__(name, source)
        self._cached = cached
        mtime, size = int(status.st_mtime) & _LAST, status.st_size & _LAST
        self._head = _HEAD + mtime.to_bytes(4, "little") + size.to_bytes(4, "little")

    def get_code(self, fullname: str) -> CodeType | None:
        """The byte code as it lies there, if it was made of this very file; else what Python does."""
        try:
            with open(self._cached, "rb", buffering=0) as file:
                data = file.read()
            if data.startswith(self._head) and os.fsencode(self.path) in data:  # it names its source, for tracebacks
                code: CodeType = loads(memoryview(data)[len(self._head) :])  # noqa: S302 - as Python does it
                return code
        except (OSError, EOFError, ValueError, TypeError):
            pass
        return super().get_code(fullname)


class Finder:
    """A finder for `sys.meta_path`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What Python needs to load one of our modules; None for others, and for what is not there."""
        if path is None or not name.startswith(_OURS):
            return None
        directory, last = next(iter(path)), name.rpartition(".")[2]
        for place, stem, is_package in ((directory, last, False), (f"{directory}/{last}", "__init__", True)):
            source = f"{place}/{stem}.py"
            try:
                status = os.stat(source)
            except OSError:
                continue
            cached = f"{place}/__pycache__/{stem}.{sys.implementation.cache_tag}.pyc"
            loader = _Loader(name, source, cached, status)
            spec = ModuleSpec(name, loader, origin=source, is_package=is_package)
            spec.cached, spec.has_location = cached, True
            if is_package:
                spec.submodule_search_locations = [place]
            return spec
        return None


def install() -> None:
    """Have Python look here first, unless its byte code is of another kind or lies elsewhere."""
    if Finder not in sys.meta_path and not sys.flags.optimize and sys.pycache_prefix is None:
        sys.meta_path.insert(0, Finder)


class StandIn(ModuleType):
    """Stands for a module in one that seldom uses it, and loads it when something of it is wanted.

    `functions` of it are only wanted when they are called.
    """

    def __init__(self, name: str, functions: Collection[str] = ()) -> None:
        super().__init__(name)
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks for these
            raise AttributeError(name)
        if name in self._functions:
            return lambda *arguments, **options: getattr(self._real(), name)(*arguments, **options)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)


@contextmanager
def stand_ins(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Have those of these names that are not there yet replaced for a while. None: as if there were no such module."""
    placed = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type] # None, too
    try:
        yield
    finally:
        for name, module in placed.items():
            if name in sys.modules and sys.modules[name] is module:
                del sys.modules[name]


def load_pathlib() -> None:
    """Load `pathlib` without the paths of Windows and, before 3.13, IPv6 addresses of URLs.

    That is a thirtieth of a small install.
    """
    with stand_ins({name: StandIn(name) for name in ("ntpath", "ipaddress")}):
        import_module("pathlib")


def load_argparse() -> None:
    """Load `argparse`, but not gettext, which looks for translations that nobody has made: a thirtieth as well."""
    untranslated = ModuleType("gettext")
    vars(untranslated).update(
        gettext=lambda text: text,  # also None, which is a description that nobody has given
        ngettext=lambda one, several, number: one if number == 1 else several,
    )
    with stand_ins({"gettext": untranslated}):
        import_module("argparse")
