"""Which byte code is wanted, and how long a file may take: the target's Python, and uv's variables."""

import os
from typing import Literal

from instui_engine.errors import UsageError, printable
from instui_engine.target.interpreter import Interpreter
from instui_engine.values import NamedTuple

Mode = Literal["TIMESTAMP", "CHECKED_HASH", "UNCHECKED_HASH"]
"""How Python finds out that byte code is not that of its source: the names of `py_compile.PycInvalidationMode`."""
MODES: tuple[Mode, ...] = ("TIMESTAMP", "CHECKED_HASH", "UNCHECKED_HASH")
MODE = "PYC_INVALIDATION_MODE"
TIMEOUT = "UV_COMPILE_BYTECODE_TIMEOUT"
_PATIENCE = 60.0  # seconds for one file, as in uv: it is for a Python that hangs


class Kind(NamedTuple):
    """One kind of byte code: of the Python with that `tag` and `magic` (see `Interpreter`), and its `mode`."""

    tag: str
    magic: str
    mode: Mode

    @property
    def name(self) -> str:
        """The name of the directory in an entry of the store that has it."""
        return f"{self.tag}-{self.magic}-{self.mode.lower().replace('_', '-')}"


def kind_for(interpreter: Interpreter) -> Kind:
    """The byte code that is wanted for a target. Raises UsageError."""
    given = os.environ.get(MODE) or "TIMESTAMP"
    mode = next((known for known in MODES if known == given), None)
    if mode is None:
        raise UsageError(f"{MODE} must be one of {', '.join(MODES)}, not {printable(given)!r}")
    return Kind(interpreter.cache_tag, interpreter.magic, mode)


def patience() -> float | None:
    """For how many seconds a file may be compiled; None for ever. Raises UsageError."""
    given = os.environ.get(TIMEOUT)
    if given is None:
        return _PATIENCE
    if not given.isascii() or not given.isdigit():
        raise UsageError(f"{TIMEOUT} must be a number of seconds, 0 for no limit, not {printable(given)!r}")
    return float(given) or None
