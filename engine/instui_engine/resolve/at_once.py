"""Requests that need one question to uv, not two: `uv pip compile` decides as `uv pip install` would, and names files.

That is so where there is nothing in the environment that could stay, and nothing in the request that the two treat
differently. It must be offline, too: of a wheel without a hash, uv would fetch all to compute one.
"""

import os

from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.target.installed import Installed

from .request import Request
from .requirements import Requirements
from .resolving import Resolving
from .uv_config import is_decisive


def is_decided_at_once(wanted: Requirements, request: Request, settings: UvSettings, installed: Installed) -> bool:
    """Whether a lock file for the request says all that uv has to say of it."""
    plain = Requirements(
        requirements=wanted.requirements,
        index_url=wanted.index_url,
        extra_index_urls=wanted.extra_index_urls,
        find_links=wanted.find_links,
        no_index=wanted.no_index,
        notes=wanted.notes,
    )
    if not request.offline or request.exact or request.require_hashes or request.resolving != Resolving():
        return False
    if wanted != plain or any(entry.url or entry.demands or not entry.name for entry in wanted.requirements):
        return False
    if settings.options.get("pip") or is_decisive(settings, os.environ):  # "universal" is for lock files alone
        return False
    there = {*installed, *installed.links}
    return not (there.intersection(entry.name for entry in wanted.requirements) if request.no_deps else there)
