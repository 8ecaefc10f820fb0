"""The choice of locks for claims between processes.

Those are lock files, together with the volumes of an environment, or one coarse lock on a network file system.
"""

from instui_engine.fs.flock import lacks_locks
from instui_engine.journal.events import Warned
from instui_engine.session.context import Context
from instui_engine.target.environment import Environment
from instui_engine.target.network import soft_reason

from .lock_files import ClaimFiles
from .protocol import ClaimLocks
from .volume_locks import VolumeLocks


def claim_locks(context: Context, environment: Environment) -> ClaimLocks:
    """The locks for the claims of this environment. Warn if they are not the usual ones."""
    timeout = context.options.lock_timeout
    why = soft_reason(environment.top)
    files = ClaimFiles(environment.private, environment.unlocked, timeout, context.session)
    if not why:
        return VolumeLocks(files, environment.volumes, timeout) if environment.volumes else files
    from .soft import SoftClaims

    has_locks = not lacks_locks(environment.top)
    others = "uv and others are kept out on this machine only"
    if not has_locks:
        others = "it has no file locks, so uv and others are not kept out: do not run them at the same time"
    context.emit(
        Warned(
            "",
            f"{why}: sessions of instui take turns at the whole environment, also between machines, as far as links "
            f"are made atomically there; {others}",
        )
    )
    return SoftClaims(environment.private, timeout, files if has_locks else None)


def without_volumes(locks: ClaimLocks) -> ClaimLocks:
    """The locks of the environment alone, for what changes nothing but its own `.instui`."""
    return locks.files if isinstance(locks, VolumeLocks) else locks
