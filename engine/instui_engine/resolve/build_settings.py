"""How uv is told what may be built, and how: for its resolution, and for the builds themselves."""

import os

from instui_engine.errors import ResolutionError, printable
from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.fs.given import absolute
from instui_engine.wheel.filename import normalized

from .request import Request, Resolution
from .requirements import Requirements
from .resolving import Resolving, words
from .source import Building, BuildSettings
from .uv_config import build_config, decisive_for_builds, extra_variables, forbids_build, not_isolated, tells_builds


def pip_flags(building: Building, command: str) -> list[str]:
    """The flags of that command of `uv pip` for what is asked for."""
    if command == "sync":  # it has no such flag, and builds only what nothing but the build itself knows
        building = building._replace(no_isolation_packages=())
    return [
        *(["--no-build"] if building.no_build else []),
        *(f"--no-binary={name}" for name in building.no_binary),
        *(f"--only-binary={name}" for name in building.only_binary),
        *_flags(building),
    ]


def build_flags(building: Building, name: str) -> list[str]:
    """The flags of `uv build` for the distribution of that name. The other flags are about what it needs."""
    plain = (":all:", ":none:")
    own = [text.partition(":")[2] for text in building.config_settings_packages if _owner(text) == name]
    alone = name in building.no_isolation_packages and not building.no_isolation
    return [
        *(["--no-build-isolation"] if alone else []),
        *(["--no-binary"] if ":all:" in building.no_binary else []),
        *(f"--no-binary-package={other}" for other in building.no_binary if other not in plain),
        *(f"--no-build-package={other}" for other in building.only_binary if other not in plain),
        *_flags(building),
        *(f"--config-setting={text}" for text in own),
    ]


def building_of(request: Request, wanted: Requirements) -> Building:
    """What may be built, also by what requirement files say."""
    building = request.building
    return building._replace(
        no_binary=(*building.no_binary, *wanted.no_binary), only_binary=(*building.only_binary, *wanted.only_binary)
    )


def with_builds(
    resolution: Resolution, request: Request, wanted: Requirements, settings: UvSettings, executable: str
) -> Resolution:
    """`resolution` with the way in which its sources are built. Raises ResolutionError if one must not be."""
    building = building_of(request, wanted)
    for wheel in resolution.wheels:
        if wheel.source and (refused := _refused(building, settings, wheel.name, wheel.source.editable)):
            raise ResolutionError(
                f"{printable(wheel.name)} would have to be built from a source, which {refused} forbids"
            )
    return resolution._replace(builds=build_settings(request, wanted, settings, executable))


def _refused(building: Building, settings: UvSettings, name: str, editable: bool | None) -> str:
    """What forbids to build that distribution; "" if it may be built. As for uv, an editable one always may."""
    if editable:
        return ""
    if building.no_build:
        return "--no-build"
    if name in map(normalized, building.only_binary):
        return f"--only-binary {name}"
    if ":all:" in building.only_binary:
        return "--only-binary :all:"
    return forbids_build(settings, os.environ, name)


def _flags(building: Building) -> list[str]:
    """What `uv pip` and `uv build` call by the same names."""
    return [
        *(["--no-build-isolation"] if building.no_isolation else []),
        *(f"--no-build-isolation-package={name}" for name in building.no_isolation_packages),
        *(f"--config-setting={text}" for text in building.config_settings),
        *(f"--config-settings-package={text}" for text in building.config_settings_packages),
        *(f"--build-constraints={place(file)}" for file in building.constraint_files),
    ]


def _owner(text: str) -> str:
    from instui_engine.wheel.filename import normalized

    return normalized(text.partition(":")[0])


def place(file: str) -> str:
    """A file as uv may be given it, wherever it runs."""
    return file if "://" in file else absolute(file)


def build_settings(request: Request, wanted: Requirements, settings: UvSettings, python: str) -> BuildSettings:
    """How what `request` asks for is built: with the same indexes, variables and settings as it was resolved."""
    from .uv import uv_variables

    extra = (*request.extra_index_urls, *wanted.extra_index_urls)
    everywhere = request._replace(
        index_url=request.index_url or wanted.index_url,
        extra_index_urls=extra,
        find_links=(*request.find_links, *wanted.find_links),
    )
    variables = uv_variables(everywhere)
    variables.pop("UV_REQUIRE_HASHES", None)  # what a build needs, nobody can give hashes
    told = request.resolving
    shared = Resolving(  # what bears on what builds need, too
        exclude_newer=told.exclude_newer,
        exclude_newer_package=told.exclude_newer_package,
        no_sources=told.no_sources,
        no_sources_package=told.no_sources_package,
    )
    building = building_of(request, wanted)
    alone, alone_too = not_isolated(settings, os.environ)
    return BuildSettings(
        python=python,
        offline=request.offline or settings.offline,
        no_index=request.no_index or wanted.no_index,
        building=building._replace(
            no_isolation=building.no_isolation or alone,
            no_isolation_packages=(*building.no_isolation_packages, *alone_too),
        ),
        variables=variables,
        own_variables=extra_variables(settings),
        config=build_config(settings) if not os.environ.get("UV_NO_CONFIG") else "",
        flags=tuple(words(shared, "locate")),
        decisive=decisive_for_builds(settings, os.environ),
        is_plain=is_plain(request, settings),
    )


def is_plain(request: Request, settings: UvSettings) -> bool:
    """Whether builds are told nothing that uv records in uv_build.json."""
    building = request.building
    return not (building.config_settings or building.config_settings_packages or tells_builds(settings))
