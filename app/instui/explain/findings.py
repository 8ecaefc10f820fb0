"""What has made a session slow: rules that take the pieces of its attribution, each with a sentence and a remedy.

Every piece belongs to exactly one finding, so the seconds of all findings, with those that nobody knows, are the wall
clock. Rules are asked in turn, the most specific first, for what is left; the last ones take whatever there is of a
kind. A rule may also add what has not held the session up: such a finding has no seconds, and is not critical.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from instui.monitor.model import RUNNING, Phase, Snapshot, Span, WheelState
from instui.monitor.names import short_command
from instui.monitor.units import count, cut_end, seconds
from instui_engine.errors import printable
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .attribution import Attribution, Kind, Piece

MICRO = 1_000_000
_COMMAND_CELLS = 48
_RESTS = 0.5  # seconds of work under --slow that are worth a remark


class Finding(NamedTuple):
    """What took `seconds` of the wall clock, which is this `share` of it, between `begin` and `end`.

    `critical`: it was on the critical path. `text` says what, and `remedy` what helps against it, "" if nothing does;
    both are safe to print. `wheels` are keys.
    """

    kind: str
    seconds: float
    share: float
    critical: bool
    text: str
    remedy: str
    holder: Holder | None
    wheels: tuple[str, ...]
    begin: float
    end: float


class Cause(NamedTuple):
    """What a rule has found: the pieces that it explains, and the rest of a finding.

    `aside`: the period of something that has not held the session up, instead of pieces.
    """

    kind: str
    pieces: Sequence[Piece]
    text: str
    remedy: str = ""
    holder: Holder | None = None
    wheels: tuple[str, ...] = ()
    aside: tuple[float, float] | None = None


class Case(NamedTuple):
    """What the rules look at."""

    snapshot: Snapshot
    attribution: Attribution

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return self.snapshot.over

    @property
    def jobs(self) -> int:
        """The number of workers; 0 if that is unknown."""
        return self.snapshot.session.jobs if self.snapshot.session else 0

    @property
    def cpus(self) -> int:
        """The number of processors, as far as it is known: at least as many as were in use."""
        session = self.snapshot.session
        if session is not None and session.cpus > 0:
            return session.cpus
        used = [
            span.cpu / (span.end - span.begin) for span in self.snapshot.spans if span.end and span.end > span.begin
        ]
        return max(1, round(max(used, default=1.0)))

    @property
    def command(self) -> list[str]:
        """The command line of the session."""
        return self.snapshot.session.command if self.snapshot.session else []

    @property
    def knows_load(self) -> bool:
        """Whether the journal says what processors did, and what it says is about this machine, not about --slow."""
        slowed = self.command[1:2] == ["demo"] or self.is_slow
        return any(span.cpu for span in self.snapshot.spans) and not slowed

    @property
    def is_slow(self) -> bool:
        """Whether --slow was given, to one of several sessions at least."""
        words = " ".join(self.command[1:]).split()
        return any(word == "--slow" or word.startswith("--slow=") for word in words)

    @property
    def place_option(self) -> str:
        """The option that says where wheels come from: --find-links in a session without an index."""
        return "--find-links" if "--no-index" in " ".join(self.command[1:]).split() else "--index-url"

    def rests(self, pieces: Sequence[Piece]) -> str:
        """What is said of work on files that was slowed down to be watched; "" if it was not, or took a moment."""
        is_told = self.is_slow and self.command[1:2] != ["demo"] and self.matters(pieces, _RESTS, 0.1)
        return "--slow was given: it rests between files, to be watched" if is_told else ""

    def lasts(self, pieces: Sequence[Piece]) -> bool:
        """Whether the last of `pieces` is not over."""
        return not self.over and bool(pieces) and pieces[-1].end >= self.attribution.end

    def matters(self, pieces: Sequence[Piece], least: float = 0.1, share: float = 0.02) -> bool:
        """Whether `pieces` are long enough to be worth a finding of their own."""
        took = total(pieces)
        return took >= least and took >= share * self.attribution.wall

    def label(self, key: str) -> str:
        """Name and version of a wheel, safe to print."""
        wheel = self.snapshot.wheel(key)
        return printable(wheel.label if wheel is not None else key)


Rule = Callable[[Case, Sequence[Piece]], Iterator[Cause]]


def total(pieces: Sequence[Piece]) -> float:
    """The seconds of all pieces."""
    return sum(piece.seconds for piece in pieces)


def of(pieces: Sequence[Piece], *kinds: Kind) -> list[Piece]:
    """Those of some kinds."""
    return [piece for piece in pieces if piece.kind in kinds]


def wheels_of(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The wheels of pieces, in the order of their seconds, the longest first."""
    took: dict[str, float] = {}
    for piece in pieces:
        if piece.wheel:
            took[piece.wheel] = took.get(piece.wheel, 0.0) + piece.seconds
    return tuple(sorted(took, key=lambda key: -took[key]))


