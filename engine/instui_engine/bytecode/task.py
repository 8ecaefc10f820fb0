"""A file to compile, as data."""

from instui_engine.values import NamedTuple


class Task(NamedTuple):
    """A file to compile, by the fields of a request (see `compiler`). `wheel` is whose it is."""

    wheel: str
    source: str
    target: str
    name: str
    mtime: int
    mode: str
