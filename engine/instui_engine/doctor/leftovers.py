"""What installers leave behind when they are killed: pip's renamed directories, temporary files, dead sessions.

~ame, ~ame-1.0.dist-info     pip, in site-packages and beside a scheme directory: what it was removing
.tmpXXXXXX                   uv, in the directory of a file that it was about to rename into place
INSTALLERxxxxxxxx.tmp        pip, likewise, in a .dist-info
.instui/stage/<session>      this program, also in volumes: what a session had in hand or was preparing
"""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from instui_engine.commit.settlement import progress
from instui_engine.commit.writeahead import NewerRecordError, pending, session_of, written_in
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import join, name_of, parent_of
from instui_engine.session.session import alive, journal_path, stage_of, stages
from instui_engine.target.environment import Environment
from instui_engine.values import NamedTuple

_UV = re.compile(r"\.tmp[A-Za-z0-9]{6}")
_PIP = re.compile(r"(INSTALLER|RECORD|REQUESTED|direct_url\.json)[a-z0-9_]{8}\.tmp")


class DeadSession(NamedTuple):
    """A session that ended without cleaning up.

    `paths` are its stages, and `in_hand` the owners that it was changing. If `unsettled`, the environment may hold half
    of that change, which recovery mends. Otherwise only the stage is left.
    """

    identity: str
    paths: tuple[str, ...]
    unsettled: bool
    in_hand: tuple[str, ...]


def temporary(environment: Environment, directories: Collection[str], listed: Collection[str]) -> Iterator[str]:
    """The leftovers of pip and uv in `directories` (those in which distributions have files), relative to the top.

    Paths in `listed` are left out: a file that a distribution lists is its own, whatever its name.
    """
    roots = _roots(environment)
    # pip drops the first letter of a directory's name: `~in` beside `bin`
    beside = {join(parent_of(root), f"~{name_of(root)[1:]}") for root in roots}
    for directory in sorted({*directories, *searched(environment)}):
        info = directory.endswith(".dist-info")
        for name in names(environment, directory):
            path = f"{directory}/{name}" if directory else name
            if path in listed:
                continue
            stashed = path in beside or (name.startswith("~") and directory in environment.site_packages)
            if stashed or _UV.fullmatch(name) or (info and _PIP.fullmatch(name)):
                yield path


def searched(environment: Environment) -> set[str]:
    """The directories that are looked at in any case: those of schemes and above them, relative to the top."""
    roots = _roots(environment)
    return {*roots, *map(parent_of, roots), *environment.site_packages}


def _roots(environment: Environment) -> set[str]:
    return {root for root in environment.roots.values() if root}


def dead_sessions(environment: Environment) -> Iterator[DeadSession]:
    """The dead sessions that left a stage or a record, oldest first."""
    found: dict[str, list[str]] = {}
    for path, identity in stages(environment):
        found.setdefault(identity, []).append(path)
    records: dict[str, list[Path]] = {}
    for record in pending(environment.top):
        records.setdefault(session_of(record.name), []).append(record)
    for identity in sorted({*found, *records}):
        if not alive(journal_path(environment, identity)):
            in_hand = tuple(owner for record in records.get(identity, ()) for owner in _in_hand(environment, record))
            paths = tuple(found.get(identity, [stage_of("", identity)]))
            yield DeadSession(identity, paths, identity in records, in_hand)


def _in_hand(environment: Environment, record: Path) -> Iterator[str]:
    """Name and version of what a write-ahead record shows to be begun and not settled; nothing if it cannot be read."""
    try:
        with DirfdTree(environment.top, links=environment.volumes.links) as tree:
            for written in written_in(record):
                if not written.is_section or progress(tree, written.transaction) == "some":
                    yield written.transaction.owner
    except NewerRecordError as newer:
        yield newer.envelope.owner
    except (OSError, ValueError):
        return


def names(environment: Environment, directory: str) -> list[str]:
    """The sorted names in a directory; [] if there is no such directory."""
    try:
        return sorted(os.listdir(environment.top / directory))
    except OSError:
        return []
