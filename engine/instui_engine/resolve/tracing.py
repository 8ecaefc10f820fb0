"""What only a whole request tells of the pins that uv has decided on, where projects may have `tool.uv.sources`.

Such a table says of which index a distribution is, which branch of a repository is meant, and whether a tree is to be
editable. uv's plan tells nothing of that, nor do versions that are asked for one by one. So the request is put to `uv
pip compile` as it is, but bound to the decision: it is offline, versions are constraints, and what is installed and
stays is left out.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from instui_engine.errors import ResolutionError
from instui_engine.fs.files import read_regular
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.values import NamedTuple

from .origin import recorded_url
from .requirements import Requirements
from .sources import is_source, place_of
from .uv import Files, Uv
from .uv_errors import explain
from .uv_plan import Pin, unhashed_in


class Told(NamedTuple):
    """What the request says of a source: see `Source` for `editable` and `revision`."""

    editable: bool | None = None
    revision: str = ""


class Traced(NamedTuple):
    """The files of the pins from indexes, and what is told of sources by name."""

    files: Files
    told: Mapping[str, Told]


def may_have_sources(pins: Sequence[Pin], wanted: Requirements, groups: Sequence[str]) -> bool:
    """Whether a table of sources may bear on the pins: that of a project, of a group, or of what has to be built.

    If the user has named all of them as trees, their files tell.
    """
    if not pins or wanted.projects or groups:
        return bool(pins)
    named = {place_of(entry.url) for entry in wanted.requirements if entry.is_source}
    if not named and not any(pin.url and is_source(pin.url) for pin in pins):
        return False
    return not all(pin.url and place_of(pin.url) in named and _has_no_sources(pin.url) for pin in pins)


def _has_no_sources(url: str) -> bool:
    """Whether it is a tree, and neither its project nor one above it, which may have a workspace, has such a table."""
    scheme, _, tree, subdirectory = place_of(url)
    if scheme != "file" or subdirectory or not os.path.isdir(tree):
        return False
    for place in (Path(tree), *Path(tree).parents):
        try:
            if b"sources" in read_regular(place / "pyproject.toml"):
                return False
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def trace(uv: Uv, pins: Sequence[Pin], environment: Environment, installed: Installed, offline: bool) -> Traced:
    """What the request tells of `pins`; what it does not tell of versions is asked for by themselves.

    Raises ResolutionError and Interrupted.
    """
    versions = {pin.name: pin for pin in pins if not pin.url}
    planned = {pin.name for pin in pins}
    text, unhashed, problem = "", dict[str, str](), ""
    for left_out, is_offline in _attempts(planned, environment, installed, offline):
        code, output, unhashed = _compiled(uv, versions, left_out, is_offline)
        if not code:
            text = output
            break
        problem = problem or output
    if not text and any(pin.url and is_source(pin.url) for pin in pins):
        raise _unclear(problem)
    packages = _packages(text)
    found = {name for name, package in packages.items() if name in versions and not _kinds(package)}
    left = [pin for name, pin in versions.items() if name not in found and name not in unhashed]
    files = uv.locate(left) if left else Files((), {})
    files = files._replace(unhashed={**files.unhashed, **unhashed}, traced=text, names=frozenset(found))
    return Traced(files, {name: _told(package) for name, package in packages.items()})


def _attempts(
    planned: Collection[str], environment: Environment, installed: Installed, offline: bool
) -> Iterator[tuple[set[str], bool]]:
    """What to leave out, and whether to be offline.

    A tree that is installed and stays may lead to others. If it hinders, and nobody asks for it by its place any more,
    it is left out, too.
    """
    stays = {name for name in installed if name not in planned}
    plain = {name for name in stays if not recorded_url(environment, installed[name])[0]}
    yield plain, True
    if plain != stays:
        yield stays, True
    if not offline:  # uv keeps no cache, or not for this long
        yield plain, False


def _compiled(
    uv: Uv, versions: Mapping[str, Pin], left_out: Collection[str], offline: bool
) -> tuple[int, str, dict[str, str]]:
    """uv's exit code and answer, and the URLs of wheels without a hash, by name."""
    unhashed: dict[str, str] = {}
    while True:
        bound = [pin for name, pin in versions.items() if name not in unhashed]
        code, output = uv.compile_all(bound, {*left_out, *unhashed}, offline)
        found = unhashed_in(output, versions) if code else None
        if found is None or found[0] in unhashed:
            return code, output, unhashed
        unhashed[found[0]] = found[1]


def _packages(text: str) -> Mapping[str, Mapping[str, Any]]:
    import tomllib

    try:
        found = tomllib.loads(text).get("packages", [])
        return {package["name"]: package for package in found}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ResolutionError("uv's answer is not understood, so nothing is installed") from error


def _kinds(package: Mapping[str, Any]) -> bool:
    """Whether it is named by its place."""
    return not package.keys().isdisjoint(("directory", "vcs", "archive"))


def _told(package: Mapping[str, Any]) -> Told:
    directory, repository = package.get("directory"), package.get("vcs")
    editable = directory.get("editable") if isinstance(directory, dict) else None
    revision = repository.get("requested-revision") if isinstance(repository, dict) else None
    return Told(editable if isinstance(editable, bool) else None, revision if isinstance(revision, str) else "")


def _unclear(output: str) -> ResolutionError:
    problem = re.sub(r"^uv: ", "", str(explain(output)))
    return ResolutionError(f"uv does not tell how sources are to be installed: {problem}")
