"""What a command prints when it has its answer, and the one line that says why it failed."""

import sys
from collections.abc import Iterable
from contextlib import suppress

from instui_engine.errors import InstuiError, printable, reason


def print_lines(lines: Iterable[str]) -> None:
    """Print an answer on stdout. A reader that went away, as `head` does, is no error.

    Raises InstuiError where it cannot be written, on a full disk say.
    """
    text = "".join(f"{line}\n" for line in lines)
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except (OSError, ValueError) as error:  # ValueError: stdout is closed
        raise InstuiError(
            f"cannot write to stdout: {reason(error) if isinstance(error, OSError) else error}"
        ) from error


def print_error(text: str) -> None:
    """Say on stderr what went wrong, in one line; where nobody reads it, the exit code says enough."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"instui: {printable(' '.join(text.splitlines()))}\n")
        sys.stderr.flush()
