"""Each option of `uv pip install`, and what becomes of it here: data for messages, for README and for tests.

`python -m instui.cli.uv_options` prints the table of README.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from instui_engine.values import NamedTuple

How = Literal["here", "uv", "refused"]
_EDITABLE = "what -e names is editable; name it without -e"
_PYTHON = "instui takes the Python of the environment; name one with --python"
_DOWNLOADS = "instui downloads no Python; `uv python install` does"
_PREVIEW = "previews of uv are not passed on"


class UvOption(NamedTuple):
    """An option of uv, by its long `name`, without dashes.

    `how`: done "here", passed on to "uv", or "refused", then with the reason in `why`. `other` are its further names,
    with dashes. `variable` is the one that uv has for it: it means the same here, unless `unheard` says why not.
    """

    name: str
    how: How
    why: str = ""
    other: tuple[str, ...] = ()
    variable: str = ""
    unheard: str = ""


OPTIONS: tuple[UvOption, ...] = (
    # what to install
    UvOption("requirements", "here", other=("-r", "--requirement")),
    UvOption("constraints", "here", other=("-c", "--constraint"), variable="UV_CONSTRAINT"),
    UvOption("overrides", "here", other=("--override",), variable="UV_OVERRIDE"),
    UvOption("excludes", "here", other=("--exclude",), variable="UV_EXCLUDE"),
    UvOption("group", "uv"),
    UvOption("extra", "uv"),
    UvOption("all-extras", "uv"),
    UvOption("no-all-extras", "uv"),
    UvOption("no-deps", "here"),
    UvOption("deps", "here"),
    UvOption("require-hashes", "here", variable="UV_REQUIRE_HASHES"),
    UvOption("no-require-hashes", "here"),
    UvOption("verify-hashes", "here"),
    UvOption(
        "no-verify-hashes",
        "refused",
        "a hash that is written somewhere is always compared; take it out of the file",
        variable="UV_NO_VERIFY_HASHES",
        unheard="a hash that is written somewhere is always compared",
    ),
    UvOption("reinstall", "here", other=("--force-reinstall",)),
    UvOption("no-reinstall", "here"),
    UvOption("reinstall-package", "here"),
    UvOption("upgrade", "here", other=("-U",)),
    UvOption("no-upgrade", "here"),
    UvOption("upgrade-package", "here", other=("-P",)),
    UvOption("upgrade-group", "refused", "`uv pip` does not support it either; give --upgrade-package"),
    # which versions
    UvOption("pre", "uv"),
    UvOption("prerelease", "uv", variable="UV_PRERELEASE"),
    UvOption("prerelease-package", "uv"),
    UvOption("resolution", "uv", variable="UV_RESOLUTION"),
    UvOption("fork-strategy", "uv", variable="UV_FORK_STRATEGY"),
    UvOption("exclude-newer", "uv", variable="UV_EXCLUDE_NEWER"),
    UvOption("exclude-newer-package", "uv"),
    UvOption("torch-backend", "uv", variable="UV_TORCH_BACKEND"),
    UvOption("no-sources", "uv", variable="UV_NO_SOURCES"),
    UvOption("no-sources-package", "uv", variable="UV_NO_SOURCES_PACKAGE"),
    UvOption("refresh", "uv"),
    UvOption("no-refresh", "uv"),
    UvOption("refresh-package", "uv"),
    # where to find it
    UvOption("index", "uv", variable="UV_INDEX"),
    UvOption("default-index", "uv", variable="UV_DEFAULT_INDEX"),
    UvOption("index-url", "uv", other=("-i",), variable="UV_INDEX_URL"),
    UvOption("extra-index-url", "uv", variable="UV_EXTRA_INDEX_URL"),
    UvOption("find-links", "uv", other=("-f",), variable="UV_FIND_LINKS"),
    UvOption("no-index", "uv"),
    UvOption("index-strategy", "uv", variable="UV_INDEX_STRATEGY"),
    UvOption("offline", "here", variable="UV_OFFLINE"),
    UvOption("no-offline", "here"),
    # where to install it
    UvOption("python", "here", other=("-p",), variable="UV_PYTHON"),
    UvOption("target", "here", other=("-t",)),
    UvOption("prefix", "here"),
    UvOption("system", "here", variable="UV_SYSTEM_PYTHON"),
    UvOption("no-system", "here"),
    UvOption("break-system-packages", "here", variable="UV_BREAK_SYSTEM_PACKAGES"),
    UvOption("no-break-system-packages", "here"),
    UvOption("python-version", "uv"),
    UvOption("python-platform", "uv"),
    UvOption("user", "refused", "uv does not support it either; use an environment, or --target"),
    UvOption("managed-python", "refused", _PYTHON, variable="UV_MANAGED_PYTHON"),
    UvOption("no-managed-python", "refused", _PYTHON, variable="UV_NO_MANAGED_PYTHON"),
    UvOption("python-preference", "refused", _PYTHON),
    UvOption("no-python-downloads", "here", variable="UV_PYTHON_DOWNLOADS"),
    UvOption("allow-python-downloads", "refused", _DOWNLOADS),
    UvOption("python-fetch", "refused", _DOWNLOADS),
    # how
    UvOption("link-mode", "here", variable="UV_LINK_MODE"),
    UvOption("compile-bytecode", "here", other=("--compile",), variable="UV_COMPILE_BYTECODE"),
    UvOption("no-compile-bytecode", "here", other=("--no-compile",)),
    UvOption("dry-run", "here"),
    UvOption("check", "here"),
    UvOption("output-format", "refused", "give --ui json, which prints the events of the journal"),
    UvOption("exact", "here"),
    UvOption("inexact", "here", other=("--no-exact",)),
    UvOption("strict", "here"),
    UvOption("no-strict", "here"),
    UvOption("no-installer-metadata", "refused", "the file INSTALLER says who has installed a distribution"),
    UvOption("disable-pip-version-check", "here"),
    UvOption("quiet", "here", other=("-q",)),
    UvOption("verbose", "here", other=("-v",)),
    UvOption("color", "here"),
    UvOption("no-color", "here"),
    UvOption("no-progress", "here", variable="UV_NO_PROGRESS"),
    UvOption("no-cache", "here", other=("-n", "--no-cache-dir"), variable="UV_NO_CACHE"),
    UvOption("cache-dir", "here", variable="UV_CACHE_DIR"),
    # servers and settings
    UvOption("allow-insecure-host", "uv", other=("--trusted-host",), variable="UV_INSECURE_HOST"),
    UvOption("keyring-provider", "uv", variable="UV_KEYRING_PROVIDER"),
    UvOption("cert", "uv"),
    UvOption("system-certs", "uv", variable="UV_SYSTEM_CERTS"),
    UvOption("native-tls", "uv"),
    UvOption("no-system-certs", "uv"),
    UvOption("no-native-tls", "uv"),
    UvOption("config-file", "uv", variable="UV_CONFIG_FILE"),
    UvOption("no-config", "uv", variable="UV_NO_CONFIG"),
    UvOption("isolated", "uv"),
    UvOption("project", "uv", variable="UV_PROJECT"),
    UvOption("directory", "here", variable="UV_WORKING_DIR"),
    UvOption("preview", "refused", _PREVIEW),
    UvOption("no-preview", "refused", _PREVIEW),
    UvOption("preview-features", "refused", _PREVIEW),
    UvOption("show-settings", "refused", "`instui config` shows those of instui, and `uv pip install` those of uv"),
    # what is built
    UvOption("editable", "here", other=("-e",)),
    UvOption("no-editable", "refused", _EDITABLE, variable="UV_NO_EDITABLE", unheard="what -e names is editable"),
    UvOption("no-editable-package", "refused", _EDITABLE),
    UvOption("build-constraints", "uv", other=("-b", "--build-constraint"), variable="UV_BUILD_CONSTRAINT"),
    UvOption("require-build-hashes", "refused", "hashes of what a build needs are not compared"),
    UvOption("no-require-build-hashes", "here"),
    UvOption("no-build", "uv"),
    UvOption("build", "uv"),
    UvOption("no-binary", "uv"),
    UvOption("only-binary", "uv"),
    UvOption("config-setting", "uv", other=("-C", "--config-settings")),
    UvOption("config-settings-package", "uv"),
    UvOption("no-build-isolation", "uv", variable="UV_NO_BUILD_ISOLATION"),
    UvOption("build-isolation", "uv"),
    UvOption("no-build-isolation-package", "uv"),
    UvOption("help", "here", other=("-h",)),
)


def refusal(words: Sequence[str]) -> str:
    """Why a word of the command line is not taken, if it is an option of uv that is refused; else ""."""
    for word in words:
        name = word.partition("=")[0]
        for option in OPTIONS:
            shorts = [other for other in option.other if len(other) == 2]
            names = (f"--{option.name}", *option.other)
            if option.how == "refused" and (name in names or any(word.startswith(short) for short in shorts)):
                shown = name if name in names else shorts[0]
                return f"{shown} is an option of uv that instui does not have: {option.why}"
    return ""


def _names(options: Iterable[UvOption]) -> str:
    return " ".join(f"`{' '.join((f'--{option.name}', *option.other))}`" for option in options)


def table() -> list[str]:
    """The lines of README: what is done and passed on, and what is refused, by reason."""
    reasons = dict.fromkeys(option.why for option in OPTIONS if option.how == "refused")
    unheard = [option for option in OPTIONS if option.unheard]
    return [
        "| option of `uv pip install` | here |",
        "|---|---|",
        f"| {_names(option for option in OPTIONS if option.how == 'here')} | done, with uv's meaning |",
        f"| {_names(option for option in OPTIONS if option.how == 'uv')} | passed on to the uv that decides |",
        *(f"| {_names(option for option in OPTIONS if option.why == why)} | refused: {why} |" for why in reasons),
        *(f"| the variable `{option.variable}` | warned of, without effect: {option.unheard} |" for option in unheard),
    ]


if __name__ == "__main__":
    print("\n".join(table()))
