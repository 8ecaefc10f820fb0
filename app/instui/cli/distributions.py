"""Installed distributions for programs: what their metadata says, as one table for each."""

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from instui_engine.doctor.incomplete import incomplete
from instui_engine.errors import TargetError, printable
from instui_engine.fs.files import read_regular
from instui_engine.fs.given import resolved
from instui_engine.fs.paths import parent_of
from instui_engine.redaction import redacted
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed, scan
from instui_engine.target.listing import read
from instui_engine.target.requires import requires
from instui_engine.wheel.filename import NAME, normalized

from .output import print_lines
from .parsed import environment_from
from .uv_pip import PLACES


class Packages:
    """What is installed in the environment that the command line names, read once."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        """Raises InstuiError if there is no such environment."""
        for flag, place in [(flag, place) for flag in PLACES if (place := getattr(parsed, flag))]:
            given = resolved(place)
            if os.path.exists(given) and not os.path.isdir(given):
                problem = f"{printable(given)} is not a directory, so nothing is installed in it"
                raise TargetError(f"{problem}; name a directory with --{flag}", path=given)
        self.environment: Environment = environment_from(parsed, writable=False, any_python=True)
        self.installed: Installed = scan(self.environment)
        self.incomplete: Mapping[str, str] = incomplete(self.environment, self.installed)

    def plain(self, name: str) -> dict[str, object]:
        """One distribution as a table of JSON."""
        distribution = self.installed[name]
        listing = read(self.environment, distribution)
        info = self.environment.top / distribution.info
        return {
            "name": name,
            "version": distribution.version,
            "location": str(self.environment.top / parent_of(distribution.info)),
            "installer": self.installer(name),
            "requested": (info / "REQUESTED").exists(),
            "editable": listing.is_editable,
            "origin": redacted(str(listing.origin.get("url") or "")),
            "files": len(listing.files),
            "incomplete": self.incomplete.get(name, ""),
        }

    def installer(self, name: str) -> str:
        """What INSTALLER says; "" if there is none."""
        with suppress(OSError):
            data = read_regular(f"{self.environment.top}/{self.installed[name].info}/INSTALLER")
            return data[:100].decode("utf-8", "replace").strip().partition("\n")[0]
        return ""

    def requirements(self, distribution: Distribution) -> Iterator[tuple[str, str]]:
        """What it requires in this environment: normalized name and bounds, without those of its extras."""
        for name, requirement in requires(self.environment, distribution):
            yield name, str(requirement.specifier)

    def answer(self, **tables: object) -> None:
        """Print one object of JSON, which names the environment."""
        print_lines([json.dumps({"environment": str(self.environment.top), **tables})])


def named(words: Sequence[str]) -> list[str]:
    """Normalized names; what cannot be one stays as it is."""
    return [normalized(word) if re.fullmatch(NAME, word) else word for word in words]
