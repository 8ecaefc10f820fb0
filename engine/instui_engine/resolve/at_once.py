"""Requests that need one question to uv, not two: `uv pip compile` decides as `uv pip install` would, and names files.

That is so where there is nothing in the environment that could stay, and nothing in the request that the two treat
differently. It must be offline, too: else uv would download a wheel whose index gives no hash, to compute one.
"""

import os
from collections.abc import Callable

from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.fs.memory import memory_file, unnamed_file
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

from .normal_form import requirements_text
from .request import Request
from .requirements import Requirements
from .resolving import Resolving
from .uv import has_cache, interpreter_for, uv_pip, uv_variables
from .uv_config import is_decisive
from .uv_errors import warnings_in
from .uv_process import finished


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
    # what is to be upgraded may have a bound (`-P NAME<2`), which holds for what is installed anew, too
    given = request.exact or request.require_hashes or request.upgrade_packages
    if not request.offline or given or request.resolving != Resolving():
        return False
    if wanted != plain or any(entry.url or entry.demands for entry in wanted.requirements):
        return False
    # in uv's table for `uv pip`, "universal" and others are for lock files alone
    if settings.options.get("pip") or is_decisive(settings, os.environ) or not has_cache(settings):
        return False
    there = {*installed, *installed.links}
    return not (there.intersection(entry.name for entry in wanted.requirements) if request.no_deps else there)


def ask(
    wanted: Requirements,
    request: Request,
    settings: UvSettings,
    environment: Environment,
    cancelled: Callable[[], bool],
    meanwhile: Callable[[], None],
) -> tuple[str, tuple[str, ...]] | None:
    """The lock file of the request, and uv's warnings; None if uv has failed. `meanwhile` is done while it works.

    Relative paths in it start from the working directory. Raises ResolutionError if uv cannot be run, and Interrupted.
    """
    command = uv_pip("compile", request, interpreter_for(request, environment, settings))
    command += ["--format=pylock.toml", "--no-header", "--offline", *(["--no-deps"] if request.no_deps else [])]
    with memory_file(requirements_text(wanted)) as file, open(unnamed_file(), "r+b") as answer:
        command.append(f"/dev/fd/{file}")
        variables = uv_variables(request)
        code, output = finished(command, variables, (file,), cancelled, meanwhile, answer=answer.fileno())
        answer.seek(0)
        return None if code else (answer.read().decode(), warnings_in(output))
