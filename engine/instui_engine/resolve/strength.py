"""Whether the hashes that are demanded of a wheel prove anything."""

from collections.abc import Collection, Sequence

from instui_engine.errors import ResolutionError, printable
from instui_engine.hashes import Demands, is_strong
from instui_engine.journal.events import Warned

from .request import Emit, LockedWheel


def check_strong(wheel: LockedWheel, demands: Demands) -> None:
    """Raise ResolutionError if `demands` on a wheel prove nothing, where hashes are required."""
    if not any(map(_meets_strong, demands)):
        raise ResolutionError(f"--require-hashes: there is no strong hash for {printable(wheel.filename)}")


def note_weak(locked: Sequence[LockedWheel], emit: Emit) -> None:
    """Say once which wheels of an index cannot be verified."""
    names = [
        wheel.name for wheel in locked if wheel.url and not wheel.origin and not any(map(_meets_strong, wheel.demands))
    ]
    if names:
        shown = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        emit(
            Warned(
                "",
                f"the index or --find-links page gives no strong hash for {shown}: nothing proves that the files are "
                "the right ones; give hashes in a requirements file (NAME==VERSION --hash=sha256:...)",
            )
        )


def _meets_strong(demand: Collection[str]) -> bool:
    return all(map(is_strong, demand))
