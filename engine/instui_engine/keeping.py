"""Files that were replaced by those of other distributions, kept so that they can come back (`.instui/kept`).

One directory; the name of an entry says which path it stood at, how many were kept there before it, and whose it was:

    lib%2Fpython3.11%2Fsite-packages%2Fjwt%2Fapi.py%%0001%%pyjwt-2.10.0

An entry is a hard link to the file as it was, so it costs no space and needs no store. Who changes the entries of a
path holds the claim on it. The newest entry whose owner is still installed is what comes back; others are stale, and go
with the distribution that they belong to.
"""

import os
from collections.abc import Collection
from hashlib import sha256

from .beneath import Beneath
from .claimnames import file_name
from .environment import PRIVATE, Environment

KEPT = f"{PRIVATE}/kept"
_LONGEST = 40  # bytes of an owner that stands in a name as it is


class Kept:
    """The entries of one environment, as they are listed when the first is asked for."""

    def __init__(self, environment: Environment, beneath: Beneath) -> None:
        self._key = environment.key
        self._beneath = beneath
        self._entries: dict[str, list[tuple[str, str]]] | None = None  # path's name -> (number, owner's tag), sorted

    def add(self, path: str, owner: str) -> str:
        """Where the file at `path`, which belongs to `owner` ("" for nobody), is to be kept."""
        name = file_name(self._key(path))
        entries = self._listed().setdefault(name, [])
        number = f"{int(entries[-1][0]) + 1 if entries else 1:04}"
        entries.append((number, _tag(owner)))
        return f"{KEPT}/{name}%%{number}%%{_tag(owner)}"

    def newest(self, path: str, owners: Collection[str]) -> tuple[str, str] | None:
        """The entry that stands for `path` when what replaced it goes, and whose it is: one of `owners`, or ""."""
        name = file_name(self._key(path))
        tags = {_tag(owner): owner for owner in (*owners, "")}
        for number, tag in reversed(self._listed().get(name, [])):
            if tag in tags:
                return f"{KEPT}/{name}%%{number}%%{tag}", tags[tag]
        return None

    def of(self, path: str, owner: str) -> list[str]:
        """The entries at `path` that belong to `owner`."""
        name, mine = file_name(self._key(path)), _tag(owner)
        return [f"{KEPT}/{name}%%{number}%%{tag}" for number, tag in self._listed().get(name, []) if tag == mine]

    def renamed(self, entry: str, owner: str) -> str:
        """The name of an entry that belongs to `owner` now, in the same place of the line."""
        return f"{entry.rpartition('%%')[0]}%%{_tag(owner)}"

    def any(self) -> bool:
        """Whether there is any entry at all."""
        return bool(self._listed())

    def _listed(self) -> dict[str, list[tuple[str, str]]]:
        if self._entries is None:
            self._entries = {}
            for entry in sorted(self._beneath.names(KEPT)):
                parts = entry.rsplit("%%", 2)
                if len(parts) == 3 and parts[1].isdigit():
                    self._entries.setdefault(parts[0], []).append((parts[1], parts[2]))
        return self._entries


def _tag(owner: str) -> str:
    text = owner.replace(" ", "-").replace("%", "%25").replace("/", "%2F")
    if len(os.fsencode(text)) <= _LONGEST:
        return text
    return f"sha256-{sha256(os.fsencode(text)).hexdigest()[:32]}"
