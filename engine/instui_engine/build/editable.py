"""Editable wheels (PEP 660) by `uv build`, which knows only the ordinary kind.

It is given a project made for this one build. Its backend is the module below, which passes `build_wheel` on to
`build_editable` of the real project's backend. So isolation, build dependencies, indexes and settings are those of
every other build, by uv's own rules.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from instui_engine.resolve.toml_text import toml

from .project_sources import read_project, sources_text, table

_LEGACY = {"requires": ["setuptools >= 40.8.0"], "build-backend": "setuptools.build_meta:__legacy__"}
"""What a project means that names no backend (PEP 517)."""
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


def make_project(
    root: str, directory: Path, name: str, uv: Sequence[str] = (), variables: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Make the project in `directory`, which is empty, that builds the editable wheel of the project at `root`.

    It has the `name` of that, for which uv may have settings. `uv` begins a command, which runs with `variables`.
    Raises UsageError if there is no valid pyproject.toml, and OSError.
    """
    content = read_project(root)
    system = table(content, "build-system") or _LEGACY
    backend = system.get("build-backend") or _LEGACY["build-backend"]
    requires, below = system.get("requires", []), system.get("backend-path", [])
    is_list = isinstance(below, list)  # what is wrong is passed on, so that uv says so
    paths = [os.path.normpath(os.path.join(root, path)) for path in below if isinstance(path, str)] if is_list else []
    (directory / "backend").mkdir()
    (directory / "backend" / "instui_editable_backend.py").write_text(
        _BACKEND.format(root=root, backend=str(backend), paths=paths), encoding="utf-8", errors="surrogateescape"
    )
    (directory / "pyproject.toml").write_text(
        f'[build-system]\nrequires = {toml(requires)}\nbuild-backend = "instui_editable_backend"\n'
        f"backend-path = {toml(['backend'] if is_list else below)}\n"
        f'[project]\nname = {toml(name)}\nversion = "0"\n'
        f"{sources_text(content, root, uv, variables)}",
        encoding="utf-8",
        errors="replace",
    )
