"""Requirement files: the one reader of what they ask for.

The format is pip's, the meaning is uv's where the two differ. What looks like an option and is not understood is an
error: it could have been a hash, an index or a constraint. Relative paths count from the directory of the file that has
them; where only the working directory has such a file, from there, as for uv.
"""

import os
import re
from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urljoin, urlsplit

from instui_engine.errors import UsageError, printable
from instui_engine.fs.given import absolute
from instui_engine.fs.paths import name_of
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import NAME

from .locations import expanded, file_url, has_variable, path_in, redacted, shortened, web_url
from .requirement_lines import decoded, logical_lines, option_value, split_option
from .requirement_text import editable_requirement, is_direct, is_unnamed, read_requirement, split_hashes
from .requirements import Requirement, Requirements, is_uv_lock
from .script import is_script, script_requirements
from .streams import LONGEST, Input, descriptor_of, read_input

Kind = Literal["requirement", "constraint"]

_DEEPEST = 100  # files that name each other
_LONG = {"-r": "--requirement", "-c": "--constraint", "-i": "--index-url", "-f": "--find-links", "-e": "--editable"}
_SWITCHES = ("--no-index", "--require-hashes")
_VALUED = (
    *("--requirement", "--constraint", "--index-url", "--extra-index-url", "--find-links"),
    *("--no-binary", "--only-binary", "--editable"),
)
# options of pip that uv ignores with a warning, and so do we
_IGNORED_SWITCHES = ("--pre", "--prefer-binary")
_IGNORED_VALUED = ("--trusted-host", "--use-feature")
_CHOICE = re.compile(rf"{NAME}|:all:|:none:")
_WEB = ("http://", "https://")


def refuse(url: str) -> bytes:
    """Read nothing: where no client was given."""
    raise UsageError(f"{redacted(url)} cannot be read here; download it and give the file")


def read_requirement_files(
    files: Sequence[str],
    constraint_files: Sequence[str] = (),
    position: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
    read_url: Callable[[str], bytes] = refuse,
    limits: str = "constraint",
) -> Requirements:
    """What requirement files ask for, nested files included. Requirements are counted from `position` on.

    Each file is read once: it may be a stream. `read_url` gets a URL, which may carry a password, and returns what is
    there. `limits` is what messages call the constraint files.

    Raises UsageError, which names the file and the line; Interrupted when `cancelled()`; and what `read_url` raises.
    """
    reader = _Reader(cancelled, read_url, limits)
    content = _Content()
    for file in files:
        content.include(reader.read(_given(file), "requirement"), shortened(file))
    wishes = [entry._replace(position=place) for place, entry in enumerate(content.entries, position)]
    content.entries.clear()
    for file in constraint_files:
        content.include(reader.read(_given(file), "constraint"), shortened(file))
    return Requirements(
        requirements=tuple(wishes),
        constraints=(*content.constraints, *content.entries),
        index_url=content.index_url,
        extra_index_urls=tuple(content.extra_index_urls),
        find_links=tuple(content.find_links),
        no_index="--no-index" in content.switches,
        require_hashes="--require-hashes" in content.switches,
        no_binary=tuple(content.no_binary),
        only_binary=tuple(content.only_binary),
        notes=tuple(dict.fromkeys(content.notes)),
    )


class _File(NamedTuple):
    """A file that was named. `place` is an absolute path, a URL, or the name of a stream; `shown` is for messages."""

    place: str
    shown: str
    is_remote: bool


class _Source(NamedTuple):
    """A file that is being read, as `kind`. Relative paths count from `base`: a directory or, at a URL, that URL."""

    shown: str
    base: str
    is_remote: bool
    kind: Kind

    @property
    def directories(self) -> tuple[str, ...]:
        """Where relative paths of wheels count from. A server says nothing about files of this machine."""
        return () if self.is_remote else (self.base, "")


