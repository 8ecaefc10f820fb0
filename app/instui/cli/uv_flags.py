"""The flags of `uv pip install` that are uv's to understand: how it resolves, where it looks, which settings it reads.

Their names, short forms and meanings are uv's. A wrong value is refused in uv's own words, when it is asked.
"""

import argparse
from typing import Any

from .flag_values import choice, named
from .standing import Each

PROVIDERS = ("disabled", "subprocess")
COLOURS = ("auto", "always", "never")


def project(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that say which parts of a project or lock file are wanted."""
    _each(group, "--group", metavar="[PATH:]NAME", help="a dependency group of pyproject.toml, or of a lock file")
    _each(group, "--extra", help="an extra of the project or lock file that is named")
    group.add_argument("--all-extras", action="store_true", help="all of its extras")
    _no(group, "--no-all-extras", "all_extras")


def sources(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that leave the sources of projects out."""
    group.add_argument("--no-sources", action="store_true", help="ignore the table tool.uv.sources of a project")
    _each(group, "--no-sources-package", metavar="NAME", help="the same for one")


def limits(group: "argparse._ArgumentGroup") -> None:
    """Add the flags with files that bear on what is decided, beside constraints."""
    _each(group, "--overrides", "--override", metavar="FILE", help="versions that replace what anything else requires")
    _each(group, "--excludes", "--exclude", metavar="FILE", help="what is left out even where it is required")


def again(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that install or look up again what is there."""
    _each(group, "--reinstall-package", metavar="NAME", help="install this one again if it is installed")


def after(group: "argparse._ArgumentGroup") -> None:
    """Add the flags about what else is in the environment."""
    group.add_argument("--exact", action="store_true", help="also remove what none of it needs")
    _no(group, "--inexact", "exact", "--no-exact")


def checks(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that compare the environment with what is required."""
    group.add_argument("--strict", action="store_true", help="afterwards, check that everything required is installed")
    _no(group, "--no-strict", "strict")
    group.add_argument("--check", action="store_true", help="only check whether it is all installed; exit 1 if not")


def places(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where wheels are found, those for several indexes included."""
    group = files(parser)
    _each(group, "--index", dest="indexes", metavar="[NAME=]URL", help="searched before the default one")
    group.add_argument("--default-index", default="", metavar="URL", help="instead of the default one")
    group.add_argument(
        "--index-strategy", default="", metavar="STRATEGY", help="which of several indexes a package is taken from"
    )


def files(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Add the flags that say where wheels are found, as pip has them."""
    where = parser.add_argument_group("where to find it")
    where.add_argument(
        "--find-links", "-f", action=Each, default=[], metavar="DIR_OR_URL", help="also look for wheels there"
    )
    where.add_argument("--no-index", action="store_true", help="only --find-links and files")
    where.add_argument("--index-url", "-i", default="", metavar="URL", help="default: as uv is configured")
    where.add_argument(
        "--extra-index-url", action=Each, default=[], metavar="URL", dest="extra_index_urls", help="in addition to it"
    )
    where.add_argument("--offline", action="store_true", help="only what is in the cache")
    return where


def building(parser: argparse.ArgumentParser, *, editable: bool = False) -> None:
    """Add the flags that say what is built from source, and how; with `editable`, also -e. They are uv's."""
    build = parser.add_argument_group("what is built, and how")

    def each(*names: str, dest: str, metavar: str, help: str) -> None:
        build.add_argument(*names, action=Each, default=[], dest=dest, metavar=metavar, help=help)

    if editable:
        each("-e", "--editable", dest="editables", metavar="DIR", help="a source tree that is used where it lies")
    build.add_argument("--no-build", action="store_true", help="build nothing: only wheels")
    each("--no-build-package", dest="no_build_packages", metavar="NAME", help="do not build this one")
    each("--no-binary", dest="no_binary", metavar="NAME", help="build this one even if there is a wheel; :all: for all")
    each("--only-binary", dest="only_binary", metavar="NAME", help="only wheels of this one; :all: for all")
    build.add_argument(
        "--no-build-isolation", action="store_true", help="build with what is installed in the environment"
    )
    each(
        "--no-build-isolation-package", dest="no_build_isolation_packages", metavar="NAME", help="the same for this one"
    )
    each(
        "-C",
        "--config-settings",
        "--config-setting",
        dest="config_settings",
        metavar="KEY=VALUE",
        help="a setting for the build backends",
    )
    each(
        "--config-settings-package",
        dest="config_settings_packages",
        metavar="NAME:KEY=VALUE",
        help="for the backend of this one",
    )
    each(
        "-b",
        "--build-constraints",
        "--build-constraint",
        dest="build_constraints",
        metavar="FILE",
        help="bounds for the versions of what builds need",
    )


def versions(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which versions uv decides on."""
    group = parser.add_argument_group("which versions, as uv decides")
    group.add_argument("--pre", action="store_true", help="also pre-releases, as --prerelease allow")
    group.add_argument("--prerelease", default="", metavar="MODE", help="allow, disallow, if-necessary or explicit")
    _each(group, "--prerelease-package", metavar="NAME=MODE", help="the same for one")
    group.add_argument("--resolution", default="", metavar="MODE", help="highest, lowest or lowest-direct")
    targets(group)
    group.add_argument("--fork-strategy", default="", metavar="STRATEGY", help=argparse.SUPPRESS)
    sources(group)
    refreshing(group)


def targets(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that say for what it is, and from which files: they count where versions are fixed, too."""
    group.add_argument("--exclude-newer", default="", metavar="DATE", help="only what was uploaded before")
    _each(group, "--exclude-newer-package", metavar="NAME=DATE", help="the same for one")
    group.add_argument("--python-version", default="", metavar="VERSION", help="resolve for that Python, for --target")
    group.add_argument("--python-platform", default="", metavar="NAME", help="resolve for linux, macos, windows ...")
    group.add_argument("--torch-backend", default="", metavar="BACKEND", help="for PyTorch: cpu, cu126, auto ...")


def refreshing(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that ask again for what is cached."""
    group.add_argument("--refresh", action="store_true", help="ask the indexes again, whatever uv's cache has")
    _no(group, "--no-refresh", "refresh")
    _each(group, "--refresh-package", metavar="NAME", help="the same for one")


def system(group: "argparse._ArgumentGroup", into: str) -> None:
    """Add the flags for the Python of the system. None stands for neither: then uv's variables count."""
    group.add_argument("--system", action="store_true", default=None, help=f"{into} the first Python on PATH")
    _no(group, "--no-system", "system")
    group.add_argument(
        "--break-system-packages",
        action="store_true",
        default=None,
        help=f"also {into} a Python that the system manages",
    )
    _no(group, "--no-break-system-packages", "break_system_packages")


def no_cache(group: "argparse._ArgumentGroup") -> None:
    """Add the flag for a run that reads and leaves no cache."""
    group.add_argument(
        "-n",
        "--no-cache",
        "--no-cache-dir",
        action="store_true",
        default=None,
        help="use neither this cache nor uv's; what is cached goes at the end",
    )


def settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how uv is set: they stand for its variables, which all parts of this program read."""
    group = parser.add_argument_group("servers and settings, as for uv")
    _each(
        group,
        "--allow-insecure-host",
        "--trusted-host",
        metavar="HOST",
        help="trust this host, whatever its certificate",
    )
    group.add_argument("--keyring-provider", help="subprocess: ask the command keyring", **choice(PROVIDERS))
    group.add_argument("--cert", type=named, metavar="FILE", help="certificates of authorities, in PEM form")
    group.add_argument(
        "--system-certs",
        "--native-tls",
        action="store_true",
        default=None,
        help="uv trusts the authorities of the system, too",
    )
    _no(group, "--no-system-certs", "system_certs", "--no-native-tls")
    group.add_argument("--config-file", type=named, metavar="FILE", help="a uv.toml, instead of all others")
    group.add_argument("--no-config", "--isolated", action="store_true", help="read no uv.toml and no pyproject.toml")
    group.add_argument("--project", type=named, metavar="DIR", help="the project whose settings for uv count")
    group.add_argument("--directory", type=named, metavar="DIR", help="change to this directory first")
    group.add_argument("--color", help="never: like NO_COLOR", **choice(COLOURS))
    group.add_argument("--no-color", action="store_const", const="never", dest="color", help=argparse.SUPPRESS)
    group.add_argument("--no-progress", action="store_true", help="no lines about progress")


def opposites(parser: argparse.ArgumentParser, *more: tuple[str, str]) -> None:
    """Add the switches that uv has without a word in its help. They take another one back, or say what is so anyway.

    `more` are those of one command: each with what it takes back.
    """
    for name, dest in (
        *more,
        ("--no-require-hashes", "require_hashes"),
        ("--no-reinstall", "reinstall"),
        ("--no-offline", "offline"),
        ("--build", "no_build"),
        ("--build-isolation", "no_build_isolation"),
    ):
        _no(parser, name, dest)
    for name in (
        *("--verify-hashes", "--disable-pip-version-check", "--no-python-downloads"),
        "--no-require-build-hashes",
    ):
        parser.add_argument(name, action="store_true", dest="is_so_anyway", help=argparse.SUPPRESS)


def _each(
    group: "argparse._ArgumentGroup", *names: str, metavar: str = "NAME", help: str, dest: str | None = None
) -> None:
    """Add a flag that may be given several times."""
    further: dict[str, Any] = {} if dest is None else {"dest": dest}
    group.add_argument(*names, action=Each, default=[], metavar=metavar, help=help, **further)


def _no(group: "argparse._ActionsContainer", name: str, dest: str, *aliases: str) -> None:
    """Add the opposite of a switch, which uv has without a word in its help. The last of the two counts."""
    group.add_argument(
        name, *aliases, action="store_false", dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
