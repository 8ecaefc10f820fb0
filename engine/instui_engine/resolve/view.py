"""The environment as uv is to see it: a prefix whose `site-packages` leads to the metadata that is installed.

So uv, for which a dry run is a run like any other, neither takes the lock of the environment nor makes a file or
directory in it. What is half-installed can be left out: uv would fail on it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from instui_engine.fs.paths import name_of
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.values import NamedTuple

_PLAIN = re.compile("[0-9]+([.][0-9]+)*")  # most versions, recognized sooner than by parsing
_READ = ("METADATA", "WHEEL", "direct_url.json", "uv_cache.json", "uv_build.json")  # what uv reads of a distribution


class View(NamedTuple):
    """A view. In its `prefix`, uv looks into `site_packages`."""

    prefix: Path
    site_packages: Path


def make_view(environment: Environment, installed: Installed, prefix: Path, linked: bool = True) -> View:
    """Make the view `prefix`: of all distributions of `installed` that are whole and have a version. Raises OSError.

    Unless `linked`, its `site-packages` is a directory even where a link would do.
    """
    roots = environment.site_packages
    linked = linked and len(roots) == 1 and (environment.top / roots[0]).is_dir()
    linked = linked and all(_is_shown(installed, name) for name in installed)
    places = list(_site_packages(environment, prefix))
    for directory in places:
        directory.parent.mkdir(parents=True)
        if linked:
            directory.symlink_to(environment.top / roots[0])  # at no cost, however much is installed
        else:
            directory.mkdir()
            _link_metadata(environment, installed, directory)
    return View(prefix, places[0])


def _site_packages(environment: Environment, prefix: Path) -> Iterator[Path]:
    """Where uv may look: the name between lib and site-packages depends on the interpreter, not only its version."""
    version = ".".join(environment.interpreter.version.split(".")[:2])
    own = name_of(os.path.dirname(environment.interpreter.paths["purelib"]))
    for name in sorted({own, f"python{version}"}):
        yield prefix / "lib" / name / "site-packages"


def _is_shown(installed: Installed, name: str) -> bool:
    """Whether it is whole and has a version by PEP 440: beside one with another version uv refuses to work at all."""
    version = installed[name].version
    return installed.is_whole(name) and (_PLAIN.fullmatch(version) is not None or _is_version(version))


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return bool(Version(text))
    except InvalidVersion:
        return False


def _link_metadata(environment: Environment, installed: Installed, directory: Path) -> None:
    """Fill `directory` with one directory for each distribution, since uv follows no link to one."""
    for distribution in installed.values():
        if not _is_shown(installed, distribution.name):
            continue
        source, place = environment.top / distribution.info, directory / name_of(distribution.info)
        if distribution.is_legacy:
            place.symlink_to(source)
            continue
        place.mkdir()
        for name in _READ:
            if (source / name).exists():
                (place / name).symlink_to(source / name)
    for link in installed.links.values():
        (directory / name_of(link)).symlink_to(environment.top / link)
