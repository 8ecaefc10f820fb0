"""The choice of locks for claims between processes: lock files, or one coarse lock on a network file system."""

from instui_engine.journal.events import Warned
from instui_engine.session.context import Context
from instui_engine.target.environment import Environment
from instui_engine.target.network import soft_reason

from .lock_files import ClaimFiles
from .protocol import ClaimLocks


def claim_locks(context: Context, environment: Environment) -> ClaimLocks:
    """The locks for the claims of this environment. Warn if they are not the usual ones."""
    timeout = context.options.lock_timeout
    why = soft_reason(environment.top)
    if not why:
        return ClaimFiles(environment.private, environment.unlocked, timeout, context.session)
    from .soft import SoftClaims

    context.emit(
        Warned(
            "",
            f"{why}: sessions of instui take turns at the whole environment, also between machines, as far as links "
            "are made atomically there; uv and others are kept out on this machine only",
        )
    )
    return SoftClaims(environment.private, timeout)
