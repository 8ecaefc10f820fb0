"""The content of the files that distributions list: presence and hashes, computed by several threads."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence

from instui_engine.fs.files import digest_of, open_regular
from instui_engine.fs.paths import parent_of
from instui_engine.session.context import Context
from instui_engine.session.workers import run_workers
from instui_engine.target.environment import Environment
from instui_engine.target.listing import ListedFile
from instui_engine.values import NamedTuple

_KNOWN = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}  # their digests have no length of their own
_BATCH = 200  # files that a thread takes at a time


class Content(NamedTuple):
    """What is at a path. `digests` are by algorithm, as in RECORD; a file of the wrong size has none.

    `is_closed`: this user may not read it, so nothing is known.
    """

    there: bool
    is_file: bool
    digests: Mapping[str, str]
    is_closed: bool = False

    def fits(self, row: ListedFile) -> bool:
        """Whether it is what `row` says. A row without a hash, or with an unknown one, only requires presence."""
        if not self.there or row.algorithm not in _KNOWN:
            return self.there
        return self.is_file and self.digests.get(row.algorithm) == row.digest


MISSING = Content(False, False, {})


def read_all(
    context: Context, environment: Environment, wanted: Mapping[str, Sequence[ListedFile]]
) -> dict[str, Content]:
    """The content at each path of `wanted` (path -> all rows that list it). Raises Interrupted.

    A path that leads out of the environment through a symbolic link is not followed, and is left out of the result.
    """
    inside = _Inside(environment)
    paths = [path for path in wanted if inside(parent_of(path))]
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    found: dict[str, Content] = {}

    def work() -> None:
        while batches and not context.stopping():
            try:
                batch = batches.pop()
            except IndexError:  # another thread took the last one
                return
            found.update({path: _read(f"{environment.top}/{path}", wanted[path]) for path in batch})

    run_workers(context, [work] * max(1, min(context.options.jobs, len(batches))))
    return found


class _Inside:
    """Whether a directory is within the environment after its symbolic links are resolved. Each is examined once."""

    def __init__(self, environment: Environment) -> None:
        self._volumes = environment.volumes
        self._known = {"": True}

    def __call__(self, directory: str) -> bool:
        known = self._known.get(directory)
        if known is None:
            full = self._volumes.place(directory)
            known = self(parent_of(directory))
            if known and os.path.islink(full):
                known = self._volumes.inside(os.path.realpath(full)) is not None
            self._known[directory] = known
        return known


def _read(path: str, rows: Iterable[ListedFile]) -> Content:
    try:
        descriptor = open_regular(path)  # it may be a link: --link-mode symlink makes links
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except PermissionError:
        return Content(True, False, {}, is_closed=True)
    except OSError:  # a directory or a FIFO
        return Content(True, False, {})
    try:
        size = os.fstat(descriptor).st_size
        wanted = {row.algorithm for row in rows if row.algorithm in _KNOWN and row.size in (None, size)}
        return Content(True, True, {name: digest_of(descriptor, name) for name in wanted})
    except OSError:  # a bad block, for example: the file cannot be read
        return Content(True, False, {})
    finally:
        os.close(descriptor)
