"""Where uv finds what the build of a project needs, as the project and its workspace say in `[tool.uv]`.

The text is for a project that is made elsewhere and stands for the real one. So paths are absolute, and it is the root
of a workspace with the members of the real one. uv applies all of that by its own rules, also to what a backend asks
for during the build.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from instui_engine.errors import UsageError, printable
from instui_engine.fs.files import read_regular
from instui_engine.resolve.toml_text import toml
from instui_engine.wheel.filename import normalized

_OF_PARTS = ("extra", "group")  # such a source is for a part of a project that the made one does not have


def sources_text(content: Mapping[str, Any], root: str, uv: Sequence[str], variables: Mapping[str, str]) -> str:
    """The table `tool.uv` of the made project, "" for none. `content` is the pyproject.toml of the real one, at `root`.

    uv reads sources only of a project with a name. `uv` begins a command, which runs with `variables`.
    """
    if not table(content, "project").get("name"):
        return ""
    top, members = _workspace(content, root, uv, variables)
    whole = content if top == root else read_project(top)
    found = dict(_sources(whole, top)) | dict(_sources(content, root))
    indexes = [*_indexes(content, root), *(_indexes(whole, top) if top != root else ())]
    if not found and not members:
        return ""
    workspace = f"workspace = {toml({'members': list(map(_escaped, members))})}\n" if members else ""
    if members and (name := str(table(whole, "project").get("name", ""))):
        found = {
            key: [_at(entry, top) for entry in value] if _is_same(key, name) else value for key, value in found.items()
        }
    return f"[tool.uv]\nsources = {toml(found)}\nindex = {toml(indexes)}\n{workspace}"


def _workspace(
    content: Mapping[str, Any], root: str, uv: Sequence[str], variables: Mapping[str, str]
) -> tuple[str, list[str]]:
    """The root of the project's workspace, and the directories of its other members, as uv says.

    If it is of none, it is its own root.
    """
    if not _may_have_workspace(content, root):
        return root, []
    top = _said(uv, "dir", root, variables)
    members = _said(uv, "list", root, variables, "--paths")
    if not top or not members:
        return root, []  # it is of no workspace, and the build says what uv makes of that
    here, place = os.path.realpath(root), os.path.realpath(top[0])
    others = (os.path.realpath(member) for member in members)
    return root if here == place else place, [path for path in others if path not in (here, place)]


def _may_have_workspace(content: Mapping[str, Any], root: str) -> bool:
    """Whether the project, or one in a directory above it, has a table of a workspace."""
    if table(content, "tool", "uv", "workspace"):
        return True
    for place in Path(root).parents:
        try:
            if table(read_project(os.fspath(place)), "tool", "uv", "workspace"):
                return True
        except UsageError:
            continue
    return False


def _said(uv: Sequence[str], command: str, root: str, variables: Mapping[str, str], *flags: str) -> list[str]:
    """The lines that `uv workspace COMMAND` prints; none if it fails."""
    import subprocess

    words = [*uv, "workspace", command, *flags, f"--project={root}"]
    done = subprocess.run(words, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return os.fsdecode(done.stdout).splitlines() if done.returncode == 0 else []


def _sources(content: Mapping[str, Any], root: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name, value in table(content, "tool", "uv", "sources").items():
        entries = [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]
        if own := [_absolute(entry, "path", root) for entry in entries if entry.keys().isdisjoint(_OF_PARTS)]:
            yield name, own


def _indexes(content: Mapping[str, Any], root: str) -> Iterable[dict[str, Any]]:
    listed = table(content, "tool", "uv").get("index")
    entries = [entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)]
    return [_absolute(entry, "url", root) for entry in entries]


def _absolute(entry: Mapping[str, Any], key: str, root: str) -> dict[str, Any]:
    place = entry.get(key)
    if not isinstance(place, str) or "://" in place:
        return dict(entry)
    return {**entry, key: os.path.normpath(os.path.join(root, place))}


def _at(entry: Mapping[str, Any], top: str) -> dict[str, Any]:
    """The root of a workspace, which cannot be a member of another one, by its place."""
    if not entry.get("workspace"):
        return dict(entry)
    rest = {key: value for key, value in entry.items() if key != "workspace"}
    return {"path": top, "editable": True, **rest}


def _is_same(one: str, other: str) -> bool:
    return normalized(one) == normalized(other)


def _escaped(path: str) -> str:
    """A path as a pattern that only it matches."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)


def table(parent: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table at the end of these keys; an empty one if there is none."""
    for key in keys:
        below = parent.get(key)
        parent = below if isinstance(below, dict) else {}
    return parent


def read_project(root: str) -> Mapping[str, Any]:
    """The pyproject.toml of the project at `root`, empty if there is none. Raises UsageError if it cannot be read."""
    import tomllib

    place = os.path.join(root, "pyproject.toml")
    try:
        return tomllib.loads(read_regular(Path(place)).decode("utf-8-sig"))  # a mark at its beginning is none of it
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {printable(place)}: {printable(' '.join(str(error).split()))}") from error
