"""Which columns the dashboard has, as the user's settings say. Always there are a wheel's state and its name."""

from collections.abc import Sequence

from instui_engine.errors import UsageError, printable

NAMES = ("bar", "doing", "lock", "age", "fetch", "build", "unpack", "stage", "wait", "commit", "total")
_chosen: list[str] = []


def choose(names: Sequence[str], where: str) -> None:
    """Let the dashboard have these columns, in this order. Raises UsageError, which names `where`, for what is none."""
    for name in names:
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise UsageError(f"{where}: columns: there is no {printable(repr(name))}; there are {known}")
    if len({*names}) < len(names):
        raise UsageError(f"{where}: columns: one is named twice")
    _chosen[:] = names


def chosen() -> Sequence[str]:
    """The columns that were chosen; none if the dashboard has those that it has by itself."""
    return _chosen
