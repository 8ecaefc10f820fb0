"""Notes of the wheels that a lock file's text gives for a target, so that the same text is not read twice.

    <cache>/selected-<format>/<hash of all that the answer depends on>     the wheels, behind a checksum

What reads lock files takes longer to load than a hundred wheels to plan. It remains the judge: a note is what it has
made of that very text before, for the same tags and markers, in the same version. Only what lies on servers is noted,
as what is said of files of this machine depends on them, and nothing with a password. Whoever can write a note can
write the store.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from instui_engine.fs.files import read_regular, write_note
from instui_engine.hashes import Demands, sha256_in
from instui_engine.redaction import redacted
from instui_engine.sha256 import sha256
from instui_engine.target.interpreter import Interpreter
from instui_engine.version import __version__

from .request import LockedWheel
from .resolving import Resolving

FORMAT = 1
DIRECTORY = f"selected-{FORMAT}"  # directory of the notes, below the cache
_MOST = 64  # notes that are kept, the newest ones: each answer of uv is one


def remembered(
    cache: Path | None,
    text: str,
    interpreter: Interpreter,
    demands: Mapping[str, Demands],
    resolving: Resolving,
    read: Callable[[], Iterable[LockedWheel]],
) -> list[LockedWheel]:
    """The wheels that `text` gives: as noted below `cache`, or else by `read`, which is then noted.

    They depend on the target, on the `demands` on them by name, and on the parts that `resolving` asks for. Raises
    whatever `read` raises: what is wrong is never noted.
    """
    if cache is None:
        return list(read())
    note = cache / DIRECTORY / _key(text, interpreter, demands, resolving)
    wheels = _noted(note)
    if wheels is None:
        wheels = list(read())
        if not any(wheel.path or wheel.source or _is_secret(wheel) for wheel in wheels):
            with suppress(OSError):  # without the note it is read again
                _write(note, wheels)
    return wheels


def _is_secret(wheel: LockedWheel) -> bool:
    """Whether a URL may have a password or a token in it."""
    return any(redacted(url) != url for url in (wheel.url, wheel.origin))


def _key(text: str, interpreter: Interpreter, demands: Mapping[str, Demands], resolving: Resolving) -> str:
    """A name for all that the answer depends on."""
    import packaging

    about = (
        (__version__, packaging.__version__),
        (interpreter.tags, sorted(interpreter.markers.items())),
        sorted((name, [sorted(demand) for demand in several]) for name, several in demands.items()),
        (resolving.extra, resolving.all_extras, resolving.group),
    )
    return sha256(f"{json.dumps(about)}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _noted(note: Path) -> list[LockedWheel] | None:
    """The wheels of a note; None if there is none, or if it is damaged."""
    try:
        checksum, _, data = read_regular(note).partition(b"\n")
        if sha256(data).hexdigest().encode() != checksum:
            return None
        return [_wheel(*row) for row in json.loads(data)]
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _wheel(name: Any, version: Any, filename: Any, url: Any, demands: Any, size: Any, origin: Any) -> LockedWheel:
    """The wheel of a row. Raises TypeError for what `_row` has not made."""
    wanted = tuple(map(frozenset, demands))
    texts = (name, version, filename, url, origin, *(value for demand in wanted for value in demand))
    if not all(isinstance(text, str) for text in texts) or type(size) is not int:
        raise TypeError("not the row of a wheel")
    return LockedWheel(name, version, filename, url, "", sha256_in(wanted), wanted, size, origin=origin)


def _row(wheel: LockedWheel) -> Sequence[object]:
    demands = [sorted(demand) for demand in wheel.demands]
    return wheel.name, wheel.version, wheel.filename, wheel.url, demands, wheel.size, wheel.origin


def _write(note: Path, wheels: Iterable[LockedWheel]) -> None:
    """Write a note, and remove the oldest ones if there are too many. Raises OSError."""
    data = json.dumps(list(map(_row, wheels)))
    write_note(note, f"{sha256(data.encode()).hexdigest()}\n{data}")
    with os.scandir(note.parent) as entries:
        ages = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries)
    for _, path in ages[:-_MOST]:
        os.unlink(path)
