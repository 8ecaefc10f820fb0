"""The environment as uv is to see it: a prefix whose `site-packages` leads to the metadata that is installed.

So uv, for which a dry run is a run like any other, neither takes the environment's lock nor makes a file or directory in
it. What is half-installed can be left out: uv would fail on it.
"""

import os
from collections.abc import Container, Iterator
from pathlib import Path

from instui_engine.fs.paths import name_of
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

_READ = ("METADATA", "WHEEL", "direct_url.json", "uv_cache.json")  # what uv reads of a distribution


def make_view(environment: Environment, installed: Installed, hidden: Container[str], prefix: Path) -> None:
    """Make `prefix`, in which uv sees the whole distributions of `installed` that are not `hidden`. Raises OSError."""
    roots = environment.site_packages
    all_shown = all(name not in hidden and installed.is_whole(name) for name in installed)
    for directory in _site_packages(environment, prefix):
        directory.parent.mkdir(parents=True)
        if len(roots) == 1 and all_shown and (environment.top / roots[0]).is_dir():
            directory.symlink_to(environment.top / roots[0])  # at no cost, however much is installed
        else:
            directory.mkdir()
            _link_metadata(environment, installed, hidden, directory)


def _site_packages(environment: Environment, prefix: Path) -> Iterator[Path]:
    """Where uv may look: the name between lib and site-packages depends on the interpreter, not only its version."""
    version = ".".join(environment.interpreter.version.split(".")[:2])
    own = name_of(os.path.dirname(environment.interpreter.paths["purelib"]))
    for name in sorted({own, f"python{version}"}):
        yield prefix / "lib" / name / "site-packages"


def _link_metadata(environment: Environment, installed: Installed, hidden: Container[str], directory: Path) -> None:
    """Fill `directory` with one directory for each distribution, since uv follows no link to one."""
    for distribution in installed.values():
        if distribution.name in hidden or not installed.is_whole(distribution.name):
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
