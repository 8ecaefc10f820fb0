"""The public API of a locking engine that installs many wheels into one environment in parallel.

    environment = instui_engine.discover()
    outcome = instui_engine.install(instui_engine.Request(arguments=("flask",)), environment)

The engine reads top to bottom as a pipeline: resolve, fetch, store, plan, stage, commit. Every step writes to the
journal. This package has no user interface and imports none. README.md beside it describes the rooms and the words.

All names below are imported when they are first used, so that `import instui_engine` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .commands.command import Outcome, Recording
    from .commands.following import Following, follow
    from .commands.install import install
    from .commands.install_many import install_many
    from .commands.sync import sync
    from .commands.uninstall import uninstall
    from .doctor.diagnosis import Diagnosis, Finding, diagnose
    from .doctor.repair import RepairResult, repair
    from .errors import (
        BadWheelError,
        BuildError,
        ClashError,
        ConflictError,
        FetchError,
        InstuiError,
        Interrupted,
        LinesError,
        LockTimeoutError,
        NoSolutionError,
        RecordError,
        ResolutionError,
        TargetError,
        UnreachableIndexError,
        UsageError,
        WheelsCancelledError,
    )
    from .resolve.request import Request
    from .resolve.source import Building
    from .session.control import Control
    from .session.options import Options
    from .target.environment import Environment, discover

__all__ = [
    "BadWheelError",
    "BuildError",
    "Building",
    "ClashError",
    "ConflictError",
    "Control",
    "Diagnosis",
    "Environment",
    "FetchError",
    "Finding",
    "Following",
    "InstuiError",
    "Interrupted",
    "LinesError",
    "LockTimeoutError",
    "NoSolutionError",
    "Options",
    "Outcome",
    "RecordError",
    "Recording",
    "RepairResult",
    "Request",
    "ResolutionError",
    "TargetError",
    "UnreachableIndexError",
    "UsageError",
    "WheelsCancelledError",
    "__version__",
    "diagnose",
    "discover",
    "follow",
    "install",
    "install_many",
    "repair",
    "sync",
    "uninstall",
]

# no public name may be that of a submodule: importing the submodule would replace it
_MODULES = {
    "Building": "resolve.source",
    "Control": "session.control",
    "Diagnosis": "doctor.diagnosis",
    "Environment": "target.environment",
    "Finding": "doctor.diagnosis",
    "Following": "commands.following",
    "Options": "session.options",
    "Outcome": "commands.command",
    "Recording": "commands.command",
    "RepairResult": "doctor.repair",
    "Request": "resolve.request",
    "diagnose": "doctor.diagnosis",
    "discover": "target.environment",
    "follow": "commands.following",
    "install": "commands.install",
    "install_many": "commands.install_many",
    "repair": "doctor.repair",
    "sync": "commands.sync",
    "uninstall": "commands.uninstall",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_MODULES.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
