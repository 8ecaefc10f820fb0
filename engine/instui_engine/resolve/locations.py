"""The places of wheels as users write them: a path or a URL, perhaps with extras, a marker, variables and a hash.

Each form is read as uv reads it. What stands where a hash could stand and is none is an error. Nothing here loads a
parser of requirements.
"""

import os
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, quote, unquote, unquote_to_bytes, urlsplit

from instui_engine.errors import UsageError, printable
from instui_engine.fs.given import absolute, working_directory
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands, parse_hash
from instui_engine.redaction import HIDDEN
from instui_engine.redaction import redacted as redacted
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import is_name, parse_wheel_filename

SOURCES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip")
"""How the names of source archives end that are recognized as such without a slash before them."""
_ARCHIVES = (*SOURCES, ".tar", ".tar.lz", ".tar.lzma", ".tar.zst", ".tbz", ".tlz", ".txz")

_SHOWN = 200  # characters of a requirement or a path that are worth a line
_VARIABLE = r"\$\{([A-Z0-9_]+)\}"
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*):"
_VCS = r"(git|hg|svn|bzr)\+"
_MARKER = r"(?<!\s)\s+;|;(?=\s)"  # looks at each run of spaces once
_CONTROL = r"[\x00-\x1f\x7f]"
_RAW = "!#$%&'()*+,-./:;=?@[]_~"  # what a URL may have unencoded, letters and digits aside


class Location(NamedTuple):
    """A wheel or a source at a known place. `url` is absolute; `path` is absolute, "" for http, https and git.

    Only the `url` of a source has a fragment, if its project lies in a subdirectory.
    """

    url: str
    path: str
    extras: tuple[str, ...] = ()
    demands: Demands = ()
    is_source: bool = False

    @property
    def filename(self) -> str:
        """The last component of the path."""
        return name_of(self.path) or unquote(name_of(urlsplit(self.url).path))


def expanded(text: str) -> str:
    """`text` with the values of `${VARIABLES}`, as uv expands them: unset ones stay, PROJECT_ROOT is where we are."""

    def value(name: re.Match[str]) -> str:
        found = os.environ.get(name[1])
        if found is not None and not re.search("[\ud800-\udfff]", found):
            return found
        return working_directory() if name[1] == "PROJECT_ROOT" and found is None else name[0]

    return re.sub(_VARIABLE, value, text)


def has_variable(text: str) -> bool:
    """Whether it contains what `expanded` may expand."""
    return re.search(_VARIABLE, text) is not None


def split_marker(text: str) -> tuple[str, str | None]:
    """A location and the marker behind it. A semicolon between other characters is part of the location."""
    found = re.search(_MARKER, text)
    return (text[: found.start()], text[found.end() :].strip()) if found else (text, None)


def split_extras(text: str, where: str = "") -> tuple[str, tuple[str, ...]]:
    """A location and the extras behind it: `x.whl[a,b]`. Raises UsageError for brackets with anything else in them."""
    if not text.endswith("]") or "[" not in text:
        return text, ()
    location, _, inside = text[:-1].rpartition("[")
    extras = tuple(extra.strip() for extra in inside.split(",")) if inside.strip() else ()
    if not all(map(is_name, extras)):
        raise UsageError(f"{where}[{printable(inside)}] are not the names of extras")
    return location, extras


def is_location(text: str) -> bool:
    """Whether a requirement without ` @ ` is a path or URL, as uv decides it. `alpha.zip` is one, `alpha` is not."""
    word = expanded(re.split(r"\s", text, maxsplit=1)[0])
    word = word.rpartition("[")[0] if word.endswith("]") and "[" in word else word
    return (
        word.startswith((".", "/"))
        or "/" in word
        or re.match(_SCHEME, word) is not None
        or word.rstrip(";").lower().endswith((".whl", *SOURCES))
    )


def read_location(text: str, directories: Sequence[str], where: str = "") -> Location:
    """The wheel or source at the path or URL `text`, which has neither extras nor marker.

    A relative path counts from the first of `directories` in which it exists; without directories it is refused. Errors
    begin with `where`. Raises UsageError for what is neither, and for a hash that is not one.
    """
    place = expanded(text)
    shown = f"{where}{shortened(text)}"
    if re.search(_CONTROL, place):
        raise UsageError(f"{shown} contains a control character")
    if re.match(_VCS, place):
        return _repository(place, shown)
    scheme = re.match(_SCHEME, place)
    if scheme is None:
        place, demands = split_fragment(place, shown)
        found = Location("", _existing(place, directories, shown), demands=demands)
    elif scheme[1] == "file":
        place, demands = split_fragment(place, shown)
        found = Location("", _existing(path_in(place, shown), directories, shown), demands=demands)
    elif scheme[1] in ("http", "https"):
        web = web_url(place.partition("#")[0], where)
        found = Location(web, "", demands=split_fragment(place, shown)[1])
    elif "://" not in place and os.path.exists(path := _existing(place.partition("#")[0], directories, shown)):
        found = Location("", path, demands=split_fragment(place, shown)[1])  # a colon in the name of a directory
    else:
        raise UsageError(f"{shown}: only http, https and file can be read; a path begins with a slash or a dot")
    return sorted_out(found._replace(url=found.url or file_url(found.path, shown)), place, shown)


