"""The events of the journal: the only thing that a user interface learns about an install.

One event is one JSON object on one line: `t` (seconds since the session began, monotonic), `event` (the kind), then
the fields of the class. A wheel is named by its normalized distribution name, which is unique within a session. Paths
are relative to the top of the environment (`SessionStarted.top`) and use `/`; the top itself is `.`. The lock on a
distribution's name is called `@name`. An *owner* is "name version", or "" for a file that no distribution lists. Sizes
are bytes.

Readers skip kinds and fields that they do not know. A change that would mislead them raises `SCHEMA`.
"""

from typing import Any, Literal, get_type_hints

from instui_engine.values import NamedTuple

from .holder import Holder as Holder

SCHEMA = 2

SpanName = Literal["open", "resolve", "build", "acquire", "compile", "plan", "stage", "commit", "clean"]
"""A part of a session's work. They follow each other; a long list is acquired, planned, staged and committed in chunks.

"open": what dead sessions have left is settled. "resolve": which wheels are wanted. "build": sources are made wheels.
"acquire": wheels are found in the store, or fetched and unpacked. "compile": their byte code is made, if wanted.
"plan", "stage" and "commit" as in the events of wheels. "clean": the stage is removed.
"""
WaitKind = Literal["wheel", "cache", "name", "recovery", "older", "environment"]
"""What a wait is for that is neither for claims nor for `.lock`: see `WaitStarted`."""


class SessionStarted(NamedTuple):
    """The first event of every journal. `wall` is Unix time and `clock` CLOCK_MONOTONIC, both at t = 0.

    `ran` is for how many seconds the program had been running at t = 0, 0.0 if that is unknown. `cpus` is the number of
    processors that the process may use, 0 if that is unknown.
    """

    schema: int
    session: str
    pid: int
    wall: float
    clock: float
    version: str
    command: list[str]
    top: str
    python: str
    roots: dict[str, str]  # scheme -> directory relative to the top
    jobs: int
    control: str = ""  # path of the session's control socket
    ran: float = 0.0
    cpus: int = 0


class Caption(NamedTuple):
    """What there is to watch now (demonstrations only)."""

    text: str


class SessionPaused(NamedTuple):
    """Somebody asked the session to pause; it does so between two commits."""


class SessionResumed(NamedTuple):
    """The session continues."""


class SessionHalted(NamedTuple):
    """The session goes on, after `seconds` in which its process did not run: it was stopped (SIGSTOP, ctrl+z).

    `slept`: for how long the machine slept meanwhile, of which the clock of the journal knows nothing.
    """

    seconds: float
    slept: float = 0.0


class WorkersChanged(NamedTuple):
    """Somebody asked for another number of workers. A part that is under way may keep the number that it began with."""

    workers: int


class CancelRequested(NamedTuple):
    """Somebody asked the session to stop; it will do so between two commits and exit with `exit`."""

    exit: int


class SpanStarted(NamedTuple):
    """The session begins with a part of its work: open, resolve, acquire, compile, plan, stage, commit, or clean."""

    name: SpanName


class SpanFinished(NamedTuple):
    """That part is done, or has failed. `cpu` and `stalled`: by how much those of `load.sampled` have grown.

    `system`: the seconds of `cpu` that the operating system took. `idle`: seconds in which processors of this machine
    had nothing to do, all of them together. -1.0 if that is unknown.
    """

    name: SpanName
    seconds: float
    cpu: float
    stalled: float
    system: float = -1.0
    idle: float = -1.0


class LoadSampled(NamedTuple):
    """What the session has used since it began, twice a second at most.

    `cpu`: seconds of processors, by this process and those of its helpers that have ended. `stalled`: seconds in which
    some process of this machine waited for a disk (Linux' pressure stall information), -1.0 if that is unknown.
    """

    cpu: float
    stalled: float


