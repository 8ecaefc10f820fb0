"""Arguments that are names of distributions, while a directory or a file of that name lies in the working directory.

pip and uv look such a name up in the index, and so does this engine. Who meant what lies here is told before
anything of a stranger's is fetched.
"""

import os
from collections.abc import Iterable, Iterator

from instui_engine.errors import printable

from .locations import is_tree

_MOST = 1000  # entries of a directory that are looked at


def namesakes(arguments: Iterable[str]) -> Iterator[str]:
    """A warning for each argument without a slash of which something installable of that name is here."""
    for argument in dict.fromkeys(arguments):
        if "/" in argument or argument.startswith((".", "~")) or argument.endswith(".whl"):
            continue
        shown = printable(argument)
        taken = f'"{shown}" is taken for the name of a distribution; there is a'
        if os.path.isdir(argument):
            if is_tree(argument) or _has_wheels(argument):
                yield f"{taken} directory of that name here: for that, write ./{shown}"
        elif os.path.isfile(argument):
            yield f"{taken} file of that name here: for the requirements in it, write -r {shown}"


def _has_wheels(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return any(entry.name.endswith(".whl") for entry, _ in zip(entries, range(_MOST), strict=False))
    except OSError:
        return False
