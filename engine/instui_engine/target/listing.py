"""The listing of an installed distribution: the files in its RECORD, its origin, and what is missing.

Whatever can be read is read: any installer may have written it, or may have been killed while doing so.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from instui_engine.fs.files import read_regular
from instui_engine.fs.paths import parent_of
from instui_engine.values import NamedTuple
from instui_engine.wheel.record import rows_of

from .environment import Environment
from .installed import LISTING_INSTALLERS, Distribution, RecordedPaths


class ListedFile(NamedTuple):
    """A file that RECORD lists. `algorithm` and `digest` are "", and `size` is None, if they are not recorded."""

    path: str  # relative to the top
    algorithm: str
    digest: str
    size: int | None


class Listing(NamedTuple):
    """A distribution with its RECORD. `outside` are the rows, as written, that leave the scheme directories.

    `problem` says in a few words what makes the listing itself incomplete; "" for nothing. `is_ghost`: only the name of
    its directory is known. `is_managed`: it belongs to an installer that writes no RECORD. `installed_at` is the mtime
    of RECORD, which is written last. `closed` is what of it this user may not read, "" for nothing. `origin` is the
    content of direct_url.json.
    """

    distribution: Distribution
    files: tuple[ListedFile, ...]
    outside: tuple[str, ...]
    problem: str
    is_ghost: bool
    is_managed: bool
    installed_at: int
    origin: Mapping[str, Any]
    closed: str = ""

    @property
    def owner(self) -> str:
        """Name and version."""
        return self.distribution.owner

    @property
    def is_editable(self) -> bool:
        """Whether it is an editable install of a source tree, whose files may change at any time."""
        return bool(_table(self.origin.get("dir_info")).get("editable"))


def read(environment: Environment, distribution: Distribution) -> Listing:
    """Read the listing of `distribution`. This never fails, whatever is there."""
    info = f"{environment.top}/{distribution.info}"
    text = _text(f"{info}/RECORD")
    files: dict[str, ListedFile] = {}
    outside: list[str] = []
    broken = False
    place = RecordedPaths(environment, parent_of(distribution.info))
    try:
        for written, row in rows_of(text):
            path = place(written)
            if path is None:
                outside.append(written)
            else:
                files[path] = ListedFile(path, *row)
    except ValueError:
        broken = True
    names = _names(info)
    closed = distribution.info if os.path.isdir(info) and not os.access(info, os.R_OK | os.X_OK) else ""
    if not closed and "RECORD" in names and not os.access(f"{info}/RECORD", os.R_OK):
        closed = f"{distribution.info}/RECORD"
    installer = _text(f"{info}/INSTALLER").strip().lower()
    return Listing(
        distribution,
        tuple(files.values()),
        tuple(outside),
        "RECORD cannot be read to its end" if broken else _problem(distribution.info, names, text, files),
        is_ghost="METADATA" not in names and not text and not closed,
        is_managed=not closed and "RECORD" not in names and "METADATA" in names and installer not in LISTING_INSTALLERS,
        installed_at=_mtime(f"{info}/RECORD") or _mtime(info),
        origin=_origin(_text(f"{info}/direct_url.json")),
        closed=closed,
    )


def _problem(info: str, names: frozenset[str], text: str, files: Mapping[str, ListedFile]) -> str:
    """The sign that the installer was stopped. The checks are in the order in which uv and pip write."""
    if "RECORD" not in names:
        return "RECORD is missing"
    if not text:
        return "RECORD is empty"
    if f"{info}/RECORD" not in files or not text.endswith("\n"):
        return "RECORD is cut short"
    if "METADATA" not in names and f"{info}/METADATA" not in files:
        return "METADATA is missing"
    if f"{info}/INSTALLER" in files:
        return ""  # if it is missing, it is reported like any missing file
    if "INSTALLER" not in names:
        return "INSTALLER is missing, so its installer was stopped before the end"
    return "RECORD does not list INSTALLER, so its installer was stopped before the end"


def _text(path: str) -> str:
    """The content of a regular file; "" if there is none."""
    try:
        return read_regular(path).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _names(directory: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(directory))
    except OSError:
        return frozenset()


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _origin(text: str) -> Mapping[str, Any]:
    try:
        return _table(json.loads(text))
    except ValueError:
        return {}


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
