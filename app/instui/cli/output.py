"""Output of a command: its answer, or the one line that says why it failed."""

import sys
from collections.abc import Iterable
from contextlib import suppress

from instui.terminal import encodable
from instui_engine.errors import InstuiError, printable, reason
from instui_engine.redaction import redacted


def print_lines(lines: Iterable[str]) -> None:
    """Print an answer on stdout. It is no error if the reader has gone away, as `head` does.

    Raises InstuiError if it cannot be written, for example on a full disk.
    """
    text = "".join(f"{line}\n" for line in lines)
    try:
        sys.stdout.write(encodable(text, sys.stdout.encoding or "utf-8"))
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except (OSError, ValueError) as error:  # ValueError: stdout is closed
        raise InstuiError(
            f"cannot write to stdout: {reason(error) if isinstance(error, OSError) else error}"
        ) from error


def print_error(text: str) -> None:
    """Print one line on stderr that says what went wrong. If nobody reads it, the exit code says enough.

    It may quote what the user wrote, so passwords are taken out.
    """
    with suppress(OSError, ValueError):
        line = f"instui: {printable(redacted(' '.join(text.splitlines())))}\n"
        sys.stderr.write(encodable(line, sys.stderr.encoding or "utf-8"))
        sys.stderr.flush()
