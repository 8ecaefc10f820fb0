"""uv's settings, where a question to uv must not be answered by them, or where this program does otherwise."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from instui_engine.fetch.uv_settings import UvSettings, is_on
from instui_engine.fs.files import read_regular

from .inputs import normalized
from .toml_text import toml

# settings that decide what is installed, so that even wheel files without dependencies are put to uv
_DECISIVE = ("constraint-dependencies", "override-dependencies", "exclude-dependencies")
DECISIVE_FILES = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE")
_DECISIVE_VARIABLES = ("UV_REQUIRE_HASHES", *DECISIVE_FILES)

# settings that `uv pip compile` would answer with too few files, or with those for another Python than the target's
_MISLEADING = ("no-emit-package", "unsafe-package", "python-version")
_ELSEWHERE = ("target", "prefix")
# the keys that say where files are found and which of them count; others may be refused outside of a project
_FINDING = frozenset(
    {
        "allow-insecure-host",
        "cache-dir",
        "exclude-newer",
        "exclude-newer-package",
        "extra-index-url",
        "find-links",
        "http-proxy",
        "https-proxy",
        "index",
        "index-strategy",
        "index-url",
        "keyring-provider",
        "native-tls",
        "no-cache",
        "no-index",
        "no-proxy",
        "no-sources",
        "offline",
        "prerelease",
        "python-downloads",
        "python-preference",
        "system-certs",
        "torch-backend",
    }
)
# the keys that say how something is built; what it was told by some of them, uv records with what it has installed
_RECORDED = ("config-settings", "config-settings-package", "extra-build-dependencies", "extra-build-variables")
_BUILDING = frozenset({*_RECORDED, "build-constraint-dependencies", "no-build-isolation", "no-build-isolation-package"})


def is_decisive(settings: UvSettings, environ: Mapping[str, str]) -> bool:
    """Whether uv's settings may bear on wheel files that are named one by one."""
    if settings.require_hashes or any(environ.get(name) for name in _DECISIVE_VARIABLES):
        return True
    return any(settings.options.get(key) for key in _DECISIVE)


def is_reinstalled(settings: UvSettings, name: str) -> bool:
    """Whether uv's settings ask to install the distribution again, whatever is there."""
    for table in (_pip(settings), settings.options):
        packages = table.get("reinstall-package")
        named = packages if isinstance(packages, list) else ()
        if table.get("reinstall") is True or name in map(normalized, map(str, named)):
            return True
    return False


def leads_elsewhere(settings: UvSettings) -> bool:
    """Whether uv would install into a directory of its settings, not into the environment that was chosen here."""
    return any(_pip(settings).get(key) for key in _ELSEWHERE)


def locating_config(settings: UvSettings, *, whole: bool = False) -> str:
    """The text of a uv.toml to ask for files with, where the user's own would mislead it; "" if it does not.

    `whole`: with what bears on a whole request, too.
    """
    if not any(_pip(settings).get(key) for key in _MISLEADING):
        return ""
    keys = {*_FINDING, *(_DECISIVE if whole else ())}
    kept = {key: value for key, value in settings.options.items() if key in keys}
    kept["pip"] = {key: value for key, value in _pip(settings).items() if key in _FINDING}
    return "".join(f"{key} = {toml(value)}\n" for key, value in kept.items())


def build_config(settings: UvSettings) -> str:
    """The text of a uv.toml for `uv build`, where the user's has settings that only `uv pip` reads; else ""."""
    if not any(key in _BUILDING or key in _FINDING for key in _pip(settings)):
        return ""
    kept = {key: value for key, value in settings.options.items() if key in _FINDING or key in _BUILDING}
    kept |= {key: value for key, value in _pip(settings).items() if key in _FINDING or key in _BUILDING}
    return "".join(f"{key} = {toml(value)}\n" for key, value in kept.items())


def tells_builds(settings: UvSettings) -> bool:
    """Whether uv's settings tell builds anything that it records with what was built (uv_build.json)."""
    return any(table.get(key) for table in (_pip(settings), settings.options) for key in _RECORDED)


def decisive_for_builds(settings: UvSettings, environ: Mapping[str, str]) -> str:
    """A text that differs where uv's settings and variables make another wheel of the same source."""
    tables = (_pip(settings), settings.options)
    kept = {key: [table.get(key) for table in tables] for key in sorted(_BUILDING)}
    bounds = []
    for file in environ.get("UV_BUILD_CONSTRAINT", "").split():
        try:
            bounds.append(read_regular(file).decode("utf-8", "replace"))
        except OSError:
            bounds.append(file)
    return json.dumps((kept, bounds), default=str)


def extra_variables(settings: UvSettings) -> dict[str, dict[str, str]]:
    """The variables for the builds of distributions, by their names: `uv build` does not heed that setting."""
    found: dict[str, dict[str, str]] = {}
    for options in (settings.options, _pip(settings)):
        named = options.get("extra-build-variables")
        for name, variables in (named if isinstance(named, dict) else {}).items():
            if isinstance(variables, dict):
                found[normalized(str(name))] = {
                    key: value for key, value in variables.items() if isinstance(value, str)
                }
    return found


def not_isolated(settings: UvSettings, environ: Mapping[str, str]) -> tuple[bool, tuple[str, ...]]:
    """Whether uv is set to build everything with what the environment has, and the names of what else it is."""
    tables = (_pip(settings), settings.options)
    key = "no-build-isolation"
    everything = next((table[key] for table in tables if key in table), False)
    if text := environ.get("UV_NO_BUILD_ISOLATION"):
        everything = is_on(text)
    lists = (table.get("no-build-isolation-package") for table in tables)
    return everything is True, tuple(
        normalized(str(name)) for found in lists if isinstance(found, list) for name in found
    )


def forbids_build(settings: UvSettings, environ: Mapping[str, str], name: str) -> str:
    """The setting of uv that forbids to build that distribution; "" if none does."""
    if is_on(environ.get("UV_NO_BUILD")):
        return "UV_NO_BUILD"
    for table in (_pip(settings), settings.options):
        if table.get("no-build") is True:
            return "uv's setting no-build"
        for key in ("no-build-package", "only-binary"):
            packages = table.get(key)
            named = packages if isinstance(packages, list) else ()
            if ":all:" in named or name in map(normalized, map(str, named)):
                return f"uv's setting {key}"
    return ""


def not_honoured(settings: UvSettings, environ: Mapping[str, str]) -> Iterator[str]:
    """One line for each setting of uv that has no effect here."""
    pip = _pip(settings)
    if is_on(environ.get("UV_NO_VERIFY_HASHES")) or pip.get("verify-hashes") is False:
        yield "uv is set to verify no hashes; instui compares every hash that is written somewhere"
    if is_on(environ.get("UV_NO_EDITABLE")):
        yield "uv is set to install nothing editable; what -e names is editable all the same"
    for key in _ELSEWHERE:
        if pip.get(key):
            yield f"the setting {key} of uv has no effect here; give --{key}"


def _pip(settings: UvSettings) -> Mapping[str, Any]:
    table = settings.options.get("pip")
    return table if isinstance(table, dict) else {}
