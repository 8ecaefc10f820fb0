"""Completion of a typed command: its last word, from words that are known."""

from collections.abc import Iterable, Sequence
from os.path import commonprefix

from instui_engine.values import NamedTuple

COMMANDS = ("install", "uninstall", "sync", "install-many")


class Completion(NamedTuple):
    """The line with its last word completed as far as that is clear, and the words that it may be."""

    text: str
    found: Sequence[str]


def last_word(typed: str) -> str:
    """The word that is being typed; "" after a space."""
    return typed.rpartition(" ")[2]


def complete(typed: str, words: Iterable[str]) -> Completion:
    """Complete the last word of `typed`. What stands in the line already is no candidate."""
    word = last_word(typed)
    before = typed[: len(typed) - len(word)]
    used = set(before.split())
    known = words if used else COMMANDS
    found = [one for one in dict.fromkeys(known) if one.startswith(word) and one not in used]
    if not found:
        return Completion(typed, ())
    common = commonprefix(found)  # noqa: RUF071 - of letters
    end = " " if len(found) == 1 and not common.endswith("/") else ""
    return Completion(f"{before}{common}{end}", found)