class WaitStarted(NamedTuple):
    """The session, or one of its wheels (else ""), waits for other processes. It is said again when these change.

    `what`: "wheel" if they fetch or unpack it, "cache" if they prune it, "name" if they change a distribution of that
    name, "recovery" if they hold claims of what a dead session had begun, "older" if they are sessions of an older
    version, which all have to end first. `path` is that of the claim, or an absolute one in the cache. "environment" is
    in no journal: where several sessions are shown as one, it is said of the one that waits for the environment's lock.
    """

    wheel: str
    what: WaitKind
    path: str
    holders: list[Holder]


class WaitFinished(NamedTuple):
    """That wait is over, in whatever way."""

    wheel: str
    what: WaitKind
    path: str
    waited: float


class ResolveStarted(NamedTuple):
    """uv is asked for wheels that satisfy the requirements."""

    requirements: list[str]


class ResolveProgress(NamedTuple):
    """uv takes another step towards the set; `doing` says which, in words."""

    doing: str


class ResolveFinished(NamedTuple):
    """The set is known: `wheels` to install, and `satisfied` that are already installed."""

    wheels: int
    satisfied: int


class RequirementSatisfied(NamedTuple):
    """An installed distribution satisfies a requirement, and is left alone."""

    name: str
    version: str


class WheelAdded(NamedTuple):
    """A wheel of this session. `size` is that of the wheel file, 0 if unknown. `cached`: it is in the store.

    `fetch`: it will be downloaded. A wheel that is found in the store later, because another session has put it there
    or the server says that it has not changed, is announced again, as `cached`. `files` are in it, with `unpacked`
    bytes in all; 0 if that is not known yet. `source`: what it has to be built from first; then `file` is the name of
    that, and `version` may be "".
    """

    wheel: str
    version: str
    file: str
    size: int
    cached: bool
    fetch: bool = False
    files: int = 0
    unpacked: int = 0
    source: str = ""


class FetchStarted(NamedTuple):
    """A download begins; `done` bytes of `size` are there: `ahead` of them were fetched while uv decided, the others in
    an earlier attempt. `worker` does it, from 1.
    """

    wheel: str
    done: int
    size: int
    worker: int = 0
    ahead: int = 0


class FetchProgress(NamedTuple):
    """Bytes so far; at most about ten such events a second for each wheel."""

    wheel: str
    done: int
    size: int


class FetchStalled(NamedTuple):
    """`host` has sent nothing for `seconds`. Another such event follows when the silence has lasted twice as long.

    `connecting`: there is no connection yet. Its address, a proxy or TLS may be what takes so long.
    """

    wheel: str
    host: str
    seconds: float
    connecting: bool = False


class FetchRetried(NamedTuple):
    """An attempt failed and another follows, after `wait` seconds."""

    wheel: str
    attempt: int
    reason: str
    wait: float = 0.0


class FetchFinished(NamedTuple):
    """The wheel file is here and its hash is right. `files` and `unpacked` as in `wheel.added`: what it says itself."""

    wheel: str
    size: int
    files: int = 0
    unpacked: int = 0


class BuildStarted(NamedTuple):
    """The wheel is being built from `source`: a directory, an archive, or a repository. `worker` does it, from 1.

    `log` is the absolute path of the file with what the build prints, "" if there is none. `editable`: the wheel
    will lead to the source tree.
    """

    wheel: str
    source: str
    log: str
    editable: bool
    worker: int = 0


class BuildProgress(NamedTuple):
    """The last line that the build has printed; at most a few such events a second for each wheel."""

    wheel: str
    line: str


class BuildFinished(NamedTuple):
    """The wheel is built: `file` is the name of the wheel file, which has `size` bytes."""

    wheel: str
    file: str
    size: int


class UnpackStarted(NamedTuple):
    """The archive is sound; `size` is the sum of its uncompressed files. `worker` unpacks it, from 1."""

    wheel: str
    files: int
    size: int
    worker: int = 0


class UnpackProgress(NamedTuple):
    """Uncompressed bytes so far; `files` are complete."""

    wheel: str
    done: int
    size: int
    files: int = 0


class UnpackFinished(NamedTuple):
    """All files are in the store and match RECORD."""

    wheel: str
    files: int
    size: int


