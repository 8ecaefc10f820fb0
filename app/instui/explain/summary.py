"""The summary: what plain output says at the end of a session."""

from collections import Counter
from collections.abc import Iterable, Sequence

from instui.monitor.model import CANCELLED, RUNNING, Phase, Snapshot, Wait, WheelState
from instui.monitor.names import holder_names, listed, path_name, started, wait_target
from instui.monitor.recoveries import OUTCOMES
from instui.monitor.spans import SessionWait
from instui.monitor.units import count, number, seconds
from instui_engine.errors import ROOM, printable
from instui_engine.journal.events import Holder

from .where_time_went import where_time_went

NAMES_LISTED = 50
PAIRS_LISTED = 3
FAILURES_LISTED = 10
COLLISIONS_LISTED = 10
HOLDERS_LISTED = 2
SLOW_SECONDS = 1.0  # seconds of a phase of one wheel that is worth naming
WAIT_SECONDS = 0.1  # seconds of waiting, summed over the wheels, that are worth a line; turns take less

_IMPORTANT = ("failed: ", "not ", "waited ")  # how lines begin that a screen shows before the others


def summary(
    snapshot: Snapshot,
    *,
    quiet: bool = False,
    names: bool = True,
    turns: bool = True,
    verbose: bool = False,
    told: bool = False,
) -> list[str]:
    """The closing lines; with `quiet`, only those of a session that failed, with `verbose` always where the time went.

    Without `names` and `turns`, the distributions of a dry run and their collisions are not named: they are in sight
    already. With `told`, wheels that failed or were cancelled are not, as each had its line when it happened.
    """
    well = snapshot.finished is not None and snapshot.finished.exit == 0
    if well and quiet:
        return []
    lines = _head(snapshot, well)
    if not lines:
        return _recovered(snapshot)  # nothing else happened; the error says why
    if not well:
        lines += _what_is_installed(snapshot, told)
    if snapshot.planned_only:
        return [*lines, *_foreseen(snapshot, names, turns)]
    if not quiet:
        lines += [*_recovered(snapshot), *_before(snapshot), *_restored(snapshot)]
        where = where_time_went(snapshot, asked=verbose)
        lines += [*(where or _waits(snapshot)), *_overwrites(snapshot), *([] if where else _slowest(snapshot))]
    return lines


def ending(snapshot: Snapshot) -> list[str]:
    """How the session ended, for a screen, which has not said before what failed: the error comes first."""
    finished = snapshot.finished
    if finished is None or finished.exit == 0:
        return [line.strip() for line in summary(snapshot, names=False)]
    lines = [printable(finished.error) or f"failed with exit code {finished.exit}"]
    body = [line.strip() for line in summary(snapshot, names=False)]
    if not _head(snapshot, well=False):
        left = [line.strip() for line in (*_what_is_installed(snapshot), *_waits(snapshot))]
        body = [f"nothing was {snapshot.done}, after {seconds(snapshot.wall)}", *left, *body]
    said = [line for line in body if not _is_said(line, lines[0])]
    return [*lines, *said[:1], *sorted(said[1:], key=lambda line: not line.startswith(_IMPORTANT))]


def _is_said(line: str, error: str) -> bool:
    """Whether a line about a failed wheel repeats the error of the session. A full disk stops all wheels at work."""
    is_same = line.endswith(error.removeprefix("failed: ")) or (ROOM in line and ROOM in error)
    return line.startswith("failed: ") and is_same


def _head(snapshot: Snapshot, well: bool) -> list[str]:
    totals, finished = snapshot.totals, snapshot.finished
    took = seconds(snapshot.wall)
    if snapshot.removes:
        return _removed(snapshot, well, took)
    wheels = [wheel for wheel in _known(snapshot) if not wheel.removal]
    every = count(totals.removing, "distribution")
    installed = sum(wheel.phase is Phase.DONE for wheel in wheels)
    if finished is None:
        of = f"{number(installed)} of {count(len(wheels), 'wheel')}"
        removed = f", {number(totals.removed)} of {every} removed" if totals.removing else ""
        return [f"the session ended abruptly after {took}: {of} installed{removed}"]
    if well and not wheels:
        return [_nothing_to_do(snapshot)]
    if snapshot.planned_only:
        known = [wheel for wheel in wheels if wheel.cached]
        files = f", {count(_files(known), 'file')}" if len(known) == len(wheels) else ""
        goes = sum(wheel.files for wheel in snapshot.wheels if wheel.removal)
        removed = f", and remove {every}, {count(goes, 'file')}" if totals.removing else ""
        none = "changed nothing" if totals.removing else "installed none"
        return [f"would install {count(len(wheels), 'wheel')}{files}{removed} (planned in {took}); {none}"]
    if not installed and snapshot.is_list:
        there = f", {number(totals.satisfied)} are there" if totals.satisfied else ""
        return [f"installed nothing{there}, in {took}"]
    parts = []
    if installed:
        of = "" if installed == len(wheels) else f"{number(installed)} of "
        parts.append(f"installed {of}{count(len(wheels), 'wheel')}, {count(totals.files, 'file')}")
    if totals.removed:
        of = "" if totals.removed == totals.removing else f"{number(totals.removed)} of "
        parts.append(f"removed {of}{every}, {count(totals.removed_files, 'file')}")
    return [f"{', and '.join(parts)} in {took}"] if parts else []