def _repository(place: str, shown: str) -> Location:
    """A git repository. Its URL may carry a user name, a password and a revision."""
    bare, _, fragment = place.partition("#")
    if not bare.startswith("git+"):
        raise UsageError(f"{shown}: of version control systems only git is supported, as in uv")
    if not re.match(r"git\+(https?|ssh|file|git)://[^/\s]*/[^\s\\]+$", bare):
        raise UsageError(f"{shown} is not the URL of a git repository; write git+https://host/path, git+file:///path")
    if split_fragment(place, shown)[1]:
        raise UsageError(f"{shown}: a repository has no hash; write the commit behind an @")
    return Location(f"{quote(bare, safe=_RAW)}{_fragment(fragment)}", "", is_source=True)


def _fragment(fragment: str) -> str:
    """What has to stay of a fragment: where in a source the project lies."""
    found = [piece for piece in fragment.split("&") if piece.startswith("subdirectory=")]
    return f"#{quote(found[0], safe=_RAW)}" if found and found[0] != "subdirectory=" else ""


def is_tree(path: str) -> bool:
    """Whether the directory at `path` is a source tree."""
    return any(os.path.exists(f"{path}/{name}") for name in ("pyproject.toml", "setup.py"))


def is_source_name(path: str) -> bool:
    """Whether a path is named like a source archive."""
    return path.lower().endswith(_ARCHIVES)


def sorted_out(location: Location, place: str, shown: str) -> Location:
    """`location`, which is a wheel or a source. Raises UsageError if it is neither."""
    path = location.path or unquote(urlsplit(location.url).path)
    if path.endswith(".whl"):
        return location
    if location.path and not os.path.lexists(path):
        raise UsageError(f"{shown} does not exist")
    if not is_source_name(path) and not (location.path and is_tree(path)):
        if location.path and os.path.isdir(path):
            raise UsageError(f"{shown} is a directory without a project: it has neither pyproject.toml nor setup.py")
        what = "neither a wheel nor a source" if location.path else "not the URL of a wheel or a source archive"
        raise UsageError(f"{shown} is {what}; wheels are named *.whl, source archives *.tar.gz or *.zip")
    if location.demands and location.path and os.path.isdir(path):
        raise UsageError(f"{shown} is a source tree, which has no hash")
    return location._replace(url=f"{location.url}{_fragment(place.partition('#')[2])}", is_source=True)


def wheel_name(filename: str, where: str = "") -> str:
    """The normalized name in the file name of a wheel. Raises UsageError for another name."""
    try:
        name = parse_wheel_filename(filename)[0] if filename.isascii() else ""
    except ValueError:
        name = ""
    if not name:
        raise UsageError(
            f"{where}{shortened(filename)} is not the file name of a wheel (name-version-python-abi-platform.whl)"
        )
    return name


def file_url(path: str, shown: str) -> str:
    """The URL of an absolute path. uv can read no path that is not UTF-8."""
    try:
        return f"file://{quote(path)}"
    except UnicodeEncodeError as error:
        raise UsageError(f"{shown}: the path is not UTF-8 text; rename it") from error


def path_in(url: str, shown: str) -> str:
    """The path in a file URL without fragment, which may be relative. Raises UsageError for one on another host."""
    rest = url.partition(":")[2]
    rest = rest.removeprefix("//localhost") if rest.startswith("//localhost/") else rest
    if rest.startswith("//"):
        rest = rest[2:]
        if not rest.startswith("/"):
            raise UsageError(f"{shown}: a file URL names a file of this machine: file:///path")
    try:
        return unquote_to_bytes(rest).decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown}: the path is not UTF-8 text; rename it") from error


def web_url(url: str, where: str) -> str:
    """An http or https URL, checked and percent-encoded. The error shows nothing of it: it may be a password."""
    try:
        parts = urlsplit(url)
        good = bool(_host(parts)) and parts.port != 0 and "@" not in parts.fragment  # the `#` of a password
    except ValueError:
        good = False
    if not good or re.search(r"[\s\\]", url) or "://" not in url:
        raise UsageError(f"{where}this is not a valid http or https URL; write special characters as %XX")
    return quote(url, safe=_RAW)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host if host.isascii() else ""


def _existing(path: str, directories: Sequence[str], shown: str) -> str:
    """`path` in the first directory that has it, and not just a directory without a project; else in the first."""
    if not os.path.isabs(path) and not directories:
        raise UsageError(f"{shown} is relative, and there is no directory that it could count from")
    places = [absolute(os.path.join(absolute(directory), path)) for directory in directories or ("/",)]
    there = [place for place in places if os.path.exists(place)]
    return next((place for place in there if not os.path.isdir(place) or is_tree(place)), (there or places)[0])


def split_fragment(place: str, shown: str) -> tuple[str, Demands]:
    """A location and the hashes behind its `#`, which must all be right. `egg` and `subdirectory` mean nothing."""
    place, mark, fragment = place.partition("#")
    if mark and (not fragment or "#" in fragment):  # for uv, a comment may begin here
        raise UsageError(f"{shown}: what stands behind # is not a hash")
    demands = []
    for piece in filter(None, fragment.split("&")):
        key, equals, value = piece.partition("=")
        if equals and key in ("egg", "subdirectory"):
            continue
        try:
            demands.append(frozenset({parse_hash(f"{key}:{value}")}))
        except ValueError as error:
            what = HIDDEN if "@" in piece else printable(piece[:80])  # the `#` may stand in a password
            raise UsageError(f"{shown}: #{what} is not a hash: {error}") from error
    return place, tuple(dict.fromkeys(demands))


def shortened(text: str) -> str:
    """`text` for a message: printable, without passwords, not too long."""
    safe = redacted(text)
    return printable(safe if len(safe) <= _SHOWN else safe[: _SHOWN - 3] + "...")
