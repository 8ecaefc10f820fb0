"""What goes when exactly one set is to be installed, as `uv pip sync` decides that."""

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from instui_engine.errors import TargetError, UsageError, printable
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.target.requires import closure

_OWN = "instui"  # the distribution with this program
SEEDS = frozenset({"pip", "setuptools", "wheel", "uv"})
"""What stays although nobody lists it, except in an environment that uv has made without it."""


def extraneous(
    environment: Environment, installed: Installed, listed: Collection[str], decided: Collection[str] | None = None
) -> tuple[str, ...]:
    """The names of what is to go if only `listed` is to be there, sorted.

    `decided` is what uv would remove. What it was not shown, since it is half-installed, goes by the same rule. Raises
    TargetError if this program itself would go, or something that it requires.
    """
    stays = {*listed, *(SEEDS if keeps_seeds(environment) else ())}
    names = {*installed, *installed.links}
    if decided is not None:
        names = {*names.intersection(decided), *(name for name in installed if not installed.is_whole(name))}
    found = tuple(sorted(name for name in names if name not in stays))
    if found and _is_ours(environment):
        _check_not_ours(environment, installed, found)
    return found


def _check_not_ours(environment: Environment, installed: Installed, found: Collection[str]) -> None:
    """Raise TargetError if this program, or what it cannot run without, is `found`."""
    needed = closure(environment, installed, _OWN)
    going = sorted(needed.intersection(found))
    if not going:
        return
    if _OWN in going:
        problem = "is not listed, so it would remove itself; list it with all that it requires"
    else:
        names = printable(", ".join(going))
        problem = f"requires what is not listed ({names}), so it would remove that under itself; list these as well"
    raise TargetError(
        f"this instui is installed in the environment and {problem}, or install it elsewhere, with `uv tool install` "
        "or `pipx install`",
        path=str(environment.top),
    )


def check_not_empty(listed: Collection[str], found: Collection[str], *, allow_empty: bool) -> None:
    """Raise UsageError if nothing is listed, so that all that was `found` would go, unless that is allowed."""
    if not listed and found and not allow_empty:
        raise UsageError(
            "nothing is listed, so everything would be removed; if that is meant, give --allow-empty-requirements"
        )


def _is_ours(environment: Environment) -> bool:
    """Whether this program runs from the environment."""
    places = {os.path.realpath(environment.top / root) for root in environment.site_packages}
    return not places.isdisjoint(map(os.path.realpath, filter(None, sys.path)))


def keeps_seeds(environment: Environment) -> bool:
    """Whether pip and its like stay unlisted: not where uv has made the environment without them (`uv venv`)."""
    settings = dict(_settings(environment.interpreter.prefix))
    return "uv" not in settings or settings.get("seed", "").lower() == "true"


def _settings(prefix: str) -> Iterator[tuple[str, str]]:
    """What `pyvenv.cfg` says."""
    try:
        text = Path(prefix, "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            yield key.strip(), value.strip()
