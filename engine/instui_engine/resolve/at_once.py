"""Requests that need one question to uv, not two: `uv pip compile` decides as `uv pip install` would, and names files.

That is so where there is nothing in the environment that could stay, and nothing in the request that the two treat
differently. It must be offline, too: of a wheel without a hash, uv would fetch all to compute one.

The question does not depend on the environment. So it can be put before there is a session, and counts if it turns out
that it was the right one.
"""

import os
from collections.abc import Callable

from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.fs.memory import memory_file, unnamed_file
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

from . import uv_process
from .normal_form import requirements_text
from .request import Request
from .requirements import Requirements
from .resolving import Resolving
from .uv import has_cache, interpreter_for, uv_pip, uv_variables
from .uv_config import is_decisive
from .uv_errors import warnings_in


def may_be_decided_at_once(request: Request) -> bool:
    """Whether what is given besides requirements allows that. No file is read to know it: it may be a stream.

    What is to be upgraded may have a bound (`-P NAME<2`), which holds for what is installed anew, too.
    """
    given = request.exact or request.require_hashes or request.constraint_files or request.upgrade_packages
    return request.offline and not given and request.resolving == Resolving()


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
    if not may_be_decided_at_once(request):
        return False
    if wanted != plain or any(entry.url or entry.demands or not entry.name for entry in wanted.requirements):
        return False
    # in uv's table for `uv pip`, "universal" and others are for lock files alone
    if settings.options.get("pip") or is_decisive(settings, os.environ) or not has_cache(settings):
        return False
    there = {*installed, *installed.links}
    return not (there.intersection(entry.name for entry in wanted.requirements) if request.no_deps else there)


def about(wanted: Requirements, request: Request, settings: UvSettings, environment: Environment) -> tuple[object, ...]:
    """All on which the question depends."""
    return wanted, request, settings, interpreter_for(request, environment, settings)


class AtOnce:
    """The one question, on which uv works from now on. Whoever puts it closes it. `about`: see the function."""

    def __init__(self, wanted: Requirements, request: Request, settings: UvSettings, environment: Environment) -> None:
        """Put it. Raises ResolutionError if there is no uv, or it cannot be run."""
        python = interpreter_for(request, environment, settings)
        self.about = about(wanted, request, settings, environment)
        self._answer = unnamed_file()
        command = [*uv_pip("compile", request, python), "--format=pylock.toml", "--no-header", "--offline"]
        command += ["--no-deps"] if request.no_deps else []
        try:
            with memory_file(requirements_text(wanted)) as file:
                self._process = uv_process.start(
                    [*command, f"/dev/fd/{file}"], uv_variables(request), (file,), self._answer
                )
        except BaseException:
            os.close(self._answer)
            raise

    def read(self, cancelled: Callable[[], bool], meanwhile: Callable[[], None]) -> tuple[str, tuple[str, ...]] | None:
        """Wait, and do `meanwhile`. The lock file of the request, and uv's warnings; None if uv has failed.

        Relative paths in it start from the working directory. Raises Interrupted.
        """
        code, output = uv_process.outcome(self._process, cancelled, meanwhile)
        if code:
            return None
        size = os.fstat(self._answer).st_size
        return os.pread(self._answer, size, 0).decode(), warnings_in(output)

    def close(self) -> None:
        """Let it be, if nobody has read the answer. May be called again."""
        if self._answer >= 0:
            if self._process.returncode is None:
                with self._process:
                    uv_process.stop(self._process)
            os.close(self._answer)
            self._answer = -1