def _removed(snapshot: Snapshot, well: bool, took: str) -> list[str]:
    """The first line for a session that uninstalls."""
    totals = snapshot.totals
    every = count(totals.removing, "distribution")
    if snapshot.finished is None:
        return [f"the session ended abruptly after {took}: {number(totals.removed)} of {every} removed"]
    if well and not totals.removing:
        return ["nothing to remove"]
    if snapshot.planned_only:
        files = count(_files(snapshot.wheels), "file")
        return [f"would remove {every}, {files} (planned in {took}); removed none"]
    if not totals.removed:
        return []
    of = "" if totals.removed == totals.removing else f"{number(totals.removed)} of "
    return [f"removed {of}{every}, {count(totals.removed_files, 'file')} in {took}"]


def _foreseen(snapshot: Snapshot, names: bool, turns: bool) -> list[str]:
    """What a dry run has found out: each distribution, and who would meet whom."""
    if snapshot.removes:
        return [f"  {printable(w.label)}, {count(w.files, 'file')}" for w in snapshot.wheels if names and w.version]
    known = (wheel for wheel in snapshot.wheels if wheel.version or wheel.build)
    planned = sorted(known, key=lambda wheel: wheel.order)
    wheels = [wheel for wheel in planned if not wheel.removal]
    lines = [
        f"  {printable(w.label)} (to be removed, {count(w.files, 'file')})" for w in planned if names and w.removal
    ]
    lines += [f"  {printable(wheel.label)}{_built(wheel)}{_replaces(wheel)}" for wheel in wheels if names]
    if snapshot.satisfied or snapshot.totals.satisfied:
        lines.append(f"  already installed: {_satisfied(snapshot)}")
    shared = [lock for lock in snapshot.locks if turns and lock.collision]
    for lock in shared[:COLLISIONS_LISTED]:
        wheels_here = ", ".join(printable(_label(snapshot, key)) for key in lock.collision)
        lines.append(f"  {wheels_here} would take turns at {path_name(lock.path, snapshot.session)}")
    if len(shared) > COLLISIONS_LISTED:
        lines.append(f"  turns would be taken at {number(len(shared) - COLLISIONS_LISTED)} more paths")
    unknown = sum(not wheel.cached and not wheel.build for wheel in wheels)
    if unknown:
        are, their = ("is", "its") if unknown == 1 else ("are", "their")
        lines.append(f"  {count(unknown, 'wheel')} {are} not in the cache: {their} files are not known")
    return lines


def _built(wheel: WheelState) -> str:
    return f", to be built from {printable(wheel.build.source)}" if wheel.build else ""


def _replaces(wheel: WheelState) -> str:
    if wheel.replaces and wheel.replaces == wheel.version:
        return " (again)"
    return f" (replaces {printable(wheel.replaces)})" if wheel.replaces else ""


def _recovered(snapshot: Snapshot) -> list[str]:
    lines = []
    for row in snapshot.recoveries[:FAILURES_LISTED]:
        left = f"; {count(len(row.left), 'file')} left as found" if row.left else ""
        outcome = OUTCOMES.get(row.outcome, printable(row.outcome))
        lines.append(f"  recovered: {printable(row.label)} of a killed session {outcome}{left}")
    if len(snapshot.recoveries) > FAILURES_LISTED:
        lines.append(f"  recovered: {number(len(snapshot.recoveries) - FAILURES_LISTED)} more")
    return lines


def _restored(snapshot: Snapshot) -> list[str]:
    """The line about the owners whose files are back."""
    owners = Counter(row.owner for row in snapshot.restored).most_common()
    lines = [
        f"  restored: {count(files, 'file')} of {printable(owner) or 'no distribution'}"
        for owner, files in owners[:PAIRS_LISTED]
    ]
    if more := owners[PAIRS_LISTED:]:
        files = count(sum(number for _, number in more), "file")
        lines.append(f"  restored: {files} of {count(len(more), 'more distribution')}")
    return lines


