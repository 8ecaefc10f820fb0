"""One requirement as a user writes it (PEP 508, or the path or URL of a wheel), read into data."""

import os
import re
from collections.abc import Sequence

from instui_engine.errors import UsageError, printable
from instui_engine.hashes import Demands, parse_hash
from instui_engine.wheel.filename import NAME, VERSION, normalized

from .locations import (
    Location,
    expanded,
    has_variable,
    is_location,
    path_in,
    read_location,
    shortened,
    split_extras,
    split_marker,
    wheel_name,
)
from .requirements import Requirement

_NAMED = rf"({NAME})\s*(?:\[([^\]]*)\])?\s*"
# What most lines are: a name, perhaps with one bound, which packaging would only give back without blanks.
_ORDINARY = rf"(?a)({NAME})\s*(?:(==|>=|<=|!=|<|>)\s*({VERSION}))?"
_QUOTED = r"'[^']*'|\"[^\"]*\""
_HASH = r"--hash(?:=|[ \t]+)([^ \t\n]+)(?:[ \t\n]+|$)"


def is_direct(text: str) -> bool:
    """Whether it has the form `name @ location`."""
    found = re.match(_NAMED, text) if "@" in text else None
    return found is not None and text.startswith("@", found.end())


def read_requirement(
    text: str, directories: Sequence[str] = (), hashes: Sequence[str] = (), where: str = "", position: int = -1
) -> Requirement:
    """The requirement in `text`, which may be continued over several lines (with newlines).

    `hashes` are the values of its `--hash` options. Relative paths count from the first of `directories` that has them.
    Raises UsageError, which begins with `where`, for anything that is not one requirement.
    """
    prefix = f"{where}: " if where else ""
    text = text.strip(" \t\n")
    if "\\" in text:
        raise UsageError(f"{prefix}{shortened(text)}: a backslash may only stand at the end of a line, to continue it")
    if any(re.search(r"\n|\s#|\s--", quoted) for quoted in re.findall(_QUOTED, text)):
        raise UsageError(f"{prefix}{shortened(text)}: a string in a marker cannot contain a line's end, ` #` or ` --`")
    options = tuple(_hash(value, prefix) for value in hashes)
    if is_direct(text) or is_unnamed(text):
        return _direct(text, directories, options, where, position)
    return _indexed(text, options, where, position)


def is_unnamed(text: str) -> bool:
    """Whether it is a bare path or URL, as uv decides it."""
    found = re.match(_NAMED, text)
    rest = text[found.end() :] if found else text
    if found and rest[:1] in ("", "<", "=", ">", "~", "!", "(", ";", ","):
        return is_location(found[1]) if rest[:1] in ("", ";") else rest[:1] == "," and is_location(text)
    return not re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*[._-](?![A-Za-z0-9._-])", text) and is_location(text)


