"""What can go wrong, as a small hierarchy; each class carries the exit code of the command that ends with it.

The text of an error is one line: what is wrong, where, and what to do. Names that come from wheels are hostile, so
they pass through `printable` on their way into a message.
"""

import unicodedata


class InstuiError(Exception):
    """The command cannot go on (exit 1). `str()` is the one line for the user."""

    exit_code = 1


class UsageError(InstuiError):
    """The command was called in a way that cannot mean anything (exit 2)."""

    exit_code = 2


class BadWheelError(InstuiError):
    """A wheel breaks the wheel or zip specification, or does not fit the target; nothing of it was installed."""


class ResolutionError(InstuiError):
    """No set of wheels satisfies the requirements, or the index could not be asked."""


class FetchError(InstuiError):
    """A wheel could not be downloaded, or what came is not what the lock file promised."""


class TargetError(InstuiError):
    """The target environment is missing, unusable or not to be touched."""


class ClashError(InstuiError):
    """One distribution has a file where another one needs a directory."""


class ConflictError(InstuiError):
    """Two distributions ship different content for one path, and `--fail-on-conflict` was given (exit 3)."""

    exit_code = 3


class LockTimeoutError(InstuiError):
    """A lock was not granted within `--lock-timeout` (exit 4). The engine never goes on unlocked."""

    exit_code = 4


class Interrupted(InstuiError):
    """The user or the system asked the session to stop; it stopped between two commits (exit 130 or 143)."""

    exit_code = 130

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def printable(text: str) -> str:
    """`text` with everything that could steer a terminal (controls, escapes, bidi overrides) shown as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and unicodedata.category(c) != "Cf" else ascii(c)[1:-1] for c in text)


def reason(error: OSError) -> str:
    """The system's word for `error`, with the path that it concerns where it names one."""
    text = error.strerror or str(error)
    return f"{printable(str(error.filename))}: {text}" if error.filename else text
