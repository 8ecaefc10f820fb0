"""What a session as a whole does and waits for, in values: parts of its work, waits, pauses, and what it uses."""

from instui_engine.journal.events import Holder, SpanName, WaitKind
from instui_engine.values import NamedTuple


class SessionSpan(NamedTuple):
    """A part of the session's work; `end` is None while it lasts. What it has used: see `events.SpanFinished`."""

    name: SpanName
    begin: float
    end: float | None = None
    cpu: float = 0.0
    stalled: float = -1.0
    system: float = -1.0
    idle: float = -1.0


class Compiling(NamedTuple):
    """Modules whose byte code is to be made, and was; those that are no program; and those whose is in the store.

    Chunks of a list are added up: `before` has the first three of those that are over.
    """

    files: int = 0
    done: int = 0
    failed: int = 0
    cached: int = 0
    before: tuple[int, int, int] = (0, 0, 0)

    def begun(self, files: int, cached: int) -> "Compiling":
        """Another chunk begins, with so many modules."""
        before = self.files, self.done, self.failed
        return Compiling(self.files + files, self.done, self.failed, self.cached + cached, before)

    def reached(self, done: int, failed: int) -> "Compiling":
        """So many modules of the present chunk are done."""
        _, done_before, failed_before = self.before
        return self._replace(done=done_before + done, failed=failed_before + failed)


class Sync(NamedTuple):
    """A wait for the disk; `end` is None while it lasts. `what`: see `events.SyncStarted`."""

    what: str
    begin: float
    end: float | None = None


class Pause(NamedTuple):
    """The session was asked to pause at `begin`, and to go on at `end`; None while it rests."""

    begin: float
    end: float | None = None


class Halt(NamedTuple):
    """The process of the session stood still from `begin` to `end`; None while it does.

    `slept`: for how long the machine slept meanwhile, which is no time of the session.
    """

    begin: float
    end: float | None = None
    slept: float = 0.0


class Doing(NamedTuple):
    """From `begin` on the resolver did that, see `events.ResolveProgress`."""

    begin: float
    doing: str


class Stall(NamedTuple):
    """At `t`, `host` had sent nothing of a wheel for `seconds`, see `events.FetchStalled`."""

    t: float
    wheel: str
    host: str
    seconds: float
    connecting: bool = False


class SessionWait(NamedTuple):
    """A wait that is not for claims; `end` is None while it lasts.

    `what` is "environment" for the environment's lock, else as in `events.WaitStarted`. `holders` are all that were
    named, in the order in which they were.
    """

    what: WaitKind
    wheel: str
    path: str
    holders: tuple[Holder, ...]
    begin: float
    end: float | None = None


class CommitSteps(NamedTuple):
    """Seconds of the steps of commits, see `events.LockReleased`."""

    check: float = 0.0
    record: float = 0.0
    rename: float = 0.0
    sync: float = 0.0


class LoadSample(NamedTuple):
    """What the session has used by `t`, see `events.LoadSampled`.

    `sampled`: `stalled`, without what was added over a time without samples. Nobody knows when in it that was.
    """

    t: float
    cpu: float
    stalled: float
    sampled: float = 0.0