class CompileStarted(NamedTuple):
    """Byte code is to be made of `files` modules in `wheels`, by `workers`; the store has that of `cached` others."""

    files: int
    wheels: int
    cached: int
    workers: int


class CompileProgress(NamedTuple):
    """Modules so far; `failed` of them are no program for this Python, so they have no byte code."""

    done: int
    files: int
    failed: int


class CompileFailed(NamedTuple):
    """The module at `path` in the wheel has no byte code, which stops nothing: Python says why when it is imported."""

    wheel: str
    path: str
    error: str


class CompileFinished(NamedTuple):
    """All byte code is there. The numbers are those of `compile.started` and `compile.progress`."""

    files: int
    failed: int
    cached: int


class PlanWheel(NamedTuple):
    """What one wheel will do: `exclusive` and `shared` are its claims (modes X and IX), `replaces` an old version.

    In `exclusive`, a directory ends in "/"; elsewhere the same path stands without it. `shared` are all directories.
    """

    wheel: str
    order: int
    files: int
    renames: int
    exclusive: list[str]
    shared: list[str]
    replaces: str


class PlanCollision(NamedTuple):
    """These wheels, in plan order, will take turns at `path`."""

    path: str
    wheels: list[str]


class PlanConflict(NamedTuple):
    """Different content for one path, known before the first write: `last` will replace `first` (owners).

    `refused`: it would, but nothing is written, because of the conflict or because this is a dry run.
    """

    path: str
    first: str
    last: str
    refused: bool = False


class PlanFinished(NamedTuple):
    """The plan is complete; nothing has been written into the environment yet."""

    wheels: int
    files: int
    collisions: int
    conflicts: int


class StageStarted(NamedTuple):
    """The wheel's files are being linked into the session's private stage. `worker` begins with it, from 1.

    A helper may start on the first wheels before the plan is finished; their events are written when the stage begins.
    """

    wheel: str
    files: int
    worker: int = 0


class StageProgress(NamedTuple):
    """Files staged so far."""

    wheel: str
    done: int
    files: int


class StageFinished(NamedTuple):
    """The wheel is complete in the stage. `copied`: its files were copied from the store, not linked.

    That takes longer. It is so if it was asked for, or where links are impossible, as from another file system.
    """

    wheel: str
    copied: bool = False


class SyncStarted(NamedTuple):
    """The session waits for the disk, so that a power cut tears nothing. `what`: "store", "stage" or "environment"."""

    what: str


class SyncFinished(NamedTuple):
    """All that was written by then is on the disk."""

    what: str
    seconds: float


class EnvironmentWaiting(NamedTuple):
    """The environment's lock (uv's `.lock`) is held by others."""

    path: str
    holders: list[Holder]


class EnvironmentGranted(NamedTuple):
    """The environment's lock is held, shared."""

    path: str
    waited: float


class EnvironmentReleased(NamedTuple):
    """The environment's lock was released."""

    path: str
    held: float


class LockRequested(NamedTuple):
    """The wheel is ready and asks for its whole claim set."""

    wheel: str


class LockWaiting(NamedTuple):
    """The wheel cannot have `path` in `mode` ("X", "IX") now, because of `holders`."""

    wheel: str
    path: str
    mode: str
    holders: list[Holder]


class LockGranted(NamedTuple):
    """The wheel holds its whole claim set. `whole`: by a claim of its session on the whole environment, in mode X."""

    wheel: str
    waited: float
    whole: bool = False


class LockReleased(NamedTuple):
    """The wheel released all its claims, which it had `held` for so many seconds.

    Of these it took `check` to look again at what the plan had read, `record` to write down what will be done, `rename`
    to do it, and `sync` to wait for the disk before the record goes. A group checks and records before its wheels hold
    anything: see `group.finished`, or here if the group has one wheel only.
    """

    wheel: str
    held: float
    check: float = 0.0
    record: float = 0.0
    rename: float = 0.0
    sync: float = 0.0


class CommitStarted(NamedTuple):
    """The wheel's staged trees are being renamed into place. `worker` does it, from 1."""

    wheel: str
    renames: int
    worker: int = 0


