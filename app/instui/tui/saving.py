"""Files that a key writes into the current directory, never over one that is there."""

import re
from collections.abc import Iterable
from itertools import count


def save(stem: str, suffix: str, lines: Iterable[str]) -> str:
    """Write a file; the name gets a number if there is one of that name. Return what came of it, in a line."""
    for number in count(1):
        name = f"{stem}-{number}{suffix}" if number > 1 else f"{stem}{suffix}"
        try:
            with open(name, "x", encoding="utf-8") as file:
                file.writelines(lines)
        except FileExistsError:
            continue
        except OSError as error:
            return f"cannot write {name}: {error.strerror}"
        return f"saved {name} in the current directory"
    raise AssertionError("there is always a next number")


def file_name(text: str) -> str:
    """`text`, from a journal, as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:100]
