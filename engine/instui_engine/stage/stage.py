"""The session's private stage, where wheels are put together: outside any lock, invisible, on the same file system.

It has one entry for each item of a plan, `<stage>/<order>.<number>`, and the complete `.dist-info` as `<order>.info`;
the commit will rename these. A directory for each wheel would have to be made and removed for nothing. What goes into
another volume is staged there. Files are hard links into the store if the file system allows it.
"""

import os
from collections.abc import Iterator
from functools import lru_cache

from instui_engine.fs.files import encoded, write_all
from instui_engine.fs.paths import name_of, relative
from instui_engine.plan.items import StagedItem
from instui_engine.plan.plan import SAME_INFO, WheelPlan
from instui_engine.session.session import stage_of
from instui_engine.sha256 import sha256
from instui_engine.store.entry import UNSEALED
from instui_engine.target.environment import Environment
from instui_engine.wheel.launchers import head, relative_head
from instui_engine.wheel.record import Row, render

from .linker import read_hashed, read_sealed
from .linking import Job


def links_of(environment: Environment, plan: WheelPlan, stage: str) -> Job:
    """Everything that is to be linked for `plan`, without generated files."""
    base_of = _Bases(environment, plan, stage)
    store = plan.entry.files
    manifest = plan.entry.manifest
    trees = []
    files = []
    for number, item in enumerate(plan.items):
        if item.kind == "tree":
            trees.append((f"{store}/{item.source}", f"{base_of(item.path)}.{number}", item.directories, ()))
        elif item.kind == "file":
            files.append((f"{store}/{item.source}", f"{base_of(item.path)}.{number}"))
    trees.append((f"{store}/{manifest.dist_info}", f"{base_of(plan.info)}.info", manifest.info, ()))
    return (), tuple(trees), tuple(files), manifest.sealed


def entries_of(environment: Environment, plan: WheelPlan, stage: str) -> Iterator[str]:
    """The paths of all entries of one wheel in the stage."""
    base_of = _Bases(environment, plan, stage)
    for number, item in enumerate(plan.items):
        yield f"{base_of(item.path)}.{number}"
    yield f"{base_of(plan.info)}.info"


class _Bases:
    """How the paths of one wheel's entries begin: for each destination, in the stage of its volume."""

    def __init__(self, environment: Environment, plan: WheelPlan, stage: str) -> None:
        """`stage` is the session's stage for what belongs to the top's volume."""
        self._volumes = environment.volumes
        self._identity = name_of(stage)
        self._order = plan.order
        self._base = f"{stage}/{plan.order}"

    def __call__(self, path: str) -> str:
        volume = self._volumes.of(path)
        if not volume:
            return self._base
        return f"{self._volumes.place(volume)}/{stage_of('', self._identity)}/{self._order}"


def generate(environment: Environment, plan: WheelPlan, stage: str, twins: dict[str, str] | None = None) -> None:
    """Write what is generated for this environment: launchers, scripts, and the rest of `.dist-info` with RECORD.

    `twins`, if files may be linked, has the last file of each name that is the same for every wheel: a link costs half
    of a new file. Raises OSError, and Changed if a script of the store is not as it was unpacked.
    """
    base_of = _Bases(environment, plan, stage)
    info = f"{base_of(plan.info)}.info"
    manifest = plan.entry.manifest
    root = environment.roots[manifest.root]
    rows: list[tuple[str, Row]] = []
    data = manifest.data_files()
    for number, item in enumerate(plan.items):
        if item.kind in ("launcher", "script"):
            content = _generated(environment, item, plan)
            _write(f"{base_of(item.path)}.{number}", content, 0o777)
            rows.append((relative(item.path, root), _row(content)))
        elif data:
            rows += [(relative(path, root), data[source]) for path, source in item.files() if source in data]
    for name, content in plan.own_info.items():
        if name not in SAME_INFO or twins is None:
            _write(f"{info}/{name}", content, 0o666)
        elif not _link(twins.get(name, ""), f"{info}/{name}"):
            _write(f"{info}/{name}", content, 0o666)
            twins[name] = f"{info}/{name}"
        rows.append((f"{manifest.dist_info}/{name}", _row(content)))
    rows.append((f"{manifest.dist_info}/RECORD", Row("", "", None)))
    _write(f"{info}/RECORD", (manifest.record + render(rows)).encode(errors="surrogateescape"), 0o666)


def _generated(environment: Environment, item: StagedItem, plan: WheelPlan) -> bytes:
    if item.entry_point is not None:
        return _head(environment, item) + item.entry_point.body
    manifest, source = plan.entry.manifest, f"{plan.entry.files}/{item.source}"
    if manifest.sealed == UNSEALED:
        script = read_hashed(source, manifest.data_files()[item.source])
    else:
        script = read_sealed(source, manifest.sealed)
    return _head(environment, item) + script.partition(b"\n")[2]


def _head(environment: Environment, item: StagedItem) -> bytes:
    """The first lines of a script: they name the interpreter, by its place or by the way to it from the script."""
    executable = environment.executable
    if not environment.interpreter.is_relocatable:
        return head(executable)
    place = os.path.realpath(environment.top / os.path.dirname(item.path))
    python = os.path.join(os.path.realpath(os.path.dirname(executable)), name_of(executable))
    return relative_head(os.path.relpath(python, place))


def _link(source: str, target: str) -> bool:
    try:
        os.link(source, target)
    except OSError:  # there is none, it is in place by now, or it has too many links
        return False
    return True


@lru_cache(16)
def _row(content: bytes) -> Row:
    return Row("sha256", encoded(sha256(content).digest()), len(content))


def _write(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)
