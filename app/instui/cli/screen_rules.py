"""The rules of the full screen for all commands: when it opens, and when it leaves. The screen is a guest.

Both are pure functions of what is in sight, and nothing else decides: `opening` before a command begins, `leaving` when
its session is over.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from instui.terminal import NO_TERMINAL, Streams
from instui_engine.errors import UsageError
from instui_engine.values import NamedTuple

if TYPE_CHECKING:
    from instui.tui.departure import Ending, Leaving

# The full screen: immediately; when the session has begun and is not over in a moment; or then, and only if nobody has
# put the command into the background. Or other output.
Showing = Literal["screen", "screen when it begins", "screen when it takes long", "plain", "json", "none"]
SCREENS: frozenset[Showing] = frozenset({"screen", "screen when it begins", "screen when it takes long"})

MOMENT = 0.4  # seconds after which a command takes long: most that have little to do are over by then
VERY_SHORT = 1.0  # seconds; of a session as short as this there was nothing to watch
_OFF = frozenset({"", "0", "false", "no", "off"})
# what fails or ends at once needs no screen
_LATE = frozenset({"install", "install-many", "sync", "uninstall"})


class Invocation(NamedTuple):
    """What decides on the user interface of a command."""

    command: str
    streams: Streams
    environ: Mapping[str, str]
    ui: str = ""  # --ui or INSTUI_UI, "" if neither is given
    quiet: bool = False
    no_progress: bool = False
    dry_run: bool = False
    stay: bool = False
    reads_stdin: bool = False  # requirements come from there, so keys do not
    in_background: bool = False  # a job that the shell would stop as soon as it touches the terminal


def opening(asked: Invocation) -> Showing:
    """The user interface of a command. Raises UsageError if a screen is asked for and there is no terminal."""
    if asked.ui in ("plain", "json", "none"):
        return asked.ui  # type: ignore[return-value]
    if asked.ui == "tui":
        # One redirected stream is an accident or a pipeline; who redirects input and output has no terminal in mind.
        if not asked.streams.stdin and not asked.streams.stdout:
            raise UsageError(NO_TERMINAL)
        if asked.reads_stdin and asked.streams.stdin:
            raise UsageError("the screen reads the keys, so requirements cannot be typed; use --ui plain")
        return "screen when it begins" if asked.command in _LATE else "screen"
    if not all(asked.streams) or asked.environ.get("TERM", "dumb") == "dumb" or is_ci(asked.environ):
        return "plain"
    if asked.quiet or asked.no_progress or asked.dry_run or asked.reads_stdin or asked.in_background:
        return "plain"
    if asked.command not in _LATE:
        return "screen"
    return "screen when it begins" if asked.stay else "screen when it takes long"


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether CI says that nobody watches. Set to nothing, 0, false, no or off it says that somebody does."""
    return environ.get("CI", "").strip().lower() not in _OFF


def leaving(end: "Ending", stay: bool) -> "Leaving":
    """What the screen does now that its session is over. A countdown is stopped by any key."""
    if stay or (end.failed and end.touched):
        return "stay"
    if not end.failed and not end.touched and (end.did_nothing or end.seconds < VERY_SHORT):
        return "now"
    return "countdown"
