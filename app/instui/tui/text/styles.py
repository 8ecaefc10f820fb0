"""The styles of phases and ages, which the theme turns into colours."""

from collections.abc import Mapping

from instui.monitor.model import Phase

PHASE_STYLES: Mapping[Phase, str] = {
    Phase.QUEUED: "dim",
    Phase.FETCH: "fetch",
    Phase.BUILD: "accent",
    Phase.UNPACK: "unpack",
    Phase.READY: "dim",
    Phase.STAGE: "stage",
    Phase.STAGED: "dim",
    Phase.WAIT: "wait",
    Phase.COMMIT: "commit",
    Phase.DONE: "commit",
    Phase.FAILED: "failed",
    Phase.STOPPED: "age",
    Phase.UNBEGUN: "dim",
}


def age_style(seconds: float, calm: str = "text") -> str:
    """The style of an age: yellow after 4 seconds, red after 8."""
    return calm if seconds < 4 else "age" if seconds < 8 else "failed"
