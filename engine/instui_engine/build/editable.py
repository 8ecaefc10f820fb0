"""Editable wheels (PEP 660) by `uv build`, which knows only the ordinary kind.

It is given a project made for this one build. Its backend is the module below, which passes `build_wheel` on to
`build_editable` of the real project's backend. So isolation, build dependencies, indexes and settings are those of
every other build, by uv's own rules.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instui_engine.errors import UsageError, printable
from instui_engine.fs.files import read_regular
from instui_engine.resolve.toml_text import toml

_LEGACY = {"requires": ["setuptools >= 40.8.0"], "build-backend": "setuptools.build_meta:__legacy__"}
"""What a project means that names no backend (PEP 517)."""
_ELSEWHERE = frozenset({"workspace", "extra", "group"})
_BACKEND = '''"""Passes the hooks of an ordinary wheel on to those of an editable one."""

import os
import sys

_ROOT, _BACKEND, _PATHS = {root!r}, {backend!r}, {paths!r}
_here = os.path.dirname(os.path.abspath(__file__))
os.chdir(_ROOT)
sys.path[:] = [*_PATHS, *(path for path in sys.path if path and os.path.abspath(path) != _here)]
_name, _, _object = _BACKEND.partition(":")
_backend = __import__(_name, fromlist=["_"])
for _part in filter(None, _object.split(".")):
    _backend = getattr(_backend, _part)


def get_requires_for_build_wheel(config_settings=None):
    hook = getattr(_backend, "get_requires_for_build_editable", None)
    return hook(config_settings) if hook else []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    hook = getattr(_backend, "build_editable", None)
    if hook is None:
        sys.exit(f"the build backend {{_BACKEND}} cannot make editable wheels (PEP 660)")
    return hook(wheel_directory, config_settings, None)
'''


def make_project(root: str, directory: Path) -> None:
    """Make the project in `directory`, which is empty, that builds the editable wheel of the project at `root`.

    Raises UsageError if that has no valid pyproject.toml, and OSError.
    """
    content = _pyproject(root)
    system = _table(content, "build-system") or _LEGACY
    backend = system.get("build-backend") or _LEGACY["build-backend"]
    below = system.get("backend-path") or []
    paths = [os.path.normpath(os.path.join(root, str(path))) for path in below if isinstance(path, str)]
    (directory / "backend").mkdir()
    (directory / "backend" / "instui_editable_backend.py").write_text(
        _BACKEND.format(root=root, backend=str(backend), paths=paths), encoding="utf-8", errors="surrogateescape"
    )
    requires = [text for text in system.get("requires", []) if isinstance(text, str)]
    (directory / "pyproject.toml").write_text(
        f'[build-system]\nrequires = {toml(requires)}\nbuild-backend = "instui_editable_backend"\n'
        f'backend-path = ["backend"]\n{_sources(content, root)}',
        encoding="utf-8",
        errors="replace",
    )


def _sources(content: Mapping[str, Any], root: str) -> str:
    """Where uv finds what the build needs, as the project says in `[tool.uv.sources]`; "" if it does not.

    uv reads that only of a project with a name. What is about other parts of the project, which this one does not have,
    is left out: extras, groups, members of a workspace.
    """
    found = {}
    for name, value in _table(content, "tool", "uv", "sources").items():
        entries = [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]
        if own := [_absolute(entry, "path", root) for entry in entries if not _ELSEWHERE.intersection(entry)]:
            found[name] = own
    if not found:
        return ""
    listed = _table(content, "tool", "uv").get("index")
    entries = [entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)]
    indexes = [_absolute(entry, "url", root) for entry in entries]
    return (
        f'[project]\nname = "instui-editable-project"\nversion = "0"\n'
        f"[tool.uv]\nsources = {toml(found)}\nindex = {toml(indexes)}\n"
    )


def _table(parent: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        below = parent.get(key)
        parent = below if isinstance(below, dict) else {}
    return parent


def _absolute(entry: Mapping[str, Any], key: str, root: str) -> dict[str, Any]:
    place = entry.get(key)
    if not isinstance(place, str) or "://" in place:
        return dict(entry)
    return {**entry, key: os.path.normpath(os.path.join(root, place))}


def _pyproject(root: str) -> Mapping[str, Any]:
    import tomllib

    place = os.path.join(root, "pyproject.toml")
    try:
        return tomllib.loads(read_regular(Path(place)).decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {printable(place)}: {printable(' '.join(str(error).split()))}") from error
