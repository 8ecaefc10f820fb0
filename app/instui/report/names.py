"""How wheels, locks, holders and times are named in a report. What comes out is not yet escaped."""

from collections.abc import Sequence

from instui.explain.findings import who_is
from instui.monitor.model import Phase, Snapshot, WheelState
from instui.monitor.names import is_own, path_name, short_command
from instui.monitor.units import cut_end, seconds
from instui_engine.journal.events import Holder

SESSION = "the session"  # as who waits, where no wheel of it does
_MILLISECONDS = 0.1  # seconds below which times are told in milliseconds
_COMMAND_CELLS = 160
_HOLDERS = 3
PACKAGES = "site-packages"


def label(snapshot: Snapshot, key: str) -> str:
    """Name and version of a wheel; what stands for it if there is none."""
    wheel = snapshot.wheel(key)
    return wheel.label if wheel is not None else key or SESSION


def lock(snapshot: Snapshot, path: str) -> str:
    """A lock, or a path of the environment; a directory ends in a slash."""
    state = snapshot.lock(path)
    shown = path_name(path, snapshot.session)
    return f"{shown}/" if state is not None and state.is_directory and not shown.endswith("/") else shown


def short_lock(snapshot: Snapshot, path: str) -> str:
    """The same without the directory that all packages share."""
    shown = lock(snapshot, path)
    return shown.removeprefix(f"{PACKAGES}/") or shown


def holder(snapshot: Snapshot, one: Holder) -> str:
    """Who is in the way: a wheel of this session, or another process with what is known of it."""
    return label(snapshot, one.wheel) if is_own(one, snapshot.session) else who_is(one, snapshot)


def holders(snapshot: Snapshot, every: Sequence[Holder]) -> str:
    """The first ones who are in the way, and how many more."""
    shown = [holder(snapshot, one) for one in every[:_HOLDERS]]
    more = len(every) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") if shown else "unknown"


def in_turn(snapshot: Snapshot, every: Sequence[Holder], *, lasts: bool) -> str:
    """Who had a lock, in that order: `a, then b, c and 2 more`; the last one `now`, if the wait for it lasts."""
    if not every:
        return "unknown"
    shown = [holder(snapshot, one) for one in every]
    last = [f"now {shown.pop()}"] if lasts and len(shown) > 1 else []
    more = len(shown) - _HOLDERS
    later = [*shown[1:_HOLDERS], *([f"{more} more"] if more > 0 else []), *last]
    return f"{shown[0]}, then {', '.join(later)}" if later else shown[0]


def state(wheel: WheelState) -> str:
    """The state of a wheel in words."""
    return f"{wheel.word} {wheel.reached}".rstrip() if wheel.phase is Phase.STOPPED else wheel.word


def command(snapshot: Snapshot) -> str:
    """The command line as people type it."""
    words = snapshot.session.command if snapshot.session else []
    return cut_end(short_command(" ".join(words)), _COMMAND_CELLS) or "a session"


def took(value: float) -> str:
    """How long something lasted; short times in milliseconds."""
    return seconds(value) if value >= _MILLISECONDS or value <= 0 else f"{1000 * value:.1f} ms"


def at(t: float) -> str:
    """A time of the session."""
    return f"{t if abs(t) >= 0.005 else 0.0:.2f} s"
