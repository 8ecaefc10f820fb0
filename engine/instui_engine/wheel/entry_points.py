"""entry_points.txt: the commands of a wheel, read so that no two readers could understand the file differently.

Follows "Entry points specification". That file is read with `configparser` by some tools, and line by line by
`importlib.metadata`, for which one malformed line breaks all entry points of the environment. So what the two would
read differently is refused in every section. The values are checked only where a launcher is made of them: in other
sections they are for plug-ins, and many are odd.
"""

import re
from collections.abc import Iterable, Iterator

from instui_engine.errors import printable
from instui_engine.values import NamedTuple

LARGEST = 1 << 20  # bytes; real ones stay below 100 KB

_NEWLINE = "\r\n|\r|\n"
_OTHER_NEWLINE = "[\v\f\x1c-\x1e\x85\u2028\u2029]"  # for str.splitlines, and so for `importlib.metadata`
_SECTION = r"\[([^\[\]\s](?:[^\[\]]*[^\[\]\s])?)\]"
_OBJECT = r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[[\w.,\s-]*\])?"
# Not what a shell would understand as more than a word, but for the blank, which some real commands have.
_COMMAND = r"[^\s./\\:*?\"<>|'`$;&(){}\[\]%!^~#-][^/\\:*?\"<>|'`$;&(){}\[\]%!^]{0,199}"
# What an environment cannot do without. Not `activate*`: argcomplete ships activate-global-python-argcomplete.
_VITAL_COMMAND = r"(?is)((python|pypy)w?[0-9.]*t?|activate([._].*)?|deactivate([._].*)?)(\.exe)?"
_LAUNCHERS = {"console_scripts": "console", "gui_scripts": "gui"}


class EntryPoint(NamedTuple):
    """A launcher to be made. `section` is "console" or "gui"; it calls `attr` of `module`.

    `body` is its script without the first line, which a manifest has for it (see `launchers`).
    """

    section: str
    name: str
    module: str
    attr: str
    body: bytes = b""


def is_vital_command(name: str) -> bool:
    """Whether no wheel may replace a file of that name in the scripts directory."""
    return re.fullmatch(_VITAL_COMMAND, name) is not None


def launchers(data: bytes) -> Iterator[EntryPoint]:
    """The entry points that become launchers, without their extras, in the text of entry_points.txt.

    Both sections may have an entry of the same name. Raises ValueError, with words that are not printable yet, for a
    malformed file.
    """
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"entry_points.txt is not UTF-8 (byte {error.start})") from None
    if re.search(_OTHER_NEWLINE, text):
        raise ValueError("entry_points.txt has characters that only some readers take for the end of a line")
    section: str | None = None
    sections: set[str] = set()
    commands: set[tuple[str, str]] = set()
    for line in map(str.strip, re.split(_NEWLINE, text)):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = _section(line)
            if section in _LAUNCHERS and section in sections:
                raise ValueError(f"entry_points.txt has two sections [{section}]")
            sections.add(section)
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if section is None:
            raise ValueError(f"the entry point {line[:200]!r} is in no section")
        if not equals or not name:
            raise ValueError(f"the entry point {line[:200]!r} is not of the form name = value")
        if section in _LAUNCHERS:
            point = _launcher(_LAUNCHERS[section], name, value)
            if (section, name) in commands:
                raise ValueError(f"the entry point {name} is there twice")
            commands.add((section, name))
            yield point


def one_each(points: Iterable[EntryPoint]) -> tuple[tuple[EntryPoint, ...], tuple[str, ...]]:
    """`points` with one launcher for each name, and warnings. As pip and uv leave it, that of gui_scripts counts."""
    found: dict[str, EntryPoint] = {}
    warnings = []
    for point in points:
        other = found.get(point.name)
        if other is not None and other[2:] != point[2:]:
            warnings.append(f"the command {printable(point.name)} is in console_scripts and gui_scripts: gui counts")
        if other is None or point.section == "gui":
            found[point.name] = point
    return tuple(found.values()), tuple(warnings)


def _section(line: str) -> str:
    found = re.fullmatch(_SECTION, line)
    if found is None or not found[1].isprintable():
        raise ValueError(f"entry_points.txt has a malformed section {line[:200]!r}")
    if found[1] == "DEFAULT":  # for configparser, its entries are in every other section, too
        raise ValueError("entry_points.txt has a section [DEFAULT], which readers understand differently")
    return found[1]


def _launcher(kind: str, name: str, value: str) -> EntryPoint:
    found = re.fullmatch(_OBJECT, value)
    if not found or not all(map(_is_dotted_name, found.groups())):
        raise ValueError(f"the entry point {f'{name} = {value}'[:200]!r} is not of the form name = module:attribute")
    if not re.fullmatch(_COMMAND, name) or not name.isprintable():
        raise ValueError(f"the entry point {name[:200]!r} is not the name of a command")
    if is_vital_command(name):
        raise ValueError(f"the entry point {name} would replace a vital part of the environment")
    return EntryPoint(kind, name, found[1], found[2])


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))
