"""Backups: files that another distribution's files have replaced, kept in `.instui/kept` so that they can come back.

All entries lie in one directory, or in one for each volume. The name of an entry gives its path, its number among the
entries of that path, and its owner:

    lib%2Fpython3.11%2Fsite-packages%2Fjwt%2Fapi.py%%0001%%pyjwt-2.10.0

An entry is a hard link to the replaced file, so it costs no space and does not depend on the store. The entries of a
path change only under the claim on that path. The newest entry whose owner is still installed comes back; an entry is
removed with its owner. If several distributions had equal content at the path, the entry names all of them, by hashes.
So if a distribution lists a path and has no entry there, other content has never replaced its file.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from instui_engine.fs.paths import join, name_of, parent_of
from instui_engine.locks.names import file_name
from instui_engine.sha256 import sha256
from instui_engine.target.environment import PRIVATE, Environment

BACKUPS = f"{PRIVATE}/kept"
_LONGEST = 40  # the longest owner, in bytes, that is written into a name as it is
_LONGEST_NAME = 255  # bytes of a file name; owners of equal content that do not fit in count as never replaced


def is_backup(path: str) -> bool:
    """Whether `path`, relative to the top, is an entry. No wheel and no RECORD has such paths (`removal.is_vital`)."""
    parent, _, name = path.rpartition("/")
    return bool(name) and (parent == BACKUPS or parent.endswith(f"/{BACKUPS}"))


class Change(Protocol):
    """The paths of a step of a transaction."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def staged(self) -> str: ...  # noqa: D102
    @property
    def saved(self) -> str: ...  # noqa: D102


class Backups:
    """The entries of one environment, for all commits of a session. Thread-safe.

    The directory is listed on demand. `committed` keeps the listing current as long as nobody else can have changed the
    directory: listing it again for each of K wheels that replace one file would cost K times K.
    """

    def __init__(self, environment: Environment, undisturbed: Callable[[], object]) -> None:
        """`undisturbed`: see `owners.OwnerIndex`."""
        self._key = environment.key
        self._top = environment.top
        self._volumes = environment.volumes
        self._places = [join(volume, BACKUPS) for volume in ("", *environment.volumes)]
        self._undisturbed = undisturbed
        self._mutex = threading.RLock()
        self._token: object = None
        self._entries: dict[str, list[tuple[str, list[str]]]] = {}  # place and path's name -> (number, tags), sorted

    def committed(self, steps: Iterable[Change]) -> None:
        """Update the listing after a transaction."""
        with self._mutex:
            for step in steps:
                if is_backup(step.path) or is_backup(step.staged):
                    self._token = None  # entries were removed or restored: rare enough to list them again
                elif is_backup(step.saved):
                    self._enter(step.saved)

    def add(self, path: str, owners: Sequence[str]) -> str:
        """The name of a new entry for the file at `path`. All `owners` have this content; () for an unowned file."""
        name = self._stem(path)
        entries = self._listed().get(name, [])
        number = int(entries[-1][0]) + 1 if entries else 1
        tags = [_short(owner) for owner in owners] if len(owners) > 1 else [_tag(owner) for owner in owners or ("",)]
        while len(os.fsencode(name_of(_entry(name, f"{number:04}", tags)))) > _LONGEST_NAME and len(tags) > 1:
            tags.pop()
        while os.path.lexists(self._top / _entry(name, f"{number:04}", tags)):  # a backup is never replaced
            number += 1
        return _entry(name, f"{number:04}", tags)

    def newest(self, path: str, owners: Collection[str]) -> tuple[str, str] | None:
        """The entry that comes back to `path`, and its owner: one of `owners`, or "" for an unowned file."""
        name = self._stem(path)
        known = {tag: owner for owner in (*owners, "") for tag in (_tag(owner), _short(owner))}
        for number, tags in reversed(self._listed().get(name, [])):
            if found := [known[tag] for tag in tags if tag in known]:
                return _entry(name, number, tags), found[-1]
        return None

    def of(self, path: str, owner: str) -> list[str]:
        """The entries at `path` that name `owner`, alone or with others."""
        name, mine = self._stem(path), {_tag(owner), _short(owner)}
        return [
            _entry(name, number, tags) for number, tags in self._listed().get(name, []) if not mine.isdisjoint(tags)
        ]

    def has(self, path: str) -> bool:
        """Whether there is any entry at `path`."""
        return self._stem(path) in self._listed()

    def without(self, entry: str, owner: str) -> str:
        """The name of `entry` without `owner`; "" if it names nobody else."""
        name, number, *tags = name_of(entry).split("%%")
        left = [tag for tag in tags if tag not in (_tag(owner), _short(owner))]
        return f"{parent_of(entry)}/{_entry(name, number, left)}" if left else ""

    def any(self) -> bool:
        """Whether there is any entry at all."""
        return bool(self._listed())

    def _listed(self) -> dict[str, list[tuple[str, list[str]]]]:
        with self._mutex:
            token = self._undisturbed()
            if token is None or token != self._token:
                self._entries = {}
                for place in self._places:
                    try:
                        names = sorted(os.listdir(self._top / place))
                    except (FileNotFoundError, NotADirectoryError):
                        continue
                    for entry in names:
                        self._enter(f"{place}/{entry}")
                self._token = token
            return self._entries

    def _stem(self, path: str) -> str:
        """The entries of `path` without what differs: where they lie, and the path's name."""
        return f"{join(self._volumes.of(path), BACKUPS)}/{file_name(self._key(path))}"

    def _enter(self, entry: str) -> None:
        place, (name, *rest) = parent_of(entry), name_of(entry).split("%%")
        name = f"{place}/{name}"
        if len(rest) > 1 and rest[0].isdigit():
            entries, entry_of = self._entries.setdefault(name, []), (rest[0], rest[1:])
            if not entries or entries[-1] != entry_of:  # a listing may have come between a commit and its note
                entries.append(entry_of)


def _entry(name: str, number: str, tags: Sequence[str]) -> str:
    return "%%".join((name, number, *tags))


def _short(owner: str) -> str:
    return f"sha256-{sha256(os.fsencode(owner)).hexdigest()[:12]}"


def _tag(owner: str) -> str:
    text = owner.replace(" ", "-").replace("%", "%25").replace("/", "%2F")
    if len(os.fsencode(text)) <= _LONGEST:
        return text
    return f"sha256-{sha256(os.fsencode(text)).hexdigest()[:32]}"