def split_hashes(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    """A requirement and the values of the `--hash` options behind it. Raises UsageError for any other option."""
    text, *options = re.split(r"(?<![ \t\n])[ \t\n]+(?=--)", line, maxsplit=1)
    rest = options[0] if options else ""
    values = []
    while rest:
        found = re.match(_HASH, rest)
        if not found:
            option = re.match(r"(--hash)?[^\s=]*", rest)
            what = shortened(option[0] if option and option[0] else rest.split()[0])
            raise UsageError(f"{where}: {what} cannot stand behind a requirement, only --hash=ALGORITHM:DIGEST can")
        values.append(found[1])
        rest = rest[found.end() :]
    return text, tuple(values)


def _hash(value: str, prefix: str) -> str:
    try:
        return parse_hash(value)
    except ValueError as error:
        raise UsageError(f"{prefix}--hash={printable(value[:80])} is not a hash: {error}") from error


def _direct(text: str, directories: Sequence[str], options: tuple[str, ...], where: str, position: int) -> Requirement:
    """A wheel or source at a path or URL. Every hash is a demand of its own: only one file can meet them."""
    prefix = f"{where}: " if where else ""
    place, marker = split_marker(text)
    if "\n" in place:
        raise UsageError(f"{prefix}{shortened(place)}: a path or URL cannot be continued in the next line")
    name = ""
    if is_direct(text):
        named = re.match(_NAMED, place)
        assert named is not None
        name = normalized(named[1])
        extras = split_extras(f"[{named[2]}]", prefix)[1] if named[2] else ()
        place = place[named.end() + 1 :].strip()
        if not place:
            raise UsageError(f"{prefix}{shortened(text)} names no URL")
    else:
        place, extras = split_extras(place, prefix)
    location = read_location(place, directories, prefix)
    if location.is_source:
        if options and (place.startswith("git+") or (location.path and os.path.isdir(location.path))):
            raise UsageError(f"{prefix}{shortened(text)}: only a file can have a hash")
        demands = (*location.demands, *(frozenset({value}) for value in options))
        located = location._replace(extras=extras, demands=demands)
        return source_requirement(name, located, _marker(marker, text, prefix), where, position)
    found = wheel_name(location.filename, prefix)
    if name and found != name:
        raise UsageError(f"{prefix}{shortened(text)} asks for {name}, but names a wheel of {printable(found)}")
    demands = (*location.demands, *(frozenset({value}) for value in options))
    located = location._replace(extras=extras, demands=demands)
    return direct_requirement(found, located, _marker(marker, text, prefix), where, position)


def direct_requirement(
    name: str, location: Location, marker: str = "", where: str = "", position: int = -1
) -> Requirement:
    """The requirement of the wheel at `location`."""
    extras = f"[{','.join(sorted(set(location.extras)))}]" if location.extras else ""
    text = f"{name}{extras} @ {location.url}" + (f" ; {marker}" if marker else "")
    return Requirement(text, name, location.url, tuple(dict.fromkeys(location.demands)), where, position)


def source_requirement(
    name: str, location: Location, marker: str = "", where: str = "", position: int = -1, editable: bool = False
) -> Requirement:
    """The requirement of the source at `location`; `name` may be "", as its metadata says it."""
    extras = f"[{','.join(sorted(set(location.extras)))}]" if location.extras else ""
    text = f"{name}{extras} @ {location.url}" if name else f"{location.url}{extras}"
    text += f" ; {marker}" if marker else ""
    demands = tuple(dict.fromkeys(location.demands))
    return Requirement(text, name, location.url, demands, where, position, is_source=True, editable=editable)


def editable_requirement(
    text: str, directories: Sequence[str] = (), where: str = "", position: int = -1
) -> Requirement:
    """What `-e` names: a source tree of this machine, as for uv. Raises UsageError for anything else."""
    prefix = f"{where}: " if where else ""
    place = expanded(text)
    if not is_direct(place) and "://" not in place and not place.startswith((".", "/", "file:")):
        text = f"./{text}"  # unlike a requirement, it always has a place
    found = read_requirement(text, directories, where=where, position=position)
    if not found.is_source or not found.url.startswith("file:") or not _is_directory(found):
        raise UsageError(f"{prefix}-e {shortened(text)}: only a source tree of this machine can be editable")
    return found._replace(editable=True)


def _is_directory(source: Requirement) -> bool:
    return os.path.isdir(path_in(source.url.partition("#")[0], shortened(source.text)))


def _marker(marker: str | None, text: str, prefix: str) -> str:
    if marker is None:
        return ""
    from packaging.markers import InvalidMarker, Marker

    try:
        return str(Marker(marker.replace("\n", " ")))
    except InvalidMarker as error:
        raise _invalid(text, error, prefix) from error


def _indexed(text: str, options: tuple[str, ...], where: str, position: int) -> Requirement:
    """A requirement that is looked up in an index. Any of its hashes suffices: there may be several wheels."""
    demands: Demands = (frozenset(options),) if options else ()
    if ordinary := re.fullmatch(_ORDINARY, text):
        return Requirement("".join(ordinary.groups("")), normalized(ordinary[1]), "", demands, where, position)
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed

    prefix = f"{where}: " if where else ""
    if re.search(r"\(\s*\)", text):
        raise UsageError(f"{prefix}{shortened(text)} is not a requirement: there is no version in the parentheses")
    if has_variable(text):
        raise UsageError(f"{prefix}{shortened(text)}: variables are expanded in paths and URLs only; write the value")
    try:
        parsed = Parsed(text.replace("\n", " "))
    except InvalidRequirement as error:
        raise _invalid(text, error, prefix) from error
    return Requirement(str(parsed), normalized(parsed.name), "", demands, where, position)


def _invalid(text: str, error: Exception, prefix: str) -> UsageError:
    why = str(error).partition("\n")[0]
    return UsageError(f"{prefix}{shortened(text)} is not a requirement: {printable(why)}")
