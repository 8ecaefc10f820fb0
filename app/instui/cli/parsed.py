"""What the engine gets from a parsed command line: environment, options, request."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from instui_engine.errors import UsageError, printable

from .flag_values import permitted
from .options import LINK_MODES
from .uv_variables import is_on

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from instui_engine.resolve.request import Request
    from instui_engine.resolve.resolving import Resolving
    from instui_engine.resolve.source import Building
    from instui_engine.session.options import LinkMode, Options
    from instui_engine.target.environment import Environment


def request_from(parsed: "argparse.Namespace") -> "Request":
    """The request in the command line."""
    from instui_engine.resolve.request import Request

    return Request(
        arguments=tuple(parsed.arguments),
        requirement_files=tuple(parsed.requirement_files),
        constraint_files=tuple(parsed.constraint_files),
        pylock=parsed.pylock,
        **_places_in(parsed),
        no_deps=parsed.no_deps,
        reinstall=parsed.reinstall,
        upgrade=parsed.upgrade,
        upgrade_packages=tuple(parsed.upgrade_packages),
        require_hashes=parsed.require_hashes,
        building=_building_in(parsed),
        resolving=resolving_from(parsed),
    )


def _building_in(parsed: "argparse.Namespace") -> "Building":
    """What may be built, and how."""
    from instui_engine.resolve.source import Building

    return Building(
        editables=tuple(getattr(parsed, "editables", ())),
        no_build=parsed.no_build,
        no_binary=tuple(parsed.no_binary),
        only_binary=(*parsed.only_binary, *parsed.no_build_packages),
        no_isolation=parsed.no_build_isolation,
        no_isolation_packages=tuple(parsed.no_build_isolation_packages),
        config_settings=tuple(parsed.config_settings),
        config_settings_packages=tuple(parsed.config_settings_packages),
        constraint_files=tuple(parsed.build_constraints),
    )


def request_of_sync(parsed: "argparse.Namespace") -> "Request":
    """The request in the command line of `instui sync`."""
    from instui_engine.resolve.request import Request
    from instui_engine.resolve.requirements import is_uv_lock

    by_variable = not parsed.frozen and is_on(None, "UV_LOCKED")  # which concerns no other file
    return Request(
        requirement_files=tuple(parsed.requirement_files),
        constraint_files=tuple(parsed.constraint_files),
        **_places_in(parsed),
        reinstall=parsed.reinstall,
        require_hashes=parsed.require_hashes,
        resolving=resolving_from(parsed),
        allow_empty=parsed.allow_empty_requirements,
        leaving_out=tuple(dict.fromkeys(parsed.leaving_out)),
        locked=parsed.locked or (by_variable and any(map(is_uv_lock, parsed.requirement_files))),
        building=_building_in(parsed),
    )


def places_from(parsed: "argparse.Namespace") -> "Request":
    """Where to look for wheels, as a request that names none."""
    from instui_engine.resolve.request import Request

    return Request(**_places_in(parsed), resolving=resolving_from(parsed))


def resolving_from(parsed: "argparse.Namespace") -> "Resolving":
    """What uv is told: the flags of this command that have the names of its options."""
    from instui_engine.resolve.resolving import Resolving

    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(parsed).items()
        if value and name in Resolving._fields
    }
    return Resolving(**given)


def _places_in(parsed: "argparse.Namespace") -> dict[str, Any]:
    return {
        "find_links": tuple(parsed.find_links),
        "index_url": parsed.index_url,
        "extra_index_urls": tuple(parsed.extra_index_urls),
        "no_index": parsed.no_index,
        "offline": parsed.offline,
    }


def options_from(parsed: "argparse.Namespace") -> "Options":
    """The options in the command line."""
    from instui_engine.session.options import Options

    return Options(
        cache=cache_directory(parsed.cache_dir),
        jobs=parsed.jobs,
        lock_timeout=parsed.lock_timeout,
        fail_on_conflict=getattr(parsed, "fail_on_conflict", False),
        link_mode=getattr(parsed, "link_mode", None) or _link_mode_of_uv(),
        compile_bytecode=_compiles(parsed),
        fsync=not parsed.no_fsync,
        slow=parsed.slow,
        dry_run=parsed.dry_run,
        journal_file=parsed.journal,
        allow_record=permissions(parsed),
    )


def permissions(parsed: "argparse.Namespace") -> tuple[str, ...]:
    """The values of --allow-record, or of its variable, which argparse does not check."""
    return tuple(map(permitted, getattr(parsed, "allow_record", ())))


def _link_mode_of_uv() -> "LinkMode":
    from instui_engine.fetch.uv_settings import settings_here

    mode = os.environ.get("UV_LINK_MODE") or settings_here().options.get("link-mode")
    return next((known for known in LINK_MODES if known == mode), "hardlink")


def _compiles(parsed: "argparse.Namespace") -> bool:
    """Whether byte code is wanted: by the command line, else as uv decides it."""
    if not hasattr(parsed, "compile_bytecode"):
        return False
    if parsed.compile_bytecode is not None:
        return bool(parsed.compile_bytecode)
    from instui_engine.fetch.uv_settings import is_on, settings_here

    variable = os.environ.get("UV_COMPILE_BYTECODE")
    if variable is not None and variable.strip():
        return is_on(variable)
    options = settings_here().options
    pip = options.get("pip")
    here = pip.get("compile-bytecode") if isinstance(pip, dict) else None
    return (options.get("compile-bytecode") if here is None else here) is True


def environment_from(
    parsed: "argparse.Namespace",
    *,
    writable: bool,
    any_python: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> "Environment":
    """The environment that the user means; with `any_python`, also one that the system manages. Raises InstuiError.

    `meanwhile` is done where an interpreter has to be asked first.
    """
    from instui_engine.target.environment import discover

    if parsed.target and parsed.prefix:
        raise UsageError("--target and --prefix are two places for one install: give one of them")
    given = vars(parsed)
    wanted = "" if parsed.python or given.get("system") else os.environ.get("UV_PYTHON", "")
    is_place = "/" in wanted or os.path.exists(wanted)
    environment = discover(
        cache_directory(parsed.cache_dir),
        python=parsed.python or (wanted if is_place else ""),
        target=parsed.target or "",
        prefix=parsed.prefix or "",
        break_system_packages=any_python or is_on(given.get("break_system_packages"), "UV_BREAK_SYSTEM_PACKAGES"),
        writable=writable,
        system=is_on(given.get("system"), "UV_SYSTEM_PYTHON"),
        meanwhile=meanwhile,
    )
    version = environment.interpreter.version
    if wanted[:1].isdigit() and not is_place and not f"{version}.".startswith(f"{wanted}."):
        raise UsageError(
            f"UV_PYTHON is {printable(wanted)}, and the environment at {printable(str(environment.top))} has Python "
            f"{version}; name one with --python"
        )
    return environment


def cache_directory(given: str) -> "Path":
    """`given`, or this system's place for caches."""
    from pathlib import Path

    from instui_engine.fs.cache_directory import default_cache
    from instui_engine.fs.given import absolute

    return Path(absolute(given)) if given else default_cache()


def recorded(arguments: Sequence[str]) -> tuple[str, ...]:
    """The command line for the journal: as the user gave it, but without passwords."""
    from instui_engine.redaction import redacted

    shown = list(arguments)
    while shown[1:2] in (["--child"], ["--child-journal"]):
        del shown[1:3]
    return ("instui", *map(redacted, shown))
