"""The files of a session that wheels take from each other, as far as its journal tells."""

from collections.abc import Iterator

from instui.monitor.model import Snapshot
from instui_engine.values import NamedTuple


class OverwrittenFile(NamedTuple):
    """A file that was replaced, will be replaced, or is back. `old` and `new` are its owners.

    `t` is -1 for a replacement that the plan predicts. `wheel` writes the file. `kept` is where the old content is, ""
    for nowhere. `moved` is where the new content is now if it was replaced as well, "" if it is still at `path`.
    `back`: the file had been replaced earlier and is back, because `wheel`, the distribution of `old`, gave up its own.
    """

    path: str
    old: str
    new: str
    same: bool
    t: float
    wheel: str = ""
    kept: str = ""
    moved: str = ""
    back: bool = False


def overwritten_files(snapshot: Snapshot) -> Iterator[OverwrittenFile]:
    """The files that were replaced, are back, or will be replaced (conflicts of the plan without an overwrite yet)."""
    moved: dict[str, str] = {}
    files = []
    for row in reversed(snapshot.overwrites):
        later = moved.get(row.path, "")
        files.append(OverwrittenFile(row.path, row.old, row.new, row.same, row.t, row.wheel, row.kept, later))
        moved[row.path] = row.kept or later  # equal content is not kept: it equals the next content that is
    yield from reversed(files)
    for back in snapshot.restored:
        yield OverwrittenFile(back.path, back.wheel, back.owner, False, back.t, back.wheel.partition(" ")[0], back=True)
    if snapshot.finished is None or snapshot.finished.exit:
        for conflict in snapshot.conflicts:
            if conflict.path not in moved:
                wheel = conflict.last.partition(" ")[0]
                yield OverwrittenFile(conflict.path, conflict.first, conflict.last, False, -1.0, wheel)


def paths(file: OverwrittenFile) -> tuple[str, str]:
    """The paths of the old and the new content, "" for one that is gone."""
    if file.back:
        return "", file.path
    if file.t < 0:  # planned, or given up
        return file.path, ""
    return file.kept, file.moved or file.path
