"""What an event is called on the screen. Its kind in the journal, such as `lock.granted`, is for programs."""

from collections.abc import Mapping

from instui_engine.journal.events import Event, kind_of

WORDS: Mapping[str, str] = {
    "session.started": "session begins",
    "caption": "to watch for",
    "session.paused": "asked to pause",
    "session.resumed": "goes on",
    "cancel.requested": "asked to stop",
    "workers.changed": "workers",
    "span.started": "part begins",
    "span.finished": "part is done",
    "load.sampled": "load",
    "wait.started": "waits",
    "wait.finished": "wait is over",
    "resolve.started": "uv is asked",
    "resolve.progress": "uv goes on",
    "resolve.finished": "uv has answered",
    "requirement.satisfied": "is there already",
    "wheel.added": "wheel is known",
    "fetch.started": "fetch begins",
    "fetch.progress": "fetch goes on",
    "fetch.stalled": "fetch stands still",
    "fetch.retried": "fetch again",
    "fetch.finished": "fetched",
    "build.started": "build begins",
    "build.progress": "build goes on",
    "build.finished": "built",
    "unpack.started": "unpack begins",
    "unpack.progress": "unpack goes on",
    "unpack.finished": "unpacked",
    "compile.started": "compile begins",
    "compile.progress": "compile goes on",
    "compile.failed": "not compiled",
    "compile.finished": "compiled",
    "plan.wheel": "planned",
    "plan.collision": "will take turns",
    "plan.conflict": "will overwrite",
    "plan.finished": "plan is complete",
    "stage.started": "stage begins",
    "stage.progress": "stage goes on",
    "stage.finished": "staged",
    "sync.started": "writes to disk",
    "sync.finished": "is on disk",
    "environment.waiting": "waits for .lock",
    "environment.granted": "has .lock",
    "environment.released": "lets go of .lock",
    "lock.requested": "asks for locks",
    "lock.waiting": "waits for a lock",
    "lock.granted": "has its locks",
    "lock.released": "lets go of locks",
    "commit.started": "commit begins",
    "commit.progress": "commit goes on",
    "group.finished": "group is done",
    "overwrite": "overwrites",
    "restored": "gives back",
    "recovery.started": "recovery begins",
    "recovery.finished": "recovery is done",
    "distribution.removed": "removed",
    "commit.finished": "installed",
    "wheel.failed": "failed",
    "wheel.cancelled": "cancelled",
    "warned": "warning",
    "session.finished": "session ends",
}


def words(event: Event) -> str:
    """The event in two or three words."""
    kind = kind_of(event)
    return WORDS.get(kind, kind)