class _Content:
    """What a file asks for, with the files that it names. Whoever reads it decides what `entries` are."""

    def __init__(self) -> None:  # as a dataclass it would take longer to define than a hundred lines to read
        self.entries: list[Requirement] = []
        self.constraints: list[Requirement] = []
        self.index_url = ""
        self.extra_index_urls: list[str] = []
        self.find_links: list[str] = []
        self.switches: set[str] = set()
        self.no_binary: list[str] = []
        self.only_binary: list[str] = []
        self.notes: list[str] = []

    def include(self, other: "_Content", where: str) -> None:
        """Add all of a file that is named by `-r`, or by the user. Raises UsageError for another index."""
        if self.index_url and other.index_url and self.index_url.rstrip("/") != other.index_url.rstrip("/"):
            raise UsageError(f"{where}: there is another --index-url than before; keep one of them")
        self.index_url = self.index_url or other.index_url
        self.entries += other.entries
        self.constraints += other.constraints
        self.extra_index_urls += other.extra_index_urls
        self.find_links += other.find_links
        self.switches |= other.switches
        self.no_binary += other.no_binary
        self.only_binary += other.only_binary
        self.notes += other.notes

    def limit(self, other: "_Content", where: str) -> None:
        """Add the constraints of a file that is named by `-c`. As for uv, its only option is --require-hashes."""
        self.constraints += other.entries + other.constraints
        self.switches |= other.switches & {"--require-hashes"}
        self.notes += other.notes
        if other.index_url or other.extra_index_urls or other.find_links or "--no-index" in other.switches:
            self.notes.append(f"{where}: the indexes that this file of constraints names have no effect")


