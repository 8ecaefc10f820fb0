"""Pythons that belong to the system's package manager, as "Externally Managed Environments" (PEP 668) has it."""

from configparser import ConfigParser
from configparser import Error as ConfigError
from locale import LC_MESSAGES, getlocale
from pathlib import Path

from instui_engine.errors import TargetError, printable

MARKER = "EXTERNALLY-MANAGED"
_LONGEST = 300  # characters of the system's words


def refusal(prefix: str, stdlib: str) -> TargetError:
    """The error for a Python at `prefix` with a marked standard library: the system's words, then the ways out."""
    words = _words(Path(stdlib) / MARKER)
    return TargetError(
        f"the Python at {printable(prefix)} is managed by the system{f' ({words})' if words else ''}; make an "
        "environment with `python3 -m venv .venv`, or give --break-system-packages",
        path=prefix,
    )


def _words(marker: Path) -> str:
    """The first paragraph of the marker's message, if it has one, as a line; in the user's language if possible."""
    parser = ConfigParser(interpolation=None)
    try:
        with open(marker, encoding="utf-8") as file:
            parser.read_file(file)
        messages = parser["externally-managed"]
    except (OSError, UnicodeDecodeError, ConfigError, KeyError):
        return ""
    language = getlocale(LC_MESSAGES)[0] or ""
    keys = [f"Error-{language}", f"Error-{language.partition('_')[0]}", "Error"]
    message = next((messages[key] for key in keys if key in messages), "")
    paragraph = " ".join(message.strip().partition("\n\n")[0].split()).rstrip(".")
    return printable(paragraph if len(paragraph) <= _LONGEST else f"{paragraph[: _LONGEST - 1]}…")