def _nothing_to_do(snapshot: Snapshot) -> str:
    if not snapshot.satisfied:
        return "nothing to install"
    return f"already installed: {_satisfied(snapshot)}; nothing to do"


def _satisfied(snapshot: Snapshot) -> str:
    """What is installed already: by name what was asked for, by number the rest."""
    asked = [f"{printable(name)} {printable(version)}" for name, version in snapshot.satisfied]
    others = snapshot.totals.satisfied - len(asked)
    if not asked:
        return count(others, "dependency", "dependencies")
    more = f" (and {count(others, 'dependency', 'dependencies')})" if others > 0 else ""
    return f"{listed(asked, NAMES_LISTED)}{more}"


def _known(snapshot: Snapshot) -> list[WheelState]:
    """The wheels of which more than a name is known, without those that were dropped."""
    return [wheel for wheel in snapshot.wheels if (wheel.version or wheel.build) and not wheel.is_dropped]


def _files(wheels: Iterable[WheelState]) -> int:
    return sum(wheel.files for wheel in wheels)


def _what_is_installed(snapshot: Snapshot, told: bool = False) -> list[str]:
    wheels = _known(snapshot)
    done = sum(wheel.phase is Phase.DONE for wheel in wheels)
    lines = []
    if done and done < len(wheels) and not snapshot.is_list:  # of a list, each line that failed is named
        for word in ("removed", "installed"):
            of_kind = [wheel for wheel in wheels if wheel.removal == (word == "removed")]
            if whole := [wheel for wheel in of_kind if wheel.phase is Phase.DONE]:
                lines.append(f"  {word}: {_labels(whole)}")
            for state in (*(() if told else (CANCELLED,)), Phase.STOPPED.value, Phase.UNBEGUN.value):
                if left := [wheel for wheel in of_kind if wheel.word == state]:
                    lines.append(f"  not {word} ({state}): {_labels(left)}")
    return [*lines, *_failures(snapshot, told)]


def _failures(snapshot: Snapshot, told: bool) -> list[str]:
    """A line for each wheel that failed, unless it was told; of a list, one for all that a full disk stopped."""
    failed = [wheel for key in snapshot.failed if (wheel := snapshot.wheel(key))]
    full = [wheel for wheel in failed if ROOM in wheel.error] if snapshot.is_list else []
    end = snapshot.finished
    is_told = end is not None and any(wheel.error == end.error for wheel in full)  # as the error of the session
    alike = full if is_told else full[1:]
    named = {wheel.key for wheel in alike}
    failed = [wheel for wheel in failed if wheel.key not in named and (not told or wheel in full)]
    listed_here = len(failed) if snapshot.is_list else FAILURES_LISTED
    lines = [f"  failed: {printable(w.label)}: {printable(w.error)}" for w in failed[:listed_here]]
    if len(failed) > listed_here:
        lines.append(f"  failed: {count(len(failed) - listed_here, 'more wheel')}")
    if alike and not is_told:
        lines.append(f"  failed, as the disk was full: {_labels(alike)}")
    return lines


def _labels(wheels: Iterable[WheelState]) -> str:
    return listed((printable(wheel.label) for wheel in wheels), NAMES_LISTED)


def _before(snapshot: Snapshot) -> list[str]:
    totals = snapshot.totals
    parts = []
    if totals.satisfied and any(wheel.version for wheel in _known(snapshot)):
        parts.append(f"already installed: {number(totals.satisfied)}")
    if totals.reinstalled:
        parts.append(f"installed again: {number(totals.reinstalled)}{_doubled(snapshot)}")
    if totals.replaced and any(wheel.version for wheel in _known(snapshot)):
        parts.append(f"replaced: {count(totals.replaced, 'old version')}")
    return [f"  {' · '.join(parts)}"] if parts else []


def _doubled(snapshot: Snapshot) -> str:
    """Who had installed the same versions while the session was at work; "" if nobody did."""
    doubled = {wheel.key for wheel in snapshot.wheels if wheel.doubled and wheel.phase is Phase.DONE}
    if not doubled:
        return ""
    held = (one for wait in snapshot.waits if wait.wheel in doubled for one in wait.holders if one.wheel == wait.wheel)
    who = dict.fromkeys(f"session {printable(one.session)} (pid {one.pid})" for one in held if one.session)
    names = listed(who, HOLDERS_LISTED) or "somebody else"
    some = "" if len(doubled) == snapshot.totals.reinstalled else f" {number(len(doubled))}"
    return f",{' of' if some else ''} which {names} had just installed{some}"


