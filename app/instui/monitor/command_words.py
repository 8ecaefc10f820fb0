"""The command of a session where there is little room: what it is about stands first, and how it is done comes after.

Who types `instui install -q --python .venv flask` calls that install "flask"; cut at its end, it would be all options.
"""

from collections.abc import Sequence

from .units import cells

# fmt: off
_SWITCHES = frozenset((
    "--all-extras", "--allow-empty-requirements", "--ascii", "--break-system-packages", "--build", "--build-isolation",
    "--check", "--compile", "--compile-bytecode", "--deps", "--disable-pip-version-check", "--dry-run", "--exact",
    "--fail-on-conflict", "--force-reinstall", "--frozen", "--help", "--inexact", "--isolated", "--json", "--list",
    "--locked", "--native-tls", "--offline", "--pre", "--quiet", "--refresh", "--reinstall", "--require-hashes",
    "--stay", "--strict", "--system", "--system-certs", "--upgrade", "--verbose", "--verify-hashes", "--yes",
    "-U", "-h", "-n", "-q", "-v", "-y",
))
# fmt: on
"""The options without a value, beside `--no-...`. A test compares them with what the commands take."""
_NO_BUT_VALUE = frozenset(("--no-binary", "--no-build-isolation-package", "--no-build-package", "--no-sources-package"))
_SUBJECTS = frozenset(("-r", "--requirement", "--requirements", "-e", "--editable", "--pylock", "--group"))
"""The options whose value says what is installed."""


def is_switch(option: str) -> bool:
    """Whether an option of a command that changes an environment has no value."""
    return option in _SWITCHES or (option.startswith("--no-") and option not in _NO_BUT_VALUE)


def subject_first(words: Sequence[str]) -> list[str]:
    """The words of a command line, without the name of the program: options that are no subject go to the end."""
    subjects = list(words[:1])
    options: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            subjects += rest
        elif len(word) < 2 or not word.startswith("-"):
            subjects.append(word)
        else:
            name = word.partition("=")[0]
            given = [word]
            if name == word and not is_switch(word) and (word.startswith("--") or len(word) == 2):
                given += [value for value in [next(rest, None)] if value is not None]
            (subjects if name in _SUBJECTS else options).extend(given)
    return [*subjects, *options]


def in_room(words: Sequence[str], room: int) -> str:
    """A command as it was typed or, if that has more than `room` columns, with its subject first."""
    typed = " ".join(words)
    return typed if cells(typed) <= room else " ".join(subject_first(words))