class CommitProgress(NamedTuple):
    """Renames so far."""

    wheel: str
    done: int
    renames: int


class GroupFinished(NamedTuple):
    """Wheels of a group, with one claim and one record, were committed; `left` of them were not.

    `why` it ended: "complete", "waiter" (at a claim), "session" (another one appeared), "turn" (of others, at the
    environment's lock), "pause", "stop", "cancel" (of one of its wheels), "change" (somebody who takes no lock has
    changed something where the next one goes) or "failure". Of its `seconds`, `check` and `record` are those of
    `lock.released`, for all wheels together.
    """

    wheels: int
    left: int
    why: str
    seconds: float
    check: float = 0.0
    record: float = 0.0


class Overwrite(NamedTuple):
    """A file was replaced. `old` and `new` are owners. `same`: equal content. `kept`: where the old file is."""

    wheel: str
    path: str
    old: str
    new: str
    same: bool
    kept: str = ""  # "" if it is not kept: equal, or of the wheel's own old version


class Restored(NamedTuple):
    """A file of `owner`, which `wheel` had overwritten, is back, because `wheel` gave up its own."""

    wheel: str
    path: str
    owner: str


class DistributionRemoved(NamedTuple):
    """A distribution, or the old version of one, is gone; its RECORD listed `files` files."""

    wheel: str
    version: str
    files: int


class CommitFinished(NamedTuple):
    """The wheel is installed: its `.dist-info` directory is in place, and its RECORD lists `files` files."""

    wheel: str
    files: int


class CleanProgress(NamedTuple):
    """Of `trees` that were in the stage when its removal began, `left` are there; at most ten such events a second."""

    left: int
    trees: int


class RecoveryStarted(NamedTuple):
    """A dead session had begun to change this distribution. Under its claims, that is being settled."""

    wheel: str
    version: str
    session: str


class RecoveryFinished(NamedTuple):
    """That is settled. `outcome`: "completed", "undone", or "withdrawn" if another installer has installed it since.

    `left`: paths that others have changed since; they were not touched.
    """

    wheel: str
    version: str
    session: str
    outcome: str
    left: list[str]


class WheelFailed(NamedTuple):
    """The wheel could not be installed; what it had begun was undone."""

    wheel: str
    error: str


class WheelCancelled(NamedTuple):
    """Somebody asked to leave this wheel out before its commit began: its distribution stays as it was before."""

    wheel: str


class WheelDropped(NamedTuple):
    """The wheel is not to be installed any more, as others have meanwhile installed what satisfies in its place."""

    wheel: str


class Warned(NamedTuple):
    """Something that the user should know, but that stops nothing. `wheel` may be ""."""

    wheel: str
    text: str


class SessionFinished(NamedTuple):
    """The last event of a session that was not killed."""

    exit: int
    error: str
    installed: int
    seconds: float


Event = (
    SessionStarted
    | Caption
    | SessionPaused
    | SessionResumed
    | SessionHalted
    | CancelRequested
    | WorkersChanged
    | SpanStarted
    | SpanFinished
    | LoadSampled
    | WaitStarted
    | WaitFinished
    | ResolveStarted
    | ResolveProgress
    | ResolveFinished
    | RequirementSatisfied
    | WheelAdded
    | FetchStarted
    | FetchProgress
    | FetchStalled
    | FetchRetried
    | FetchFinished
    | BuildStarted
    | BuildProgress
    | BuildFinished
    | UnpackStarted
    | UnpackProgress
    | UnpackFinished
    | CompileStarted
    | CompileProgress
    | CompileFailed
    | CompileFinished
    | PlanWheel
    | PlanCollision
    | PlanConflict
    | PlanFinished
    | StageStarted
    | StageProgress
    | StageFinished
    | SyncStarted
    | SyncFinished
    | EnvironmentWaiting
    | EnvironmentGranted
    | EnvironmentReleased
    | LockRequested
    | LockWaiting
    | LockGranted
    | LockReleased
    | CommitStarted
    | CommitProgress
    | GroupFinished
    | Overwrite
    | Restored
    | RecoveryStarted
    | RecoveryFinished
    | DistributionRemoved
    | CommitFinished
    | CleanProgress
    | WheelFailed
    | WheelCancelled
    | WheelDropped
    | Warned
    | SessionFinished
)

