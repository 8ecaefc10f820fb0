"""What the user asks for, understood once: requirements, constraints, and where to look for them, as data.

Command line arguments and requirement files are read into this form, and everything else works with it: uv gets a text
that is made from it, and the hashes in it are what is compared.
"""

from urllib.parse import unquote, urlsplit

from instui_engine.errors import printable
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands
from instui_engine.redaction import redacted
from instui_engine.values import NamedTuple

_PROJECT = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})


def is_project(file: str) -> bool:
    """Whether a file says what a project needs, which uv reads itself."""
    return name_of(file) in _PROJECT and "://" not in file


def is_lock_file(path: str) -> bool:
    """Whether a file has the name of a lock file: `pylock.toml` or `pylock.NAME.toml`."""
    parts = name_of(path).split(".")
    return parts[0] == "pylock" and parts[-1] == "toml" and (len(parts) == 2 or (len(parts) == 3 and parts[1] != ""))


def is_uv_lock(path: str) -> bool:
    """Whether a file has the name of uv's own lock file."""
    return name_of(path) == "uv.lock" and "://" not in path


class Requirement(NamedTuple):
    """One requirement (PEP 508) in its normal form, without hashes.

    `text` is `name[extras]specifier; marker`, or `name[extras] @ URL ; marker`. `url` is that URL: absolute, a file URL
    for a path, without the hash that its fragment may have had, "" if the distribution is looked up in an index. It may
    carry a user name and a password. `where` says in which line of which file it was written, "" for an argument.
    `position` is its place among all that was asked for one by one, -1 for a constraint.

    What is no wheel is a *source*, and has to be built. Its `name` is "" if only its metadata says it: then `text` is
    `URL[extras] ; marker`. `url` keeps its `#subdirectory=`. `editable`: what lies in its tree is what is installed.
    """

    text: str
    name: str  # normalized
    url: str = ""
    demands: Demands = ()
    where: str = ""
    position: int = -1
    is_source: bool = False
    editable: bool = False


class Requirements(NamedTuple):
    """What requirement files ask for. URLs may carry credentials; paths are absolute.

    `overrides` take the place of what anything else requires of a distribution; `excludes` are left out wherever they
    are required. `projects` are files from which uv itself reads what a project needs (pyproject.toml, setup.py).
    `no_binary` and `only_binary` are names of distributions, `:all:` or `:none:`, in the order given. `notes` are lines
    for the user about options that have no effect here.
    """

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    require_hashes: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    excludes: tuple[Requirement, ...] = ()
    projects: tuple[str, ...] = ()


def named_in(wanted: Requirements) -> dict[str, Requirement]:
    """What the user named, by name; of several requirements on one distribution the first."""
    named: dict[str, Requirement] = {}
    for requirement in wanted.requirements:
        if requirement.name:
            named.setdefault(requirement.name, requirement)
    return named


def short(requirement: Requirement) -> str:
    """A requirement for the journal."""
    text = requirement.text
    if requirement.url.startswith("file:"):
        text = name_of(unquote(urlsplit(requirement.url).path).rstrip("/")) or "/"
    text = redacted(text)
    return printable(text if len(text) <= 100 else text[:97] + "...")