def micro(t: float) -> int:
    """A time in whole microseconds, as precise as journals are; sums of these are exact."""
    return round(t * MICRO)


def find(case: Case, rules: Sequence[Rule]) -> list[Finding]:
    """The findings of all rules, the longest first. What no rule takes is unexplained, and in none of them."""
    left: Sequence[Piece] = [piece for piece in case.attribution.pieces if piece.kind != "unexplained"]
    found: list[Finding] = []
    for rule in rules:
        taken: set[int] = set()
        for cause in rule(case, left):
            found.append(_finding(case, cause))
            taken.update(map(id, cause.pieces))
        if taken:
            left = [piece for piece in left if id(piece) not in taken]
    return sorted(found, key=lambda finding: -finding.seconds)


def _finding(case: Case, cause: Cause) -> Finding:
    took = sum(micro(piece.end) - micro(piece.begin) for piece in cause.pieces)
    wall = micro(case.attribution.end) - micro(case.attribution.begin)
    begin, end = cause.aside or (
        min(piece.begin for piece in cause.pieces),
        max(piece.end for piece in cause.pieces),
    )
    return Finding(
        cause.kind,
        took / MICRO,
        round(took / wall, 4) if wall else 0.0,
        cause.aside is None,
        cause.text,
        cause.remedy,
        cause.holder,
        cause.wheels,
        begin,
        end,
    )


def who(holder: Holder | None, case: Case) -> str:
    """See `who_is`."""
    return who_is(holder, case.snapshot)


def who_is(holder: Holder | None, snapshot: Snapshot) -> str:
    """A process that is in the way, with what it does: "pid 31817 `flock -x .lock` (asleep; started 1 s before us)"."""
    if holder is None or not (holder.pid or holder.command):
        return "a process that cannot be seen from here"
    command = cut_end(printable(short_command(holder.command)), _COMMAND_CELLS)
    name = f"pid {holder.pid}" if holder.pid else "a process"
    facts = [printable(holder.state)] if holder.state else []
    session = snapshot.session
    is_shown = any(holder.session == one.session or holder.pid == one.pid for one in snapshot.sessions)  # one of us
    if holder.began and session is not None and session.wall and not is_shown:
        before = session.wall - session.ran - holder.began
        when = f"{seconds(abs(before))} {'before' if before >= 0 else 'after'} us" if abs(before) >= 0.02 else "with us"
        facts.append(f"started {when}")
    remark = f" ({'; '.join(facts)})" if facts else ""
    wheel = f"{printable(holder.wheel)} of " if holder.wheel else ""
    return f"{wheel}{name}{f' `{command}`' if command else ''}{remark}"


def common(holders: Iterable[Holder]) -> Holder:
    """What is true of a process that is in the way of several: of its wheels it is named only if it is the same one."""
    first, *others = holders
    return first if all(one.wheel == first.wheel for one in others) else first._replace(wheel="")


def union(periods: Iterable[tuple[float, float]]) -> float:
    """The seconds that at least one of the periods covers."""
    covered, until = 0.0, float("-inf")
    for begin, end in sorted(periods):
        if end > until:
            covered += end - max(begin, until)
            until = end
    return covered


def spans(wheel: WheelState, case: Case | None = None) -> list[Span]:
    """The phases of a wheel; with `case`, also the present one, which a journal with gaps leaves running at the end."""
    spans = list(wheel.spans)
    if case is not None and (not case.over or wheel.phase in RUNNING):
        spans.append(Span(wheel.phase, wheel.since, case.snapshot.t, wheel.worker))
    return spans


def unpacked(case: Case) -> list[WheelState]:
    """The wheels that were unpacked."""
    return [wheel for wheel in case.snapshot.wheels if any(s.phase is Phase.UNPACK for s in spans(wheel, case))]


def named(case: Case, wheels: Sequence[str]) -> str:
    """The first of some wheels, and how many more there are."""
    return (
        case.label(wheels[0])
        if len(wheels) == 1
        else f"{case.label(wheels[0])} and {count(len(wheels) - 1, 'more wheel')}"
    )


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence."""
    *first, last = words or ("",)
    return f"{', '.join(first)} and {last}" if first else last