KINDS: dict[str, type[Event]] = {
    "session.started": SessionStarted,
    "caption": Caption,
    "session.paused": SessionPaused,
    "session.resumed": SessionResumed,
    "session.halted": SessionHalted,
    "cancel.requested": CancelRequested,
    "workers.changed": WorkersChanged,
    "span.started": SpanStarted,
    "span.finished": SpanFinished,
    "load.sampled": LoadSampled,
    "wait.started": WaitStarted,
    "wait.finished": WaitFinished,
    "resolve.started": ResolveStarted,
    "resolve.progress": ResolveProgress,
    "resolve.finished": ResolveFinished,
    "requirement.satisfied": RequirementSatisfied,
    "wheel.added": WheelAdded,
    "fetch.started": FetchStarted,
    "fetch.progress": FetchProgress,
    "fetch.stalled": FetchStalled,
    "fetch.retried": FetchRetried,
    "fetch.finished": FetchFinished,
    "build.started": BuildStarted,
    "build.progress": BuildProgress,
    "build.finished": BuildFinished,
    "unpack.started": UnpackStarted,
    "unpack.progress": UnpackProgress,
    "unpack.finished": UnpackFinished,
    "compile.started": CompileStarted,
    "compile.progress": CompileProgress,
    "compile.failed": CompileFailed,
    "compile.finished": CompileFinished,
    "plan.wheel": PlanWheel,
    "plan.collision": PlanCollision,
    "plan.conflict": PlanConflict,
    "plan.finished": PlanFinished,
    "stage.started": StageStarted,
    "stage.progress": StageProgress,
    "stage.finished": StageFinished,
    "sync.started": SyncStarted,
    "sync.finished": SyncFinished,
    "environment.waiting": EnvironmentWaiting,
    "environment.granted": EnvironmentGranted,
    "environment.released": EnvironmentReleased,
    "lock.requested": LockRequested,
    "lock.waiting": LockWaiting,
    "lock.granted": LockGranted,
    "lock.released": LockReleased,
    "commit.started": CommitStarted,
    "commit.progress": CommitProgress,
    "group.finished": GroupFinished,
    "overwrite": Overwrite,
    "restored": Restored,
    "recovery.started": RecoveryStarted,
    "recovery.finished": RecoveryFinished,
    "distribution.removed": DistributionRemoved,
    "commit.finished": CommitFinished,
    "clean.progress": CleanProgress,
    "wheel.failed": WheelFailed,
    "wheel.cancelled": WheelCancelled,
    "wheel.dropped": WheelDropped,
    "warned": Warned,
    "session.finished": SessionFinished,
}
NAMES: dict[type[Any], str] = {cls: kind for kind, cls in KINDS.items()}
"""The kinds in the journal, by class."""


def kind_of(event: Event) -> str:
    """The kind of `event` in the journal, for example `lock.granted`."""
    return NAMES[type(event)]


def table() -> list[tuple[str, str, str]]:
    """The kind, fields with types, and meaning of every event, for the documentation."""
    rows = []
    for kind, cls in KINDS.items():
        hints = get_type_hints(cls)
        fields = ", ".join(f"{name}: {_type_name(hints[name])}" for name in cls._fields)
        rows.append((kind, fields, " ".join((cls.__doc__ or "").split())))
    return rows


def _type_name(hint: Any) -> str:
    name = getattr(hint, "__name__", str(hint))
    return "str" if name == "Literal" else name


def markdown() -> str:
    """`table` as in engine/README.md."""
    lines = ["| event | fields | meaning |", "|---|---|---|"]
    for kind, fields, meaning in table():
        names = ", ".join(f"`{field}`" for field in fields.split(", ") if field)
        lines.append(f"| `{kind}` | {names} | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
