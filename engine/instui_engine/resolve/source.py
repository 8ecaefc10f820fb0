"""Sources as data: what a wheel is built from, and how it is to be built. Nothing here builds anything."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from instui_engine.values import NamedTuple

SourceKind = Literal["tree", "archive", "git"]


class Building(NamedTuple):
    """What may be built, and how: the flags of uv that have these names, as the user gave them.

    `editables` are source trees and version control URLs, in the order given. `config_settings` are KEY=VALUE, those of
    one distribution NAME:KEY=VALUE. `constraint_files` bound what builds need. `no_binary` and `only_binary` are names
    of distributions, `:all:` or `:none:`.
    """

    editables: tuple[str, ...] = ()
    no_build: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    no_isolation: bool = False
    no_isolation_packages: tuple[str, ...] = ()
    config_settings: tuple[str, ...] = ()
    config_settings_packages: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()


class Source(NamedTuple):
    """What a wheel is built from: a source tree, an archive with one (an sdist), or a commit of a git repository.

    Exactly one of `url` and `path` is set, without fragment. `url` of a repository has neither `git+` nor a revision;
    `commit` is the full hash on which uv has decided, for `revision`, which may be "". `subdirectory` is the one with
    the project, "" for the top. `sha256` is that of an archive, "" until it was read. `is_direct`: the user, or the
    metadata of a distribution, named this very place. `editable` is None where nobody has said whether a tree is, which
    makes it no more editable than False does, but is recorded in another way. `anew`: it is built whatever was built
    before. `info` is, of a tree, what uv would record of it just before the build (`cache_info`), or "".
    """

    kind: SourceKind
    url: str = ""
    path: str = ""
    editable: bool | None = None
    subdirectory: str = ""
    commit: str = ""
    revision: str = ""
    sha256: str = ""
    is_direct: bool = True
    anew: bool = False
    info: str = ""


def shown(source: Source) -> str:
    """Where it comes from, for messages and the journal: without password, printable."""
    from instui_engine.errors import printable
    from instui_engine.redaction import redacted

    commit = f" at {source.commit[:12]}" if source.commit else ""
    below = f", in {source.subdirectory}" if source.subdirectory else ""
    return printable(f"{source.path or redacted(source.url)}{commit}{below}")


class BuildSettings(NamedTuple):
    """How builds are to be run: with which Python, by which of uv's settings.

    `variables` is the whole environment of a build, with indexes that may contain passwords; `own_variables` are those
    that uv is set to add for distributions, by their names. `config` is the text of a
    uv.toml for uv, "" for the user's own. `flags` are further ones of `uv build`. `decisive` is a text that differs
    where uv's settings and variables make another wheel. `is_plain`: no backend is told anything, by flag or setting.
    """

    python: str = ""
    offline: bool = False
    no_index: bool = False
    building: Building = Building()
    variables: Mapping[str, str] = MappingProxyType({})
    own_variables: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    config: str = ""
    flags: tuple[str, ...] = ()
    decisive: str = ""
    is_plain: bool = False
