"""The demonstrations by name, in the order in which they are best watched. It imports nothing, as menus need it."""

from instui_engine.values import NamedTuple


class Demo(NamedTuple):
    """A demonstration, and in one line what it shows."""

    name: str
    about: str


DEMOS = (
    Demo("same-module", "three wheels ship the same forty files: who has them, with locks and without"),
    Demo("readme-clash", "twelve wheels ship one README.md"),
    Demo("etc-race", "twelve wheels make the same directory at once"),
    Demo("namespace", "twenty wheels side by side in one namespace, none in the way of another"),
    Demo("two-sessions", "two installs in one environment wait only where they must"),
    Demo("uv-holds", "uv holds the environment's lock; the install says so and waits"),
    Demo("timeout", "a lock whose holder is stopped: the wait ends, and nothing is left half done"),
    Demo("crash", "an install is killed in the middle of a commit, and the next one settles it"),
)
NAMES = tuple(demo.name for demo in DEMOS)


def after(name: str) -> str:
    """The name of the demonstration after that one; the first after the last."""
    return NAMES[(NAMES.index(name) + 1) % len(NAMES)]