class _Reader:
    """A reader of requirement files that reads each file once."""

    def __init__(self, cancelled: Callable[[], bool], read_url: Callable[[str], bytes], limits: str) -> None:
        self._cancelled = cancelled
        self._called = {"requirement": "requirement", "constraint": limits}
        self._read_url = read_url
        self._texts: dict[str, tuple[str, bool]] = {}
        self._seen: set[tuple[str, Kind]] = set()
        self._depth = 0

    def read(self, file: _File, kind: Kind, named_in: str = "") -> _Content:
        """What a file and those that it names ask for; nothing if it was read before. `named_in`: where."""
        content = _Content()
        if (file.place, kind) in self._seen:
            return content
        self._seen.add((file.place, kind))
        if self._depth == _DEEPEST:
            raise UsageError(f"{named_in}: more than {_DEEPEST} requirement files name each other in a row")
        self._depth += 1
        shown = printable(redacted(file.shown))
        text, is_stream = self._text(file, kind, shown, f" (named in {named_in})" if named_in else "")
        base = file.place if file.is_remote else "" if is_stream else os.path.dirname(file.place)
        source = _Source(shown, base, file.is_remote, kind)
        if kind == "requirement" and not named_in and _may_be_script(file, text):
            content.entries += [
                _dependency(entry, f"{shown}, dependencies") for entry in script_requirements(text, shown)
            ]
        else:
            for line in logical_lines(text, shown):
                self._read_line(line.text, source, f"{shown}, line {line.number}", content)
        self._depth -= 1
        return content

    def _text(self, file: _File, kind: Kind, shown: str, named: str) -> tuple[str, bool]:
        """The text of a file, read now if it was not read before, and whether it is a stream."""
        name = _name(file)
        if name.endswith(".toml") or name in ("setup.py", "setup.cfg", "environment.yml"):
            hint = "; a lock file stands alone: give it to install by -r or --pylock" if "lock" in name else ""
            raise UsageError(f"{shown}{named} is not supported as a requirement file, only a text file is{hint}")
        if is_uv_lock(name):
            raise UsageError(
                f"{shown}{named} is the lock file of a project; `instui sync {shown}` installs what it lists"
            )
        is_path = not file.is_remote and descriptor_of(file.place) is None
        identity = os.path.realpath(file.place) if is_path else file.place
        if identity not in self._texts:
            try:
                found = Input(self._read_url(file.place), file.place) if file.is_remote else self._read_file(file.place)
            except FileNotFoundError as error:
                raise UsageError(f"{self._called[kind]} file {shown}{named} does not exist") from error
            except OSError as error:
                raise UsageError(f"cannot read {self._called[kind]} file {shown}{named}: {error.strerror}") from error
            if len(found.data) > LONGEST:
                raise UsageError(f"{shown} has more than {LONGEST >> 20} MiB; that is no list of requirements")
            self._texts[identity] = decoded(found.data, shown), not found.directory
        return self._texts[identity]

    def _read_file(self, path: str) -> Input:
        return read_input(path, self._cancelled)

    def _read_line(self, text: str, source: _Source, where: str, content: _Content) -> None:
        if text.startswith("-"):
            self._read_options(text, source, where, content)
            return
        if not re.match(r"[A-Za-z0-9./$]", text):
            raise UsageError(
                f"{where}: {shortened(text)} is not a requirement: it begins with neither a name nor a place"
            )
        text, hashes = split_hashes(text, where)
        if is_unnamed(text):
            self._check_may_have_no_name(text, source, where)
        if text.endswith((".txt", ".in")):
            _refuse_file(text, source.directories, where)
        content.entries.append(read_requirement(text, source.directories, hashes, where))

    def _check_may_have_no_name(self, text: str, source: _Source, where: str) -> None:
        """Raise UsageError for a limit without a name; as for uv, an override needs none."""
        if source.kind == "constraint" and self._called["constraint"] != "override":
            raise UsageError(f"{where}: {shortened(text)}: a constraint needs a name: write NAME @ URL")

    def _read_options(self, text: str, source: _Source, where: str, content: _Content) -> None:
        """Read a line of options: switches, and at its end perhaps one option with a value."""
        while text:
            given, rest = split_option(text)
            option = _LONG.get(given, given)
            if option in _SWITCHES or option in _IGNORED_SWITCHES:
                text = rest.strip()
                # uv drops the rest of a line with an option that it ignores
                if text and (option in _IGNORED_SWITCHES or not rest[0].isspace() or not text.startswith("-")):
                    raise UsageError(
                        f"{where}: {shortened(text)} cannot stand behind {option}; give it a line of its own"
                    )
                _switch(option, where, content)
            else:
                _check_known(option, text, where)
                value = option_value(rest, given.startswith("--"))
                if option == "--editable" and (marked := re.fullmatch(r"(.*?\S)\s+;(.*)", rest, re.DOTALL)):
                    value = option_value(marked[1], given.startswith("--"))  # its marker has quotes of its own
                    value = f"{value} ;{marked[2]}" if value else None
                # uv ends these with the line, and takes the next one for a requirement
                is_cut = "\n" in rest and option in ("--find-links", *_IGNORED_VALUED)
                if value is None or is_cut:
                    raise UsageError(
                        f"{where}: {option} needs one value behind it (quote spaces, write # as %23, and give other "
                        "options lines of their own)"
                    )
                self._follow(option, value, source, where, content)
                text = ""

    def _follow(self, option: str, value: str, source: _Source, where: str, content: _Content) -> None:
        """Do what an option with a value asks for."""
        match option:
            case "--requirement":
                content.include(self.read(_nested(value, source, where), source.kind, where), where)
            case "--constraint":
                content.limit(self.read(_nested(value, source, where), "constraint", where), where)
            case "--index-url":
                if content.index_url:
                    raise UsageError(f"{where}: there is a second --index-url; keep one of them")
                content.index_url = _place(option, value, source, where)
            case "--extra-index-url":
                content.extra_index_urls.append(_place(option, value, source, where))
            case "--find-links":
                content.find_links.append(_place(option, value, source, where))
            case "--editable":
                if not is_direct(value):
                    self._check_may_have_no_name(value, source, where)
                content.entries.append(editable_requirement(value, source.directories, where))
            case "--no-binary" | "--only-binary":
                if not _CHOICE.fullmatch(value):
                    raise UsageError(f"{where}: {option} takes one name, :all: or :none:; repeat it for more names")
                (content.no_binary if option == "--no-binary" else content.only_binary).append(value)
            case _:
                if len(value.split()) > 1:
                    raise UsageError(f"{where}: {option} needs one value behind it")
                _switch(option, where, content)


