"""The paths of a wheel's entries: which names are refused, and which paths do not go together.

A refused wheel has written nothing. What the names mean on one file system only (upper and lower case) is found when
they are unpacked.
"""

import re

from instui_engine.errors import BadWheelError, printable
from instui_engine.fs.paths import add_directories

MOST_DIRECTORIES = 50_000  # one name of 1 KB makes five hundred

# PATH_MAX is 4096 bytes with the destination in front; below 1000 components recursive tree walkers still work.
LONGEST_PATH = 1024
LONGEST_COMPONENT = 255

# Controls, and what is invisible or changes the order of what is shown. Joiners (U+200C, U+200D) are letters somewhere.
_DECEPTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_DRIVE = re.compile("[A-Za-z]:")


def path_of(name: bytes) -> str:
    """The path of the entry of that name, without the trailing slash of a directory. Raises BadWheelError."""
    try:
        # Without the UTF-8 flag a name is in some code page; most writers that forget the flag mean UTF-8, and ASCII is
        # the same in all.
        path = name.decode()
    except UnicodeDecodeError:
        raise BadWheelError(f"the name {shown(name)} is not UTF-8") from None
    path = path.removesuffix("/")
    if len(name) > LONGEST_PATH:
        raise BadWheelError(f"a name has {len(name)} bytes, at most {LONGEST_PATH} are allowed")
    if path.startswith("/") or _DRIVE.match(path):
        raise BadWheelError(f"the path {printable(path)} is absolute")
    is_plain = path.isascii() and path.isprintable()  # as nearly all are: the search takes longer
    if "\\" in path or (not is_plain and _DECEPTIVE.search(path)):
        raise BadWheelError(f"the path {printable(path)} contains a forbidden character")
    components = path.split("/")
    if "" in components:
        raise BadWheelError(f"the path {printable(path)!r} has an empty component")
    for wrong in (".", ".."):
        if wrong in components:
            raise BadWheelError(f"the path {printable(path)} contains {wrong!r} as a component")
    if len(name) > LONGEST_COMPONENT and any(len(part.encode()) > LONGEST_COMPONENT for part in components):
        raise BadWheelError(f"a component of {printable(path)} is longer than {LONGEST_COMPONENT} bytes")
    return path


def check_tree(paths: set[str], files: set[str]) -> None:
    """Refuse a file that is a directory as well, and more directories than any real wheel has. Raises BadWheelError."""
    directories: set[str] = set()
    for path in paths:
        # one by one, so that a hostile wheel is stopped before the names of its directories fill the memory
        if len(directories) > MOST_DIRECTORIES:
            raise BadWheelError(f"more than {MOST_DIRECTORIES} directories")
        add_directories(path, directories)
    both = files & directories
    if both:
        raise BadWheelError(f"{printable(min(both))} is a file and a directory")


def shown(name: bytes) -> str:
    """The name of an entry, which may have 65,535 bytes of anything."""
    return printable(name[:LONGEST_COMPONENT].decode(errors="backslashreplace"))
