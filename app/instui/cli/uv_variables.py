"""Flags that stand for uv's variables: uv, the reader of its settings and the downloads all look there.

So no two of them can disagree, and a child inherits what was given. Variables of uv that concern the environment, not
uv's work, are read here, too.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from instui_engine.errors import UsageError, printable, reason

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_PLACES = {"project": "UV_PROJECT", "config_file": "UV_CONFIG_FILE", "cert": "SSL_CERT_FILE"}


def take_up(parsed: argparse.Namespace) -> None:
    """Go to the directory that is named, and set the variables. Raises UsageError for a place that is not there."""
    given = vars(parsed)
    if "directory" not in given:
        return
    if directory := given["directory"] or os.environ.get("UV_WORKING_DIR"):
        _go_to(directory, parsed)
    for name, variable in _PLACES.items():
        if given[name]:
            os.environ[variable] = _checked(name, given[name])
    if given["no_config"]:
        os.environ["UV_NO_CONFIG"] = "1"
    if given["no_progress"]:
        os.environ["UV_NO_PROGRESS"] = "1"
    if given["system_certs"] is not None:
        os.environ["UV_SYSTEM_CERTS"] = str(int(given["system_certs"]))
    if given["keyring_provider"]:
        os.environ["UV_KEYRING_PROVIDER"] = given["keyring_provider"]
    if given["allow_insecure_host"]:
        os.environ["UV_INSECURE_HOST"] = " ".join(given["allow_insecure_host"])
    if given["color"] == "never":
        os.environ["NO_COLOR"] = "1"
    elif given["color"] == "always":
        os.environ.pop("NO_COLOR", None)


def is_on(flag: bool | None, variable: str) -> bool:
    """A switch: the flag if it was given, else uv's variable."""
    return os.environ.get(variable, "").strip().lower() in _TRUE if flag is None else flag


@contextmanager
def private_cache(parsed: argparse.Namespace) -> Iterator[None]:
    """A directory that takes the place of both caches, and goes at the end.

    uv itself would forget after each question what the next one needs.
    """
    from tempfile import mkdtemp

    from instui_engine.fs.rmtree import remove_tree

    if getattr(parsed, "link_mode", "") == "symlink":
        raise UsageError("--link-mode symlink needs the cache for as long as the environment; leave out --no-cache")
    place = mkdtemp(prefix="instui-no-cache-")
    before = {name: os.environ.pop(name, None) for name in ("UV_CACHE_DIR", "UV_NO_CACHE")}
    os.environ["UV_CACHE_DIR"] = f"{place}/uv"
    parsed.cache_dir = f"{place}/instui"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        remove_tree(place)


def _go_to(directory: str, parsed: argparse.Namespace) -> None:
    """Change to the directory; a child that gets the same command line, or variables, finds it from there, too."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"cannot go to the directory {reason(error, directory)}; correct --directory") from error
    here = os.getcwd()
    os.environ.pop("UV_WORKING_DIR", None)
    os.environ["INSTUI_DIRECTORY"] = here
    # PWD would lead back
    os.environ["PWD"] = here
    line = parsed.line
    for place, word in enumerate(line):
        if word == "--directory":
            line[place + 1 : place + 2] = [here]
        elif word.startswith("--directory="):
            line[place] = f"--directory={here}"


def _checked(name: str, place: str) -> str:
    """The absolute path of what a flag names."""
    path = os.path.abspath(place)
    is_there = os.path.isdir(path) if name == "project" else os.path.isfile(path) and os.access(path, os.R_OK)
    if not is_there:
        what = "directory" if name == "project" else "file that can be read"
        raise UsageError(f"--{name.replace('_', '-')}: {printable(place)} is no {what}")
    return path