def _dependency(text: str, where: str) -> Requirement:
    """A dependency of a script, which has a name (PEP 723)."""
    if is_unnamed(text):
        raise UsageError(f"{where}: {shortened(text)}: a dependency needs a name: write NAME @ URL")
    return read_requirement(text, where=where)


def _name(file: _File) -> str:
    return name_of(urlsplit(file.place).path if file.is_remote else file.place)


def _may_be_script(file: _File, text: str) -> bool:
    """Whether it is a script (PEP 723): by its name or, if that has no extension, by its content, as for uv."""
    extension = os.path.splitext(_name(file))[1].lower()
    return extension in (".py", ".pyw") or (not extension and is_script(text))


def _check_known(option: str, text: str, where: str) -> None:
    if option not in _VALUED and option not in _IGNORED_VALUED:
        given = re.split(r"[\s=]", text)[0]
        raise UsageError(
            f"{where}: {shortened(given)} is not understood in a requirement file; correct it, or remove it"
        )


def _switch(option: str, where: str, content: _Content) -> None:
    if option in _SWITCHES:
        content.switches.add(option)
    else:
        hint = "; set UV_PRERELEASE=allow" if option == "--pre" else ""
        content.notes.append(f"{where}: {option} has no effect in a requirement file{hint}")


def _given(file: str) -> _File:
    """The file that the user named."""
    if file.startswith(_WEB):
        return _File(web_url(expanded(file), ""), file, True)
    if file[:7].lower() == "file://":
        file = path_in(file, shortened(file))
    return _File(file if descriptor_of(file) is not None else absolute(file), file, False)


def _nested(value: str, source: _Source, where: str) -> _File:
    """The file that the option of a file names."""
    target = expanded(value)
    shown = f"{where}: {shortened(value)}"
    if target.startswith(_WEB):
        return _File(web_url(target, f"{where}: "), value, True)
    if source.is_remote:
        if target.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
            raise UsageError(f"{shown}: a file at a URL can only name files beside it, and URLs")
        url = web_url(urljoin(source.base, target), f"{where}: ")
        return _File(url, url, True)
    if target[:7].lower() == "file://":
        target = path_in(target, shown)
    elif "://" in target:
        raise UsageError(f"{shown}: only http, https and file can be read")
    if not os.path.isabs(value) and not has_variable(value):
        value = os.path.join(os.path.dirname(source.shown), value)
    return _File(absolute(os.path.join(absolute(source.base), target)), value, False)


def _place(option: str, value: str, source: _Source, where: str) -> str:
    """The URL of an index or of a directory of wheels."""
    target = expanded(value)
    if target.startswith(_WEB):
        return web_url(target, f"{where}: {option}: ")
    shown = f"{where}: {option}: {shortened(value)}"
    if source.is_remote:
        raise UsageError(f"{shown}: a file at a URL can only name URLs")
    if target[:7].lower() == "file://":
        path = path_in(target, shown)
        if not path.startswith("/"):
            raise UsageError(f"{shown}: a file URL has an absolute path")
        return file_url(absolute(path), shown)
    if "://" in target:
        raise UsageError(f"{shown}: only http, https and file can be read")
    # uv takes directories of wheels from beside the file and indexes from the working directory
    places = [absolute(os.path.join(absolute(directory), target)) for directory in source.directories]
    for place in places:
        if os.path.exists(place):
            return file_url(place, shown)
    raise UsageError(f"{shown} does not exist")


def _refuse_file(text: str, directories: Sequence[str], where: str) -> None:
    """Refuse a line that names a file of requirements: the `-r` is missing."""
    for directory in directories:
        if os.path.isfile(os.path.join(absolute(directory), text)):
            raise UsageError(f"{where}: {shortened(text)} is a file of requirements; write -r {shortened(text)}")
