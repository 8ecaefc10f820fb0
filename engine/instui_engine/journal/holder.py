"""Who is in the way of a waiter, as events say it and as `instui locks` shows it."""

from instui_engine.values import NamedTuple


class Holder(NamedTuple):
    """Who is in the way of a waiter. Unknown fields are "" or 0.

    `state`: "stopped" for a process that keeps its locks but does not run; else, in words, what it does, as far as that
    is known: "asleep", "traced" (by a debugger), "waits for the disk", or what its session is at. Without a pid, the
    reason why it is unknown.
    `began` is the Unix time at which the process was started.
    """

    wheel: str = ""
    session: str = ""
    pid: int = 0
    command: str = ""
    state: str = ""
    began: float = 0.0
