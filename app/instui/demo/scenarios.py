"""The demonstrations by name, in the order in which they are best watched. It imports nothing, as menus need it."""

from instui_engine.values import NamedTuple


class Demo(NamedTuple):
    """A demonstration, and in one line what it shows."""

    name: str
    about: str


DEMOS = (
    Demo("same-module", "three wheels ship the same forty files"),
    Demo("readme-clash", "twelve wheels ship one README.md"),
    Demo("etc-race", "twelve wheels make the same directory at once"),
    Demo("namespace", "twenty wheels share a namespace, none in the way"),
    Demo("two-sessions", "two installs wait only where they must"),
    Demo("uv-holds", "uv holds the environment's lock: who waits for whom"),
    Demo("timeout", "a holder that is stopped: the wait has an end"),
    Demo("crash", "an install is killed half done; the next settles it"),
)
NAMES = tuple(demo.name for demo in DEMOS)


def after(name: str) -> str:
    """The name of the demonstration after that one; the first after the last."""
    return NAMES[(NAMES.index(name) + 1) % len(NAMES)]
