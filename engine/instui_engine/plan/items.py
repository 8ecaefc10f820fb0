"""Staged items: what a plan installs. Each is one entry of the stage, one exclusive claim and, mostly, one rename."""

from collections.abc import Iterator
from typing import Literal

from instui_engine.values import NamedTuple
from instui_engine.wheel.entry_points import EntryPoint
from instui_engine.wheel.manifest import Directories


class StagedItem(NamedTuple):
    """One entry of the stage. `path` is its destination below the top, `source` its place in the unpacked wheel.

    Kinds: "tree" (a directory with `directories`), "file", "script" (a file whose `#!python` line is rewritten),
    "launcher" (generated from `entry_point`).
    """

    kind: Literal["tree", "file", "script", "launcher"]
    path: str
    source: str
    directories: Directories = ()
    entry_point: EntryPoint | None = None

    def files(self) -> Iterator[tuple[str, str]]:
        """Destination and source of every file."""
        if self.kind != "tree":
            yield self.path, self.source
            return
        for directory, names in self.directories:
            below = f"{directory}/" if directory else ""
            for name in names:
                yield f"{self.path}/{below}{name}", f"{self.source}/{below}{name}"