def _waits(snapshot: Snapshot) -> list[str]:
    lines = _session_waits(snapshot)
    longest: Wait | None = max(snapshot.waits, key=lambda wait: wait.seconds, default=None)
    if longest and snapshot.totals.lock_wait >= WAIT_SECONDS:
        wheels = len({wait.wheel for wait in snapshot.waits})
        together = f", {count(wheels, 'wheel')} together" if wheels > 1 else ""
        what = f"{seconds(snapshot.totals.lock_wait)}{together} (longest: {_wait(longest, snapshot)})"
        lines.append(f"  waited for locks: {what}")
    return lines


def _session_waits(snapshot: Snapshot) -> list[str]:
    """The waits that are not for claims, by what they were for, with their holders, those of the longest first."""
    kinds: dict[str, list[SessionWait]] = {}
    environment = snapshot.environment
    if environment and environment.waited:  # a short wait has no event of its own, so its holder is not known
        kinds["environment"] = [SessionWait("environment", "", environment.path, (), 0.0, 0.0)]
    for wait in snapshot.session_waits:
        kinds.setdefault(wait.what, []).append(wait)
    lines = []
    for what, waits in kinds.items():
        took = sum(_length(wait, snapshot) for wait in waits)
        if what == "environment" and environment and not snapshot.sessions:
            took = environment.waited_until(snapshot.t)  # as the engine has measured it
        waits.sort(key=lambda wait: -_length(wait, snapshot))
        if took >= WAIT_SECONDS:
            wheel = f" ({printable(_label(snapshot, waits[0].wheel))})" if waits[0].wheel else ""
            lines.append(f"  waited for {wait_target(what)}{wheel}: {seconds(took)}{_by_holder(waits, snapshot)}")
    return lines


def _length(wait: SessionWait, snapshot: Snapshot) -> float:
    return (snapshot.t if wait.end is None else wait.end) - wait.begin


def _by_holder(waits: Sequence[SessionWait], snapshot: Snapshot) -> str:
    """Who was in the way, the longest wait being the first; for how long each, if there were several."""
    took: dict[str, float] = {}
    for wait in waits:
        if names := holder_names(wait.holders, snapshot.session, lambda key: _label(snapshot, key), most=1):
            took[names] = took.get(names, 0.0) + _length(wait, snapshot)
    took = {names: length for names, length in took.items() if length >= WAIT_SECONDS}
    if len(took) < 2:
        return _held(waits[0].holders, snapshot)
    longest = sorted(took.items(), key=lambda one: -one[1])
    return f", held {listed((f'by {names} for {seconds(length)}' for names, length in longest), HOLDERS_LISTED)}"


def _held(holders: Sequence[Holder], snapshot: Snapshot) -> str:
    """Who was in the way, in full: `, held by pid 1 (flock ...), asleep, started 1.0 s before this session`."""
    names = holder_names(holders, snapshot.session, lambda key: _label(snapshot, key), most=1)
    if not names:
        return ""
    began = started(holders[0], snapshot.session) if len(holders) == 1 else ""
    return f", held by {names}{', ' if began else ''}{began}"


def _wait(wait: Wait, snapshot: Snapshot) -> str:
    holders = holder_names(wait.holders, snapshot.session, lambda key: _label(snapshot, key), most=1)
    held = f", at first held by {holders}" if holders else ""
    what = path_name(wait.path, snapshot.session)
    return f"{printable(_label(snapshot, wait.wheel))} on {what}, {seconds(wait.seconds)}{held}"


def _label(snapshot: Snapshot, key: str) -> str:
    wheel = snapshot.wheel(key)
    return wheel.label if wheel else key


def _overwrites(snapshot: Snapshot) -> list[str]:
    # Neither equal content nor a new version over its own old one is worth reporting.
    pairs = [pair for pair in snapshot.pairs if pair.different and pair.old.split(" ")[0] != pair.new.split(" ")[0]]
    pairs.sort(key=lambda pair: -pair.different)
    lines = [
        f"  overwrote: {count(pair.different, 'file')} of {printable(pair.old) or 'no distribution'} "
        f"by {printable(pair.new)} (different content)"
        for pair in pairs[:PAIRS_LISTED]
    ]
    if more := pairs[PAIRS_LISTED:]:
        files = count(sum(pair.different for pair in more), "file")
        lines.append(f"  overwrote: {files} of {count(len(more), 'more pair')}")
    return lines


def _slowest(snapshot: Snapshot) -> list[str]:
    slowest, longest = None, SLOW_SECONDS
    for wheel in snapshot.wheels:
        for span in wheel.spans:
            if span.phase in RUNNING and span.end - span.begin >= longest:
                slowest, longest = (wheel, span), span.end - span.begin
    if slowest is None:
        return []
    wheel, span = slowest
    return [f"  slowest: {printable(wheel.label)} ({span.phase.value} {seconds(longest)})"]
