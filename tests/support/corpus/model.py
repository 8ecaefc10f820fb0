"""What a case of the corpus is, and how wheels are made from a sound one: `odd` 1.0, one file, odd/__init__.py."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.wheelsmith import record, wheel_files
from support.zipbytes import Entry, assemble

INFO = "odd-1.0.dist-info"
DATA = "odd-1.0.data"
FILE = "odd-1.0-py3-none-any.whl"
TEXT = b"text = 1\n" * 50


@dataclass(frozen=True)
class Refused:
    """The command ends with `code`, and its one line has `text`. Nothing is written.

    `stored`: the wheel is sound, and only has no place in this environment; so the store may have it.
    """

    text: str
    code: int = 1
    stored: bool = False


@dataclass(frozen=True)
class Installed:
    """What is on the disk besides the files of the sound wheel, and nothing else.

    Paths are relative to the environment, `site/` is its site-packages. `warning` is part of what stderr says; "" means
    that stderr is empty. `executable`: the files of `more` that have the x bit.
    """

    more: tuple[str, ...] = ()
    warning: str = ""
    executable: tuple[str, ...] = ()
    check: Callable[[Path], bool] | None = None  # of site-packages


@dataclass(frozen=True)
class Case:
    """One wheel: `name` says what is odd. `make` returns its bytes, or makes something at the path itself."""

    name: str
    make: Callable[[], bytes] | Callable[[Path], None]
    outcome: Refused | Installed
    filename: str = FILE

    def write(self, directory: Path) -> Path:
        """The wheel, in a directory of its own."""
        directory.mkdir()
        path = Path(os.fsdecode(os.fsencode(directory) + b"/" + os.fsencode(self.filename)))
        if self.make.__code__.co_argcount:
            self.make(path)  # type: ignore[call-arg]
        else:
            path.write_bytes(self.make())  # type: ignore[call-arg, arg-type]
        return path


def contents(
    files: Mapping[str, bytes] | None = None, info: Mapping[str, bytes | None] | None = None
) -> dict[str, bytes]:
    """The files of a wheel: the sound one's and `files`. `info` replaces files of `.dist-info`; None takes one away.

    RECORD is that of the result, if `info` does not have it.
    """
    found = wheel_files("odd", "1.0", {"odd/__init__.py": b"", **(files or {})})
    del found[f"{INFO}/RECORD"]
    for name, value in (info or {}).items():
        if value is None:
            found.pop(f"{INFO}/{name}", None)
        else:
            found[f"{INFO}/{name}"] = value
    if "RECORD" not in (info or {}):
        found[f"{INFO}/RECORD"] = record(found, f"{INFO}/RECORD")
    return found


def entries(*more: Entry, files: Mapping[str, bytes] | None = None, method: int = 8) -> list[Entry]:
    """The entries of a sound wheel, with `more` in front, which RECORD lists."""
    listed = {e.name.decode(errors="surrogateescape"): e.content for e in more if not e.name.endswith(b"/")}
    readable = {name: content for name, content in listed.items() if name.isascii() or _is_utf8(name)}
    whole = contents({**(files or {}), **readable})
    return [*more, *(Entry(path.encode(), value, method) for path, value in whole.items() if path not in listed)]


def wheel(
    files: Mapping[str, bytes] | None = None, info: Mapping[str, bytes | None] | None = None, *, method: int = 8
) -> bytes:
    """A sound archive of `contents`."""
    return assemble([Entry(path.encode(), value, method) for path, value in contents(files, info).items()])


def evil(**changes: object) -> bytes:
    """A wheel with one more file, odd/evil.py, in whose entry `changes` are made."""
    entry = Entry(b"odd/evil.py", TEXT)
    for key, value in changes.items():
        setattr(entry, key, value)
    return assemble(entries(entry))


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
