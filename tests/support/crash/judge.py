"""Whether an environment is what it must be after a crash, after an error and after the same command again.

Nothing of the engine is used: installed metadata is read with importlib.metadata, RECORD and trees with `trees`,
and what may stand at a path that two wheels ship is read from the wheels themselves.
"""

import hashlib
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.utils import canonicalize_name

from support.trees import differences, distributions, entries, rows, tree, wrong_rows

Tree = Mapping[str, str]


def contested(wheels: Iterable[Path]) -> dict[str, frozenset[str]]:
    """Path below site-packages -> digests of all its contents, of the paths that two distributions ship differently."""
    found: dict[str, dict[str, set[str]]] = {}  # path -> name -> digests
    for wheel in wheels:
        name = canonicalize_name(wheel.name.partition("-")[0])
        with zipfile.ZipFile(wheel) as archive:
            for path in archive.namelist():
                place = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", path)
                if ".dist-info/" not in place and ".data/" not in place and not place.endswith("/"):
                    digest = hashlib.sha256(archive.read(path)).hexdigest()
                    found.setdefault(place, {}).setdefault(name, set()).add(digest)
    return {
        path: frozenset().union(*shippers.values())
        for path, shippers in found.items()
        if len(shippers) > 1 and len(frozenset().union(*shippers.values())) > 1
    }


class Judge:
    """Judges one environment. `start` and `end` are its trees before and after an undisturbed run.

    `before` and `after`: normalized name -> version in the two, missing where it is not installed. `contested` as
    above. `compiled`: the byte code that the undisturbed run leaves. `apart`: files of the start that no
    distribution lists.
    """

    def __init__(
        self,
        site: str,
        before: Mapping[str, str],
        after: Mapping[str, str],
        contested: Mapping[str, frozenset[str]],
        start: Tree,
        end: Tree,
        compiled: frozenset[str],
        apart: frozenset[str],
    ) -> None:
        self._site = site  # site-packages, relative to the top
        self._before = before
        self._after = after
        self._contested = contested
        self._start = start
        self._end = end
        self._compiled = compiled
        self._apart = apart
        self._removes = not set(before) <= set(after)

    def readers_view(self, top: Path) -> list[str]:
        """What a reader of installed metadata would find wrong now, whatever else lies about."""
        site = top / self._site
        problems = []
        seen: dict[str, str] = {}
        for key, name, version in _listed(site):
            info = site / f"{key}.dist-info"
            if not name or not version:
                problems.append(f"{info.name} is a ghost: {sorted(os.listdir(info))}")
                continue
            if name in seen:
                problems.append(f"{name} is installed twice: {seen[name]} and {version}")
            seen[name] = version
            known = {versions[name] for versions in (self._before, self._after) if name in versions}
            if version not in known:
                problems.append(f"{name} {version} is neither what was there nor what was to come")
            installer = info / "INSTALLER"
            if not installer.is_file() or not installer.read_bytes().strip():
                problems.append(f"{key} has no INSTALLER")
            problems += [f"{key}: {wrong}" for wrong in wrong_rows(site, key) if not self._tolerated(site, wrong)]
        for name, version in self._before.items():
            if self._removes and self._after.get(name) == version and name not in seen:
                problems.append(f"{name} is gone, which nobody asked for")
        return problems

    def _tolerated(self, site: Path, wrong: str) -> bool:
        """Whether a wrong row only says that another distribution's file stands at a path that both ship.

        The byte code of a file that came back is not there until Python makes it anew.
        """
        if self._removes and wrong.endswith(".pyc is missing"):
            return True
        for path, digests in self._contested.items():
            if wrong.startswith(f"{path} has "):
                return hashlib.sha256((site / path).read_bytes()).hexdigest() in digests
            if wrong == f"{path} is missing":
                return self._removes  # the winner's has gone, the loser's has not come back yet
        return False

    def untouched(self, top: Path) -> bool:
        """Whether the environment is as it was at the start, or as it is to be."""
        return tree(top) in (self._start, self._end) and not leftovers(top)

    def orderly(self, top: Path) -> list[str]:
        """What an error or an interrupt must not leave: half a distribution in any place, or one less than before."""
        problems = []
        site = top / self._site
        now = tree(top)
        there = {name: version for _, name, version in _listed(site)}
        moved = {name for name in {*there, *self._before} if there.get(name) != self._before.get(name)}
        if not moved and self._before != self._after and now != self._start:
            problems += [f"nothing was committed, but {line}" for line in differences(self._start, now)[:5]]
        for name in moved:
            if there.get(name) != self._after.get(name):
                problems.append(f"{name} {self._before.get(name)} is gone and {self._after.get(name)} has not come")
        if not problems:
            problems += [f"{path} belongs to nobody" for path in sorted(unlisted(top, self._site) - self._apart)[:5]]
            problems += [f"{path} is gone" for path in sorted(self._apart - set(now))]
        return problems

    def finished(self, top: Path) -> list[str]:
        """How the environment differs from what an undisturbed run leaves; the stage apart."""
        problems = [f"{line} (without a fault / now)" for line in differences(self._end, tree(top))]
        problems += [f"{path} is stale byte code" for path in sorted(compiled(top) - self._compiled)]
        return problems[:8] + self.readers_view(top)[:3]


def _listed(site: Path) -> Iterator[tuple[str, str, str]]:
    """Stem of the directory, normalized name and version of all that counts as installed; "" where it is not said."""
    for key, info in distributions(site).items():
        metadata = PathDistribution(info).metadata
        yield key, canonicalize_name(metadata["Name"] or ""), metadata["Version"] or ""


def leftovers(top: Path) -> list[str]:
    """What lies in a stage, where nothing may lie when no session runs: that of the top, or one in a volume."""
    stages = [*top.glob(".instui/stage"), *top.glob("*/.instui/stage"), *top.glob("lib/*/*/.instui/stage")]
    return [f"{stage} holds {sorted(path.name for path in stage.iterdir())}" for stage in stages if _filled(stage)]


def compiled(top: Path) -> frozenset[str]:
    """The byte code below `top`, and whatever else was generated beside it."""
    found = top.rglob("__pycache__/*")
    return frozenset(path.relative_to(top).as_posix() for path in found if ".instui" not in path.parts)


def _filled(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


def unlisted(top: Path, site: str) -> frozenset[str]:
    """Files below `top` that no distribution lists, and directories without any file, relative to it."""
    listed = set()
    for info in distributions(top / site).values():
        record = info / "RECORD"
        if record.is_file():
            listed |= {os.path.normpath(f"{site}/{path}") for path, _, _ in rows(record)}
    found = set()
    for path, place in entries(top):
        if place.is_dir() and not place.is_symlink():
            if not any(place.iterdir()):
                found.add(path)
        elif path not in listed:
            found.add(path)
    return frozenset(found)


def said(code: int, stderr: str) -> list[str]:
    """What is wrong with how a command ended: an error is one line that says who speaks, and never a traceback."""
    problems = []
    if "Traceback" in stderr:
        problems.append(f"a traceback: {stderr.splitlines()[-1]}")
    lines = stderr.splitlines()
    if code and (len(lines) != 1 or not lines[0].startswith("instui: ")):
        problems.append(f"exit {code} with {len(lines)} lines on stderr: {' | '.join(lines)[:300]}")
    return problems
